"""How shards find their nodes when a cluster is made, and where a ring wants them when nodes have come or gone.

Whatever the strategy, no two replicas of a shard are on one node, and no more of them in one region or zone than their
number makes unavoidable (`Places.caps`): candidates are gone through in the order that the strategy gives, and those in
a place that is full are passed over. Since regions are made of zones, and zones of nodes, that never ends too soon.

Source of the ring: Karger et al., "Consistent Hashing and Random Trees" (STOC 1997); a node has many places on it, so
that each has about its share, and who comes takes a little from everybody (Stoica et al., "Chord", 2001, section 4.2).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.placement.replicas import Places
from PhantomLibrary.placement.sharding import token_of
from PhantomLibrary.placement.snapshot import PlacedNode, Plan, ReplicaMove, Snapshot

VIRTUAL_NODES = 128
"""How many places on the ring a node has for each unit of its capacity."""


def in_turn(nodes: Sequence[PlacedNode], shards: int, replicas: int) -> list[tuple[NodeId, ...]]:
    """Return who holds each of some shards: the first on the first node and those after it, the next one node
    further.
    """
    places = Places(nodes)
    return [
        _chosen(places, [(first + offset) % len(nodes) for offset in range(len(nodes))], replicas)
        for first in range(shards)
    ]


class Ring:
    """A ring of tokens on which nodes stand, each at many places.

    A shard belongs to the nodes that come next on the ring from its own place on. When a node joins, only replicas
    come to it, and none goes from one of the others to another; but where regions or zones push replicas aside.
    """

    def __init__(self, nodes: Sequence[PlacedNode], *, virtual_nodes: int = VIRTUAL_NODES) -> None:
        self._places = Places(nodes)
        stands = sorted(
            (token_of(f"{node.node}/{number}"), index)
            for index, node in enumerate(nodes)
            for number in range(virtual_nodes * node.capacity)
        )
        self._tokens = [token for token, _ in stands]
        self._nodes = [index for _, index in stands]

    def holders(self, shard: ShardId, replicas: int) -> tuple[NodeId, ...]:
        """Return who holds a shard, the first one on the ring first."""
        first = bisect_left(self._tokens, token_of(f"shard {shard}"))
        around = (self._nodes[(first + offset) % len(self._nodes)] for offset in range(len(self._nodes)))
        return _chosen(self._places, around, replicas)


def _chosen(places: Places, candidates: Iterable[int], replicas: int) -> tuple[NodeId, ...]:
    """Return the first candidates that find room."""
    in_region, in_zone = places.caps(replicas)
    free, chosen, names = places.all, 0, []
    for node in candidates:
        if not free >> node & 1:
            continue
        chosen |= 1 << node
        names.append(places.nodes[node].node)
        if len(names) == replicas:
            break
        free &= ~(1 << node)
        for kind, cap in ((places.regions, in_region), (places.zones, in_zone)):
            full = [place for place in kind if place >> node & 1 and (chosen & place).bit_count() >= cap]
            for place in full:
                free &= ~place
    assert len(names) == replicas
    return tuple(names)


def plan_by_ring(snapshot: Snapshot, *, virtual_nodes: int = VIRTUAL_NODES) -> Plan:
    """Return what is to move so that each shard is where the ring of the active nodes wants it."""
    snapshot.check()
    nodes = [each for each in snapshot.nodes if each.standing == "active"]
    names = {each.node for each in nodes}
    ring = Ring(nodes, virtual_nodes=virtual_nodes) if nodes else None
    wanted: dict[ShardId, tuple[NodeId, ...]] = {}
    for shard in snapshot.shards:
        held = [node for node in shard.replicas if node in names]
        if ring is not None and held and not shard.is_fixed:
            wanted[shard.shard] = ring.holders(shard.shard, len(held))
    return Plan(snapshot.version, tuple(_moves_to(snapshot, wanted, names)), ())


def _moves_to(
    snapshot: Snapshot, wanted: Mapping[ShardId, tuple[NodeId, ...]], active: set[NodeId]
) -> Iterable[ReplicaMove]:
    for shard in snapshot.shards:
        holders = wanted.get(shard.shard, ())
        come = [node for node in holders if node not in shard.replicas]
        go = [node for node in shard.replicas if node in active and node not in holders]
        for source, target in zip(go, come, strict=bool(holders)):
            reason = f"the ring has shard {shard.shard} on {', '.join(holders)}"
            yield ReplicaMove(shard.shard, source, target, shard.bytes, reason)
