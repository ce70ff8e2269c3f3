"""The catalog: tables, their columns, constraints and sharding, and views. Values only; see ddl.py for changes."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import msgspec
from msgspec import Struct

TypeName: TypeAlias = Literal["INTEGER", "DECIMAL", "REAL", "TEXT", "BOOLEAN", "DATE", "TIMESTAMP", "BLOB"]
TYPE_NAMES: tuple[TypeName, ...] = get_args(TypeName)

ROW_ID = "_row"
"""The column that is the primary key of a table which has none. Queries do not see it; who inserts gives it a value."""

Stored: TypeAlias = int | float | str | bytes | None
"""A value as it is kept and as SQLite sees it: DECIMAL as a whole number of units of its scale, BOOLEAN as 0 or 1,
DATE and TIMESTAMP as ISO 8601 text with a space between day and time."""


class SqlType(Struct, frozen=True):
    """A type; of a DECIMAL, how many digits it has, `scale` of them after the point."""

    name: TypeName
    precision: int = 0
    scale: int = 0


class Column(Struct, frozen=True):
    """A column. `default` is what a row has that says nothing of it."""

    name: str
    type: SqlType
    is_nullable: bool = True
    default: Any = None  # A Stored; see `encode_catalog`.


class Unique(Struct, frozen=True, omit_defaults=True):
    """No two rows agree in all of these columns, unless one is NULL. Only what is an index can be dropped."""

    name: str
    columns: tuple[str, ...]
    number: int  # Of the table of its entries: see domain/rows.py.
    is_index: bool = False


class Check(Struct, frozen=True):
    """An expression over the columns of a row that may not be false."""

    name: str
    expression: str


class ForeignKey(Struct, frozen=True):
    """The columns are NULL or those of a row's primary key in another table, which cannot be deleted then."""

    name: str
    columns: tuple[str, ...]
    table: str


class Index(Struct, frozen=True):
    """A secondary index that each shard has of its own rows."""

    name: str
    columns: tuple[str, ...]


class Sharding(Struct, frozen=True):
    """Where rows stand: by the `hash` of columns, by their `range`, or `everywhere`.

    `splits` divide the positions of a range evenly: a value of the first column below splits[0] stands in the first
    part, and so on.
    """

    kind: Literal["hash", "range", "everywhere"]
    columns: tuple[str, ...] = ()
    splits: tuple[Any, ...] = ()  # Of Stored.


class Table(Struct, frozen=True):
    """A table. Its number is never given to another one."""

    number: int
    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    sharding: Sharding
    uniques: tuple[Unique, ...] = ()
    checks: tuple[Check, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[Index, ...] = ()

    def column(self, name: str) -> Column | None:
        return next((each for each in self.columns if each.name == name), None)

    @property
    def physical(self) -> str:
        """Its name in the text of fragments."""
        return f"t{self.number}"


class View(Struct, frozen=True):
    """A query with a name."""

    name: str
    query: str


class Numbers(Struct, frozen=True):
    """Which numbers are in use, and which is the next one. One that was given up is never given again."""

    in_use: frozenset[int]
    next: int

    @property
    def given_up(self) -> int:
        """Return how many numbers have been given up."""
        return self.next - 1 - len(self.in_use)

    def has_given_up(self, number: int) -> bool:
        """Whether this was the number of a table, or of a unique constraint, and is no more."""
        return number < self.next and number not in self.in_use


class Catalog(Struct, frozen=True):
    """All tables and views at one version; names are in lower case, as SQL has them without quotes."""

    version: int = 0
    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    next_number: int = 1

    def table(self, name: str) -> Table | None:
        return next((each for each in self.tables if each.name == name), None)

    def numbered(self, number: int) -> Table | None:
        return next((each for each in self.tables if each.number == number), None)

    @property
    def numbers(self) -> Numbers:
        """Return the numbers of tables, and of their unique constraints."""
        uniques = (unique.number for table in self.tables for unique in table.uniques)
        return Numbers(frozenset((*(table.number for table in self.tables), *uniques)), self.next_number)

    def view(self, name: str) -> View | None:
        return next((each for each in self.views if each.name == name), None)


def encode_catalog(catalog: Catalog) -> str:
    """Return a catalog as it is kept: JSON, a BLOB in it as a list of its hexadecimal digits, as in rows."""
    plain = msgspec.to_builtins(catalog, builtin_types=(bytes,))
    for table in plain["tables"]:
        for column in table["columns"]:
            column["default"] = _kept(column["default"])
        table["sharding"]["splits"] = [_kept(each) for each in table["sharding"]["splits"]]
    return msgspec.json.encode(plain).decode()


def decode_catalog(text: str | bytes) -> Catalog:
    """Return what `encode_catalog` made a text of."""
    plain = msgspec.json.decode(text)
    for table in plain["tables"]:
        for column in table["columns"]:
            column["default"] = _stored(column["default"])
        table["sharding"]["splits"] = [_stored(each) for each in table["sharding"]["splits"]]
    return msgspec.convert(plain, Catalog)


def _kept(value: Stored) -> Stored | list[str]:
    return [value.hex()] if isinstance(value, bytes) else value


def _stored(value: Stored | list[str]) -> Stored:
    return bytes.fromhex(value[0]) if isinstance(value, list) else value
