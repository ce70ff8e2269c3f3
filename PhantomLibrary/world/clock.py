"""The two clocks of a node, read off virtual time with integers only.

The monotonic clock may run fast or slow (drift), never jumps and counts from the start of the run. The wall clock is
the monotonic one plus an offset, which may be stepped either way; it counts from `WALL_ORIGIN_NS`, so that it stays
positive. A crash changes neither: the machine goes on, only its process is gone.
"""

from __future__ import annotations

from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.world.units import MILLION

WALL_ORIGIN_NS = 10**15  # Eleven days: more than any offset a test has use for.


class Clock:
    """Turns virtual time into what a node reads, and a node's time limits into virtual time."""

    __slots__ = ("_ahead_ns", "_base_monotonic_ns", "_base_ns", "_scheduler", "drift_ppm", "offset_ns")

    def __init__(self, scheduler: Scheduler, *, offset_ns: int = 0, drift_ppm: int = 0) -> None:
        self._scheduler = scheduler
        self._base_ns = scheduler.now_ns
        self._base_monotonic_ns = scheduler.now_ns
        self._ahead_ns = 0  # Of virtual time, at the base.
        self.drift_ppm = drift_ppm
        self.offset_ns = offset_ns

    def monotonic_ns(self) -> int:
        if not self.drift_ppm:
            return self._scheduler.now_ns + self._ahead_ns
        passed_ns = self._scheduler.now_ns - self._base_ns
        return self._base_monotonic_ns + passed_ns * (MILLION + self.drift_ppm) // MILLION

    def wall_ns(self) -> int:
        return WALL_ORIGIN_NS + self.monotonic_ns() + self.offset_ns

    def virtual_ns(self, monotonic_ns: int) -> int:
        """Return the first virtual time at which the monotonic clock reads at least this, at its present drift."""
        if not self.drift_ppm:
            return monotonic_ns - self._ahead_ns
        passed_ns = -((self._base_monotonic_ns - monotonic_ns) * MILLION // (MILLION + self.drift_ppm))
        return self._base_ns + passed_ns

    def change_drift(self, by_ppm: int) -> None:
        """Run faster (or slower) from now on. Whoever waits for a reading must ask `virtual_ns` again."""
        self._base_monotonic_ns = self.monotonic_ns()
        self._base_ns = self._scheduler.now_ns
        self._ahead_ns = self._base_monotonic_ns - self._base_ns
        self.drift_ppm += by_ppm
        assert self.drift_ppm > -MILLION, "a monotonic clock moves forward"

    def step(self, by_ns: int) -> None:
        """Let the wall clock jump."""
        self.offset_ns += by_ns
