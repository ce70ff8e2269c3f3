"""Who is to lead where leaders are wanted in one region: a replica there, if there is one that is well.

Leadership that lies elsewhere goes there, one shard at a time to each node; it never goes away from there but by an
election, so where no replica of the region is well, whoever has been elected leads on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from PhantomLibrary.domain import NodeId, ShardId


class LedShard(Struct, frozen=True):
    """A shard that could be handed over: who leads it, and who votes in it."""

    shard: ShardId
    leader: NodeId
    voters: tuple[NodeId, ...]


def preferred_leaders(
    shards: Sequence[LedShard], preferred: Collection[NodeId], well: Collection[NodeId], led: Iterable[NodeId]
) -> Mapping[ShardId, NodeId]:
    """Return who is to take which shard over. `preferred` are the nodes of the region, `led` the leaders of all shards.

    Of several replicas in the region that are `well` the one is chosen whose node leads the least.
    """
    counts: dict[NodeId, int] = dict.fromkeys(preferred, 0)
    for node in led:
        counts[node] = counts.get(node, 0) + 1
    found: dict[ShardId, NodeId] = {}
    for each in shards:
        heirs = [node for node in each.voters if node in preferred and node in well]
        if heirs and each.leader not in preferred:
            heir = min(heirs, key=lambda node: counts[node])
            found[each.shard] = heir
            counts[heir] += 1
    return found
