"""Bound expressions with their types, and how one type becomes another without being asked.

NULL and texts in quotes have no type of their own: they take that of their place, as do texts given as parameters. So
`day >= '2024-01-01'` compares days, and `id = 'x'` is an error rather than never true.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlglot import exp

from PhantomLibrary.sql.catalog import SqlType, Stored
from PhantomLibrary.sql.errors import TYPE_MISMATCH, SqlError
from PhantomLibrary.sql.values import (
    INTEGER,
    INTEGER_MAX,
    INTEGER_MIN,
    REAL,
    TEXT,
    TIMESTAMP,
    decimal_type,
    read_value,
    require_text,
    type_text,
)

NUMBERS = ("INTEGER", "DECIMAL", "REAL")
_ATOMS = (exp.Column, exp.Literal, exp.Paren, exp.Subquery, exp.Placeholder, exp.Null, exp.Func, exp.HexString)


class Typed(NamedTuple):
    """A bound expression. `type` is None where it takes that of its place."""

    node: exp.Expr
    type: SqlType | None


class Parameters:
    """The values behind `?1`, `?2` …; a text that takes the type of its place is changed to a value of it."""

    def __init__(self, names: tuple[str, ...], values: list[Stored], types: list[SqlType | None]) -> None:
        self._numbers = {name: number for number, name in enumerate(names)}
        self.values = values
        self._types = types

    def bind(self, name: str) -> Typed:
        number = self._numbers[name]
        return Typed(exp.Placeholder(this=str(number + 1)), self._types[number])

    def value(self, node: exp.Placeholder) -> Stored:
        return self.values[int(node.name) - 1]

    def set(self, node: exp.Placeholder, value: Stored) -> None:
        self.values[int(node.name) - 1] = value


# --- nodes ------------------------------------------------------------------------------------------------------------


def literal(value: Stored) -> exp.Expr:
    """Return a stored value as SQLite reads it."""
    if value is None:
        return exp.Null()
    if isinstance(value, str):
        return exp.Literal.string(value)
    if isinstance(value, bytes):
        return exp.HexString(this=value.hex())
    text = repr(abs(value)) if value == value else "0.0"
    number = exp.Literal(this=text, is_string=False)
    return exp.Neg(this=number) if value < 0 else number


def whole_value(node: exp.Expr) -> int | None:
    """Return the whole number that a node is, None where it is something else."""
    if isinstance(node, exp.Neg):
        value = whole_value(node.this)
        return None if value is None else -value
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal():
        return int(node.name)
    return None


def is_constant(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal | exp.Null | exp.HexString) or (
        isinstance(node, exp.Neg) and is_constant(node.this)
    )


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Return a call of one of our own functions: see functions.py."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def number(value: int) -> exp.Literal:
    return exp.Literal(this=str(value), is_string=False)


def operand(node: exp.Expr) -> exp.Expr:
    """Return a node as part of another one, in parentheses where its operator may bind less."""
    is_operator = isinstance(node, exp.Binary) and not isinstance(node, exp.Dot)
    return node if isinstance(node, _ATOMS) and not is_operator else exp.Paren(this=node)


def operation(kind: type[exp.Expr], left: exp.Expr, right: exp.Expr) -> exp.Expr:
    node = kind(this=operand(left), expression=operand(right))
    if isinstance(node, exp.Div):
        node.set("typed", True)
        node.set("safe", True)
    return node


# --- types ------------------------------------------------------------------------------------------------------------


def shown(sql_type: SqlType | None) -> str:
    return "text" if sql_type is None else type_text(sql_type)


def common_type(types: Iterable[SqlType | None], what: str) -> SqlType | None:
    """Return the type that holds the values of all, None where none has a type. `what` needs them to be alike."""
    result: SqlType | None = None
    for each in types:
        if result is None or each is None:
            result = result or each
        else:
            joined = _joined(result, each)
            if joined is None:
                raise SqlError(TYPE_MISMATCH, f"{what} types {shown(result)} and {shown(each)} cannot be matched")
            result = joined
    return result


def _joined(left: SqlType, right: SqlType) -> SqlType | None:
    if left == right:
        return left
    if left.name in NUMBERS and right.name in NUMBERS:
        if "REAL" in (left.name, right.name):
            return REAL
        if left.name == right.name == "INTEGER":
            return INTEGER
        return decimal_type(max(left.scale, right.scale))
    if left.name == right.name:
        return SqlType(left.name)
    return TIMESTAMP if {left.name, right.name} == {"DATE", "TIMESTAMP"} else None


def coerce(
    typed: Typed, target: SqlType, parameters: Parameters, *, what: str = "", is_compared: bool = False
) -> exp.Expr:
    """Return an expression as one of another type that can hold its values.

    A number that leaves its range on the way is an error, but not where it `is_compared` only: there SQLite goes on
    with a REAL, which compares as the number would.
    """
    node, source = typed
    if source is None:
        return _typed_by_place(node, target, parameters)
    if source.name == target.name and source.scale == target.scale:
        return node
    if source.name in ("INTEGER", "DECIMAL") and target.name == "DECIMAL" and source.scale <= target.scale:
        return scaled_up(node, target.scale - source.scale, is_checked=not is_compared)
    if source.name in ("INTEGER", "DECIMAL") and target.name == "REAL":
        return as_real(node, source)
    if source.name == "DATE" and target.name == "TIMESTAMP":
        return exp.DPipe(this=operand(node), expression=exp.Literal.string(" 00:00:00"))
    reason = f"{what or 'expression'} is of type {shown(source)} but type {shown(target)} is expected"
    raise SqlError(TYPE_MISMATCH, reason)


def _typed_by_place(node: exp.Expr, target: SqlType, parameters: Parameters) -> exp.Expr:
    if isinstance(node, exp.Paren):
        return _typed_by_place(node.this, target, parameters)
    if isinstance(node, exp.Literal):
        return literal(read_value(require_text(node.name), _widest(target)))
    if isinstance(node, exp.Placeholder):
        value = parameters.value(node)
        if isinstance(value, str):
            parameters.set(node, read_value(value, _widest(target)))
    return node  # NULL, which is of every type.


def _widest(target: SqlType) -> SqlType:
    """Return the type without its limit of length: only where a value is stored it has to keep to that."""
    return decimal_type(target.scale) if target.name == "DECIMAL" else SqlType(target.name)


def scaled_up(node: exp.Expr, digits: int, *, is_checked: bool = True) -> exp.Expr:
    """Return a number in units of a scale that has more digits."""
    value = whole_value(node)
    if not digits:
        return node
    if value is not None and INTEGER_MIN <= value * 10**digits <= INTEGER_MAX:
        return literal(value * 10**digits)
    factor = number(10**digits)
    return call("exact_multiply", node, factor) if is_checked else operation(exp.Mul, node, factor)


def as_real(node: exp.Expr, source: SqlType) -> exp.Expr:
    value = whole_value(node)
    if value is not None:
        return literal(value / 10**source.scale)  # Of whole numbers Python's quotient is the nearest float.
    cast = exp.Cast(this=node, to=exp.DataType.build("REAL", dialect="sqlite"))
    if not source.scale:
        return cast
    return operation(exp.Div, cast, exp.Literal(this=f"{10**source.scale}.0", is_string=False))


def settled(typed: Typed) -> Typed:
    """Return an expression whose type is known at last: what nothing gave one is a text."""
    return typed if typed.type is not None else Typed(typed.node, TEXT)
