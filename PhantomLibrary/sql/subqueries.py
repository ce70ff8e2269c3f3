"""Queries as values and conditions. One that stands for a value has to have at most one row, or it is an error."""

from __future__ import annotations

from sqlglot import exp

from PhantomLibrary.sql.aggregates import is_aggregate
from PhantomLibrary.sql.binder import Binder
from PhantomLibrary.sql.dialect import refuse_parts
from PhantomLibrary.sql.errors import SYNTAX_ERROR, SqlError
from PhantomLibrary.sql.scopes import column, identifier
from PhantomLibrary.sql.typed import Typed, call, whole_value
from PhantomLibrary.sql.values import BOOLEAN, TEXT


def bind_scalar(binder: Binder, node: exp.Expr) -> Typed:
    """Return a query in parentheses as the value of its one column and row, NULL where it has no row."""
    refuse_parts(node, {"this"}, "a subquery")
    tree, outputs = binder.query(node.this)
    if len(outputs) != 1:
        raise SqlError(SYNTAX_ERROR, f"a subquery that is a value has one column, not {len(outputs)}")
    if not has_one_row(tree):
        name = binder.statement.unique_name("rows")
        inner = column(outputs[0].alias, name)
        select = exp.Select(expressions=[exp.alias_(call("only_value", inner), outputs[0].alias, quoted=True)])
        tree = select.from_(exp.Subquery(this=tree, alias=exp.TableAlias(this=identifier(name))), copy=False)
    return Typed(exp.Subquery(this=tree), outputs[0].type or TEXT)


def has_one_row(tree: exp.Expr) -> bool:
    """Return whether a bound query can have at most one row, whatever the tables hold."""
    if not isinstance(tree, exp.Select):
        return False
    limit = tree.args.get("limit")
    if limit is not None and whole_value(limit.expression) in (0, 1):
        return True
    if tree.args.get("from_") is None:
        return True
    return tree.args.get("group") is None and any(aggregates(each) for each in tree.expressions)


def aggregates(node: exp.Expr) -> bool:
    """Return whether a bound expression has an aggregate of the query that it is in."""
    if isinstance(node, exp.Window | exp.Query):
        return False
    return is_aggregate(node) or any(aggregates(each) for each in node.iter_expressions())


def bind_exists(binder: Binder, node: exp.Expr) -> Typed:
    tree, _ = binder.query(node.this)
    return Typed(exp.Exists(this=tree), BOOLEAN)
