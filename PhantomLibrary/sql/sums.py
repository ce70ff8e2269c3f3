"""Sums and averages that depend on no order, and how their parts are merged.

A float is a whole number of units of 2**-1074, so a sum of REALs is exact as a whole number, in any order and over any
number of parts. It is rounded once, at the end, to the nearest float.
"""

from __future__ import annotations

import math

from PhantomLibrary.sql.catalog import Stored
from PhantomLibrary.sql.errors import TOO_MANY_ROWS, SqlError
from PhantomLibrary.sql.numbers import finite, whole
from PhantomLibrary.sql.values import divide_rounded, power_of_ten

_UNIT_BITS = 1074  # The least positive float is 2**-1074.


def whole_sum(upper: int | None, lower: int | None) -> int | None:
    """Return the sum whose upper and lower halves were summed."""
    if upper is None or lower is None:
        return None
    return whole((whole(upper) << 32) + whole(lower))


def _exact_total(upper: int, lower: int) -> int:
    return (whole(upper) << 32) + whole(lower)


def whole_average(upper: int | None, lower: int | None, count: int) -> float | None:
    """Return sum / count as the nearest float."""
    return None if upper is None or lower is None or not count else _exact_total(upper, lower) / count


def decimal_average(upper: int | None, lower: int | None, count: int, shift: int) -> int | None:
    if upper is None or lower is None or not count:
        return None
    return whole(divide_rounded(_exact_total(upper, lower) * power_of_ten(shift), count))


def real_value(state: str | None) -> float | None:
    """Return the float that is nearest to a sum."""
    return None if state is None else _nearest(int(state, 16), 1)


def real_average(state: str | None, count: int) -> float | None:
    return None if state is None or not count else _nearest(int(state, 16), count)


def _nearest(units: int, count: int) -> float:
    try:
        return finite(units / (count << _UNIT_BITS))
    except OverflowError:
        return finite(math.inf)


class RealState:
    """A sum of floats without error. Its partial result is a whole number in hexadecimal digits."""

    def __init__(self) -> None:
        self._units = 0
        self._count = 0

    def step(self, value: float | None) -> None:
        if value is not None:
            self._units += _units(value)
            self._count += 1

    def inverse(self, value: float | None) -> None:
        if value is not None:
            self._units -= _units(value)
            self._count -= 1

    def value(self) -> str | None:
        return f"{self._units:x}" if self._count else None

    final = value


def _units(value: float) -> int:
    numerator, denominator = finite(float(value)).as_integer_ratio()
    return numerator << (_UNIT_BITS + 1 - denominator.bit_length())


class RealMerge(RealState):
    """The sum of partial sums."""

    def step(self, value: str | None) -> None:  # type: ignore[override]
        if value is not None:
            self._units += int(value, 16)
            self._count += 1

    def inverse(self, value: str | None) -> None:  # type: ignore[override]
        if value is not None:
            self._units -= int(value, 16)
            self._count -= 1


class ExactSum:
    """A sum of whole numbers, of which only the result has to fit."""

    def __init__(self) -> None:
        self._sum = 0
        self._count = 0

    def step(self, value: int | None) -> None:
        if value is not None:
            self._sum += whole(value)
            self._count += 1

    def inverse(self, value: int | None) -> None:
        if value is not None:
            self._sum -= whole(value)
            self._count -= 1

    def value(self) -> int | None:
        return whole(self._sum) if self._count else None

    final = value


class OnlyValue:
    """The value of a query that may have one row."""

    def __init__(self) -> None:
        self._values: list[Stored] = []

    def step(self, value: Stored) -> None:
        if self._values:
            raise SqlError(TOO_MANY_ROWS, "more than one row returned by a subquery used as an expression")
        self._values.append(value)

    def inverse(self, value: Stored) -> None:
        self._values.remove(value)

    def value(self) -> Stored:
        return self._values[0] if self._values else None

    final = value
