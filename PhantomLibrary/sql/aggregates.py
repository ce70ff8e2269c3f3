"""Aggregates and window functions.

Every aggregate becomes an expression over aggregates that merge without loss, wherever the rows were split: SUM, COUNT,
MIN and MAX of SQLite, of which partial sums and counts are summed, and `real_state`, a sum of REALs without any error,
of which `real_merge` makes one of several. A sum of whole numbers is two sums, of their upper and of their lower 32
bits, which do not leave 64 bits before there are 2**31 rows; so it depends on no order, as does AVG, that exact sum
divided by the count and rounded once. With DISTINCT sums are `exact_sum`, which cannot be split.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from PhantomLibrary.sql.arithmetic import QUOTIENT_SCALE_MIN, bind_lazily
from PhantomLibrary.sql.binder import Binder
from PhantomLibrary.sql.calls import bind_call
from PhantomLibrary.sql.casts import text_of
from PhantomLibrary.sql.catalog import SqlType
from PhantomLibrary.sql.errors import SYNTAX_ERROR, UNKNOWN_FUNCTION, SqlError, unsupported
from PhantomLibrary.sql.typed import NUMBERS, Typed, call, literal, number, operand, shown
from PhantomLibrary.sql.values import BOOLEAN, INTEGER, REAL, TEXT, decimal_type

HALF = 1 << 32
SUMS_OF_ROWS = 9  # Digits of a number, of which 64 bits hold the sum of as many rows as there may be.

MERGES = {"SUM": "SUM", "COUNT": "SUM", "MIN": "MIN", "MAX": "MAX", "real_state": "real_merge"}
"""How partial results of an aggregate are merged; what is not here needs all rows in one place."""

AGGREGATES = {
    *("count", "sum", "avg", "min", "max", "group_concat", "string_agg", "bool_and", "bool_or", "every", "total"),
}
_OWN = ("real_state", "real_merge", "exact_sum", "only_value", "group_concat")


def is_aggregate(node: exp.Expr) -> bool:
    """Return whether a node of a bound tree is an aggregate by itself."""
    return isinstance(node, exp.Count | exp.Sum | exp.Min | exp.Max) or (
        isinstance(node, exp.Anonymous) and node.this in _OWN
    )


def bind_function(binder: Binder, node: exp.Expr) -> Typed:
    """Return a call: of an aggregate, or of another function."""
    name = str(node.name).lower()
    if name not in AGGREGATES or (name in ("min", "max") and len(node.expressions) > 1):
        if name in ("min", "max"):
            node = exp.Anonymous(this="least" if name == "min" else "greatest", expressions=node.expressions)
        return bind_call(binder, node)
    is_window_call, binder.is_window_call = binder.is_window_call, False
    if not is_window_call:
        binder.require_aggregates(name.upper())
    arguments, is_distinct, order = _arguments(node)
    with binder.inside_call(name.upper(), is_window=is_window_call):
        return _aggregate(binder, name, arguments, is_distinct, order)


def _arguments(node: exp.Expr) -> tuple[list[exp.Expr], bool, exp.Order | None]:
    arguments, is_distinct, order = list(node.expressions), False, None
    if arguments and isinstance(arguments[-1], exp.Order):
        order = arguments[-1]
        arguments[-1] = order.this
    if arguments and isinstance(arguments[0], exp.Distinct):
        is_distinct = True
        arguments = [*arguments[0].expressions, *arguments[1:]]
        if arguments and isinstance(arguments[-1], exp.Order):
            order = arguments[-1]
            arguments[-1] = order.this
    return arguments, is_distinct, order


def _aggregate(
    binder: Binder, name: str, arguments: list[exp.Expr], is_distinct: bool, order: exp.Order | None
) -> Typed:
    if name in ("group_concat", "string_agg"):
        return _joined_texts(binder, name, arguments, is_distinct, order)
    if name == "count" and len(arguments) == 1 and isinstance(arguments[0], exp.Star):
        return Typed(exp.Count(this=exp.Star()), INTEGER)
    if len(arguments) != 1 or isinstance(arguments[0], exp.Star):
        raise SqlError(UNKNOWN_FUNCTION, f"function {name} takes 1 argument, {len(arguments)} given")
    if order is not None and name not in ("count", "sum", "avg", "min", "max"):
        raise unsupported(f"ORDER BY in {name}", "ORDER BY in STRING_AGG")
    if name == "count":
        return Typed(exp.Count(this=_distinct(binder.bind(arguments[0]).node, is_distinct)), INTEGER)
    if name in ("bool_and", "every", "bool_or"):
        kind = exp.Max if name == "bool_or" else exp.Min
        return Typed(kind(this=binder.condition(arguments[0], name.upper())), BOOLEAN)
    if name in ("min", "max"):
        return _extreme(binder, name, arguments[0])
    may_be_lazy = not is_distinct and name in ("sum", "avg")
    typed = bind_lazily(binder, arguments[0]) if may_be_lazy else binder.bind(arguments[0])
    if typed.type is None:
        typed = Typed(binder.coerce(typed, INTEGER), INTEGER)
    assert typed.type is not None
    if typed.type.name not in NUMBERS:
        raise SqlError(UNKNOWN_FUNCTION, f"function {name} takes a number, not {shown(typed.type)}")
    if name == "avg":
        return _average(typed.node, typed.type, is_distinct)
    return _sum(typed.node, typed.type, is_distinct) if name == "sum" else _total(binder, typed, is_distinct)


def _extreme(binder: Binder, name: str, argument: exp.Expr) -> Typed:
    typed = binder.bind(argument)  # With checks: a number out of range need not be the extreme one.
    if typed.type is None:
        typed = Typed(binder.coerce(typed, TEXT), TEXT)
    assert typed.type is not None
    if typed.type == BOOLEAN:
        raise SqlError(UNKNOWN_FUNCTION, f"function {name} takes no BOOLEAN: BOOL_AND and BOOL_OR do")
    kind = exp.Min if name == "min" else exp.Max
    return Typed(kind(this=typed.node), typed.type)


def _sum(node: exp.Expr, kind: SqlType, is_distinct: bool) -> Typed:
    if kind == REAL:
        return Typed(call("real_value", call("real_state", _distinct(node, is_distinct))), REAL)
    result = INTEGER if kind == INTEGER else decimal_type(kind.scale)
    if is_distinct:
        return Typed(call("exact_sum", _distinct(node, is_distinct)), result)
    if kind.name == "DECIMAL" and kind.precision <= SUMS_OF_ROWS:
        return Typed(exp.Sum(this=node), result)
    return Typed(call("whole_sum", *_halves(node)), result)


def _halves(node: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    # Of a REAL, which a whole number out of range has become, the upper half is a REAL too: so it is found.
    upper = exp.Div(this=operand(node), expression=number(HALF), typed=True, safe=True)
    lower = exp.Mod(this=operand(node.copy()), expression=number(HALF))
    return exp.Sum(this=upper), exp.Sum(this=lower)


def _average(node: exp.Expr, kind: SqlType, is_distinct: bool) -> Typed:
    count = exp.Count(this=_distinct(node.copy(), is_distinct))
    if kind == REAL:
        return Typed(call("real_average", call("real_state", _distinct(node, is_distinct)), count), REAL)
    if is_distinct:
        parts: tuple[exp.Expr, ...] = (number(0), call("exact_sum", _distinct(node, is_distinct)))
    else:
        parts = _halves(node)
    if kind == INTEGER:
        return Typed(call("whole_average", *parts, count), REAL)
    scale = max(kind.scale, QUOTIENT_SCALE_MIN)
    return Typed(call("decimal_average", *parts, count, number(scale - kind.scale)), decimal_type(scale))


def _total(binder: Binder, typed: Typed, is_distinct: bool) -> Typed:
    """Return SQLite's TOTAL: a sum of REALs that is 0 where there are no rows."""
    state = call("real_state", _distinct(binder.coerce(typed, REAL), is_distinct))
    return Typed(exp.Coalesce(this=call("real_value", state), expressions=[literal(0.0)]), REAL)


def _joined_texts(
    binder: Binder, name: str, arguments: list[exp.Expr], is_distinct: bool, order: exp.Order | None
) -> Typed:
    """Return STRING_AGG, in the order of the texts themselves where none is asked for."""
    if not arguments or len(arguments) > 2 or (name == "string_agg" and len(arguments) < 2):
        raise SqlError(UNKNOWN_FUNCTION, f"function {name} takes a text and a separator, {len(arguments)} given")
    typed = binder.bind(arguments[0])
    text = binder.coerce(typed, TEXT) if typed.type is None else text_of(typed)
    separator = binder.bind_as(arguments[1], TEXT, "the separator") if len(arguments) > 1 else exp.Literal.string(",")
    ordered = [exp.Ordered(this=text.copy())]
    if order is not None:
        ordered = [
            exp.Ordered(this=binder.bind(each.this).node, desc=each.args.get("desc"), nulls_first=_nulls(each))
            for each in order.expressions
        ]
        ordered.append(exp.Ordered(this=text.copy()))
    if is_distinct:
        if order is not None:
            raise unsupported("STRING_AGG with DISTINCT and ORDER BY", "with DISTINCT texts are in their own order")
        return _distinct_texts(text, separator)
    node = call("group_concat", text, exp.Order(this=separator, expressions=ordered))
    return Typed(node, TEXT)


def _distinct_texts(text: exp.Expr, separator: exp.Expr) -> Typed:
    if not (isinstance(separator, exp.Literal) and separator.name == ","):
        raise unsupported("STRING_AGG (DISTINCT …) without a comma", "SELECT DISTINCT in a subquery")
    ordered = exp.Order(this=exp.Distinct(expressions=[text]), expressions=[exp.Ordered(this=text.copy())])
    return Typed(call("group_concat", ordered), TEXT)


def _nulls(ordered: exp.Expr) -> bool:
    return bool(ordered.args.get("nulls_first"))


def _distinct(node: exp.Expr, is_distinct: bool) -> exp.Expr:
    return exp.Distinct(expressions=[node]) if is_distinct else node


def over_each(node: exp.Expr, wrap: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """Return a bound aggregate with each aggregate of SQLite in it wrapped, as by FILTER or OVER."""
    if is_aggregate(node):
        return wrap(node)
    for child in list(node.iter_expressions()):
        changed = over_each(child, wrap)
        if changed is not child:
            child.replace(changed)
    return node


def bind_filter(binder: Binder, node: exp.Expr) -> Typed:
    """Return an aggregate FILTER (WHERE condition)."""
    if not isinstance(node.this, exp.Anonymous) or str(node.this.name).lower() not in AGGREGATES:
        raise SqlError(SYNTAX_ERROR, f"FILTER is for aggregates: {node.sql()[:60]}")
    typed = binder.bind(node.this)
    with binder.inside("FILTER"):
        condition = binder.condition(node.expression.this, "FILTER")

    def filtered(each: exp.Expr) -> exp.Expr:
        return exp.Filter(this=each.copy(), expression=exp.Where(this=condition.copy()))

    return Typed(over_each(typed.node, filtered), typed.type)
