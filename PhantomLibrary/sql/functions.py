"""What SQLite computes for us in Python: exact numbers, days and texts, all from their arguments alone.

`register(connection)` gives them to a connection. Scalar functions of NULL are NULL, unless it says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from PhantomLibrary.sql import day_functions, numbers, sums, texts
from PhantomLibrary.sql.catalog import Stored
from PhantomLibrary.sql.values import (
    BOOLEAN,
    DATE,
    INTEGER,
    REAL,
    TIMESTAMP,
    decimal_text,
    decimal_type,
    read_value,
    real_text,
)

if TYPE_CHECKING:
    import apsw

_Scalar: TypeAlias = Callable[..., Stored]


def register(connection: apsw.Connection) -> None:
    """Give a connection all functions that bound queries call, and LIKE that tells upper from lower case."""
    connection.execute("PRAGMA case_sensitive_like=ON")
    for name, (function, count) in _SCALARS.items():
        connection.create_scalar_function(name, _of_nulls(function), count, deterministic=True)
    for name, function in _WITH_NULLS.items():
        connection.create_scalar_function(name, function, -1, deterministic=True)
    for name, aggregate in _AGGREGATES.items():
        connection.create_window_function(name, aggregate, 1)


def _of_nulls(function: _Scalar) -> _Scalar:
    def of_nulls(*arguments: Stored) -> Stored:
        return None if None in arguments else function(*arguments)

    return of_nulls


# --- extremes, which pass over NULL -----------------------------------------------------------------------------------


def greatest_of(*values: Stored) -> Stored:
    known = [value for value in values if value is not None]
    return max(known) if known else None


def least_of(*values: Stored) -> Stored:
    known = [value for value in values if value is not None]
    return min(known) if known else None


def _named(count: int, *functions: _Scalar) -> dict[str, tuple[_Scalar, int]]:
    return {each.__name__: (each, count) for each in functions}


_SCALARS: dict[str, tuple[_Scalar, int]] = {
    **_named(2, numbers.exact_add, numbers.exact_subtract, numbers.exact_multiply),
    **_named(2, numbers.exact_divide, numbers.exact_modulo, numbers.decimal_floor, numbers.decimal_ceil),
    **_named(1, numbers.exact_abs, numbers.sign_of, numbers.square_root, numbers.real_floor, numbers.real_ceil),
    **_named(3, numbers.decimal_multiply, numbers.decimal_divide, numbers.rescale, numbers.fit_decimal),
    **_named(4, numbers.decimal_round, numbers.decimal_trunc),
    **_named(2, numbers.real_divide, numbers.real_round, numbers.real_trunc, numbers.real_power),
    **_named(2, numbers.real_to_decimal),
    **_named(1, numbers.real_to_integer),
    **_named(2, day_functions.days_between, day_functions.add_days, day_functions.date_part),
    **_named(2, day_functions.truncate_date, day_functions.truncate_timestamp),
    **_named(3, day_functions.add_to_date, day_functions.add_to_timestamp),
    **texts.FUNCTIONS,
    "decimal_text": (lambda units, scale: decimal_text(numbers.whole(units), scale), 2),
    "real_text": (lambda value: real_text(numbers.finite(float(value))), 1),
    "integer_text": (lambda value: str(numbers.whole(value)), 1),
    "boolean_text": (lambda value: "true" if value else "false", 1),
    "text_to_integer": (lambda text: read_value(text, INTEGER), 1),
    "text_to_real": (lambda text: read_value(text, REAL), 1),
    "text_to_boolean": (lambda text: read_value(text, BOOLEAN), 1),
    "text_to_date": (lambda text: read_value(text, DATE), 1),
    "text_to_timestamp": (lambda text: read_value(text, TIMESTAMP), 1),
    "text_to_decimal": (lambda text, scale: read_value(text, decimal_type(scale)), 2),
}
_WITH_NULLS: dict[str, _Scalar] = {
    each.__name__: each
    for each in (
        *(sums.whole_sum, sums.whole_average, sums.decimal_average, sums.real_value, sums.real_average),
        *(greatest_of, least_of),
    )
}
_AGGREGATES: dict[str, Callable[[], Any]] = {
    "real_state": sums.RealState,
    "real_merge": sums.RealMerge,
    "exact_sum": sums.ExactSum,
    "only_value": sums.OnlyValue,
}
