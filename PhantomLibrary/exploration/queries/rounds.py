"""A round: one random schema with its rows, and random queries over it, each judged by the oracle or by a relation.

Whoever asks the database is given as a function, so that it may be a cluster under faults or anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.checking.queries.judging import judge_answer
from PhantomLibrary.checking.queries.oracle import Oracle
from PhantomLibrary.checking.queries.values import ColumnType, FoundAnswer, OracleError, OracleTable
from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.exploration.queries.generator import QueryWriter
from PhantomLibrary.exploration.queries.relations import RELATIONS, Relation
from PhantomLibrary.exploration.queries.schemas import RandomTable, Row, Value, random_schema
from PhantomLibrary.exploration.queries.shrinking import shrink_items, shrink_query
from PhantomLibrary.kernel.streams import Stream


class Refusal(Struct, frozen=True):
    """A query had no answer. `is_final` where it will have none however often it is asked: SQL refuses it."""

    reason: str
    is_final: bool


Ask: TypeAlias = Callable[[str], FoundAnswer | Refusal]
Load: TypeAlias = Callable[[Sequence[RandomTable]], None]
Outcome: TypeAlias = Literal["right", "refused", "wrong"]

_RELATION_EVERY = 4


class Finding(Struct, frozen=True):
    """What came of one query, or of the queries of one relation."""

    queries: tuple[str, ...]
    outcome: Outcome
    verdict: Verdict = Verdict("valid")


class Round:
    """One schema, its rows, and what draws queries over it."""

    def __init__(self, seed: int, number: int) -> None:
        self.tables = random_schema(Stream(seed, f"queries/{number}/schema"))
        self._writer = QueryWriter(Stream(seed, f"queries/{number}/queries"), self.tables)
        self._choices = Stream(seed, f"queries/{number}/relations")

    def findings(self, ask: Ask, count: int) -> Iterator[Finding]:
        """Yield what comes of so many queries; a relation counts as one."""
        oracle = oracle_of(self.tables)
        for number in range(1, count + 1):
            if number % _RELATION_EVERY:
                yield check_query(ask, oracle, self._writer.query())
            else:
                make = RELATIONS[self._choices.below(len(RELATIONS))]
                yield check_relation(ask, make(self._writer.plain()))


def check_query(ask: Ask, oracle: Oracle, query: str) -> Finding:
    """Judge one query by the oracle."""
    found = ask(query)
    if isinstance(found, Refusal):
        return _refused(found, oracle, query)
    verdict = judge_answer(found, oracle, query)
    return Finding((query,), "right" if verdict.outcome == "valid" else "wrong", verdict)


def _refused(refusal: Refusal, oracle: Oracle, query: str) -> Finding:
    """What SQL refuses may have no answer; all else is a clear error, which faults excuse."""
    if not refusal.is_final:
        return Finding((query,), "refused", Verdict("valid", message=refusal.reason))
    try:
        oracle.answer(query)
    except OracleError:
        return Finding((query,), "refused", Verdict("valid", message=refusal.reason))
    message = f"a query was refused that has an answer: {refusal.reason}"
    return Finding((query,), "wrong", Verdict("invalid", "QRY-005", message))


def check_relation(ask: Ask, relation: Relation) -> Finding:
    """Judge the answers of several queries by what has to hold between them."""
    answers = []
    for query in relation.queries:
        found = ask(query)
        if isinstance(found, Refusal):
            if not found.is_final:
                return Finding(relation.queries, "refused", Verdict("valid", message=found.reason))
            message = f"a query was refused that has an answer: {found.reason}"
            return Finding((query,), "wrong", Verdict("invalid", "QRY-005", message))
        answers.append(found.rows)
    wrong = relation.wrong(answers)
    if not wrong:
        return Finding(relation.queries, "right")
    return Finding(relation.queries, "wrong", Verdict("invalid", "QRY-003", f"{relation.name}: {wrong}"))


# --- smaller ----------------------------------------------------------------------------------------------------------


def shrink(
    finding: Finding, tables: Sequence[RandomTable], ask: Ask, load: Load
) -> tuple[str, list[RandomTable]] | None:
    """Return the smallest query and rows that fail in the same way; None where it does not fail again.

    `load` replaces all tables. Only what the oracle judges is made smaller: of a relation, the queries go together.
    """
    query, kind = finding.queries[0], _kind(finding.verdict)
    if len(finding.queries) > 1:
        return None
    present = list(tables)

    def fails(text: str) -> bool:
        return _kind(check_query(ask, oracle_of(present), text).verdict) == kind

    if not fails(query):
        return None
    query = shrink_query(query, fails)
    for number, table in enumerate(tables):

        def fails_with(rows: Sequence[Row], number: int = number, table: RandomTable = table) -> bool:
            present[number] = _with_rows(table, rows)
            load(present)
            return fails(query)

        present[number] = _with_rows(table, shrink_items(table.rows, fails_with))
    load(present)
    return shrink_query(query, fails), present


def _kind(verdict: Verdict) -> tuple[str, str]:
    """Return what has to stay the same: of refusals, also the SQLSTATE."""
    return verdict.code, verdict.message.partition("SQL ")[2][:5] if verdict.code == "QRY-005" else ""


def _with_rows(table: RandomTable, rows: Sequence[Row]) -> RandomTable:
    return RandomTable(table.name, table.columns, table.primary_key, table.sharding, tuple(rows))


def oracle_of(tables: Sequence[RandomTable]) -> Oracle:
    """Return the oracle for tables as they were made."""
    return Oracle([_oracle_table(each) for each in tables])


def _oracle_table(table: RandomTable) -> OracleTable:
    columns = tuple((each.name, ColumnType(each.type, 2 if each.type == "DECIMAL" else 0)) for each in table.columns)
    rows = [
        tuple(_stored(value, kind.name) for value, (_, kind) in zip(row, columns, strict=True)) for row in table.rows
    ]
    return OracleTable(table.name, columns, rows)


def _stored(value: Value, kind: str) -> int | float | str | None:
    if value is None or kind not in ("DECIMAL", "REAL", "BOOLEAN"):
        return value
    return int(value) if kind == "BOOLEAN" else float(value)


def reproduction(query: str, tables: Sequence[RandomTable]) -> list[str]:
    """Return statements that show the failure again: tables with their rows as literals, and the query."""
    lines = list[str]()
    for table in tables:
        if table.name in query:
            lines.append(table.definition)
            lines += [f"INSERT INTO {table.name} VALUES ({', '.join(map(_literal, row))})" for row in table.rows]
    return [*lines, query]


def _literal(value: Value) -> str:
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value).upper()
