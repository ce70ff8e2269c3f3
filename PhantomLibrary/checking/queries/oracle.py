"""One SQLite with the rows of all tables, and what it answers.

An answer is kept as groups of rows that ORDER BY holds for equal: within one, any order is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from PhantomLibrary.checking.queries.adaptation import adapt
from PhantomLibrary.checking.queries.arithmetic import register
from PhantomLibrary.checking.queries.values import OracleError, OracleTable, Row, Value

_AFFINITIES = {"INTEGER": "INTEGER", "BOOLEAN": "INTEGER", "DECIMAL": "REAL", "REAL": "REAL", "BLOB": "BLOB"}


class OracleAnswer(Struct, frozen=True):
    """Groups of rows in order, of which those from `offset` on are the answer, `limit` at most; None: all."""

    groups: tuple[tuple[Row, ...], ...]
    offset: int = 0
    limit: int | None = None

    @property
    def count(self) -> int:
        """Return how many rows an answer has to have."""
        left = max(0, sum(map(len, self.groups)) - self.offset)
        return left if self.limit is None else min(left, self.limit)


class Oracle:
    """Answers queries over tables and views, alone."""

    def __init__(self, tables: Sequence[OracleTable], views: Mapping[str, str] | None = None) -> None:
        import apsw

        self._tables = tables
        self._connection = apsw.Connection(":memory:")
        register(self._connection)
        self._connection.pragma("case_sensitive_like", True)
        for table in tables:
            columns = ", ".join(f"{_quoted(name)} {_AFFINITIES.get(kind.name, 'TEXT')}" for name, kind in table.columns)
            self._connection.execute(f"CREATE TABLE {_quoted(table.name)} ({columns})")
            marks = ", ".join("?" * len(table.columns))
            self._connection.executemany(f"INSERT INTO {_quoted(table.name)} VALUES ({marks})", table.rows)
        for name, query in (views or {}).items():
            self._connection.execute(f"CREATE VIEW {_quoted(name)} AS {adapt(query, tables).text}")

    def answer(self, query: str, parameters: Sequence[Value] = ()) -> OracleAnswer:
        """Return the right answer. Raises OracleError where there is none, or none that could be told."""
        adapted = adapt(query, self._tables)
        bindings = {f"p{number}": value for number, value in enumerate(parameters, start=1)}
        rows = self._rows(adapted.text, bindings)
        width = len(rows[0]) - adapted.hidden if rows else 0
        numbers = [key if key >= 0 else width - 1 - key for key in adapted.keys]
        groups = list[tuple[Row, ...]]()
        group, last = list[Row](), None
        for row in rows:
            key = tuple(row[number] for number in numbers)
            if group and key != last:
                groups.append(tuple(group))
                group = []
            group.append(row[:width])
            last = key
        if group:
            groups.append(tuple(group))
        limit, offset = self._number(adapted.limit, bindings), self._number(adapted.offset, bindings)
        return OracleAnswer(tuple(groups), offset or 0, limit)

    def _number(self, text: str, bindings: Mapping[str, Value]) -> int | None:
        if not text:
            return None
        value = self._rows(f"SELECT {text}", bindings)[0][0]
        return None if value is None else int(value)

    def _rows(self, text: str, bindings: Mapping[str, Value]) -> list[Row]:
        import apsw

        try:
            return list(self._connection.execute(text, bindings))
        except apsw.SQLError as error:
            raise OracleError(f"SQLite refuses it: {error}") from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
