"""LIMIT, OFFSET and FETCH FIRST, which are numbers once a query is bound."""

from __future__ import annotations

from sqlglot import exp

from PhantomLibrary.sql.binder import Binder
from PhantomLibrary.sql.dialect import refuse_parts
from PhantomLibrary.sql.errors import INVALID_ARGUMENT, SqlError, unsupported
from PhantomLibrary.sql.typed import whole_value
from PhantomLibrary.sql.values import INTEGER


def set_limit(binder: Binder, node: exp.Expr, tree: exp.Query) -> None:
    """Set LIMIT and OFFSET of a bound tree, as numbers."""
    limit, offset = node.args.get("limit"), node.args.get("offset")
    if isinstance(limit, exp.Fetch):
        refuse_parts(limit, {"direction", "count", "limit_options"}, "FETCH")
        options = limit.args.get("limit_options")
        if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
            raise unsupported("FETCH … PERCENT or WITH TIES", "FETCH FIRST n ROWS ONLY")
        _set_count(binder, tree, "limit", exp.Limit, limit.args.get("count"))
    elif limit is not None:
        refuse_parts(limit, {"expression"}, "LIMIT")
        _set_count(binder, tree, "limit", exp.Limit, limit.expression)
    if offset is not None:
        _set_count(binder, tree, "offset", exp.Offset, offset.expression)
        if tree.args.get("limit") is None:
            tree.set("limit", exp.Limit(expression=exp.Neg(this=exp.Literal.number(1))))  # As SQLite says: without one.


def _set_count(binder: Binder, tree: exp.Query, name: str, kind: type[exp.Expr], node: exp.Expr | None) -> None:
    with binder.inside(name.upper()):
        bound = binder.bind_as(node, INTEGER, f"argument of {name.upper()}") if node is not None else exp.Null()
    value = binder.parameters.value(bound) if isinstance(bound, exp.Placeholder) else _constant(bound, name)
    if value is None:
        return
    if not isinstance(value, int) or value < 0:
        raise SqlError(INVALID_ARGUMENT, f"{name.upper()} must not be negative: {value!r}")
    tree.set(name, kind(expression=exp.Literal.number(value)))


def _constant(node: exp.Expr, name: str) -> int | None:
    if isinstance(node, exp.Null):
        return None
    value = whole_value(node)
    if value is None:
        raise unsupported(f"{name.upper()} that is computed", "a whole number or a parameter")
    return value
