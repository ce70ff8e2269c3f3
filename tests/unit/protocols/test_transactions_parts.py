"""The coordinator's side of a commit, locks, and how deadlocks are found."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.domain import Put
from PhantomLibrary.protocols.transactions.committing import (
    Ask,
    Committed,
    Committer,
    RolledBack,
    Share,
    Unknown,
)
from PhantomLibrary.protocols.transactions.deadlocks import DeadlockDetector, Probe, Victim
from PhantomLibrary.protocols.transactions.locks import Granted, LockTable
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Decide,
    Ended,
    Prepared,
    TransactionId,
    Undecided,
    span_of,
)

T = TransactionId(1, "n1", 1)


def who(number, node="n1"):
    return TransactionId(number, node, number)


# --- the committer ----------------------------------------------------------------------------------------------------


def committer(*shards):
    shares = {shard: Share((Put(f"k{shard}", "1"),), (span_of("r"),)) for shard in shards}
    return Committer(T, "serializable", 5, shards[0], shares)


def asks(steps):
    return {step.shard: step.command for step in steps}


def prepared(committing, *times):
    """Let all shards promise; return what was asked of them, and the steps after the last one."""
    asked = asks(committing.begin())
    steps = []
    for (shard, command), at_ns in zip(asked.items(), times, strict=True):
        assert steps == []
        steps = committing.answered(shard, command, Prepared(at_ns))
    return asked, steps


def test_the_decision_waits_for_all_and_is_the_latest_promise():
    asked, steps = prepared(committer(3, 1, 2), 10, 30, 20)
    assert [asked[shard].participants for shard in (3, 1, 2)] == [(3, 1, 2), (), ()]
    assert all(each.anchor == 3 and not each.one_phase for each in asked.values())
    assert steps == [Ask(3, Decide(T, True, 30, (3, 1, 2)))]


def test_the_client_is_told_when_the_record_says_so_and_once():
    committing = committer(1, 2)
    decide = prepared(committing, 10, 20)[1][0].command
    assert committing.answered(1, decide, Ended(True, 20)) == [Committed(20)]
    assert committing.is_over and committing.state == "PREPARED"
    assert committing.answered(1, decide, Ended(True, 20)) == []
    assert committing.unanswered(1, decide, "late", may_happen=True) == []


@pytest.mark.parametrize(
    ("answer", "step"),
    [
        (Ended(False, 0), RolledBack),
        (Undecided(), Unknown),
    ],
)
def test_the_record_has_the_last_word(answer, step):
    committing = committer(1, 2)
    decide = prepared(committing, 10, 20)[1][0].command
    assert [type(each) for each in committing.answered(1, decide, answer)] == [step]


def test_a_decision_that_is_not_answered_is_unknown():
    committing = committer(1, 2)
    decide = prepared(committing, 10, 20)[1][0].command
    (told,) = committing.unanswered(1, decide, "no answer", may_happen=True)
    assert isinstance(told, Unknown) and "no answer" in told.reason
    assert committing.answered(1, decide, Ended(True, 20)) == []


@pytest.mark.parametrize("answer", [Conflict("taken"), Ended(False, 0), Undecided(), None])
def test_whoever_does_not_promise_rolls_it_back_and_the_record_is_told(answer):
    committing = committer(1, 2)
    asked = asks(committing.begin())
    if answer is None:
        steps = committing.unanswered(2, asked[2], "gone", may_happen=True)
    else:
        steps = committing.answered(2, asked[2], answer)
    assert [type(each) for each in steps] == [RolledBack, Ask]
    assert steps[1] == Ask(1, Decide(T, False, 0, (1, 2))) and committing.state == "ABORTED"
    assert committing.answered(1, asked[1], Prepared(10)) == []
    assert committing.answered(1, asked[1], Conflict("also")) == []
    assert committing.unanswered(1, asked[1], "also", may_happen=True) == []
    assert committing.answered(1, steps[1].command, Ended(False, 0)) == []
    assert committing.unanswered(1, steps[1].command, "lost", may_happen=True) == []


def test_a_promise_that_comes_twice_counts_once():
    committing = committer(1, 2)
    asked = asks(committing.begin())
    assert committing.answered(1, asked[1], Prepared(10)) == [] == committing.answered(1, asked[1], Prepared(10))


def test_one_shard_commits_in_one_phase():
    committing = committer(1)
    (ask,) = committing.begin()
    assert ask.command.one_phase and ask.command.participants == ()
    assert committing.answered(1, ask.command, Ended(True, 9)) == [Committed(9)]


@pytest.mark.parametrize(
    ("may_happen", "step"), [(True, Unknown), (False, RolledBack)], ids=["taken up", "not taken up"]
)
def test_one_phase_without_an_answer_is_unknown_unless_it_was_never_taken_up(may_happen, step):
    committing = committer(1)
    (ask,) = committing.begin()
    told = committing.unanswered(1, ask.command, "gone", may_happen=may_happen)
    assert [type(each) for each in told] == [step]


def test_one_phase_that_came_when_its_end_was_forgotten_is_unknown():
    committing = committer(1)
    (ask,) = committing.begin()
    (told,) = committing.answered(1, ask.command, Undecided())
    assert isinstance(told, Unknown) and "so long ago" in told.reason


@pytest.mark.parametrize("answer", [Conflict("taken"), Ended(False, 0)])
def test_one_phase_that_is_refused_asks_nobody_else(answer):
    committing = committer(1)
    (ask,) = committing.begin()
    assert [type(each) for each in committing.answered(1, ask.command, answer)] == [RolledBack]


# --- locks ------------------------------------------------------------------------------------------------------------


def test_locks_are_granted_in_the_order_in_which_they_were_asked_for():
    locks = LockTable()
    assert locks.acquire(who(1), "a", 0, "x") == ()
    assert locks.acquire(who(2), "a", 0, "y") == (who(1),)
    assert locks.acquire(who(3), "a", 0, "z") == (who(1), who(2))
    assert locks.waits() == [(who(2), "a", (who(1),)), (who(3), "a", (who(1), who(2)))]
    assert locks.release(who(1), 7) == [Granted(who(2), "a", "y")]
    assert locks.holder_of("a") == who(2) and locks.held_since() == [(who(2), "a", 7)]


def test_who_asks_again_keeps_his_place_and_who_holds_it_needs_not_wait():
    locks = LockTable()
    locks.acquire(who(1), "a", 0, "x")
    locks.acquire(who(2), "a", 0, "y")
    locks.acquire(who(3), "a", 0, "z")
    assert locks.acquire(who(2), "a", 0, "new") == (who(1),)
    assert locks.acquire(who(1), "a", 0, "x") == ()
    assert locks.release(who(1), 0) == [Granted(who(2), "a", "new")]


def test_who_is_over_leaves_all_queues():
    locks = LockTable()
    locks.acquire(who(1), "a", 0, None)
    locks.acquire(who(2), "b", 0, None)
    locks.acquire(who(2), "a", 0, None)
    locks.acquire(who(3), "a", 0, None)
    assert locks.release(who(2), 0) == [] and len(locks) == 1
    assert locks.release(who(1), 0) == [Granted(who(3), "a", None)]
    assert locks.release(who(3), 0) == [] and len(locks) == 0
    assert locks.release(who(3), 0) == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 4)), max_size=40))
def test_a_lock_has_one_holder_and_everybody_who_waits_gets_it_in_turn(events):
    locks, queues = LockTable(), {"a": [], "b": []}
    for key, number in events:
        if number == 0:  # Whoever holds this key is over.
            if queues[key]:
                over = queues[key][0]
                heirs = {(grant.key, grant.transaction) for grant in locks.release(over, 0)}
                expected = {(each, queue[1]) for each, queue in queues.items() if queue[:1] == [over] and queue[1:]}
                assert heirs == expected
                queues = {each: [one for one in queue if one != over] for each, queue in queues.items()}
        else:
            if who(number) not in queues[key]:
                queues[key].append(who(number))
            ahead = tuple(queues[key][: queues[key].index(who(number))])
            assert locks.acquire(who(number), key, 0, None) == ahead
        for each, queue in queues.items():
            assert locks.holder_of(each) == (queue[0] if queue else None)


# --- deadlocks --------------------------------------------------------------------------------------------------------


class Network:
    """Detectors of some nodes. Probes arrive in an order that the test chooses."""

    def __init__(self, edges, nodes=("n1", "n2", "n3")):
        self.detectors = {node: DeadlockDetector(node) for node in nodes}
        for transaction, holders in edges.items():
            self.detectors[transaction.node].wait(transaction, holders)

    def round(self, pick=lambda count: 0, doubled=False):
        """Let every node send probes; return the victims that are named, in order."""
        under_way = [probe for detector in self.detectors.values() for probe in detector.probe()]
        victims = []
        while under_way:
            probe = under_way.pop(pick(len(under_way)))
            for _ in range(1 + doubled):
                for sent in self.detectors[probe.target.node].receive(probe):
                    (under_way if isinstance(sent, Probe) else victims).append(sent)
        return victims


A, B, C, D = who(1, "n1"), who(2, "n2"), who(3, "n3"), who(4, "n1")


@pytest.mark.parametrize("doubled", [False, True])
def test_all_probes_of_a_cycle_choose_the_youngest_and_each_finds_it_once(doubled):
    victims = Network({A: (B,), B: (C,), C: (A,)}).round(doubled=doubled)
    assert sorted(victims, key=lambda each: each.initiator) == [Victim(C, A), Victim(C, B), Victim(C, C)]


def test_who_waits_for_a_cycle_but_is_not_in_it_is_no_victim():
    assert {each.transaction for each in Network({D: (A,), A: (B,), B: (A,)}).round()} == {B}


def test_one_of_several_that_a_transaction_waits_for_suffices():
    assert {each.transaction for each in Network({A: (B, C), C: (A,)}).round()} == {C}


@pytest.mark.parametrize("edges", [{A: (B,), B: (C,)}, {A: (B, C), B: (C,)}, {}])
def test_a_chain_is_no_deadlock(edges):
    assert Network(edges).round() == []


def test_who_goes_on_breaks_the_cycle():
    network = Network({A: (B,), B: (A,)})
    network.detectors["n2"].go_on(B)
    assert network.round() == [] and network.detectors["n1"].is_waiting and not network.detectors["n2"].is_waiting


def test_a_probe_from_an_earlier_round_is_dropped():
    network = Network({A: (B,), B: (C,)})
    old = network.detectors["n1"].probe()[0]
    network.round()
    assert network.detectors["n2"].receive(old) == []


def reaches(edges, start, goal):
    seen, ahead = set(), list(edges.get(start, ()))
    while ahead:
        one = ahead.pop()
        if one == goal:
            return True
        if one not in seen:
            seen.add(one)
            ahead += edges.get(one, ())
    return False


NUMBERS = st.integers(0, 6)


@given(
    st.dictionaries(NUMBERS, st.sets(NUMBERS, min_size=1, max_size=3), max_size=7), st.randoms(use_true_random=False)
)
@settings(max_examples=150, deadline=None)
def test_victims_are_named_exactly_where_there_are_cycles_and_only_from_within_them(graph, random):
    names = [who(number, f"n{number % 3 + 1}") for number in range(7)]
    edges = {names[one]: tuple(names[other] for other in sorted(others - {one})) for one, others in graph.items()}
    edges = {one: others for one, others in edges.items() if others}
    victims = Network(edges).round(pick=random.randrange)
    in_cycles = {one for one in edges if reaches(edges, one, one)}
    assert {each.initiator for each in victims} == in_cycles
    assert {each.transaction for each in victims} <= in_cycles
    rounds = 0
    while victims:  # Each round gives up all that were named, until nobody waits in a circle.
        for each in victims:
            edges.pop(each.transaction, None)
        victims, rounds = Network(edges).round(pick=random.randrange), rounds + 1
    assert rounds <= 7 and not any(reaches(edges, one, one) for one in edges)
