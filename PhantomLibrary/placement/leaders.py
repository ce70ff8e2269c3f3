"""Leadership as a flow: any active replica of a shard may lead it."""

from __future__ import annotations

from collections.abc import Sequence

from PhantomLibrary.placement.flow import Flow
from PhantomLibrary.placement.snapshot import PlacedNode, PlacedShard


class Leaders(Flow):
    """Who leads each shard. One whose leader will hold no replica of it, or is leaving, is given to a replica."""

    def __init__(self, nodes: Sequence[PlacedNode], shards: Sequence[PlacedShard]) -> None:
        index = {each.node: number for number, each in enumerate(nodes)}
        self._holders = [sum(1 << index[node] for node in each.replicas if node in index) for each in shards]
        leaders = [
            1 << index[each.leader] if each.leader in each.replicas and each.leader in index else 0 for each in shards
        ]
        super().__init__([each.capacity for each in nodes], leaders, [not each.is_fixed for each in shards])
        for thing, shard in enumerate(shards):
            if shard.leader and not leaders[thing] and self._holders[thing] and not shard.is_fixed:
                self._settle(thing)

    def _settle(self, thing: int) -> None:
        """Give a shard whose leader goes to the replica that leads the least."""
        nodes = [node for node in range(len(self.counts)) if self._holders[thing] >> node & 1]
        node = min(nodes, key=lambda each: (self.price(each, 1), each))
        self.give(thing, node)

    def _targets(self, thing: int, source: int) -> int:
        return self._holders[thing] & ~(1 << source)
