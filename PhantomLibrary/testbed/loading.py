"""Fills tables in bulk: with sample rows from the seed, or with rows of a file.

Rows go in by statements of many rows, each a transaction of its own and of bounded size. One that was refused by a
fault, or of which nobody knows, is tried again; what has happened already is left as it is then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, get_args

from msgspec import Struct

from PhantomLibrary.domain import MILLISECOND_NS, Answer, Ok, OutcomeUnknown, Refused, StatementFailed, Transact
from PhantomLibrary.domain.operations import Parameter, Sql
from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.kernel.tasks import Task, sleep
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.workloads.samples import ROWS_MAX, SampleTable, sample, sample_rows

ROWS_AT_ONCE = 250
_TRIES_MAX = 30
_PAUSE_NS = 500 * MILLISECOND_NS


class Loaded(Struct, frozen=True):
    """How many rows went in; `reason` says why not all, "" when they did."""

    rows: int
    reason: str = ""


def load_table(cluster: Cluster, command: Command) -> Task[Loaded]:
    """Create a sample table and fill it."""
    table, rows = command.arguments["table"], command.arguments["rows"]
    known = get_args(SampleTable)
    if table not in known:
        raise InvalidInput(f"no sample table {table!r}: there is {', '.join(known)}{nearest(table, known)}")
    if not 0 <= rows <= ROWS_MAX:
        raise InvalidInput(f"rows={rows:,} cannot be: a sample table has at most {ROWS_MAX:,} rows")
    if table in cluster.sample_rows:
        raise InvalidState(f"table {table} is loaded already, with {cluster.sample_rows[table]:,} rows")
    made = sample(table, rows)
    values = sample_rows(table, rows, cluster.spec.seed, dict(cluster.sample_rows))
    cluster.sample_rows[table] = rows
    create = f"CREATE TABLE {table} ({made.columns}) {made.sharding}"
    return Task(cluster.scheduler, _load(cluster, table, create, values), f"load {table}")


def load_rows(cluster: Cluster, command: Command) -> Task[Loaded]:
    """Insert rows of texts and NULLs into a table that there is."""
    arguments = command.arguments
    width = len(arguments["columns"])
    if not width:
        raise InvalidInput("rows without columns cannot be loaded")
    wrong = next((each for each in arguments["rows"] if len(each) != width), None)
    if wrong is not None:
        raise InvalidInput(f"a row of {len(wrong)} values cannot be loaded into {width} columns: {wrong}")
    into = f"{_quoted(arguments['table'])} ({', '.join(map(_quoted, arguments['columns']))})"
    return Task(cluster.scheduler, _load(cluster, into, "", iter(arguments["rows"])), f"load {arguments['table']}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def _load(cluster: Cluster, into: str, create: str, rows: Iterator[Sequence[Any]]) -> Loaded:
    if create:
        reason = await _done(cluster, Sql(create))
        if reason and "42P07" not in reason:  # It was created by a try of which nobody knew.
            return Loaded(0, reason)
    loaded = 0
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        row = f"({', '.join('?' * len(batch[0]))})"
        text = f"INSERT INTO {into} VALUES {', '.join([row] * len(batch))}"
        values: tuple[Parameter, ...] = tuple(value for each in batch for value in each)
        reason = await _done(cluster, Sql(text, values))
        if reason:
            return Loaded(loaded, reason)
        loaded += len(batch)
    return Loaded(loaded)


async def _done(cluster: Cluster, statement: Sql) -> str:
    """Perform a statement until it is done; return why not, "" when it is."""
    answer: Answer = Refused("nobody was asked")
    was_unknown = False
    for _ in range(_TRIES_MAX):
        session = cluster.sessions.open(cluster.recorder.new_process())
        answer = await session.call(Transact("snapshot", (statement,)))
        session.close()
        if isinstance(answer, Ok):
            return ""
        if isinstance(answer, StatementFailed) or (isinstance(answer, Refused) and answer.reason.startswith("SQL ")):
            # The rows are there: the try of which nobody knew has put them there.
            return "" if was_unknown and "23505" in answer.reason else answer.reason
        was_unknown = was_unknown or isinstance(answer, OutcomeUnknown)
        await sleep(_PAUSE_NS)
    return answer.reason if not isinstance(answer, Ok) else ""
