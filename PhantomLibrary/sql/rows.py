"""How rows are kept: their values as text, the positions where they stand, their keys, and entries of unique columns.

Equal values have equal texts, so a primary key is one key of the store. Positions of a range never fall as values
grow, whatever their type, so a range of values is a range of positions.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from hashlib import blake2b
from typing import TypeAlias, cast

from msgspec import json

from PhantomLibrary.domain.rows import POSITIONS, global_key, row_key
from PhantomLibrary.sql import calendar
from PhantomLibrary.sql.catalog import Sharding, SqlType, Stored, Table, Unique
from PhantomLibrary.sql.values import INTEGER_MAX, real_text

Row: TypeAlias = tuple[Stored, ...]

_PREFIX_BYTES = 24  # Of a text, as many as decide its position in a range.
_SQUASH_BITS = 40


# --- values as text ---------------------------------------------------------------------------------------------------


def encode_values(values: Row) -> str:
    """Return values as compact JSON, a BLOB as a list of its hexadecimal digits. Equal values give equal text."""
    plain = [[value.hex()] if isinstance(value, bytes) else _canonical(value) for value in values]
    return json.encode(plain).decode()


def decode_values(text: str | bytes) -> Row:
    """Return what encode_values() made a text of."""
    return tuple(bytes.fromhex(each[0]) if isinstance(each, list) else each for each in json.decode(text))


def encode_row(row: Row) -> str:
    """Return a row as the store keeps it."""
    return encode_values(row)


def decode_row(table: Table, text: str) -> Row:
    """Return a row that was kept; columns that were added later have their default."""
    row = decode_values(text)
    return row if len(row) == len(table.columns) else row + tuple(each.default for each in table.columns[len(row) :])


def _canonical(value: int | float | str | None) -> int | float | str | None:
    # The two zeros of REAL are equal.
    return 0.0 if isinstance(value, float) and value == 0 else value


# --- positions --------------------------------------------------------------------------------------------------------


def position(table: Table, key: Row) -> int:
    """Return where the rows with these values of the columns of the shard key stand, below POSITIONS."""
    sharding = table.sharding
    assert sharding.kind != "everywhere" and len(key) == len(sharding.columns)
    if sharding.kind == "range":
        column = table.column(sharding.columns[0])
        assert column is not None
        return range_position(sharding, column.type, key[0])
    return hash_position(key, tuple(_type(table, name) for name in sharding.columns))


def hash_position(key: Row, types: tuple[SqlType, ...]) -> int:
    """Return the position of values by their hash. Values of numbers that are equal are hashed to the same."""
    text = json.encode([_comparable(value, each) for value, each in zip(key, types, strict=True)])
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def range_position(sharding: Sharding, sql_type: SqlType, value: Stored) -> int:
    """Return the position of a value of the first column of a range. It never falls as values grow; NULL is first."""
    if value is None:
        return 0
    ordinal = _ordinal(value, sql_type)
    bounds = range_ordinals(sharding, sql_type)
    part = bisect_right(bounds, ordinal)
    first = part * POSITIONS // (len(bounds) + 1)
    width = (part + 1) * POSITIONS // (len(bounds) + 1) - first
    if 0 < part < len(bounds):
        return first + (ordinal - bounds[part - 1]) * width // (bounds[part] - bounds[part - 1])
    if sql_type.name in ("TEXT", "BLOB"):
        low, high = 0 if part == 0 else bounds[-1], 1 << (8 * _PREFIX_BYTES) if part == len(bounds) else bounds[0]
        return first + (ordinal - low) * width // (high - low)
    if not bounds:
        half = width // 2
        return half + _squash(ordinal, half) if ordinal >= 0 else half - 1 - _squash(-1 - ordinal, half)
    if part == 0:
        return first + width - 1 - _squash(bounds[0] - 1 - ordinal, width)
    return first + _squash(ordinal - bounds[-1], width)


def range_ordinals(sharding: Sharding, sql_type: SqlType) -> list[int]:
    """Return whole numbers in the order of the splits of a range."""
    return [_ordinal(each, sql_type) for each in sharding.splits if each is not None]


def _squash(distance: int, width: int) -> int:
    """Return a place below `width` for a distance of any size, the same share of places for each doubling of it."""
    exponent = distance.bit_length()
    rest = distance - (1 << exponent >> 1)
    mantissa = rest << _SQUASH_BITS >> (exponent - 1) if exponent else 0
    return min(((exponent << _SQUASH_BITS) + mantissa) * width // (72 << _SQUASH_BITS), width - 1)


def _ordinal(value: Stored, sql_type: SqlType) -> int:
    """Return a whole number that orders values of a type as they are ordered."""
    match sql_type.name:
        case "REAL":
            (bits,) = struct.unpack(">q", struct.pack(">d", float(cast(float, value)) + 0.0))
            return int(bits) if bits >= 0 else -int(bits & INTEGER_MAX)
        case "DATE":
            return calendar.read_date(cast(str, value)) or 0
        case "TIMESTAMP":
            return calendar.read_timestamp(cast(str, value)) or 0
        case "TEXT" | "BLOB":
            data = value if isinstance(value, bytes) else cast(str, value).encode()
            return int.from_bytes(data[:_PREFIX_BYTES].ljust(_PREFIX_BYTES, b"\0"), "big")
    return cast(int, value)


def _comparable(value: Stored, sql_type: SqlType) -> str | list[str] | None:
    """Return a text that equal values share: numbers of whichever type by what they say."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return [value.hex()]
    if isinstance(value, str):
        return value
    if sql_type.name == "DECIMAL" and isinstance(value, int):
        whole, rest = divmod(abs(value), 10**sql_type.scale)
        fraction = f".{rest:0{sql_type.scale}d}".rstrip("0") if rest else ""
        return f"{'-' if value < 0 else ''}{whole}{fraction}"
    return real_text(value + 0.0) if isinstance(value, float) and not value.is_integer() else str(int(value))


def _type(table: Table, name: str) -> SqlType:
    column = table.column(name)
    assert column is not None
    return column.type


# --- keys -------------------------------------------------------------------------------------------------------------


def columns_at(table: Table, names: tuple[str, ...]) -> tuple[int, ...]:
    """Return where in a row columns stand."""
    numbers = {column.name: number for number, column in enumerate(table.columns)}
    return tuple(numbers[name] for name in names)


def pick(table: Table, row: Row, names: tuple[str, ...]) -> Row:
    """Return the values of some columns of a row."""
    return tuple(row[number] for number in columns_at(table, names))


def key_of_row(table: Table, row: Row) -> str:
    """Return the key of the store under which a row is kept."""
    return key_of(table, pick(table, row, table.primary_key))


def key_of(table: Table, primary_key: Row) -> str:
    """Return the key of the store for a primary key, which holds the columns of the shard key."""
    text = encode_values(primary_key)
    if table.sharding.kind == "everywhere":
        return global_key(table.number, text)
    numbers = [table.primary_key.index(name) for name in table.sharding.columns]
    return row_key(position(table, tuple(primary_key[number] for number in numbers)), table.number, text)


def unique_entry(table: Table, unique: Unique, row: Row) -> tuple[str, str] | None:
    """Return key and value of a row's entry for a unique constraint, None where a NULL keeps it out."""
    values = pick(table, row, unique.columns)
    if any(value is None for value in values):
        return None
    types = tuple(_type(table, name) for name in unique.columns)
    key = row_key(hash_position(values, types), unique.number, encode_values(values))
    return key, encode_values(pick(table, row, table.primary_key))
