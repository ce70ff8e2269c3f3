"""One owner: at any instant at most one epoch of one shard acknowledges operations on a key.

Rule: fed frozen observations, in the order in which they happened; no protocol code here. Who acknowledges an
operation on a key is its owner from there on, and nobody who was so before may be so again. An owner that has been
followed and goes on is a donor that serves after the cut-over, a source that serves while it is being merged, a leader
that does not know of its successor.

The directory is the other half of it: its ranges have to hold each key once.

Source: the ownership that epochs and fencing tokens are for: Gray and Cheriton, "Leases" (SOSP 1989); Adya et al.,
"Slicer: Auto-Sharding for Datacenter Applications" (OSDI 2016), 4.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Verdict
from PhantomLibrary.domain import Acknowledged

Range: TypeAlias = tuple[int, str, str]
"""A shard and its keys [start, end); `end` "" means no end."""


class Ownership:
    """Who acknowledged operations on each key last, and who did so before.

    `committed` tells how far a shard is known to have committed its log. A leader that was deposed may learn late that
    a write of its own was committed, and say so: that write was done before whoever followed, so it is no offence.
    So may one that slept learn late that it led still when it was asked to read. `may_be_late` tells whether somebody
    had asked for a key by some time and had no answer then: who answers him is with what held at that time.
    """

    __slots__ = ("_committed", "_earlier", "_latest", "_since_ns", "may_be_late", "operations")

    def __init__(self, committed: Callable[[int], int]) -> None:
        self.operations = 0
        self.may_be_late: Callable[[str, int], bool] = lambda _key, _at_ns: False
        self._committed = committed
        self._latest: dict[str, Acknowledged] = {}
        self._since_ns: dict[str, int] = {}  # By key: when its latest owner first acknowledged anything.
        # By key, then (shard, epoch): how far that shard had committed its log when another owner followed.
        self._earlier: dict[str, dict[tuple[int, int], int]] = {}

    def acknowledged(self, seen: Acknowledged, at_ns: int = 0) -> str:
        """Take in an acknowledgement at a time; return what is wrong with it, "" when nothing is."""
        self.operations += 1
        latest = self._latest.get(seen.key)
        if latest is not None and latest.epoch == seen.epoch and latest.shard == seen.shard:
            return ""
        if latest is None:
            self._latest[seen.key], self._since_ns[seen.key] = seen, at_ns
            return ""
        earlier = self._earlier.setdefault(seen.key, {})
        is_older = seen.shard == latest.shard and seen.epoch < latest.epoch
        until = latest.epoch - 1 if is_older else earlier.get((seen.shard, seen.epoch))
        if until is not None and 0 < seen.index <= until:
            return ""  # It was done in time, and is told late.
        if until is not None and not seen.index and self.may_be_late(seen.key, self._since_ns[seen.key]):
            return ""
        earlier[latest.shard, latest.epoch] = self._committed(latest.shard)
        self._latest[seen.key], self._since_ns[seen.key] = seen, at_ns
        if until is None:
            return ""
        return (
            f"{seen.node} acknowledged an operation on {seen.key} at epoch {seen.epoch} of shard {seen.shard}, after "
            f"{latest.node} had done so at epoch {latest.epoch} of shard {latest.shard}"
        )


def check_ranges(ranges: Sequence[Range]) -> Verdict:
    """Return whether ranges hold each key exactly once."""
    ordered = sorted(ranges, key=lambda each: (each[1], each[0]))
    problems = [] if ordered and not ordered[0][1] else ["no shard holds the first keys"]
    for (shard, _, end), (behind, start, _) in pairwise(ordered):
        if not end or start < end:
            problems.append(f"keys from {start!r} on are in shard {shard} and in shard {behind}")
        elif end < start:
            problems.append(f"no shard holds the keys from {end!r} to {start!r}")
    if ordered and ordered[-1][2]:
        problems.append(f"no shard holds the keys from {ordered[-1][2]!r} on")
    if problems:
        return Verdict("invalid", "OWN-002", problems[0], tuple(problems[1:EVIDENCE_LINES_MAX]), len(ordered))
    return Verdict("valid", operations=len(ordered), confirmed=len(ordered))
