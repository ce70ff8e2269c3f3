"""Runs the plans of all transactions of a node: see plan_run.py for what a run of one is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PhantomLibrary.database.sql.messages import CursorId
from PhantomLibrary.database.sql.part_run import MovedUpError, RunnerHost, Snapshots
from PhantomLibrary.database.sql.plan_run import PlanResult, PlanRun
from PhantomLibrary.database.sql.statistics import Statistics
from PhantomLibrary.database.sql.together import together
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import RolledBackError, Script
from PhantomLibrary.domain import SECOND_NS, QueryRan
from PhantomLibrary.sql.catalog import Catalog
from PhantomLibrary.sql.engine import Engine
from PhantomLibrary.sql.errors import TIMED_OUT, SqlError
from PhantomLibrary.sql.plans import Plan

_RESTARTS_MAX = 20
_IDLE_ENGINES_MAX = 4


class PlanRunner:
    """Runs the plans of all transactions of a node. `run_type` is what defects replace."""

    run_type: type[PlanRun] = PlanRun

    def __init__(self, host: RunnerHost, snapshots: Snapshots, first_cursor: int) -> None:
        self.host = host
        self.snapshots = snapshots
        self._cursor = first_cursor
        self._number = 0
        self.statistics = Statistics(host)
        self._idle: list[Engine] = []
        self._under_way: dict[int, PlanRun] = {}

    @property
    def bytes(self) -> int:
        """How many bytes are held here for queries that are under way."""
        return sum(run.bytes for run in self._under_way.values())

    def run(self, transaction: OpenTransaction, plan: Plan, catalog: Catalog) -> Script:
        """Run a plan at the transaction's snapshot; return a PlanResult. What was read is noted down.

        Raises SqlError where there is no answer, RolledBackError and ChangedError as statements do.
        """
        timeout_ns = self.host.config.statement_timeout_ns
        deadline_ns = self.host.monotonic_ns() + timeout_ns
        error = SqlError(TIMED_OUT, f"the statement took longer than {timeout_ns / SECOND_NS:g} s")

        def alarm(fail: Callable[[Exception], object]) -> None:
            self.host.call_at(deadline_ns, partial(fail, error))

        since_ns = self.host.monotonic_ns()
        (result,) = yield from together([self._run(transaction, plan, catalog)], alarm)
        self._show(result, self.host.monotonic_ns() - since_ns)
        return result

    def _show(self, result: PlanResult, took_ns: int) -> None:
        measured = result.measured.values()
        rows, size = sum(each.rows for each in measured), sum(each.bytes for each in measured)
        shards = len({shard for each in measured for shard in each.shards})
        self.host.show(QueryRan(self.host.node, took_ns, rows, size, shards))

    def _run(self, transaction: OpenTransaction, plan: Plan, catalog: Catalog) -> Script:
        for _ in range(_RESTARTS_MAX):
            self._number += 1
            number, run = self._number, self.run_type(self, transaction, plan, catalog)
            self._under_way[number] = run
            try:
                return (yield from run.perform())
            except MovedUpError as later:
                at_ns = later.at_ns
            finally:
                del self._under_way[number]
                run.close()
            yield from self.snapshots.move_up(transaction, at_ns)
        raise RolledBackError("what it reads is written all the time")

    def next_cursor(self) -> CursorId:
        """Return a number that no run of a fragment has had."""
        self._cursor += 1
        return CursorId(self.host.node, self._cursor)

    def take_engine(self) -> Engine:
        """Return a database in memory, without rows."""
        return self._idle.pop() if self._idle else Engine()

    def give_back(self, engine: Engine) -> None:
        """Take one back that was emptied."""
        if len(self._idle) < _IDLE_ENGINES_MAX:
            self._idle.append(engine)
        else:
            engine.close()
