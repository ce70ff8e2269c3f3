"""Nodes that come and go in a run: what verbs refuse, what a schedule tells, and what the judges make of it."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.checking.consistency import check_consistency
from PhantomLibrary.domain import Configuration, HistoryEvent, NodeKnowledge, Ok, ReplicaState
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.testbed.availability import longest_outage
from PhantomLibrary.testbed.judge import judge_agreement, judge_history, replicas_agree
from PhantomLibrary.testbed.membership_judge import judge_consistency, missing_replica
from PhantomLibrary.testbed.replay import replay


def settled(it, *, seconds=20):
    """Let time go on until all know of all, and each shard has all its replicas."""
    run = it.run
    return it.go(seconds, lambda: judge_consistency(run).outcome == "valid" and not missing_replica(run))


def done(it, wish, standing, *, seconds=20):
    run = it.run
    assert it.go(seconds, lambda: wish.task.is_done and run.directory().standing(wish.node) == standing)
    assert wish.task.result == Ok("")
    return wish.node


@pytest.fixture
def four(drive):
    return drive(topology="five-nodes", nodes=4, shards=2).elect()


def test_a_node_that_is_added_decommissioned_and_removed_leaves_all_data_and_a_schedule_that_replays(four):
    run = four.load().run
    four.go(1)
    assert done(four, four.give("add node", "next", zone="a"), "active") == "n5"
    assert run.topology.node("n5").zone == "a"
    done(four, four.give("decommission node", "n1"), "removed")
    four.give("crash node", "n2")
    four.go(2)
    done(four, four.give("remove node", "n2"), "removed")
    assert settled(four)
    assert not run.processes["n1"].replicas
    done(four, four.give("add node", "n2"), "active")
    four.stop_load()
    assert four.go(10, replicas_agree(run))
    assert judge_agreement(run).outcome == "valid"
    assert judge_history(run, "linearizable", confirmed=300).outcome == "valid"
    assert not run.watch.violations
    schedule = run.finish()
    assert [each.resolved for each in schedule.commands if each.verb == "add node"] == [["n5"], ["n2"]]
    assert replay(schedule).finish().digest == schedule.digest


@pytest.mark.parametrize(
    ("verb", "target", "arguments", "reason"),
    [
        ("add node", "n2", {}, "n2 is a member already"),
        ("add node", "next", {"zone": "z"}, "no zone 'z'"),
        ("add node", "next", {"size": "huge"}, "no size 'huge'"),
        ("add node", "next", {"cores": 2}, "wrong arguments"),
        ("decommission node", "n9", {}, "no node 'n9'"),
        ("decommission node", "n4", {}, "n4 is down"),
        ("decommission node", "n1, n2", {}, "means 2 nodes"),
        ("remove node", "n8", {}, "no node 'n8'"),
        ("remove node", "n2", {"force": 1}, "wrong arguments"),
        ("remove node", "n3", {}, "would lose its quorum"),
        ("decommission node", "n3", {}, "would lose its quorum"),
    ],
)
def test_a_change_that_makes_no_sense_does_nothing(four, verb, target, arguments, reason):
    four.give("crash node", "n4")
    before = (four.run.finish().digest, len(four.run.schedule.commands), four.run.node_names)
    with pytest.raises((InvalidInput, InvalidState), match=reason):
        four.give(verb, target, **arguments)
    assert (four.run.finish().digest, len(four.run.schedule.commands), four.run.node_names) == before


def test_the_state_of_a_node_tells_its_standing_unless_it_is_down(four):
    run = four.run
    four.give("crash node", "n4")
    assert [run.node_state(node) for node in run.node_names] == ["active", "active", "active", "down"]
    four.go(2)
    done(four, four.give("remove node", "n4"), "removed")
    assert run.node_state("n4") == "removed" and "n4" not in run.live_nodes()
    four.give("restart node", "n4")
    four.go(2)
    assert run.node_state("n4") == "removed"
    assert run.processes["n4"].membership.is_removed and not run.processes["n4"].replicas


def test_a_client_beside_a_removed_node_is_served_by_others(four):
    run = four.run
    session = run.sessions.open(77, home="n4")
    assert session.node == "n4"
    done(four, four.give("decommission node", "n4"), "removed")
    assert session.node != "n4"
    assert run.sessions.open(79, home="n4").node != "n4"


def test_a_shard_that_lacks_a_replica_is_named(four):
    four.go(1)
    assert missing_replica(four.run) == ""
    four.give("crash node", four.run.leader(1))
    four.go(2)
    assert "replicas on active nodes that run, not 3" in missing_replica(four.run)


# --- the checker ------------------------------------------------------------------------------------------------------

VOTERS = ("n1", "n2")
KNOWN = NodeKnowledge("n1", 5, (("n1", "active", 1), ("n2", "active", 1)), ((1, 3, VOTERS),), ((1, 3),), ((1, 0),))
OTHER = replace(KNOWN, node="n2")
LEADER = ReplicaState("n1", 1, 1, 2, "leader", 4, 4, 4, Configuration(VOTERS))


def test_nodes_that_know_the_same_and_are_as_they_know_are_consistent():
    verdict = check_consistency([KNOWN, OTHER], [LEADER])
    assert (verdict.outcome, verdict.operations) == ("valid", 2)


@pytest.mark.parametrize(
    ("known", "leaders", "difference"),
    [
        ([], [LEADER], "no live member"),
        ([KNOWN, replace(OTHER, version=4)], [LEADER], "n2 has version 4 of the directory, n1 version 5"),
        ([KNOWN, replace(OTHER, members=())], [LEADER], "not the same one"),
        ([KNOWN, OTHER], [], "shard 1 has no leader"),
        ([KNOWN, OTHER], [replace(LEADER, configuration=Configuration(("n1",), VOTERS))], "between two configurations"),
        ([KNOWN, OTHER], [replace(LEADER, configuration=Configuration(("n1", "n3")))], "has the replicas n1, n3"),
        ([KNOWN, replace(OTHER, replicas=())], [LEADER], "n2 is a member of shard 1, and holds no replica"),
        ([KNOWN, replace(OTHER, replicas=((1, 7),))], [LEADER], "n2 holds another replica of shard 1"),
        ([KNOWN, OTHER, replace(OTHER, node="n3")], [LEADER], "n3 holds a replica of shard 1, and is no member"),
        ([KNOWN, replace(OTHER, routes=((1, 2),))], [LEADER], "the gateway on n2 knows shard 1 at epoch 2, not 3"),
    ],
)
def test_any_difference_is_told(known, leaders, difference):
    verdict = check_consistency(known, leaders)
    assert (verdict.outcome, verdict.code) == ("invalid", "MEM-002")
    assert difference in verdict.message


def test_the_longest_outage_is_between_confirmed_operations_and_at_either_end():
    events = [HistoryEvent(0, time_ns, 1, kind, "read") for time_ns, kind in ((5, "ok"), (6, "fail"), (9, "ok"))]
    assert longest_outage(events, 4, 10) == (4, 5)
    assert longest_outage(events, 0, 10) == (5, 0)
    assert longest_outage(events, 4, 30) == (21, 9)
    assert longest_outage([], 4, 10) == (6, 4)
