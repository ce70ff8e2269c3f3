"""Queries inside statements of a transaction, and rows that statements look up by key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PhantomLibrary.database.sql.plan_run import PlanResult
from PhantomLibrary.database.sql.prepared import PreparedStatements
from PhantomLibrary.database.sql.runner import PlanRunner
from PhantomLibrary.database.transactions.access import Access
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import Script
from PhantomLibrary.domain import Put
from PhantomLibrary.domain.rows import ROWS_END, global_span, position_start
from PhantomLibrary.protocols.transactions.values import Span
from PhantomLibrary.sql.catalog import Catalog, Table, Unique
from PhantomLibrary.sql.planning.planning import Planning
from PhantomLibrary.sql.plans import Plan
from PhantomLibrary.sql.rows import decode_row
from PhantomLibrary.sql.statements import BoundQuery

if TYPE_CHECKING:
    from PhantomLibrary.sql.evaluator import Evaluator


class Queries:
    """Scripts that find rows, for one node."""

    def __init__(self, access: Access, runner: PlanRunner, planning: Planning) -> None:
        self.access = access
        self.runner = runner
        self._planning = planning
        self.prepared = PreparedStatements()
        self._evaluator: Evaluator | None = None

    @property
    def evaluator(self) -> Evaluator:
        """Return what computes queries that need no rows of the cluster."""
        if self._evaluator is None:
            from PhantomLibrary.sql.evaluator import Evaluator

            self._evaluator = Evaluator()
        return self._evaluator

    def work(self, cost_ns: int) -> None:
        """Charge the node's processor with what a statement makes beside its messages."""
        self.runner.host.work(cost_ns)

    def result(self, transaction: OpenTransaction, query: BoundQuery, catalog: Catalog) -> Script:
        """Run a query at the snapshot; return its PlanResult."""
        plan = yield from self.planned(query, catalog)
        return (yield from self.run(transaction, plan, catalog))

    def planned(self, query: BoundQuery, catalog: Catalog) -> Script:
        """Return the plan of a query."""
        yield from self.access.learn_map()
        places = len(self.runner.host.routes.data_shards)
        statistics = yield from self.runner.statistics.of(catalog, query.tables)
        plan: Plan = self.prepared.planned(
            query, statistics, places, lambda: self._planning.plan(query, catalog, statistics, places=places)
        )
        return plan

    def run(self, transaction: OpenTransaction, plan: Plan, catalog: Catalog) -> Script:
        """Run a plan at the snapshot; return its PlanResult."""
        result: PlanResult = yield from self.runner.run(transaction, plan, catalog)
        return result

    def rows(self, transaction: OpenTransaction, query: BoundQuery, catalog: Catalog) -> Script:
        """Return the rows of a query."""
        if not query.tables:
            return self.evaluator.rows(query)
        return (yield from self.result(transaction, query, catalog)).rows

    def grounded(self, transaction: OpenTransaction, query: BoundQuery, catalog: Catalog) -> Script:
        """Return the rows of a query that has to have the same ones when the transaction commits."""
        before, transaction.reads = transaction.reads, {}
        try:
            rows = yield from self.rows(transaction, query, catalog)
            transaction.grounds.update(transaction.reads)
        finally:
            transaction.reads = {**before, **transaction.reads}
        return rows

    def found(self, transaction: OpenTransaction, keys: Iterable[str]) -> Script:
        """Return what stands at keys, as the transaction sees them, of those where anything does."""
        wanted = list(dict.fromkeys(keys))
        own = own_values(transaction)
        found: dict[str, str] = yield from self.access.stored(transaction, [key for key in wanted if key not in own])
        found.update((key, value) for key in wanted if (value := own.get(key)) is not None)
        return found

    def all_of(self, transaction: OpenTransaction, table: Table) -> Script:
        """Return all rows of a table, in the order of their keys."""
        rows = yield from self.access.rows(transaction, span_of_table(table))
        return [decode_row(table, text) for _, text in rows]


def own_values(transaction: OpenTransaction) -> dict[str, str | None]:
    """Return what a transaction is going to write, None where it is going to delete."""
    return {write.key: write.value if isinstance(write, Put) else None for write in transaction.writes}


def span_of_table(table: Table) -> Span:
    """Return the span of all rows of a table."""
    if table.sharding.kind == "everywhere":
        return Span(*global_span(table.number), table.number)
    return Span(position_start(0), ROWS_END, table.number)


def span_of_entries(unique: Unique) -> Span:
    """Return the span of all entries of a unique constraint."""
    return Span(position_start(0), ROWS_END, unique.number)
