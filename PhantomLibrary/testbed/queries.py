"""Queries of a client at a snapshot, whose time is looked up from outside, and their answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct, json

from PhantomLibrary.domain import Answer, Begin, NodeId, Ok, Rollback, StatementFailed, Within
from PhantomLibrary.domain.operations import Parameter, Sql
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.sql.plans import Measured, PlanStep
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.schedule import Command


class ExplainedPlan(Struct, frozen=True):
    """What EXPLAIN says of a plan; numbers are None where it was not run. `measured` goes by fragments."""

    steps: PlanStep
    gathers: int
    shards_touched: int | None = None
    rows_moved: int | None = None
    bytes_moved: int | None = None
    measured: dict[int, Measured] = {}


class ResultTable(Struct, frozen=True):
    """An answer in the form in which clients get it; `plan` where it was EXPLAIN."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]
    count: int
    plan: ExplainedPlan | None = None


class AskedQuery(Struct, frozen=True):
    """What came of a query, at which snapshot, None where nobody knows, and how long it took."""

    answer: Answer
    at_ns: int | None
    took_ns: int

    @property
    def table(self) -> ResultTable | None:
        """The answer as a table, None where there is none."""
        return read_result(self.answer.value or "") if isinstance(self.answer, Ok) else None

    @property
    def refusal(self) -> str:
        """Why there is no answer, "" where there is one."""
        return "" if isinstance(self.answer, Ok) else self.answer.reason

    @property
    def is_final(self) -> bool:
        """Whether SQL refuses the query, whatever the state of the cluster."""
        return isinstance(self.answer, StatementFailed)


def read_result(text: str) -> ResultTable:
    """Return the result of a statement of SQL."""
    return json.decode(text, type=ResultTable)


def read_results(text: str) -> list[ResultTable]:
    """Return the results of all statements of a transaction."""
    return [read_result(each) for each in json.decode(text, type=list[str])]


def ask_query(cluster: Cluster, command: Command) -> Task[AskedQuery]:
    """Ask a query in a transaction of its own, at one snapshot."""
    arguments = command.arguments
    statement = Sql(arguments["query"], read_parameters(arguments.get("parameters", ())))
    return Task(cluster.scheduler, _ask(cluster, statement), "query")


def read_parameters(given: Sequence[Any]) -> tuple[Parameter, ...]:
    """Return parameters as an operation has them, from a schedule, where a pair is a list."""
    return tuple(tuple(each) if isinstance(each, list) else each for each in given)


async def _ask(cluster: Cluster, statement: Sql) -> AskedQuery:
    since_ns = cluster.now_ns
    session = cluster.sessions.open(cluster.recorder.new_process())
    answer = await session.call_somewhere(Begin("snapshot"))
    at_ns = None
    if isinstance(answer, Ok):
        answer = await session.call(Within(statement))
        at_ns = _snapshot_ns(cluster, session.asked, session.process)
    took_ns = cluster.now_ns - since_ns
    if at_ns is not None:
        await session.call(Rollback())
    session.close()
    return AskedQuery(answer, at_ns, took_ns)


def _snapshot_ns(cluster: Cluster, gateway: NodeId, process: int) -> int | None:
    """Return when a client's transaction reads, None where its gateway has crashed."""
    if cluster.host(gateway).is_down:
        return None
    running = cluster.processes[gateway].transactions.transaction_of(process)
    return None if running is None else running.snapshot_ns
