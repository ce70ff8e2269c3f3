"""Defects of the load itself: a measurement that flatters. Each class is laid over a part of the workloads."""

from __future__ import annotations

from collections.abc import Iterator

from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.workloads.clients import Clients
from PhantomLibrary.workloads.keys import Skews, SlotChoice
from PhantomLibrary.workloads.load import Shapes, Slice


class ForgetsTheWait(Clients):
    """Lets the clock of an operation run from when a client was free for it."""

    def _take_waiting(self) -> int:
        super()._take_waiting()
        return self._scheduler.now_ns


class NeverRamps(Shapes):
    """Lets the rate be there when the ramp ends, and not before."""

    def ramp(self, base: int, rate: int, period_ns: int) -> Iterator[Slice]:
        yield period_ns, base
        yield None, rate


class HeatsNothing(Skews):
    """Lets all keys be alike that were to be hot."""

    def hot(self, keys: int, stream: Stream) -> SlotChoice:
        return self.uniform(keys, stream)
