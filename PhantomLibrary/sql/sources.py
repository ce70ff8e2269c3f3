"""What stands in a FROM: tables, views, queries with names, queries in parentheses, and how they are joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlglot import exp

from PhantomLibrary.errors import nearest
from PhantomLibrary.sql.binder import Binder, Statement
from PhantomLibrary.sql.catalog import ROW_ID, Table
from PhantomLibrary.sql.comparisons import alike, compared
from PhantomLibrary.sql.dialect import refuse_parts
from PhantomLibrary.sql.errors import SYNTAX_ERROR, TOO_COMPLEX, UNKNOWN_COLUMN, UNKNOWN_TABLE, SqlError, unsupported
from PhantomLibrary.sql.parser import parse
from PhantomLibrary.sql.scopes import Output, Scope, Source, identifier, plain_name
from PhantomLibrary.sql.typed import Typed, operand
from PhantomLibrary.sql.values import TEXT

_VIEWS_DEPTH_MAX = 32
_TABLES_MAX = 64


class Named(NamedTuple):
    """A query of a WITH: as the tree calls it, and its columns."""

    unique: str
    columns: tuple[Output, ...]


class SourceBinder:
    """Binds the FROM of a SELECT. `named` holds the queries of the WITHs around it, the innermost last."""

    def __init__(
        self,
        statement: Statement,
        named: list[dict[str, Named]],
        bind_query: Callable[[exp.Expr, Scope | None], tuple[exp.Query, list[Output]]],
    ) -> None:
        self._statement = statement
        self._named = named
        self._bind_query = bind_query

    def bind(self, binder: Binder, node: exp.Select, tree: exp.Select) -> None:
        """Bind FROM and joins of a query into its tree, and its tables into the scope."""
        first = node.args.get("from_")
        if first is not None:
            self._chain(binder, first.this, list(node.args.get("joins") or ()), tree)

    def _chain(self, binder: Binder, first: exp.Expr, joins: list[exp.Expr], tree: exp.Select) -> None:
        """Bind a table and what is joined to it, from left to right. Brackets around what comes first say nothing."""
        while _is_bracketed(first) and first.args.get("alias") is None:
            joins = [*(first.args.get("joins") or ()), *joins]
            first = first.this
        joins = [*(first.args.get("joins") or ()), *joins]
        tree.set("from_", exp.From(this=self._source(binder, first)))
        if len(joins) >= _TABLES_MAX:
            raise SqlError(TOO_COMPLEX, f"a query joins at most {_TABLES_MAX} tables, not {len(joins) + 1}")
        for join in joins:
            tree.append("joins", self._join(binder, join))

    # --- one source ---------------------------------------------------------------------------------------------------

    def _source(self, binder: Binder, node: exp.Expr) -> exp.Expr:
        scope = binder.scope
        if _is_bracketed(node):
            return self._bracketed(binder, node)
        if isinstance(node, exp.Table):
            return self._table(scope, node)
        if isinstance(node, exp.Subquery | exp.Values):
            return self._derived(scope, node)
        if isinstance(node, exp.Lateral):
            raise unsupported("LATERAL", "queries in FROM that do not name the tables beside them")
        raise unsupported(f"{node.key.upper()} in FROM", "tables, views, queries in parentheses and VALUES")

    def _table(self, scope: Scope, node: exp.Table) -> exp.Expr:
        refuse_parts(node, {"this", "alias", "db", "joins"}, f"FROM {node.name}")
        if isinstance(node.this, exp.Placeholder):
            raise unsupported("a parameter in FROM", "names of tables stand in the text")
        if not isinstance(node.this, exp.Identifier):
            raise unsupported(f"the function {node.this.sql()[:40]} in FROM", "tables, views and queries")
        if node.args.get("db"):
            raise unsupported(f"the schema of {node.sql()}", "names of tables without a schema")
        name = plain_name(node.this)
        alias = plain_name(node.args["alias"].this) if node.args.get("alias") else name
        names = _column_names(node)
        for frame in reversed(self._named):
            if name in frame:
                return self._reference(scope, alias, frame[name].unique, frame[name].columns, names)
        table = self._statement.catalog.table(name)
        if table is not None:
            self._statement.tables.add(table.number)
            columns = tuple(Output(each.name, each.name, each.type) for each in table.columns if each.name != ROW_ID)
            return self._reference(scope, alias, table.physical, columns, names, table)
        view = self._statement.catalog.view(name)
        if view is not None:
            return self._view(scope, alias, view.name, view.query, names)
        raise self._unknown(name)

    def _unknown(self, name: str) -> SqlError:
        catalog = self._statement.catalog
        known = [each.name for each in catalog.tables] + [each.name for each in catalog.views]
        known += [each for frame in self._named for each in frame]
        there = f"; there are {', '.join(sorted(known)[:12])}" if known else "; there are no tables yet"
        views = self._statement.views
        reader = f", which view {views[-1]} reads" if views else ""
        return SqlError(UNKNOWN_TABLE, f"table {name} does not exist{reader}{nearest(name, known)}{there}")

    def _reference(
        self,
        scope: Scope,
        name: str,
        physical: str,
        columns: tuple[Output, ...],
        names: list[str],
        table: Table | None = None,
    ) -> exp.Table:
        unique = self._statement.unique_name(name)
        scope.add(Source(name, unique, _called(columns, names, name), table))
        return exp.Table(this=identifier(physical), alias=exp.TableAlias(this=identifier(unique)))

    def _view(self, scope: Scope, alias: str, name: str, query: str, names: list[str]) -> exp.Expr:
        statement = self._statement
        if len(statement.views) >= _VIEWS_DEPTH_MAX:
            raise SqlError(TOO_COMPLEX, f"views are nested more than {_VIEWS_DEPTH_MAX} deep at {name}")
        statement.views.append(name)
        hidden, self._named[:] = list(self._named), []
        try:
            tree, outputs = self._bind_query(parse(query).tree, None)
        finally:
            self._named[:] = hidden
            statement.views.pop()
        return self._subquery(scope, alias, tree, outputs, names)

    def _derived(self, scope: Scope, node: exp.Expr) -> exp.Expr:
        refuse_parts(node, {"this", "alias", "expressions", "joins"}, "a query in FROM")
        alias = node.args.get("alias")
        name = plain_name(alias.this) if alias is not None and alias.this is not None else ""
        names = _column_names(node)
        inner = node.this if isinstance(node, exp.Subquery) else node
        tree, outputs = self._bind_query(inner, scope.parent)
        return self._subquery(scope, name, tree, outputs, names)

    def _subquery(self, scope: Scope, name: str, tree: exp.Query, outputs: list[Output], names: list[str]) -> exp.Expr:
        unique = self._statement.unique_name(name or "derived")
        columns = tuple(Output(each.name, each.alias, each.type or TEXT) for each in outputs)
        scope.add(Source(name or unique, unique, _called(columns, names, name)))
        return exp.Subquery(this=tree, alias=exp.TableAlias(this=identifier(unique)))

    def _bracketed(self, binder: Binder, node: exp.Expr) -> exp.Expr:
        """Bind a join in brackets on the right of another one: as a query, whose tables keep their names."""
        if node.args.get("alias") is not None:
            raise unsupported("a name for a join in parentheses", "names for its tables, or for a query in parentheses")
        inner = binder.beside(Scope(binder.scope.parent))
        tree = exp.Select()
        self._chain(inner, node, [], tree)
        unique = self._statement.unique_name("joined")
        projections = []
        for number, source in enumerate(inner.scope.sources):
            renamed = [Output(each.name, f"{each.alias} {number}", each.type) for each in source.columns]
            for output, each in zip(source.columns, renamed, strict=True):
                projections.append(exp.alias_(source.reference(output).node, each.alias, quoted=True))
            binder.scope.add(Source(source.name, unique, tuple(renamed)))
        tree.set("expressions", projections)
        return exp.Subquery(this=tree, alias=exp.TableAlias(this=identifier(unique)))

    # --- joins --------------------------------------------------------------------------------------------------------

    def _join(self, binder: Binder, node: exp.Expr) -> exp.Join:
        refuse_parts(node, {"this", "side", "kind", "on", "using", "method"}, "a join")
        side, kind = str(node.args.get("side") or "").upper(), str(node.args.get("kind") or "").upper()
        method = str(node.args.get("method") or "").upper()
        if kind in ("SEMI", "ANTI", "STRAIGHT") or method not in ("", "NATURAL"):
            raise unsupported(f"{method} {kind} JOIN".strip(), "INNER, LEFT, RIGHT, FULL and CROSS JOIN")
        scope = binder.scope
        source = self._source(binder, node.this)
        on, using = node.args.get("on"), [plain_name(each) for each in node.args.get("using") or ()]
        if method == "NATURAL":
            using = self._common_names(scope)
        condition: exp.Expr | None = None
        if on is not None:
            with binder.inside("JOIN/ON"):
                condition = binder.condition(on, "JOIN/ON")
        elif using:
            condition = self._using(binder, using, side)
        elif side:  # NATURAL, without a column in common.
            condition = exp.Literal.number(1)
        if condition is None:
            return exp.Join(this=source, kind="CROSS")
        return exp.Join(this=source, side=side or None, on=condition)

    @staticmethod
    def _common_names(scope: Scope) -> list[str]:
        right = scope.sources[-1]
        left = {each.name for source in scope.sources[:-1] for each in source.columns}
        return [each.name for each in right.columns if each.name in left]

    @staticmethod
    def _using(binder: Binder, names: list[str], side: str) -> exp.Expr:
        scope = binder.scope
        right = scope.sources.pop()
        terms: list[exp.Expr] = []
        merged: dict[str, Typed] = {}
        for name in names:
            if not right.find(name):
                raise SqlError(UNKNOWN_COLUMN, f"column {name} specified in USING does not exist in {right.name}")
            left = Scope(None, scope.sources, scope.merged).resolve(name, "")
            other = right.reference(right.find(name)[0])
            pair = compared(binder, "=", left, other)
            terms.append(exp.EQ(this=operand(pair[0]), expression=operand(pair[1])))
            if side == "FULL":
                (first, second), kind = alike(binder, [_copied(left), _copied(other)], "USING")
                merged[name] = Typed(exp.Coalesce(this=first, expressions=[second]), kind)
            else:
                merged[name] = other if side == "RIGHT" else left
        scope.sources.append(right)
        scope.merged.update(merged)
        condition = terms[0]
        for each in terms[1:]:
            condition = exp.And(this=condition, expression=each)
        return condition


def _copied(typed: Typed) -> Typed:
    return Typed(typed.node.copy(), typed.type)


def _is_bracketed(node: exp.Expr) -> bool:
    """Return whether a node is a table or a join in brackets, not a query."""
    return (isinstance(node, exp.Subquery) and not isinstance(node.this, exp.Query | exp.Values)) or (
        isinstance(node, exp.Subquery) and isinstance(node.this, exp.Subquery) and _is_bracketed(node.this)
    )


def _column_names(node: exp.Expr) -> list[str]:
    alias = node.args.get("alias")
    return [plain_name(each) for each in alias.columns] if alias is not None else []


def _called(columns: tuple[Output, ...], names: list[str], what: str) -> tuple[Output, ...]:
    if not names:
        return columns
    if len(names) > len(columns):
        raise SqlError(SYNTAX_ERROR, f"table {what} has {len(columns)} columns available but {len(names)} specified")
    called = [*names, *(each.name for each in columns[len(names) :])]
    return tuple(Output(name, each.alias, each.type) for name, each in zip(called, columns, strict=True))
