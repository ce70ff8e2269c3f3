"""Values of the planner: where rows are computed, what is known of columns, and by what rows are spread.

A relation is *partitioned* when each of its rows is computed in exactly one of several places (shards or workers);
anywhere, and at the coordinator, all of its rows are in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.sql.catalog import Sharding, SqlType, Table

if TYPE_CHECKING:
    from sqlglot import exp

Ref: TypeAlias = tuple[str, str]
"""Alias of a source and name of a column of it; the columns of a result have the alias ""."""

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Positions from first to last, in order and apart."""

Site: TypeAlias = Literal["shards", "one", "anywhere", "workers", "coordinator"]
"""`one`: the shard that has the one position that matters. `anywhere`: at any shard, with the same rows at each."""

PARTITIONED: tuple[Site, ...] = ("shards", "one", "workers")


class NotDistributable(Exception):
    """A form of query that is answered by gathering its tables; the text says why."""


class Facts(Struct, frozen=True):
    """What is known of a column. Values are comparable by hash within one `kind`; "" is unknown."""

    kind: str = ""
    is_nullable: bool = True
    width: int = 8


class Key(Struct, frozen=True):
    """Rows with equal values of these columns are in one place, which `scheme` and the values tell.

    Rows with a NULL among them are only if the key is strict: an outer join adds such rows wherever it runs.
    """

    scheme: str
    refs: tuple[Ref, ...]
    is_strict: bool = True


class Relation(Struct):
    """The result of a query, and where it is computed. Refs in its keys have the alias ""."""

    query: exp.Query
    site: Site
    columns: dict[str, Facts]
    keys: tuple[Key, ...] = ()
    rows: int = 1
    positions: Ranges | None = None
    tables: tuple[int, ...] = ()
    inputs: tuple[int, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def row_bytes(self) -> int:
        return sum(each.width for each in self.columns.values()) + 2


def kind_of(sql_type: SqlType) -> str:
    """Return what columns of a type can be compared with by hash: numbers with numbers of one scale."""
    if sql_type.name in ("INTEGER", "REAL", "BOOLEAN", "DECIMAL"):
        return f"number/{sql_type.scale}"
    return sql_type.name


def facts_of(table: Table, row_bytes: int) -> dict[str, Facts]:
    """Return what the catalog tells of the columns of a table whose rows have so many bytes."""
    width = max(1, row_bytes // len(table.columns))
    return {
        each.name: Facts(
            kind_of(each.type),
            each.is_nullable and each.name not in table.primary_key,
            width,
        )
        for each in table.columns
    }


def key_of_table(table: Table, alias: str) -> Key | None:
    """Return by what the rows of a table are spread, None where they are everywhere."""
    sharding = table.sharding
    if sharding.kind == "everywhere":
        return None
    names = sharding.columns if sharding.kind == "hash" else sharding.columns[:1]
    return Key(_scheme(table, sharding, names), tuple((alias, name) for name in names))


def _scheme(table: Table, sharding: Sharding, names: tuple[str, ...]) -> str:
    types = [column.type for name in names if (column := table.column(name)) is not None]
    if sharding.kind == "range":
        return f"range {types[0].name}/{types[0].scale} {sharding.splits!r}"
    return f"hash {','.join(map(kind_of, types))}"


def renamed(keys: Iterable[Key], names: Mapping[Ref, Ref]) -> list[Key]:
    """Return the keys all of whose columns have a new name, under these names."""
    return [
        Key(key.scheme, tuple(names[ref] for ref in key.refs), key.is_strict)
        for key in keys
        if all(ref in names for ref in key.refs)
    ]


def weakened(keys: Iterable[Key]) -> list[Key]:
    return [Key(key.scheme, key.refs, False) for key in keys]


class Equalities:
    """Which columns are equal in every row, as classes that grow together."""

    def __init__(self, pairs: Iterable[tuple[Ref, Ref]] = ()) -> None:
        self._parent: dict[Ref, Ref] = {}
        for left, right in pairs:
            self.add(left, right)

    def add(self, left: Ref, right: Ref) -> None:
        first, second = self.root(left), self.root(right)
        if first != second:
            self._parent[second] = first

    def root(self, ref: Ref) -> Ref:
        while (parent := self._parent.get(ref, ref)) != ref:
            ref = parent
        return ref

    def matches(self, first: Key, second: Key) -> bool:
        """Return whether rows that are equal in these columns are in one place."""
        return first.scheme == second.scheme and all(
            self.root(left) == self.root(right) for left, right in zip(first.refs, second.refs, strict=True)
        )

    def covers(self, key: Key, refs: Iterable[Ref]) -> bool:
        """Return whether rows that agree in `refs` agree in a key."""
        roots = [self.root(ref) for ref in refs]
        return key.is_strict and all(self.root(ref) in roots for ref in key.refs)
