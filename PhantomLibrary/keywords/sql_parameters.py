"""Statements and their parameters, as keywords get and show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PhantomLibrary.errors import InvalidInput

_SHOWN_CHARACTERS = 80
_QUERIES = ("SELECT", "WITH", "VALUES", "EXPLAIN", "(")


def to_parameters(values: Sequence[Any]) -> list[Any]:
    """Return parameters as schedules keep them. Raises InvalidInput for what can be none."""
    return [_parameter(number, value) for number, value in enumerate(values, start=1)]


def _parameter(number: int, value: Any) -> Any:
    from datetime import date, datetime
    from decimal import Decimal

    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Decimal):
        return ["decimal", str(value)]
    if isinstance(value, (bytes, bytearray)):
        return ["blob", bytes(value).hex()]
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    kind = type(value).__name__
    raise InvalidInput(
        f"parameter {number} is a {kind}, {value!r}: texts, numbers, booleans, bytes, dates and None can be parameters"
    )


def in_one_line(statement: str) -> str:
    """Return a statement on one line, its end cut where it is long."""
    text = " ".join(statement.split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def require_query(text: str, keyword: str) -> None:
    """Raise InvalidInput for a statement that changes something."""
    if not text.lstrip().upper().startswith(_QUERIES):
        raise InvalidInput(f"{in_one_line(text)!r} is no query: {keyword} reads rows, Execute Sql changes them")
