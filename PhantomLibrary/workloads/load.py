"""How many operations arrive in which second: load shapes.

A shape is a row of slices, each a time and a constant rate, so that ramps, waves, days and recorded loads are all one
thing. A rate counts operations in 1,000 seconds: small rates stay exact, and one operation a second is 1000.

Rule: integers only; what is round is a committed table. So every machine has the same rates, and a test can say how
many operations arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, repeat
from typing import TypeAlias

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.errors import InvalidInput, nearest

RATE_TIME_S = 1000
RATE_MAX = 1_000_000 * RATE_TIME_S
PERIOD_NS_MIN = 100 * MILLISECOND_NS
CURVE_POINTS_MAX = 100_000

Slice: TypeAlias = tuple[int | None, int]
"""For how many nanoseconds (None: for ever) which rate holds."""

Point: TypeAlias = tuple[int, int]
"""From when on, in nanoseconds after the start, which rate holds."""

SHAPES = ("constant", "step", "ramp", "sine", "spike", "day")
_AT_ONCE = ("constant", "step")  # One and the same: what differs is whether there was a rate before.

_SLICES = 64  # Of a period. A second each for the usual minute.

# (1 - cos x) / 2 in parts of 65536, in the middle of each of the first 32 of 64 slices of a turn.
_HALF_WAVE = (
    *(39, 355, 982, 1915, 3146, 4662, 6448, 8489, 10762, 13248, 15922, 18758, 21729, 24806, 27960, 31160),
    *(34376, 37576, 40730, 43807, 46778, 49614, 52288, 54774, 57047, 59088, 60874, 62390, 63621, 64554, 65181, 65497),
)
_WAVE = _HALF_WAVE + _HALF_WAVE[::-1]

# Each hour's load between that of the quietest hour, four in the morning, and that of the busiest, eight in the
# evening, in per cent. Made up; its form is that of services which people use: Atikoglu et al., "Workload Analysis of
# a Large-Scale Key-Value Store" (SIGMETRICS 2012).
_DAY = (25, 15, 8, 3, 0, 3, 12, 30, 50, 65, 74, 80, 84, 82, 80, 78, 78, 82, 88, 95, 100, 92, 70, 45)


class Shapes:
    """Each shape leads from the rate that was, `base`, to the one that is set."""

    def slices(self, shape: str, base: int, rate: int, period_ns: int) -> Iterator[Slice]:
        """Return the slices of a shape by its name."""
        if shape in _AT_ONCE:
            return iter(((None, rate),))
        made: Iterator[Slice] = getattr(self, shape)(base, rate, period_ns)
        return made

    def ramp(self, base: int, rate: int, period_ns: int) -> Iterator[Slice]:
        """The rate changes evenly, over the period, and holds then."""
        for number, duration_ns in enumerate(_parts(period_ns, _SLICES)):
            yield duration_ns, base + (rate - base) * (2 * number + 1) // (2 * _SLICES)
        yield None, rate

    def sine(self, base: int, rate: int, period_ns: int) -> Iterator[Slice]:
        """The rate swings to the new one and back, once a period, for ever."""
        return _again_and_again([base + (rate - base) * height // 65536 for height in _WAVE], period_ns)

    def day(self, base: int, rate: int, period_ns: int) -> Iterator[Slice]:
        """Each period is a day from midnight to midnight, with `base` in its quietest hour and `rate` in its busiest,
        for ever.
        """
        return _again_and_again([base + (rate - base) * percent // 100 for percent in _DAY], period_ns)

    def spike(self, base: int, rate: int, period_ns: int) -> Iterator[Slice]:
        """The rate holds for the period, and is then what it was before."""
        yield period_ns, rate
        yield None, base

    def replay(self, curve: Sequence[Point]) -> Iterator[Slice]:
        """Each rate holds until the time of the next; the last one stays."""
        for (since_ns, rate), (until_ns, _) in pairwise(curve):
            yield until_ns - since_ns, rate
        yield None, curve[-1][1]


def _again_and_again(rates: Sequence[int], period_ns: int) -> Iterator[Slice]:
    durations_ns = _parts(period_ns, len(rates))
    for _ in repeat(None):
        yield from zip(durations_ns, rates, strict=True)


def _parts(period_ns: int, parts: int) -> list[int]:
    """Divide a period into equal parts, to the nanosecond."""
    return [period_ns * (number + 1) // parts - period_ns * number // parts for number in range(parts)]


def check_rate(rate: int) -> None:
    """Raise InvalidInput for a rate that no load can have."""
    if not 1 <= rate <= RATE_MAX:
        raise InvalidInput(
            f"a load of {rate / RATE_TIME_S:g}/s is not possible: it must be above 0 and at most "
            f"{RATE_MAX // RATE_TIME_S}/s (to have no load, stop the workload)"
        )


def check_shape(shape: str, period_ns: int) -> None:
    """Raise InvalidInput for a shape that there is not, or that does not fit into its period."""
    if shape not in SHAPES:
        raise InvalidInput(f"no load shape {shape!r}: there are {', '.join(SHAPES)}{nearest(shape, SHAPES)}")
    if shape not in _AT_ONCE and period_ns < PERIOD_NS_MIN:
        raise InvalidInput(f"a {shape} needs a period of 100 ms or more, not {period_ns / SECOND_NS:g} s")


def check_base(shape: str, is_open_loop: bool) -> None:
    """Raise InvalidInput for a shape that leads on from a rate, where there is none."""
    if shape not in _AT_ONCE and not is_open_loop:
        raise InvalidInput(
            f"a {shape} starts from a rate, but this workload has none yet: set one with shape=step first"
        )


def check_curve(curve: Sequence[Sequence[int]]) -> None:
    """Raise InvalidInput for points that do not begin at 0, do not ascend, or whose rates are not possible."""
    if not 1 <= len(curve) <= CURVE_POINTS_MAX:
        raise InvalidInput(f"a recorded load has 1 to {CURVE_POINTS_MAX} points, not {len(curve)}")
    before_ns = -1
    for number, point in enumerate(curve):
        if len(point) != 2:
            raise InvalidInput(f"point {number + 1} of a recorded load has {len(point)} numbers, not a time and a rate")
        why = why_no_point(point[0], point[1], before_ns)
        if why:
            raise InvalidInput(f"point {number + 1} of a recorded load: {why}")
        before_ns = point[0]


def why_no_point(at_ns: int, rate: int, before_ns: int) -> str:
    """Return why a point cannot follow one at `before_ns`, which is -1 for the first one; "" if it can."""
    if before_ns < 0 and at_ns != 0:
        return f"the first time has to be 0, not {at_ns / SECOND_NS:g} s"
    if at_ns <= before_ns:
        return f"time has to go on, but {at_ns / SECOND_NS:g} s comes after {before_ns / SECOND_NS:g} s"
    if not 0 <= rate <= RATE_MAX:
        return f"a rate of {rate / RATE_TIME_S:g}/s is not possible: it must be 0 to {RATE_MAX // RATE_TIME_S}/s"
    return ""
