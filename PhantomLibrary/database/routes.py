"""What a gateway knows of the cluster: which shard holds a key, and who may lead it. All of it may be out of date."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise

from PhantomLibrary.database.config import SYSTEM_SHARD, ShardDescriptor
from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.domain.rows import ROWS_END, position_start, positions_between
from PhantomLibrary.placement.sharding import position_token, token_of
from PhantomLibrary.protocols.transactions.values import Span


def row_range(start: str, end: str, *, is_hashed: bool) -> tuple[str, str]:
    """Return between which keys the rows of tables are that a shard holds; `start` and `end` are as it has them."""
    if is_hashed:
        first, last = (int(token.ljust(16, "0"), 16) if token else None for token in (start, end))
        return position_start(first or 0), ROWS_END if last is None else position_start(last)
    return max(start, position_start(0)), min(end or ROWS_END, ROWS_END)


class Routes:
    """Descriptors by key and by shard, and a guess at each shard's leader.

    What is known of different shards may be of different times, so ranges may overlap: then the one that begins later
    has the keys from there on, as after a split. Where some key would be in none there is no map.
    """

    def __init__(self, known: Iterable[ShardDescriptor]) -> None:
        self._by_shard = {each.shard: each for each in known}
        self._starts: list[str] = []
        self._ranges: list[ShardDescriptor] = []
        self._is_hashed = False  # Whether the ranges are of keys' hashes.
        self._heirs: dict[ShardId, ShardId] = {}
        self._leaders: dict[ShardId, NodeId] = {}
        self._turns: dict[ShardId, int] = {}
        self._order()

    @property
    def has_map(self) -> bool:
        return bool(self._ranges)

    @property
    def epochs(self) -> dict[ShardId, int]:
        """Return the epoch of each shard that is known."""
        return {shard: each.epoch for shard, each in self._by_shard.items()}

    def learn(self, descriptor: ShardDescriptor) -> None:
        """Take over a descriptor, unless a newer one is known."""
        if self._take(descriptor):
            self._order()

    def learn_all(self, descriptors: Iterable[ShardDescriptor], absorbed: Iterable[tuple[ShardId, ShardId]]) -> None:
        """Take over descriptors, and which shards were taken over by which."""
        is_new = False
        for shard, heir in absorbed:
            if shard not in self._heirs:
                self._heirs[shard] = heir
                is_new |= self._by_shard.pop(shard, None) is not None
        for descriptor in descriptors:
            is_new |= self._take(descriptor)
        if is_new:
            self._order()

    def _take(self, descriptor: ShardDescriptor) -> bool:
        shard = descriptor.shard
        known = self._by_shard.get(shard)
        if shard in self._heirs or (known is not None and known.epoch >= descriptor.epoch):
            return False
        self._by_shard[shard] = descriptor
        if self._leaders.get(shard) not in (None, *descriptor.members):
            del self._leaders[shard]
        return True

    def _data(self) -> Iterable[ShardDescriptor]:
        """Return the shards of which the map is made."""
        return (each for shard, each in self._by_shard.items() if shard != SYSTEM_SHARD)

    def _order(self) -> None:
        ranges = sorted(self._data(), key=lambda each: (each.start, each.shard))
        is_whole = (
            bool(ranges)
            and not ranges[0].start
            and not ranges[-1].end
            and all(not each.end or each.end >= behind.start for each, behind in pairwise(ranges))
        )
        self._is_hashed = any(each.is_hashed for each in ranges)
        # Of two that begin at one key the earlier one is gone: it has been taken over by the one before, which split.
        live = [each for each, behind in pairwise(ranges) if each.start != behind.start] + ranges[-1:]
        self._ranges = live if is_whole else []
        self._starts = [each.start for each in self._ranges]

    @property
    def data_shards(self) -> list[ShardId]:
        """Return the shards that hold data, in the order of their ranges. There must be a map."""
        return [each.shard for each in self._ranges]

    def shard_of(self, key: str) -> ShardDescriptor:
        """Return the shard that holds a key, of what is everywhere the first one. There must be a map."""
        token = token_of(key) if self._is_hashed else key
        return self._ranges[bisect_right(self._starts, token) - 1]

    def parts_of(self, span: Span) -> list[tuple[ShardId, Span]]:
        """Return the shards that hold a span, each with its part, in the order of keys. There must be a map.

        Where keys are hashed, any shard may hold some of the span, unless it is that of a single key or of the rows of
        a table. Of what is everywhere the first shard is named.
        """
        if span.is_everywhere:
            return [(self._ranges[0].shard, span)]
        if self._is_hashed:
            return [(each.shard, span) for each in self._hashed(span)]
        parts = []
        ends = [*self._starts[1:], ""]
        for each, end in zip(self._ranges, ends, strict=True):
            if (not end or span.start < end) and (not span.end or each.start < span.end):
                last = min(filter(None, (span.end, end)), default="")
                parts.append((each.shard, Span(max(span.start, each.start), last, span.table)))
        return parts

    def _hashed(self, span: Span) -> list[ShardDescriptor]:
        if span.is_key:
            return [self.shard_of(span.start)]
        if not span.table:
            return self._ranges
        first, last = positions_between(span.start, span.end)
        start = bisect_right(self._starts, position_token(first)) - 1
        return self._ranges[start : bisect_right(self._starts, position_token(last))]

    def row_parts(self, span: Span) -> list[tuple[ShardId, Span]]:
        """Return the shards that hold rows of tables in a span, each with its part, in the order of keys, which is that
        of positions. There must be a map. However keys are divided, no part holds what another one does.
        """
        parts = []
        ends = [*self._starts[1:], ""]
        for each, token in zip(self._ranges, ends, strict=True):
            first, last = row_range(each.start, token, is_hashed=self._is_hashed)
            start, end = max(span.start, first), min(span.end, last)
            if start < end:
                parts.append((each.shard, Span(start, end)))
        return parts

    def rows_of_one(self, number: int) -> Span:
        """Return what rows some shard may hold: for each number one, in turn. There must be a map.

        A range of keys may end before those of rows begin, or begin behind them: then that shard holds none.
        """
        ranges = [
            row_range(start, end, is_hashed=self._is_hashed)
            for start, end in zip(self._starts, [*self._starts[1:], ""], strict=True)
        ]
        holding = [each for each in ranges if each[0] < each[1]]
        return Span(*holding[number % len(holding)])

    def find(self, shard: ShardId) -> ShardDescriptor | None:
        """Return a shard's descriptor, None of one that is not known, or was taken over by another one."""
        return self._by_shard.get(shard)

    def heir_of(self, shard: ShardId) -> ShardId:
        """Return which shard has the keys of one that may have been taken over."""
        while shard in self._heirs:
            shard = self._heirs[shard]
        return shard

    def target(self, shard: ShardId) -> NodeId:
        """Return whom to ask: the leader as last heard of, else the shard's members in turn."""
        leader = self._leaders.get(shard)
        if leader:
            return leader
        voters = self._by_shard[shard].voters
        return voters[self._turns.get(shard, 0) % len(voters)]

    def likely_leaders(self) -> list[NodeId]:
        """Return the nodes that may lead data: as last heard of, where nothing was heard all that may be elected."""
        likely: dict[NodeId, None] = {}
        for each in self._ranges:
            leader = self._leaders.get(each.shard)
            likely.update(dict.fromkeys((leader,) if leader else each.voters))
        return list(likely)

    def learn_leader(self, shard: ShardId, leader: NodeId) -> None:
        self._leaders[shard] = leader

    def doubt(self, shard: ShardId, target: NodeId) -> None:
        """`target` did not answer or does not lead: ask the next member."""
        if self._leaders.get(shard) == target:
            del self._leaders[shard]
        self._turns[shard] = self._turns.get(shard, 0) + 1
