"""Binds queries: SELECT, VALUES, set operations and common table expressions, one inside the other."""

from __future__ import annotations

from sqlglot import exp

from PhantomLibrary.errors import nearest
from PhantomLibrary.sql.binder import Binder, Statement
from PhantomLibrary.sql.catalog import SqlType
from PhantomLibrary.sql.dialect import refuse_parts
from PhantomLibrary.sql.errors import (
    INVALID_DEFINITION,
    SYNTAX_ERROR,
    TOO_COMPLEX,
    UNKNOWN_COLUMN,
    SqlError,
    unsupported,
)
from PhantomLibrary.sql.handlers import HANDLERS
from PhantomLibrary.sql.limits import set_limit
from PhantomLibrary.sql.scopes import Output, Scope, column, identifier, plain_name
from PhantomLibrary.sql.selects import SelectBinder
from PhantomLibrary.sql.sources import Named, SourceBinder
from PhantomLibrary.sql.typed import Typed, coerce, common_type
from PhantomLibrary.sql.values import TEXT

_TERMS_MAX = 500
_SET_PARTS = {"this", "expression", "distinct", "order", "limit", "offset", "with_"}


class QueryBinder:
    """Binds the queries of one statement."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self._named: list[dict[str, Named]] = []
        self._sources = SourceBinder(statement, self._named, self.bind)

    def bind(self, node: exp.Expr, outer: Scope | None, *, is_top: bool = False) -> tuple[exp.Query, list[Output]]:
        """Return a query as a tree for SQLite, and its columns. `outer` is the scope around it."""
        while isinstance(node, exp.Subquery):
            refuse_parts(node, {"this", "alias"}, "a query in parentheses")
            node = node.this
        frame: dict[str, Named] = {}
        self._named.append(frame)
        try:
            ctes = self._bind_with(node.args.get("with_"), frame, outer)
            tree, outputs = self._bind_body(node, outer, is_top=is_top)
        finally:
            self._named.pop()
        if ctes is not None:
            tree.set("with_", ctes)
        return tree, outputs

    def binder(self, scope: Scope) -> Binder:
        return Binder(self.statement, scope, HANDLERS, self.bind)

    def _bind_body(self, node: exp.Expr, outer: Scope | None, *, is_top: bool) -> tuple[exp.Query, list[Output]]:
        if isinstance(node, exp.SetOperation):
            return self._bind_set_operation(node, outer)
        if isinstance(node, exp.Values):
            return self._bind_values(node, outer)
        if isinstance(node, exp.Select):
            scope = Scope(outer)
            return SelectBinder(self.binder(scope), self._sources, is_top=is_top).bind(node)
        raise unsupported(f"{node.key.upper()} as a query", "SELECT, VALUES and set operations are queries")

    # --- VALUES -------------------------------------------------------------------------------------------------------

    def _bind_values(self, node: exp.Values, outer: Scope | None) -> tuple[exp.Query, list[Output]]:
        refuse_parts(node, {"expressions", "alias", "with_"}, "VALUES")
        binder = self.binder(Scope(outer))
        with binder.inside("VALUES"):
            rows = [[binder.bind(each) for each in _members(row)] for row in node.expressions]
        width = len(rows[0])
        for row in rows:
            if len(row) != width:
                raise SqlError(SYNTAX_ERROR, f"VALUES lists must all be the same length: {width} and {len(row)}")
        types = [common_type((row[place].type for row in rows), "VALUES") for place in range(width)]
        return self.values_tree(rows, types)

    def values_tree(self, rows: list[list[Typed]], types: list[SqlType | None]) -> tuple[exp.Query, list[Output]]:
        """Return rows of bound expressions as a query."""
        parameters = self.statement.parameters
        outputs = [Output(f"column{place + 1}", f"column{place + 1}", each) for place, each in enumerate(types)]
        nodes = [
            [
                each.node if kind is None else coerce(each, kind, parameters)
                for each, kind in zip(row, types, strict=True)
            ]
            for row in rows
        ]
        if len(nodes) == 1:
            pairs = zip(nodes[0], outputs, strict=True)
            return exp.Select(expressions=[exp.alias_(node, each.alias, quoted=True) for node, each in pairs]), outputs
        name = self.statement.unique_name("rows")
        values = exp.Values(
            expressions=[exp.Tuple(expressions=row) for row in nodes], alias=exp.TableAlias(this=identifier(name))
        )
        projections = [exp.alias_(column(each.alias, name), each.alias, quoted=True) for each in outputs]
        return exp.Select(expressions=projections, from_=exp.From(this=values)), outputs

    # --- set operations -----------------------------------------------------------------------------------------------

    def _bind_set_operation(self, node: exp.SetOperation, outer: Scope | None) -> tuple[exp.Query, list[Output]]:
        refuse_parts(node, _SET_PARTS, node.key.upper())
        steps: list[exp.SetOperation] = []
        term: exp.Expr = node
        while isinstance(term, exp.SetOperation) and (term is node or not _is_closed(term)):
            steps.append(term)
            term = term.this
        if len(steps) >= _TERMS_MAX:
            raise SqlError(TOO_COMPLEX, f"more than {_TERMS_MAX} queries are combined")
        terms = [self._term(term, outer)]
        terms += [self._term(step.expression, outer) for step in reversed(steps)]
        outputs = self._align(terms, node.key.upper())
        tree: exp.Query = terms[0][0]
        for step, (right, _) in zip(reversed(steps), terms[1:], strict=True):
            refuse_parts(step, _SET_PARTS, step.key.upper())
            is_distinct = step.args.get("distinct") is not False
            if not is_distinct and not isinstance(step, exp.Union):
                raise unsupported(f"{step.key.upper()} ALL", f"UNION, UNION ALL and {step.key.upper()}")
            tree = type(step)(this=tree, expression=right, distinct=is_distinct)
        self._order(node, tree, outputs)
        return tree, outputs

    def _term(self, node: exp.Expr, outer: Scope | None) -> tuple[exp.Select, list[Output]]:
        """Return one of the queries that are combined as a plain SELECT, as SQLite wants it."""
        tree, outputs = self.bind(node, outer)
        is_plain = isinstance(tree, exp.Select) and not any(
            tree.args.get(part) for part in ("order", "limit", "offset", "with_")
        )
        if not is_plain:
            tree = self.wrapped(tree, outputs)
        assert isinstance(tree, exp.Select)
        return tree, outputs

    def wrapped(self, tree: exp.Query, outputs: list[Output]) -> exp.Select:
        """Return a query over all columns of another one."""
        name = self.statement.unique_name("part")
        subquery = exp.Subquery(this=tree, alias=exp.TableAlias(this=identifier(name)))
        projections = [exp.alias_(column(each.alias, name), each.alias, quoted=True) for each in outputs]
        return exp.Select(expressions=projections, from_=exp.From(this=subquery))

    def _align(self, terms: list[tuple[exp.Select, list[Output]]], what: str) -> list[Output]:
        """Bring the columns of queries to common types, and return them: they are called as those of the first."""
        first = terms[0][1]
        for _, outputs in terms[1:]:
            if len(outputs) != len(first):
                reason = f"each {what} query must have the same number of columns: {len(first)} and {len(outputs)}"
                raise SqlError(SYNTAX_ERROR, reason)
        types = [
            common_type((outputs[place].type for _, outputs in terms), what) or TEXT for place in range(len(first))
        ]
        for tree, outputs in terms:
            self.convert(tree, outputs, types)
        return [Output(each.name, each.alias, kind) for each, kind in zip(first, types, strict=True)]

    def convert(self, tree: exp.Select, outputs: list[Output], types: list[SqlType]) -> None:
        """Bring the columns of a plain SELECT to other types."""
        for projection, output, kind in zip(tree.expressions, outputs, types, strict=True):
            node = coerce(Typed(projection.this, output.type), kind, self.statement.parameters)
            if node is not projection.this:
                projection.set("this", node)

    def _order(self, node: exp.Expr, tree: exp.Query, outputs: list[Output]) -> None:
        order = node.args.get("order")
        terms = []
        for each in order.expressions if order is not None else ():
            name, place = plain_name(each.this), each.this
            if isinstance(place, exp.Literal) and place.name.isdecimal():
                found = outputs[int(place.name) - 1 : int(place.name)] if int(place.name) else []
            else:
                is_name = isinstance(place, exp.Column) and not place.args.get("table")
                found = [output for output in outputs if is_name and output.name == name]
            if not found:
                known = [output.name for output in outputs]
                reason = f"ORDER BY of {node.key.upper()} names its columns or their numbers, not {place.sql()}"
                raise SqlError(UNKNOWN_COLUMN, f"{reason}{nearest(name, known)}")
            terms.append(
                exp.Ordered(
                    this=column(found[0].alias),
                    desc=bool(each.args.get("desc")),
                    nulls_first=bool(each.args.get("nulls_first")),
                )
            )
        if terms:
            tree.set("order", exp.Order(expressions=terms))
        set_limit(self.binder(Scope()), node, tree)

    # --- WITH ---------------------------------------------------------------------------------------------------------

    def _bind_with(self, node: exp.Expr | None, frame: dict[str, Named], outer: Scope | None) -> exp.With | None:
        if node is None:
            return None
        ctes: list[exp.CTE] = []
        for each in node.expressions:
            name = plain_name(each.args["alias"].this)
            if name in frame:
                raise SqlError(INVALID_DEFINITION, f"WITH query name {name} specified more than once")
            unique = self.statement.unique_name(f"with_{name}")
            names = [plain_name(item) for item in each.args["alias"].columns]
            if node.args.get("recursive") and _reads(each.this, name):
                tree, outputs = self._bind_recursive(each.this, name, unique, names, frame, outer)
            else:
                tree, outputs = self.bind(each.this, outer)
                frame[name] = Named(unique, renamed(outputs, names, name))
            alias = exp.TableAlias(this=identifier(unique), columns=[identifier(item.alias) for item in outputs])
            ctes.append(exp.CTE(this=tree, alias=alias))
        return exp.With(expressions=ctes, recursive=bool(node.args.get("recursive")))

    def _bind_recursive(
        self, node: exp.Expr, name: str, unique: str, names: list[str], frame: dict[str, Named], outer: Scope | None
    ) -> tuple[exp.Query, list[Output]]:
        """Bind WITH RECURSIVE: what begins it has no recursion in it, and gives the types."""
        if not isinstance(node, exp.Union) or _reads(node.this, name):
            raise unsupported(f"the recursion of {name}", "a query without it UNION [ALL] one that reads it")
        refuse_parts(node, {"this", "expression", "distinct"}, "a recursive query")
        first, outputs = self._term(node.this, outer)
        outputs = [Output(each.name, each.alias, each.type or TEXT) for each in outputs]
        frame[name] = Named(unique, renamed(outputs, names, name))
        step, step_outputs = self._term(node.expression, outer)
        if len(outputs) != len(step_outputs):
            raise SqlError(SYNTAX_ERROR, f"both parts of {name} must have the same number of columns")
        self.convert(step, step_outputs, [each.type or TEXT for each in outputs])
        return exp.Union(this=first, expression=step, distinct=node.args.get("distinct") is not False), outputs


def renamed(outputs: list[Output], names: list[str], what: str) -> tuple[Output, ...]:
    """Return columns of a query under the names that its alias gives them."""
    if len(names) > len(outputs):
        raise SqlError(SYNTAX_ERROR, f"{what} has {len(outputs)} columns available but {len(names)} specified")
    called = [*names, *(each.name for each in outputs[len(names) :])]
    return tuple(Output(name, each.alias, each.type or TEXT) for name, each in zip(called, outputs, strict=True))


def _members(row: exp.Expr) -> list[exp.Expr]:
    return list(row.expressions) if isinstance(row, exp.Tuple) else [row]


def _is_closed(node: exp.Expr) -> bool:
    return any(node.args.get(part) for part in ("order", "limit", "offset", "with_"))


def _reads(node: exp.Expr, name: str) -> bool:
    return any(plain_name(each.this) == name for each in node.find_all(exp.Table))
