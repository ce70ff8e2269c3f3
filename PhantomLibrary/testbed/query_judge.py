"""Judges the answers of queries by an oracle that has the rows of their snapshots."""

from __future__ import annotations

from collections.abc import Sequence

from PhantomLibrary.checking.queries.judging import judge_answer
from PhantomLibrary.checking.queries.oracle import Oracle
from PhantomLibrary.checking.queries.values import ColumnType, FoundAnswer, Value
from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.domain.operations import Parameter
from PhantomLibrary.testbed.queries import AskedQuery, ResultTable
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.stored_tables import StoredTables, is_kept, is_settled, stored_tables

_SETTLE_NS = 60 * SECOND_NS


class QueryJudge:
    """Judges the answers of one run. As long as no row changes, it keeps its oracle."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._tables: StoredTables | None = None
        self._oracle: Oracle | None = None

    def judge(self, asked: AskedQuery, query: str, parameters: Sequence[Parameter] = ()) -> Verdict:
        """Judge an answer by the rows at its snapshot. Lets virtual time go on until these are decided.

        A refusal is `unknown`, with its reason: whether it is one that may be is for whoever asked to say.
        """
        table = asked.table
        if table is None:
            return Verdict("unknown", "QRY-004", f"the query was not answered: {asked.refusal}")
        oracle = self.oracle_at(asked.at_ns)
        if oracle is None:
            return Verdict("unknown", "QRY-004", "the rows that the query has read are not kept any more")
        return judge_answer(found_answer(table), oracle, query, [oracle_value(each) for each in parameters])

    def oracle_at(self, at_ns: int | None) -> Oracle | None:
        """Return the oracle with the rows of a snapshot, None where they cannot be told."""
        run = self._run
        if at_ns is None:
            return None
        run.advance(run.now_ns + _SETTLE_NS, lambda: is_settled(run, at_ns))
        if not (is_settled(run, at_ns) and is_kept(run, at_ns)):
            return None
        tables = stored_tables(run, at_ns)
        if self._oracle is None or tables != self._tables:
            self._tables, self._oracle = tables, Oracle(tables.tables, tables.views)
        return self._oracle


def found_answer(table: ResultTable) -> FoundAnswer:
    """Return an answer as the oracle's side compares it."""
    return FoundAnswer(tuple(map(read_type, table.types)), table.rows)


def read_type(text: str) -> ColumnType:
    """Return a type as an answer names it: `DECIMAL(12,2)`, `VARCHAR(20)`, `INTEGER`."""
    name, _, sizes = text.partition("(")
    scale = sizes.rstrip(")").partition(",")[2]
    return ColumnType("TEXT" if name == "VARCHAR" else name, int(scale or 0))


def oracle_value(parameter: Parameter) -> Value:
    """Return a parameter as SQLite takes it."""
    if isinstance(parameter, tuple):
        kind, text = parameter
        return float(text) if kind == "decimal" else bytes.fromhex(text)
    return int(parameter) if isinstance(parameter, bool) else parameter
