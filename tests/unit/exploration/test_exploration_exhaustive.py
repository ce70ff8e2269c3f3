"""The exhaustive search finds planted defects and nothing else, and what it walks through is what hosts do."""

import random

import pytest

from PhantomLibrary.domain import LogEntry
from PhantomLibrary.exploration.exhaustive import _NODES, Bounds, _Search, search
from PhantomLibrary.protocols.raft.effects import DeadlinePassed, Propose
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import Recovered
from PhantomLibrary.protocols.raft.replica import ELECTION, HEARTBEAT
from PhantomLibrary.zoo import raft_defects
from tests.unit.protocols.raft_defects import AnswersBeforeItIsDurable
from tests.unit.protocols.raft_harness import Clock, Host, Watch

TWO_ELECTIONS = Bounds(timeouts=2, heartbeats=0, proposals=0, messages_under_way=2, crashes=1)
ONE_LEADER = Bounds(timeouts=1, heartbeats=1, proposals=1, messages_under_way=2, duplicates=1)
LATE_DISK = Bounds(timeouts=1, heartbeats=0, proposals=1, messages_under_way=2, crashes=1, late_disks=1)


def disk(term: int, terms: tuple[int, ...]) -> Recovered:
    return Recovered(term=term, entries=tuple(LogEntry(index, each, "x") for index, each in enumerate(terms, 1)))


# Raft paper, Figure 8 (b), with three nodes: n1 led term 2 and n3 led term 3, each alone with its entry.
FIGURE_8 = {"n1": disk(3, (1, 2)), "n2": disk(3, (1,)), "n3": disk(3, (1, 3))}
FIGURE_8_BOUNDS = Bounds(terms=5, timeouts=2, heartbeats=0, proposals=0, messages_under_way=2)


# --- what it finds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bounds", [TWO_ELECTIONS, ONE_LEADER, LATE_DISK])
def test_raft_breaks_nothing_within_bounds(bounds):
    result = search(bounds)
    assert result.exhausted and result.counterexample is None
    assert result.states > 5_000 and result.depth > 20


@pytest.mark.parametrize(
    ("defect", "bounds", "invariant"),
    [
        (raft_defects.ForgetsItsVote, TWO_ELECTIONS, "ElectionSafety"),
        (raft_defects.CommitsAlone, Bounds(timeouts=2, heartbeats=0, messages_under_way=2), "LeaderCompleteness"),
        (raft_defects.TruncatesBlindly, ONE_LEADER, "CommitIsHeld"),
        (AnswersBeforeItIsDurable, TWO_ELECTIONS, "ElectionSafety"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_defect_is_found_and_told(defect, bounds, invariant):
    result = search(bounds, group_class=defect)
    assert result.counterexample is not None and not result.exhausted
    assert result.counterexample.invariant == invariant
    assert len(result.counterexample.actions) == result.depth


def test_commit_of_an_earlier_term_is_found_from_figure_8_on():
    found = search(FIGURE_8_BOUNDS, group_class=raft_defects.CommitsEarlierTerms, disks=FIGURE_8).counterexample
    assert found is not None
    assert found.invariant == "LeaderCompleteness"
    assert found.evidence == "n3 leads term 5 without entry 2 of term 2, committed in term 4"


def test_shortest_run_to_a_second_leader_of_a_term_is_read_line_by_line():
    found = search(TWO_ELECTIONS, group_class=raft_defects.ForgetsItsVote).counterexample
    assert found is not None
    assert str(found).splitlines()[:2] == [
        "ElectionSafety: n1 is elected in term 1, which had a leader before",
        "  1. n1 has heard nothing for an election timeout: n1 is candidate of term 0, log empty, committed 0",
    ]
    assert any("crashes and restarts: n2 is follower of term 0" in action for action in found.actions)


def test_search_that_is_stopped_does_not_claim_to_be_exhaustive():
    assert not search(TWO_ELECTIONS, states_max=1_000).exhausted
    assert not search(TWO_ELECTIONS, is_over=lambda: True).exhausted


def test_same_search_twice_visits_the_same():
    assert search(LATE_DISK) == search(LATE_DISK)


# --- what it rests on -------------------------------------------------------------------------------------------------


class Sent(Watch):
    def __init__(self):
        self.messages = []

    def sent(self, host, to, message):
        self.messages.append((to, message))


def mirror(walked, hosts, action, step):
    """Do in hosts what the search says that it did; return what they sent."""
    node, kind, detail = action
    replicas = walked.replicas
    host = hosts[node]
    sent = host.watch.messages = []
    silent_ns = host.clock.now_ns - host.config.election_timeout_ns
    host.group._heard_ns, host.group._granted_ns = host.clock.now_ns, silent_ns
    if kind == "crash":
        host.crash(kept_records=detail)
        host.start()
    elif kind == "persist":
        host.release()
    elif kind == "timeout":
        host.group._heard_ns = silent_ns
        host.step(DeadlinePassed(ELECTION))
    elif kind == "heartbeat":
        host.step(DeadlinePassed(HEARTBEAT))
    elif kind == "propose":
        host.step(Propose(0, "x"))
    else:
        before = next(number for number in range(len(replicas.all)) if replicas.all[number] is host.mirrored)
        if step != replicas._step(before, replicas.messages[detail][1]):
            host.group._heard_ns = silent_ns
        host.step(replicas.messages[detail][1])
    host.mirrored = replicas.all[step.after]
    return sent


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("late_disks", [0, 2])
def test_hosts_do_what_the_search_says_that_replicas_do(seed, late_disks):
    bounds = Bounds(4, 6, 5, timeouts=9, heartbeats=9, proposals=5, duplicates=9, crashes=5, late_disks=late_disks)
    walked = _Search(bounds, Group, {})
    hosts = [
        Host(replica.group.config, Clock(), Sent(), lambda spread_ns: 0)
        for replica in (walked.replicas.all[number] for number in walked.first[:_NODES])
    ]
    for host, number in zip(hosts, walked.first[:_NODES], strict=True):
        host.holds_persists, host.clock.now_ns, host.mirrored = True, 10_000, walked.replicas.all[number]
        host.start()
    state, choose = walked.first, random.Random(seed).choice
    for _ in range(150):
        successors = walked._successors(state)
        if not successors:
            break
        action, step, _, state, violation = choose(successors)
        assert not violation
        sent = mirror(walked, hosts, action, step)
        assert set(sent) == {walked.replicas.messages[each] for each in step.sent}
        for host, number in zip(hosts, state[:_NODES], strict=True):
            replica = walked.replicas.all[number]
            assert host.group.view == replica.group.view
            assert host.group.log.all_entries() == replica.group.log.all_entries()
            assert host.durable.recovered() == replica.durable
            assert host.records_under_way() == replica.records_under_way()


@pytest.mark.parametrize("seed", range(10))
def test_states_that_differ_in_names_alone_are_one(seed):
    bounds = Bounds(4, 6, 5, timeouts=9, heartbeats=9, proposals=5, duplicates=9, crashes=5, late_disks=1)
    walked, choose = _Search(bounds, Group, {}), random.Random(seed).choice
    state = walked.first
    for _ in range(80):
        successors = walked._successors(state)
        if not successors:
            break
        state = choose(successors)[-2]
        stands_for_it = walked._canonical(state)
        for order in ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
            assert walked._canonical(walked._in_order(state, order)) == stands_for_it


def test_nothing_is_missed_by_taking_alike_states_for_one():
    walked = _Search(Bounds(timeouts=1, heartbeats=0, proposals=0, messages_under_way=2, crashes=1), Group, {})
    seen = {walked.first}
    frontier = [walked.first]
    while frontier:
        reached = {successor[-2] for state in frontier for successor in walked._successors(state)} - seen
        seen |= reached
        frontier = sorted(reached)
    alike = {walked._canonical(state) for state in seen}
    assert len(alike) == walked.run(100_000, lambda: False).states
    assert len(seen) > 5 * len(alike)
