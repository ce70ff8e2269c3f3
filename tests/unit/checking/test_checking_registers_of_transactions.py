"""Histories of transactions on registers: orders of writes are inferred, anomalies named, and what is legal proved."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from PhantomLibrary.checking.history import pair
from PhantomLibrary.checking.transactions.check import check_registers_of, register_anomalies
from PhantomLibrary.checking.transactions.form import Transactions
from PhantomLibrary.checking.transactions.levels import ISOLATIONS, level_of
from PhantomLibrary.checking.transactions.registers import RegisterHistory
from PhantomLibrary.errors import InvalidInput
from tests.unit.checking.transactional import Engine, operations_of, planted

UNCOMMITTED, COMMITTED, SNAPSHOT, SERIALIZABLE = "read uncommitted", "read committed", "snapshot", "serializable"

# Name: script, the weakest isolation that forbids it, and all that the strongest finds.
ANOMALIES = {
    "unwritten value": ("1 ok: w x 1\n2 ok: r x 2", UNCOMMITTED, {"unwritten value"}),
    "G-single by an inferred order": (  # 2 wrote over 1, whose value of y 4 read after that of 2.
        "1 ok: w x 1; w y 1\n2 ok: r x 1; w x 2; w y 2\n3 ok: r y 2; w x 3\n4 ok: r x 3; w x 4; r y 1",
        SNAPSHOT,
        {"G-single"},
    ),
    "G1a": ("1 fail: w x 1\n2 ok: r x 1", COMMITTED, {"G1a"}),
    "G1b": ("1 ok: w x 1; w x 2\n2 ok: r x 1", COMMITTED, {"G1b", "G-single"}),
    "own write missed": ("1 ok: w x 1; r x nil", COMMITTED, {"own write missed"}),
    "G1c": ("1 ok: w x 1; r y 2\n2 ok: w y 2; r x 1", COMMITTED, {"G1c"}),
    "unrepeatable read": ("1 ok: r x nil; r x 1\n2 ok: w x 1", SNAPSHOT, {"unrepeatable read", "G-single"}),
    "lost update": (
        "1 ok: r x nil; w x 1\n2 ok: r x nil; w x 2",
        SNAPSHOT,
        {"lost update", "G-single"},
    ),
    "G-single": ("1 ok: w x 1; w y 1\n2 ok: r x 1; r y nil", SNAPSHOT, {"G-single"}),
    "G-single over another": (  # 2 saw 1 in x, so 3, who wrote over 1 in y, came after 1.
        "1 ok: w x 1; w y 1\n3 ok: r y 1; w y 3; w z 3\n2 ok: r z 3; r y 1",
        SNAPSHOT,
        {"G-single"},
    ),
    "G-nonadjacent": (
        "1 ok: w x 1\n2 ok: w y 1\n3 ok: r x 1; r y nil\n4 ok: r x nil; r y 1",
        SNAPSHOT,
        {"G-nonadjacent"},
    ),
    "G2-item": (
        "1 ok: r x nil; r y nil; w x 1\n2 ok: r x nil; r y nil; w y 1\n3 ok: r x 1; r y 1",
        SERIALIZABLE,
        {"G2-item"},
    ),
    "G2-item by an inferred order": (  # All came after 0, so what they wrote was written over its values.
        "0 ok: w x 9; w y 9\n1 ok: r x 9; w y 1\n2 ok: r y 9; w x 1",
        SERIALIZABLE,
        {"G2-item"},
    ),
}
CODES = {
    "unwritten value": "TXN-011",
    "G1a": "TXN-002",
    "G1b": "TXN-003",
    "own write missed": "TXN-009",
    "G1c": "TXN-004",
    "unrepeatable read": "TXN-010",
    "lost update": "TXN-005",
    "G-single": "TXN-006",
    "G-nonadjacent": "TXN-007",
    "G2-item": "TXN-008",
}


def names(operations, level):
    found, _ = register_anomalies(RegisterHistory(Transactions(operations)), level_of(level))
    return {anomaly.name for anomaly in found}


@pytest.mark.parametrize("anomaly", ANOMALIES)
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_anomaly_is_found_where_its_level_forbids_it(anomaly, isolation):
    script, weakest, _ = ANOMALIES[anomaly]
    order = list(ISOLATIONS)
    is_forbidden = order.index(isolation) >= order.index(weakest)
    verdict = check_registers_of(operations_of(script), isolation)
    assert verdict.outcome == ("invalid" if is_forbidden else "valid"), verdict
    if is_forbidden:
        assert verdict.code == CODES[anomaly.partition(" over ")[0].partition(" by ")[0]], verdict
        assert verdict.evidence


@pytest.mark.parametrize("anomaly", ANOMALIES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_exactly_the_planted_anomaly_is_found_in_a_healthy_history(anomaly, seed):
    script, _, expected = ANOMALIES[anomaly]
    chance = random.Random(seed)
    healthy = Engine("register", "serializable", chance).run(20)
    assert names(pair(planted(healthy, script, chance)), SERIALIZABLE) == expected


@pytest.mark.parametrize(
    ("engine", "lag", "level"),
    [
        ("serializable", False, "strict serializable"),
        ("serializable", False, "per-key serializable"),
        ("serializable", True, "serializable"),
        ("snapshot", False, "strict snapshot"),
        ("snapshot", True, "snapshot"),
        ("read committed", False, "strict read committed"),
        ("read committed", False, "read uncommitted"),
    ],
)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 60))
def test_history_of_a_right_engine_is_proved(engine, lag, level, seed, count):
    chance = random.Random(seed)
    events = Engine("register", engine, chance, lag=lag).run(count)
    verdict = check_registers_of(pair(events), level)
    assert verdict.outcome != "invalid", verdict
    assert verdict.outcome == "valid" or lag, "only without an order of real time may the proof be hard to find"


@pytest.mark.parametrize(("engine", "level"), [("snapshot", "serializable"), ("read committed", "snapshot")])
def test_weaker_engines_are_told_from_stronger_ones(engine, level):
    found = [
        check_registers_of(pair(Engine("register", engine, random.Random(seed)).run(60)), level).outcome
        for seed in range(20)
    ]
    assert found.count("invalid") > 10


@pytest.mark.parametrize(
    ("engine", "level", "allowed"),
    [
        ("snapshot", "serializable", {"G0", "G1c", "G-single", "G-nonadjacent"}),
        ("read committed", "snapshot", {"G0", "G1c"}),
    ],
)
def test_cycle_is_never_called_by_a_class_that_the_history_is_free_of(engine, level, allowed):
    for seed in range(12):
        operations = pair(Engine("register", engine, random.Random(seed), keys=6).run(60))
        assert not names(operations, level) & allowed, seed


def test_time_orders_writes_where_the_level_promises_it():
    stale = operations_of("1 ok: w x 1\n---\n2 ok: w x 2\n---\n3 ok: r x 1")
    assert check_registers_of(stale, "serializable").outcome == "valid"
    assert names(stale, "strict serializable") == {"G-single-realtime"}
    assert names(stale, "per-key serializable") == {"G-single-key"}
    own = operations_of("1 ok: w x 1\n---\n1 ok: w x 2\n---\n1 ok: r x 1")
    assert names(own, "session snapshot") == {"G-single-session"}
    assert check_registers_of(own, "snapshot").outcome == "valid"


def test_write_follows_who_only_read_the_key_before_it_where_transactions_are_serial():
    lost = operations_of("1 open: w x 1\n2 ok: r x 1\n---\n3 ok: w x 2\n---\n4 ok: r x 1")
    assert check_registers_of(lost, "per-key serializable").outcome == "invalid"
    assert check_registers_of(lost, "strict serializable").outcome == "invalid"
    assert check_registers_of(lost, "serializable").outcome == "valid"
    assert check_registers_of(lost, "per-key snapshot").outcome == "valid"


def test_message_names_keys_values_and_transactions():
    verdict = check_registers_of(operations_of(ANOMALIES["G-single"][0]), SNAPSHOT)
    assert verdict.headline == (
        "TXN-006: read skew (G-single), which snapshot forbids: "
        "T1 read x = 1, which T0 wrote (wr); T1 read y = nothing, over which T0 wrote 1 (rw)"
    )
    assert verdict.evidence == (
        "T0  0.001 s to 0.003 s  process 1  write x = 1, write y = 1  ok",
        "T1  0.002 s to 0.004 s  process 2  read x = 1, read y = nothing  ok",
    )


MESSAGES = {
    "unwritten value": "T1 read x = 2, which nobody wrote",
    "G1a": "T1 read x = 1, which T0 wrote, which had failed",
    "G1b": "T1 read x = 1, over which T0 itself wrote 2",
    "own write missed": "T0 read x = nothing, though it had written 1",
    "G1c": "T0 read y = 2, which T1 wrote (wr); T1 read x = 1, which T0 wrote (wr)",
    "unrepeatable read": "T0 read x = nothing, and then 1",
    "lost update": "T0 and T1 both read x = nothing, and both wrote it",
}


@pytest.mark.parametrize("anomaly", MESSAGES)
def test_each_anomaly_is_told_in_words(anomaly):
    verdict = check_registers_of(operations_of(ANOMALIES[anomaly][0]), SERIALIZABLE)
    told = verdict.message.partition("forbids: ")[2].partition(" (also")[0]
    assert set(told.split("; ")) == set(MESSAGES[anomaly].split("; "))


def test_what_others_saw_of_a_transaction_without_known_end_has_happened():
    lost = "1 info: w x 1; w y 1\n2 ok: r x 1; r y nil"
    assert names(operations_of(lost), SERIALIZABLE) == {"G-single"}
    unseen = "1 info: w x 1; w y 1\n2 ok: r x nil; r y nil"
    assert check_registers_of(operations_of(unseen), "strict serializable").outcome == "valid"


def test_value_tried_again_after_a_failure_belongs_to_who_did_not_fail():
    again = "1 fail: w x 1\n---\n2 ok: w x 1\n---\n3 ok: r x 1"
    assert check_registers_of(operations_of(again), "strict serializable").outcome == "valid"
    twice = check_registers_of(operations_of("1 ok: w x 1\n2 ok: w x 1\n3 ok: r x 1"), SERIALIZABLE)
    assert (twice.outcome, twice.code) == ("unknown", "TXN-021")


def test_initial_values_need_not_be_known():
    operations = operations_of("1 ok: r x 7\n2 ok: r x 7; w x 1\n3 ok: r x 1")
    assert check_registers_of(operations, SERIALIZABLE).code == "TXN-011"
    assert check_registers_of(operations, SERIALIZABLE, initial_is_known=False).outcome == "valid"
    two = operations_of("1 ok: r x 7\n2 ok: r x 8")
    assert check_registers_of(two, SERIALIZABLE, initial_is_known=False).code == "TXN-011"


@pytest.mark.parametrize(
    "steps", [[["append", "x", 1]], [["w", "x", [1]]], [["r", "x", [1]]], [["w", ["x"], 1]], [["w", "x", None]]]
)
def test_steps_without_a_known_form_are_refused(steps):
    operation = operations_of("1 ok: w x 1")[0]
    with pytest.raises(InvalidInput):
        check_registers_of([replace(operation, argument=steps, result=steps)], SERIALIZABLE)


def test_order_that_explains_all_is_found_by_what_is_known_of_sessions_too():
    script = "1 ok: w x 10\n---\n1 ok: w y 10\n---\n2 ok: r y 10; w x 1\n3 ok: r x 10; w y 2"
    assert check_registers_of(operations_of(script), "per-key serializable").code == "TXN-008"
    assert check_registers_of(operations_of(script), SERIALIZABLE).outcome == "valid"  # Had 1 come late to x.
