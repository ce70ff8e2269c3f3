"""What the coordinator does next, so that each shard has all its replicas on nodes that stay."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.census import HandOver, Order, ShardReport
from PhantomLibrary.database.config import DatabaseConfig, make_layout
from PhantomLibrary.database.directory import (
    Member,
    descriptor_of,
    first_directory,
    why_not_standing,
    with_shard,
    with_standing,
)
from PhantomLibrary.database.messages import Record
from PhantomLibrary.database.repair import LEARNERS_MAX, Known, Led, plan
from PhantomLibrary.domain import Configuration
from PhantomLibrary.placement.snapshot import PlacedNode
from PhantomLibrary.protocols.raft.configuration import Change

NODES = ("n1", "n2", "n3", "n4")
LAYOUT = make_layout(NODES, shards=1, replicas=3, config=DatabaseConfig())
DIRECTORY = first_directory(LAYOUT)
WHOLE = Configuration(("n1", "n2", "n3"))


def led(configuration=WHOLE, *, leader="n1", since=0, settled=True, caught_up=(), lost=(), shard=1):
    before = next((each for each in LAYOUT.shards if each.shard == shard), LAYOUT.shards[1])
    descriptor = descriptor_of(before, configuration, since)
    return Led(leader, ShardReport(shard, 1, since, configuration, settled, caught_up, lost, descriptor))


def known(directory=DIRECTORY, leads=None, **fields):
    leads = leads or led()
    present = {member.node: member.number for member in directory.members}
    return Known(**{"term": 7, "directory": directory, "led": {1: leads}, "present": present, **fields})


def order(since=0, **change):
    return ("n1", Order(1, 7, since, Change(**change)))


def standing(node, word):
    return with_standing(DIRECTORY, node, word, 9)


def test_nothing_is_to_be_done_when_all_is_well():
    assert plan(known()) == []


@pytest.mark.parametrize("leads", [led(settled=False, lost=("n3",)), None])
def test_a_shard_without_a_leader_or_with_a_change_under_way_is_waited_for(leads):
    it = known(leads=leads) if leads else replace(known(standing("n3", "removed")), led={})
    assert plan(it) == []


def test_a_change_that_is_done_is_recorded_before_the_next():
    configuration = Configuration(("n1", "n2"))
    descriptor = descriptor_of(LAYOUT.shards[1], configuration, 12)
    assert plan(known(leads=led(configuration, since=12))) == [Record(descriptor)]
    assert descriptor.epoch == 12 and descriptor.voters == ("n1", "n2")


def test_a_replica_that_lost_its_disk_is_removed_and_comes_back_on_its_node():
    assert plan(known(leads=led(lost=("n3",)))) == [order(removed=("n3",))]
    rest = led(Configuration(("n1", "n2")))
    assert plan(known(leads=rest, waiting={"n3": (1,)})) == [order(learners=("n3",))]
    assert plan(known(leads=rest)) == [order(learners=("n4",))], "else on the one with the fewest replicas"


def test_a_removed_node_goes_first_and_is_replaced_then():
    directory = standing("n2", "removed")
    assert plan(known(directory)) == [order(removed=("n2",))]
    assert plan(known(directory, led(Configuration(("n1", "n3"))))) == [order(learners=("n4",))]


def test_a_learner_gets_its_vote_when_it_has_caught_up():
    configuration = Configuration(("n1", "n2"), (), ("n4",))
    assert plan(known(leads=led(configuration))) == []
    assert plan(known(leads=led(configuration, caught_up=("n4",)))) == [order(promoted=("n4",))]


def test_a_leaving_node_keeps_its_replica_until_another_one_has_caught_up():
    directory = standing("n3", "decommissioning")
    assert plan(known(directory)) == [order(learners=("n4",))]
    configuration = Configuration(WHOLE.voters, (), ("n4",))
    assert plan(known(directory, led(configuration))) == []
    caught_up = led(configuration, caught_up=("n4",))
    assert plan(known(directory, caught_up)) == [order(promoted=("n4",), removed=("n3",))]


def test_no_more_leave_than_have_been_replaced():
    directory = with_standing(standing("n2", "decommissioning"), "n3", "decommissioning", 10)
    leads = led(Configuration(WHOLE.voters, (), ("n4",)), caught_up=("n4",))
    assert plan(known(directory, leads)) == [order(promoted=("n4",), removed=("n2",))]


def test_a_shard_of_which_every_replica_is_gone_keeps_them():
    directory = DIRECTORY
    for node in WHOLE.voters:
        directory = with_standing(directory, node, "removed", 9)
    steps = plan(known(directory))
    assert not any(step[1].change.removed for step in steps if isinstance(step, tuple)), "an empty shard has no data"


def test_a_leaving_leader_hands_over_first_and_to_another_one_the_next_time():
    directory = standing("n1", "decommissioning")
    leads = led(Configuration(WHOLE.voters, (), ("n4",)), caught_up=("n4",))
    assert plan(known(directory, leads)) == [("n1", HandOver(1, 7, "n2"))]
    assert plan(known(directory, leads, turn=1)) == [("n1", HandOver(1, 7, "n3"))]
    assert plan(known(directory, leads, unavailable=("n2",))) == [("n1", HandOver(1, 7, "n3"))]


def test_a_learner_that_is_not_wanted_or_takes_too_long_is_removed():
    configuration = Configuration(WHOLE.voters, (), ("n4",))
    assert plan(known(leads=led(configuration))) == [order(removed=("n4",))]
    short = led(Configuration(("n1", "n2"), (), ("n4",)))
    assert plan(known(leads=short, stuck={(1, "n4")})) == [order(removed=("n4",))]


def test_a_learner_whose_node_is_down_makes_room_for_one_that_can_begin_at_once():
    layout = make_layout((*NODES, "n5"), shards=1, replicas=3, config=DatabaseConfig())
    directory = first_directory(layout)
    leads = led(Configuration(("n1", "n2"), (), ("n4",)))
    assert plan(known(directory, leads)) == []
    assert plan(known(directory, leads, unavailable=("n4",))) == [], "it may be back in a moment"
    assert plan(known(directory, leads, unavailable=("n4",), absent=("n4",))) == [order(removed=("n4",))]
    nobody_else = known(directory, leads, unavailable=("n3", "n4", "n5"), absent=("n4",))
    assert plan(nobody_else) == []
    done = led(Configuration(("n1", "n2"), (), ("n4",)), caught_up=("n4",))
    assert plan(known(directory, done, unavailable=("n4",), absent=("n4",))) == [order(promoted=("n4",))]


@pytest.mark.parametrize("fields", [{"unavailable": ("n4",)}, {"present": {"n1": 1}}, {"stuck": {(1, "n4")}}])
def test_a_node_that_cannot_take_a_replica_gets_none(fields):
    directory = standing("n2", "removed")
    assert plan(known(directory, led(Configuration(("n1", "n3"))), **fields)) == []


def test_not_too_many_replicas_catch_up_at_one_time():
    layout = make_layout(NODES, shards=20, replicas=3, config=DatabaseConfig())
    directory = with_standing(first_directory(layout), "n1", "decommissioning", 9)
    leads = {
        each.shard: led(Configuration(each.voters), leader=each.voters[1], shard=each.shard) for each in layout.shards
    }
    steps = plan(replace(known(), directory=directory, led=leads))
    assert len(steps) == LEARNERS_MAX


def test_members_come_when_they_report_and_go_when_they_hold_nothing():
    joining = with_standing(DIRECTORY, "n5", "joining", 9)
    assert plan(replace(known(joining), present={"n5": 1})) == []
    assert plan(known(joining)) == [Record(None, (Member("n5", "active", 9),))]
    leaving = with_standing(DIRECTORY, "n4", "decommissioning", 9)
    elsewhere = replace(leaving, shards=tuple(each for each in leaving.shards if "n4" not in each.voters))
    assert plan(known(elsewhere)) == [Record(None, (Member("n4", "removed", 1),))]
    assert Record(None, (Member("n3", "removed", 1),)) not in plan(known(standing("n3", "decommissioning")))


# --- the directory ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("directory", "node", "word", "reason"),
    [
        (DIRECTORY, "n4", "joining", "n4 is a member already (active)"),
        (DIRECTORY, "n9", "removed", "n9 is no member: there are n1, n2, n3, n4"),
        (standing("n4", "removed"), "n4", "decommissioning", "n4 was removed before"),
        (standing("n4", "decommissioning"), "n4", "decommissioning", ""),
        (
            standing("n4", "removed"),
            "n3",
            "decommissioning",
            "n3 cannot be decommissioned: 2 nodes would be left (n1, n2) for 3 replicas of each shard; "
            "add a node first",
        ),
        (
            with_shard(DIRECTORY, replace(LAYOUT.shards[1], voters=("n2",), epoch=5), 9),
            "n2",
            "removed",
            "n2 holds the only replica of shard 1: decommission it instead",
        ),
        (standing("n4", "removed"), "n4", "joining", ""),
        (DIRECTORY, "n4", "decommissioning", ""),
        (standing("n4", "decommissioning"), "n4", "removed", ""),
    ],
)
def test_a_standing_that_makes_no_sense_is_refused_with_a_reason(directory, node, word, reason):
    assert why_not_standing(directory, node, word) == reason


def test_a_node_that_is_added_again_has_another_number():
    again = with_standing(standing("n4", "removed"), "n4", "joining", 30)
    assert again.member("n4") == Member("n4", "joining", 30, "n4")
    assert with_standing(again, "n4", "active", 31).member("n4") == Member("n4", "active", 30, "n4")


def test_an_older_descriptor_changes_nothing():
    newer = with_shard(DIRECTORY, replace(LAYOUT.shards[1], epoch=5), 9)
    assert with_shard(newer, replace(LAYOUT.shards[1], epoch=5, voters=("n9",)), 10) is newer


# --- leaders in one region --------------------------------------------------------------------------------------------

PLACED = [PlacedNode(f"n{number}", zone=f"n{number}", region=("eu", "us", "ap")[number % 3]) for number in range(1, 5)]
REGIONAL = first_directory(make_layout(PLACED, shards=1, replicas=3, config=DatabaseConfig()))


def test_a_leader_elsewhere_hands_over_to_the_replica_in_the_region_that_is_wanted():
    assert plan(known(REGIONAL, leaders="eu")) == [("n1", HandOver(1, 7, "n3", False))]
    assert plan(known(REGIONAL, leaders="us")) == [], "n1 stands there"
    assert plan(known(REGIONAL)) == []


@pytest.mark.parametrize(
    "fields", [{"unavailable": ("n3",)}, {"leads": led(settled=False)}, {"present": {"n1": 1, "n2": 1}}]
)
def test_a_leader_hands_nothing_over_while_the_replica_there_is_not_well(fields):
    assert plan(known(REGIONAL, leaders="eu", **fields)) == []


def test_a_shard_that_has_something_more_urgent_to_do_does_that_first():
    assert plan(known(REGIONAL, led(lost=("n2",)), leaders="eu")) == [order(removed=("n2",))]
