"""Random tables with random rows, small ones: few values, so that joins meet, and many NULLs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.kernel.streams import Stream

TypeWord: TypeAlias = Literal["INTEGER", "DECIMAL", "REAL", "TEXT", "BOOLEAN", "DATE"]
Value: TypeAlias = int | str | None
Row: TypeAlias = tuple[Value, ...]

NAMES = ("ada", "bob", "cyd", "dee", "eve")
TEXTS = ("a", "b", "B", "ab", "", "ä", "a%", "a_b", "o'b", "中")
_PREFIXES: dict[TypeWord, str] = {"INTEGER": "i", "DECIMAL": "d", "REAL": "r", "TEXT": "s", "BOOLEAN": "b", "DATE": "t"}
_SQL_TYPES: dict[TypeWord, str] = {"DECIMAL": "DECIMAL(8,2)"}
_OFTEN: tuple[TypeWord, ...] = ("INTEGER", "INTEGER", "TEXT", "DECIMAL", "BOOLEAN", "DATE", "REAL")
_SIZES = (0, 2, 6, 9, 12, 15, 18, 20)


class RandomColumn(Struct, frozen=True):
    name: str
    type: TypeWord


class RandomTable(Struct, frozen=True):
    """A table, where its rows stand, and its rows, of which DECIMAL, REAL and DATE are texts."""

    name: str
    columns: tuple[RandomColumn, ...]
    primary_key: tuple[str, ...]
    sharding: str
    rows: tuple[Row, ...]

    @property
    def definition(self) -> str:
        """Return the statement that creates it."""
        columns = ", ".join(f"{each.name} {_SQL_TYPES.get(each.type, each.type)}" for each in self.columns)
        return f"CREATE TABLE {self.name} ({columns}, PRIMARY KEY ({', '.join(self.primary_key)})) {self.sharding}"

    @property
    def insertion(self) -> str:
        """Return the statement that inserts all rows, of which there is one at least. Its parameters are the values."""
        row = f"({', '.join('?' * len(self.columns))})"
        return f"INSERT INTO {self.name} VALUES {', '.join([row] * len(self.rows))}"

    @property
    def values(self) -> list[Value]:
        return [value for row in self.rows for value in row]


def random_schema(stream: Stream) -> tuple[RandomTable, ...]:
    """Return two to four tables."""
    return tuple(_table(stream, NAMES[number]) for number in range(2 + stream.below(3)))


def _table(stream: Stream, name: str) -> RandomTable:
    counts = dict.fromkeys(_PREFIXES, 0)
    columns = [RandomColumn("id", "INTEGER"), RandomColumn("i1", "INTEGER")]
    counts["INTEGER"] = 1
    for _ in range(1 + stream.below(4)):
        kind = _OFTEN[stream.below(len(_OFTEN))]
        counts[kind] += 1
        columns.append(RandomColumn(f"{_PREFIXES[kind]}{counts[kind]}", kind))
    key, sharding = _placed(stream)
    rows = _rows(stream, columns, _SIZES[stream.below(len(_SIZES))], key)
    return RandomTable(name, tuple(columns), key, sharding, rows)


def _placed(stream: Stream) -> tuple[tuple[str, ...], str]:
    """Return a primary key and where rows stand; the shard key is a part of the primary key."""
    choice = stream.below(10)
    if choice < 4:
        return ("id",), "SHARD BY HASH (id)"
    if choice < 6:
        return ("i1", "id"), "SHARD BY HASH (i1)"
    if choice < 8:
        return ("id",), "SHARD BY RANGE (id) SPLIT AT (3, 6, 9)"
    return ("id",), "REPLICATED EVERYWHERE"


def _rows(stream: Stream, columns: Sequence[RandomColumn], count: int, key: Sequence[str]) -> tuple[Row, ...]:
    return tuple(
        tuple(
            number if column.name == "id" else random_value(stream, column.type, may_be_null=column.name not in key)
            for column in columns
        )
        for number in range(1, count + 1)
    )


def random_value(stream: Stream, kind: TypeWord, *, may_be_null: bool = True) -> Value:
    """Return a value as a parameter: few different ones, so that they meet."""
    if may_be_null and stream.chance(1, 5):
        return None
    if kind == "INTEGER":
        return stream.below(8) - 1
    if kind == "DECIMAL":
        return f"{stream.below(4)}.{stream.below(4) * 25:02d}"
    if kind == "REAL":
        return f"{stream.below(5)}.{stream.below(10)}"
    if kind == "BOOLEAN":
        return stream.chance(1, 2)
    return TEXTS[stream.below(len(TEXTS))] if kind == "TEXT" else f"2024-0{1 + stream.below(3)}-{10 + stream.below(3)}"
