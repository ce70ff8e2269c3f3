"""How keys become shards, and how shards find nodes: evenly, by zones, and with little movement when a node joins."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.database.config import DatabaseConfig, ShardDescriptor, make_layout
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.placement.balance import variation_permille
from PhantomLibrary.placement.replicas import Places
from PhantomLibrary.placement.sharding import STRATEGIES, boundaries, key_with_token, token_of
from PhantomLibrary.placement.snapshot import PlacedNode, PlacedShard, Snapshot, carried_out
from PhantomLibrary.placement.strategies import Ring, in_turn, plan_by_ring
from PhantomLibrary.protocols.transactions.values import Span, span_of

NAMES = tuple(f"n{number}" for number in range(1, 10))


def machines(count: int, zones: str = "abc") -> list[PlacedNode]:
    return [PlacedNode(f"n{number}", zones[(number - 1) % len(zones)], "eu") for number in range(1, count + 1)]


# --- keys -----------------------------------------------------------------------------------------------------------


def test_tokens_are_the_same_everywhere_and_always():
    assert token_of("k0") == "a59c811a6cd19397"
    assert token_of("") == "e4a6a0577479b2b4"


def test_boundaries_divide_the_keys_of_workloads_evenly():
    assert boundaries(4, is_hashed=False) == ["", "k25", "k5", "k75"]
    assert boundaries(3, is_hashed=False) == ["", "k333333", "k666666"]
    assert boundaries(1, is_hashed=False) == [""]


def test_boundaries_divide_hashes_evenly():
    assert boundaries(4, is_hashed=True) == ["", "4" + 15 * "0", "8" + 15 * "0", "c" + 15 * "0"]
    assert boundaries(3, is_hashed=True)[1:] == [16 * "5", 16 * "a"]


def test_hashes_spread_keys_that_are_named_alike():
    routes = Routes(())
    for start, end in zip(starts := boundaries(8, is_hashed=True), [*starts[1:], ""], strict=True):
        number = starts.index(start) + 1
        routes.learn(ShardDescriptor(number, start, end, 1, ("n1",), is_hashed=True))
    counts = [0] * 8
    for number in range(4000):
        counts[routes.shard_of(f"customer/{number}").shard - 1] += 1
    assert variation_permille(counts) < 100


@given(st.sampled_from(STRATEGIES), st.text(max_size=9), st.integers(1, 20))
def test_each_key_is_in_exactly_one_shard_and_routes_know_which(strategy, key, shards):
    table = dict.fromkeys(boundaries(shards, is_hashed=False), NAMES[:3])
    layout = make_layout(machines(5), shards=shards, replicas=3, config=DatabaseConfig(placement=strategy), table=table)
    holders = [each for each in layout.shards[1:] if each.holds(key)]
    routes = Routes(layout.shards)
    for each in layout.shards:
        routes.learn(each)
    assert [routes.shard_of(key)] == holders


def test_a_span_of_hashed_keys_is_everywhere_and_a_single_key_is_not():
    layout = make_layout(NAMES[:3], shards=4, replicas=3, config=DatabaseConfig(placement="hash"))
    routes = Routes(())
    for each in layout.shards:
        routes.learn(each)
    assert routes.parts_of(Span("a", "b")) == [(shard, Span("a", "b")) for shard in (1, 2, 3, 4)]
    assert routes.parts_of(span_of("k7")) == [(routes.shard_of("k7").shard, span_of("k7"))]
    assert len(routes.parts_of(Span("k7", ""))) == 4


@given(st.integers(1, 30), st.booleans())
def test_some_key_of_a_shard_is_its_own(shards, is_hashed):
    placement = "hash" if is_hashed else "range"
    layout = make_layout(NAMES[:3], shards=shards, replicas=1, config=DatabaseConfig(placement=placement))
    for each in layout.shards[1:]:
        assert each.holds(each.some_key("!n1"))
        assert each.some_key("!n1").endswith("!n1")


def test_a_key_with_a_token_in_a_range_may_be_the_only_one_of_its_range():
    token = token_of("k41x")
    assert key_with_token("x", token, token + "0") == "k41x"


# --- nodes ----------------------------------------------------------------------------------------------------------


def test_shards_are_on_nodes_in_turn():
    assert in_turn(machines(3), 4, 2) == [("n1", "n2"), ("n2", "n3"), ("n3", "n1"), ("n1", "n2")]


def test_a_zone_that_has_a_replica_is_passed_over():
    assert in_turn(machines(5), 5, 3)[3:] == [("n4", "n5", "n3"), ("n5", "n1", "n3")]


@st.composite
def places(draw):
    count = draw(st.integers(1, 7))
    zones = [draw(st.sampled_from("abc")) for _ in range(count)]
    regions = [draw(st.sampled_from(("eu", "us"))) for _ in range(count)]
    numbers = zip(range(1, count + 1), zones, regions, strict=True)
    return [PlacedNode(f"n{number}", zone, region) for number, zone, region in numbers]


@settings(max_examples=200, deadline=None)
@given(places(), st.data())
def test_any_strategy_spreads_a_shard_as_far_as_can_be(nodes, data):
    """As few replicas as possible in one region, and then as few as possible in one zone."""
    replicas = data.draw(st.integers(1, len(nodes)))
    best = min(crowding(nodes, each) for each in combinations([node.node for node in nodes], replicas))
    ring = Ring(nodes, virtual_nodes=8)
    for holders in (*in_turn(nodes, 7, replicas), *(ring.holders(shard, replicas) for shard in range(7))):
        assert len(set(holders)) == replicas
        assert crowding(nodes, holders) == best


def crowding(nodes: list[PlacedNode], holders: tuple[str, ...]) -> tuple[int, int]:
    chosen = [node for node in nodes if node.node in holders]
    regions, zones = [node.region for node in chosen], [(node.region, node.zone) for node in chosen]
    return max(map(regions.count, regions)), max(map(zones.count, zones))


def test_caps_of_regions_stand_over_those_of_zones():
    nodes = [*machines(3, "a"), *(PlacedNode(f"n{number}", f"z{number}", "us") for number in (4, 5, 6))]
    assert Places(nodes).caps(4) == (2, 2)


# --- the ring -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [3, 8, 20])
def test_a_node_that_joins_a_ring_takes_from_all_and_nothing_else_moves(count):
    """Without zones to respect: whatever changes goes to the new node, and that is about its share."""
    nodes = [PlacedNode(f"n{number}", zone=f"z{number}") for number in range(1, count + 2)]
    before, after = Ring(nodes[:-1]), Ring(nodes)
    came = 0
    for shard in range(600):
        old, new = before.holders(shard, 3), after.holders(shard, 3)
        assert set(new) - set(old) <= {nodes[-1].node}
        came += len(set(new) - set(old))
    share = 600 * 3 // (count + 1)
    assert share * 6 // 10 < came < share * 14 // 10


def test_a_ring_gives_each_node_about_its_share():
    ring = Ring([PlacedNode("n1", "a"), PlacedNode("n2", "b", capacity=2), PlacedNode("n3", "c")])
    first = [ring.holders(shard, 1)[0] for shard in range(4000)]
    assert 900 < first.count("n1") < 1100 and 1800 < first.count("n2") < 2200


def test_a_plan_by_ring_moves_to_the_ring_and_is_empty_then():
    nodes = (*machines(9), PlacedNode("n10", "c", "eu"), PlacedNode("n11", "a", "eu", standing="decommissioning"))
    ring = Ring(nodes[:9])
    shards = [PlacedShard(number, ring.holders(number, 3), bytes=5) for number in range(1, 100)]
    shards.append(PlacedShard(100, ("n1", "n2", "n11")))
    shards.append(PlacedShard(101, ("n1", "n4", "n7"), is_fixed=True))
    snapshot = Snapshot(4, nodes, tuple(shards))
    found = plan_by_ring(snapshot)
    assert found.version == 4 and 15 < len(found.moves) < 50
    after = carried_out(snapshot, found)
    bigger = Ring(nodes[:10])
    assert all(set(each.replicas) == set(bigger.holders(each.shard, 3)) for each in after.shards[:99])
    assert "n11" in after.shards[99].replicas and after.shards[100] == snapshot.shards[100]
    assert plan_by_ring(after).is_empty
    assert found.moves[0].reason.startswith(f"the ring has shard {found.moves[0].shard} on n")


def test_a_layout_by_ring_or_table_is_where_they_say():
    nodes = machines(5)
    config = DatabaseConfig(placement="consistent-hash", virtual_nodes=16)
    layout = make_layout(nodes, shards=6, replicas=3, config=config)
    ring = Ring(nodes, virtual_nodes=16)
    assert [each.voters for each in layout.shards[1:]] == [ring.holders(number, 3) for number in range(1, 7)]
    table = {"m": ("n5", "n1", "n2"), "": ("n2", "n3", "n4")}
    layout = make_layout(nodes, shards=2, replicas=3, config=DatabaseConfig(placement="directory"), table=table)
    assert [(each.start, each.end, each.voters) for each in layout.shards[1:]] == [
        ("", "m", ("n2", "n3", "n4")),
        ("m", "", ("n5", "n1", "n2")),
    ]
