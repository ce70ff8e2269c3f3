"""Deadlines as stamps: cheap to move, which is what election timers are for.

Each name keeps the time it is set to and at most one event that counts. When the event fires and the time has moved on
meanwhile, it waits again; only a deadline that moves forward needs a new event, and the old one is disowned.
"""

from __future__ import annotations

from collections.abc import Callable

from PhantomLibrary.domain import NodeId
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.world.clock import Clock

_NEVER = 1 << 200


class _Timer:
    __slots__ = ("at_ns", "name", "pending_ns", "stamp", "waits_for_core")

    def __init__(self, name: str) -> None:
        self.name = name
        self.at_ns = _NEVER  # On the monotonic clock, as the process asked.
        self.pending_ns = _NEVER  # Which reading its event will look at.
        self.stamp = 0  # Of the event that counts.
        self.waits_for_core = False


class Timers:
    """The deadlines of one incarnation. `passed(name)` is called when one is due. Names are few, and kept for good."""

    __slots__ = ("_clock", "_passed", "_scheduler", "_timers", "name")

    def __init__(
        self, scheduler: Scheduler, clock: Clock, passed: Callable[[str], object], *, name: NodeId = ""
    ) -> None:
        self.name = name  # Of the machine.
        self._scheduler = scheduler
        self._clock = clock
        self._passed = passed
        self._timers: dict[str, _Timer] | None = {}

    def set(self, name: str, at_ns: int) -> None:
        timers = self._timers
        if timers is None:
            return
        timer = timers.get(name)
        if timer is None:
            timer = timers[name] = _Timer(name)
        timer.at_ns = at_ns
        timer.waits_for_core = False
        if at_ns < timer.pending_ns:
            self._push(timer)

    def wait_for_core(self, name: str) -> None:
        """A deadline has been found due, and waits for the processor."""
        if self._timers is not None:
            self._timers[name].waits_for_core = True

    def take(self, name: str) -> bool:
        """Return whether a deadline that had to wait is due still; it is so once."""
        timer = None if self._timers is None else self._timers.get(name)
        if timer is None or not timer.waits_for_core:
            return False
        timer.waits_for_core = False
        return True

    def cancel_all(self) -> None:
        self._timers = None

    def reschedule(self) -> None:
        """Convert all deadlines to virtual time again, because the clock's rate has changed."""
        for timer in (self._timers or {}).values():
            if timer.pending_ns != _NEVER:
                self._push(timer)

    def _push(self, timer: _Timer) -> None:
        timer.pending_ns = at_ns = timer.at_ns
        timer.stamp = stamp = timer.stamp + 1
        self._scheduler.at(self._clock.virtual_ns(at_ns), self._look, (timer, stamp))

    def _look(self, event: tuple[_Timer, int]) -> None:
        timer, stamp = event
        if stamp != timer.stamp or self._timers is None:
            return
        if timer.at_ns > timer.pending_ns:  # Which the clock reads by now.
            self._push(timer)
            return
        timer.pending_ns = _NEVER
        self._passed(timer.name)
