"""Values of SQL's types: as a person writes them, as they are stored, as they are shown.

A stored value (`Stored`) is what SQLite computes with. Conversion is exact, or it is refused.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from PhantomLibrary.sql import calendar
from PhantomLibrary.sql.catalog import SqlType, Stored
from PhantomLibrary.sql.errors import INVALID_DATE, INVALID_TEXT, OUT_OF_RANGE, TEXT_TOO_LONG, TYPE_MISMATCH, SqlError

INTEGER_MIN, INTEGER_MAX = -(1 << 63), (1 << 63) - 1
DECIMAL_DIGITS_MAX = 18

INTEGER = SqlType("INTEGER")
REAL = SqlType("REAL")
TEXT = SqlType("TEXT")
BOOLEAN = SqlType("BOOLEAN")
DATE = SqlType("DATE")
TIMESTAMP = SqlType("TIMESTAMP")
BLOB = SqlType("BLOB")

_INTEGER_TEXT = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_DECIMAL_TEXT = re.compile(r"\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?\s*", re.ASCII)
_REAL_TEXT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_TRUE = ("t", "true", "y", "yes", "on", "1")
_FALSE = ("f", "false", "n", "no", "off", "0")


def decimal_type(scale: int, precision: int = DECIMAL_DIGITS_MAX) -> SqlType:
    return SqlType("DECIMAL", precision, scale)


def type_text(sql_type: SqlType) -> str:
    """Return a type as SQL writes it."""
    if sql_type.name == "DECIMAL":
        return f"DECIMAL({sql_type.precision},{sql_type.scale})"
    return f"VARCHAR({sql_type.precision})" if sql_type.name == "TEXT" and sql_type.precision else sql_type.name


def divide_rounded(number: int, divisor: int) -> int:
    """Return the quotient rounded to the nearest whole number, half away from zero."""
    quotient = (abs(number) * 2 + abs(divisor)) // (abs(divisor) * 2)
    return quotient if (number < 0) == (divisor < 0) else -quotient


def power_of_ten(exponent: int) -> int:
    return int(10**exponent)


def rescaled(units: int, scale: int, new_scale: int) -> int:
    """Return units of one scale as units of another, rounded half away from zero."""
    if new_scale >= scale:
        return units * power_of_ten(new_scale - scale)
    return divide_rounded(units, power_of_ten(scale - new_scale))


def decimal_parts(text: str) -> tuple[int, int] | None:
    """Return units and scale of a decimal number in a text, None where it is none."""
    found = _DECIMAL_TEXT.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        return None
    fraction = found[3] or ""
    units, scale = int(found[2] + fraction), len(fraction) - int(found[4] or 0)
    if scale < 0:
        units, scale = units * 10**-scale, 0
    return (-units if found[1] == "-" else units), scale


def decimal_text(units: int, scale: int) -> str:
    """Return units of a scale as a decimal number with all of its digits."""
    sign, digits = "-" if units < 0 else "", f"{abs(units):0{scale + 1}d}"
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else f"{sign}{digits}"


def real_text(value: float) -> str:
    """Return the shortest text that reads as the same number, without a fraction where it has none."""
    text = repr(value)
    return text.removesuffix(".0")


def _not_finite(value: object) -> SqlError:
    what = "NaN is no number that can be stored" if value != value else "the number is too large"
    return SqlError(OUT_OF_RANGE, f"REAL out of range: {what}")


def fits(value: Stored, sql_type: SqlType) -> None:
    """Refuse a value of a type's kind that is out of its range. It has to be stored as it is."""
    if isinstance(value, int):
        if not INTEGER_MIN <= value <= INTEGER_MAX:
            raise SqlError(OUT_OF_RANGE, f"{type_text(sql_type)} out of range")
        if sql_type.name == "DECIMAL" and abs(value) >= 10**sql_type.precision:
            text = decimal_text(value, sql_type.scale)
            raise SqlError(OUT_OF_RANGE, f"numeric field overflow: {text} does not fit {type_text(sql_type)}")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _not_finite(value)
    elif isinstance(value, str):
        if sql_type.precision and len(value) > sql_type.precision:
            length = f"it has {len(value)} characters"
            raise SqlError(TEXT_TOO_LONG, f"value too long for type VARCHAR({sql_type.precision}): {length}")
        require_text(value)


def require_text(value: str) -> str:
    """Return a text that can be stored; one with a zero character or half a character is refused."""
    if "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
        raise SqlError(INVALID_TEXT, "invalid text: neither U+0000 nor halves of characters can be stored")
    return value


def read_value(text: str, sql_type: SqlType) -> Stored:
    """Return the value of a type that a text says, as in CAST('…' AS type)."""
    value = _read(text, sql_type)
    if value is None:
        if sql_type.name in ("DATE", "TIMESTAMP"):
            raise SqlError(INVALID_DATE, f'invalid input syntax for type {sql_type.name.lower()}: "{text}"')
        raise SqlError(INVALID_TEXT, f'invalid input syntax for type {sql_type.name.lower()}: "{text}"')
    fits(value, sql_type)
    return value


def _read(text: str, sql_type: SqlType) -> Stored:
    match sql_type.name:
        case "TEXT":
            return text
        case "INTEGER":
            return int(text) if _INTEGER_TEXT.fullmatch(text) and len(text) < 100 else None
        case "DECIMAL":
            parts = decimal_parts(text)
            return None if parts is None else rescaled(*parts, sql_type.scale)
        case "REAL":
            return float(text) + 0.0 if _REAL_TEXT.fullmatch(text) else None
        case "BOOLEAN":
            word = text.strip().lower()
            return 1 if word in _TRUE else 0 if word in _FALSE else None
        case "DATE":
            days = calendar.read_date(text)
            return None if days is None else calendar.date_text(days)
        case "TIMESTAMP":
            microseconds = calendar.read_timestamp(text)
            return None if microseconds is None else calendar.timestamp_text(microseconds)
        case "BLOB":
            try:
                return bytes.fromhex(text.removeprefix("\\x"))
            except ValueError:
                return None


def external(value: Stored, sql_type: SqlType) -> int | float | str | bool | None:
    """Return a stored value as an answer shows it: DECIMAL as text, BOOLEAN as such, BLOB in hexadecimal digits.

    A whole number that has become a REAL has left the range of 64 bits on its way: see docs/sql.md.
    """
    if value is None:
        return None
    match sql_type.name:
        case "INTEGER" | "DECIMAL" | "BOOLEAN":
            if not isinstance(value, int):
                raise SqlError(OUT_OF_RANGE, f"{sql_type.name} out of range")
            if sql_type.name == "DECIMAL":
                return decimal_text(value, sql_type.scale)
            return bool(value) if sql_type.name == "BOOLEAN" else value
        case "REAL":
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise _not_finite(value)
            return float(value)
        case "BLOB":
            assert isinstance(value, bytes)
            return value.hex()
    assert isinstance(value, str)
    return value


def parameter(value: object) -> tuple[Stored, SqlType | None]:
    """Return a parameter as it is stored, and its type; of a text None, for it is read as what its place asks for."""
    if value is None or isinstance(value, str):
        return (None if value is None else require_text(value)), None
    if isinstance(value, bool):
        return int(value), BOOLEAN
    if isinstance(value, int):
        fits(value, INTEGER)
        return value, INTEGER
    if isinstance(value, float):
        fits(value, REAL)
        return value + 0.0, REAL
    if isinstance(value, bytes):
        return value, BLOB
    if isinstance(value, Decimal) and value.is_finite():
        parts = decimal_parts(str(value))
        if parts is not None and parts[1] <= DECIMAL_DIGITS_MAX:
            fits(parts[0], decimal_type(parts[1]))
            return parts[0], decimal_type(parts[1])
    raise SqlError(TYPE_MISMATCH, f"{value!r} cannot be a parameter: numbers, texts, booleans, bytes and None can")


def as_parameter(value: Stored, sql_type: SqlType) -> object:
    """Return a stored value as a parameter of its type: what `parameter` takes."""
    if isinstance(value, int) and sql_type.name == "DECIMAL":
        return Decimal(value).scaleb(-sql_type.scale)
    return bool(value) if sql_type.name == "BOOLEAN" and value is not None else value
