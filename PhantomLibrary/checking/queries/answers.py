"""Is an answer one that the oracle allows? The same rows as often, in the order asked for, as many as asked for.

DECIMAL is compared at the scale of the answer, REAL to eleven digits. Rows that ORDER BY holds for equal may come in
any order; where LIMIT cuts through such rows, any of them will do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from math import isclose
from typing import Any

from msgspec import Struct

from PhantomLibrary.checking.queries.oracle import OracleAnswer
from PhantomLibrary.checking.queries.values import ColumnType, FoundAnswer, Row, Value

_REAL_TOLERANCE = 1e-11
_DECIMAL_TOLERANCE = Decimal("1e-14")


class Difference(Struct, frozen=True):
    """What is wrong: rows that are missing, rows that are too many, and whether only their order is wrong."""

    sentence: str
    missing: tuple[tuple[Any, ...], ...] = ()
    surplus: tuple[tuple[Any, ...], ...] = ()
    is_order: bool = False


def compare(found: FoundAnswer, right: OracleAnswer) -> Difference | None:
    """Return what is wrong with an answer, None where nothing is."""
    width = len(found.types)
    known = next((len(group[0]) for group in right.groups if group), width)
    if known != width:
        return Difference(f"{width} columns, not {known}")
    rows = [_canonical(row, found.types) for row in found.rows]
    if len(rows) != right.count:
        missing, surplus = _differing(rows, _wanted(right, found.types), found.types)
        return Difference(f"{len(rows)} rows, not {right.count}", missing, surplus)
    at = 0
    for group, first, last in _windows(right):
        wanted = [_canonical(row, found.types) for row in group]
        slice_ = rows[at : at + last - first]
        at += last - first
        missing, surplus = _differing(slice_, wanted, found.types)
        if surplus:
            return _difference(rows, right, found.types, missing, surplus)
    return None


def _difference(
    rows: list[Row],
    right: OracleAnswer,
    types: Sequence[ColumnType],
    missing: tuple[Row, ...],
    surplus: tuple[Row, ...],
) -> Difference:
    """Tell another order from other rows."""
    all_missing, all_surplus = _differing(rows, _wanted(right, types), types)
    if all_surplus:
        return Difference(f"{len(all_surplus)} of {len(rows)} rows are others", all_missing, all_surplus)
    return Difference("the right rows in a wrong order", missing, surplus, is_order=True)


def _windows(right: OracleAnswer) -> list[tuple[tuple[Row, ...], int, int]]:
    """Return each group that the answer takes rows of, and from where to where in it."""
    start, end = right.offset, right.offset + right.count
    at, windows = 0, []
    for group in right.groups:
        first, last = max(start - at, 0), min(end - at, len(group))
        if first < last:
            windows.append((group, first, last))
        at += len(group)
    return windows


def _wanted(right: OracleAnswer, types: Sequence[ColumnType]) -> list[Row]:
    return [_canonical(row, types) for group, _, _ in _windows(right) for row in group]


def _differing(
    found: Sequence[Row], wanted: Sequence[Row], types: Sequence[ColumnType]
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return what is wanted and not found, and the other way round, both without what is near enough."""
    missing, surplus = Counter(wanted), Counter(found)
    missing, surplus = missing - surplus, surplus - missing
    lacking, left = list(missing.elements()), list[Row]()
    for row in surplus.elements():
        near = next((each for each in lacking if _are_near(row, each, types)), None)
        if near is None:
            left.append(row)
        else:
            lacking.remove(near)
    return tuple(lacking), tuple(left)


def _are_near(left: Row, right: Row, types: Sequence[ColumnType]) -> bool:
    return all(_is_near(a, b, kind) for a, b, kind in zip(left, right, types, strict=True))


def _is_near(left: Any, right: Any, kind: ColumnType) -> bool:
    if left == right:
        return True
    if not isinstance(left, float | Decimal) or not isinstance(right, float | Decimal):
        return False
    if isinstance(left, Decimal) and isinstance(right, Decimal):  # The oracle's floats have 15 digits.
        return abs(left - right) <= abs(right) * _DECIMAL_TOLERANCE
    return isclose(left, right, rel_tol=_REAL_TOLERANCE, abs_tol=1e-12)


def _canonical(row: Sequence[Value], types: Sequence[ColumnType]) -> Row:
    return tuple(_canonical_value(value, kind) for value, kind in zip(row, types, strict=True))


def _canonical_value(value: Any, kind: ColumnType) -> Any:
    """Return a value so that equal ones of both sides are equal."""
    if value is None:
        return None
    if kind.name == "DECIMAL":
        try:
            number = Decimal(repr(value) if isinstance(value, float) else value)
            return number.quantize(Decimal(1).scaleb(-kind.scale), ROUND_HALF_UP) + 0
        except InvalidOperation:
            return value
    if kind.name == "REAL" and isinstance(value, int | float):
        return float(f"{value:.12g}") + 0.0
    if kind.name in ("INTEGER", "BOOLEAN") and isinstance(value, int | float):
        return int(value) if value == int(value) else value
    return bytes.fromhex(value[0]) if isinstance(value, list) else value
