"""Window functions: aggregates over a window, and those that know the order of its rows."""

from __future__ import annotations

from sqlglot import exp

from PhantomLibrary.sql.aggregates import AGGREGATES, over_each
from PhantomLibrary.sql.binder import Binder
from PhantomLibrary.sql.calls import ONLY_OVER_WINDOWS
from PhantomLibrary.sql.catalog import SqlType
from PhantomLibrary.sql.comparisons import alike
from PhantomLibrary.sql.dialect import refuse_parts
from PhantomLibrary.sql.errors import (
    INVALID_ARGUMENT,
    SYNTAX_ERROR,
    UNKNOWN_FUNCTION,
    UNKNOWN_OBJECT,
    SqlError,
    unsupported,
)
from PhantomLibrary.sql.scopes import plain_name
from PhantomLibrary.sql.typed import Typed, is_constant, literal, whole_value
from PhantomLibrary.sql.values import INTEGER, REAL

_RANKS: dict[str, tuple[type[exp.Expr] | str, SqlType]] = {
    "row_number": ("row_number", INTEGER),
    "rank": ("rank", INTEGER),
    "dense_rank": ("dense_rank", INTEGER),
    "percent_rank": ("percent_rank", REAL),
    "cume_dist": ("cume_dist", REAL),
}
_VALUES = {"lag": (1, 3), "lead": (1, 3), "first_value": (1, 1), "last_value": (1, 1), "nth_value": (2, 2)}
NAMES = ONLY_OVER_WINDOWS
_SIDES = ("PRECEDING", "FOLLOWING")


def bind_window(binder: Binder, node: exp.Expr) -> Typed:
    """Return a function OVER a window."""
    refuse_parts(node, {"this", "partition_by", "order", "spec", "alias", "over"}, "a window function")
    function, condition = node.this, None
    if isinstance(function, exp.Filter):
        function, condition = function.this, function.expression.this
    if isinstance(function, exp.IgnoreNulls | exp.RespectNulls):
        raise unsupported(f"{function.sql()}", "window functions respect NULLs")
    name = str(function.name).lower() if isinstance(function, exp.Anonymous) else function.key
    binder.require_windows(name.upper())
    window = _definition(binder, node)
    if name in AGGREGATES:
        if any(isinstance(each, exp.Distinct) for each in function.expressions):
            raise unsupported(f"{name.upper()} (DISTINCT …) OVER", "DISTINCT in aggregates without a window")
        return _aggregate_over(binder, function, condition, window)
    if condition is not None or name not in NAMES:
        raise SqlError(UNKNOWN_FUNCTION, f"{name} is no window function: there are {', '.join(NAMES)}, and aggregates")
    with binder.inside_call(name.upper(), is_window=True):
        called, result = _function(binder, name, list(function.expressions))
    return Typed(_over(called, window), result)


def _aggregate_over(binder: Binder, node: exp.Expr, condition: exp.Expr | None, window: exp.Window) -> Typed:
    binder.is_window_call = True
    typed = binder.bind(node)
    bound_condition = None if condition is None else binder.condition(condition, "FILTER")

    def over(each: exp.Expr) -> exp.Expr:
        inner = each.copy()
        if bound_condition is not None:
            inner = exp.Filter(this=inner, expression=exp.Where(this=bound_condition.copy()))
        return _over(inner, window)

    return Typed(over_each(typed.node, over), typed.type)


def _over(function: exp.Expr, window: exp.Window) -> exp.Window:
    copied = window.copy()
    copied.set("this", function)
    return copied


def _function(binder: Binder, name: str, arguments: list[exp.Expr]) -> tuple[exp.Expr, SqlType | None]:
    low, high = (0, 0) if name in _RANKS else (1, 1) if name == "ntile" else _VALUES[name]
    if not low <= len(arguments) <= high:
        count = str(low) if low == high else f"{low} to {high}"
        raise SqlError(UNKNOWN_FUNCTION, f"function {name} takes {count} arguments, {len(arguments)} given")
    if name in _RANKS:
        return exp.Anonymous(this=name, expressions=[]), _RANKS[name][1]
    if name == "ntile":
        return exp.Anonymous(this=name, expressions=[_positive(binder, name, arguments[0])]), INTEGER
    value = binder.bind(arguments[0])
    result = value.type
    nodes = [value.node]
    if len(arguments) > 1:
        nodes.append(_positive(binder, name, arguments[1]))
    if len(arguments) > 2:
        (first, default), result = alike(binder, [value, binder.bind(arguments[2])], name.upper())
        nodes = [first, nodes[1], default]
    return exp.Anonymous(this=name, expressions=nodes), result


def _positive(binder: Binder, name: str, node: exp.Expr) -> exp.Expr:
    bound = binder.bind_as(node, INTEGER, f"the number of {name}")
    value = whole_value(bound)
    if value is not None and value < (0 if name in ("lag", "lead") else 1):
        raise SqlError(INVALID_ARGUMENT, f"the number of {name} must be greater than 0, not {value}")
    return bound


def _definition(binder: Binder, node: exp.Expr) -> exp.Window:
    name = plain_name(node.args.get("alias"))
    if name:
        named = binder.windows.get(name)
        if named is None:
            raise SqlError(UNKNOWN_OBJECT, f"window {name} does not exist")
        if any(node.args.get(part) for part in ("partition_by", "order", "spec")):
            raise unsupported("a window that adds to a named one", "OVER name, or OVER (…)")
        return _definition(binder, named)
    with binder.inside_call("a window", is_window=True):
        partition = [binder.bind(each).node for each in node.args.get("partition_by") or ()]
        order = node.args.get("order")
        terms = []
        for each in order.expressions if order is not None else ():
            key = binder.bind(each.this).node
            if not is_constant(key):
                is_first = bool(each.args.get("nulls_first"))
                terms.append(exp.Ordered(this=key, desc=bool(each.args.get("desc")), nulls_first=is_first))
    return exp.Window(
        partition_by=partition or None,
        order=exp.Order(expressions=terms) if terms else None,
        spec=_frame(binder, node.args.get("spec")),
        over="OVER",
    )


def _frame(binder: Binder, spec: exp.Expr | None) -> exp.WindowSpec | None:
    if spec is None:
        return None
    refuse_parts(spec, {"kind", "start", "start_side", "end", "end_side"}, "a window frame")
    kind = str(spec.args.get("kind")).upper()
    if kind == "RANGE" and any(isinstance(spec.args.get(side), exp.Expr) for side in ("start", "end")):
        raise unsupported("RANGE with a distance", "ROWS with a distance, RANGE with UNBOUNDED and CURRENT ROW")
    parts: dict[str, object] = {"kind": kind}
    for side in ("start", "end"):
        value = spec.args.get(side)
        if isinstance(value, exp.Expr):
            distance = whole_value(value)
            if distance is None or distance < 0:
                raise SqlError(SYNTAX_ERROR, f"the distance of a window frame is a whole number, not {value.sql()}")
            value = literal(distance)
        parts[side] = value
        parts[f"{side}_side"] = spec.args.get(f"{side}_side")
    return exp.WindowSpec(**parts)
