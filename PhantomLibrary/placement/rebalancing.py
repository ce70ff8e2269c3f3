"""The rebalancer: which replicas are to move, and who is to lead, so that each node carries its share.

First each shard's replicas go to as many regions and zones as possible; then the number of replicas on each node
comes as near to its share by capacity as those allow; and of all ways to get there, one with the fewest moves is
taken (`levelling.py`). Where bytes or loads are to be even, which no quick algorithm does with the fewest moves, a
search does it (`weights.py`). Leadership, which costs nothing to move, is spread last, over the replicas as they
will be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from PhantomLibrary.domain import NodeId
from PhantomLibrary.placement.flow import Flow, bits
from PhantomLibrary.placement.leaders import Leaders
from PhantomLibrary.placement.levelling import level
from PhantomLibrary.placement.replicas import Places, Replicas
from PhantomLibrary.placement.snapshot import (
    LeaderTransfer,
    PlacedNode,
    PlacedShard,
    Plan,
    ReplicaMove,
    Snapshot,
    carried_out,
)
from PhantomLibrary.placement.weights import even_out

Measure: TypeAlias = Literal["replicas", "bytes", "load"]
MEASURES: tuple[Measure, ...] = ("replicas", "bytes", "load")
SPREAD_PERMILLE = 100


def plan(snapshot: Snapshot, by: Measure = "replicas", *, spread_permille: int = SPREAD_PERMILLE) -> Plan:
    """Return what is to be done so that each active node carries its share.

    `by`: replicas in number, as even as can be; or what they hold in bytes, or their load, whose coefficient of
    variation over nodes is to be at most `spread_permille` thousandths, and no more is moved than that takes. Leaders
    are spread in number, or, with `load`, by that of their shards. The plan is empty when nothing is to be done. Raises
    InvalidInput for a snapshot of what cannot be.
    """
    snapshot.check()
    nodes = [each for each in snapshot.nodes if each.standing == "active"]
    if not nodes:
        return Plan(snapshot.version, (), ())
    weights = [each.bytes if by == "bytes" else each.load if by == "load" else 1 for each in snapshot.shards]
    replicas = Replicas(nodes, snapshot.shards)
    _spread_over_places(replicas, snapshot.shards)
    if by == "replicas":
        level(replicas, [each.bytes for each in snapshot.shards])
    else:
        even_out(replicas, weights, spread_permille)
    moves = tuple(_moves(snapshot.shards, replicas, _Shares(nodes, by, replicas.home, weights)))
    moved = carried_out(snapshot, Plan(snapshot.version, moves, ()))
    leaders = Leaders(nodes, moved.shards)
    if by == "load":
        even_out(leaders, weights, spread_permille)
    else:
        level(leaders, [0] * len(moved.shards))
    transfers = tuple(_transfers(moved.shards, leaders, nodes))
    return Plan(snapshot.version, moves, transfers)


def _spread_over_places(replicas: Replicas, shards: Sequence[PlacedShard]) -> None:
    """Move replicas out of regions and zones that have too many of a shard."""
    for number, shard in enumerate(shards):
        while not shard.is_fixed:
            crowded = replicas.places.crowded(replicas.now[number])
            steps = [
                (-replicas.gain(source, target), source, target)
                for source in bits(crowded)
                for target in bits(replicas.allowed(number, source) & ~crowded)
            ]
            if not steps:
                break
            _, source, target = min(steps)
            replicas.move(number, source, target)


# --- moves, and why -------------------------------------------------------------------------------------------------


class _Shares:
    """What each node carries before the plan, and what its share is."""

    def __init__(
        self, nodes: Sequence[PlacedNode], by: Measure, holders: Sequence[int], weights: Sequence[int]
    ) -> None:
        self._nodes = nodes
        self._by = by
        self._carried = [0] * len(nodes)
        for thing, mask in enumerate(holders):
            for node in bits(mask):
                self._carried[node] += weights[thing]
        self._total = sum(self._carried)
        self._capacity = sum(each.capacity for each in nodes)

    def shown(self, source: int, target: int) -> str:
        """Return what there is to say of two nodes: `n1 has 12 replicas (share 9.6), n4 has 3 (share 9.6)`."""
        return f"{self._of(source, f' {self._by}')}, {self._of(target, '')}"

    def _of(self, node: int, what: str) -> str:
        tenths = 10 * self._total * self._nodes[node].capacity // self._capacity
        share = f"{tenths // 10}.{tenths % 10}"
        return f"{self._nodes[node].node} has {self._carried[node]}{what} (share {share})"


def _moves(shards: Sequence[PlacedShard], replicas: Replicas, shares: _Shares) -> Iterator[ReplicaMove]:
    """Yield what has changed. A replica goes within its zone if it can, else within its region, so that no move alone
    crowds another place.
    """
    places = replicas.places
    for number, shard in enumerate(shards):
        home, now = replicas.home[number], replicas.now[number]
        if home == now:
            continue
        crowded = places.crowded(home)
        for source, target in _pairs(places, home & ~now, now & ~home):
            reason = shares.shown(source, target)
            if crowded >> source & 1 and not crowded >> target & 1:
                where = places.nodes[source]
                reason = (
                    f"{crowded.bit_count()} of its {home.bit_count()} replicas are in {_place(places, crowded, where)}"
                )
            names = [places.nodes[node].node for node in (source, target)]
            yield ReplicaMove(shard.shard, names[0], names[1], shard.bytes, reason)


def _pairs(places: Places, left: int, entered: int) -> Iterator[tuple[int, int]]:
    for group in (*places.zones, *places.regions, places.all):
        for source in bits(left & group):
            target = next(bits(entered & group), None)
            if target is None:
                break
            left ^= 1 << source
            entered ^= 1 << target
            yield source, target


def _place(places: Places, crowded: int, node: PlacedNode) -> str:
    zones = [zone for zone in places.zones if zone & crowded]
    return f"zone {node.zone}" if len(zones) == 1 else f"region {node.region}"


def _transfers(shards: Sequence[PlacedShard], leaders: Flow, nodes: Sequence[PlacedNode]) -> Iterator[LeaderTransfer]:
    names: dict[int, NodeId] = {1 << index: node.node for index, node in enumerate(nodes)}
    led = {names[1 << index]: count for index, count in enumerate(leaders.counts)}
    for shard, now in zip(shards, leaders.now, strict=True):
        if now and names[now] != shard.leader:
            target = names[now]
            gone = "" if shard.leader in shard.replicas else f"{shard.leader} will hold no replica of it; "
            yield LeaderTransfer(shard.shard, shard.leader, target, f"{gone}{target} is to lead {led[target]} shards")
