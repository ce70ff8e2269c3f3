"""Each invariant of the exhaustive search can be broken, by a Raft with one mistake that is made for it."""

from msgspec.structs import replace

from PhantomLibrary.domain import LogEntry
from PhantomLibrary.exploration.exhaustive import Bounds, Counterexample, search
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import Recovered, RequestVote
from PhantomLibrary.zoo.raft_defects import CommitsAlone, ForgetsItsVote

ONE_LEADER = Bounds(terms=4, timeouts=1, heartbeats=1, proposals=1, messages_under_way=2)


class VotesForAnyone(Group):
    def _on_request_vote(self, message, now_ns):
        self.vote = ""
        return super()._on_request_vote(message, now_ns)


class VotesForAnyLog(Group):
    def _may_vote_for(self, message: RequestVote) -> bool:
        return self.formatted


class AppendsAnywhere(Group):
    def _on_append(self, message, now_ns):
        term = self.log.term_at(message.prev_index)
        return super()._on_append(message if term is None else replace(message, prev_term=term), now_ns)


class CommitsItsOwnTail(Group):
    def _on_append(self, message, now_ns):
        effects = super()._on_append(message, now_ns)
        index = min(message.commit_index, self.log.last_index)
        return [*effects, self._commit(index)] if index > self.commit_index else effects


class ForgetsWhatIsCommitted(Group):
    def _check_quorum(self, now_ns):
        self.commit_index = 0
        return super()._check_quorum(now_ns)


class TakesNoCommand(Group):
    def _on_propose(self, event, now_ns):
        assert not self.is_leader, "no commands, please"
        return super()._on_propose(event, now_ns)


def disk(*terms: int) -> Recovered:
    return Recovered(term=3, entries=tuple(LogEntry(index, term, "x") for index, term in enumerate(terms, 1)))


def broken(defect: type[Group], bounds: Bounds = ONE_LEADER, **disks: Recovered) -> Counterexample:
    found = search(bounds, group_class=defect, disks=disks).counterexample
    assert found is not None
    return found


def test_two_leaders_of_a_term_break_election_safety():
    bounds = Bounds(timeouts=2, heartbeats=0, proposals=0, messages_under_way=2)
    assert broken(VotesForAnyone, bounds).invariant == "ElectionSafety"


def test_leader_without_a_committed_entry_breaks_leader_completeness():
    bounds = Bounds(timeouts=3, heartbeats=0, proposals=0, messages_under_way=2)
    assert broken(VotesForAnyLog, bounds).invariant == "LeaderCompleteness"


def test_logs_that_agree_only_at_their_end_break_log_matching():
    found = broken(AppendsAnywhere, n1=disk(1, 2), n2=disk(1, 3), n3=disk(1))
    assert found.invariant == "LogMatching"
    assert found.evidence == "two logs agree at entry 3 of term 4, but not in all before it"


def test_another_entry_at_a_committed_place_breaks_state_machine_safety():
    found = broken(CommitsItsOwnTail, n1=disk(1, 3), n2=disk(1), n3=disk(1, 2))
    assert found.invariant == "StateMachineSafety"
    assert found.evidence == "n3 applies entry 2 of term 2, but entry 2 of term 3 was committed"


def test_commit_index_that_falls_is_no_longer_monotone():
    bounds = Bounds(timeouts=2, heartbeats=0, proposals=0, messages_under_way=2)
    assert broken(ForgetsWhatIsCommitted, bounds).invariant == "CommitIsMonotone"


def test_failed_assertion_of_the_code_is_told():
    found = broken(TakesNoCommand)
    assert found.invariant == "Assertion"
    assert found.evidence.startswith("n1: no commands, please")


def test_bounds_bound():
    fresh = {"timeouts": 2, "heartbeats": 0, "proposals": 0, "messages_under_way": 2}
    assert search(Bounds(**fresh, crashes=0), group_class=ForgetsItsVote).exhausted  # It forgets by crashing alone.
    assert search(Bounds(**fresh, terms=1), group_class=CommitsAlone).exhausted  # It takes a second leader to notice.
