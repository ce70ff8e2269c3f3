"""CREATE, ALTER, DROP and TRUNCATE: transactions that write the catalog, which every shard has.

A table that is emptied gets another number, and so do the entries of its unique constraints: nothing refers to the rows
of the old numbers any more, except older snapshots. These rows go as far as one transaction can take them; what is left
no statement sees, and no table gets its number again.
"""

from __future__ import annotations

from msgspec.structs import replace

from PhantomLibrary.database.sql.changes import ROWS_MAX
from PhantomLibrary.database.sql.changing import RowChanges
from PhantomLibrary.database.sql.queries import Queries
from PhantomLibrary.database.transactions.access import Access, ChangedError
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import Script
from PhantomLibrary.domain import Delete, Put
from PhantomLibrary.domain.rows import CATALOG_KEY
from PhantomLibrary.sql.catalog import Catalog, Table, encode_catalog
from PhantomLibrary.sql.rows import key_of_row, unique_entry
from PhantomLibrary.sql.statements import BoundDefinition


class Definitions:
    """Scripts that change the catalog, for one node."""

    def __init__(self, access: Access, queries: Queries, changes: RowChanges) -> None:
        self._access = access
        self._queries = queries
        self._changes = changes

    def define(self, transaction: OpenTransaction, definition: BoundDefinition, catalog: Catalog) -> Script:
        """Change the catalog. Raises SqlError."""
        if definition.catalog == catalog:
            return
        yield from self._write(transaction, definition.catalog)
        for table in definition.emptied:
            yield from self._clear(transaction, table)

    def truncate(self, transaction: OpenTransaction, table: Table, catalog: Catalog) -> Script:
        """Empty a table."""
        number = catalog.next_number
        uniques = tuple(replace(each, number=number + place) for place, each in enumerate(table.uniques, start=1))
        empty = replace(table, number=number, uniques=uniques)
        tables = tuple(empty if each.number == table.number else each for each in catalog.tables)
        changed = replace(catalog, version=catalog.version + 1, tables=tables, next_number=number + 1 + len(uniques))
        yield from self._write(transaction, changed)
        yield from self._clear(transaction, table)

    def _write(self, transaction: OpenTransaction, catalog: Catalog) -> Script:
        is_late = yield from self._access.lock(transaction, (CATALOG_KEY,))
        if is_late and transaction.isolation == "read committed":
            raise ChangedError("the schema was changed all the time")
        self._changes.stand_on_schema(transaction)
        transaction.writes.append(Put(CATALOG_KEY, encode_catalog(catalog)))

    def _clear(self, transaction: OpenTransaction, table: Table) -> Script:
        """Delete rows that nobody can see any more. Nobody writes them any more either, so they need no locks: at read
        committed, too, their keys count as locked since the catalog is.
        """
        rows = yield from self._queries.all_of(transaction, table)
        since_ns = transaction.locked[CATALOG_KEY]
        for row in rows[:ROWS_MAX]:
            entries = [entry[0] for each in table.uniques if (entry := unique_entry(table, each, row)) is not None]
            for key in (key_of_row(table, row), *entries):
                transaction.locked.setdefault(key, since_ns)
                transaction.writes.append(Delete(key))
