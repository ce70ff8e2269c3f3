"""How transactions over shards and sagas ended: each way to be wrong is named."""

import pytest

from PhantomLibrary.checking.endings import Answered, LockHeld, TransactionEnd, check_endings
from PhantomLibrary.checking.sagas import SagaEffect, SagaEnd, Stock, check_sagas

SECOND = 1_000_000_000


def ends(text):
    """Return ends from words `transaction/shard/state[/timestamp]`."""
    found = []
    for word in text.split():
        name, shard, state, *at = word.split("/")
        found.append(TransactionEnd(name, int(shard), state, int(at[0]) if at else 0))
    return found


GOOD = "t1/1/COMMITTED/7 t1/2/COMMITTED/7 t2/1/ABORTED t2/2/ABORTED"


def test_transactions_that_ended_alike_everywhere_are_valid():
    verdict = check_endings(ends(GOOD), (), [Answered("t1", "ok"), Answered("t2", "fail"), Answered("t3", "info")])
    assert (verdict.outcome, verdict.operations, verdict.confirmed) == ("valid", 2, 1)
    assert check_endings(ends(GOOD), (), [Answered("t1", "info"), Answered("t2", "info")]).outcome == "valid"
    assert check_endings(ends(f"{GOOD} t3/1/ABORTED")).confirmed == 1


@pytest.mark.parametrize(
    ("text", "answers", "headline"),
    [
        ("t1/1/COMMITTED/7 t1/2/ABORTED", [], "ATM-001: t1 is committed on shard 1 and aborted on shard 2"),
        ("t1/1/ABORTED t1/2/COMMITTED/7", [], "ATM-001: t1 is committed on shard 2 and aborted on shard 1"),
        ("t1/1/COMMITTED/7 t1/2/COMMITTED/8", [], "ATM-002: t1 committed at 7 on shard 1 and at 8 on shard 2"),
        ("t1/1/ABORTED", [("t1", "ok")], "ATM-003: t1 was reported as committed, and is aborted on shard 1"),
        (
            "t1/1/COMMITTED/7",
            [("t1", "fail")],
            "ATM-003: t1 was reported as never to happen, and is committed on shard 1",
        ),
        ("t1/1/PREPARED", [], "ATM-004: t1 is still in doubt on shard 1: it prepared and never ended"),
    ],
)
def test_wrong_ends_are_named(text, answers, headline):
    verdict = check_endings(ends(f"{GOOD.replace('t1', 't8').replace('t2', 't9')} {text}"), (), _told(answers))
    assert (verdict.outcome, verdict.headline) == ("invalid", headline)
    assert all("t1" in line for line in verdict.evidence) and verdict.evidence


def _told(answers):
    return [Answered(*answer) for answer in answers]


def test_what_is_told_of_a_transaction_is_nothing_of_another():
    locks = [LockHeld("t2", 1, "other", SECOND)]
    answers = _told([("t1", "ok"), ("t2", "info")])
    verdict = check_endings(
        ends("t1/1/COMMITTED/7 t1/2/ABORTED t2/1/ACTIVE"), locks, answers, now_ns=2 * SECOND, under_way=["t2"]
    )
    assert verdict.evidence == (
        "t1 on shard 1: COMMITTED at 7",
        "t1 on shard 2: ABORTED",
        "t1: its client was told ok",
    )


def test_transaction_may_be_in_doubt_while_others_are_under_way():
    assert check_endings(ends("t1/1/PREPARED t1/2/COMMITTED/7"), is_quiet=False).outcome == "valid"
    assert check_endings(ends("t1/1/PREPARED t1/2/COMMITTED/7")).code == "ATM-004"


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        (GOOD, "ATM-005: t1 holds key k of shard 1 since 2.000 s, though it has ended"),
        ("t1/1/ABORTED", "ATM-005: t1 holds key k of shard 1 since 2.000 s, though it has ended"),
        ("t2/1/ABORTED", "ATM-005: t1 holds key k of shard 1 since 2.000 s, though it is one that no shard knows"),
        ("t1/1/ACTIVE", "ATM-006: t1 holds key k of shard 1 since 2.000 s, for 8.000 s, longer than 5.000 s"),
    ],
)
def test_locks_left_behind_are_named(text, headline):
    locks = [LockHeld("t1", 1, "k", 2 * SECOND)]
    verdict = check_endings(ends(text), locks, now_ns=10 * SECOND, lock_age_max_ns=5 * SECOND)
    assert verdict.headline == headline


def test_lock_of_a_transaction_that_a_client_has_open_is_no_orphan():
    locks = [LockHeld("t1", 1, "k", 2 * SECOND)]
    assert check_endings((), locks, now_ns=3 * SECOND, under_way=["t1"]).outcome == "valid"
    verdict = check_endings((), locks, now_ns=3 * SECOND, lock_age_max_ns=-1, under_way=["t1"])
    assert verdict.headline == "ATM-006: t1 holds key k of shard 1 since 2.000 s, for 1.000 s, and is not over"
    assert check_endings((), locks, now_ns=3 * SECOND, under_way=["t2"]).code == "ATM-005"


def test_lock_of_a_transaction_under_way_may_be_young():
    locks = [LockHeld("t1", 1, "k", 5 * SECOND)]
    assert check_endings(ends("t1/1/ACTIVE"), locks, now_ns=10 * SECOND, lock_age_max_ns=5 * SECOND).outcome == "valid"
    assert check_endings(ends("t1/1/ACTIVE"), locks, now_ns=99 * SECOND).outcome == "valid"
    evidence = check_endings(ends("t1/1/ABORTED"), locks, [Answered("t1", "info"), Answered("t2", "ok")]).evidence
    assert evidence == (
        "t1 on shard 1: ABORTED",
        "t1 on shard 1: holds k since 5.000 s",
        "t1: its client was told info",
    )


# --- sagas ------------------------------------------------------------------------------------------------------------

STEPS = ("flight", "hotel", "car")


def effects(text):
    """Return effects from words like `a0 a1 c1 c0`, a second apart."""
    return [
        SagaEffect("s", int(word[1:]), "action" if word[0] == "a" else "compensation", at * SECOND)
        for at, word in enumerate(text.split(), start=1)
    ]


@pytest.mark.parametrize(
    ("state", "text", "headline"),
    [
        ("COMPLETED", "a0 a1 a2", ""),
        ("COMPLETED", "a2 a0 a1", ""),
        ("COMPENSATED", "", ""),
        ("COMPENSATED", "a0 a1 c1 c0", ""),
        ("COMPENSATED", "a1 a0 c0 c1", ""),
        ("COMPLETED", "a0 a2", "SGA-001: saga s: step hotel was never done, though the saga is COMPLETED"),
        ("COMPLETED", "a0 a1 a2 c2", "SGA-001: saga s: step car was undone, though the saga is COMPLETED"),
        (
            "COMPENSATED",
            "a0 a1 c1",
            "SGA-002: saga s: step flight was done and not undone, though the saga is COMPENSATED",
        ),
        ("COMPLETED", "a0 a0 a1 a2", "SGA-003: saga s: step flight was done 2 times"),
        ("COMPENSATED", "a0 c0 c0", "SGA-003: saga s: step flight was undone 2 times"),
        ("COMPENSATED", "c1", "SGA-004: saga s: step hotel was undone at 1.000 s, though it never was done"),
        ("COMPENSATED", "c1 a1", "SGA-004: saga s: step hotel was done at 2.000 s, after it had been undone"),
        ("ACTIVE", "a0", "SGA-006: saga s has not come to an end"),
        ("FAILED", "a0", "SGA-007: saga s could not be undone: it ended as FAILED"),
        (
            "COMPENSATED",
            "a0 a1 a2 c0 c2 c1",
            "SGA-009: saga s: steps were undone as flight, car, hotel, not in reverse order, car, hotel, flight",
        ),
    ],
)
def test_sagas_are_judged(state, text, headline):
    verdict = check_sagas([SagaEnd("s", state, STEPS)], effects(text))
    assert (verdict.outcome, verdict.headline if headline else "") == ("invalid" if headline else "valid", headline)


def test_counts_of_sagas_are_told():
    verdict = check_sagas([SagaEnd("s", "COMPLETED", ("flight",)), SagaEnd("r", "COMPENSATED", STEPS)], effects("a0"))
    assert (verdict.operations, verdict.confirmed, verdict.cost) == (2, 1, 1)


def test_step_that_needs_no_compensation_may_stay():
    end = SagaEnd("s", "COMPENSATED", STEPS, undoable=(0, 1))
    assert check_sagas([end], effects("a2 a0 c0")).outcome == "valid"
    assert check_sagas([end], effects("a2 a0")).code == "SGA-002"


def test_saga_that_may_fail_passes_with_what_it_left():
    end = SagaEnd("s", "FAILED", STEPS)
    assert check_sagas([end], effects("a0 a1 c1"), may_fail=True).outcome == "valid"
    assert check_sagas([end], effects("a0 a0"), may_fail=True).code == "SGA-003"


def test_effect_of_an_unknown_saga_is_named():
    orphan = SagaEffect("x", 0, "action", SECOND, "seats", -1)
    verdict = check_sagas([SagaEnd("s", "COMPENSATED", STEPS)], [orphan])
    assert verdict.headline == "SGA-005: saga x, which nobody knows, changed seats at 1.000 s"
    assert verdict.evidence == ("1.000 s  saga x, action of step 0  seats -1",)


def test_stocks_are_conserved():
    booked = SagaEffect("s", 0, "action", SECOND, "seats", -2)
    undone = SagaEffect("s", 0, "compensation", 2 * SECOND, "seats", 2)
    end = SagaEnd("s", "COMPENSATED", ("flight",))
    assert check_sagas([end], [booked, undone], [Stock("seats", 10, 10)]).outcome == "valid"
    completed = SagaEnd("r", "COMPLETED", ("hotel",))
    bed = SagaEffect("r", 0, "action", 3 * SECOND, "beds", -1)
    stocks = [Stock("seats", 10, 10), Stock("beds", 5, 4)]
    assert check_sagas([end, completed], [booked, undone, bed], stocks).outcome == "valid"
    verdict = check_sagas([end], [booked, undone], [Stock("seats", 10, 12), Stock("beds", 5, 5)])
    assert verdict.headline == "SGA-008: seats holds 12: it began with 10, and sagas left 10"
