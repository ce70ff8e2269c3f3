"""What a gateway knows of the cluster: which shard holds a key, and who may lead it. All of it may be out of date."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.domain import NodeId, ShardId


class Routes:
    """Descriptors by key and by shard, and a guess at each shard's leader."""

    def __init__(self, known: Iterable[ShardDescriptor]) -> None:
        self._by_shard = {each.shard: each for each in known}
        self._starts: list[str] = []
        self._ranges: list[ShardDescriptor] = []
        self._leaders: dict[ShardId, NodeId] = {}
        self._turns: dict[ShardId, int] = {}

    @property
    def has_map(self) -> bool:
        return bool(self._ranges)

    def learn_map(self, descriptors: Iterable[ShardDescriptor], system_shard: ShardId) -> None:
        """Take over a shard map."""
        known = list(descriptors)
        self._by_shard = {each.shard: each for each in known}
        self._ranges = sorted((each for each in known if each.shard != system_shard), key=lambda each: each.start)
        self._starts = [each.start for each in self._ranges]

    def forget_map(self) -> None:
        self._ranges, self._starts = [], []

    def shard_of(self, key: str) -> ShardDescriptor:
        """Return the shard that holds a key. There must be a map."""
        return self._ranges[bisect_right(self._starts, key) - 1]

    def descriptor(self, shard: ShardId) -> ShardDescriptor:
        return self._by_shard[shard]

    def target(self, shard: ShardId) -> NodeId:
        """Return whom to ask: the leader as last heard of, else the shard's members in turn."""
        leader = self._leaders.get(shard)
        if leader:
            return leader
        voters = self._by_shard[shard].voters
        return voters[self._turns.get(shard, 0) % len(voters)]

    def learn_leader(self, shard: ShardId, leader: NodeId) -> None:
        self._leaders[shard] = leader

    def doubt(self, shard: ShardId, target: NodeId) -> None:
        """`target` did not answer or does not lead: ask the next member."""
        if self._leaders.get(shard) == target:
            del self._leaders[shard]
        self._turns[shard] = self._turns.get(shard, 0) + 1
