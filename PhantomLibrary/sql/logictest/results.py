"""Results as sqllogictest writes them: each value as text by the letter of its column, sorted, and hashed when many.

What a letter does to a value of another type is what SQLite's interface does, which the original program uses.

Source: D. Richard Hipp, "About Sqllogictest", https://sqlite.org/sqllogictest, and slt_sqlite.c beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from hashlib import md5
from typing import TypeAlias

from PhantomLibrary.sql.logictest.records import SortMode

Value: TypeAlias = int | float | str | bytes | None
_NUMBER_HEAD = re.compile(r"\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?)")
_WORD = 1 << 32
_WHOLE_FROM = 1e15  # Numbers above have no three digits after the point.
_LONG_MAX = (1 << 63) - 1


def render(value: Value, letter: str) -> str:
    """Return a value as the column of this letter shows it."""
    if value is None:
        return "NULL"
    if letter == "I":
        return str(_as_word(value))
    if letter == "R":
        return _as_fraction(_as_double(value))
    data = value if isinstance(value, bytes) else _as_text(value).encode()
    if not data:
        return "(empty)"
    return "".join(chr(each) if 0x20 <= each <= 0x7E else "@" for each in data)


def rendered(rows: Sequence[Sequence[Value]], types: str, sort: SortMode) -> list[str]:
    """Return the values of a result one after the other, in the order in which they are compared."""
    texts = [[render(value, letter) for value, letter in zip(row, types, strict=True)] for row in rows]
    if sort == "rowsort":
        texts.sort()
    values = [value for row in texts for value in row]
    return sorted(values) if sort == "valuesort" else values


def hashed(values: Sequence[str]) -> str:
    """Return the MD5 of values, each with an end of line."""
    return md5("".join(f"{value}\n" for value in values).encode(), usedforsecurity=False).hexdigest()


def summary_of(values: Sequence[str]) -> str:
    """Return the line that stands for values which are too many."""
    return f"{len(values)} values hashing to {hashed(values)}"


def is_hash(expected: Sequence[str]) -> bool:
    """Return whether the lines of a result are the hash of it."""
    return len(expected) == 1 and " values hashing to " in expected[0]


def difference(values: Sequence[str], expected: Sequence[str], width: int, threshold: int) -> str:
    """Return what is wrong with a result, "" where nothing is. `width` is how many columns it has."""
    if is_hash(expected) or 0 < threshold < len(values):
        found, wanted = summary_of(values), expected[0] if is_hash(expected) else summary_of(expected)
        return "" if found == wanted else f"found {found}, expected {wanted}"
    if len(values) != len(expected):
        return f"found {len(values)} values, expected {len(expected)}"
    for number, (value, wanted) in enumerate(zip(values, expected, strict=True)):
        if value != wanted:
            return f"row {number // width + 1}, column {number % width + 1}: found {value}, expected {wanted}"
    return ""


def expected_hash(expected: Sequence[str]) -> str:
    """Return the hash of a result as a script has it."""
    return expected[0].rpartition(" ")[2] if is_hash(expected) else hashed(expected)


def _as_word(value: int | float | str | bytes) -> int:
    """Return a number in the 32 bits that `sqlite3_column_int` keeps."""
    if isinstance(value, float):
        whole = max(-_LONG_MAX - 1, min(_LONG_MAX, int(value))) if value == value and abs(value) < 1e300 else 0
    elif isinstance(value, int):
        whole = int(value)
    else:
        head = re.match(r"\s*[+-]?\d+", value.decode(errors="replace") if isinstance(value, bytes) else value)
        whole = int(head[0]) if head else 0
    return (whole + _WORD // 2) % _WORD - _WORD // 2


def _as_double(value: int | float | str | bytes) -> float:
    if isinstance(value, int | float):
        return float(value)
    head = _NUMBER_HEAD.match(value.decode(errors="replace") if isinstance(value, bytes) else value)
    return float(head[0]) if head else 0.0


def _as_fraction(number: float) -> str:
    """Return a number with three digits after the point, and no more than 16 that say something, as SQLite prints."""
    if abs(number) < _WHOLE_FROM or number != number or abs(number) == float("inf"):
        return f"{number:.3f}"
    return f"{Decimal(f'{number:.15e}'):f}.000"


def _as_text(value: int | float | str) -> str:
    """Return the text that SQLite makes of a value: of REAL, 15 digits at most, and always a point."""
    if isinstance(value, bool):
        return str(int(value))
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.15g}"
    if "e" in text:
        head, _, exponent = text.partition("e")
        return f"{head if '.' in head else f'{head}.0'}e{exponent}"
    return text if "." in text or "n" in text else f"{text}.0"
