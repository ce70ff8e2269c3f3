"""Random queries over random tables: joins of all kinds, nesting, grouping, windows, set operations, order and limit.

Each has one right answer: what is cut or numbered by an order is so by a total one, unless it is the answer itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from PhantomLibrary.exploration.queries.expressions import Expressions, SeenColumn
from PhantomLibrary.exploration.queries.schemas import RandomTable, TypeWord
from PhantomLibrary.kernel.streams import Stream

_JOINS = ("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN")
_SUMMED: tuple[TypeWord, ...] = ("INTEGER", "DECIMAL", "REAL")
_DEPTH = 2


class Source(Struct, frozen=True):
    """What a query reads from: the text behind FROM, the columns in sight, and those that tell its rows apart."""

    text: str
    columns: tuple[SeenColumn, ...]
    key: tuple[str, ...]


class Plain(Struct, frozen=True):
    """A query in parts: what it selects from a source, where a condition holds."""

    columns: str
    source: str
    condition: str

    def text(self, condition: str | None = None) -> str:
        """Return it with another condition, "" being none."""
        chosen = self.condition if condition is None else condition
        return f"SELECT {self.columns} FROM {self.source}" + (f" WHERE {chosen}" if chosen else "")


class QueryWriter:
    """Writes queries over some tables, each from the next draws of a stream."""

    def __init__(self, stream: Stream, tables: Sequence[RandomTable]) -> None:
        self._stream = stream
        self._tables = tables
        self._aliases = 0

    def query(self) -> str:
        """Return a query of any form."""
        self._aliases = 0
        forms = (self._rows, self._rows, self._groups, self._groups, self._set, self._windows, self._with)
        return forms[self._stream.below(len(forms))]()

    def plain(self) -> Plain:
        """Return a query whose condition can be exchanged, for what has to hold between queries."""
        self._aliases = 0
        source = self._source(joins=2)
        seen = self._expressions(source)
        columns = ", ".join(f"{self._value(seen)} AS c{number}" for number in range(1 + self._stream.below(3)))
        return Plain(columns, source.text, seen.predicate(_DEPTH))

    # --- forms --------------------------------------------------------------------------------------------------------

    def _rows(self) -> str:
        source = self._source(joins=3)
        seen = self._expressions(source)
        count = 1 + self._stream.below(4)
        distinct = "DISTINCT " if self._stream.chance(1, 5) else ""
        columns = ", ".join(f"{self._value(seen)} AS c{number}" for number in range(1, count + 1))
        text = f"SELECT {distinct}{columns} FROM {source.text}{self._where(seen)}"
        return text + self._order(count, [] if distinct else [each.text for each in source.columns])

    def _groups(self) -> str:
        source = self._source(joins=2)
        seen = self._expressions(source)
        stream = self._stream
        plain = Expressions(stream, source.columns)  # PhantomDB groups by no subquery.
        keys = [self._value(plain) for _ in range(stream.below(3))]
        keys = [each for each in keys if any(column.text in each for column in source.columns)]
        found = [f"{self._aggregate(seen)} AS a{number}" for number in range(1, 2 + stream.below(3))]
        columns = ", ".join([*(f"{key} AS k{number}" for number, key in enumerate(keys, 1)), *found])
        text = f"SELECT {columns} FROM {source.text}{self._where(seen)}"
        if keys:
            text += f" GROUP BY {', '.join(keys)}"
            if stream.chance(1, 3):
                text += f" HAVING COUNT({self._value(seen)}) {seen.pick('>', '<', '=', '>=')} {stream.below(4)}"
        return text + self._order(len(keys) + len(found), [])

    def _set(self) -> str:
        kinds: list[TypeWord] = [self._pick_type() for _ in range(1 + self._stream.below(2))]
        operators = ("UNION", "UNION ALL", "INTERSECT", "EXCEPT")
        parts = [self._typed_rows(kinds)]
        for _ in range(1 + self._stream.below(2)):
            parts += [operators[self._stream.below(len(operators))], self._typed_rows(kinds)]
        if len(parts) > 3:
            return f"SELECT * FROM ({' '.join(parts[:3])}) AS u {' '.join(parts[3:])}"
        return " ".join(parts) + self._order(len(kinds), [])

    def _windows(self) -> str:
        source = self._source(joins=1)
        seen = self._expressions(source)
        key = ", ".join(source.key)
        stream = self._stream
        partition = f"PARTITION BY {self._value(seen)} " if stream.chance(2, 3) else ""
        order = f"ORDER BY {seen.value(seen.kind(), 0)}{seen.pick('', ' DESC')}, {key}"
        summed: TypeWord = "INTEGER" if stream.chance(1, 2) else "DECIMAL"
        frame = seen.pick(
            "", " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
        )
        calls = (
            f"ROW_NUMBER() OVER ({partition}{order})",
            f"RANK() OVER ({partition}ORDER BY {seen.value(seen.kind(), 0)})",
            f"SUM({seen.value(summed, 1)}) OVER ({partition}{order}{frame})",
            f"COUNT({self._value(seen)}) OVER ({partition.strip()})",
            f"LAG({seen.value('INTEGER', 0)}) OVER ({partition}{order})",
            f"MAX({seen.value('TEXT', 0)}) OVER ({partition}{order})",
        )
        columns = ", ".join([f"{self._value(seen)} AS c1", f"{calls[stream.below(len(calls))]} AS w1"])
        return f"SELECT {columns} FROM {source.text}{self._where(seen)}" + self._order(2, [])

    def _with(self) -> str:
        kinds = [self._pick_type(), self._pick_type()]
        inner = self._typed_rows(kinds)
        names = [f"x{number}" for number in range(len(kinds))]
        seen = Expressions(self._stream, [SeenColumn(f"w.{n}", kind) for n, kind in zip(names, kinds, strict=True)])
        text = f"WITH w ({', '.join(names)}) AS ({inner}) "
        if self._stream.chance(1, 2):
            return f"{text}SELECT w.x0 AS c1, COUNT(*) AS a1 FROM w{self._where(seen)} GROUP BY w.x0" + self._order(
                2, []
            )
        join = self._source(joins=0)
        both = Expressions(self._stream, [*seen.columns, *join.columns])
        columns = f"{self._value(both)} AS c1, {self._value(both)} AS c2"
        kind = _JOINS[self._stream.below(4)]
        return f"{text}SELECT {columns} FROM w {kind} {join.text} ON {both.predicate(1)}{self._where(both)}"

    # --- parts --------------------------------------------------------------------------------------------------------

    def _source(self, joins: int, depth: int = 1) -> Source:
        stream = self._stream
        source = self._relation(depth)
        for _ in range(stream.below(joins + 1)):
            other = self._relation(depth)
            kind = _JOINS[stream.below(len(_JOINS))]
            columns = source.columns + other.columns
            condition = "" if kind == "CROSS JOIN" else f" ON {self._join_condition(source, other)}"
            source = Source(f"{source.text} {kind} {other.text}{condition}", columns, source.key + other.key)
        return source

    def _join_condition(self, left: Source, right: Source) -> str:
        seen = Expressions(self._stream, left.columns + right.columns)
        ours, theirs = Expressions(self._stream, left.columns), Expressions(self._stream, right.columns)
        kind = self._pick_type()
        sides = ours.column(kind), theirs.column(kind)
        if None in sides:
            sides = ours.column("INTEGER"), theirs.column("INTEGER")
        equal = f"{sides[0]} = {sides[1]}"
        return f"{equal} AND {seen.predicate(1)}" if self._stream.chance(1, 3) else equal

    def _relation(self, depth: int) -> Source:
        table = self._tables[self._stream.below(len(self._tables))]
        self._aliases += 1
        alias = f"q{self._aliases}"
        if depth <= 0 or not self._stream.chance(1, 6):
            columns = tuple(SeenColumn(f"{alias}.{each.name}", each.type) for each in table.columns)
            return Source(f"{table.name} AS {alias}", columns, tuple(f"{alias}.{name}" for name in table.primary_key))
        inner = self._source(joins=1, depth=depth - 1)
        seen = Expressions(self._stream, inner.columns)
        kinds = [self._pick_type(), "INTEGER"]
        values = [f"{seen.value(kind, 1)} AS y{number}" for number, kind in enumerate(kinds)]
        values += [f"{key} AS z{number}" for number, key in enumerate(inner.key)]
        text = f"(SELECT {', '.join(values)} FROM {inner.text}{self._where(seen)}) AS {alias}"
        columns = tuple(SeenColumn(f"{alias}.y{number}", kind) for number, kind in enumerate(kinds))
        return Source(text, columns, tuple(f"{alias}.z{number}" for number in range(len(inner.key))))

    def _expressions(self, source: Source) -> Expressions:
        return Expressions(self._stream, source.columns, self._subquery)

    def _subquery(self, kind: TypeWord, outer: Sequence[SeenColumn], is_scalar: bool) -> str | None:
        """Return a query in parentheses of one column; as a scalar, of one row."""
        source = self._source(joins=1, depth=0)
        inside = Expressions(self._stream, source.columns)
        around = Expressions(self._stream, outer)
        terms = list[str]()
        link = around.column("INTEGER"), inside.column("INTEGER")
        if self._stream.chance(1, 2) and None not in link:
            terms.append(f"{link[1]} {inside.pick('=', '=', '<')} {link[0]}")
        if self._stream.chance(1, 2):
            terms.append(inside.predicate(1))
        value = inside.value(kind, 1)
        if is_scalar:
            value = f"{inside.pick('MIN', 'MAX')}({value})" if kind != "BOOLEAN" else "COUNT(*) > 1"
        where = f" WHERE {' AND '.join(terms)}" if terms else ""
        return f"(SELECT {value} FROM {source.text}{where})"

    def _typed_rows(self, kinds: Sequence[TypeWord]) -> str:
        source = self._source(joins=1)
        seen = Expressions(self._stream, source.columns)
        columns = ", ".join(f"{seen.value(kind, 1)} AS c{number}" for number, kind in enumerate(kinds, 1))
        return f"SELECT {columns} FROM {source.text}{self._where(seen)}"

    def _aggregate(self, seen: Expressions) -> str:
        stream = self._stream
        summed = _SUMMED[stream.below(len(_SUMMED))]
        exact: TypeWord = "INTEGER" if stream.chance(1, 2) else "DECIMAL"
        kind = seen.kind()
        choices = (
            "COUNT(*)",
            f"COUNT({seen.value(kind, 1)})",
            f"COUNT(DISTINCT {seen.value('TEXT' if kind == 'REAL' else kind, 1)})",
            f"SUM({seen.value(summed, 1)})",
            f"AVG({seen.value(summed, 1)})",
            f"SUM(DISTINCT {seen.value(exact, 1)})",
            f"{seen.pick('MIN', 'MAX')}({seen.value('TEXT' if kind == 'BOOLEAN' else kind, 1)})",
        )
        return choices[stream.below(len(choices))]

    def _value(self, seen: Expressions) -> str:
        return seen.value(seen.kind(), _DEPTH - 1)

    def _where(self, seen: Expressions) -> str:
        return f" WHERE {seen.predicate(_DEPTH)}" if self._stream.chance(1, 2) else ""

    def _order(self, count: int, further: Sequence[str]) -> str:
        """Return ORDER BY and LIMIT, or nothing: by columns of the answer, or by others in sight."""
        stream = self._stream
        text = ""
        if stream.chance(1, 2):
            terms = [str(1 + stream.below(count))]
            if further and stream.chance(1, 3):
                terms.append(further[stream.below(len(further))])
            text = " ORDER BY " + ", ".join(term + ("", " DESC", " NULLS LAST")[stream.below(3)] for term in terms)
        if stream.chance(1, 4):
            text += f" LIMIT {stream.below(6)}" + (f" OFFSET {stream.below(4)}" if stream.chance(1, 3) else "")
        return text

    def _pick_type(self) -> TypeWord:
        kinds: tuple[TypeWord, ...] = ("INTEGER", "INTEGER", "TEXT", "DECIMAL", "DATE")
        return kinds[self._stream.below(len(kinds))]
