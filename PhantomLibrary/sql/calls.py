"""Calls of functions, by name: what arguments each takes, what it gives, and who computes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from sqlglot import exp

from PhantomLibrary.errors import nearest
from PhantomLibrary.sql.arithmetic import bind_arithmetic
from PhantomLibrary.sql.binder import Binder
from PhantomLibrary.sql.casts import text_of
from PhantomLibrary.sql.catalog import SqlType
from PhantomLibrary.sql.comparisons import alike, compared
from PhantomLibrary.sql.dates import part_of, truncated
from PhantomLibrary.sql.errors import UNKNOWN_FUNCTION, WINDOW_ERROR, SqlError, unsupported
from PhantomLibrary.sql.typed import NUMBERS, Typed, call, literal, number, shown, whole_value
from PhantomLibrary.sql.values import INTEGER, REAL, TEXT, decimal_type

_Special: TypeAlias = Callable[[Binder, list[exp.Expr]], Typed]


class _Simple(NamedTuple):
    """A function of fixed types, computed by the function `name` in SQLite."""

    name: str
    takes: tuple[SqlType, ...]
    gives: SqlType
    optional: int = 0  # How many of the last arguments may be left out.


_SIMPLE = {
    "lower": _Simple("lower", (TEXT,), TEXT),
    "upper": _Simple("upper", (TEXT,), TEXT),
    "substr": _Simple("substring_of", (TEXT, INTEGER, INTEGER), TEXT, 1),
    "replace": _Simple("replace", (TEXT, TEXT, TEXT), TEXT),
    "instr": _Simple("instr", (TEXT, TEXT), INTEGER),
    "left": _Simple("left_of", (TEXT, INTEGER), TEXT),
    "right": _Simple("right_of", (TEXT, INTEGER), TEXT),
    "trim": _Simple("trim", (TEXT, TEXT), TEXT, 1),
    "ltrim": _Simple("ltrim", (TEXT, TEXT), TEXT, 1),
    "rtrim": _Simple("rtrim", (TEXT, TEXT), TEXT, 1),
    "repeat": _Simple("repeat_text", (TEXT, INTEGER), TEXT),
    "reverse": _Simple("reverse_text", (TEXT,), TEXT),
    "lpad": _Simple("pad_left", (TEXT, INTEGER, TEXT), TEXT, 1),
    "rpad": _Simple("pad_right", (TEXT, INTEGER, TEXT), TEXT, 1),
    "ascii": _Simple("unicode", (TEXT,), INTEGER),
    "chr": _Simple("character_of", (INTEGER,), TEXT),
    "sqrt": _Simple("square_root", (REAL,), REAL),
}
ONLY_OVER_WINDOWS = (
    *("row_number", "rank", "dense_rank", "percent_rank", "cume_dist"),
    *("ntile", "lag", "lead", "first_value", "last_value", "nth_value"),
)
ALIASES = {
    "substring": "substr",
    "char_length": "length",
    "character_length": "length",
    "strpos": "instr",
    "position": "instr",
    "ifnull": "coalesce",
    "ceiling": "ceil",
    "pow": "power",
    "unicode": "ascii",
    "char": "chr",
    "if": "iif",
}


def bind_call(binder: Binder, node: exp.Expr) -> Typed:
    """Return a call of a function that sqlglot has no class for."""
    return bind_named(binder, str(node.name), list(node.expressions))


def bind_named(binder: Binder, written: str, arguments: list[exp.Expr]) -> Typed:
    """Return a call by the function's name."""
    name = ALIASES.get(written.lower(), written.lower())
    special = _SPECIAL.get(name)
    if special is not None:
        low, high, bind = special
        _require_count(written, arguments, low, high)
        return bind(binder, arguments)
    if name in ("now", "random", "uuid", "gen_random_uuid"):
        raise unsupported(f"{name}()", "statements have no clock and no chance: give the value as a parameter")
    simple = _SIMPLE.get(name)
    if simple is None and name in ONLY_OVER_WINDOWS:
        raise SqlError(WINDOW_ERROR, f"window function {name} requires an OVER clause")
    if simple is None:
        known = sorted((*_SIMPLE, *_SPECIAL, *ALIASES, "count", "sum", "avg", "min", "max", *ONLY_OVER_WINDOWS))
        reason = f"function {written.lower()} does not exist{nearest(written.lower(), known)}"
        raise SqlError(UNKNOWN_FUNCTION, f"{reason}; docs/sql.md lists all functions")
    _require_count(written, arguments, len(simple.takes) - simple.optional, len(simple.takes))
    nodes = [_argument(binder, written, each, wanted) for each, wanted in zip(arguments, simple.takes, strict=False)]
    return Typed(call(simple.name, *nodes), simple.gives)


def _argument(binder: Binder, function: str, node: exp.Expr, wanted: SqlType) -> exp.Expr:
    typed = binder.bind(node)
    is_number = typed.type is not None and typed.type.name in NUMBERS
    if typed.type is not None and typed.type.name != wanted.name and not (wanted == REAL and is_number):
        raise SqlError(UNKNOWN_FUNCTION, f"function {function.lower()} takes {shown(wanted)}, not {shown(typed.type)}")
    return binder.coerce(typed, wanted)


def _require_count(written: str, arguments: list[exp.Expr], low: int, high: int | None) -> None:
    if len(arguments) < low or (high is not None and len(arguments) > high):
        count = str(low) if low == high else f"at least {low}" if high is None else f"{low} to {high}"
        plural = "" if count == "1" else "s"
        name = written.lower()
        raise SqlError(UNKNOWN_FUNCTION, f"function {name} takes {count} argument{plural}, {len(arguments)} given")


def _number(binder: Binder, function: str, node: exp.Expr) -> Typed:
    typed = binder.bind(node)
    if typed.type is None:
        typed = Typed(binder.coerce(typed, INTEGER), INTEGER)
    assert typed.type is not None
    if typed.type.name not in NUMBERS:
        raise SqlError(UNKNOWN_FUNCTION, f"function {function} takes a number, not {shown(typed.type)}")
    return typed


# --- functions whose type depends on that of their arguments ----------------------------------------------------------


def _length(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    typed = binder.bind(arguments[0])
    if typed.type is not None and typed.type.name not in ("TEXT", "BLOB"):
        raise SqlError(UNKNOWN_FUNCTION, f"function length takes TEXT or BLOB, not {shown(typed.type)}")
    return Typed(call("length", binder.coerce(typed, typed.type or TEXT)), INTEGER)


def _abs(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    typed = _number(binder, "abs", arguments[0])
    return Typed(call("abs" if typed.type == REAL else "exact_abs", typed.node), typed.type)


def _sign(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    return Typed(call("sign_of", _number(binder, "sign", arguments[0]).node), INTEGER)


def _round(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    return _rounded(binder, "round", arguments)


def _trunc(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    return _rounded(binder, "trunc", arguments)


def _rounded(binder: Binder, name: str, arguments: list[exp.Expr]) -> Typed:
    typed = _number(binder, name, arguments[0])
    digits = whole_value(binder.bind(arguments[1]).node) if len(arguments) > 1 else 0
    if digits is None or not -18 <= digits <= 18:
        raise unsupported(f"{name} to digits that are computed", "a whole number from -18 to 18 in the text")
    assert typed.type is not None
    if typed.type == REAL:
        return Typed(call(f"real_{name}", typed.node, literal(digits)), REAL)
    scale = min(typed.type.scale, max(digits, 0))
    node = call(f"decimal_{name}", typed.node, number(typed.type.scale), literal(digits), number(scale))
    return Typed(node, typed.type if typed.type == INTEGER else decimal_type(scale))


def _ceil(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    return _to_whole(binder, "ceil", arguments)


def _floor(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    return _to_whole(binder, "floor", arguments)


def _to_whole(binder: Binder, name: str, arguments: list[exp.Expr]) -> Typed:
    typed = _number(binder, name, arguments[0])
    assert typed.type is not None
    if typed.type == INTEGER:
        return typed
    if typed.type == REAL:
        return Typed(call(f"real_{name}", typed.node), REAL)
    return Typed(call(f"decimal_{name}", typed.node, number(typed.type.scale)), decimal_type(0))


def _power(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    base = binder.coerce(_number(binder, "power", arguments[0]), REAL)
    exponent = binder.bind_as(arguments[1], INTEGER, "the exponent of power, which is computed exactly,")
    return Typed(call("real_power", base, exponent), REAL)


def _coalesce(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    nodes, result = alike(binder, [binder.bind(each) for each in arguments], "COALESCE")
    if len(nodes) == 1:
        return Typed(nodes[0], result)
    return Typed(exp.Coalesce(this=nodes[0], expressions=nodes[1:]), result)


def _nullif(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    first, second = (binder.bind(each) for each in arguments)
    left, right = compared(binder, "=", first, second)
    if left is first.node:
        return Typed(exp.Nullif(this=left, expression=right), first.type)
    when = exp.If(this=exp.EQ(this=left, expression=right), true=exp.Null())
    return Typed(exp.Case(ifs=[when], default=first.node.copy()), first.type or TEXT)


def _extreme(name: str) -> _Special:
    def bind(binder: Binder, arguments: list[exp.Expr]) -> Typed:
        nodes, result = alike(binder, [binder.bind(each) for each in arguments], name.upper())
        if result is None:
            nodes, result = [binder.coerce(Typed(each, None), TEXT) for each in nodes], TEXT
        return Typed(call(f"{name}_of", *nodes), result)

    return bind


def _concat(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    texts = [_as_text(binder, each) for each in arguments]
    return Typed(call("concat", *texts), TEXT)


def _concat_ws(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    texts = [_as_text(binder, each) for each in arguments]
    return Typed(call("concat_ws", *texts), TEXT)


def _as_text(binder: Binder, node: exp.Expr) -> exp.Expr:
    return _text(binder, binder.bind(node))


def _text(binder: Binder, typed: Typed) -> exp.Expr:
    if typed.type is None:
        return binder.coerce(typed, TEXT)
    if typed.type.name == "BLOB":
        raise SqlError(UNKNOWN_FUNCTION, "a BLOB cannot be joined to a text: TEXT, numbers and dates can")
    return text_of(typed)


def bind_join(binder: Binder, node: exp.Expr) -> Typed:
    """Return a || b, of which one has to be a text."""
    left, right = binder.bind(node.this), binder.bind(node.expression)
    if not any(each.type is None or each.type.name == "TEXT" for each in (left, right)):
        raise SqlError(UNKNOWN_FUNCTION, f"operator does not exist: {shown(left.type)} || {shown(right.type)}")
    nodes = [_text(binder, each) for each in (left, right)]
    return Typed(exp.Paren(this=exp.DPipe(this=nodes[0], expression=nodes[1])), TEXT)


def _iif(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    condition = binder.condition(arguments[0], "IIF")
    (yes, no), result = alike(binder, [binder.bind(each) for each in arguments[1:]], "IIF")
    return Typed(exp.Case(ifs=[exp.If(this=condition, true=yes)], default=no), result)


def _date_part(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    return part_of(binder, arguments[0].name, arguments[1])


def _date_trunc(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    return truncated(binder, arguments[0].name, arguments[1])


def _mod(binder: Binder, arguments: list[exp.Expr]) -> Typed:
    return bind_arithmetic(binder, exp.Mod(this=arguments[0], expression=arguments[1]))


# --- functions with a grammar of their own ----------------------------------------------------------------------------


def bind_substring(binder: Binder, node: exp.Expr) -> Typed:
    parts = [node.this, node.args.get("start") or number(1), node.args.get("length")]
    return bind_named(binder, "substring", [each for each in parts if each is not None])


def bind_position(binder: Binder, node: exp.Expr) -> Typed:
    return bind_named(binder, "position", [node.this, node.args["substr"]])


def bind_trim(binder: Binder, node: exp.Expr) -> Typed:
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position")), "trim")
    return bind_named(binder, name, [each for each in (node.this, node.expression) if each])


def bind_if(binder: Binder, node: exp.Expr) -> Typed:
    parts = (node.this, node.args.get("true"), node.args.get("false"))
    return bind_named(binder, "if", [each for each in parts if each is not None])


_SPECIAL: dict[str, tuple[int, int | None, _Special]] = {
    "length": (1, 1, _length),
    "abs": (1, 1, _abs),
    "sign": (1, 1, _sign),
    "round": (1, 2, _round),
    "trunc": (1, 2, _trunc),
    "ceil": (1, 1, _ceil),
    "floor": (1, 1, _floor),
    "power": (2, 2, _power),
    "coalesce": (1, None, _coalesce),
    "nullif": (2, 2, _nullif),
    "greatest": (1, None, _extreme("greatest")),
    "least": (1, None, _extreme("least")),
    "concat": (1, None, _concat),
    "concat_ws": (2, None, _concat_ws),
    "iif": (3, 3, _iif),
    "date_part": (2, 2, _date_part),
    "date_trunc": (2, 2, _date_trunc),
    "mod": (2, 2, _mod),
}
