"""The forms of statements: as parsed, and bound to a catalog and parameters.

A bound query is a tree in SQLite's dialect over `t<number>` that computes with stored values. Whoever runs it, over
shards or over one SQLite with `functions.register()`, gets the same rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.sql.catalog import Catalog, Stored, Table, Unique
from PhantomLibrary.sql.plans import ResultColumn

if TYPE_CHECKING:
    from sqlglot import exp

ExplainMode: TypeAlias = Literal["no", "plan", "analyze"]


class ShardClause(Struct, frozen=True):
    """What stands behind the columns of a table: SHARD BY HASH (…), SHARD BY RANGE (…) SPLIT AT (…), or everywhere."""

    kind: Literal["hash", "range", "everywhere"]
    columns: tuple[str, ...] = ()
    splits: tuple[str | None, ...] = ()  # As texts of values.


class Parsed(Struct, frozen=True):
    """A statement that was read but not bound: the tree stays as it is, whoever binds it copies."""

    text: str
    tree: exp.Expr
    placeholders: tuple[str, ...]  # The names of `?` in the tree, in the order of the text.
    shard_clause: ShardClause | None = None
    is_upsert: bool = False
    explain: ExplainMode = "no"


class BoundQuery(Struct, frozen=True):
    """A query whose every column is qualified, named and of known type.

    `tables`: the numbers of all tables that it reads, in order. `parameters` are what `?1`, `?2` … of the tree mean.
    """

    tree: exp.Query
    columns: tuple[ResultColumn, ...]
    tables: tuple[int, ...]
    parameters: tuple[Stored, ...]
    is_ordered: bool
    explain: ExplainMode = "no"


class Conflict(Struct, frozen=True):
    """What becomes of a row to insert that is there already, by its primary key or by a unique constraint.

    `constraint` is the name of the unique constraint, None for the primary key, "" for any of them (only where nothing
    is to be done). `change` yields one row, the new values of `targets`, or no row: leave it. Its parameters are those
    of the statement, then the row that is there, then the row that was to be inserted.
    """

    constraint: str | None
    targets: tuple[int, ...] = ()
    change: BoundQuery | None = None


class BoundInsert(Struct, frozen=True):
    """Rows to insert: `source` yields the values of the columns numbered `targets`; the others have their defaults."""

    table: Table
    targets: tuple[int, ...]
    source: BoundQuery
    conflict: Conflict | None = None


class BoundUpdate(Struct, frozen=True):
    """Rows to change: `source` yields all columns of a row as it is, then the new values of `targets`."""

    table: Table
    targets: tuple[int, ...]
    source: BoundQuery


class BoundDelete(Struct, frozen=True):
    """Rows to delete: `source` yields all columns of each. Without a condition where `is_whole`."""

    table: Table
    source: BoundQuery
    is_whole: bool = False


class BoundTruncate(Struct, frozen=True):
    table: Table


class BoundDefinition(Struct, frozen=True):
    """A change of the catalog. `begun` is a unique index that the rows of its table need entries for."""

    catalog: Catalog
    title: str = ""
    begun: tuple[Table, Unique] | None = None


Bound: TypeAlias = BoundQuery | BoundInsert | BoundUpdate | BoundDelete | BoundTruncate | BoundDefinition
