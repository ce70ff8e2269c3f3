"""Value types: what their converters read, exactly, and what they refuse, with which reason."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from robot.utils import timestr_to_secs

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.choices import Event, Operator, to_operator
from PhantomLibrary.keywords.converters import CONVERTERS
from PhantomLibrary.keywords.node_names import Names, NodeRef, to_names, to_node_ref, to_nodes, to_sides
from PhantomLibrary.keywords.quantities import to_count, to_drift, to_percent, to_rate, to_seed
from PhantomLibrary.keywords.times import NOW, UNTIL_HEALED, in_seconds, read_time_ns, to_clock_offset, to_virtual_time

S = 1_000_000_000


@pytest.mark.parametrize(
    ("written", "ns"),
    [
        ("5s", 5 * S),
        ("1.5s", 1_500_000_000),
        ("0.1", 100_000_000),
        (0.1, 100_000_000),
        (1e-07, 100),
        (3, 3 * S),
        ("300 ms", 300_000_000),
        ("2 minutes", 120 * S),
        ("1 min 30 s", 90 * S),
        ("1d 2h 3m 4s 5ms 6us 7ns", 93_784 * S + 5_006_007),
        ("00:01:30", 90 * S),
        ("01:30.25", 90_250_000_000),
        ("1 hour", 3600 * S),
        ("1 DAY", 86_400 * S),
        ("250 µs", 250_000),
        ("t=12.400s", 12_400_000_000),
        (timedelta(minutes=1, microseconds=1), 60 * S + 1000),
    ],
)
def test_times_are_read_exactly(written, ns):
    assert to_virtual_time(written).ns == ns


@given(st.sampled_from(["s", "ms", "minutes", "h", "sec", "d", "millisecond"]), st.integers(0, 10**6))
def test_times_mean_what_robot_means(unit, number):
    assert read_time_ns(f"{number} {unit}") == round(timestr_to_secs(f"{number} {unit}", round_to=None) * S)


@given(st.integers(0, 10**15))
def test_times_of_the_log_can_be_given_back(ns):
    assert to_virtual_time(in_seconds(ns)).ns == ns // 1_000_000 * 1_000_000


@pytest.mark.parametrize("word", ["now", "NOW", " now "])
def test_words_are_times_where_they_are_defaults(word):
    assert to_virtual_time(word) == NOW
    assert NOW.or_none(NOW) is None
    with pytest.raises(InvalidInput, match="is no time here"):
        NOW.or_none(UNTIL_HEALED)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("-1s", "negative"),
        ("", "is no time"),
        ("s", "is no time"),
        ("5 5", "is no time"),
        ("1s 2s", "is no time"),
        ("1 s 2", "is no time"),
        ("1.5.5s", "is no time"),
        ("0.5 ns", "finer than a nanosecond"),
        ("5 minuets", r"did you mean minutes\?"),
        ("nan", "is no time"),
        (float("nan"), "is no number"),
        (float("inf"), "is no number"),
        (True, "is no time"),
    ],
)
def test_what_is_no_time_is_refused(written, reason):
    with pytest.raises(InvalidInput, match=reason):
        to_virtual_time(written)


@pytest.mark.parametrize(
    ("written", "ns"), [("-200 ms", -200_000_000), ("- 1.5s", -1_500_000_000), ("+1s", S), (-2, -2 * S)]
)
def test_offsets_of_clocks_may_be_negative(written, ns):
    assert to_clock_offset(written).ns == ns


@pytest.mark.parametrize(
    ("written", "ppm"),
    [("0.1 %", 1000), ("20", 200_000), ("20%", 200_000), (20, 200_000), (0.5, 5000), ("100 %", 10**6)],
)
def test_shares_are_read_exactly(written, ppm):
    assert to_percent(written).ppm == ppm


@pytest.mark.parametrize("written", ["101", "-1", "much", "", "0.00001", True, "1/2"])
def test_what_is_no_share_is_refused(written):
    with pytest.raises(InvalidInput):
        to_percent(written)


def test_shares_of_operations_are_whole():
    assert to_percent("50%").whole == 50
    with pytest.raises(InvalidInput, match="whole per cent"):
        _ = to_percent("0.5").whole


def test_drifts_go_both_ways_up_to_a_half():
    assert (to_drift("-2 %").ppm, to_drift("0.005").ppm) == (-20_000, 50)
    with pytest.raises(InvalidInput, match="-50 % to 50 %"):
        to_drift("51")


@pytest.mark.parametrize(
    ("written", "operations"),
    [("400/s", 400_000), ("400", 400_000), (400, 400_000), ("0.5/s", 500), ("0", 0), ("2 / s", 2000)],
)
def test_rates_of_operations(written, operations):
    assert to_rate(written).operations() == operations
    with pytest.raises(InvalidInput, match="no bandwidth"):
        to_rate(written).bandwidth()


@pytest.mark.parametrize(
    ("written", "in_bytes"), [("2MB/s", 2_000_000), ("1.5 kB/s", 1500), ("100 Mbit/s", 12_500_000), ("1 GB/s", 10**9)]
)
def test_rates_of_data(written, in_bytes):
    assert to_rate(written).bandwidth() == in_bytes
    with pytest.raises(InvalidInput, match="no rate of operations"):
        to_rate(written).operations()


@pytest.mark.parametrize("written", ["-1/s", "5/min", "2MB", "fast", "5 apples/s", "0.0001/s", True])
def test_what_is_no_rate_is_refused(written):
    with pytest.raises(InvalidInput):
        to_rate(written)


@pytest.mark.parametrize("written", ["0", "-1", "1.5", 1.5, "many", "", True, 0])
def test_what_is_no_count_is_refused(written):
    with pytest.raises(InvalidInput):
        to_count(written)


@pytest.mark.parametrize("written", ["seven", "1.5", "-1", 2**63, ""])
def test_what_is_no_seed_is_refused(written):
    with pytest.raises(InvalidInput, match="is no seed"):
        to_seed(written)


def test_seeds_and_counts():
    assert (to_seed("7").number, to_seed(7).number, to_seed("auto").number) == (7, 7, None)
    assert (to_count("3").number, to_count(3).number) == (3, 3)


@pytest.mark.parametrize("written", ["n1", "leader of shard 3", "n1, n2", "random", "minority", "region eu", "any"])
def test_nodes_are_checked_by_their_form(written):
    assert to_node_ref(written) == NodeRef(written)


@pytest.mark.parametrize("written", ["", "leader", "leader of shard x", "n1,,n2", "everybody"])
def test_what_is_no_node_is_refused(written):
    with pytest.raises(InvalidInput):
        to_node_ref(written)


def test_lists_of_nodes_sides_and_names():
    assert to_nodes(["n1", "n2"]).text == "n1, n2"
    assert to_sides("n1,  n2 |  rest").text == "n1, n2 | rest"
    assert to_names("a, b") == to_names(["a", "b"]) == Names(("a", "b"))
    assert to_names("") == to_names([]) == Names()
    with pytest.raises(InvalidInput, match="no partition"):
        to_sides("n1")


def test_words_that_wait_are_told_from_words_that_are_wrong():
    convert = CONVERTERS[Event]
    assert convert("Leader_Elected") == Event("leader elected")
    with pytest.raises(InvalidInput, match="is not available yet"):
        convert("administration finished")
    with pytest.raises(InvalidInput, match=r"did you mean leader elected\?"):
        convert("leader electd")


def test_operators():
    assert to_operator("<=") == Operator("<=")
    assert to_operator("").word == ""
    with pytest.raises(InvalidInput, match="no operator '=<'"):
        to_operator("=<")


def test_value_types_are_no_numbers_or_texts_and_show_what_was_written():
    for kind, convert in CONVERTERS.items():
        assert not issubclass(kind, (str, int, float))
        assert (convert.__doc__ or "").strip()
    assert str(to_virtual_time("1.5 s")) == "1.5 s"
