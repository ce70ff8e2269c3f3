"""How the gateway performs a statement of SQL within a transaction.

The catalog is read at the snapshot, as rows are, and whoever writes has it checked where he writes (see shares.py). So
a writer sees one schema, and a change of it and a writer who does not know of it never both commit.

A statement that fails has had no effect, and its transaction is open as before: SQL leaves that to the database. What
others have done in the meantime, conflicts and deadlocks, rolls the transaction back, as for all its statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from PhantomLibrary.database.sql.changing import RowChanges
from PhantomLibrary.database.sql.defining import Definitions
from PhantomLibrary.database.sql.queries import Queries
from PhantomLibrary.database.sql.references import References
from PhantomLibrary.database.sql.runner import PlanRunner
from PhantomLibrary.database.transactions.access import Access
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import Script
from PhantomLibrary.domain import Sql
from PhantomLibrary.domain.rows import CATALOG_KEY
from PhantomLibrary.errors import PhantomError
from PhantomLibrary.sql.extra import require_extra
from PhantomLibrary.sql.planning.explain import explained
from PhantomLibrary.sql.planning.planning import Planning
from PhantomLibrary.sql.plans import Measured, Plan, ResultColumn
from PhantomLibrary.sql.statements import (
    BoundDefinition,
    BoundDelete,
    BoundInsert,
    BoundQuery,
    BoundTruncate,
    BoundUpdate,
)
from PhantomLibrary.sql.values import external, type_text

if TYPE_CHECKING:
    from types import ModuleType

    from PhantomLibrary.sql.catalog import Catalog

_to_json = msgspec.json.Encoder().encode


class SqlStatements:
    """Scripts for the statements of SQL of all transactions of a node. The types are what defects replace."""

    queries_type: type[Queries] = Queries
    references_type: type[References] = References
    changes_type: type[RowChanges] = RowChanges
    definitions_type: type[Definitions] = Definitions

    def __init__(self, access: Access, runner: PlanRunner, planning: Planning) -> None:
        self._access = access
        self._queries = self.queries_type(access, runner, planning)
        references = self.references_type(self._queries)
        self._changes = self.changes_type(access, self._queries, references)
        self._definitions = self.definitions_type(access, self._queries, self._changes)

    def perform(self, transaction: OpenTransaction, statement: Sql) -> Script:
        """Perform a statement; return its result. Raises SqlError, when it has had no effect."""
        count, grounds = len(transaction.writes), dict(transaction.grounds)
        try:
            return (yield from self._perform(transaction, statement))
        except PhantomError:
            self.undo(transaction, count, grounds)
            raise

    def undo(self, transaction: OpenTransaction, count: int, grounds: dict[Any, None]) -> None:
        """Take back what a statement was going to write. Its locks it keeps, as it may be tried again."""
        del transaction.writes[count:]
        transaction.grounds = grounds

    def _perform(self, transaction: OpenTransaction, statement: Sql) -> Script:
        front = front_end()
        catalog: Catalog = yield from self.learn_catalog(transaction)
        text, parameters = statement.text, statement.parameters
        bound = self._queries.prepared.bound(
            text, parameters, catalog, lambda: front.bound_statement(text, catalog, parameters)
        )
        match bound:
            case BoundQuery(explain="no"):
                rows = yield from self._queries.rows(transaction, bound, catalog)
                return _result(bound.columns, rows)
            case BoundQuery():
                return (yield from self._explain(transaction, bound, catalog))
            case BoundInsert() | BoundUpdate() | BoundDelete():
                return _changed((yield from self._changes.perform(transaction, bound, catalog)))
            case BoundDefinition():
                yield from self._definitions.define(transaction, bound, catalog)
            case BoundTruncate():
                yield from self._definitions.truncate(transaction, bound.table, catalog)
        return _changed(0)

    def _explain(self, transaction: OpenTransaction, query: BoundQuery, catalog: Catalog) -> Script:
        """Return a plan as rows of text, and beside them as what programs read; with ANALYZE it is run before."""
        plan, measured = (yield from self._queries.planned(query, catalog)), None
        if query.explain == "analyze":
            measured = (yield from self._queries.run(transaction, plan, catalog)).measured
        return _explained(plan, measured)

    def learn_catalog(self, transaction: OpenTransaction) -> Script:
        """Return the catalog at the snapshot, with what the transaction itself has changed of it."""
        text = yield from self._access.get(transaction, CATALOG_KEY)
        return front_end().catalog_of(text or "")


def front_end() -> ModuleType:
    """Return the module that binds statements, which needs sqlglot. Raises MissingExtra."""
    require_extra()
    from PhantomLibrary.database.sql import binding

    return binding


def _result(columns: tuple[ResultColumn, ...], rows: list[Any]) -> str:
    types = [each.type for each in columns]
    shown = [[external(value, kind) for value, kind in zip(row, types, strict=True)] for row in rows]
    return _json([each.name for each in columns], [type_text(each) for each in types], shown, len(rows))


def _explained(plan: Plan, measured: Mapping[int, Measured] | None) -> str:
    told = explained(plan, measured)
    rows = [[line] for line in told.text.split("\n")]
    details = {**msgspec.to_builtins(told), "steps": msgspec.to_builtins(plan.steps)}
    if measured is not None:
        details["measured"] = {str(number): msgspec.to_builtins(each) for number, each in measured.items()}
    return _json(["plan"], ["TEXT"], rows, len(rows), plan=details)


def _changed(count: int) -> str:
    return _json([], [], [], count)


def _json(columns: list[str], types: list[str], rows: list[list[Any]], count: int, **more: Any) -> str:
    return _to_json({"columns": columns, "types": types, "rows": rows, "count": count, **more}).decode()
