"""What SQLite lacks of SQL's arithmetic: exact decimals, sums that do not depend on order, and errors for NULL.

A DECIMAL is a float here, of which the shortest text that reads as it is the number meant. So two of them are added as
decimals of these texts: exact, as long as the result has no more than 15 digits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, cast

from PhantomLibrary.checking.queries.functions import FUNCTIONS, SortedTexts, date_text, day_number, strict
from PhantomLibrary.checking.queries.values import OracleError

if TYPE_CHECKING:
    import apsw

INTEGER_MAX = (1 << 63) - 1
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def register(connection: apsw.Connection) -> None:
    """Give a connection the functions that adapted queries use."""
    functions: tuple[tuple[str, Callable[..., Any]], ...] = (
        ("exact_add", lambda left, right: _exactly(left, right, lambda a, b: a + b)),
        ("exact_subtract", lambda left, right: _exactly(left, right, lambda a, b: a - b)),
        ("exact_multiply", lambda left, right: _exactly(left, right, lambda a, b: a * b)),
        ("exact_divide", _divide),
        ("real_divide", _divide_reals),
        ("exact_modulo", _modulo),
        ("as_decimal", _as_decimal),
        ("as_integer", _as_integer),
        ("real_as_integer", lambda value: None if value is None else round(value)),  # Half to even, as IEEE 754 has it.
        ("real_round", lambda value, digits=0: None if value is None else float(round(value, digits))),
        ("exact_round", _round),
        ("as_timestamp", _as_timestamp),
        ("as_date", _as_date),
    )
    for name, function in functions:
        connection.create_scalar_function(name, function, deterministic=True)
    for name, function in FUNCTIONS:
        connection.create_scalar_function(name, strict(function), deterministic=True)
    connection.create_aggregate_function("sorted_texts", cast(Any, SortedTexts))
    for name, aggregate in (
        ("exact_sum", ExactSum),
        ("exact_avg", ExactAverage),
        ("real_sum", RealSum),
        ("real_avg", RealAverage),
    ):
        connection.create_window_function(name, aggregate)


# --- numbers ----------------------------------------------------------------------------------------------------------


def _number(value: Any) -> int | Decimal:
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return Decimal(repr(value))
    try:
        return Decimal(value.strip()) if isinstance(value, str) else Decimal(0)
    except InvalidOperation:
        raise OracleError(f"{value!r} is no number") from None


def _plain(number: int | Decimal) -> int | float:
    if isinstance(number, Decimal):
        return float(number)
    if not -INTEGER_MAX - 1 <= number <= INTEGER_MAX:
        raise OracleError("out of the range of INTEGER")
    return number


def _exactly(left: Any, right: Any, operation: Any) -> int | float | str | None:
    if left is None or right is None:
        return None
    if isinstance(left, str) and _DATE.fullmatch(left):
        return _days(left, right, operation(1, 1))
    first, second = _number(left), _number(right)
    if isinstance(first, Decimal) or isinstance(second, Decimal):
        return float(operation(Decimal(first), Decimal(second)))
    return _plain(operation(first, second))


def _days(day: str, other: Any, sign_hint: int) -> int | str:
    """Return a date some days later or, of a difference, earlier; or the days between two."""
    sign = 1 if sign_hint == 2 else -1  # What one and one are.
    if isinstance(other, str):
        return day_number(day) - day_number(other)
    return date_text(day_number(day) + sign * int(other))


def _divide(left: Any, right: Any) -> int | float | None:
    if left is None or right is None:
        return None
    first, second = _number(left), _number(right)
    if not second:
        raise OracleError("division by zero")
    if isinstance(first, int) and isinstance(second, int):
        quotient = abs(first) // abs(second)
        return _plain(quotient if (first < 0) == (second < 0) else -quotient)
    return float(Decimal(first) / Decimal(second))


def _divide_reals(left: Any, right: Any) -> float | None:
    if left is None or right is None:
        return None
    if not right:
        raise OracleError("division by zero")
    return float(left) / float(right)


def _modulo(left: Any, right: Any) -> int | float | None:
    if left is None or right is None:
        return None
    first, second = _number(left), _number(right)
    if not second:
        raise OracleError("division by zero")
    if isinstance(first, int) and isinstance(second, int):
        rest = abs(first) % abs(second)
        return -rest if first < 0 else rest
    return float(Decimal(first) % Decimal(second))  # With the sign of the first, as SQL has it.


# --- casts ------------------------------------------------------------------------------------------------------------


def _as_decimal(value: Any, scale: int) -> float | None:
    if value is None:
        return None
    return float(Decimal(_number(value)).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP))


def _round(value: Any, scale: int = 0) -> int | float | None:
    return value if value is None or isinstance(value, int) else _as_decimal(value, scale)


def _as_integer(value: Any) -> int | None:
    if value is None:
        return None
    return int(Decimal(_number(value)).quantize(Decimal(1), ROUND_HALF_UP))


def _as_timestamp(value: Any) -> str | None:
    """Return a time with a space between day and time, which a day alone has at midnight."""
    if value is None:
        return None
    text = str(value).strip().replace("T", " ")
    return text if len(text) > 10 else f"{text} 00:00:00"


def _as_date(value: Any) -> str | None:
    return None if value is None else str(value).strip()[:10]


# --- aggregates -------------------------------------------------------------------------------------------------------


class ExactSum:
    """The sum of whole numbers and decimals; it can also take values back, as a window does that moves on."""

    def __init__(self) -> None:
        self.total: int | Decimal = 0
        self.count = 0

    def step(self, value: Any) -> None:
        self._add(value, 1)

    def inverse(self, value: Any) -> None:
        self._add(value, -1)

    def _add(self, value: Any, sign: int) -> None:
        if value is not None:
            self.total += _number(value) * sign
            self.count += sign

    def value(self) -> int | float | None:
        return _plain(self.total) if self.count else None

    final = value


class ExactAverage(ExactSum):
    def value(self) -> float | None:
        return float(Decimal(self.total) / self.count) if self.count else None

    final = value


class RealSum:
    """The sum of floats, rounded once, so that their order decides nothing."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def step(self, value: Any) -> None:
        if value is not None:
            self.values.append(float(value))

    def inverse(self, value: Any) -> None:
        if value is not None:
            self.values.remove(float(value))

    def value(self) -> float | None:
        return math.fsum(self.values) if self.values else None

    final = value


class RealAverage(RealSum):
    def value(self) -> float | None:
        return math.fsum(self.values) / len(self.values) if self.values else None

    final = value
