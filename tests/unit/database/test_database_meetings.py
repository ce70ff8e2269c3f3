"""Open transactions meet the clocks of leaders when they take their snapshot."""

import pytest

from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.database.transactions.meetings import (
    MET_AT_ONCE_MAX,
    answer_meeting,
    meet_leaders,
    note_meeting,
)
from PhantomLibrary.database.transactions.messages import Meet, Met
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.domain import SECOND_NS, Begin, Commit, Get, Ok, Put, Within
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.transactions.values import TransactionId
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec

T1 = TransactionId(1, "n1", 1)


class Node:
    """A node that leads shard 1 in term 4; what it holds is ahead of its wall clock."""

    node = "n1"

    def __init__(self):
        self.env, self.sent = self, []
        self.clock = HybridClock(lambda: 1_000)

    def leaderships(self):
        self.clock.observe(5_000)
        return ((1, 4),)

    def send(self, to, message):
        self.sent.append((to, message))


def routes(*shards):
    """Return a map of shards with these voters, of which nobody is known to lead."""
    found = Routes((ShardDescriptor(0, "", "", 1, ("n1",)),))
    for number, voters in enumerate(shards, 1):
        start, end = f"k{number:02}" if number > 1 else "", f"k{number + 1:02}" if number < len(shards) else ""
        found.learn(ShardDescriptor(number, start, end, 1, voters))
    return found


def test_the_answer_is_above_all_that_the_node_holds():
    assert answer_meeting(Node(), Meet(TransactionId(1, "n7", 1))) == (
        "n7",
        Met(TransactionId(1, "n7", 1), 5_001, ((1, 4),)),
    )


def test_each_node_that_may_lead_is_asked_once_and_this_one_at_once():
    node, transaction = Node(), OpenTransaction(T1, "snapshot", 0)
    known = routes(("n1", "n2"), ("n2", "n3"), ("n4", "n5"))
    known.learn_leader(3, "n5")
    meet_leaders(node, known, transaction)
    assert node.sent == [(each, Meet(T1)) for each in ("n2", "n3", "n5")]
    assert transaction.met == {1: (4, 5_001)}


@pytest.mark.parametrize(
    ("written_ns", "promised_ns", "term", "is_uncertain"),
    [
        (1_500, 1_900, 4, True),
        (1_500, 2_000, 4, True),
        (1_500, 2_001, 4, False),  # Promised after its leader was met: it came later than this transaction.
        (1_500, 2_001, 5, True),  # Of another leader's clock nothing is known.
        (1_600, 1_900, 4, True),
        (1_601, 1_900, 4, False),
    ],
)
def test_what_may_be_older_in_truth_is_told_by_the_clock_of_the_leader_that_was_met(
    written_ns, promised_ns, term, is_uncertain
):
    transaction = OpenTransaction(T1, "snapshot", 0)
    transaction.begin_snapshot(1_000, 600)
    transaction.meet(1, 4, 2_000)
    transaction.meet(1, 4, 3_000)  # Only the first time counts.
    assert transaction.is_uncertain(1, term, written_ns, promised_ns) is is_uncertain
    assert transaction.is_uncertain(2, 4, 1_500, 9_000)  # Nor of a shard whose leader was never met.


def test_questions_are_bounded():
    node = Node()
    meet_leaders(node, routes(*((f"m{number}",) for number in range(99))), OpenTransaction(T1, "snapshot", 0))
    assert len(node.sent) == MET_AT_ONCE_MAX


def test_what_is_known_of_a_shard_in_the_same_term_is_kept():
    transaction = OpenTransaction(T1, "snapshot", 0)
    transaction.meet(1, 4, 3_000)
    note_meeting(transaction, Met(T1, 5_000, ((1, 4), (2, 7))))
    assert transaction.met == {1: (4, 3_000), 2: (7, 5_000)}
    note_meeting(transaction, Met(T1, 6_000, ((1, 5),)))
    assert transaction.met[1] == (5, 6_000)


# --- in a cluster -----------------------------------------------------------------------------------------------------


class Story:
    def __init__(self, level):
        self.run = Run(RunSpec(seed=3, shards=4, nodes=5))
        self.level = level
        self.run.advance(2 * SECOND_NS)
        self.sessions = {name: self.run.sessions.open(number, home="n1") for number, name in enumerate("rw", 900)}
        for key in ("k1", "k6"):
            self.do("w", Put(key, "old"))

    def do(self, who, operation):
        task = Task(self.run.scheduler, self.sessions[who].call(operation), who)
        assert self.run.advance(self.run.now_ns + 5 * SECOND_NS, lambda: task.is_done)
        return task.result

    def write_both(self):
        self.do("w", Begin("serializable"))
        for key in ("k1", "k6"):
            assert self.do("w", Within(Put(key, "new"))) == Ok()
        assert isinstance(self.do("w", Commit()), Ok)

    def read_around_it(self):
        """Read one key before another transaction writes both, and one after that."""
        self.do("r", Begin(self.level))
        first = self.do("r", Within(Get("k1")))
        self.write_both()
        return first, self.do("r", Within(Get("k6")))


@pytest.mark.parametrize("level", ["snapshot", "serializable"])
def test_who_comes_late_to_a_shard_reads_what_was_there(level):
    assert Story(level).read_around_it() == (Ok("old"), Ok("old"))


def test_who_has_met_nobody_has_to_begin_anew():
    story = Story("snapshot")
    now_ns = story.run.now_ns
    story.run.perform(Command("drop messages", now_ns, now_ns, arguments={"kind": "met"}))
    first, second = story.read_around_it()
    assert first == Ok("old") and "was read, and another transaction has written it since" in second.reason


def test_at_read_committed_each_statement_sees_what_is_committed_by_then():
    story = Story("read committed")
    assert story.read_around_it() == (Ok("old"), Ok("new"))


def test_what_was_committed_before_the_first_statement_is_seen_however_clocks_are():
    for slow in ("n1", "n2", "n3", "n4", "n5"):
        story = Story("snapshot")
        now_ns = story.run.now_ns
        arguments = {"offset_ns": -200_000_000}
        story.run.perform(Command("skew clock", now_ns, now_ns, slow, arguments=arguments))
        story.do("r", Begin("snapshot"))
        story.write_both()
        assert (story.do("r", Within(Get("k1"))), story.do("r", Within(Get("k6")))) == (Ok("new"), Ok("new"))
