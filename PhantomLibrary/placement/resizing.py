"""Which shards are to be split, as they are too large or too busy, and which neighbours merged, as they are small.

A pure policy: what was measured in, wishes out. What it asks for is never taken back by what it asks for next: two
neighbours are merged only if both together stay well below what splits a shard (hysteresis), so with the same data and
the same load it comes to rest.

Source: Taft et al., "CockroachDB: The Resilient Geo-Distributed SQL Database" (SIGMOD 2020), 2.1, for splits by size
and by load and merges of small ranges; the halves of a split that load asked for are left alone while they are busy.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import ShardId
from PhantomLibrary.errors import InvalidInput


class SizePolicy(Struct, frozen=True):
    """A shard is split at `split_bytes`, or at `split_load` operations per second; two neighbours are merged that have
    `merge_bytes` together at most. 0 means never.
    """

    split_bytes: int = 0
    split_load: int = 0
    merge_bytes: int = 0

    @property
    def is_on(self) -> bool:
        return bool(self.split_bytes or self.split_load or self.merge_bytes)


class MeasuredShard(Struct, frozen=True):
    """A shard, in the order of ranges. `load` is operations per second. One that `is_fixed` is being changed."""

    shard: ShardId
    bytes: int
    load: int
    is_fixed: bool = False


class SplitIt(Struct, frozen=True):
    """Split a shard in the middle of its keys."""

    shard: ShardId
    reason: str


class MergeThem(Struct, frozen=True):
    """Let a shard take over the next one."""

    left: ShardId
    right: ShardId
    reason: str


Resize: TypeAlias = SplitIt | MergeThem


def check_sizes(policy: SizePolicy) -> None:
    """Raise InvalidInput, naming the values, for a policy that would undo what it does."""
    if policy.split_bytes and 2 * policy.merge_bytes > policy.split_bytes:
        raise InvalidInput(
            f"merge_bytes={policy.merge_bytes} is too much for split_bytes={policy.split_bytes}: what is merged would "
            f"soon be split again; give {policy.split_bytes // 2} or less"
        )


def resize(policy: SizePolicy, shards: Sequence[MeasuredShard]) -> list[Resize]:
    """Return what is to be done, the most urgent first. No shard is in two of them; those being changed are in none."""
    splits = [(each, reason) for each in shards if not each.is_fixed and (reason := _why_split(policy, each))]
    splits.sort(key=lambda each: (-each[0].load, -each[0].bytes, each[0].shard))
    wishes: list[Resize] = [SplitIt(each.shard, reason) for each, reason in splits]
    taken = {each.shard for each, _ in splits}
    for left, right in pairwise(shards):
        is_free = not (left.is_fixed or right.is_fixed or left.shard in taken or right.shard in taken)
        if is_free and _may_merge(policy, left, right):
            taken |= {left.shard, right.shard}
            together = left.bytes + right.bytes
            wishes.append(MergeThem(left.shard, right.shard, f"together they have {together} bytes"))
    return wishes


def _why_split(policy: SizePolicy, shard: MeasuredShard) -> str:
    if policy.split_bytes and shard.bytes >= policy.split_bytes:
        return f"it has {shard.bytes} bytes"
    if policy.split_load and shard.load >= policy.split_load:
        return f"it serves {shard.load} operations a second"
    return ""


def _may_merge(policy: SizePolicy, left: MeasuredShard, right: MeasuredShard) -> bool:
    """Whether both are small, and together so quiet that they would not be split for that."""
    is_small = left.bytes + right.bytes <= policy.merge_bytes
    is_quiet = not policy.split_load or 2 * (left.load + right.load) <= policy.split_load
    return is_small and is_quiet
