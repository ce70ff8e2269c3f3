"""What plans are made from, and plans: nodes and shards at one version of their placement, and what is to move.

Capacities are relative: a node of capacity 2 is to carry twice as much as one of capacity 1. Bytes are those of one
replica. A load is what whoever leads the shard has to do, in whatever unit, the same for all shards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.errors import InvalidInput

Standing: TypeAlias = Literal["joining", "active", "decommissioning", "removed"]


class PlacedNode(Struct, frozen=True):
    """A node and where it stands. Only active ones are given anything, or have it taken from them."""

    node: NodeId
    zone: str = ""
    region: str = ""
    capacity: int = 1
    standing: Standing = "active"


class PlacedShard(Struct, frozen=True):
    """A shard and who holds it. `leader` "" means that nobody is known to lead it. `is_fixed`: it is being changed."""

    shard: ShardId
    replicas: tuple[NodeId, ...]
    leader: NodeId = ""
    bytes: int = 0
    load: int = 0
    is_fixed: bool = False


class Snapshot(Struct, frozen=True):
    """A cluster at one version of its placement. A plan is good for that version only."""

    version: int
    nodes: tuple[PlacedNode, ...]
    shards: tuple[PlacedShard, ...]

    def check(self) -> None:
        """Raise InvalidInput for what no cluster can be."""
        _check_once("node", [each.node for each in self.nodes])
        _check_once("shard", [each.shard for each in self.shards])
        known = {each.node for each in self.nodes}
        for node in self.nodes:
            if node.capacity < 1:
                raise InvalidInput(f"{node.node} has capacity {node.capacity}: it has to be 1 or more")
        for shard in self.shards:
            _check_once(f"replica of shard {shard.shard} on", shard.replicas)
            strange = [node for node in (*shard.replicas, shard.leader) if node and node not in known]
            if strange:
                raise InvalidInput(f"shard {shard.shard} is on {strange[0]}, which is not one of {', '.join(known)}")


def _check_once(what: str, names: Iterable[object]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise InvalidInput(f"there is more than one {what} {name}")
        seen.add(name)


class ReplicaMove(Struct, frozen=True):
    """A replica of a shard goes from one node to another, which costs the bytes of that replica."""

    shard: ShardId
    source: NodeId
    target: NodeId
    bytes: int
    reason: str


class LeaderTransfer(Struct, frozen=True):
    """Another replica of a shard is to lead, when the moves are done. `source` is who leads before them."""

    shard: ShardId
    source: NodeId
    target: NodeId
    reason: str


class Plan(Struct, frozen=True):
    """What is to be done to a cluster whose placement has this version: the moves in any order, then the transfers."""

    version: int
    moves: tuple[ReplicaMove, ...]
    transfers: tuple[LeaderTransfer, ...]

    @property
    def is_empty(self) -> bool:
        return not self.moves and not self.transfers

    @property
    def bytes(self) -> int:
        """Return how many bytes are moved."""
        return sum(each.bytes for each in self.moves)

    def time_ns(self, throttle_bytes_per_s: int, moves_at_once: int = 1) -> int:
        """Return how long the moves take when each copies as fast as it is allowed to, and some go on at one time.

        A throttle of 0 is none: then copying is as fast as disks and network are, which a plan does not know, and the
        answer is 0. Moves begin in their order, each when one before has ended.
        """
        assert throttle_bytes_per_s >= 0 and moves_at_once >= 1
        if not throttle_bytes_per_s:
            return 0
        ends_ns = [0] * moves_at_once
        for move in self.moves:
            first = ends_ns.index(min(ends_ns))
            ends_ns[first] += -(-move.bytes * 1_000_000_000 // throttle_bytes_per_s)
        return max(ends_ns)


def carried_out(snapshot: Snapshot, plan: Plan) -> Snapshot:
    """Return what a snapshot becomes by a plan, at the same version."""
    replicas = {each.shard: list(each.replicas) for each in snapshot.shards}
    for move in plan.moves:
        held = replicas[move.shard]
        held[held.index(move.source)] = move.target
    leaders = {each.shard: each.target for each in plan.transfers}
    shards = tuple(
        msgspec.structs.replace(each, replicas=tuple(replicas[each.shard]), leader=leaders.get(each.shard, each.leader))
        for each in snapshot.shards
    )
    return Snapshot(snapshot.version, snapshot.nodes, shards)


class Carried(Struct, frozen=True):
    """What one node carries."""

    node: NodeId
    replicas: int = 0
    leaders: int = 0
    bytes: int = 0
    load: int = 0


def distribution(snapshot: Snapshot) -> tuple[Carried, ...]:
    """Return what each node carries, in the order of the snapshot's nodes. Its load is that of the shards it leads."""
    found: dict[NodeId, list[int]] = {each.node: [0, 0, 0, 0] for each in snapshot.nodes}
    for shard in snapshot.shards:
        for node in shard.replicas:
            found[node][0] += 1
            found[node][2] += shard.bytes
        if shard.leader:
            found[shard.leader][1] += 1
            found[shard.leader][3] += shard.load
    return tuple(Carried(node, *numbers) for node, numbers in found.items())


def capacities(snapshot: Snapshot) -> Mapping[NodeId, int]:
    return {each.node: each.capacity for each in snapshot.nodes}
