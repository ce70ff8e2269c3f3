"""Numbers and days: exact where the types are, an error where a result leaves its range or a divisor is zero.

SQLite goes on with a REAL where 64 bits do not suffice. So whole numbers are computed by functions that check, except
where the result goes nowhere but into an answer or a sum, which find a REAL among whole numbers: there SQLite's own
operators do, which are many times as fast. Scales of DECIMAL: of sums the larger one, of products the sum of both, of
quotients the larger one and at least 6; never more than 18, beyond which results are rounded half away from zero.
"""

from __future__ import annotations

from sqlglot import exp

from PhantomLibrary.sql.binder import Binder, type_error
from PhantomLibrary.sql.catalog import SqlType
from PhantomLibrary.sql.dates import add_interval, days_between
from PhantomLibrary.sql.errors import OUT_OF_RANGE, UNKNOWN_FUNCTION, SqlError
from PhantomLibrary.sql.typed import (
    NUMBERS,
    Typed,
    call,
    common_type,
    literal,
    number,
    operand,
    operation,
    scaled_up,
    whole_value,
)
from PhantomLibrary.sql.values import (
    DECIMAL_DIGITS_MAX,
    INTEGER,
    INTEGER_MAX,
    INTEGER_MIN,
    REAL,
    decimal_parts,
    decimal_type,
)

QUOTIENT_SCALE_MIN = 6
_SIGNS: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_EXACT: dict[type[exp.Expr], str] = {exp.Add: "exact_add", exp.Sub: "exact_subtract", exp.Mul: "exact_multiply"}


def bind_lazily(binder: Binder, node: exp.Expr) -> Typed:
    """Return an expression whose value is looked at for a REAL that should be whole: arithmetic need not check."""
    if isinstance(node, exp.Paren):
        typed = bind_lazily(binder, node.this)
        return typed if not isinstance(typed.node, exp.Binary) else Typed(exp.Paren(this=typed.node), typed.type)
    if type(node) in _SIGNS:
        return arithmetic(binder, node, is_lazy=True)
    return binder.bind(node)


def bind_arithmetic(binder: Binder, node: exp.Expr) -> Typed:
    return arithmetic(binder, node, is_lazy=False)


def arithmetic(binder: Binder, node: exp.Expr, *, is_lazy: bool) -> Typed:
    if isinstance(node.expression, exp.Interval):
        return add_interval(binder, node)
    is_lazy = is_lazy and type(node) in _EXACT  # A rest of a REAL is whole again.
    bind = bind_lazily if is_lazy else Binder.bind
    left, right = bind(binder, node.this), bind(binder, node.expression)
    names = {each.type.name for each in (left, right) if each.type is not None}
    if names & {"DATE", "TIMESTAMP"}:
        return days_between(binder, node, left, right)
    if not names <= set(NUMBERS):
        hint = ": use CAST, or || to join texts" if "TEXT" in names else ""
        reason = type_error(_SIGNS[type(node)], left.type, right.type)
        raise SqlError(UNKNOWN_FUNCTION, reason + hint)
    target = common_type((left.type, right.type), _SIGNS[type(node)]) or INTEGER
    left, right = (_of_place(binder, each, target) for each in (left, right))
    if target.name == "REAL":
        return _real(binder, type(node), left, right)
    folded = _folded(type(node), left, right)
    return folded or _exact(binder, type(node), left, right, is_lazy=is_lazy)


def _of_place(binder: Binder, typed: Typed, target: SqlType) -> Typed:
    return typed if typed.type is not None else Typed(binder.coerce(typed, target), target)


def _real(binder: Binder, kind: type[exp.Expr], left: Typed, right: Typed) -> Typed:
    if kind is exp.Mod:
        raise SqlError(UNKNOWN_FUNCTION, f"{type_error('%', left.type, right.type)}: use CAST to DECIMAL")
    nodes = [binder.coerce(each, REAL) for each in (left, right)]
    if kind is exp.Div:
        return Typed(call("real_divide", *nodes), REAL)
    return Typed(operation(kind, *nodes), REAL)


def _folded(kind: type[exp.Expr], left: Typed, right: Typed) -> Typed | None:
    """Return the result of two whole numbers in the text, so that it need not be computed for each row."""
    a, b = whole_value(left.node), whole_value(right.node)
    if a is None or b is None or left.type != INTEGER or right.type != INTEGER or (kind not in _EXACT and b == 0):
        return None  # Division by zero is an error only where it is computed: CASE may keep it from that.
    if kind in _EXACT:
        value = a + b if kind is exp.Add else a - b if kind is exp.Sub else a * b
    else:
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        value = quotient if kind is exp.Div else a - quotient * b
    return Typed(literal(value), INTEGER) if INTEGER_MIN <= value <= INTEGER_MAX else None


def _exact(binder: Binder, kind: type[exp.Expr], left: Typed, right: Typed, *, is_lazy: bool) -> Typed:
    assert left.type is not None and right.type is not None
    left_scale, right_scale = left.type.scale, right.type.scale
    is_decimal = "DECIMAL" in (left.type.name, right.type.name)
    if kind is exp.Div and is_decimal:
        scale = max(left_scale, right_scale, QUOTIENT_SCALE_MIN)
        shift = number(scale - left_scale + right_scale)
        return Typed(call("decimal_divide", left.node, right.node, shift), decimal_type(scale))
    if kind is exp.Mul and left_scale + right_scale > DECIMAL_DIGITS_MAX:
        excess = number(left_scale + right_scale - DECIMAL_DIGITS_MAX)
        return Typed(call("decimal_multiply", left.node, right.node, excess), decimal_type(DECIMAL_DIGITS_MAX))
    scale = left_scale + right_scale if kind is exp.Mul else max(left_scale, right_scale)
    if kind is not exp.Mul:
        left = Typed(scaled_up(left.node, scale - left_scale, is_checked=not is_lazy), left.type)
        right = Typed(scaled_up(right.node, scale - right_scale, is_checked=not is_lazy), right.type)
    result = decimal_type(scale) if is_decimal else INTEGER
    if kind in (exp.Div, exp.Mod):
        name = "exact_divide" if kind is exp.Div else "exact_modulo"
        is_safe = whole_value(right.node) not in (None, 0, -1)
        node = operation(kind, left.node, right.node) if is_safe else call(name, left.node, right.node)
        return Typed(node, result)
    node = operation(kind, left.node, right.node) if is_lazy else call(_EXACT[kind], left.node, right.node)
    return Typed(node, result)


def bind_negation(binder: Binder, node: exp.Expr) -> Typed:
    if isinstance(node.this, exp.Literal) and not node.this.is_string:
        return bind_literal(binder, node.this, sign=-1)
    typed = binder.bind(node.this)
    if typed.type is None:
        typed = Typed(binder.coerce(typed, INTEGER), INTEGER)
    assert typed.type is not None
    if typed.type.name not in NUMBERS:
        raise SqlError(UNKNOWN_FUNCTION, type_error("-", typed.type))
    value = whole_value(typed.node)
    if value is not None and -value <= INTEGER_MAX:
        return Typed(literal(-value), typed.type)
    if typed.type.name == "REAL":
        return Typed(exp.Neg(this=operand(typed.node)), REAL)
    return Typed(call("exact_subtract", number(0), typed.node), typed.type)


def bind_literal(binder: Binder, node: exp.Expr, sign: int = 1) -> Typed:
    """Return a number as the text says it, a DECIMAL where it has a point, or a text, which takes its place's type."""
    if node.args.get("is_string"):
        return Typed(exp.Literal.string(node.name), None)
    text = node.name
    if text.isdecimal() and len(text) < 40:
        value = sign * int(text)
        if not INTEGER_MIN <= value <= INTEGER_MAX:
            raise SqlError(OUT_OF_RANGE, f"{value} is out of range for type INTEGER")
        return Typed(literal(value), INTEGER)
    parts = decimal_parts(text) if "e" not in text.lower() else None
    if parts is not None and parts[1] <= DECIMAL_DIGITS_MAX and parts[0] < 10**DECIMAL_DIGITS_MAX:
        return Typed(literal(sign * parts[0]), decimal_type(parts[1]))
    if "e" in text.lower():
        value_real = float(text)
        if value_real in (float("inf"), float("-inf")):
            raise SqlError(OUT_OF_RANGE, f"{text} is out of range for type REAL")
        return Typed(literal(sign * value_real), REAL)
    raise SqlError(OUT_OF_RANGE, f"{text} has too many digits: a DECIMAL has at most {DECIMAL_DIGITS_MAX}")
