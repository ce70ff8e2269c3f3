"""What a gateway knows of the cluster: which shard holds a key, and who may lead it. All of it may be out of date."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from PhantomLibrary.database.config import SYSTEM_SHARD, ShardDescriptor
from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.placement.sharding import token_of
from PhantomLibrary.protocols.transactions.values import Span, span_of


class Routes:
    """Descriptors by key and by shard, and a guess at each shard's leader."""

    def __init__(self, known: Iterable[ShardDescriptor]) -> None:
        self._by_shard = {each.shard: each for each in known}
        self._starts: list[str] = []
        self._ranges: list[ShardDescriptor] = []
        self._is_hashed = False  # Whether the ranges are of keys' hashes.
        self._leaders: dict[ShardId, NodeId] = {}
        self._turns: dict[ShardId, int] = {}

    @property
    def has_map(self) -> bool:
        return bool(self._ranges)

    @property
    def epochs(self) -> dict[ShardId, int]:
        """Return the epoch of each shard that is known."""
        return {shard: each.epoch for shard, each in self._by_shard.items()}

    def learn(self, descriptor: ShardDescriptor) -> None:
        """Take over a descriptor, unless a newer one is known."""
        known = self._by_shard.get(descriptor.shard)
        is_shown = descriptor.shard == SYSTEM_SHARD or any(each.shard == descriptor.shard for each in self._ranges)
        if known is not None and known.epoch > descriptor.epoch:
            descriptor = known
        self._by_shard[descriptor.shard] = descriptor
        if self._leaders.get(descriptor.shard) not in (None, *descriptor.members):
            del self._leaders[descriptor.shard]
        if descriptor is not known or not is_shown:
            data = (each for shard, each in self._by_shard.items() if shard != SYSTEM_SHARD)
            self._ranges = sorted(data, key=lambda each: each.start)
            self._starts = [each.start for each in self._ranges]
            self._is_hashed = any(each.is_hashed for each in self._ranges)

    def forget_map(self) -> None:
        self._ranges, self._starts = [], []

    def shard_of(self, key: str) -> ShardDescriptor:
        """Return the shard that holds a key. There must be a map."""
        token = token_of(key) if self._is_hashed else key
        return self._ranges[bisect_right(self._starts, token) - 1]

    def parts_of(self, span: Span) -> list[tuple[ShardId, Span]]:
        """Return the shards that hold a span, each with its part, in the order of keys. There must be a map.

        Where keys are hashed, any shard may hold some of the span, unless it is that of a single key.
        """
        if self._is_hashed:
            shards = [self.shard_of(span.start)] if span == span_of(span.start) else self._ranges
            return [(each.shard, span) for each in shards]
        parts = []
        for each in self._ranges:
            if (not each.end or span.start < each.end) and (not span.end or each.start < span.end):
                end = min(filter(None, (span.end, each.end)), default="")
                parts.append((each.shard, Span(max(span.start, each.start), end)))
        return parts

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


def is_same_range(left: ShardDescriptor, right: ShardDescriptor) -> bool:
    """Return whether two descriptors of a shard speak of the same keys, on whichever nodes."""
    return (left.start, left.end) == (right.start, right.end)
