"""Random expressions over the columns in sight, of the type that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from PhantomLibrary.exploration.queries.schemas import TEXTS, TypeWord, random_value
from PhantomLibrary.kernel.streams import Stream

_COMPARED: tuple[TypeWord, ...] = ("INTEGER", "INTEGER", "TEXT", "DECIMAL", "DATE", "REAL")
_OPERATORS = ("=", "<>", "<", "<=", ">", ">=")
_EXACT_TYPES: tuple[TypeWord, ...] = ("INTEGER", "DECIMAL", "TEXT", "BOOLEAN", "DATE")


class SeenColumn(Struct, frozen=True):
    """A column as a query can name it."""

    text: str
    type: TypeWord


class Expressions:
    """Writes expressions. `subquery` writes a query in parentheses of one column of a type, None where too deep."""

    def __init__(
        self,
        stream: Stream,
        columns: Sequence[SeenColumn],
        subquery: Callable[[TypeWord, Sequence[SeenColumn], bool], str | None] | None = None,
    ) -> None:
        self._stream = stream
        self.columns = columns
        self._subquery = subquery

    def pick(self, *choices: str) -> str:
        return choices[self._stream.below(len(choices))]

    def column(self, kind: TypeWord) -> str | None:
        """Return a column of a type, None where there is none."""
        fitting = [each.text for each in self.columns if each.type == kind]
        return fitting[self._stream.below(len(fitting))] if fitting else None

    def kind(self) -> TypeWord:
        """Return the type of some column."""
        return self.columns[self._stream.below(len(self.columns))].type

    # --- values -----------------------------------------------------------------------------------------------------

    def value(self, kind: TypeWord, depth: int) -> str:
        """Return an expression of a type."""
        stream = self._stream
        if depth <= 0 or stream.chance(1, 2):
            column = self.column(kind)
            return column if column is not None and not stream.chance(1, 6) else self.literal(kind)
        common = stream.below(8)
        if common == 0:
            return f"COALESCE({self.value(kind, depth - 1)}, {self.value(kind, depth - 1)})"
        if common == 1:
            yes, no = self.value(kind, depth - 1), self.value(kind, depth - 1)
            return f"CASE WHEN {self.predicate(depth - 1)} THEN {yes} ELSE {no} END"
        if common == 2 and kind in _EXACT_TYPES:
            return f"NULLIF({self.value(kind, depth - 1)}, {self.literal(kind)})"
        if common == 3 and self._subquery is not None:
            inner = self._subquery(kind, self.columns, True)
            if inner is not None:
                return inner
        return {
            "INTEGER": self._integer,
            "DECIMAL": self._decimal,
            "REAL": self._real,
            "TEXT": self._text,
            "BOOLEAN": self._boolean,
            "DATE": self._date,
        }[kind](depth)

    def literal(self, kind: TypeWord) -> str:
        """Return a value as text. A NULL has its type said, for alone it has none."""
        value = random_value(self._stream, kind, may_be_null=self._stream.chance(1, 3))
        if value is None:
            return f"CAST(NULL AS {'DECIMAL(8,2)' if kind == 'DECIMAL' else kind})"
        if kind == "BOOLEAN":
            return "TRUE" if value else "FALSE"
        if kind == "DATE":
            return f"DATE '{value}'"
        if kind == "REAL":
            return f"CAST({value} AS REAL)"
        return "'" + str(value).replace("'", "''") + "'" if kind == "TEXT" else str(value)

    def _integer(self, depth: int) -> str:
        choice = self._stream.below(6)
        if choice == 0:
            return f"ABS({self.value('INTEGER', depth - 1)})"
        if choice == 1:
            return f"LENGTH({self.value('TEXT', depth - 1)})"
        left = self.value("INTEGER", depth - 1)
        if choice == 2:
            return f"({left} {self.pick('/', '%')} {self.pick('2', '3', '-2', '7')})"
        return f"({left} {self.pick('+', '-', '*')} {self.value('INTEGER', depth - 1)})"

    def _decimal(self, depth: int) -> str:
        left = self.value("DECIMAL", depth - 1)
        if self._stream.chance(1, 3):
            return f"({left} * {self.value('INTEGER', 0)})"
        return f"({left} {self.pick('+', '-')} {self.value('DECIMAL', depth - 1)})"

    def _real(self, depth: int) -> str:
        return f"({self.value('REAL', depth - 1)} {self.pick('+', '-')} {self.value('REAL', 0)})"

    def _text(self, depth: int) -> str:
        inner = self.value("TEXT", depth - 1)
        choice = self._stream.below(4)
        if choice == 0:
            return f"({inner} || {self.value('TEXT', depth - 1)})"
        if choice == 1:
            return f"SUBSTR({inner}, {self.pick('1', '2')}, {self.pick('1', '2', '9')})"
        return f"{self.pick('UPPER', 'LOWER')}({inner})" if self._is_ascii(inner) else inner

    @staticmethod
    def _is_ascii(text: str) -> bool:
        return text.startswith("'") and text.isascii()  # Of other letters, not all databases know both cases.

    def _boolean(self, depth: int) -> str:
        return f"({self.predicate(depth - 1)})"

    def _date(self, depth: int) -> str:
        return self.column("DATE") or self.literal("DATE")

    # --- predicates -------------------------------------------------------------------------------------------------

    def predicate(self, depth: int) -> str:
        """Return a condition: true, false or unknown."""
        stream = self._stream
        choice = stream.below(14 if depth > 0 else 8)
        if choice >= 11:
            left, right = self.predicate(depth - 1), self.predicate(depth - 1)
            return f"({left} {self.pick('AND', 'OR')} {right})"
        if choice == 10:
            return f"NOT ({self.predicate(depth - 1)})"
        if choice in (8, 9) and self._subquery is not None:
            found = self._with_subquery()
            if found is not None:
                return found
        kind = _COMPARED[stream.below(len(_COMPARED))]
        if choice == 0:
            return f"{self.value(self.kind(), depth - 1)} IS {self.pick('', 'NOT ')}NULL"
        if choice == 1:
            low, high = self.literal(kind), self.literal(kind)
            return f"{self.value(kind, depth - 1)} {self.pick('', 'NOT ')}BETWEEN {low} AND {high}"
        if choice == 2 and kind != "REAL":
            members = ", ".join(self.literal(kind) for _ in range(1 + stream.below(3)))
            return f"{self.value(kind, depth - 1)} {self.pick('', 'NOT ')}IN ({members})"
        if choice == 3:
            pattern = self.pick("%", "_", "a%", "%b", "%a%", TEXTS[0])
            return f"{self.value('TEXT', depth - 1)} {self.pick('', 'NOT ')}LIKE '{pattern}'"
        if choice == 4:
            return self.value("BOOLEAN", 0)
        if choice == 5 and kind != "REAL":
            sides = self.value(kind, depth - 1), self.value(kind, depth - 1)
            return f"{sides[0]} IS {self.pick('', 'NOT ')}DISTINCT FROM {sides[1]}"
        operator = self.pick(*_OPERATORS) if kind != "REAL" else self.pick("<", ">")
        return f"{self.value(kind, depth - 1)} {operator} {self.value(kind, depth - 1)}"

    def _with_subquery(self) -> str | None:
        assert self._subquery is not None
        kind = self.kind()
        inner = self._subquery(kind, self.columns, False)
        if inner is None or kind == "REAL":
            return None
        if self._stream.chance(1, 3):
            return f"{self.pick('', 'NOT ')}EXISTS {inner}"
        return f"{self.value(kind, 0)} {self.pick('', 'NOT ')}IN {inner}"
