"""What a gateway does for the statements of a transaction, against answers that are written down."""

import pytest

from PhantomLibrary.database.config import DatabaseConfig, ShardDescriptor
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.database.transactions.access import Access
from PhantomLibrary.database.transactions.messages import (
    CheckUnchanged,
    Locked,
    LockKeys,
    ReadAt,
    Rows,
    Uncertain,
    Waiting,
    WrittenSince,
)
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import RolledBackError
from PhantomLibrary.database.transactions.statements import Statements
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, Get, Increment, Ok, Put, Scan, Update, Where
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Done,
    TransactionId,
    span_of,
)

CONFIG = DatabaseConfig()
T1, T2 = (TransactionId(number, f"n{number}", 1) for number in (1, 2))
FAR = 1 << 60


class Gateway:
    """Performs statements against answers that the test has written down."""

    config = CONFIG

    def __init__(self):
        self.now = 1_000
        self.clock = HybridClock(lambda: self.now)
        self.routes = Routes((ShardDescriptor(0, "", "", 1, ("n1",)),))
        self.routes.learn(ShardDescriptor(1, "", "", 1, ("n1",)))
        self.statements = Statements(self, Access(self), None)
        self.met = []

    def monotonic_ns(self):
        return self.now

    def need_map(self, resume):
        resume(Ok())

    def meet_leaders(self, transaction):
        self.met.append(transaction)

    def goes_on(self, transaction):
        transaction.state = "active"

    def ask(self, shard, work, resume):
        resume(self.reply(work))

    def ask_all(self, works, resume):
        resume([self.reply(work) for _, work in works])

    def wait_for_lock(self, transaction, resume):
        self.now += MILLISECOND_NS
        resume(None)

    def reply(self, work):
        self.works.append(work)
        expected, answer = self.script.pop(0)
        assert type(work) is expected
        return answer

    def perform(self, transaction, statement, *script):
        """Return the result of a statement when it is answered like this."""
        self.script, self.works = list(script), []
        running, answers = self.statements.perform(transaction, statement), []
        wanted = next(running)
        while True:
            wanted(answers.append)
            try:
                wanted = running.send(answers.pop())
            except StopIteration as end:
                assert self.script == []
                return end.value


def rows(*pairs, clock=2_000, term=4):
    return (ReadAt, Rows(pairs, clock, term))


def transaction(level="snapshot"):
    return OpenTransaction(T1, level, FAR)


LOCKED = (LockKeys, Locked(2_000, 4))


def test_a_statement_that_begins_anew_forgets_what_it_was_going_to_write():
    gateway, under_way = Gateway(), transaction()
    result = gateway.perform(
        under_way,
        Update("a", "c", Where(), "add", "5"),
        rows(("a", "1"), ("b", "1")),
        LOCKED,
        (LockKeys, WrittenSince("b", 3_000, 1_500, 3_500, 4)),  # Maybe before the transaction began.
        (CheckUnchanged, Conflict("b was read")),
        rows(("a", "1"), ("b", "2")),
        LOCKED,
    )
    assert result == "2"
    assert under_way.writes == [Increment("a", 5), Increment("b", 5)]


def test_a_snapshot_moves_up_only_if_what_was_read_is_the_same():
    gateway, under_way = Gateway(), transaction()
    gateway.perform(under_way, Get("a"), rows(("a", "1")))
    began = under_way.snapshot_ns
    gateway.perform(
        under_way,
        Scan("b", "c", Where()),
        (ReadAt, Uncertain(3_000, 3_100, 4)),
        (CheckUnchanged, Done()),
        rows(("b", "2")),
    )
    assert began < under_way.snapshot_ns == 3_000
    with pytest.raises(RolledBackError, match="a was read"):
        gateway.perform(
            under_way, Get("c"), (ReadAt, Uncertain(4_000, 4_100, 5)), (CheckUnchanged, Conflict("a was read"))
        )


@pytest.mark.parametrize("level", ["read committed", "snapshot", "serializable"])
def test_what_is_uncertain_reaches_as_far_as_clocks_may_be_apart_and_fences_run_ahead(level):
    gateway = Gateway()
    gateway.perform(transaction(level), Get("a"), rows(("a", "1")))
    (asked,) = gateway.works
    assert asked.limit_ns - asked.at_ns == CONFIG.clock_offset_max_ns + CONFIG.fence_ahead_ns


@pytest.mark.parametrize(("level", "meetings"), [("read committed", 0), ("snapshot", 1), ("serializable", 1)])
def test_leaders_are_met_when_a_snapshot_is_taken_that_lasts(level, meetings):
    gateway, under_way = Gateway(), transaction(level)
    for key in ("a", "b"):
        gateway.perform(under_way, Get(key), rows((key, "1")))
    assert gateway.met == [under_way] * meetings


def test_the_first_updater_wins_unless_he_may_have_been_there_before():
    gateway, under_way = Gateway(), transaction()
    gateway.perform(under_way, Get("a"), rows(("a", "1"), clock=2_000))
    with pytest.raises(RolledBackError, match="was written by another transaction"):
        gateway.perform(under_way, Put("b", "1"), (LockKeys, WrittenSince("b", 2_500, 2_500, 3_000, 4)))
    gateway.perform(
        under_way,
        Put("b", "1"),
        (LockKeys, WrittenSince("b", 2_500, 1_999, 3_000, 4)),
        (CheckUnchanged, Done()),
        LOCKED,
    )
    assert under_way.snapshot_ns == 2_500


def test_the_same_trouble_again_and_again_ends():
    gateway = Gateway()
    trouble = [(LockKeys, WrittenSince("b", 3_000, 1_500, 3_500, 4)), (CheckUnchanged, Conflict("changed"))]
    script = [rows(("a", "1")), *trouble] * 10
    with pytest.raises(RolledBackError, match="changed"):
        gateway.perform(transaction(), Update("a", "b", Where(), "add", "5"), *script)


def test_who_waits_too_long_for_a_lock_gives_up():
    gateway = Gateway()
    script = [(LockKeys, Waiting((T2,), 2_000, 4))] * 2_000
    with pytest.raises(RolledBackError, match="waited too long for a, which n2/1 holds"):
        gateway.perform(transaction(), Put("a", "1"), *script)
    assert gateway.now < 2 * SECOND_NS


def test_at_read_committed_each_statement_reads_anew_and_a_row_that_was_waited_for_is_looked_at_again():
    gateway, under_way = Gateway(), transaction("read committed")
    gateway.perform(under_way, Get("a"), rows(("a", "1")))
    first = under_way.snapshot_ns
    result = gateway.perform(
        under_way,
        Update("a", "c", Where("equals", 1), "delete", ""),
        rows(("a", "1")),
        (LockKeys, Waiting((T2,), 2_000, 4)),
        LOCKED,
        rows(("a", "2")),
    )
    assert result == "0" and under_way.snapshot_ns > first and under_way.writes == []


def test_own_writes_are_seen():
    gateway, under_way = Gateway(), transaction()
    gateway.perform(under_way, Put("a", "7"), LOCKED)
    assert gateway.perform(under_way, Get("a")) == "7"
    gateway.perform(under_way, Increment("b", 2), LOCKED)
    assert gateway.perform(under_way, Get("b"), rows(("b", "1"))) == "3"


def test_what_writes_stand_on_has_to_stay_as_it_was_at_read_committed_too():
    gateway, under_way = Gateway(), transaction("read committed")
    gateway.perform(under_way, Get("a"), rows(("a", "1")))
    under_way.grounds[span_of("a")] = None
    gateway.perform(under_way, Get("b"), (CheckUnchanged, Done()), rows(("b", "1")))
    with pytest.raises(RolledBackError, match="a was read"):
        gateway.perform(under_way, Get("b"), (CheckUnchanged, Conflict("a was read")))


def test_at_read_committed_a_row_that_was_written_since_it_was_read_is_looked_at_again():
    gateway, under_way = Gateway(), transaction("read committed")
    result = gateway.perform(
        under_way,
        Update("a", "c", Where("equals", 1), "delete", ""),
        rows(("a", "1")),
        (LockKeys, Locked(3_000, 4, 2_500)),
        rows(("a", "2")),
    )
    assert result == "0" and under_way.writes == []


def test_many_keys_are_locked_with_one_question_to_each_shard():
    gateway, under_way = Gateway(), transaction()
    running = gateway.statements._access.lock(under_way, ["b", "a", "b"])
    gateway.script, gateway.works, answers = [LOCKED], [], []
    wanted = next(running)
    while True:
        wanted(answers.append)
        try:
            wanted = running.send(answers.pop())
        except StopIteration as end:
            assert end.value is False
            break
    assert gateway.works[0].keys == ("a", "b") and list(under_way.locked) == ["a", "b"]


def test_a_snapshot_moves_up_only_if_what_writes_stand_on_is_the_same():
    gateway, under_way = Gateway(), transaction()
    gateway.perform(under_way, Get("a"), rows(("a", "1")))
    under_way.grounds[span_of("p")] = None
    uncertain = (ReadAt, Uncertain(3_000, 3_100, 4))
    gateway.perform(under_way, Get("b"), uncertain, (CheckUnchanged, Done()), rows(("b", "2")))
    assert gateway.works[1].spans == (span_of("a"), span_of("p"))
