"""Majorities, and the ways from one configuration to another."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.domain import Configuration, LogEntry
from PhantomLibrary.protocols.raft.configuration import (
    Change,
    ConfigurationHistory,
    changed,
    has_lost,
    has_quorum,
    has_won,
    left_joint,
    quorum_index,
    why_not,
)

NODES = ("n1", "n2", "n3", "n4", "n5")
THREE = Configuration(("n1", "n2", "n3"))
JOINT = Configuration(("n3", "n4", "n5"), ("n1", "n2", "n3"))

some_nodes = st.lists(st.sampled_from(NODES), min_size=1, unique=True).map(tuple)
configurations = st.builds(Configuration, some_nodes, st.just(()) | some_nodes)


@pytest.mark.parametrize(
    ("nodes", "decide"),
    [(("n1", "n2"), False), (("n3", "n4"), False), (("n3", "n4", "n1"), True), (("n4", "n5", "n1", "n2"), True)],
)
def test_joint_configuration_asks_both_majorities(nodes, decide):
    assert has_quorum(JOINT, nodes) is decide
    assert has_won(JOINT, dict.fromkeys(nodes, True)) is decide


def test_half_of_an_even_number_is_no_majority():
    four = Configuration(NODES[:4])
    assert not has_quorum(four, NODES[:2]) and has_quorum(four, NODES[:3])
    assert quorum_index(four, {"n1": 9, "n2": 8, "n3": 7, "n4": 6}) == 7


def test_learner_counts_nowhere():
    two = Configuration(("n1", "n2"), (), ("n3",))
    assert not has_quorum(two, ("n1", "n3"))
    assert quorum_index(two, {"n1": 9, "n2": 3, "n3": 9}) == 3


@given(configurations, st.lists(st.integers(0, 9), min_size=5, max_size=5))
def test_quorum_index_is_the_last_that_a_quorum_has(configuration, indexes):
    reached = dict(zip(NODES, indexes, strict=True))
    index = quorum_index(configuration, reached)
    assert has_quorum(configuration, [node for node in NODES if reached[node] >= index])
    assert not has_quorum(configuration, [node for node in NODES if reached[node] > index])


@given(configurations, st.dictionaries(st.sampled_from(NODES), st.booleans()))
def test_candidate_has_lost_when_no_further_answer_could_make_it_win(configuration, granted):
    rest = [node for node in NODES if node not in granted]
    best = {**granted, **dict.fromkeys(rest, True)}
    assert has_lost(configuration, granted) == (not has_won(configuration, best))


def test_quorums_of_neighbouring_configurations_meet():
    """Before, joint, after: nothing is decided in two of them that follow each other by nodes that share none."""
    after = left_joint(JOINT)
    subsets = [nodes for size in range(6) for nodes in combinations(NODES, size)]
    for one, next_one in ((THREE, JOINT), (JOINT, after)):
        for left in (each for each in subsets if has_quorum(one, each)):
            for right in (each for each in subsets if has_quorum(next_one, each)):
                assert set(left) & set(right)


def test_learners_alone_need_no_joint_configuration_and_get_a_number():
    with_learner = changed(THREE, Change(learners=("n4",)), 7)
    assert with_learner == Configuration(THREE.voters, (), ("n4",), (("n4", 7),))
    joint = changed(with_learner, Change(promoted=("n4",), removed=("n1",)), 9)
    assert joint == Configuration(("n2", "n3", "n4"), THREE.voters, (), (("n4", 7),))
    assert left_joint(joint) == Configuration(("n2", "n3", "n4"), (), (), (("n4", 7),))
    removed = left_joint(changed(left_joint(joint), Change(removed=("n4",)), 11))
    assert removed == Configuration(("n2", "n3"))


@pytest.mark.parametrize(
    ("configuration", "change", "reason"),
    [
        (JOINT, Change(learners=("n6",)), "a change of its members is under way"),
        (THREE, Change(learners=("n2",)), "n2 is a member already"),
        (THREE, Change(promoted=("n4",)), "n4 is no learner: there are none"),
        (THREE, Change(promoted=("n1",)), "n1 is no learner: there are none"),
        (THREE, Change(removed=("n4",)), "n4 is no member: there are n1, n2, n3"),
        (THREE, Change(removed=("n1", "n2", "n3")), "no voter would be left of n1, n2, n3"),
        (THREE, Change(), "nothing would change"),
        (
            Configuration(("n1",), (), ("n2",)),
            Change(promoted=("n2",), removed=("n2",)),
            "n2 cannot be promoted and removed at once",
        ),
    ],
)
def test_change_that_makes_no_sense_is_refused_with_a_reason(configuration, change, reason):
    assert why_not(configuration, change) == reason


def test_history_goes_back_when_entries_are_taken_back():
    first, second = Configuration(("n1",)), Configuration(("n1", "n2"))
    history = ConfigurationHistory(0, THREE, [LogEntry(1, 1, "a"), LogEntry(2, 1, first)])
    assert (history.index, history.latest) == (2, first)
    assert history.append([LogEntry(3, 1, "b"), LogEntry(4, 1, second)]) and history.latest is second
    assert not history.append([LogEntry(5, 1, "c")])
    assert history.at(3) == (2, first)
    assert not history.cut(4)
    assert history.cut(3) and (history.index, history.latest) == (2, first)
    assert history.cut(0) and (history.index, history.latest) == (0, THREE)


def test_history_forgets_what_a_snapshot_covers_but_for_the_one_in_force():
    first, second = Configuration(("n1",)), Configuration(("n1", "n2"))
    history = ConfigurationHistory(0, THREE, [LogEntry(2, 1, first), LogEntry(4, 1, second)])
    history.forget(3)
    assert history.at(3) == (2, first)
    history.forget(9)
    assert history.at(9) == (4, second)
