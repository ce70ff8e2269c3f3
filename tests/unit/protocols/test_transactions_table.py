"""What a shard replicates of transactions: late, doubled and reordered commands, and a model that is naive."""

import pytest

from PhantomLibrary.domain import Append, Delete, Increment, Put
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Decide,
    Done,
    Ended,
    Forget,
    Inquire,
    Prepare,
    Prepared,
    RaiseFence,
    Resolve,
    Span,
    TransactionId,
    Undecided,
    span_of,
)
from tests.unit.protocols.transactions_harness import ABORTED, PATIENCE, RETENTION, T1, T2, Shard, restored


@pytest.fixture
def shard():
    return Shard()


# --- the way of one transaction ---------------------------------------------------------------------------------------


def test_what_is_prepared_is_seen_only_when_it_is_committed_and_at_the_time_of_the_commit(shard):
    answer = shard.prepare(T1, Put("a", "1"), Put("b", "2"), participants=(1, 2))
    assert isinstance(answer, Prepared) and shard.value("a") is None
    assert shard.table.records[T1].state == "ACTIVE"
    assert shard.do(Decide(T1, True, 500, (1, 2))) == Ended(True, 500)
    assert (shard.value("a"), shard.store.latest_ns(b"a"), shard.store.latest_promised_ns(b"b")) == (
        "1",
        500,
        answer.at_ns,
    )
    assert not shard.table.parts and shard.table.holder_of("a") is None
    assert shard.store.next_ns(0) == 501


def test_what_is_rolled_back_was_never_there(shard):
    shard.prepare(T1, Put("a", "1"), reads=("b",))
    assert shard.do(Resolve(T1, False, 0)) == Done()
    assert shard.value("a") is None and shard.table.holder_of("a") is None and shard.table.holder_of("b") is None


def test_writes_come_to_values_when_they_are_prepared(shard):
    shard.put("list", "x")
    shard.put("gone", "1")
    shard.prepare(T1, Append("list", "y"), Append("list", "z"), Increment("n", 2), Increment("n", 3), Delete("gone"),
                  level="read committed")  # fmt: skip
    shard.do(Resolve(T1, True, 99))
    assert [shard.value(key) for key in ("list", "n", "gone")] == ["x y z", "5", None]


def test_one_phase_commits_at_once_and_is_remembered(shard):
    first = shard.prepare(T1, Increment("n", 1), one_phase=True)
    again = shard.prepare(T1, Increment("n", 1), one_phase=True)
    assert first == again and first.committed and shard.value("n") == "1"
    assert not shard.table.records and not shard.table.parts


def test_a_prepare_gets_a_timestamp_above_its_snapshot_and_all_that_was_written(shard):
    shard.put("other", "1", at=800)
    assert shard.prepare(T1, Put("a", "1"), snapshot=900).at_ns == 901
    assert shard.prepare(T2, Put("b", "1"), snapshot=5).at_ns == 902


def test_adding_to_what_is_no_number_is_a_conflict_and_nothing_else(shard):
    shard.put("a", "pear")
    answer = shard.prepare(T1, Increment("a", 1), level="read committed")
    assert isinstance(answer, Conflict) and "'pear', which is no whole number" in answer.reason
    assert shard.value("a") == "pear" and not shard.table.parts
    assert isinstance(shard.prepare(T1, Put("a", "-4"), Increment("a", 1), level="read committed"), Prepared)


# --- who stands against whom ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "is_refused"), [("read committed", False), ("snapshot", True), ("serializable", True)]
)
def test_the_first_updater_wins_above_read_committed(shard, level, is_refused):
    shard.put("a", "0", at=20)
    answer = shard.prepare(T1, Increment("a", 1), level=level, snapshot=19)
    assert isinstance(answer, Conflict) is is_refused
    if is_refused:
        assert answer.holder is None and "written by another transaction after" in answer.reason


def test_at_read_committed_nobody_has_written_a_key_since_it_was_locked(shard):
    shard.put("a", "0", at=20)
    lost = shard.do(Prepare(T1, "read committed", 5, (Increment("a", 1),), (), 1, locked=(("a", 19),)))
    assert isinstance(lost, Conflict) and "its leader has changed" in lost.reason
    kept = shard.do(Prepare(T2, "read committed", 5, (Increment("a", 1),), (), 1, locked=(("a", 20),)))
    assert isinstance(kept, Prepared)


def test_a_snapshot_at_the_very_time_of_a_version_sees_it(shard):
    shard.put("a", "0", at=20)
    assert isinstance(shard.prepare(T1, Increment("a", 1), reads=("a",), snapshot=20), Prepared)


@pytest.mark.parametrize("level", ["read committed", "snapshot", "serializable"])
def test_nobody_writes_what_another_is_prepared_to_write(shard, level):
    shard.prepare(T1, Put("a", "1"))
    assert shard.prepare(T2, Put("a", "2"), level=level).holder == T1


@pytest.mark.parametrize("read", ["a", Span("a", "c"), Span("", "")])
def test_nobody_writes_what_another_has_read_and_is_prepared(shard, read):
    shard.prepare(T1, Put("x", "1"), reads=(read,))
    assert shard.table.reader_of("a") == T1 and shard.table.reader_of("a", but=T1) is None
    assert shard.prepare(T2, Put("a", "2"), level="read committed").holder == T1
    shard.do(Resolve(T1, True, 200))
    assert shard.table.reader_of("a") is None
    later = shard.prepare(TransactionId(3, "n3", 1), Put("a", "2"), level="read committed")
    assert later.at_ns > 200  # After whoever read what was there before.


def test_who_writes_what_was_read_where_nothing_was_written_comes_later_all_the_same(shard):
    shard.prepare(T1, reads=("a",))
    shard.do(Resolve(T1, True, 200))
    assert shard.prepare(T2, Put("a", "2"), level="read committed").at_ns > 200


def test_readers_do_not_stand_against_readers(shard):
    shard.prepare(T1, Put("x", "1"), reads=("a", Span("m", "o")))
    assert isinstance(shard.prepare(T2, Put("y", "1"), reads=("a", Span("m", "o"))), Prepared)


def test_who_read_and_writes_the_same_key_is_not_in_his_own_way(shard):
    assert isinstance(shard.prepare(T1, Increment("a", 1), reads=("a",)), Prepared)


@pytest.mark.parametrize("span", [span_of("a"), Span("a", "c"), Span("", "")])
def test_what_was_read_and_has_changed_is_a_conflict_new_keys_too(shard, span):
    shard.put("a", "1", at=20)
    answer = shard.prepare(T1, Put("x", "1"), reads=(span,), snapshot=19)
    assert isinstance(answer, Conflict) and "a was read" in answer.reason
    assert isinstance(shard.prepare(T2, Put("x", "1"), reads=(Span("b", "c"),), snapshot=19), Prepared)


def test_what_was_read_and_another_is_prepared_to_write_is_a_conflict(shard):
    shard.prepare(T1, Put("b", "1"))
    assert shard.prepare(T2, Put("x", "1"), reads=(Span("a", "c"),)).holder == T1
    assert isinstance(shard.prepare(T2, Put("x", "1"), reads=(Span("c", "d"),)), Prepared)


@pytest.mark.parametrize("span", [span_of("a"), Span("a", "b")])
def test_a_read_is_in_doubt_from_the_time_of_the_promise_on(shard, span):
    promised = shard.prepare(T1, Put("a", "1")).at_ns
    assert shard.table.in_doubt(span, promised - 1) is None
    assert shard.table.in_doubt(span, promised) == T1
    assert shard.table.in_doubt(span_of("b"), 1 << 62) is None and shard.table.in_doubt(Span("b", ""), 1 << 62) is None


# --- late, doubled, reordered -----------------------------------------------------------------------------------------


def test_a_prepare_that_comes_twice_is_answered_alike(shard):
    first = shard.prepare(T1, Increment("a", 1), participants=(1, 2))
    assert shard.prepare(T1, Increment("a", 1), participants=(1, 2)) == first
    shard.do(Decide(T1, True, 50, (1, 2)))
    assert shard.prepare(T1, Increment("a", 1), participants=(1, 2)) == Ended(True, 50)
    assert shard.value("a") == "1" and not shard.table.parts


@pytest.mark.parametrize("end", [Resolve(T1, False, 0), Decide(T1, False, 0, (1, 2)), Inquire(T1)])
def test_a_prepare_that_comes_after_the_abort_holds_nothing(shard, end):
    shard.do(end)
    assert shard.prepare(T1, Put("a", "1")) == ABORTED
    assert not shard.table.parts


def test_a_refused_one_phase_commit_stays_refused_though_the_way_is_free_by_then(shard):
    shard.prepare(T2, Put("a", "2"))
    assert isinstance(shard.prepare(T1, Put("a", "1"), one_phase=True), Conflict)
    shard.do(Resolve(T2, False, 0))
    assert shard.prepare(T1, Put("a", "1"), one_phase=True) == ABORTED  # Its client was told so.
    assert shard.value("a") is None


def test_a_refused_prepare_of_many_may_be_tried_again(shard):
    shard.prepare(T2, Put("a", "2"))
    assert isinstance(shard.prepare(T1, Put("a", "1")), Conflict)
    shard.do(Resolve(T2, False, 0))
    assert isinstance(shard.prepare(T1, Put("a", "1")), Prepared)


def test_the_first_decision_stands(shard):
    shard.prepare(T1, Put("a", "1"), participants=(1, 2))
    assert shard.do(Decide(T1, False, 0, (1, 2))) == ABORTED
    assert shard.do(Decide(T1, True, 90, (1, 2))) == ABORTED
    assert shard.do(Inquire(T1)) == ABORTED
    assert shard.value("a") is None and shard.table.records[T1].state == "ABORTED"


def test_a_record_is_aborted_by_an_inquiry_only_when_patience_is_over(shard):
    shard.prepare(T1, Put("a", "1"), participants=(1, 2))
    assert shard.do(Inquire(T1), at=shard.now + PATIENCE - 1) == Undecided()
    assert shard.do(Inquire(T1), at=shard.now + 1) == ABORTED
    assert shard.table.records[T1].participants == (1, 2)  # All of them are to hear of it.


def test_an_inquiry_about_the_unknown_aborts_it_for_good(shard):
    assert shard.do(Inquire(T1)) == ABORTED
    assert shard.prepare(T1, Put("a", "1"), participants=(1, 2)) == ABORTED
    assert shard.do(Decide(T1, True, 90, (1, 2))) == ABORTED


def test_nobody_knows_of_a_commit_that_is_neither_prepared_nor_remembered(shard):
    assert shard.do(Decide(T1, True, 90, (1, 2))) == Undecided()
    assert not shard.table.records


def test_a_decision_is_remembered_after_its_record_is_forgotten(shard):
    shard.prepare(T1, Put("a", "1"), participants=(1, 2))
    shard.do(Decide(T1, True, 50, (1, 2)))
    assert shard.do(Forget((T1, T2))) == Done()
    assert not shard.table.records
    assert shard.do(Inquire(T1)) == Ended(True, 50) == shard.do(Decide(T1, True, 50, (1, 2)))


def test_a_record_that_is_not_decided_is_never_forgotten(shard):
    shard.prepare(T1, Put("a", "1"), participants=(1, 2))
    shard.do(Forget((T1,)))
    assert shard.table.records[T1].state == "ACTIVE"


def test_a_decided_record_outlives_its_tombstone(shard):
    shard.prepare(T1, Put("a", "1"), participants=(1, 2))
    shard.do(Decide(T1, True, 50, (1, 2)))
    shard.do(RaiseFence(1), at=shard.now + 2 * RETENTION)
    assert shard.do(Inquire(T1)) == Ended(True, 50)


@pytest.mark.parametrize("one_phase", [False, True])
def test_a_prepare_that_comes_when_its_end_is_forgotten_is_refused(shard, one_phase):
    begun = TransactionId(7000, "n1", 9)  # Its gateway's clock is far ahead of this shard's.
    shard.prepare(begun, Increment("a", 1), one_phase=True)
    shard.do(RaiseFence(1), at=shard.now + RETENTION + 1)
    assert shard.table.ending(begun) is None
    assert shard.prepare(begun, Increment("a", 1), one_phase=one_phase) == Undecided()
    assert shard.value("a") == "1" and not shard.table.parts
    assert shard.do(Inquire(begun)) == ABORTED and not shard.table.records


def test_what_is_forgotten_is_not_made_up_anew_by_a_resolve_that_comes_late(shard):
    shard.prepare(T1, Put("a", "1"), one_phase=True)
    shard.do(RaiseFence(1), at=shard.now + RETENTION + 1)
    assert shard.do(Resolve(T1, False, 0)) == Done()
    assert shard.do(Decide(T1, True, 50, (1, 2))) == Undecided()


def test_who_began_later_than_all_that_is_forgotten_is_welcome(shard):
    shard.prepare(T1, Put("a", "1"), one_phase=True)
    shard.do(RaiseFence(1), at=shard.now + RETENTION + 1)
    assert isinstance(shard.prepare(T2, Put("b", "1")), Prepared)


def test_a_fence_never_sinks(shard):
    shard.do(RaiseFence(50))
    shard.do(RaiseFence(40))
    assert shard.table.fence_ns == 50


def test_another_replica_takes_over_all_of_it(shard):
    shard.prepare(T1, Put("a", "1"), reads=("r", Span("s", "u")), participants=(1, 2))
    shard.prepare(T2, Put("b", "1"), level="snapshot")
    shard.do(Resolve(T2, True, 60))
    shard.do(RaiseFence(70))
    copy = restored(shard)
    assert copy.table.dump() == shard.table.dump()
    assert [copy.table.holder_of(key) for key in "arsb"] == [T1, T1, T1, None]
    assert copy.do(Resolve(T1, True, 80)) == Done() and copy.value("a") == "1"
    assert copy.table.holder_of("s") is None
    assert copy.do(Inquire(T2)) == Ended(True, 60) and copy.table.fence_ns == 70
