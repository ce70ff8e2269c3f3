"""Binds one SELECT: its columns, conditions, groups and order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from PhantomLibrary.errors import nearest
from PhantomLibrary.sql.arithmetic import bind_lazily
from PhantomLibrary.sql.binder import Binder
from PhantomLibrary.sql.dialect import refuse_parts
from PhantomLibrary.sql.errors import (
    AMBIGUOUS_COLUMN,
    GROUPING_ERROR,
    INVALID_ARGUMENT,
    SYNTAX_ERROR,
    UNKNOWN_COLUMN,
    UNKNOWN_TABLE,
    SqlError,
    unsupported,
)
from PhantomLibrary.sql.groups import require_grouped
from PhantomLibrary.sql.limits import set_limit
from PhantomLibrary.sql.scopes import Output, Source, column, plain_name
from PhantomLibrary.sql.subqueries import aggregates
from PhantomLibrary.sql.typed import Typed, is_constant

if TYPE_CHECKING:
    from PhantomLibrary.sql.sources import SourceBinder

_PARTS = frozenset(
    (
        *("with_", "expressions", "distinct", "from_", "joins", "where"),
        *("group", "having", "windows", "order", "limit", "offset"),
    )
)


class SelectBinder:
    """Binds one SELECT. Only the columns of a query that `is_top` are looked at as they come out."""

    def __init__(self, binder: Binder, sources: SourceBinder, *, is_top: bool) -> None:
        self._binder = binder
        self._sources = sources
        self._is_top = is_top
        self._written: list[exp.Expr] = []  # The columns as the text has them, without their names.
        self._bound: list[Typed] = []
        self._outputs: list[Output] = []

    def bind(self, node: exp.Select) -> tuple[exp.Query, list[Output]]:
        """Return the tree of the query and its columns."""
        refuse_parts(node, _PARTS, "SELECT")
        binder, tree = self._binder, exp.Select()
        self._sources.bind(binder, node, tree)
        for window in node.args.get("windows") or ():
            binder.windows[plain_name(window.this)] = window
        where = node.args.get("where")
        if where is not None:
            with binder.inside("WHERE"):
                tree.set("where", exp.Where(this=binder.condition(where.this, "WHERE")))
        self._columns(node)
        groups = self._groups(node)
        having = node.args.get("having")
        condition = None
        if having is not None:
            with binder.inside("HAVING", aggregates=True):
                condition = binder.condition(having.this, "HAVING")
        order = self._order(node)
        if groups or binder.has_aggregates or having is not None:
            self._check_groups(groups, condition, order)
        self._finish(node, tree, groups, condition, order)
        return tree, self._outputs

    def _finish(
        self,
        node: exp.Select,
        tree: exp.Select,
        groups: list[exp.Expr],
        condition: exp.Expr | None,
        order: list[exp.Expr],
    ) -> None:
        pairs = zip(self._bound, self._outputs, strict=True)
        tree.set("expressions", [exp.alias_(typed.node, each.alias, quoted=True, copy=False) for typed, each in pairs])
        distinct = node.args.get("distinct")
        if distinct is not None:
            if distinct.args.get("on"):
                raise unsupported("DISTINCT ON", "DISTINCT, or ROW_NUMBER() in a subquery")
            tree.set("distinct", exp.Distinct())
        if groups:
            tree.set("group", exp.Group(expressions=groups))
        if condition is not None:
            tree.set("having", exp.Having(this=condition))
            if not groups and not any(aggregates(each) for each in tree.expressions):
                _make_aggregate(tree.expressions[0])
        if order:
            tree.set("order", exp.Order(expressions=order))
        set_limit(self._binder, node, tree)

    # --- columns ------------------------------------------------------------------------------------------------------

    def _columns(self, node: exp.Select) -> None:
        is_lazy = self._is_top and not any(node.args.get(part) for part in ("group", "distinct", "order", "having"))
        if not node.expressions:
            raise SqlError(SYNTAX_ERROR, "SELECT what? No column is named")
        with self._binder.inside("SELECT", aggregates=True, windows=True):
            for each in node.expressions:
                if isinstance(each, exp.Alias) and isinstance(each.this, exp.Star):
                    reason = f'syntax error at or near "{each.alias}": * has no other name'
                    raise SqlError(SYNTAX_ERROR, reason)
                if isinstance(each, exp.Star):
                    refuse_parts(each, set(), "*")
                    self._star(None)
                elif isinstance(each, exp.Column) and isinstance(each.this, exp.Star):
                    self._star(plain_name(each.args.get("table")))
                else:
                    written = each.this if isinstance(each, exp.Alias) else each
                    typed = bind_lazily(self._binder, written) if is_lazy else self._binder.bind(written)
                    name = plain_name(each.args["alias"]) if isinstance(each, exp.Alias) else _name_of(written)
                    self._add(written, typed, name)

    def _star(self, table: str | None) -> None:
        scope = self._binder.scope
        if table is None:
            if not scope.sources:
                raise SqlError(SYNTAX_ERROR, "SELECT * with no tables specified is not valid")
            for name, typed in scope.merged.items():
                self._add(exp.column(exp.to_identifier(name, quoted=True)), Typed(typed.node.copy(), typed.type), name)
            for source in scope.sources:
                self._all_of(source, set(scope.merged))
            return
        source_of = scope.source(table)
        if source_of is None:
            known = [each.name for each in scope.sources]
            reason = f"missing FROM-clause entry for table {table}{nearest(table, known)}"
            raise SqlError(UNKNOWN_TABLE, reason)
        self._all_of(source_of, set())

    def _all_of(self, source: Source, without: set[str]) -> None:
        for output in source.columns:
            if output.name not in without:
                written = exp.column(
                    exp.to_identifier(output.name, quoted=True), table=exp.to_identifier(source.name, quoted=True)
                )
                self._add(written, source.reference(output), output.name)

    def _add(self, written: exp.Expr, typed: Typed, name: str) -> None:
        name = name or f"column{len(self._outputs) + 1}"
        taken = {each.alias for each in self._outputs}
        alias, count = name, 1
        while alias in taken:
            count += 1
            alias = f"{name}_{count}"
        self._written.append(written)
        self._bound.append(typed)
        self._outputs.append(Output(name, alias, typed.type))

    # --- groups -------------------------------------------------------------------------------------------------------

    def _groups(self, node: exp.Select) -> list[exp.Expr]:
        group = node.args.get("group")
        if group is None:
            return []
        refuse_parts(group, {"expressions"}, "GROUP BY")
        keys: list[exp.Expr] = []
        with self._binder.inside("GROUP BY"):
            for each in group.expressions:
                if isinstance(each, exp.Rollup | exp.Cube | exp.GroupingSets):
                    raise unsupported(f"{each.key.upper()}", "GROUP BY of expressions, and UNION ALL of several")
                key = self._binder.bind(self._group_key(each)).node
                if is_constant(key):  # Else SQLite would take a number for that of a column.
                    key = exp.Coalesce(this=key, expressions=[exp.Null()])
                keys.append(key)
        return keys

    def _group_key(self, node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal():
            return self._written[self._place(node.name, "GROUP BY")]
        if isinstance(node, exp.Column) and not node.args.get("table"):
            name = plain_name(node.this)
            if not self._is_column(name):
                found = [place for place, each in enumerate(self._outputs) if each.name == name]
                if len(found) == 1:
                    return self._written[found[0]]
        return node

    def _is_column(self, name: str) -> bool:
        scope = self._binder.scope
        return name in scope.merged or any(source.find(name) for source in scope.sources)

    def _place(self, number: str, clause: str) -> int:
        place = int(number) if len(number) < 9 else 0
        if not 1 <= place <= len(self._outputs):
            reason = f"{clause} position {number} is not in select list, which has {len(self._outputs)} columns"
            raise SqlError(INVALID_ARGUMENT, reason)
        return place - 1

    def _check_groups(self, groups: list[exp.Expr], condition: exp.Expr | None, order: list[exp.Expr]) -> None:
        scope = self._binder.scope
        for typed in self._bound:
            require_grouped(typed.node, groups, scope)
        if condition is not None:
            require_grouped(condition, groups, scope)
        for each in order:
            if each.this.args.get("table") or not isinstance(each.this, exp.Column):
                require_grouped(each.this, groups, scope)

    # --- order --------------------------------------------------------------------------------------------------------

    def _order(self, node: exp.Select) -> list[exp.Expr]:
        order = node.args.get("order")
        terms: list[exp.Expr] = []
        with self._binder.inside("ORDER BY", aggregates=True, windows=True):
            for each in order.expressions if order is not None else ():
                refuse_parts(each, {"this", "desc", "nulls_first"}, "ORDER BY")
                key = self._order_key(each.this, is_distinct=node.args.get("distinct") is not None)
                if key is not None:
                    is_first = bool(each.args.get("nulls_first"))
                    terms.append(exp.Ordered(this=key, desc=bool(each.args.get("desc")), nulls_first=is_first))
        return terms

    def _order_key(self, node: exp.Expr, *, is_distinct: bool) -> exp.Expr | None:
        """Return what a term of ORDER BY sorts by: a column of the result, without a table, or an expression."""
        if isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal():
            return column(self._outputs[self._place(node.name, "ORDER BY")].alias)
        if isinstance(node, exp.Column) and not node.args.get("table"):
            name = plain_name(node.this)
            found = [place for place, each in enumerate(self._outputs) if each.name == name]
            if len({self._bound[place].node.sql() for place in found}) > 1:
                raise SqlError(AMBIGUOUS_COLUMN, f"ORDER BY {name} is ambiguous: {len(found)} columns are called so")
            if found:
                return column(self._outputs[found[0]].alias)
            if not self._is_column(name):
                known = [each.name for each in self._outputs]
                known += [each.name for source in self._binder.scope.sources for each in source.columns]
                raise SqlError(UNKNOWN_COLUMN, f"column {name} does not exist{nearest(name, known)}")
        bound = self._binder.bind(node).node
        for typed, output in zip(self._bound, self._outputs, strict=True):
            if typed.node == bound:
                return column(output.alias)
        if is_constant(bound):
            return None  # It orders nothing, and SQLite would take a number for that of a column.
        if is_distinct:
            reason = "for SELECT DISTINCT, ORDER BY expressions must appear in select list"
            raise SqlError(GROUPING_ERROR, f"{reason}: {node.sql()}")
        return bound


def _make_aggregate(projection: exp.Expr) -> None:
    """Have a column compute an aggregate: SQLite knows a query with HAVING but without groups by its columns only."""
    count = exp.GTE(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(0))
    projection.set("this", exp.Case(ifs=[exp.If(this=count, true=projection.this)]))


def _name_of(node: exp.Expr) -> str:
    """Return what a column of a result is called that the query gives no name."""
    while isinstance(node, exp.Paren | exp.Filter | exp.Window):
        node = node.this
    if isinstance(node, exp.Column):
        return plain_name(node.this)
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    if isinstance(node, exp.Cast):
        return _name_of(node.this)
    return "case" if isinstance(node, exp.Case) else ""
