"""Keywords that execute statements of SQL, alone or within transactions that a test holds open."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.choices import DONE, Outcome
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.sql_parameters import in_one_line, require_query, to_parameters

if TYPE_CHECKING:
    from PhantomLibrary.keywords.cluster import Cluster
    from PhantomLibrary.testbed.transactions import Outcome as Ended

_ANY = Outcome("any")
_PATIENCE_NS = 60_000_000_000  # More than any client waits for an answer.


class SqlKeywords(Component):
    """Keywords of SQL."""

    @keyword(tags=("query",))
    def execute_sql(self, statement: str, *parameters: Any, txn: str = "", outcome: Outcome = DONE) -> int:
        """Executes one statement of SQL, and returns how many rows it inserted, changed or deleted.

        ``parameters`` stand for the ``?`` of the statement, in order. They are values and never become part of its
        text, whatever they contain. Texts are read as what their place asks for, so a cell ``5`` is a number where a
        number belongs; ``${None}`` is NULL. Statements are those of docs/sql.md.

        Without ``txn`` the statement is a transaction of its own: serializable, and tried again by the database where
        another transaction came in between. With ``txn`` it is part of a transaction that `Begin Transaction` has
        opened. A statement that is refused, for a syntax error or a constraint, has no effect and leaves that
        transaction open; a conflict with another transaction rolls it back.

        Fails when it ends otherwise than ``outcome`` says: ``done``, ``failed`` (it was refused), ``blocked`` (it waits
        for a lock), ``aborted`` (its transaction was rolled back), ``unknown`` (no answer came), or ``any``. The
        message of a statement that was refused begins with its SQLSTATE, such as ``SQL 23505``.

        Example:
        | `Execute Sql` | CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL) |
        | `Execute Sql` | INSERT INTO people VALUES (?, ?) | 1 | Ada |
        | `Execute Sql` | UPDATE people SET name = ? WHERE id = ? | Grace | 1 | txn=t1 |
        """
        ended = self._perform("execute sql", statement, parameters, txn, outcome)
        return int(_read(ended)["count"])

    @keyword(tags=("query", "getter"))
    def get_rows(self, query: str, *parameters: Any, txn: str = "") -> list[dict[str, Any]]:
        """Returns the rows of a query, each as a dictionary by the names of its columns.

        Whole numbers are integers, DECIMAL is Python's Decimal with all of its digits, REAL a float, BOOLEAN a boolean,
        BLOB bytes and NULL None; TEXT, DATE and TIMESTAMP are texts, as ``2024-02-29`` and ``2024-02-29 12:00:00``.
        ``parameters`` and ``txn`` are those of `Execute Sql`. The rows come in the order of the query's ORDER BY;
        without one in any order, but in the same one whenever the test runs. The log shows them as a table.

        Fails when the query is refused, or cannot be answered by all shards that it needs: it never returns a part.

        Example:
        | ${rows} = | `Get Rows` | SELECT id, name FROM people WHERE name LIKE ? ORDER BY id | A% |
        | Should Be Equal | ${rows}[0][name] | Ada |
        """
        require_query(query, "Get Rows")
        answer = _read(self._perform("query", query, parameters, txn, DONE))
        columns, types = answer["columns"], answer["types"]
        doubled = next((each for each in columns if columns.count(each) > 1), None)
        if doubled is not None:
            raise InvalidInput(f"two columns are called {doubled}: give one another name by AS, or rows would lose it")
        readers = [_reader(kind) for kind in types]
        rows = [
            [None if value is None else read(value) for read, value in zip(readers, row, strict=True)]
            for row in answer["rows"]
        ]
        _log_rows(self._cluster, columns, types, rows)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    @keyword(tags=("query", "assertion"))
    def query_should_return(self, query: str, *expected: str, txn: str = "") -> None:
        """Fails unless a query returns these values: row by row, and of each row from left to right.

        Values are compared as the log shows them: ``NULL``, ``true``, ``12.50``, ``2024-02-29``. Give the query an
        ORDER BY where it may return several rows. Whether it is right is told by `Query Should Match Oracle`.

        Example:
        | `Query Should Return` | SELECT sum(balance) FROM accounts | 400.00 |
        | `Query Should Return` | SELECT id, name FROM people ORDER BY id | 1 | Ada | 2 | NULL |
        """
        from PhantomLibrary.reporting.row_table import shown

        cluster = self._cluster
        rows = self.get_rows(query, txn=txn)
        found = ["NULL" if value is None else shown(value) for row in rows for value in row.values()]
        if found != list(expected):
            told = f"{in_one_line(query)} returned {_listed(found)} at {cluster.now}, expected {_listed(expected)}"
            cluster.fail("EXP-001", told)

    @keyword(tags=("query", "assertion"))
    def statement_should_be_refused(self, reason: str, statement: str, *parameters: Any, txn: str = "") -> None:
        """Fails unless a statement is refused, with a message that begins like ``reason`` behind ``SQL``: an SQLSTATE,
        or that and more of the message.

        ``parameters`` and ``txn`` are those of `Execute Sql`. A transaction stays open.

        Example:
        | `Statement Should Be Refused` | 23505 | INSERT INTO people VALUES (1, 'Ada') |
        | `Statement Should Be Refused` | 42P01: table peple does not exist | DELETE FROM peple |
        """
        cluster = self._cluster
        ended = self._perform("execute sql", statement, parameters, txn, _ANY)
        if ended.word != "failed" or not ended.reason.startswith(f"SQL {reason}"):
            why = f": {ended.reason}" if ended.reason else ""
            what = f"{in_one_line(statement)} ended {ended.word} at {cluster.now}"
            told = f"{what}, expected to be refused with SQL {reason}"
            cluster.fail("OPR-001", f"{told}{why}")

    def _perform(self, verb: str, statement: str, parameters: Sequence[Any], txn: str, outcome: Outcome) -> Ended:
        """Perform a statement; fail unless it ends as it is to."""
        from PhantomLibrary.sql.extra import require_extra

        require_extra()
        cluster = self._cluster
        arguments = {
            "statement": statement,
            "parameters": to_parameters(parameters),
        }
        ended = self._ended(cluster, verb, arguments, txn, outcome)
        where = f" in transaction {txn}" if txn else ""
        if outcome.word not in ("any", ended.word):
            _fail(cluster, ended, outcome, f"{in_one_line(statement)}{where}")
        reason = f": {ended.reason}" if ended.reason else ""
        cluster.tell(f"{in_one_line(statement)}{where}: {ended.word}{reason}")
        return ended

    def _ended(self, cluster: Cluster, verb: str, arguments: dict[str, Any], txn: str, outcome: Outcome) -> Ended:
        from PhantomLibrary.testbed.transactions import Outcome as Ended
        from PhantomLibrary.testbed.transactions import await_outcome, known_transaction, outcome_of

        if not txn:
            if outcome.word == "blocked":
                raise InvalidInput(
                    "outcome=blocked cannot be: a statement without txn= waits until it is done or refused"
                )
            task = cluster.perform(verb, **arguments)
            cluster.advance(_PATIENCE_NS, lambda: task.is_done)
            return _alone(outcome_of(task.result))
        transaction = known_transaction(cluster.run, txn)
        if outcome.word == "any" and transaction.known == "aborted" and not transaction.is_owed:
            return Ended("aborted", None, transaction.reason)
        if transaction.is_owed:  # What was blocked comes first, and may have ended the transaction.
            ended = await_outcome(cluster.advance, transaction, may_block=False)
            if ended.word not in ("done", "failed"):
                return ended
        cluster.perform(verb, transaction=txn, **arguments)
        return await_outcome(cluster.advance, transaction, may_block=outcome.word == "blocked")


def _alone(ended: Ended) -> Ended:
    """Return what came of a statement that was a transaction of its own: refused by SQL, it has failed."""
    from PhantomLibrary.testbed.transactions import Outcome as Ended

    return Ended("failed", None, ended.reason) if ended.word == "aborted" and _is_refused(ended) else ended


def _is_refused(ended: Ended) -> bool:
    return ended.reason.startswith(("SQL ", "SQL needs"))


def _fail(cluster: Cluster, ended: Ended, outcome: Outcome, what: str) -> None:
    """Fail the keyword; what SQL refuses is said as databases do, its code first."""
    if ended.word == "failed":
        code, _, reason = ended.reason.partition(": ")
        first, *rest = reason.split("\n")
        cluster.fail(code, first, rest)
    reason = f": {ended.reason}" if ended.reason else ""
    cluster.fail("OPR-001", f"{what} ended {ended.word} at {cluster.now}, expected {outcome}{reason}")


def _read(ended: Ended) -> dict[str, Any]:
    """Return a result, or that of no rows where there is none."""
    nothing: dict[str, Any] = {"columns": [], "types": [], "rows": [], "count": 0}
    return {**nothing, **json.loads(ended.value or "{}")}


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values) if values else "no rows"


def _reader(kind: str) -> Callable[[Any], Any]:
    """Return what makes a Python value of one of an answer."""
    from decimal import Decimal

    readers: dict[str, Callable[[Any], Any]] = {"DECIMAL": Decimal, "BLOB": bytes.fromhex}
    return readers.get(kind.partition("(")[0], _as_it_is)


def _as_it_is(value: Any) -> Any:
    return value


def _log_rows(cluster: Cluster, columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Log rows as a table; of many the first ones, with a link to a file that has all."""
    from urllib.parse import quote

    from PhantomLibrary.reporting.row_table import ROWS_SHOWN, csv_lines, render_rows

    link = cluster.folder.keep("rows-{}.csv", csv_lines(columns, rows)) if len(rows) > ROWS_SHOWN else ""
    logger.info(render_rows(columns, types, rows, quote(link)), html=True)
