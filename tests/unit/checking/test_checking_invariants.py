"""Invariants against scripted observations: each rule broken once, and lawful runs that must raise no alarm."""

import pytest

from PhantomLibrary.checking.agreement import check_agreement
from PhantomLibrary.checking.invariants import Invariants
from PhantomLibrary.checking.observed import RETAINED
from PhantomLibrary.checking.transaction_invariants import ENDED_KEPT_MAX
from PhantomLibrary.domain import (
    Configuration,
    EntriesStored,
    LogCompacted,
    LogEntry,
    NodeStopped,
    ReplicaDigest,
    ReplicaRecovered,
    ReplicaState,
    SnapshotInstalled,
    TransactionEnded,
    TransactionPrepared,
)

VOTERS = ("n1", "n2", "n3")


class Script:
    """Plays observations of shard 1, one a millisecond. Entries: `(index, term)` or `(index, term, command)`."""

    def __init__(self):
        self.invariants = Invariants()
        self.incarnations = dict.fromkeys(VOTERS, 1)
        self.now_ns = 0
        for node in VOTERS:
            self.recover(node)

    def play(self, observation):
        self.now_ns += 1_000_000
        self.invariants.observe(observation, self.now_ns)
        return self

    def state(self, node, term, role="follower", commit=0, last=None, applied=None):
        incarnation = self.incarnations[node]
        last, applied = commit if last is None else last, commit if applied is None else applied
        return self.play(ReplicaState(node, 1, incarnation, term, role, commit, applied, last, Configuration(VOTERS)))

    def store(self, node, *entries):
        return self.play(EntriesStored(node, 1, self.incarnations[node], made(entries)))

    def snapshot(self, node, index, term, *, keeps_tail=False):
        return self.play(SnapshotInstalled(node, 1, self.incarnations[node], index, term, keeps_tail))

    def compact(self, node, index):
        return self.play(LogCompacted(node, 1, self.incarnations[node], index))

    def stop(self, node):
        self.incarnations[node] += 1
        return self.play(NodeStopped(node))

    def recover(self, node, *entries, base=0, base_term=0):
        return self.play(ReplicaRecovered(node, 1, self.incarnations[node], base, base_term, made(entries)))

    @property
    def codes(self):
        return [violation.code for violation in self.invariants.violations]

    @property
    def message(self):
        (violation,) = self.invariants.violations
        return violation.headline


def made(entries):
    return tuple(LogEntry(index, term, (command or ["x"])[0]) for index, term, *command in entries)


@pytest.fixture
def script():
    return Script()


def replicate(script, nodes, leader, term, first, last):
    """Let a leader and others store and commit entries one by one, each as an object that all share."""
    for index in range(first, last + 1):
        entries = made([(index, term)])
        for node in nodes:
            script.play(EntriesStored(node, 1, script.incarnations[node], entries))
        for node in (leader, *(node for node in nodes if node != leader)):
            script.state(node, term, "leader" if node == leader else "follower", index)


def test_lawful_run_with_crash_election_truncation_and_snapshot_raises_no_alarm(script):
    script.state("n1", 2, "leader")
    replicate(script, VOTERS, "n1", 2, 1, 5)
    script.store("n1", (6, 2, "lost")).state("n1", 2, "leader", 5, 6)
    script.state("n2", 3, "candidate", 5).state("n2", 3, "leader", 5)
    replicate(script, ("n2", "n3"), "n2", 3, 6, 9)
    script.store("n1", (6, 3)).state("n1", 3, "follower", 6)
    script.compact("n2", 8).stop("n3").recover("n3", *((index, 2) for index in range(1, 6)), (6, 3), (7, 3))
    script.state("n3", 3, "follower", 0, 7).state("n3", 3, "follower", 7)
    script.snapshot("n1", 9, 3).state("n1", 3, "follower", 9)
    script.state("n1", 4, "leader", 9)
    replicate(script, VOTERS[:2], "n1", 4, 10, 12)
    script.store("n3", (8, 3), (9, 3)).store("n3", (10, 4), (11, 4), (12, 4)).state("n3", 4, "follower", 12)
    assert script.codes == []


def test_two_leaders_of_one_term_are_named(script):
    script.state("n1", 7, "leader").state("n3", 7, "leader")
    assert script.message == "INV-001: shard 1: n3 leads term 7, which n1 led at 0.004 s, at 0.005 s"


def test_leader_that_leads_on_in_the_term_of_another_is_a_second_one(script):
    script.state("n1", 6, "leader").state("n3", 7, "leader").state("n1", 7, "leader")
    assert script.codes == ["INV-001"]


def test_leaders_of_different_terms_and_shards_are_lawful(script):
    script.state("n1", 7, "leader").state("n3", 8, "leader").state("n1", 7, "leader")
    script.play(ReplicaState("n2", 2, 1, 7, "leader", 0, 0, 0, Configuration(VOTERS)))
    assert script.codes == []


def test_leader_that_leads_its_term_again_after_a_restart_is_a_second_one(script):
    script.state("n1", 7, "leader").stop("n1").recover("n1").state("n1", 7, "leader")
    assert script.message.startswith("INV-001: shard 1: n1 leads term 7 again after a restart")


def test_same_index_and_term_with_another_command_is_a_violation(script):
    script.store("n1", (1, 2, "x")).store("n2", (1, 2, "y"))
    assert script.message == "INV-002: shard 1: n2 stored another entry 1 of term 2 than was known, at 0.005 s"
    assert script.invariants.violations[0].evidence == (
        "known: index 1, term 2, 'x'",
        "stored: index 1, term 2, 'y'",
    )


def test_same_entry_after_another_prefix_is_a_violation(script):
    script.store("n1", (1, 2), (2, 3)).store("n2", (1, 1), (2, 3))
    assert script.codes == ["INV-002"]


def test_entries_of_other_terms_are_compared_too(script):
    script.store("n1", (1, 2)).store("n2", (1, 3, "x")).store("n3", (1, 3, "y"))
    assert script.codes == ["INV-002"]


def test_first_entry_is_not_forgotten_for_one_of_another_term(script):
    script.store("n1", (1, 2, "x")).store("n2", (1, 3, "x")).store("n3", (1, 2, "y"))
    assert script.codes == ["INV-002"]


def test_equal_entries_that_are_no_shared_objects_match(script):
    script.store("n1", (1, 2, ("put", "k"))).store("n2", (1, 2, ("put", "k")))
    assert script.codes == []


def test_gap_in_a_log_is_a_violation(script):
    script.store("n1", (1, 2)).store("n1", (3, 2))
    assert script.message.startswith("INV-002: shard 1: n1 stored entry 3 although its log ended at 1")


def test_gap_in_a_recovered_log_is_a_violation(script):
    script.stop("n1").recover("n1", (1, 2), (3, 2))
    assert script.message.startswith("INV-002: shard 1: n1 stored entry 3 although its log ended at 1")


def test_recovered_log_is_compared(script):
    script.store("n1", (1, 2, "x")).stop("n2").recover("n2", (1, 2, "y"))
    assert script.codes == ["INV-002"]


def test_tail_that_does_not_follow_the_snapshot_is_a_violation(script):
    script.store("n1", (1, 2), (2, 2), (3, 2))
    script.store("n2", (1, 2), (2, 2), (3, 2)).snapshot("n2", 2, 3, keeps_tail=True)
    assert script.codes == ["INV-002"]


def test_tail_that_follows_the_snapshot_is_lawful(script):
    script.store("n1", (1, 2), (2, 2), (3, 2)).snapshot("n1", 2, 2, keeps_tail=True).store("n1", (4, 2))
    assert script.codes == []


def committed_by_majority(script):
    script.state("n1", 2, "leader")
    for node in ("n1", "n2"):
        script.store(node, (1, 2), (2, 2))
    return script.state("n1", 2, "leader", 2).state("n2", 2, "follower", 2)


def test_leader_without_a_committed_entry_is_named(script):
    committed_by_majority(script).store("n3", (1, 2)).state("n3", 3, "leader", 0, 1)
    assert script.message == (
        "INV-003: shard 1: n3 leads term 3 without entry 2 of term 2, which was committed in an earlier term"
        " (its log ends at 1), at 0.010 s"
    )


def test_leader_with_another_entry_in_place_of_a_committed_one_is_named(script):
    committed_by_majority(script).store("n3", (1, 2), (2, 1)).state("n3", 3, "leader", 0, 2)
    assert script.codes == ["INV-003"]


def test_leader_whose_snapshot_covers_what_was_committed_is_lawful(script):
    committed_by_majority(script).snapshot("n3", 2, 2).state("n3", 3, "leader", 2)
    assert script.codes == []


def test_leader_need_not_have_what_is_committed_in_its_own_or_a_later_term(script):
    committed_by_majority(script).state("n3", 2, "leader", 0, 0)
    assert script.codes == ["INV-001"]


def test_commit_seen_after_the_next_election_counts_for_it(script):
    script.state("n1", 2, "leader").store("n1", (1, 2)).store("n2", (1, 2))
    script.state("n3", 3, "leader", 0, 0).state("n1", 2, "leader", 1)
    assert script.codes == ["INV-003"]


def test_commit_seen_after_the_next_election_asks_nothing_of_followers_and_of_leaders_of_earlier_terms(script):
    script.state("n3", 1, "leader").state("n1", 2, "leader").store("n1", (1, 2)).store("n2", (1, 2))
    script.state("n2", 3, "leader", 0, 1).state("n2", 3, "follower", 0, 1).state("n1", 2, "leader", 1)
    assert script.codes == []


def test_commit_counts_by_the_term_of_commitment_not_of_the_entry(script):
    """Figure 8 of the Raft paper: an entry of term 2 on a majority, replaced by one of term 3, is lawful."""
    script.store("n1", (1, 2)).store("n2", (1, 2)).store("n3", (1, 3))
    script.state("n3", 5, "leader", 0, 1).store("n1", (1, 3)).store("n2", (1, 3)).store("n3", (2, 5))
    script.store("n1", (2, 5)).state("n3", 5, "leader", 2)
    assert script.codes == []


def test_different_committed_entries_are_a_violation(script):
    script.store("n1", (1, 2)).state("n1", 2, "follower", 1).store("n2", (1, 3)).state("n2", 3, "follower", 1)
    assert script.message.startswith("INV-004: shard 1: n2 committed another entry 1 than was committed before")


def test_committed_entry_that_is_overwritten_is_a_violation(script):
    committed_by_majority(script).store("n2", (2, 3)).state("n2", 3, "follower", 2)
    assert script.codes == ["INV-004"]


def test_committed_entries_that_are_cut_off_are_a_violation(script):
    committed_by_majority(script).store("n2", (1, 2))
    assert script.message.startswith("INV-004: shard 1: n2 dropped committed entry 2 from its log in term 2")


def test_old_snapshot_that_removes_committed_entries_is_a_violation(script):
    committed_by_majority(script).snapshot("n2", 1, 2)
    assert script.message.startswith("INV-004: shard 1: n2 dropped committed entries 2 to 2 for a snapshot up to 1")


def test_snapshot_of_another_term_than_was_committed_is_a_violation(script):
    committed_by_majority(script).snapshot("n3", 2, 1)
    assert script.codes == ["INV-004"]


def test_commit_shown_before_its_entries_is_compared_when_they_come(script):
    script.store("n1", (1, 2)).state("n1", 2, "follower", 1)
    script.state("n2", 2, "follower", 1, 1)
    assert script.codes == []
    script.store("n2", (1, 1))
    assert script.codes == ["INV-004"]


def test_commit_index_that_falls_is_a_violation_unless_the_node_restarted(script):
    script.store("n1", (1, 2), (2, 2)).state("n1", 2, "follower", 2)
    script.stop("n1").recover("n1", (1, 2), (2, 2)).state("n1", 2, "follower", 0, 2)
    assert script.codes == []
    script.state("n1", 2, "follower", 2).state("n1", 2, "follower", 1, 2)
    assert script.message.startswith("INV-005: shard 1: the commit index of n1 fell from 2 to 1 in term 2")


@pytest.mark.parametrize(("commit", "last", "applied"), [(2, 1, 1), (1, 2, 2)])
def test_indexes_out_of_order_are_a_violation(script, commit, last, applied):
    script.store("n1", (1, 2), (2, 2)).state("n1", 2, "follower", commit, last, applied)
    assert script.codes == ["INV-006"]


def test_term_that_falls_is_a_violation_unless_the_node_restarted(script):
    script.state("n1", 5).stop("n1").recover("n1").state("n1", 3)
    assert script.codes == []
    script.state("n1", 2)
    assert script.message.startswith("INV-007: shard 1: n1 went back from term 3 to 2")


def test_first_violation_of_a_kind_and_shard_is_kept(script):
    for term in range(2, 50):
        script.state("n1", term, "leader").state("n2", term, "leader")
    assert len(script.invariants.violations) == 1


def test_memory_stays_flat_in_a_long_run(script):
    replicate(script, VOTERS, "n1", 2, 1, 5 * RETAINED)
    assert script.codes == []
    assert script.invariants.entries_kept <= 5 * 3 * RETAINED


def test_what_is_remembered_survives_forgetting(script):
    count = 3 * RETAINED
    replicate(script, VOTERS, "n1", 2, 1, count)
    assert script.codes == []
    script.store("n3", (count, 2, "other"))
    assert "INV-002" in script.codes
    script.state("n3", 3, "leader", count)
    assert "INV-003" in script.codes


def test_replica_that_lags_far_behind_is_still_compared(script):
    replicate(script, VOTERS[:2], "n1", 2, 1, 3 * RETAINED)
    script.store("n3", (1, 1)).state("n3", 2, "follower", 1)
    assert script.codes == ["INV-004"]


def test_replica_that_nobody_announced_is_taken_as_it_shows_itself():
    invariants = Invariants()
    invariants.observe(ReplicaState("n1", 1, 1, 2, "leader", 6, 6, 6, Configuration(VOTERS)), 5)
    invariants.observe(EntriesStored("n1", 1, 1, made([(7, 2)])), 6)
    invariants.observe(EntriesStored("n2", 1, 1, made([(6, 2), (7, 2)])), 6)
    invariants.observe(EntriesStored("n3", 1, 1, made([(6, 1), (7, 2)])), 6)
    assert [violation.code for violation in invariants.violations] == ["INV-002"]


def test_agreeing_replicas_are_valid():
    digests = [ReplicaDigest(node, shard, 7, shard) for node in VOTERS for shard in (0, 1)]
    assert check_agreement(digests).outcome == "valid"


@pytest.mark.parametrize(
    ("digests", "headline"),
    [
        ([("n1", 7, 1), ("n2", 7, 2), ("n3", 8, 1)],
         "RPL-001: shard 3: n1 and n2 hold different data although both applied entries up to 7"),
        ([("n1", 7, 1), ("n2", 8, 2)], "RPL-002: shard 3: n1 applied entries up to 7 only, n2 up to 8"),
        ([], "RPL-003: no live replica was there to compare"),
    ],
)  # fmt: skip
def test_replicas_that_do_not_agree_are_named(digests, headline):
    verdict = check_agreement([ReplicaDigest(node, 3, applied, digest) for node, applied, digest in digests])
    assert (verdict.outcome, verdict.headline) == ("invalid", headline)


# --- transactions -----------------------------------------------------------------------------------------------------


def transactions_end(*ends):
    """Return the codes of what is broken when transactions end like this: (shard, transaction, commit time)."""
    invariants = Invariants()
    for shard, transaction, commit_ns in ends:
        invariants.observe(TransactionEnded("n1", shard, transaction, commit_ns, 9), 5)
    return [(each.code, each.message) for each in invariants.violations]


def test_a_transaction_that_ends_alike_everywhere_breaks_nothing():
    assert transactions_end((1, "t", 7), (2, "t", 7), (1, "t", 7), (1, "u", 0), (2, "u", 0), (1, "v", 8)) == []


def test_a_transaction_that_commits_here_and_is_rolled_back_there_is_seen():
    ((code, message),) = transactions_end((1, "t", 7_000_000_000), (2, "t", 0))
    assert code == "INV-008"
    assert message.startswith("shard 2: transaction t was rolled back, and committed as of 7.000 s in shard 1")
    assert "in shard" not in transactions_end((1, "t", 0), (1, "t", 9))[0][1]


def test_two_commit_times_of_a_transaction_are_seen():
    assert [code for code, _ in transactions_end((1, "t", 7), (2, "t", 8), (1, "t", 7))] == ["INV-009"]


def test_a_transaction_that_is_prepared_where_it_has_ended_is_seen():
    invariants = Invariants()
    for observation in (
        TransactionPrepared("n1", 1, "t", 3),
        TransactionEnded("n1", 1, "t", 0, 5),
        TransactionPrepared("n2", 2, "t", 8),  # It has not heard yet.
        TransactionEnded("n2", 2, "t", 0, 9),
        TransactionEnded("n2", 2, "t", 0, 12),
        TransactionPrepared("n2", 2, "u", 13),
        TransactionPrepared("n3", 2, "t", 8),  # It was paused, and led before: this is the same entry.
    ):
        invariants.observe(observation, 5)
    assert invariants.violations == []
    invariants.observe(TransactionPrepared("n3", 2, "t", 10), 5)
    (violation,) = invariants.violations
    assert violation.code == "INV-010"
    assert "shard 2: transaction t was prepared after its end: it was rolled back before" in violation.message


def test_what_is_remembered_of_transactions_is_bounded():
    invariants = Invariants()
    for number in range(ENDED_KEPT_MAX + 10):
        invariants.observe(TransactionEnded("n1", 1, number, 0, 1), 5)
    assert len(invariants.transactions) == ENDED_KEPT_MAX
