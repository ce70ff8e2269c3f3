"""The planner against an exhaustive search on small cases, and what any plan of it has to keep to."""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.placement.balance import variation_permille
from PhantomLibrary.placement.rebalancing import MEASURES, plan
from PhantomLibrary.placement.snapshot import (
    PlacedNode,
    PlacedShard,
    Plan,
    ReplicaMove,
    Snapshot,
    carried_out,
    distribution,
)

# --- clusters -------------------------------------------------------------------------------------------------------


@st.composite
def snapshots(draw, nodes_max=5, shards_max=4, capacity_max=2):
    """Small clusters in every state: some nodes are not active, some shards fixed, zones and regions of any size."""
    count = draw(st.integers(1, nodes_max))
    nodes = tuple(
        PlacedNode(
            f"n{number}",
            draw(st.sampled_from("abc")),
            draw(st.sampled_from(("eu", "us"))),
            draw(st.integers(1, capacity_max)),
            draw(st.sampled_from(("active", "active", "active", "active", "decommissioning"))),
        )
        for number in range(1, count + 1)
    )
    shards = []
    for number in range(1, draw(st.integers(0, shards_max)) + 1):
        names = draw(st.permutations([each.node for each in nodes]))
        replicas = tuple(names[: draw(st.integers(1, min(3, count)))])
        leader = draw(st.sampled_from(("", *replicas)))
        size, load = draw(st.integers(0, 100)), draw(st.integers(0, 100))
        shards.append(PlacedShard(number, replicas, leader, size, load, draw(st.integers(0, 9)) == 0))
    return Snapshot(7, nodes, tuple(shards))


def active(snapshot: Snapshot) -> list[PlacedNode]:
    return [each for each in snapshot.nodes if each.standing == "active"]


def crowding(nodes: list[PlacedNode], holders: frozenset[str]) -> tuple[int, int]:
    """Return the most of some holders that stand in one region, and in one zone."""
    regions, zones = [], []
    for node in nodes:
        if node.node in holders:
            regions.append(node.region)
            zones.append((node.region, node.zone))
    return max(map(regions.count, regions), default=0), max(map(zones.count, zones), default=0)


def imbalance(nodes: list[PlacedNode], holders: list[frozenset[str]]) -> int:
    """Return the sum of count² / capacity, over a common denominator of 2, for capacities of 1 and 2."""
    return sum(2 * sum(node.node in each for each in holders) ** 2 // node.capacity for node in nodes)


def active_holders(snapshot: Snapshot) -> list[frozenset[str]]:
    names = {each.node for each in active(snapshot)}
    return [frozenset(each.replicas) & names for each in snapshot.shards]


def best_by_search(snapshot: Snapshot) -> tuple[int, int]:
    """Return the least imbalance of all placements that spread each shard as far as can be, and the fewest moves to
    one that has it.
    """
    nodes = active(snapshot)
    names = [each.node for each in nodes]
    choices = []
    for shard, home in zip(snapshot.shards, active_holders(snapshot), strict=True):
        ways = [frozenset(each) for each in combinations(names, len(home))]
        least = min(crowding(nodes, each) for each in ways)
        choices.append([home] if shard.is_fixed else [each for each in ways if crowding(nodes, each) == least])
    home = active_holders(snapshot)
    return min(
        (imbalance(nodes, list(ways)), sum(len(was - now) for was, now in zip(home, ways, strict=True)))
        for ways in product(*choices)
    )


# --- replicas in number ---------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(snapshots())
def test_a_plan_is_as_even_as_can_be_and_moves_no_more_than_the_optimum(snapshot):
    found = plan(snapshot)
    moved = active_holders(carried_out(snapshot, found))
    assert (imbalance(active(snapshot), moved), len(found.moves)) == best_by_search(snapshot)


@pytest.mark.parametrize("by", MEASURES)
@settings(max_examples=100, deadline=None)
@given(snapshots(nodes_max=8, shards_max=12))
def test_no_step_of_a_plan_breaks_a_rule(by, snapshot):
    """Each move alone, in order: from a holder to an active node that holds none, and no place gets too crowded."""
    found = plan(snapshot, by)
    nodes, names = active(snapshot), {each.node for each in active(snapshot)}
    held = {each.shard: list(each.replicas) for each in snapshot.shards}
    fixed = {each.shard for each in snapshot.shards if each.is_fixed}
    for move in found.moves:
        assert move.source in held[move.shard] and move.target not in held[move.shard]
        assert {move.source, move.target} <= names and move.shard not in fixed
        before = crowding(nodes, frozenset(held[move.shard]) & names)
        held[move.shard][held[move.shard].index(move.source)] = move.target
        after = frozenset(held[move.shard]) & names
        ways = (frozenset(each) for each in combinations(sorted(names), len(after)))
        assert crowding(nodes, after) <= max(before, min(crowding(nodes, each) for each in ways))
    for transfer in found.transfers:
        assert transfer.target in held[transfer.shard] and transfer.target in names
        assert transfer.target != transfer.source and transfer.shard not in fixed


@pytest.mark.parametrize("by", MEASURES)
@settings(max_examples=100, deadline=None)
@given(snapshots(nodes_max=8, shards_max=12))
def test_what_a_plan_has_reached_needs_no_other_plan(by, snapshot):
    once = carried_out(snapshot, plan(snapshot, by))
    assert plan(once, by).moves == ()
    assert plan(once, by).transfers == ()


@pytest.mark.parametrize("by", MEASURES)
@given(snapshots(nodes_max=8, shards_max=12))
def test_equal_snapshots_give_equal_plans(by, snapshot):
    assert plan(snapshot, by) == plan(snapshot, by)


def cluster(nodes: int, shards: int, *, more: int = 0) -> Snapshot:
    """Return nodes in three zones with three replicas of each shard in turn; `more` nodes are new, and empty."""
    names = [PlacedNode(f"n{number}", "abc"[number % 3], "eu") for number in range(1, nodes + more + 1)]
    placed = []
    for number in range(shards):
        replicas = tuple(names[(number + offset) % nodes].node for offset in range(3))
        placed.append(PlacedShard(number + 1, replicas, replicas[0], 1000, 10))
    return Snapshot(3, tuple(names), tuple(placed))


def test_new_nodes_get_their_share_and_nothing_moves_between_the_others():
    snapshot = cluster(9, 108, more=3)
    found = plan(snapshot)
    assert found.version == 3
    assert {move.target for move in found.moves} == {"n10", "n11", "n12"}
    assert len(found.moves) == 81
    carried = distribution(carried_out(snapshot, found))
    assert [each.replicas for each in carried] == [27] * 12
    assert [each.leaders for each in carried] == [9] * 12


def test_zones_stand_over_balance():
    """A fourth node of one zone gets a quarter of what that zone has, and none of what the other zones have."""
    snapshot = cluster(9, 90, more=1)
    found = plan(snapshot)
    assert {move.target for move in found.moves} == {"n10"}
    replicas = [each.replicas for each in distribution(carried_out(snapshot, found))]
    assert [replicas[number] for number in (1, 2, 4, 5, 7, 8)] == [30] * 6
    assert sorted(replicas[number] for number in (0, 3, 6, 9)) == [22, 22, 23, 23]


def test_each_move_says_why():
    snapshot = cluster(3, 4, more=1)
    move = plan(snapshot).moves[0]
    assert move.reason == f"{move.source} has 4 replicas (share 3.0), n4 has 0 (share 3.0)"
    assert move.bytes == 1000


def test_the_share_of_a_node_goes_by_its_capacity():
    nodes = (PlacedNode("n1", "a", "", 1), PlacedNode("n2", "a", "", 3))
    shards = tuple(PlacedShard(number, ("n1",), "n1", 1000) for number in range(1, 9))
    reasons = [move.reason for move in plan(Snapshot(1, nodes, shards)).moves]
    assert reasons[0] == "n1 has 8 replicas (share 2.0), n2 has 0 (share 6.0)"
    assert len(reasons) == 6


def test_what_is_even_stays():
    found = plan(cluster(6, 12))
    assert found.is_empty and found.bytes == 0


def test_replicas_leave_a_zone_that_has_too_many_of_them():
    nodes = tuple(PlacedNode(f"n{number}", zone, "eu") for number, zone in enumerate("aabc", start=1))
    found = plan(Snapshot(1, nodes, (PlacedShard(1, ("n1", "n2", "n3"), "n1"),)))
    assert [(each.target, each.reason) for each in found.moves] == [("n4", "2 of its 3 replicas are in zone a")]


def test_replicas_leave_a_region_that_has_too_many_of_them():
    nodes = (
        *(PlacedNode(f"n{number}", zone, "eu") for number, zone in enumerate("abc", start=1)),
        PlacedNode("n4", "a", "us"),
    )
    found = plan(Snapshot(1, nodes, (PlacedShard(1, ("n1", "n2", "n3"), "n1"),)))
    assert [(each.target, each.reason) for each in found.moves] == [("n4", "3 of its 3 replicas are in region eu")]


def test_a_larger_node_carries_more():
    nodes = (PlacedNode("n1", capacity=2), PlacedNode("n2"), PlacedNode("n3"))
    shards = tuple(PlacedShard(number, ("n2",), "n2") for number in range(1, 9))
    carried = distribution(carried_out(Snapshot(1, nodes, shards), plan(Snapshot(1, nodes, shards))))
    assert [each.replicas for each in carried] == [4, 2, 2]
    assert [each.leaders for each in carried] == [4, 2, 2]


def test_of_equal_moves_the_one_with_the_fewest_bytes_is_made():
    nodes = (PlacedNode("n1"), PlacedNode("n2"))
    shards = tuple(PlacedShard(number, ("n1",), "n1", size) for number, size in ((1, 30), (2, 10), (3, 20)))
    assert [each.shard for each in plan(Snapshot(1, nodes, shards)).moves] == [2]


def test_an_empty_cluster_has_an_empty_plan():
    assert plan(Snapshot(1, (), ())).is_empty
    assert plan(Snapshot(1, (PlacedNode("n1", standing="removed"),), (PlacedShard(1, ("n1",)),))).is_empty


# --- leaders --------------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(snapshots(nodes_max=5, shards_max=5))
def test_leaders_are_as_even_as_replicas_allow_with_the_fewest_transfers(snapshot):
    moved = carried_out(snapshot, Plan(7, plan(snapshot).moves, ()))
    names = {each.node for each in active(snapshot)}
    choices = []
    for shard in moved.shards:
        able = [node for node in shard.replicas if node in names]
        is_free = shard.leader and able and not shard.is_fixed
        choices.append(able if is_free else [shard.leader if shard.leader in able else ""])
    best = min(
        (
            sum(2 * leaders.count(node.node) ** 2 // node.capacity for node in active(snapshot)),
            sum(leader != shard.leader for leader, shard in zip(leaders, moved.shards, strict=True) if leader),
        )
        for leaders in product(*choices)
    )
    transfers = plan(snapshot).transfers
    after = [each.leader if each.leader in names else "" for each in carried_out(moved, Plan(7, (), transfers)).shards]
    assert (sum(2 * after.count(n.node) ** 2 // n.capacity for n in active(snapshot)), len(transfers)) == best


# --- bytes and loads ------------------------------------------------------------------------------------------------


def uneven(nodes: int, shards: int) -> Snapshot:
    """Return a cluster whose shards are of all sizes, on all nodes but the last two."""
    names = tuple(PlacedNode(f"n{number}") for number in range(1, nodes + 1))
    placed = []
    for number in range(1, shards + 1):
        replicas = tuple(names[(number + offset) % (nodes - 2)].node for offset in range(3))
        placed.append(PlacedShard(number, replicas, replicas[0], 100 + number * 37 % 900, 10 + number * 53 % 90))
    return Snapshot(3, names, tuple(placed))


@pytest.mark.parametrize("by", ["bytes", "load"])
def test_bytes_and_loads_are_evened_out_as_far_as_asked_and_no_further(by):
    snapshot = uneven(10, 60)
    amounts = [sum(getattr(s, by) for s in snapshot.shards if n.node in s.replicas) for n in snapshot.nodes]
    assert variation_permille(amounts) > 400
    few, many = (plan(snapshot, by, spread_permille=spread) for spread in (200, 20))
    assert 0 < len(few.moves) < len(many.moves)
    for found, spread in ((few, 200), (many, 20)):
        for left_out in (None, *found.moves):
            moves = tuple(each for each in found.moves if each is not left_out)
            after = carried_out(snapshot, Plan(3, moves, ()))
            amounts = [sum(getattr(s, by) for s in after.shards if n.node in s.replicas) for n in after.nodes]
            assert (variation_permille(amounts) <= spread) == (left_out is None)


def test_by_load_leaders_are_spread_by_load():
    nodes = tuple(PlacedNode(f"n{number}") for number in (1, 2))
    shards = tuple(PlacedShard(number, ("n1", "n2"), "n1", load=load) for number, load in ((1, 90), (2, 30), (3, 60)))
    found = plan(Snapshot(1, nodes, shards), "load")
    assert found.moves == ()
    assert [each.load for each in distribution(carried_out(Snapshot(1, nodes, shards), found))] == [90, 90]


# --- the value ------------------------------------------------------------------------------------------------------


def test_a_plan_is_priced_in_bytes_and_in_time():
    moves = tuple(ReplicaMove(number, "n1", "n2", size, "") for number, size in ((1, 300), (2, 100), (3, 100), (4, 1)))
    found = Plan(1, moves, ())
    assert found.bytes == 501
    assert found.time_ns(100) == 5_010_000_000
    assert found.time_ns(100, moves_at_once=2) == 3_000_000_000
    assert found.time_ns(100, moves_at_once=3) == 3_000_000_000
    assert found.time_ns(0) == 0


def test_time_is_rounded_up():
    assert Plan(1, (ReplicaMove(1, "n1", "n2", 1, ""),), ()).time_ns(3) == 333_333_334


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (Snapshot(1, (PlacedNode("n1"), PlacedNode("n1")), ()), "more than one node n1"),
        (Snapshot(1, (PlacedNode("n1", capacity=0),), ()), "n1 has capacity 0"),
        (Snapshot(1, (PlacedNode("n1"),), (PlacedShard(4, ("n1", "n1")),)), "more than one replica of shard 4 on n1"),
        (Snapshot(1, (PlacedNode("n1"),), (PlacedShard(4, ("n2",)),)), "shard 4 is on n2, which is not one of n1"),
        (Snapshot(1, (PlacedNode("n1"),), (PlacedShard(4, ()), PlacedShard(4, ()))), "more than one shard 4"),
    ],
)
def test_a_snapshot_of_what_cannot_be_is_refused(snapshot, words):
    with pytest.raises(InvalidInput, match=words):
        plan(snapshot)


def test_variation_is_exact():
    assert variation_permille([]) == 0
    assert variation_permille([0, 0]) == 0
    assert variation_permille([5, 5, 5]) == 0
    assert variation_permille([1, 3]) == 500
    assert variation_permille([0, 0, 0, 8]) == 1732  # √3
    assert variation_permille([4, 2], [2, 1]) == 0
    assert variation_permille([2, 2], [3, 1]) == 577  # 2/3 thrice and 2 once, around a mean of 1: √(1/3)
