"""Nodes that come and go where each region has a copy of its own: its shards stay in the region."""

from msgspec.structs import replace

from PhantomLibrary.database.census import Order, ShardReport
from PhantomLibrary.database.config import DatabaseConfig, make_regional_layout
from PhantomLibrary.database.directory import first_directory, why_not_standing, with_standing
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.regions.messages import AdoptPolicy
from PhantomLibrary.database.repair import Known, Led, plan
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.domain import Configuration
from PhantomLibrary.domain.region_policy import RegionPolicy
from PhantomLibrary.placement.snapshot import PlacedNode

POLICY = RegionPolicy(0, ("eu", "us"), ("eu",))
NODES = [PlacedNode(f"n{number}", f"z{number}", ("us", "eu")[number % 2]) for number in range(1, 7)]
LAYOUT = make_regional_layout(NODES, shards=1, replicas=2, config=DatabaseConfig(), policy=POLICY)


def test_each_region_holds_all_keys_on_nodes_of_its_own():
    eu, us = LAYOUT.shards[1:]
    assert (eu.region, eu.start, eu.end, eu.voters) == ("eu", "", "", ("n1", "n3"))
    assert (us.region, us.start, us.end, us.voters) == ("us", "", "", ("n2", "n4"))


def test_a_replica_that_is_lost_is_replaced_within_its_region():
    directory = with_standing(first_directory(LAYOUT), "n3", "removed", 9)
    shard = LAYOUT.shards[1]
    report = ShardReport(1, 1, 0, Configuration(("n1",)), True, (), (), shard)
    present = {node.node: 1 for node in NODES}
    # n6 holds nothing, as n5 does not, and would be chosen if regions did not matter and n5 were not there.
    steps = plan(Known(7, directory, {1: Led("n1", report)}, present, unavailable=()))
    (order,) = [each[1] for each in steps if isinstance(each, tuple) and isinstance(each[1], Order)]
    assert order.change.learners == ("n5",)
    nobody = plan(Known(7, directory, {1: Led("n1", report)}, present, unavailable=("n5",)))
    assert [each for each in nobody if isinstance(each, tuple)] == []


def test_a_node_leaves_only_if_its_region_can_do_without_it():
    directory = with_standing(first_directory(LAYOUT), "n5", "removed", 9)
    reason = why_not_standing(directory, "n1", "decommissioning")
    assert "1 nodes would be left in region eu (n3) for 2 replicas" in reason
    assert why_not_standing(directory, "n2", "decommissioning") == ""


def test_the_directory_takes_up_the_policy_that_follows_its_own_and_no_other():
    machine = ShardMachine(LAYOUT, LAYOUT.shards[0], SessionTable(9))
    for index, epoch in enumerate((2, 0, 1, 1, 3), 1):
        machine.apply(index, AdoptPolicy(replace(POLICY, epoch=epoch, writable=(f"{index}",))))
    assert machine.directory.regions == replace(POLICY, epoch=1, writable=("3",))
    assert machine.directory.version == 3
