"""Hybrid clocks and the store of versions: what they promise, and against models that are too simple to be wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.mvcc.versions import VersionedStore, key_bytes

FOREVER = 1 << 62


# --- the clock --------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 50), st.none() | st.integers(0, 60)), max_size=40))
def test_no_two_readings_are_equal_and_each_is_above_all_that_was_seen(events):
    wall = [0]
    clock, highest = HybridClock(lambda: wall[0]), 0
    for wall_ns, observed_ns in events:
        wall[0] = wall_ns  # It may step back.
        if observed_ns is None:
            read_ns = clock.now_ns()
            assert read_ns > highest and read_ns >= wall_ns
            highest = read_ns
        else:
            clock.observe(observed_ns)
            highest = max(highest, observed_ns)


def test_the_clock_is_the_wall_clock_as_long_as_that_is_ahead():
    wall = [100]
    clock = HybridClock(lambda: wall[0])
    assert (clock.now_ns(), clock.now_ns()) == (100, 101)
    clock.observe(90)
    wall[0] = 200
    assert clock.now_ns() == 200


# --- versions ---------------------------------------------------------------------------------------------------------


def filled(*written):
    store = VersionedStore()
    for key, value, at_ns in written:
        store.put(key, value, at_ns=at_ns, horizon_ns=0)
    return store


def test_a_read_at_a_time_sees_the_newest_version_up_to_it():
    store = filled((b"k", b"a", 10), (b"k", None, 20), (b"k", b"c", 30))
    assert [store.at(b"k", at_ns) for at_ns in (9, 10, 19, 20, 29, 30, 99)] == [
        None,
        b"a",
        b"a",
        None,
        None,
        b"c",
        b"c",
    ]
    assert (store.latest(b"k"), store.latest_ns(b"k"), store.latest_promised_ns(b"k")) == (b"c", 30, 30)


def test_what_a_key_never_had_is_nothing():
    store = VersionedStore()
    assert (store.latest(b"k"), store.latest_ns(b"k"), store.at(b"k", 9), store.latest_promised_ns(b"k")) == (
        None,
        0,
        None,
        0,
    )
    assert store.written_between(b"k", 0, FOREVER, FOREVER) == 0


def test_no_version_is_as_old_as_one_before_it():
    store = filled((b"a", b"1", 10), (b"b", b"2", 5), (b"a", b"3", 11))
    assert (store.latest_ns(b"b"), store.latest_ns(b"a"), store.last_timestamp_ns) == (11, 12, 12)


def test_what_was_promised_later_does_not_count_as_written_between():
    store = VersionedStore()
    store.install(b"k", (30, b"early", 10), horizon_ns=0)
    store.install(b"k", (40, b"late", 35), horizon_ns=0)
    assert store.written_between(b"k", 5, 50, FOREVER) == 40
    assert store.written_between(b"k", 5, 50, 34) == 30
    assert store.written_between(b"k", 5, 50, 9) == 0
    assert store.written_between(b"k", 5, 29, FOREVER) == 0
    assert store.written_between(b"k", 40, 50, FOREVER) == 0


def test_keys_are_those_of_the_range_in_order():
    store = filled((b"b", b"", 1), (b"d", b"", 2), (b"a", b"", 3), (b"c", None, 4))
    assert store.keys(b"a", b"c") == [b"a", b"b"]
    assert store.keys(b"b", b"") == [b"b", b"c", b"d"]
    assert store.keys(b"x", b"") == []


@given(
    st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.integers(1, 30), st.integers(0, 25)), max_size=30),
    st.integers(0, 40),
)
@settings(deadline=None)
def test_whoever_reads_no_earlier_than_the_horizon_sees_what_nobody_ever_forgot(puts, at_ns):
    store, kept, last_ns = VersionedStore(), {b"a": [], b"b": []}, 0
    for number, (key, step_ns, horizon_ns) in enumerate(puts):
        last_ns += step_ns
        value = str(number).encode() if number % 5 else None
        store.put(key, value, at_ns=last_ns, horizon_ns=min(horizon_ns, last_ns))
        kept[key].append((last_ns, value))
    at_ns = max(at_ns, store.horizon_ns)
    for key, versions in kept.items():
        assert store.at(key, at_ns) == next((value for when, value in reversed(versions) if when <= at_ns), None)
        assert len(dict(store.items()).get(key, ())) <= len(versions)


def test_garbage_goes_but_never_what_a_reader_at_the_horizon_sees():
    store = filled((b"k", b"a", 10), (b"k", b"b", 20))
    store.put(b"k", b"c", at_ns=30, horizon_ns=25)
    assert [version[1] for version in dict(store.items())[b"k"]] == [b"b", b"c"]
    store.put(b"k", b"d", at_ns=40, horizon_ns=40)
    assert [version[1] for version in dict(store.items())[b"k"]] == [b"d"]
    assert store.horizon_ns == 40


@pytest.mark.parametrize("is_read_in_between", [False, True])
def test_equal_content_has_an_equal_digest_however_it_came_about(is_read_in_between):
    one, other = filled((b"a", b"1", 1), (b"b", b"2", 2), (b"a", b"3", 3)), VersionedStore()
    other.install(b"b", (2, b"2", 2), horizon_ns=0)
    if is_read_in_between:
        other.digest()
    for key, versions in one.items():
        if key != b"b":
            other.load(key, list(versions))
    assert one.digest() == other.digest()
    other.install(b"b", (9, b"2", 8), horizon_ns=0)
    assert one.digest() != other.digest()


def test_bytes_are_those_of_all_keys_and_versions_that_are_kept() -> None:
    store = VersionedStore()
    for number, (key, value) in enumerate(
        [(b"a", b"12345"), (b"bb", None), (b"a", b"1"), (b"a", b"22"), (b"bb", b"x")]
    ):
        store.put(key, value, at_ns=10 * number + 10, horizon_ns=30 if number > 2 else 0)
        assert store.bytes == sum(key_bytes(*each) for each in store.items())
    copy = VersionedStore()
    for key, versions in store.items():
        copy.load(key, versions)
    assert copy.bytes == store.bytes > 0
    assert [len(versions) for _, versions in store.items()] == [2, 2], "the horizon has taken some"
