"""INSERT, UPDATE, DELETE and UPSERT: rows are found, judged and locked, and then are among the writes to come.

Before a row is written its key is locked, and it is as it was at the snapshot: above read committed the lock is
refused where it is not. At read committed the statement begins anew, at a later snapshot, with the locks that it has:
so it sees one moment, and nothing is lost that others have written since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PhantomLibrary.database.costs import change_cost_ns
from PhantomLibrary.database.sql.changes import ROWS_MAX, Change, KeyChanges
from PhantomLibrary.database.sql.queries import Queries
from PhantomLibrary.database.sql.references import References
from PhantomLibrary.database.transactions.access import Access, ChangedError
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import Script
from PhantomLibrary.domain import Delete, Put
from PhantomLibrary.domain.rows import CATALOG_KEY
from PhantomLibrary.protocols.transactions.values import span_of
from PhantomLibrary.sql.catalog import Catalog, Table, Unique
from PhantomLibrary.sql.constraints import changed_row, second_change, stored_row
from PhantomLibrary.sql.errors import PROGRAM_LIMIT, SqlError
from PhantomLibrary.sql.rows import Row, decode_row, decode_values, key_of, key_of_row, unique_entry
from PhantomLibrary.sql.statements import BoundDelete, BoundInsert, BoundUpdate, Conflict

_ATTEMPTS_MAX = 10


class RowChanges:
    """Scripts that change rows, for one node."""

    keys_type: type[KeyChanges] = KeyChanges

    def __init__(self, access: Access, queries: Queries, references: References) -> None:
        self._access = access
        self._queries = queries
        self._references = references

    def perform(
        self, transaction: OpenTransaction, statement: BoundInsert | BoundUpdate | BoundDelete, catalog: Catalog
    ) -> Script:
        """Change rows; return how many it were. Raises SqlError."""
        for _ in range(_ATTEMPTS_MAX):
            read_ns = transaction.snapshot_ns
            match statement:
                case BoundInsert():
                    changes = yield from self._inserted(transaction, statement, catalog)
                case BoundUpdate():
                    changes = yield from self._updated(transaction, statement, catalog)
                case BoundDelete():
                    rows = yield from self._queries.rows(transaction, statement.source, catalog)
                    changes = [Change(tuple(row), None) for row in rows]
            keys = yield from self._locked_keys(transaction, statement.table, changes)
            if transaction.snapshot_ns == read_ns:
                yield from self._take(transaction, changes, keys, catalog)
                return len(changes)
            # The snapshot has moved up meanwhile, and nobody has looked whether keys are still as they were found.
        raise ChangedError(f"rows of {statement.table.name} were written all the time")

    def _locked_keys(self, transaction: OpenTransaction, table: Table, changes: Sequence[Change]) -> Script:
        """Judge changes of rows by all but other tables; return the keys that they write, locked."""
        if len(changes) > ROWS_MAX:
            reason = f"the statement changes {len(changes)} rows of {table.name}: at most {ROWS_MAX}"
            raise SqlError(PROGRAM_LIMIT, reason)
        self._require_checks(table, [change.new for change in changes if change.new is not None])
        keys = self.keys_type(table, changes)
        keys.require_free((yield from self._queries.found(transaction, keys.has_to_be_free)))
        is_late = yield from self._access.lock(transaction, keys.keys)
        if is_late and transaction.isolation == "read committed":
            raise ChangedError(f"rows of {table.name} were written all the time")
        return keys

    def _take(
        self, transaction: OpenTransaction, changes: Sequence[Change], keys: KeyChanges, catalog: Catalog
    ) -> Script:
        """Put changes among the writes to come, and see that what refers to rows, and what they refer to, is there."""
        if changes:
            self.stand_on_schema(transaction)
        self.write(transaction, keys.writes())
        yield from self._references.check_parents(transaction, keys.table, changes, catalog)
        yield from self._references.check_children(transaction, keys, catalog)

    def write(self, transaction: OpenTransaction, writes: Sequence[Put | Delete]) -> None:
        """Put rows, and entries of unique constraints, among the writes to come."""
        transaction.writes += writes
        self._queries.work(change_cost_ns(len(writes)))

    def stand_on_schema(self, transaction: OpenTransaction) -> None:
        """Whoever writes has the schema be the one he knows, at each shard that he writes to."""
        transaction.grounds[span_of(CATALOG_KEY)] = None

    def _require_checks(self, table: Table, rows: Sequence[Row]) -> None:
        """Refuse rows that do not pass a check."""
        if table.checks and rows:
            check_row = self._queries.evaluator.checker(table)
            for row in rows:
                check_row(row)

    # --- what is changed --------------------------------------------------------------------------------------------

    def _updated(self, transaction: OpenTransaction, statement: BoundUpdate, catalog: Catalog) -> Script:
        width = len(statement.table.columns)
        rows = yield from self._queries.rows(transaction, statement.source, catalog)
        table, targets = statement.table, statement.targets
        return [Change(tuple(row[:width]), changed_row(table, row[:width], targets, row[width:])) for row in rows]

    def _inserted(self, transaction: OpenTransaction, statement: BoundInsert, catalog: Catalog) -> Script:
        table, conflict = statement.table, statement.conflict
        source = yield from self._queries.rows(transaction, statement.source, catalog)
        name = f"{transaction.id.node}/{transaction.id.number}/"
        row_ids = (f"{name}{len(transaction.writes) + number}" for number in range(len(source)))
        rows = [stored_row(table, statement.targets, *each) for each in zip(source, row_ids, strict=True)]
        if conflict is None:
            return [Change(None, row) for row in rows]
        there = yield from self._there(transaction, table, conflict, rows)
        changes: dict[str, Change] = {}
        taken: dict[str, None] = {}
        for row in rows:
            names = _names(table, conflict, row)
            before = next((there[name] for name in names if name in there), None)
            if any(name in taken for name in names):
                if conflict.change is None:
                    continue
                raise second_change(table, row)
            taken.update(dict.fromkeys(names))
            change = Change(None, row)
            if before is not None:
                changed = self._resolved(table, conflict, before, row)
                if changed is None:
                    continue
                change = Change(before, changed)
            changes[key_of_row(table, row)] = change
        return list(changes.values())

    def _resolved(self, table: Table, conflict: Conflict, before: Row, row: Row) -> Row | None:
        """Return what becomes of the row that is there, None where it stays as it is."""
        if conflict.change is None:
            return None
        rows = self._queries.evaluator.rows(conflict.change, (*before, *row))
        return changed_row(table, before, conflict.targets, rows[0]) if rows else None

    def _there(self, transaction: OpenTransaction, table: Table, conflict: Conflict, rows: Sequence[Row]) -> Script:
        """Return the rows that are there by what each is known by: its key, and its entries that are asked for."""
        entries = [entry[0] for row in rows for entry in _entries(table, conflict, row)]
        found: Mapping[str, str] = yield from self._queries.found(transaction, entries)
        by_entry = {entry: key_of(table, decode_values(found[entry])) for entry in entries if entry in found}
        keys = [key_of_row(table, row) for row in rows] if conflict.constraint in (None, "") else []
        texts = yield from self._queries.found(transaction, [*keys, *by_entry.values()])
        there = {key: decode_row(table, texts[key]) for key in keys if key in texts}
        there.update((entry, decode_row(table, texts[key])) for entry, key in by_entry.items() if key in texts)
        return there


def _uniques(table: Table, conflict: Conflict) -> list[Unique]:
    return [each for each in table.uniques if conflict.constraint in ("", each.name)]


def _entries(table: Table, conflict: Conflict, row: Row) -> list[tuple[str, str]]:
    found = (unique_entry(table, each, row) for each in _uniques(table, conflict))
    return [entry for entry in found if entry is not None]


def _names(table: Table, conflict: Conflict, row: Row) -> list[str]:
    """Return what a row is known by, as far as a conflict is about that."""
    key = [key_of_row(table, row)] if conflict.constraint in (None, "") else []
    return key + [entry for entry, _ in _entries(table, conflict, row)]
