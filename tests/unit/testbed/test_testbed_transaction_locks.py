"""No lock outlives its transaction, not even one on a row that the transaction did not change in the end."""

import pytest

from PhantomLibrary.database.transactions.lock_waits import LockWaits
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, Begin, Commit, Get, Ok, Put, Update, Where, Within
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.protocols.transactions.deadlocks import DeadlockDetector
from PhantomLibrary.protocols.transactions.values import TransactionId
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import RunSpec
from PhantomLibrary.testbed.transaction_judge import holds_locks, judge_locks


class Bench:
    def __init__(self):
        self.run = Run(RunSpec(seed=3, shards=4))
        self.run.advance(2 * SECOND_NS)
        self.sessions = {name: self.run.sessions.open(number) for number, name in enumerate("abc", 900)}

    def begin(self, name, operation):
        return Task(self.run.scheduler, self.sessions[name].call(operation), name)

    def end(self, task):
        assert self.run.advance(self.run.now_ns + 5 * SECOND_NS, lambda: task.is_done)
        return task.result

    def do(self, name, operation):
        return self.end(self.begin(name, operation))

    def locks(self):
        desks = [replica.service.desk for node in self.run.processes.values() for replica in node.replicas.values()]
        return [lock for desk in desks if desk is not None for lock in desk.lock_ages_ns]


def test_who_holds_a_lock_is_told_until_nobody_does():
    bench = Bench()
    assert not holds_locks(bench.run)
    assert isinstance(bench.do("a", Begin("serializable")), Ok)
    assert isinstance(bench.do("a", Within(Put("k1", "1"))), Ok)
    assert holds_locks(bench.run)
    assert judge_locks(bench.run).code == "ATM-006"
    for process in bench.run.processes.values():  # As if the gateway had forgotten it.
        process.transactions._by_id.clear()
    assert judge_locks(bench.run).code == "ATM-005"
    assert isinstance(bench.do("a", Commit()), Ok)
    bench.run.advance(bench.run.now_ns + 100 * MILLISECOND_NS)
    assert not holds_locks(bench.run)


@pytest.mark.parametrize("operation", [Put("k9", "1"), Get("k9")])
def test_a_promise_counts_as_a_lock_also_of_what_was_only_read(operation):
    bench = Bench()
    assert isinstance(bench.do("a", Begin("serializable")), Ok)
    assert isinstance(bench.do("a", Within(Put("k1", "1"))), Ok)
    assert isinstance(bench.do("a", Within(operation)), Ok)
    task = bench.begin("a", Commit())
    assert bench.run.advance(bench.run.now_ns + SECOND_NS, lambda: judge_locks(bench.run).code == "ATM-004")
    assert holds_locks(bench.run)
    bench.end(task)


TENS = Within(Update("k1", "k2", Where("equals", 10), "add", "1"))


@pytest.mark.parametrize("writes_elsewhere", [False, True])
def test_a_row_that_was_waited_for_and_is_left_alone_is_locked_no_more_after_the_commit(writes_elsewhere):
    bench = Bench()
    assert isinstance(bench.do("c", Put("k1", "10")), Ok)
    for name in "ab":
        assert isinstance(bench.do(name, Begin("read committed")), Ok)
    assert bench.do("a", TENS) == Ok("1")
    waiting = bench.begin("b", TENS)
    bench.run.advance(bench.run.now_ns + 100 * MILLISECOND_NS)
    assert not waiting.is_done
    assert isinstance(bench.do("a", Commit()), Ok)
    assert bench.end(waiting) == Ok("0")
    if writes_elsewhere:
        assert isinstance(bench.do("b", Within(Put("k9", "1"))), Ok)
    assert len(bench.locks()) == 1 + writes_elsewhere
    assert isinstance(bench.do("b", Commit()), Ok)
    bench.run.advance(bench.run.now_ns + 100 * MILLISECOND_NS)
    assert bench.locks() == []


def test_waits_are_counted_from_when_they_began_however_often_it_was_asked():
    now_ns = [0]
    waits = LockWaits(DeadlockDetector("n1"), lambda: now_ns[0])
    first, second = TransactionId(1, "n1", 1), TransactionId(2, "n1", 2)
    waits.begin(first, (second,))
    now_ns[0] = 30
    waits.begin(first, (second,))  # It has asked once more.
    now_ns[0] = 50
    assert (waits.count, waits.longest_ns()) == (0, 50)
    waits.end(first)
    waits.end(second)  # It has never waited.
    assert (waits.count, waits.total_ns, waits.longest_ns()) == (1, 50, 50)
    waits.begin(second, (first,))
    now_ns[0] = 60
    waits.end(second)
    assert (waits.count, waits.total_ns, waits.longest_ns()) == (2, 60, 50)
    assert not waits.detector.is_waiting
