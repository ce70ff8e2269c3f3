"""Binds expressions: names to columns, operators and functions to what SQLite computes, a type to each.

What each kind of expression means is in the files of its kind; here is how they come together. `clause` is the part of
the query that is being bound, for messages; whether aggregates and window functions may stand there is said with it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from sqlglot import exp

from PhantomLibrary.sql.catalog import Catalog, SqlType
from PhantomLibrary.sql.dialect import refuse_parts
from PhantomLibrary.sql.errors import GROUPING_ERROR, SYNTAX_ERROR, TOO_COMPLEX, WINDOW_ERROR, SqlError, unsupported
from PhantomLibrary.sql.scopes import Output, Scope, plain_name
from PhantomLibrary.sql.typed import Parameters, Typed, coerce, shown
from PhantomLibrary.sql.values import BOOLEAN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Handler: TypeAlias = "Callable[[Binder, exp.Expr], Typed]"
_DEPTH_MAX = 150


class Statement:
    """What all parts of one statement share: catalog, parameters, tables that are read, names that are taken."""

    def __init__(self, catalog: Catalog, parameters: Parameters) -> None:
        self.catalog = catalog
        self.parameters = parameters
        self.tables: set[int] = set()
        self.views: list[str] = []
        self._taken: set[str] = set()

    def unique_name(self, name: str) -> str:
        """Return a name for a table of the tree that none has there yet."""
        unique, count = name, 1
        while unique in self._taken:
            count += 1
            unique = f"{name}_{count}"
        self._taken.add(unique)
        return unique


class Binder:
    """Binds the expressions of one SELECT. `queries` binds a query inside it; `handlers` know each kind of node."""

    def __init__(
        self,
        statement: Statement,
        scope: Scope,
        handlers: Mapping[type[exp.Expr], Handler],
        queries: Callable[[exp.Expr, Scope], tuple[exp.Query, list[Output]]],
    ) -> None:
        self.statement = statement
        self.scope = scope
        self.clause = "SELECT"
        self.has_aggregates = False
        self.is_window_call = False  # Of the aggregate that is bound next: it stands before an OVER.
        self.windows: dict[str, exp.Expr] = {}
        self._handlers = handlers
        self._queries = queries
        self._may_aggregate = False
        self._may_window = False
        self._depth = 0

    @property
    def parameters(self) -> Parameters:
        return self.statement.parameters

    @contextmanager
    def inside(self, clause: str, *, aggregates: bool = False, windows: bool = False) -> Iterator[None]:
        """Bind a part of the query for a while."""
        before = self.clause, self._may_aggregate, self._may_window
        self.clause, self._may_aggregate, self._may_window = clause, aggregates, windows
        try:
            yield
        finally:
            self.clause, self._may_aggregate, self._may_window = before

    def bind(self, node: exp.Expr | None) -> Typed:
        """Return an expression bound."""
        if node is None:  # As in `sum(ORDER BY 1)`, which sqlglot reads.
            raise SqlError(SYNTAX_ERROR, f"syntax error: an expression is missing in {self.clause}")
        handler = self._handlers.get(type(node))
        if handler is None:
            raise unsupported(f"{type(node).__name__} ({node.sql()[:60]})", "docs/sql.md lists operators and functions")
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise SqlError(TOO_COMPLEX, f"an expression is nested more than {_DEPTH_MAX} deep")
        try:
            return handler(self, node)
        finally:
            self._depth -= 1

    def bind_as(self, node: exp.Expr, target: SqlType, what: str) -> exp.Expr:
        """Return an expression bound, as a value of a type."""
        return self.coerce(self.bind(node), target, what)

    def coerce(self, typed: Typed, target: SqlType, what: str = "", *, is_compared: bool = False) -> exp.Expr:
        return coerce(typed, target, self.parameters, what=what, is_compared=is_compared)

    def condition(self, node: exp.Expr, what: str) -> exp.Expr:
        """Return an expression bound that has to be true or false."""
        typed = self.bind(node)
        if typed.type is not None and typed.type != BOOLEAN:
            return self.coerce(typed, BOOLEAN, f"argument of {what}")
        return self.coerce(typed, BOOLEAN)

    def beside(self, scope: Scope) -> Binder:
        """Return a binder for another scope of the same statement."""
        return Binder(self.statement, scope, self._handlers, self._queries)

    def query(self, node: exp.Expr) -> tuple[exp.Query, list[Output]]:
        """Return a query inside this one, which may name its tables, and its columns."""
        return self._queries(node, self.scope)

    def require_aggregates(self, name: str) -> None:
        if not self._may_aggregate:
            nested = self.clause.startswith("the argument of")
            reason = "aggregate function calls cannot be nested" if nested else "aggregate functions are not allowed"
            raise SqlError(GROUPING_ERROR, f"{reason} in {self.clause}: {name}")
        self.has_aggregates = True

    def require_windows(self, name: str) -> None:
        if not self._may_window:
            raise SqlError(WINDOW_ERROR, f"window functions are not allowed in {self.clause}: {name}")

    @contextmanager
    def inside_call(self, name: str, *, is_window: bool) -> Iterator[None]:
        """Bind the arguments of an aggregate or a window function. Only the latter's may be aggregates."""
        with self.inside(f"the argument of {name}", aggregates=is_window and self._may_aggregate):
            yield


def bind_column(binder: Binder, node: exp.Expr) -> Typed:
    refuse_parts(node, {"this", "table"}, f"the name {node.sql()}")
    if isinstance(node.this, exp.Star):
        raise unsupported(f"{node.sql()} in an expression", "name a column")
    name = plain_name(node.this)
    return binder.scope.resolve(name, plain_name(node.args.get("table")))


def bind_paren(binder: Binder, node: exp.Expr) -> Typed:
    typed = binder.bind(node.this)
    return typed if not isinstance(typed.node, exp.Binary) else Typed(exp.Paren(this=typed.node), typed.type)


def type_error(operator: str, *types: SqlType | None) -> str:
    """Return why an operator does not apply."""
    if len(types) == 1:
        return f"operator does not exist: {operator} {shown(types[0])}"
    return f"operator does not exist: {shown(types[0])} {operator} {shown(types[1])}"
