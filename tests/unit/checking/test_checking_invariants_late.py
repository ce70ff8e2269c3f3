"""Invariants that begin to look in the middle of a run: a replica that was never announced is judged like any other."""

from PhantomLibrary.checking.agreement import check_agreement
from PhantomLibrary.checking.invariants import Invariants
from PhantomLibrary.domain import (
    Configuration,
    EntriesStored,
    LogEntry,
    ReplicaDigest,
    ReplicaRemoved,
    ReplicaState,
    SnapshotInstalled,
)


def headlines(*observations):
    invariants = Invariants()
    for number, observation in enumerate(observations, 1):
        invariants.observe(observation, number * 1_000_000)
    return [violation.headline for violation in invariants.violations]


def state(node, term, role, commit=0, last=0):
    return ReplicaState(node, 1, 1, term, role, commit, commit, last, Configuration(("n1", "n2", "n3")))


def stored(node, index, term, command="x"):
    return EntriesStored(node, 1, 1, (LogEntry(index, term, command),))


def test_two_leaders_that_were_never_seen_before_are_named():
    found = headlines(state("n1", 7, "leader"), state("n3", 7, "leader"))
    assert found == ["INV-001: shard 1: n3 leads term 7, which n1 led at 0.001 s, at 0.002 s"]


def test_entries_of_replicas_that_were_never_seen_before_are_compared():
    (found,) = headlines(stored("n1", 5, 2, "a"), stored("n2", 5, 2, "b"))
    assert found.startswith("INV-002: shard 1: n2 stored another entry 5 of term 2 than was known")


def test_a_log_that_was_first_seen_in_its_middle_has_no_gap_before_and_none_after():
    assert headlines(stored("n1", 5, 2), stored("n1", 6, 2)) == []
    (found,) = headlines(stored("n1", 5, 2), stored("n1", 8, 2))
    assert found.startswith("INV-002: shard 1: n1 stored entry 8 although its log ended at 5")


def test_a_snapshot_on_a_replica_that_was_never_seen_before_is_compared():
    (found,) = headlines(
        stored("n1", 1, 2), state("n1", 2, "follower", 1, 1), SnapshotInstalled("n2", 1, 1, 1, 3, False)
    )
    assert found.startswith("INV-004: shard 1: n2 holds a snapshot up to entry 1 of term 3")


def test_a_replica_that_comes_after_one_that_was_removed_begins_anew():
    before = stored("n1", 1, 5), state("n1", 5, "follower", 1, 1)
    assert headlines(*before, ReplicaRemoved("n1", 1, 1), state("n1", 1, "follower")) == []
    assert len(headlines(*before, state("n1", 1, "follower"))) == 2, "a term and a commit index that fell"


def test_evidence_of_long_commands_stays_short():
    invariants = Invariants()
    for number, node in enumerate(("n1", "n2"), 1):
        invariants.observe(stored(node, 5, 2, node * 500), number)
    (violation,) = invariants.violations
    assert violation.evidence and all(len(line) <= 200 for line in violation.evidence)


def test_of_replicas_that_do_not_agree_the_same_are_named_in_whatever_order_they_come():
    digests = [ReplicaDigest(node, shard, 7, ord(node[1])) for shard in (2, 1) for node in ("n3", "n1", "n2")]
    headline = "RPL-001: shard 1: n1 and n2 hold different data although both applied entries up to 7"
    assert check_agreement(digests).headline == check_agreement(digests[::-1]).headline == headline
