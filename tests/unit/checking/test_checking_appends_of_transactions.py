"""Histories of transactions on lists: every anomaly is named at the levels that forbid it, and nothing else is."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from PhantomLibrary.checking.history import pair
from PhantomLibrary.checking.transactions.check import check_appends_of, list_anomalies
from PhantomLibrary.checking.transactions.form import Transactions
from PhantomLibrary.checking.transactions.inference import WriteOrders
from PhantomLibrary.checking.transactions.levels import ISOLATIONS, LEVELS, level_of
from PhantomLibrary.checking.transactions.lists import ListHistory
from PhantomLibrary.errors import InvalidInput
from tests.unit.checking.transactional import Engine, operations_of, planted, read_script

UNCOMMITTED, COMMITTED, SNAPSHOT, SERIALIZABLE = "read uncommitted", "read committed", "snapshot", "serializable"

# Name: script, the weakest isolation that forbids it, and all that the strongest finds.
ANOMALIES = {
    "G0": (
        "1 ok: append x 1; append y 1\n2 ok: append x 2; append y 2\n3 ok: r x [1 2]\n4 ok: r y [2 1]",
        UNCOMMITTED,
        {"G0"},
    ),
    "unwritten value": ("1 ok: append x 1\n2 ok: r x [1 2]", UNCOMMITTED, {"unwritten value"}),
    "duplicate element": ("1 ok: append x 1\n2 ok: r x [1 1]", UNCOMMITTED, {"duplicate element"}),
    "incompatible order": (
        "1 ok: append x 1\n2 ok: append x 2\n3 ok: r x [1 2]\n4 ok: r x [2]",
        UNCOMMITTED,
        {"incompatible order"},
    ),
    "incompatible order of own elements": (
        "1 ok: append x 1; append x 2\n2 ok: r x [2 1]",
        UNCOMMITTED,
        {"incompatible order", "G1b"},
    ),
    "G1a": ("1 fail: append x 1\n2 ok: r x [1]", COMMITTED, {"G1a"}),
    "dirty update": ("1 fail: append x 1\n2 ok: append x 2\n3 ok: r x [1 2]", COMMITTED, {"G1a", "dirty update"}),
    "G1b": ("1 ok: append x 1; append x 2\n2 ok: r x [1]", COMMITTED, {"G1b", "G-single"}),
    "own write missed": ("1 ok: append x 1; r x []", COMMITTED, {"own write missed"}),
    "G1c": ("1 ok: append x 1; r y [2]\n2 ok: append y 2; r x [1]", COMMITTED, {"G1c"}),
    "unrepeatable read": (
        "1 ok: r x []; r x [1]\n2 ok: append x 1",
        SNAPSHOT,
        {"unrepeatable read", "G-single"},
    ),
    "lost update": (
        "1 ok: r x []; append x 1\n2 ok: r x []; append x 2\n3 ok: r x [1 2]",
        SNAPSHOT,
        {"lost update", "G-single"},
    ),
    "G-single": (
        "1 ok: append x 1; append y 1\n2 ok: r x [1]; r y []",
        SNAPSHOT,
        {"G-single"},
    ),
    "G-nonadjacent": (
        "1 ok: append x 1\n2 ok: append y 1\n3 ok: r x [1]; r y []\n4 ok: r x []; r y [1]",
        SNAPSHOT,
        {"G-nonadjacent"},
    ),
    "G2-item": (
        "1 ok: r x []; r y []; append x 1\n2 ok: r x []; r y []; append y 1\n3 ok: r x [1]; r y [1]",
        SERIALIZABLE,
        {"G2-item"},
    ),
    "G2-item of three": (
        "1 ok: r x []; append y 1\n2 ok: r y []; append z 1\n3 ok: r z []; append x 1",
        SERIALIZABLE,
        {"G2-item"},
    ),
    "G2-item of a reader": (  # Fekete, O'Neil and O'Neil, "A read-only transaction anomaly" (2004).
        "1 ok: r x []; r y []; append x 1\n2 ok: r y []; append y 2\n3 ok: r x []; r y [2]",
        SERIALIZABLE,
        {"G2-item"},
    ),
}

CODES = {
    "G0": "TXN-001",
    "G1a": "TXN-002",
    "dirty update": "TXN-002",
    "G1b": "TXN-003",
    "G1c": "TXN-004",
    "lost update": "TXN-005",
    "G-single": "TXN-006",
    "G-nonadjacent": "TXN-007",
    "G2-item": "TXN-008",
    "own write missed": "TXN-009",
    "unrepeatable read": "TXN-010",
    "unwritten value": "TXN-011",
    "duplicate element": "TXN-012",
    "incompatible order": "TXN-013",
}


def names(operations, level):
    found, _ = list_anomalies(ListHistory(Transactions(operations)), level_of(level))
    return {anomaly.name for anomaly in found}


@pytest.mark.parametrize("anomaly", ANOMALIES)
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_anomaly_is_found_where_its_level_forbids_it(anomaly, isolation):
    script, weakest, _ = ANOMALIES[anomaly]
    order = list(ISOLATIONS)
    is_forbidden = order.index(isolation) >= order.index(weakest)
    verdict = check_appends_of(operations_of(script), isolation)
    assert verdict.outcome == ("invalid" if is_forbidden else "valid"), verdict
    if is_forbidden and isolation == weakest:
        assert verdict.code == CODES[anomaly.partition(" of ")[0]] or anomaly == "dirty update"
        assert verdict.evidence


@pytest.mark.parametrize("anomaly", ANOMALIES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_exactly_the_planted_anomaly_is_found_in_a_healthy_history(anomaly, seed):
    script, _, expected = ANOMALIES[anomaly]
    chance = random.Random(seed)
    healthy = Engine("append", "serializable", chance).run(20)
    assert names(pair(planted(healthy, script, chance)), SERIALIZABLE) == expected


@pytest.mark.parametrize("anomaly", ANOMALIES)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_planted_anomaly_is_found_among_many_legal_ones(anomaly, seed):
    script, weakest, expected = ANOMALIES[anomaly]
    isolation = {UNCOMMITTED: "read committed", COMMITTED: "read committed"}.get(weakest, "snapshot")
    chance = random.Random(seed)
    legal = Engine("append", isolation, chance).run(40)
    level = weakest if weakest != SERIALIZABLE else "serializable"
    assert names(pair(planted(legal, script, chance)), level) & expected


@pytest.mark.parametrize(
    ("engine", "lag", "level"),
    [
        ("serializable", False, "strict serializable"),
        ("serializable", True, "serializable"),
        ("snapshot", False, "strict snapshot"),
        ("snapshot", True, "snapshot"),
        ("read committed", False, "strict read committed"),
    ],
)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 60))
def test_history_of_a_right_engine_raises_no_alarm(engine, lag, level, seed, count):
    chance = random.Random(seed)
    events = Engine("append", engine, chance, lag=lag).run(count)
    assert check_appends_of(pair(events), level).headline.startswith("valid")


@pytest.mark.parametrize(("engine", "level"), [("snapshot", "serializable"), ("read committed", "snapshot")])
def test_weaker_engines_are_told_from_stronger_ones(engine, level):
    found = [
        check_appends_of(pair(Engine("append", engine, random.Random(seed)).run(60)), level).outcome
        for seed in range(20)
    ]
    assert found.count("invalid") > 10


# --- orders -----------------------------------------------------------------------------------------------------------

ORDERED = {
    "stale read by another": ("1 ok: append x 1\n---\n2 ok: r x []", {"per-key", "strict"}),
    "stale read by itself": ("1 ok: append x 1\n---\n1 ok: r x []", {"session", "per-key", "strict"}),
    "concurrent": ("1 ok: append x 1\n2 ok: r x []", set()),
    "over two keys": (
        "1 ok: append x 1\n---\n2 ok: append y 2\n---\n3 ok: r x [1]\n4 ok: r x []; r y [2]",
        {"per-key", "strict"},
    ),
    "append after append": ("1 ok: append x 1\n---\n2 ok: append x 2\n---\n3 ok: r x [2 1]", {"per-key", "strict"}),
}


@pytest.mark.parametrize("name", ORDERED)
@pytest.mark.parametrize("order", ["", "session", "per-key", "strict"])
def test_order_is_asked_for_by_the_levels_that_promise_it(name, order):
    script, broken = ORDERED[name]
    verdict = check_appends_of(operations_of(script), f"{order} serializable".strip())
    assert verdict.outcome == ("invalid" if order in broken else "valid"), verdict


def test_real_time_over_different_keys_is_for_strict_levels_only():
    script = "1 ok: append x 1\n---\n2 ok: append y 2"
    reader = read_across(script, "9 ok: r x []; r y [2]")
    assert check_appends_of(reader, "per-key serializable").outcome == "valid"
    assert check_appends_of(reader, "session serializable").outcome == "valid"
    assert names(reader, "strict serializable") == {"G-single-realtime"}


def read_across(script, line):
    """Return operations with a transaction that runs all through a script."""
    around = read_script(line)
    inner = read_script(script)
    events = [around[0], *inner, around[1]]
    return pair([replace(event, index=index, time_ns=index) for index, event in enumerate(events)])


def test_names_say_which_order_was_broken():
    stale = "1 ok: append x 1\n---\n1 ok: r x []"
    assert names(operations_of(stale), "session snapshot") == {"G-single-session"}
    assert names(operations_of(stale), "per-key snapshot") == {"G-single-key"}
    assert names(operations_of(stale), "strict snapshot") == {"G-single-realtime"}
    verdict = check_appends_of(operations_of(stale), "session snapshot")
    assert verdict.message == (
        "read skew (G-single), by the order of a session, which session snapshot forbids: "
        "T1 came after T0 in process 1; T1 read x = [] without T0's 1 (rw)"
    )


MESSAGES = {
    "G0": "T1 appended 2 to x after T0's 1 (ww); T0 appended 1 to y after T1's 2 (ww)",
    "unwritten value": "T1 read x = [1 2]; nobody appended 2",
    "duplicate element": "T1 read x = [1 1], with 1 twice",
    "incompatible order": "T3 read x = [2], and T2 read x = [1 2], which does not begin with that",
    "incompatible order of own elements": "T1 read x = [2 1], though T0 had appended 1 before 2",
    "G1a": "T1 read x = [1]; 1 was appended by T0, which had failed",
    "G1b": "T1 read x = [1]; 1 was not the last that T0 appended",
    "own write missed": "T0 read x = [], though it had appended [1]",
    "G1c": "T0 read y = [2], which ends in T1's 2 (wr); T1 read x = [1], which ends in T0's 1 (wr)",
    "unrepeatable read": "T0 read x = [], and then [1]",
    "lost update": "T0 and T1 both read x = [], and both appended to it",
    "G-single": "T1 read y = [] without T0's 1 (rw); T1 read x = [1], which ends in T0's 1 (wr)",
    "G2-item": "T0 read y = [] without T1's 1 (rw); T1 read x = [] without T0's 1 (rw)",
}


@pytest.mark.parametrize("anomaly", MESSAGES)
def test_each_anomaly_is_told_in_words(anomaly):
    verdict = check_appends_of(operations_of(ANOMALIES[anomaly][0]), SERIALIZABLE)
    told = verdict.message.partition("forbids: ")[2].partition(" (also")[0]
    assert set(told.split("; ")) == set(MESSAGES[anomaly].split("; "))


def test_dirty_update_is_told_in_words():
    found, _ = list_anomalies(
        ListHistory(Transactions(operations_of(ANOMALIES["dirty update"][0]))), level_of(SERIALIZABLE)
    )
    (update,) = [anomaly for anomaly in found if anomaly.name == "dirty update"]
    assert update.text == "T1 appended to x on top of 1, by T0, which had failed"
    assert update.blamed == (1, 0)


def test_cycle_through_a_list_with_an_element_twice_is_told():
    script = (
        "1 ok: append x 1; r y [1]\n2 ok: append x 2; append y 1\n3 ok: r x [1 2 1]; r z []\n4 ok: r x [1]; append z 1"
    )
    verdict = check_appends_of(operations_of(script), SERIALIZABLE)
    assert verdict.code == "TXN-012"
    assert "also found: G1c" in verdict.message
    found, _ = list_anomalies(ListHistory(Transactions(operations_of(script))), level_of(SERIALIZABLE))
    (cycle,) = [anomaly for anomaly in found if anomaly.name == "G1c"]
    assert set(cycle.text.split("; ")) == {
        "T1 appended 2 to x after T0's 1 (ww)",
        "T0 read y = [1], which ends in T1's 1 (wr)",
    }


def test_cycle_over_elements_that_nobody_read_is_told():
    script = "1 ok: append x 1; append y 1\n2 ok: append x 2; append y 2\n3 ok: r x [1 2]\n4 ok: r y [2]"
    verdict = check_appends_of(operations_of(script), UNCOMMITTED)
    told = verdict.message.partition("forbids: ")[2]
    assert told == "T1 appended 2 to x after T0's 1 (ww); T0 appended to y after T1's 2 (ww)"


def test_snapshots_that_overlap_may_not_both_append_even_if_nobody_reads_it():
    skew = "1 ok: r a []; append b 1; append x 1\n2 ok: r b []; append a 1; append x 2"
    verdict = check_appends_of(operations_of(skew), SNAPSHOT)
    assert verdict.message == (
        "read skew (G-single), which snapshot forbids: "
        "T0 read a = [] without T1's 1 (rw); T0 appended to x after T1 (ww)"
    )
    assert check_appends_of(operations_of(skew), COMMITTED).outcome == "valid"
    apart = "1 ok: append x 1\n2 ok: append x 2\n3 ok: append x 3; append y 3\n4 ok: append y 4"
    assert check_appends_of(operations_of(apart), SNAPSHOT).outcome == "valid"


def test_orders_of_what_nobody_read_are_completed_before_a_history_is_called_possible(monkeypatch):
    """At snapshot, writes that nobody read stand in some order: one that is possible has to be shown."""
    chosen, choose = [], WriteOrders.choose
    monkeypatch.setattr(WriteOrders, "choose", lambda orders: chosen.append(choose(orders)))
    apart = "1 ok: append x 1\n2 ok: append x 2\n3 ok: append x 3; append y 3\n4 ok: append y 4"
    assert check_appends_of(operations_of(apart), SNAPSHOT).outcome == "valid"
    assert len(chosen) == 1


def test_cycle_in_real_time_names_only_who_came_first_and_who_missed_it():
    between = [f"{number} ok: append k{number} 1" for number in range(2, 30)]
    script = "\n---\n".join(["1 ok: append x 1", *between, "99 ok: r x []", "98 ok: r x [1]"])
    found, _ = list_anomalies(ListHistory(Transactions(operations_of(script))), level_of("strict serializable"))
    assert [(anomaly.name, sorted(anomaly.blamed)) for anomaly in found] == [("G-single-realtime", [0, 29])]


def test_long_cycles_are_told_by_their_beginning():
    ring = [f"{number} ok: r k{number} []; append k{(number + 1) % 8} 1" for number in range(8)]
    verdict = check_appends_of(operations_of("\n".join(ring)), SERIALIZABLE)
    assert verdict.message.count("(rw)") == 5
    assert verdict.message.endswith("; and 3 more steps back to T0")
    assert len(verdict.evidence) == 8


def test_evidence_tells_who_did_what_when():
    verdict = check_appends_of(operations_of("1 fail: append x 1; r y []\n2 ok: r x [1]; append z 2"), SERIALIZABLE)
    assert verdict.evidence == (
        "T0  0.001 s to 0.003 s  process 1  append 1 to x, read y  fail",
        "T1  0.002 s to 0.004 s  process 2  read x = [1], append 2 to z  ok",
    )
    unknown = "1 info: append x 1; append y 1\n2 ok: r x [1]; r y []; " + "; ".join(f"append z {n}" for n in range(8))
    verdict = check_appends_of(operations_of(unknown), SERIALIZABLE)
    assert verdict.evidence[0] == "T0  0.001 s to ?  process 1  append 1 to x, append 1 to y  outcome unknown"
    assert verdict.evidence[1].endswith("append 5 to z, and 2 more  ok")


# --- what is no anomaly -----------------------------------------------------------------------------------------------


def test_what_others_saw_of_a_transaction_without_known_end_has_happened():
    lost = "1 info: append x 1; append y 1\n2 ok: r x [1]; r y []"
    assert names(operations_of(lost), SERIALIZABLE) == {"G-single"}
    unseen = "1 info: append x 1; append y 1\n2 ok: r x []; r y []"
    assert names(operations_of(unseen), "strict serializable") == set()


def test_element_tried_again_after_a_failure_belongs_to_who_did_not_fail():
    again = "1 fail: append x 1\n---\n2 ok: append x 1\n---\n3 ok: r x [1]"
    assert check_appends_of(operations_of(again), "strict serializable").outcome == "valid"
    other_way = "2 ok: append x 1\n---\n1 fail: append x 1\n---\n3 ok: r x [1]"
    assert check_appends_of(operations_of(other_way), "strict serializable").outcome == "valid"


def test_one_element_of_two_transactions_cannot_be_judged():
    verdict = check_appends_of(operations_of("1 ok: append x 1\n2 ok: append x 1\n3 ok: r x [1]"), SERIALIZABLE)
    assert (verdict.outcome, verdict.code) == ("unknown", "TXN-021")
    assert verdict.message == "T0 and T1 both append 1 to x, so reads do not tell whose it is"


def test_reads_may_show_lists_as_text():
    good = operations_of("1 ok: append x 1\n---\n2 ok: append x 2; r x [1 2]")
    text = [replace(each, result=[[f, k, "1 2" if f == "r" else v] for f, k, v in each.result]) for each in good]
    assert check_appends_of(text, "strict serializable").outcome == "valid"
    bad = [replace(each, result=[[f, k, "2 1" if f == "r" else v] for f, k, v in each.result]) for each in good]
    assert check_appends_of(bad, "read committed").code == "TXN-009"


@pytest.mark.parametrize(
    ("read", "is_right"),
    [
        *((right, True) for right in ("1 2", " 1  2 ", "1", "", None, ["1"], [1, 2], "1 2 ")),
        *((wrong, False) for wrong in ("1 2 3", "1 23", "12", "2", "2 1")),
    ],
)
@pytest.mark.parametrize("longest", ["1 2 34", " 1 2  34"])
def test_texts_and_lists_of_elements_are_compared_by_element(read, is_right, longest):
    script = "1 ok: append x 1\n2 ok: append x 2\n3 ok: append x 34\n4 ok: r x []\n5 ok: r x []"
    operations = operations_of(script)
    for at, shown in ((3, longest), (4, read)):
        operations[at] = replace(operations[at], result=[["r", "x", shown]])
    assert check_appends_of(operations, "serializable").outcome == ("valid" if is_right else "invalid")


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([["apend", "x", 1]], "no step .*did you mean append"),
        ([["append", "x"]], "no step"),
        (["append"], "no step"),
        ([["append", ["x"], 1]], "cannot be read"),
        ([["append", "x", [1]]], "cannot be read"),
        ([["r", "x", 5]], "cannot be read"),
        ([["r", "x", [[1]]]], "a read of list x shows elements that are no numbers"),
    ],
)
def test_steps_without_a_known_form_are_refused(steps, reason):
    operation = operations_of("1 ok: append x 1")[0]
    with pytest.raises(InvalidInput, match=reason):
        check_appends_of([replace(operation, argument=steps, result=steps)], SERIALIZABLE)


def test_other_functions_and_levels_are_refused():
    operation = operations_of("1 ok: append x 1")[0]
    with pytest.raises(InvalidInput, match=r"no 'tnx': it knows txn .did you mean txn"):
        check_appends_of([replace(operation, function="tnx")], SERIALIZABLE)
    with pytest.raises(InvalidInput, match="did you mean serializable"):
        check_appends_of([operation], "serialisable")


def test_levels_may_be_written_with_hyphens():
    assert level_of("read-committed").name == "read committed"
    assert level_of("strict-serializable").order == "strict"
    assert level_of("per-key-serializable").order == "per-key"
    assert len(LEVELS) == 20
