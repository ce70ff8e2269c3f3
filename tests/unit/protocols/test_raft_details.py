"""Single steps of Raft that no scenario tells apart."""

import pytest

from PhantomLibrary.domain import Configuration, LogEntry
from PhantomLibrary.protocols.raft.configuration import ABSENT, LOST, UNBORN
from PhantomLibrary.protocols.raft.effects import (
    Awaken,
    DeadlinePassed,
    DiskFull,
    GoneQuiet,
    Persisted,
    Propose,
    Quiesce,
    Read,
    Refuse,
    SetDeadline,
)
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.leadership import Leadership, Progress
from PhantomLibrary.protocols.raft.log import RaftLog
from PhantomLibrary.protocols.raft.messages import (
    AppendReply,
    HardState,
    Invitation,
    RequestVote,
    TimeoutNow,
    Vote,
)
from PhantomLibrary.protocols.raft.reconfiguring import STEADY_TIMEOUTS
from PhantomLibrary.protocols.raft.replica import ELECTION, HEARTBEAT
from tests.unit.protocols.raft_replicas import (
    BORN_NS,
    HEARTBEAT_NS,
    TIMEOUT_NS,
    append,
    applied,
    be_elected,
    grants,
    leader,
    replica,
    reply,
    said,
    written,
)

# --- who leads --------------------------------------------------------------------------------------------------------


def test_a_leader_that_was_elected_again_is_followed_into_its_new_term():
    it = replica(1)
    it.step(append("n2", 1, (1, 1)), BORN_NS)
    effects = it.step(append("n2", 3, (1, 1)), BORN_NS + 1)
    assert written(effects) == [HardState(3, "")]
    assert [each.term for each in said(effects)] == [3]
    assert (it.term, it.leader) == (3, "n2")


@pytest.mark.parametrize("pre", [False, True])
def test_the_first_word_of_a_leader_keeps_others_from_being_elected(pre):
    it = replica(1)
    it.step(append("n2", 2, (1, 1)), BORN_NS)
    assert not grants(it, "n3", 3, BORN_NS + TIMEOUT_NS - 1, pre=pre)
    assert grants(it, "n3", 3, BORN_NS + TIMEOUT_NS, pre=pre)


def test_who_has_heard_that_its_leader_is_deposed_votes_at_once_where_there_are_no_leases():
    it = replica(1)
    it.step(append("n2", 1, (1, 1)), BORN_NS)
    it.step(Vote(1, "n3", 2, granted=False, pre=True, number=0), BORN_NS + 1)
    assert grants(it, "n3", 3, BORN_NS + 2)


def test_a_damaged_replica_does_not_stand_even_if_its_leader_asks():
    assert said(replica(1).step(TimeoutNow(1, "n2", 1), BORN_NS))
    assert replica(1, damaged=True).step(TimeoutNow(1, "n2", 1), BORN_NS) == []


def test_a_leader_that_is_deposed_by_an_append_that_does_not_fit_refuses_what_waits():
    it = replica(1)
    be_elected(it, 2)
    it.step(Read("r"), BORN_NS)
    effects = it.step(append("n3", 3, (7, 2)), BORN_NS)
    assert Refuse(("r",), "n3") in effects
    assert [each.accepted for each in said(effects)] == [False]


# --- what a leader knows ----------------------------------------------------------------------------------------------


def test_a_copy_counts_as_soon_as_it_is_durable_whatever_is_written_behind_it():
    it = leader()
    it.step(Propose("a", "a"), BORN_NS)
    first_token = it._token
    it.step(Propose("b", "b"), BORN_NS)
    it.step(reply("n2", 2, 4), BORN_NS)
    assert it.commit_index == 2
    assert applied(it.step(Persisted(first_token), BORN_NS)) == [3]
    assert applied(it.step(Persisted(it._token), BORN_NS)) == [4]


def test_what_was_replaced_while_it_was_written_never_counts_as_durable():
    it = replica(1)
    old = [LogEntry(index, 1, "old") for index in range(2, 6)]
    it.step(append("n2", 1, (1, 1), *old), BORN_NS)
    it.step(append("n3", 2, (1, 1), LogEntry(2, 2, "new")), BORN_NS)
    it.step(Persisted(it._token), BORN_NS)
    be_elected(it, 3)
    assert it.log.last_index == 3
    assert not applied(it.step(reply("n2", 3, 3), BORN_NS)), "its own copy is on no disk yet"
    assert applied(it.step(Persisted(it._token), BORN_NS)) == [1, 2, 3]


def test_a_leader_tells_once_that_a_voter_has_lost_its_disk():
    it = leader()
    it.news = False
    it.step(reply("n3", 2, 1, LOST), BORN_NS)
    assert (it.news, it.voters_lost()) == (True, ("n3",))
    it.news = False
    it.step(reply("n3", 2, 2, LOST), BORN_NS)
    assert not it.news


def test_a_voter_whose_replica_was_replaced_by_a_later_one_is_lost():
    it = leader()
    it.news = False
    it.step(reply("n3", 2, 1, number=7), BORN_NS)
    assert (it.news, it.voters_lost()) == (True, ("n3",))


def test_a_learner_whose_node_has_none_is_not_heard_of_and_invited_with_the_next_heartbeat():
    configuration = Configuration(("n1", "n2", "n3"), (), ("n4",), (("n4", 1),))
    it = leader(entries=(LogEntry(1, 1, configuration),))
    assert it.step(reply("n4", 2, 0, ABSENT), BORN_NS) == []
    effects = it.step(DeadlinePassed(HEARTBEAT), BORN_NS + 100)
    assert [each.message for each in effects if getattr(each, "to", "") == "n4"] == [Invitation(1, "n1", 2, 1)]


def test_a_learner_may_get_a_vote_when_it_is_not_far_behind_and_has_its_disk():
    configuration = Configuration(("n1", "n2", "n3"), (), ("n4",), (("n4", 1),))
    it = leader(2, 1, entries=(LogEntry(1, 1, configuration),))
    it.step(reply("n2", 2, 2), BORN_NS)
    assert it.learners_caught_up() == ()
    it.step(reply("n4", 2, 2, number=1), BORN_NS)
    assert it.learners_caught_up() == ("n4",)
    for number in range(it.config.append_entries_max):
        it.step(Propose(number, "x"), BORN_NS)
    assert it.learners_caught_up() == ("n4",)
    it.step(Propose("one more", "x"), BORN_NS)
    assert it.learners_caught_up() == ()
    it.step(reply("n4", 2, it.log.last_index, number=1), BORN_NS)
    assert it.learners_caught_up() == ("n4",)
    it.step(reply("n4", 2, it.log.last_index, number=LOST), BORN_NS)
    assert it.learners_caught_up() == ()


def test_who_lost_its_disk_holds_nothing_that_counts():
    leadership = Leadership("n1", Configuration(("n1", "n2", "n3")), 0)
    for progress in leadership.progress.values():
        progress.accept(5)
        progress.counts = False
    assert leadership.quorum_index(5) == 0


def test_a_refusal_takes_back_no_more_than_it_must():
    progress = Progress(1)
    progress.accept(5)
    progress.refuse(6)
    assert (progress.match_index, progress.next_index) == (5, 6)
    progress.state = "replicate"
    progress.refuse(4)
    assert (progress.match_index, progress.next_index) == (3, 4)


def test_a_refusal_from_before_what_a_follower_has_acknowledged_takes_nothing_back():
    it = leader(3, 1, 1, 2)
    it.step(reply("n2", 3, 4), BORN_NS)
    progress = it._leadership.progress["n2"]
    late = AppendReply(1, "n2", 3, False, 2, 1, 0, 0)
    assert (progress.match_index, progress.next_index, progress.active) == (4, 5, True)
    it.step(late, BORN_NS)
    assert (progress.match_index, progress.next_index) == (4, 5)
    progress.active = False  # The first that is heard of it for long: its disk may be lost.
    it.step(late, BORN_NS)
    assert (progress.match_index, progress.next_index) == (2, 3)


def test_a_log_knows_no_term_of_what_a_snapshot_covers_or_it_does_not_reach():
    log = RaftLog(3, 2, [LogEntry(4, 5, "d"), LogEntry(5, 6, "e")])
    assert [log.term_at(index) for index in range(1, 8)] == [None, None, 2, 5, 6, None, None]


@pytest.mark.parametrize(("source", "is_granted"), [("n2", True), ("n3", False)])
def test_a_quiet_follower_lets_its_leader_stand_anew_and_nobody_else(source, is_granted):
    """A leader that stands has lost its term: what its node said until now counts for it no more."""
    it = replica(1, quiesces=True)
    it.step(append("n2", 1, (1, 1)), BORN_NS)
    it.step(Quiesce("n2", 1, 1), BORN_NS)
    assert it.is_quiet
    late_ns = BORN_NS + 10 * TIMEOUT_NS  # Quiet all the time: no message of the leader's own.
    (vote,) = said(it.step(RequestVote(1, source, 2, 1, 1, pre=True), late_ns))
    assert (vote.granted, it.is_quiet) == (is_granted, False)


# --- disks that do not do their part ----------------------------------------------------------------------------------


def test_a_disk_hangs_as_long_as_its_oldest_write_whatever_is_written_behind_it():
    it = leader()
    it.step(Propose("a", "a"), BORN_NS)
    it.step(Propose("b", "b"), BORN_NS + TIMEOUT_NS)
    it.step(DeadlinePassed(HEARTBEAT), BORN_NS + TIMEOUT_NS)
    assert it.is_leader
    it.step(DeadlinePassed(HEARTBEAT), BORN_NS + TIMEOUT_NS + 1)
    assert not it.is_leader


def test_who_has_no_room_on_its_disk_does_not_stand_until_it_has():
    it = leader()
    it.step(DiskFull(is_full=True), BORN_NS)
    assert not it.is_leader
    it.step(DeadlinePassed(ELECTION), BORN_NS + TIMEOUT_NS)
    assert it.role == "follower"
    it.step(DiskFull(is_full=False), BORN_NS + TIMEOUT_NS)
    it.step(DeadlinePassed(ELECTION), BORN_NS + 2 * TIMEOUT_NS)
    assert it.role == "candidate"


# --- quiet ------------------------------------------------------------------------------------------------------------


def quiet_after(it: Group, idle_ns: int) -> bool:
    return GoneQuiet() in it.step(DeadlinePassed(HEARTBEAT), BORN_NS + idle_ns)


def level_leader() -> Group:
    it = leader(quiesces=True)
    for node in ("n2", "n3"):
        it.step(reply(node, 2, 2), BORN_NS)
    return it


def test_a_leader_falls_quiet_when_nothing_has_come_from_one_heartbeat_to_the_next():
    assert not quiet_after(level_leader(), HEARTBEAT_NS - 1)
    assert quiet_after(level_leader(), HEARTBEAT_NS)


def test_a_leader_whose_disk_has_something_to_do_does_not_fall_quiet():
    it = level_leader()
    it.step(Propose("a", "a"), BORN_NS)
    for node in ("n2", "n3"):
        it.step(reply(node, 2, 3), BORN_NS)
    assert it.commit_index == 3, "the others are enough"
    assert not quiet_after(it, HEARTBEAT_NS)
    it.step(Persisted(it._token), BORN_NS)
    assert quiet_after(it, 2 * HEARTBEAT_NS)


@pytest.mark.parametrize(("event", "after_ns"), [(Awaken(), 0), (Read("r"), HEARTBEAT_NS)])
def test_a_quiet_leader_asks_at_once_when_it_is_in_doubt(event, after_ns):
    it = level_leader()
    assert quiet_after(it, HEARTBEAT_NS)
    assert SetDeadline(HEARTBEAT, after_ns, 0) in it.step(event, BORN_NS + 500)


# --- invitations ------------------------------------------------------------------------------------------------------


def test_an_invitation_tells_who_leads():
    it = replica(1, 2)
    assert said(it.step(Invitation(1, "n2", 2, 0), BORN_NS)) == [AppendReply(1, "n1", 2, False, 2, 2, 0, 0)]
    assert it.leader == "n2"


def test_an_invitation_from_an_earlier_term_is_answered_and_not_followed():
    it = replica(1, 2)
    assert said(it.step(Invitation(1, "n2", 1, 0), BORN_NS)) == [AppendReply(1, "n1", 2, False, 2, 2, 0, 0)]
    assert (it.term, it.leader) == (2, "")


def test_an_invitation_of_another_replica_is_none():
    it = replica(1)
    assert it.step(Invitation(1, "n2", 5, 4), BORN_NS) == []
    assert it.term == 1


def test_a_voter_that_was_never_there_is_invited_and_is_not_lost():
    it = leader()
    assert it.step(reply("n3", 2, 0, UNBORN), BORN_NS) == [] and it.voters_lost() == ()
    effects = it.step(DeadlinePassed(HEARTBEAT), BORN_NS + 100)
    assert [each.message for each in effects if getattr(each, "to", "") == "n3"] == [Invitation(1, "n1", 2, 0)]
    it.step(reply("n3", 2, 2), BORN_NS)
    it.step(reply("n3", 2, 0, UNBORN), BORN_NS)
    assert it.voters_lost() == (), "an old answer, for by now it is there"


# --- who may be handed leadership -------------------------------------------------------------------------------------


def _heard(it, now_ns, *nodes):
    """Let these followers answer, and a quorum be looked at."""
    for node in nodes:
        it.step(reply(node, 2, it.log.last_index), now_ns)
    it.step(DeadlinePassed(ELECTION), now_ns)


def test_a_follower_is_steady_once_it_has_followed_closely_for_a_while():
    it = leader()
    for timeout in range(STEADY_TIMEOUTS):
        assert not it.is_steady("n2", BORN_NS + timeout * TIMEOUT_NS)
        _heard(it, BORN_NS + (timeout + 1) * TIMEOUT_NS, "n2")
    now_ns = BORN_NS + STEADY_TIMEOUTS * TIMEOUT_NS
    assert it.is_steady("n2", now_ns) and not it.is_steady("n2", now_ns - 1)
    assert not it.is_steady("n3", now_ns), "it was silent"
    assert not it.is_steady("n1", now_ns) and not it.is_steady("n9", now_ns)


def test_a_follower_that_was_silent_or_is_far_behind_is_not_steady():
    it = leader()
    for timeout in range(1, 2 * STEADY_TIMEOUTS):
        _heard(it, BORN_NS + timeout * TIMEOUT_NS, "n3", *(["n2"] if timeout != STEADY_TIMEOUTS else []))
    now_ns = BORN_NS + 2 * STEADY_TIMEOUTS * TIMEOUT_NS
    assert it.is_steady("n3", now_ns) and not it.is_steady("n2", now_ns - 1) and it.is_steady("n2", now_ns)
    for number in range(it.config.append_entries_max):
        it.step(Propose(number, number), now_ns)
    assert it.is_steady("n3", now_ns)
    it.step(Propose(None, 0), now_ns)
    assert not it.is_steady("n3", now_ns)
