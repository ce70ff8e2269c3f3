"""Foreign keys: whoever refers to a row keeps it from being deleted, whoever deletes one has nobody refer to it.

Both are checked at the snapshot and again at the commit, where the rows lie, at every isolation level. So of one who
inserts a row and another who deletes what it refers to, at most one commits.
"""

from __future__ import annotations

from collections.abc import Sequence

from PhantomLibrary.database.sql.changes import Change, KeyChanges
from PhantomLibrary.database.sql.queries import Queries
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import Script
from PhantomLibrary.protocols.transactions.values import span_of
from PhantomLibrary.sql.catalog import Catalog, ForeignKey, Table
from PhantomLibrary.sql.constraints import missing_parent, still_referenced
from PhantomLibrary.sql.rows import Row, key_of, pick
from PhantomLibrary.sql.values import as_parameter

_KEYS_MAX = 100  # In one query.


class References:
    """Scripts that check foreign keys, for one node."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def check_parents(
        self, transaction: OpenTransaction, table: Table, changes: Sequence[Change], catalog: Catalog
    ) -> Script:
        """See that there is what new rows refer to, and hold it. What the statement itself brings is there already."""
        for foreign in table.foreign_keys:
            parent = catalog.table(foreign.table)
            assert parent is not None
            wanted = {
                key_of(parent, values): change.new
                for change in changes
                if change.new is not None and (values := _new_reference(table, foreign, change)) is not None
            }
            self._hold(transaction, list(wanted))  # Before they are looked up: then they stay as they are found.
            found = yield from self._queries.found(transaction, wanted)
            for key, row in wanted.items():
                if key not in found:
                    raise missing_parent(table, foreign, row)

    def _hold(self, transaction: OpenTransaction, parents: Sequence[str]) -> None:
        """Have rows be there still when the transaction commits."""
        transaction.grounds.update((span_of(key), None) for key in parents)

    def check_children(self, transaction: OpenTransaction, changes: KeyChanges, catalog: Catalog) -> Script:
        """See that nothing refers to rows that are gone. What the statement itself takes away is gone already."""
        table, gone = changes.table, list(changes.gone.values())
        for child in catalog.tables if gone else ():
            for foreign in child.foreign_keys:
                if foreign.table == table.name:
                    yield from self._check_child(transaction, table, gone, (child, foreign), catalog)

    def _check_child(
        self,
        transaction: OpenTransaction,
        table: Table,
        gone: Sequence[Row],
        by: tuple[Table, ForeignKey],
        catalog: Catalog,
    ) -> Script:
        from PhantomLibrary.database.sql.binding import query_of

        child, foreign = by
        keys = [pick(table, row, table.primary_key) for row in gone]
        for start in range(0, len(keys), _KEYS_MAX):
            some = keys[start : start + _KEYS_MAX]
            types = [column.type for name in table.primary_key if (column := table.column(name)) is not None]
            parameters = [as_parameter(value, kind) for key in some for value, kind in zip(key, types, strict=True)]
            query = query_of(_children(child, foreign, len(some)), catalog, parameters)
            rows = yield from self._queries.grounded(transaction, query, catalog)
            if rows:
                raise still_referenced(table, gone[keys.index(tuple(rows[0]))], child, foreign)


def _new_reference(table: Table, foreign: ForeignKey, change: Change) -> Row | None:
    """Return what a row refers to that it did not refer to before, None for nothing."""
    assert change.new is not None
    values = pick(table, change.new, foreign.columns)
    if None in values or (change.old is not None and pick(table, change.old, foreign.columns) == values):
        return None
    return values


def _children(child: Table, foreign: ForeignKey, count: int) -> str:
    """Return the text of a query for one row that refers to any of some keys."""
    names = [f'"{name}"' for name in foreign.columns]
    one = " AND ".join(f"{name} = ?" for name in names)
    where = " OR ".join([f"({one})"] * count)
    return f'SELECT {", ".join(names)} FROM "{child.name}" WHERE {where} LIMIT 1'
