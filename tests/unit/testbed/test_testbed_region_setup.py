"""What a cluster is to promise over regions, from what the run and its topology say."""

import pytest

from PhantomLibrary.domain.region_policy import RegionPolicy
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.placement.snapshot import PlacedNode
from PhantomLibrary.testbed.region_setup import NO_WISH, RegionWish, make_policy, read_wish
from PhantomLibrary.testbed.schedule import RunSpec, Schedule, read_schedule, write_schedule
from PhantomLibrary.testbed.setup import make_cluster_layout, make_topology
from PhantomLibrary.world.topology_file import load_topology

NODES = [PlacedNode(f"n{number}", f"z{number}", ("eu", "us", "ap")[number % 3]) for number in range(9)]
REGIONS = ("eu", "us", "ap")


def policy(**said):
    return make_policy(RegionWish(**said), NODES, 3)


def refusal(nodes=NODES, replicas=3, **said):
    with pytest.raises(InvalidInput) as refused:
        make_policy(RegionWish(**said), nodes, replicas)
    return str(refused.value)


def test_nothing_said_is_no_policy():
    assert make_policy(NO_WISH, NODES, 3) is None


def test_the_first_region_takes_the_writes_unless_others_are_named():
    assert policy(replication="asynchronous") == RegionPolicy(1, REGIONS, ("eu",), home="eu")
    assert policy(replication="semi-synchronous", writable=("us",)).writable == ("us",)
    assert policy(replication="asynchronous", writable=("all",)).writable == REGIONS


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"replication": "sync"}, ("replication=sync", "asynchronous", "did you mean synchronous?")),
        ({"replication": "asynchronous", "conflicts": "first writer wins"}, ("did you mean last writer wins?",)),
        ({"replication": "asynchronous", "writable": ("eux",)}, ("no region 'eux'", "eu, us, ap", "did you mean eu?")),
        ({"replication": "asynchronous", "writable": ("eu", "eu")}, ("names eu twice",)),
        ({"replication": "synchronous", "writable": ("eu", "us")}, ("one primary region", "eu, us")),
        ({"replication": "asynchronous", "conflicts": "custom"}, ("conflicts=custom needs merge=",)),
        ({"replication": "asynchronous", "merge": "builtins:max"}, ("means nothing with conflicts=last writer wins",)),
        ({"conflicts": "multi value"}, ("conflicts= means nothing without replication=", "semi-synchronous")),
        ({"lag_max_ns": 5}, ("lag_max= means nothing without replication=",)),
        ({"replication": "asynchronous", "lag_max_ns": -1}, ("lag_max=-1 ns is negative",)),
        (
            {"replication": "asynchronous", "writable": ("eu", "us"), "fail_over_after_ns": 9},
            ("fail_over_after= means nothing with writable=eu, us",),
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(said, words):
    text = refusal(**said)
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("merge", "words"),
    [
        ("longest", ("names no function", "module:function")),
        ("no_such_module:longest", ("no_such_module cannot be imported", "ModuleNotFoundError")),
        ("builtins:mx", ("builtins has no mx", "did you mean max?")),
        ("math:pi", ("no function, but float",)),
    ],
)
def test_a_merge_function_has_to_be_one(merge, words):
    text = refusal(replication="asynchronous", conflicts="custom", merge=merge)
    assert all(word in text for word in words), text


def test_a_strategy_needs_a_region_to_replicate_to():
    text = refusal(nodes=[PlacedNode("n1", "a", "local")], replicas=1, replication="synchronous")
    assert "needs a region to replicate to: all nodes stand in region 'local'" in text


def test_each_region_needs_room_for_all_replicas():
    text = refusal(nodes=NODES[:8], replicas=3, replication="asynchronous")
    assert "replicas=3 is not possible" in text and "region ap has 2 nodes (n2, n5)" in text


def test_a_topology_says_it_and_the_run_says_it_better():
    said = read_wish({"replication": "asynchronous", "conflicts": "custom", "merge": "builtins:max",
                      "writable": ["eu", "us"], "lag_max": "5 s"}, "place")  # fmt: skip
    assert said == RegionWish("asynchronous", "custom", ("eu", "us"), "builtins:max", 5_000_000_000)
    over = RegionWish(conflicts="multi value", writable=("us",)).over(said)
    assert over == RegionWish("asynchronous", "multi value", ("us",), "", 5_000_000_000)
    assert read_wish({"writable": "all"}, "place").writable == ("all",)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ("asynchronous", ("place: 'asynchronous' is no mapping",)),
        ({"replicaton": "asynchronous"}, ("unknown key 'replicaton'", "did you mean replication?")),
        ({"writable": 3}, ("place.writable: 3 is no list of regions",)),
        ({"lag_max": ["5 s"]}, ("place.lag_max: ['5 s'] is no time",)),
        ({"conflicts": True}, ("place.conflicts: True is no text",)),
    ],
)
def test_a_topology_that_says_nonsense_is_told_where(found, words):
    with pytest.raises(InvalidInput) as refused:
        read_wish(found, "place")
    assert all(word in str(refused.value) for word in words), str(refused.value)


def layout(**said):
    spec = RunSpec(seed=1, topology="three-regions", **said)
    return make_cluster_layout(spec, make_topology(spec))


def test_each_region_has_all_replicas_of_its_copy():
    made = layout(regions=RegionWish("asynchronous"), shards=2)
    assert made.regions is not None and made.regions.members == ("eu", "us", "ap")
    places = {each.name: each.region for each in load_topology("three-regions").nodes}
    for shard in made.shards[1:]:
        assert {places[node] for node in shard.voters} == {shard.region} and len(shard.voters) == 3
    assert [each.region for each in made.shards] == ["", "eu", "eu", "us", "us", "ap", "ap"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"leaders": "eux"}, ("leaders=eux", "no region 'eux'", "did you mean eu?")),
        ({"leaders": "eu", "regions": RegionWish("asynchronous")}, ("leaders=eu means nothing", "primary=")),
        ({"knobs": {"placement": "consistent-hash"}, "regions": RegionWish("asynchronous")}, ("range, hash",)),
        ({"knobs": {"split_bytes": 9_999_999}, "regions": RegionWish("asynchronous")}, ("split_bytes", "never change")),
    ],
)
def test_what_cannot_be_together_is_refused(said, words):
    with pytest.raises(InvalidInput) as refused:
        layout(**said)
    assert all(word in str(refused.value) for word in words), str(refused.value)


def test_the_region_of_leaders_goes_to_the_database():
    assert layout(leaders="us").config.leaders == "us"
    assert layout(knobs={"leaders": "us"}, leaders="ap").config.leaders == "ap", "the run knows better"


def test_a_schedule_holds_what_was_said():
    spec = RunSpec(seed=1, regions=RegionWish("asynchronous", writable=("eu", "us")), leaders="")
    assert read_schedule(write_schedule(Schedule(spec)), "here").run == spec
