"""Splits and merges without an operator: what the leader of shard 0 does, while it leads, for the sizes of shards.

It asks leaders for the bytes and the operations of their shards, lets the policy decide (`placement/resizing.py`), and
asks for one split or merge at a time, as an operator would. It keeps nothing that matters: another leader measures
anew. Without a policy it does nothing at all.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from PhantomLibrary.database.config import SYSTEM_SHARD, DatabaseConfig
from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.messages import AskTask
from PhantomLibrary.database.metering import Metering, ShardLoad
from PhantomLibrary.domain import SECOND_NS, NodeId, ShardId
from PhantomLibrary.domain.placement import MergeShards, SplitShard
from PhantomLibrary.placement.resizing import MeasuredShard, Resize, SizePolicy, SplitIt, resize


class ResizerHost(Protocol):
    """The node that a resizer stands on."""

    @property
    def metering(self) -> Metering: ...
    @property
    def config(self) -> DatabaseConfig: ...
    def monotonic_ns(self) -> int: ...
    def propose(self, command: AskTask) -> None: ...
    def unavailable(self) -> Collection[NodeId]: ...


class Resizer:
    """One term of one resizer."""

    def __init__(self, host: ResizerHost) -> None:
        self._host = host
        config = host.config
        self._policy = SizePolicy(config.split_bytes, config.split_load, config.merge_bytes)
        self._interval_ns = config.resize_interval_ns
        self._due_ns = 0
        self._before: dict[ShardId, tuple[ShardLoad, int]] = {}  # What was measured last, and when.
        self._loads: dict[ShardId, int] = {}

    def look(self, directory: Directory) -> int:
        """Do what is due; return when to look again, 0 when nobody resizes."""
        if not self._policy.is_on:
            return 0
        now_ns = self._host.monotonic_ns()
        if self._due_ns <= now_ns:
            self._due_ns = now_ns + self._interval_ns
            self._evaluate(directory)
        return self._due_ns

    def _evaluate(self, directory: Directory) -> None:
        metering = self._host.metering
        known = self._measure(directory)
        metering.ask(directory.nodes("active"))
        is_quiet = not directory.reshapes.under_way and not self._host.unavailable()
        wishes = resize(self._policy, self._measured(directory, known)) if is_quiet else []
        if wishes:
            self._host.propose(AskTask(self._wish(directory, wishes[0])))

    def _measure(self, directory: Directory) -> dict[ShardId, ShardLoad]:
        """Take in what leaders said last; return what each shard's latest leader did."""
        known: dict[ShardId, ShardLoad] = {}
        for node in directory.nodes("active"):
            meters = self._host.metering.latest(node)
            for load in meters.shards if meters is not None else ():
                if load.shard not in known or load.term > known[load.shard].term:
                    known[load.shard] = load
                    self._note(load, self._host.metering.taken_ns(node))
        return known

    def _note(self, load: ShardLoad, taken_ns: int) -> None:
        """Know how busy a shard is, from two readings of one leader."""
        before, at_ns = self._before.get(load.shard, (load, taken_ns))
        if before.term == load.term and taken_ns > at_ns:
            self._loads[load.shard] = (load.operations - before.operations) * SECOND_NS // (taken_ns - at_ns)
        elif before.term != load.term:
            self._loads.pop(load.shard, None)
        if taken_ns != at_ns or load.shard not in self._before:
            self._before[load.shard] = (load, taken_ns)

    def _measured(self, directory: Directory, known: dict[ShardId, ShardLoad]) -> list[MeasuredShard]:
        """Return all shards of data in the order of their ranges; those of which too little is known are left alone."""
        data = (each for each in directory.shards if each.shard != SYSTEM_SHARD)
        measured = []
        for each in sorted(data, key=lambda each: each.start):
            load = known.get(each.shard)
            is_fixed = load is None or each.shard not in self._loads or directory.moves.of(each.shard) is not None
            size = load.bytes if load is not None else 0
            measured.append(MeasuredShard(each.shard, size, self._loads.get(each.shard, 0), is_fixed))
        return measured

    def _wish(self, directory: Directory, found: Resize) -> SplitShard | MergeShards:
        name = f"sizes at version {directory.version}"
        if isinstance(found, SplitIt):
            return SplitShard(name, found.shard)
        return MergeShards(name, found.left, found.right)
