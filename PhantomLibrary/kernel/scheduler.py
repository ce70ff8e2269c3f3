"""The virtual clock and the queue of events: the heart of the simulator.

Time is an integer number of nanoseconds and moves only from one event to the next. Events are tuples `(time_ns,
sequence, callback, argument)` in one heap, so that ties are broken by the order in which they were made and a
callback is never compared. What is due in the current instant goes to a FIFO instead, which is drained before time
moves on. A run ends by an event of its own that raises, which spares the loop a comparison for each event.

Why not SimPy or asyncio: they cost 2 and 5 to 28 times as much an event (see docs/adr/0001).
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import repeat
from operator import length_hint
from typing import Any, TypeAlias

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import Livelock

Callback: TypeAlias = Callable[[Any], object]
_Heap: TypeAlias = list[tuple[int, int, Callback, Any]]
_Instant: TypeAlias = deque[tuple[Callback, Any]]

_CHUNK_EVENTS = 4096
_LAST_SEQUENCE = 1 << 62  # After all that an instant holds: a run stops only when its last instant is over.
_SAMPLE_S_MAX = 0.5
_SAMPLE_EVENTS = 256  # So many more are performed to see what keeps a run busy: what waits may be idle.


class _Stopped(Exception):
    """Raised by the event that ends a run."""


class Scheduler:
    """Performs callbacks in the order of their virtual times.

    `now_ns` is the current instant. `events` counts what has been performed. Both only grow. `between_chunks` is called
    every few thousand events, for chores that decide nothing. `reorders` tells whether deliveries have to go through
    `at`, because they may be held back there (exploring.py).
    """

    __slots__ = ("_heap", "_instant", "_sequence", "_stops", "between_chunks", "events", "now_ns")

    reorders = False

    def __init__(self) -> None:
        self.now_ns = 0
        self.events = 0
        self._heap: _Heap = []
        self._instant: _Instant = deque()
        self._sequence = 0
        self._stops = 0
        self.between_chunks: Callable[[], None] = _do_nothing

    def at(self, time_ns: int, callback: Callback, argument: Any = None, channel: str = "") -> None:
        """Call `callback(argument)` at `time_ns`, or in this instant if that time has come.

        `channel` names the way of a delivery, from one party to another, which in this order makes no difference.
        """
        if time_ns <= self.now_ns:
            self._instant.append((callback, argument))
            return
        self._sequence = sequence = self._sequence + 1
        heappush(self._heap, (time_ns, sequence, callback, argument))

    def after(self, delay_ns: int, callback: Callback, argument: Any = None) -> None:
        """Call `callback(argument)` when `delay_ns` have passed."""
        self.at(self.now_ns + delay_ns, callback, argument)

    def soon(self, callback: Callback, argument: Any = None) -> None:
        """Call `callback(argument)` later in this instant."""
        self._instant.append((callback, argument))

    @property
    def is_quiet(self) -> bool:
        """Whether nothing at all is left to happen."""
        return not self._heap and not self._instant

    def run_until(
        self,
        time_ns: int,
        *,
        condition: Callable[[], bool] | None = None,
        events_max: int | None = None,
        wall_s_max: float | None = None,
    ) -> bool:
        """Perform all that is due up to and including `time_ns`; return whether `condition` became true.

        The condition is looked at between instants, first of all before anything happens, and ends the run early.
        Without one the answer is True. Raises Livelock, naming what kept the run busy, when more than `events_max`
        events or `wall_s_max` seconds of wall time go by first.
        """
        assert time_ns >= self.now_ns, "time never goes back"
        if condition is not None and condition():
            return True
        bound = _Bound(self, time_ns, events_max, wall_s_max)
        if condition is None:
            self._run_to(time_ns, bound)
            return True
        while self._heap or self._instant:
            if not self._instant and self._heap[0][0] > time_ns:
                break
            self._run_to(self.now_ns if self._instant else self._heap[0][0], bound)
            if condition():
                return True
        self._run_to(time_ns, bound)
        return False

    def run_until_quiet(self, *, events_max: int | None = None, wall_s_max: float | None = None) -> None:
        """Perform events until none is left. The clock stays at the last one. Raises Livelock as `run_until` does."""
        bound = _Bound(self, None, events_max, wall_s_max)
        while self._heap or self._instant:
            self._run_to(self._heap[-1][0] if self._heap else self.now_ns, bound)

    def _run_to(self, time_ns: int, bound: _Bound) -> None:
        """Perform all events up to `time_ns`, and let the clock stand there."""
        heap, instant = self._heap, self._instant
        self._stops = stop_sequence = self._stops + 1
        stop = (time_ns, _LAST_SEQUENCE + stop_sequence, _stop, None)
        heappush(heap, stop)
        stopped = False
        try:
            while True:
                self._perform_chunk(heap, instant, bound)
                self.between_chunks()
                bound.check()
        except _Stopped:
            stopped = True
            self.now_ns = time_ns
            self.events -= 1  # The sentinel is no event.
            self.between_chunks()
        finally:
            if not stopped:  # An interrupt, a bug or a bound: leave what was due, without the sentinel.
                heap.remove(stop)
                heapify(heap)
        bound.check()

    def _perform_chunk(self, heap: _Heap, instant: _Instant, bound: _Bound) -> None:
        """Perform some thousand events. The inner loop of everything: keep it free of cleverness."""
        chunk = repeat(None, _CHUNK_EVENTS)  # Knows how many are left, which spares the loop a count.
        try:
            if instant:
                self._drain_instant(heap, instant, bound)
            for _ in chunk:
                self.now_ns, _, callback, argument = heappop(heap)
                callback(argument)
                if instant:
                    self._drain_instant(heap, instant, bound)
        finally:
            self.events += _CHUNK_EVENTS - length_hint(chunk)

    def _sample(self, goal_ns: int | None) -> Counter[str]:
        """Perform some more events of a run that does not end, in their order, and count who performs them."""
        heap, instant = self._heap, self._instant
        busy: Counter[str] = Counter()
        end_s = time.monotonic() + _SAMPLE_S_MAX
        while busy.total() < _SAMPLE_EVENTS and time.monotonic() < end_s:
            if instant and not (heap and heap[0][0] == self.now_ns and heap[0][1] < _LAST_SEQUENCE):
                callback, argument = instant.popleft()
            elif heap and heap[0][1] < _LAST_SEQUENCE and (goal_ns is None or heap[0][0] <= goal_ns):
                self.now_ns, _, callback, argument = heappop(heap)
            else:
                break  # The run ends here after all.
            busy[name_of(callback)] += 1
            callback(argument)
        self.events += busy.total()
        return busy

    def _drain_instant(self, heap: _Heap, instant: _Instant, bound: _Bound) -> None:
        """Perform what this instant still holds: older events first, then those that it made itself."""
        now_ns = self.now_ns
        performed = 0
        while instant:
            if heap[0][0] == now_ns and heap[0][1] < _LAST_SEQUENCE:  # The sentinel is always there.
                _, _, callback, argument = heappop(heap)
            else:
                callback, argument = instant.popleft()
            callback(argument)
            performed += 1
            if performed == _CHUNK_EVENTS:  # An endless instant must meet its bound too.
                self.events += performed
                performed = 0
                self.between_chunks()
                bound.check()
        self.events += performed


class _Bound:
    """Ends a run that does not come to its end."""

    def __init__(
        self, scheduler: Scheduler, goal_ns: int | None, events_max: int | None, wall_s_max: float | None
    ) -> None:
        self._scheduler = scheduler
        self._goal_ns = goal_ns
        self._events_max = events_max
        self._events_end = None if events_max is None else scheduler.events + events_max
        self._wall_s_max = wall_s_max
        self._wall_end_s = None if wall_s_max is None else time.monotonic() + wall_s_max

    def check(self) -> None:
        if self._events_end is not None and self._scheduler.events > self._events_end:
            raise Livelock(self._explain(f"{self._events_max} events"))
        if self._wall_end_s is not None and time.monotonic() > self._wall_end_s:
            raise Livelock(self._explain(f"{self._wall_s_max:g} s of wall time"))

    def _explain(self, limit: str) -> str:
        scheduler = self._scheduler
        stood_ns = scheduler.now_ns
        busy = scheduler._sample(self._goal_ns)
        goal = "the end of all events" if self._goal_ns is None else f"t={self._goal_ns / SECOND_NS:.3f}s"
        names = ", ".join(f"{name} ({number} times)" for name, number in busy.most_common(3)) or "nothing any more"
        return (
            f"virtual time stood at t={stood_ns / SECOND_NS:.3f}s after {limit}, short of {goal}; "
            f"then busy with {names}"
        )


def name_of(callback: Callback) -> str:
    """Return what a callback does, and for whom, where its owner has a name."""
    name = getattr(callback, "__qualname__", None) or type(callback).__name__
    owner = getattr(getattr(callback, "__self__", None), "name", "")
    return f"{name} of {owner}" if isinstance(owner, str) and owner else name


def _stop(_argument: Any) -> None:
    raise _Stopped


def _do_nothing() -> None:
    pass
