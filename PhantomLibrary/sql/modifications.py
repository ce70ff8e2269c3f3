"""Binds INSERT, UPSERT, UPDATE and DELETE: to queries that yield what is to be written."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from PhantomLibrary.errors import nearest
from PhantomLibrary.sql.bind import bound_parameters, used_parameters
from PhantomLibrary.sql.binder import Binder, Statement
from PhantomLibrary.sql.catalog import ROW_ID, Catalog, Column, Table
from PhantomLibrary.sql.ddl import known_table
from PhantomLibrary.sql.dialect import refuse_parts
from PhantomLibrary.sql.errors import (
    DUPLICATE_COLUMN,
    INVALID_CONFLICT_TARGET,
    SYNTAX_ERROR,
    UNKNOWN_COLUMN,
    UNKNOWN_OBJECT,
    SqlError,
    unsupported,
)
from PhantomLibrary.sql.evaluator import row_of_parameters
from PhantomLibrary.sql.plans import ResultColumn
from PhantomLibrary.sql.queries import QueryBinder
from PhantomLibrary.sql.scopes import Output, Scope, Source, column, identifier, plain_name
from PhantomLibrary.sql.statements import BoundDelete, BoundInsert, BoundQuery, BoundUpdate, Conflict, Parsed
from PhantomLibrary.sql.table_definitions import assignment
from PhantomLibrary.sql.typed import Typed, literal


class ModificationBinder:
    """Binds one statement that changes rows."""

    def __init__(self, parsed: Parsed, catalog: Catalog, parameters: Sequence[object]) -> None:
        self._parsed = parsed
        self._statement = Statement(catalog, bound_parameters(parsed, parameters))
        self._queries = QueryBinder(self._statement)

    # --- INSERT -------------------------------------------------------------------------------------------------------

    def insert(self) -> BoundInsert:
        node = self._parsed.tree
        refuse_parts(node, {"this", "expression", "default", "conflict"}, "INSERT")
        schema = node.this
        table = self._table(schema.this if isinstance(schema, exp.Schema) else schema)
        if isinstance(schema, exp.Schema):
            targets = [self._target(table, plain_name(each)) for each in schema.expressions]
        else:
            targets = [number for number, each in enumerate(table.columns) if each.name != ROW_ID]
        _require_distinct(table, targets)
        if node.args.get("default"):
            targets, tree, outputs = self._defaults(table)
        elif node.expression is None:
            raise SqlError(SYNTAX_ERROR, "INSERT what? VALUES, a query or DEFAULT VALUES is missing")
        elif isinstance(node.expression, exp.Values):
            tree, outputs = self._rows(table, targets, node.expression, is_listed=isinstance(schema, exp.Schema))
        else:
            tree, outputs = self._selected(table, targets, node.expression)
        targets = targets[: len(outputs)]
        conflict = self._conflict(table, targets, node.args.get("conflict"))
        return BoundInsert(table, tuple(targets), self._source(tree, outputs), conflict)

    def _defaults(self, table: Table) -> tuple[list[int], exp.Query, list[Output]]:
        first = table.columns[0]
        node = exp.alias_(literal(first.default), first.name, quoted=True)
        return [0], exp.Select(expressions=[node]), [Output(first.name, first.name, first.type)]

    def _rows(
        self, table: Table, targets: list[int], node: exp.Values, *, is_listed: bool
    ) -> tuple[exp.Query, list[Output]]:
        refuse_parts(node, {"expressions"}, "VALUES")
        binder = self._queries.binder(Scope())
        rows: list[list[Typed]] = []
        for number, row in enumerate(node.expressions, start=1):
            cells = list(row.expressions) if isinstance(row, exp.Tuple) else [row]
            width = len(rows[0]) if rows else len(cells)
            if len(cells) != width:
                raise SqlError(SYNTAX_ERROR, "VALUES lists must all be the same length")
            if len(cells) > len(targets) or (is_listed and len(cells) < len(targets)):
                what = "more expressions than target columns" if len(cells) > len(targets) else "more target columns"
                raise SqlError(SYNTAX_ERROR, f"INSERT has {what}: row {number} has {len(cells)}, not {len(targets)}")
            with binder.inside("VALUES"):
                bound = [
                    self._assigned(binder, table.columns[target], cell)
                    for cell, target in zip(cells, targets, strict=False)
                ]
            rows.append(bound)
        kinds = [table.columns[target].type for target in targets[: len(rows[0])]]
        tree, outputs = self._queries.values_tree(rows, [None] * len(kinds))
        return tree, [Output(each.name, each.alias, kind) for each, kind in zip(outputs, kinds, strict=True)]

    def _selected(self, table: Table, targets: list[int], node: exp.Expr) -> tuple[exp.Query, list[Output]]:
        tree, outputs = self._queries.bind(node, None)
        if len(outputs) > len(targets):
            raise SqlError(SYNTAX_ERROR, f"INSERT has more expressions than target columns: {len(outputs)}")
        columns = [table.columns[target] for target in targets[: len(outputs)]]
        if all(output.type == each.type for output, each in zip(outputs, columns, strict=True)):
            return tree, outputs
        is_plain = isinstance(tree, exp.Select) and not any(
            tree.args.get(part) for part in ("order", "limit", "offset", "with_", "distinct")
        )
        select = tree if is_plain else self._queries.wrapped(tree, outputs)
        for projection, output, each in zip(select.expressions, outputs, columns, strict=True):
            typed = Typed(projection.this, output.type)
            projection.set("this", assignment(typed, each.type, self._statement.parameters, _column_text(each)))
        return select, [Output(o.name, o.alias, each.type) for o, each in zip(outputs, columns, strict=True)]

    # --- ON CONFLICT --------------------------------------------------------------------------------------------------

    def _conflict(self, table: Table, targets: list[int], node: exp.Expr | None) -> Conflict | None:
        if self._parsed.is_upsert:
            if node is not None:
                raise unsupported("UPSERT with ON CONFLICT", "INSERT … ON CONFLICT (key) DO UPDATE SET …")
            return self._upsert(table, targets)
        if node is None:
            return None
        refuse_parts(node, {"conflict_keys", "action", "expressions", "where", "constraint"}, "ON CONFLICT")
        constraint = self._constraint(table, node)
        action = str(node.args["action"].name if node.args.get("action") else "").upper()
        if action == "DO NOTHING":
            return Conflict(constraint)
        if constraint == "":
            reason = "ON CONFLICT DO UPDATE requires the columns of the key: ON CONFLICT (key) DO UPDATE SET …"
            raise SqlError(SYNTAX_ERROR, reason)
        where = node.args.get("where")
        return self._change(table, constraint, node.expressions, where.this if where is not None else None)

    def _upsert(self, table: Table, targets: list[int]) -> Conflict:
        if table.primary_key == (ROW_ID,):
            raise SqlError(INVALID_CONFLICT_TARGET, f"UPSERT needs a primary key, and table {table.name} has none")
        names = [table.columns[target].name for target in targets]
        assignments: list[exp.Expr] = [
            exp.EQ(this=column(name), expression=exp.column(identifier(name), table=identifier("excluded")))
            for name in names
            if name not in table.primary_key
        ]
        if not assignments:
            return Conflict(None)
        return self._change(table, None, assignments, None)

    @staticmethod
    def _constraint(table: Table, node: exp.Expr) -> str | None:
        keys = node.args.get("conflict_keys") or []
        names = [plain_name(each.this if isinstance(each, exp.Ordered) else each) for each in keys]
        named = plain_name(node.args.get("constraint")) if node.args.get("constraint") else ""
        if named:
            if named == f"{table.name}_pkey":
                return None
            if any(each.name == named for each in table.uniques):
                return named
            known = [f"{table.name}_pkey", *(each.name for each in table.uniques)]
            raise SqlError(UNKNOWN_OBJECT, f"constraint {named} does not exist{nearest(named, known)}")
        if not names:
            return ""
        if sorted(names) == sorted(table.primary_key):
            return None
        for unique in table.uniques:
            if sorted(names) == sorted(unique.columns):
                return unique.name
        reason = f"there is no unique constraint on ({', '.join(names)}) for the ON CONFLICT specification"
        raise SqlError(INVALID_CONFLICT_TARGET, reason)

    def _change(
        self, table: Table, constraint: str | None, assignments: list[exp.Expr], where: exp.Expr | None
    ) -> Conflict:
        """Bind what is to be done to the row that is there. Its columns and `excluded` are parameters."""
        outputs = tuple(Output(each.name, each.name, each.type) for each in visible(table))
        old, new = (self._statement.unique_name(each) for each in (table.name, "excluded"))
        first = len(self._statement.parameters.values)
        scope = Scope()
        scope.add(Source(table.name, old, outputs, table))
        hidden = Scope(scope)  # A name without a table is that of the row which is there.
        hidden.add(Source("excluded", new, outputs))
        binder = self._queries.binder(_Preferring(scope, hidden))
        before = set(self._statement.tables)
        targets, nodes = self._assignments(binder, table, assignments)
        tree = exp.Select(expressions=nodes)
        tree.set("from_", exp.From(this=row_of_parameters(table, old, first)))
        tree.append("joins", exp.Join(this=row_of_parameters(table, new, first + len(table.columns)), kind="CROSS"))
        if where is not None:
            with binder.inside("WHERE"):
                tree.set("where", exp.Where(this=binder.condition(where, "WHERE")))
        if self._statement.tables != before:
            raise unsupported("a query over tables in ON CONFLICT DO UPDATE", "the row that is there, and excluded")
        columns = tuple(ResultColumn(table.columns[target].name, table.columns[target].type) for target in targets)
        change = BoundQuery(tree, columns, (), tuple(self._statement.parameters.values), is_ordered=False)
        return Conflict(constraint, tuple(targets), change)

    # --- UPDATE and DELETE --------------------------------------------------------------------------------------------

    def update(self) -> BoundUpdate:
        node = self._parsed.tree
        refuse_parts(node, {"this", "expressions", "where"}, "UPDATE")
        refuse_parts(node.this, {"this", "alias"}, "UPDATE")
        table = self._table(node.this)
        binder, tree, outputs = self._all_rows(table, node)
        targets, nodes = self._assignments(binder, table, node.expressions)
        for target, each in zip(targets, nodes, strict=True):
            outputs.append(Output(table.columns[target].name, each.alias, table.columns[target].type))
        tree.set("expressions", [*tree.expressions, *nodes])
        return BoundUpdate(table, tuple(targets), self._source(tree, outputs))

    def delete(self) -> BoundDelete:
        node = self._parsed.tree
        if not isinstance(node.this, exp.Table):
            raise SqlError(SYNTAX_ERROR, "syntax error: DELETE FROM, and the name of a table, is expected")
        refuse_parts(node, {"this", "where"}, "DELETE")
        refuse_parts(node.this, {"this", "alias"}, "DELETE")
        table = self._table(node.this)
        _, tree, outputs = self._all_rows(table, node)
        return BoundDelete(table, self._source(tree, outputs), is_whole=node.args.get("where") is None)

    def _all_rows(self, table: Table, node: exp.Expr) -> tuple[Binder, exp.Select, list[Output]]:
        """Return the query for all columns of the rows that a statement is about."""
        self._statement.tables.add(table.number)
        alias_node = node.this.args.get("alias")
        name = plain_name(alias_node.this) if alias_node is not None else table.name
        alias = self._statement.unique_name(name)
        scope = Scope()
        scope.add(Source(name, alias, tuple(Output(each.name, each.name, each.type) for each in visible(table)), table))
        binder = self._queries.binder(scope)
        nodes = [exp.alias_(column(each.name, alias), each.name, quoted=True) for each in table.columns]
        source = exp.Table(this=identifier(table.physical), alias=exp.TableAlias(this=identifier(alias)))
        tree = exp.Select(expressions=nodes, from_=exp.From(this=source))
        where = node.args.get("where")
        if where is not None:
            with binder.inside("WHERE"):
                tree.set("where", exp.Where(this=binder.condition(where.this, "WHERE")))
        return binder, tree, [Output(each.name, each.name, each.type) for each in table.columns]

    def _assignments(self, binder: Binder, table: Table, nodes: list[exp.Expr]) -> tuple[list[int], list[exp.Expr]]:
        if not nodes:
            raise SqlError(SYNTAX_ERROR, "SET what? No column is named")
        targets: list[int] = []
        values: list[exp.Expr] = []
        for node in nodes:
            if not (isinstance(node, exp.EQ) and isinstance(node.this, exp.Column)):
                raise unsupported(f"SET {node.sql()[:40]}", "SET column = expression, column = expression …")
            target = self._target(table, plain_name(node.this.this))
            targets.append(target)
            with binder.inside("SET"):
                typed = self._assigned(binder, table.columns[target], node.expression)
            values.append(exp.alias_(typed.node, f"new {table.columns[target].name}", quoted=True))
        _require_distinct(table, targets)
        return targets, values

    # --- parts --------------------------------------------------------------------------------------------------------

    def _assigned(self, binder: Binder, target: Column, node: exp.Expr) -> Typed:
        """Return an expression as a value for a column; DEFAULT is the column's."""
        if isinstance(node, exp.Var | exp.Column) and node.name.upper() == "DEFAULT":
            return Typed(literal(target.default), target.type)
        typed = binder.bind(node)
        return Typed(assignment(typed, target.type, self._statement.parameters, _column_text(target)), target.type)

    def _table(self, node: exp.Expr) -> Table:
        if node.args.get("db"):
            raise unsupported(f"the schema of {node.sql()}", "names of tables without a schema")
        return known_table(self._statement.catalog, plain_name(node.this))

    @staticmethod
    def _target(table: Table, name: str) -> int:
        for number, each in enumerate(table.columns):
            if each.name == name != ROW_ID:
                return number
        known = [each.name for each in visible(table)]
        reason = f"column {name} of table {table.name} does not exist{nearest(name, known)}"
        raise SqlError(UNKNOWN_COLUMN, f"{reason}; it has {', '.join(known)}")

    def _source(self, tree: exp.Query, outputs: list[Output]) -> BoundQuery:
        columns = tuple(ResultColumn(each.name, each.type) for each in outputs if each.type is not None)
        parameters = used_parameters(tree, self._statement.parameters.values)
        tables = tuple(sorted(self._statement.tables))
        return BoundQuery(tree, columns, tables, parameters, isinstance(tree.args.get("order"), exp.Order))


class _Preferring(Scope):
    """The scope of ON CONFLICT DO UPDATE: the row that is there comes first, `excluded` has to be named."""

    def __init__(self, there: Scope, excluded: Scope) -> None:
        super().__init__(None, [*there.sources, *excluded.sources])
        self._there = there

    def resolve(self, name: str, table: str) -> Typed:
        return super().resolve(name, table) if table else self._there.resolve(name, table)


def visible(table: Table) -> tuple[Column, ...]:
    """Return the columns that statements see."""
    return tuple(each for each in table.columns if each.name != ROW_ID)


def _require_distinct(table: Table, targets: list[int]) -> None:
    for place, target in enumerate(targets):
        if target in targets[:place]:
            raise SqlError(DUPLICATE_COLUMN, f"column {table.columns[target].name} is assigned more than once")


def _column_text(target: Column) -> str:
    return f"column {target.name}"
