"""CREATE, ALTER, DROP and TRUNCATE: transactions that write the catalog, which every shard has.

A table that is emptied gets another number, and so do the entries of its unique constraints: nothing refers to the rows
of the old numbers any more, except older snapshots. Shards remove these rows by themselves: see sweeping.py.

A unique index is different in that nothing may be missing: its entries are written with it for all rows, and it stands
on there being no others when it commits, at every level. Who writes rows then either knows of it or cannot commit.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from PhantomLibrary.database.sql.changes import ROWS_MAX
from PhantomLibrary.database.sql.changing import RowChanges
from PhantomLibrary.database.sql.queries import Queries, span_of_table
from PhantomLibrary.database.transactions.access import Access, ChangedError
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import Script
from PhantomLibrary.domain import Delete, Put
from PhantomLibrary.domain.rows import CATALOG_KEY
from PhantomLibrary.sql.catalog import Catalog, Table, Unique, encode_catalog
from PhantomLibrary.sql.constraints import duplicated_key
from PhantomLibrary.sql.errors import PROGRAM_LIMIT, SqlError
from PhantomLibrary.sql.rows import unique_entry
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
        if definition.begun is not None:
            yield from self._fill(transaction, *definition.begun)

    def truncate(self, transaction: OpenTransaction, table: Table, catalog: Catalog) -> Script:
        """Empty a table."""
        number = catalog.next_number
        uniques = tuple(replace(each, number=number + place) for place, each in enumerate(table.uniques, start=1))
        empty = replace(table, number=number, uniques=uniques)
        tables = tuple(empty if each.number == table.number else each for each in catalog.tables)
        changed = replace(catalog, version=catalog.version + 1, tables=tables, next_number=number + 1 + len(uniques))
        yield from self._write(transaction, changed)

    def _write(self, transaction: OpenTransaction, catalog: Catalog) -> Script:
        is_late = yield from self._access.lock(transaction, (CATALOG_KEY,))
        if is_late and transaction.isolation == "read committed":
            raise ChangedError("the schema was changed all the time")
        self._changes.stand_on_schema(transaction)
        transaction.writes.append(Put(CATALOG_KEY, encode_catalog(catalog)))

    def _fill(self, transaction: OpenTransaction, table: Table, unique: Unique) -> Script:
        """Write the entries that the rows of a table have for a new index. Raises SqlError."""
        rows = yield from self._queries.all_of(transaction, table)
        self.stand_on_rows(transaction, table)
        made = [(row, entry) for row in rows if (entry := unique_entry(table, unique, row)) is not None]
        if len(made) > ROWS_MAX:
            reason = f"unique index {unique.name} would have {len(made)} rows of {table.name}: at most {ROWS_MAX}"
            raise SqlError(PROGRAM_LIMIT, reason)
        entries: dict[str, str] = {}
        for row, (key, value) in made:
            if key in entries:
                raise duplicated_key(table, unique, row)
            entries[key] = value
        self._take(transaction, [Put(*each) for each in entries.items()])

    def stand_on_rows(self, transaction: OpenTransaction, table: Table) -> None:
        """Whoever writes an index has the rows of its table be those that he knows."""
        transaction.grounds[span_of_table(table)] = None

    def _take(self, transaction: OpenTransaction, writes: Sequence[Put | Delete]) -> None:
        """Put among the writes to come what only this transaction can write: keys of numbers that no committed schema
        has beside it. They need no locks: at read committed, too, they count as locked since the catalog is.
        """
        since_ns = transaction.locked[CATALOG_KEY]
        for write in writes:
            transaction.locked.setdefault(write.key, since_ns)
        self._changes.write(transaction, writes)
