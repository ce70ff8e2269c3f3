"""Latency samples, kept compactly, and what they come to. Integers only: percentiles are nearest ranks.

Why nearest rank: it always names a latency that some operation had, and needs no interpolation, thus no floating point.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence

from msgspec import Struct


class LatencySummary(Struct, frozen=True, gc=False):
    """All in nanoseconds; all 0 where there is no sample."""

    count: int = 0
    min_ns: int = 0
    mean_ns: int = 0
    p50_ns: int = 0
    p95_ns: int = 0
    p99_ns: int = 0
    max_ns: int = 0


class Latencies:
    """The samples of one function, in the order in which the operations ended."""

    __slots__ = ("ended_ns", "latency_ns")

    def __init__(self) -> None:
        self.ended_ns = array("q")
        self.latency_ns = array("q")

    def add(self, ended_ns: int, latency_ns: int) -> None:
        """Keep one sample. Times of ending never decrease."""
        self.ended_ns.append(ended_ns)
        self.latency_ns.append(latency_ns)

    def between(self, from_ns: int, to_ns: int) -> array[int]:
        """Return the latencies of what ended at `from_ns` or later, and before `to_ns`."""
        return self.latency_ns[bisect_left(self.ended_ns, from_ns) : bisect_left(self.ended_ns, to_ns)]

    def __len__(self) -> int:
        return len(self.latency_ns)


def nearest_rank(ordered: Sequence[int], numerator: int, denominator: int = 100) -> int:
    """Return the smallest of some ascending values that at least `numerator / denominator` of them do not exceed."""
    assert ordered and 0 <= numerator <= denominator
    rank = -(-len(ordered) * numerator // denominator)
    return ordered[max(rank, 1) - 1]


def summarize(latencies_ns: Sequence[int]) -> LatencySummary:
    """Return count, least, mean (rounded down), percentiles and greatest. Cost O(n log n)."""
    if not latencies_ns:
        return LatencySummary()
    ordered = sorted(latencies_ns)
    return LatencySummary(
        count=len(ordered),
        min_ns=ordered[0],
        mean_ns=sum(ordered) // len(ordered),
        p50_ns=nearest_rank(ordered, 50),
        p95_ns=nearest_rank(ordered, 95),
        p99_ns=nearest_rank(ordered, 99),
        max_ns=ordered[-1],
    )
