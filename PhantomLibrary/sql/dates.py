"""Days and times in expressions: distances in days, intervals, parts of a date."""

from __future__ import annotations

import re

from sqlglot import exp

from PhantomLibrary.errors import nearest
from PhantomLibrary.sql.binder import Binder, type_error
from PhantomLibrary.sql.errors import INVALID_ARGUMENT, UNKNOWN_FUNCTION, SqlError, unsupported
from PhantomLibrary.sql.typed import Typed, call, literal, number, whole_value
from PhantomLibrary.sql.values import DATE, INTEGER, TIMESTAMP

PARTS = ("year", "quarter", "month", "week", "day", "dow", "isodow", "doy", "hour", "minute", "second")
TRUNCATIONS = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
_UNITS = {
    "year": (12, 0),
    "quarter": (3, 0),
    "month": (1, 0),
    "week": (0, 7 * 86_400),
    "day": (0, 86_400),
    "hour": (0, 3600),
    "minute": (0, 60),
    "second": (0, 1),
}
_INTERVAL = re.compile(r"\s*([+-]?\d{1,9})\s*([a-z]+?)s?\b\s*", re.IGNORECASE | re.ASCII)


def days_between(binder: Binder, node: exp.Expr, left: Typed, right: Typed) -> Typed:
    """Return DATE + days, DATE - days, or the days between two dates."""
    sign = "+" if isinstance(node, exp.Add) else "-" if isinstance(node, exp.Sub) else node.key
    names = [None if each.type is None else each.type.name for each in (left, right)]
    if sign == "-" and names[0] == "DATE" and names[1] in ("DATE", None):
        return Typed(call("days_between", left.node, binder.coerce(right, DATE)), INTEGER)
    if sign in "+-" and names == ["DATE", "INTEGER"]:
        days = right.node if sign == "+" else call("exact_subtract", number(0), right.node)
        return Typed(call("add_days", left.node, days), DATE)
    if sign == "+" and names == ["INTEGER", "DATE"]:
        return Typed(call("add_days", right.node, left.node), DATE)
    hint = "days are added to a DATE, intervals to a DATE or a TIMESTAMP, and two DATEs are subtracted"
    raise SqlError(UNKNOWN_FUNCTION, f"{type_error(sign, left.type, right.type)}: {hint}")


def add_interval(binder: Binder, node: exp.Expr) -> Typed:
    """Return a day or a time plus or minus an interval. A DATE stays one, unless the interval has a time."""
    left = binder.bind(node.this)
    if not isinstance(node, exp.Add | exp.Sub) or left.type is None or left.type.name not in ("DATE", "TIMESTAMP"):
        raise SqlError(UNKNOWN_FUNCTION, type_error(node.key, left.type, None) + ": an interval is added to a DATE")
    months, seconds = _interval(node.expression)
    if isinstance(node, exp.Sub):
        months, seconds = -months, -seconds
    if left.type == DATE and seconds % 86_400 == 0:
        arguments = literal(months), literal(seconds // 86_400)
        return Typed(call("add_to_date", left.node, *arguments), DATE)
    moment = binder.coerce(left, TIMESTAMP)
    return Typed(call("add_to_timestamp", moment, literal(months), literal(seconds)), TIMESTAMP)


def _interval(node: exp.Expr) -> tuple[int, int]:
    """Return months and seconds of INTERVAL '1' YEAR or INTERVAL '1 year 2 days'."""
    value, unit = node.this, node.args.get("unit")
    text = value.name if isinstance(value, exp.Literal) else str(whole_value(value)) if value is not None else ""
    if unit is not None:
        text = f"{text} {unit.name}"
    months = seconds = end = 0
    for found in _INTERVAL.finditer(text):
        if found.start() != end or found[2].lower() not in _UNITS:
            break
        end = found.end()
        each_months, each_seconds = _UNITS[found[2].lower()]
        months, seconds = months + int(found[1]) * each_months, seconds + int(found[1]) * each_seconds
    if not text or end != len(text):
        raise SqlError(INVALID_ARGUMENT, f"invalid interval {text!r}: as in INTERVAL '3 months' ({', '.join(_UNITS)})")
    return months, seconds


def bind_extract(binder: Binder, node: exp.Expr) -> Typed:
    return part_of(binder, node.this.name, node.expression)


def part_of(binder: Binder, part: str, node: exp.Expr) -> Typed:
    """Return EXTRACT(part FROM …), a whole number."""
    _require(part, PARTS, "EXTRACT")
    moment = binder.bind(node)
    if moment.type is None or moment.type.name not in ("DATE", "TIMESTAMP"):
        raise SqlError(UNKNOWN_FUNCTION, f"EXTRACT takes a DATE or a TIMESTAMP, not {node.sql()}")
    return Typed(call("date_part", exp.Literal.string(part.lower()), moment.node), INTEGER)


def truncated(binder: Binder, part: str, node: exp.Expr) -> Typed:
    """Return DATE_TRUNC('month', …), of the type that it is given."""
    _require(part, TRUNCATIONS, "DATE_TRUNC")
    moment = binder.bind(node)
    if moment.type is None or moment.type.name not in ("DATE", "TIMESTAMP"):
        raise SqlError(UNKNOWN_FUNCTION, f"DATE_TRUNC takes a DATE or a TIMESTAMP, not {node.sql()}")
    name = "truncate_date" if moment.type == DATE else "truncate_timestamp"
    return Typed(call(name, exp.Literal.string(part.lower()), moment.node), moment.type)


def refuse_clock(binder: Binder, node: exp.Expr) -> Typed:
    raise unsupported(f"{node.sql()}", "statements have no clock: give the time as a parameter")


def _require(part: str, parts: tuple[str, ...], function: str) -> None:
    if part.lower() not in parts:
        raise SqlError(INVALID_ARGUMENT, f"{function} knows no part {part!r}{nearest(part, parts)}: {', '.join(parts)}")
