"""How many operations arrive, and when: load shapes, and the one arrival process of an open loop.

A shape is a row of slices, each a time and a constant rate, so that ramps, waves and recorded loads are all one
thing. A rate counts operations in 1,000 seconds: small rates stay exact, and one operation a second is 1000.

Theory: `rate * nanoseconds` accumulates until it reaches one operation's worth, in integers, so that no arrival is
ever lost or gained by rounding. Arrival k of a constant rate falls into the k-th of equal cells, at a random place in
its second half: any whole number of cells holds exactly as many arrivals. Exponential gaps were left out: they say
nothing more of a database that queues, and a rate could not be asserted exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import TypeAlias

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Stream

RATE_TIME_S = 1000
RATE_MAX = 1_000_000 * RATE_TIME_S
PERIOD_NS_MIN = 100 * MILLISECOND_NS

Slice: TypeAlias = tuple[int | None, int]
"""For how many nanoseconds (None: for ever) which rate holds."""

_ONE = RATE_TIME_S * SECOND_NS  # What `rate * nanoseconds` comes to for one operation.
_SLICES = 64  # Of a period. A second each for the usual minute.

# (1 - cos x) / 2 in parts of 65536, in the middle of each of the first 32 of 64 slices of a turn.
_HALF_WAVE = (
    *(39, 355, 982, 1915, 3146, 4662, 6448, 8489, 10762, 13248, 15922, 18758, 21729, 24806, 27960, 31160),
    *(34376, 37576, 40730, 43807, 46778, 49614, 52288, 54774, 57047, 59088, 60874, 62390, 63621, 64554, 65181, 65497),
)
_WAVE = _HALF_WAVE + _HALF_WAVE[::-1]


def step(_base: int, rate: int, _period_ns: int) -> Iterator[Slice]:
    """The rate holds from now on."""
    yield None, rate


def ramp(base: int, rate: int, period_ns: int) -> Iterator[Slice]:
    """The rate changes evenly from what it was, over the period, and holds then."""
    for number, duration_ns in enumerate(_slice_durations(period_ns)):
        yield duration_ns, base + (rate - base) * (2 * number + 1) // (2 * _SLICES)
    yield None, rate


def sine(base: int, rate: int, period_ns: int) -> Iterator[Slice]:
    """The rate swings between what it was and this one, once a period, for ever."""
    durations_ns = _slice_durations(period_ns)
    for _ in repeat(None):
        for duration_ns, height in zip(durations_ns, _WAVE, strict=True):
            yield duration_ns, base + (rate - base) * height // 65536


def spike(base: int, rate: int, period_ns: int) -> Iterator[Slice]:
    """The rate holds for the period, and is then what it was before."""
    yield period_ns, rate
    yield None, base


def _slice_durations(period_ns: int) -> list[int]:
    return [period_ns * (number + 1) // _SLICES - period_ns * number // _SLICES for number in range(_SLICES)]


SHAPES: dict[str, Callable[[int, int, int], Iterator[Slice]]] = {
    "step": step,
    "ramp": ramp,
    "sine": sine,
    "spike": spike,
}


def check_load(rate: int, shape: str, period_ns: int, base: int) -> None:
    """Raise InvalidInput for a load that makes no sense after a rate of `base`."""
    if shape not in SHAPES:
        raise InvalidInput(f"no load shape {shape!r}: there are {', '.join(SHAPES)}{nearest(shape, SHAPES)}")
    if not 1 <= rate <= RATE_MAX:
        raise InvalidInput(
            f"a load of {rate / RATE_TIME_S:g}/s is not possible: it must be above 0 and at most "
            f"{RATE_MAX // RATE_TIME_S}/s (to have no load, stop the workload)"
        )
    if shape == "step":
        return
    if base == 0:
        raise InvalidInput(
            f"a {shape} starts from a rate, but this workload has none yet: set one with shape=step first"
        )
    if period_ns < PERIOD_NS_MIN:
        raise InvalidInput(f"a {shape} needs a period of 100 ms or more, not {period_ns / SECOND_NS:g} s")


class Arrivals:
    """Calls `arrive` once for each operation that arrives. `rate` is the one that leads to the next arrival."""

    __slots__ = ("_arrive", "_bits", "_credit", "_due_ns", "_ends_ns", "_scheduler", "_slices", "_stamp", "rate")

    def __init__(self, scheduler: Scheduler, stream: Stream, arrive: Callable[[], object]) -> None:
        self.rate = 0
        self._scheduler = scheduler
        self._bits = stream.bits
        self._arrive = arrive
        self._slices: Iterator[Slice] = iter(())
        self._ends_ns: int | None = None  # Of the slice that the next arrival falls into.
        self._due_ns = 0  # The next arrival, before its random delay.
        self._credit = _ONE // 2
        self._stamp = 0

    def follow(self, slices: Iterator[Slice]) -> None:
        """From now on, arrive as these slices say. What has built up towards the next arrival is kept."""
        now_ns = self._scheduler.now_ns
        if self.rate:
            self._credit = max(0, self._credit + _ONE - self.rate * (self._due_ns - now_ns))
        self._slices = slices
        self._due_ns = self._ends_ns = now_ns
        self._next_slice()
        self._stamp += 1
        self._schedule()

    def stop(self) -> None:
        """Let nothing arrive any more."""
        self._stamp += 1

    def _next_slice(self) -> None:
        assert self._ends_ns is not None, "the last slice has no end"
        duration_ns, self.rate = next(self._slices)
        assert self.rate > 0
        self._ends_ns = None if duration_ns is None else self._ends_ns + duration_ns

    def _schedule(self) -> None:
        """Find the next arrival. Where a slice ends first, its share towards the arrival is credited."""
        before_ns = self._due_ns
        while True:
            rate, ends_ns = self.rate, self._ends_ns
            due_ns = self._due_ns - (self._credit - _ONE) // rate  # Rounded up.
            if ends_ns is None or due_ns <= ends_ns:
                break
            self._credit += rate * (ends_ns - self._due_ns)
            self._due_ns = ends_ns
            self._next_slice()
        self._credit += rate * (due_ns - self._due_ns) - _ONE
        self._due_ns = due_ns
        delay_ns = self._bits(16) * (due_ns - before_ns) >> 17
        self._scheduler.at(due_ns + delay_ns, self._on_due, self._stamp)

    def _on_due(self, stamp: int) -> None:
        if stamp == self._stamp:
            self._schedule()
            self._arrive()
