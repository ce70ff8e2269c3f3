"""The one arrival process of an open loop.

Theory: `rate * nanoseconds` accumulates until it reaches one operation's worth, in integers. Each operation's worth is
a cell, and its one arrival falls at a random place into the second half of it. So a time that begins and ends with a
cell holds exactly as many arrivals as its rates come to, whatever the shape, and any other time one more or less at
most. Exponential gaps were left out: they say nothing more of a database that queues, and a rate could not be asserted
exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.workloads.load import RATE_TIME_S, Slice

ONE = RATE_TIME_S * SECOND_NS
"""What `rate * nanoseconds` comes to for one operation."""

_HALF = ONE // 2
_BITS = 16


class Arrivals:
    """Calls `arrive` once for each operation that arrives. `rate` is the present one."""

    __slots__ = (
        "_arrive",
        "_bits",
        "_credit",
        "_ends_ns",
        "_goal",
        "_scheduler",
        "_since_ns",
        "_slices",
        "_stamp",
        "rate",
    )

    def __init__(self, scheduler: Scheduler, stream: Stream, arrive: Callable[[], object]) -> None:
        self.rate = 0
        self._scheduler = scheduler
        self._bits = stream.bits
        self._arrive = arrive
        self._slices: Iterator[Slice] = iter(())
        self._ends_ns: int | None = None  # Of the present slice.
        self._since_ns = 0  # Up to when `_credit` counts.
        self._credit = 0  # What has built up of the present cell; below 0 until the cell of the last arrival ends.
        self._goal = self._draw_goal()
        self._stamp = 0

    def follow(self, slices: Iterator[Slice]) -> None:
        """From now on, arrive as these slices say. What has built up towards the next arrival is kept."""
        self._settle()
        self._slices = slices
        self._ends_ns = self._since_ns
        self._next_slice()
        self._stamp += 1
        self._schedule()

    def stop(self) -> None:
        """Let nothing arrive any more."""
        self._stamp += 1

    def _draw_goal(self) -> int:
        """Return at which credit the arrival of a cell comes: in its second half, and before its end."""
        return _HALF + (self._bits(_BITS) * _HALF >> _BITS)

    def _settle(self) -> None:
        """Count what has built up until now."""
        now_ns = self._scheduler.now_ns
        self._credit += self.rate * (now_ns - self._since_ns)
        self._since_ns = now_ns

    def _next_slice(self) -> None:
        assert self._ends_ns is not None, "the last slice has no end"
        duration_ns, self.rate = next(self._slices)
        self._ends_ns = None if duration_ns is None else self._ends_ns + duration_ns

    def _schedule(self) -> None:
        """Wait for the next arrival, or for the end of the slice where that comes first."""
        rate, ends_ns = self.rate, self._ends_ns
        if rate:
            due_ns = self._since_ns + (self._goal - self._credit) // rate
            if ends_ns is None or due_ns < ends_ns:
                self._scheduler.at(due_ns, self._on_due, self._stamp)
                return
        if ends_ns is not None:
            self._scheduler.at(ends_ns, self._on_end, self._stamp)

    def _on_due(self, stamp: int) -> None:
        if stamp == self._stamp:
            now_ns = self._scheduler.now_ns  # As in `_settle`, without another call for each operation.
            self._credit += self.rate * (now_ns - self._since_ns) - ONE
            self._since_ns = now_ns
            self._goal = self._draw_goal()
            self._schedule()
            self._arrive()

    def _on_end(self, stamp: int) -> None:
        if stamp == self._stamp:
            self._settle()
            self._next_slice()
            self._schedule()
