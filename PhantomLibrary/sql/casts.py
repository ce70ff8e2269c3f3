"""CAST, and the functions that read and write numbers and days as texts."""

from __future__ import annotations

from sqlglot import exp

from PhantomLibrary.sql.binder import Binder
from PhantomLibrary.sql.catalog import SqlType, TypeName
from PhantomLibrary.sql.errors import INVALID_DEFINITION, TYPE_MISMATCH, UNKNOWN_OBJECT, SqlError
from PhantomLibrary.sql.typed import Typed, as_real, call, coerce, number, operand
from PhantomLibrary.sql.values import DECIMAL_DIGITS_MAX, TEXT, type_text

_NAMES: dict[str, TypeName] = {
    **dict.fromkeys(("INT", "BIGINT", "SMALLINT", "TINYINT", "MEDIUMINT"), "INTEGER"),
    **dict.fromkeys(("DECIMAL", "BIGDECIMAL"), "DECIMAL"),
    **dict.fromkeys(("DOUBLE", "FLOAT"), "REAL"),
    **dict.fromkeys(("TEXT", "VARCHAR", "CHAR", "NVARCHAR", "NCHAR"), "TEXT"),
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    **dict.fromkeys(("TIMESTAMP", "DATETIME", "TIMESTAMPNTZ"), "TIMESTAMP"),
    **dict.fromkeys(("BLOB", "VARBINARY", "BINARY"), "BLOB"),
}
TYPES = "INTEGER, DECIMAL(p,s), REAL, TEXT, VARCHAR(n), BOOLEAN, DATE, TIMESTAMP and BLOB"
_TO_TEXT = {"REAL": "real_text", "DECIMAL": "decimal_text", "BOOLEAN": "boolean_text"}
_FROM_TEXT = {
    "INTEGER": "text_to_integer",
    "REAL": "text_to_real",
    "BOOLEAN": "text_to_boolean",
    "DATE": "text_to_date",
    "TIMESTAMP": "text_to_timestamp",
}


def sql_type(node: exp.Expr) -> SqlType:
    """Return the type that a DataType of the tree says."""
    kind = node.this.name if isinstance(node.this, exp.DType) else str(node.this)
    name = _NAMES.get(kind)
    written = node.sql()
    if name is None or node.args.get("nested"):
        raise SqlError(UNKNOWN_OBJECT, f"type {node.args.get('kind') or written} does not exist: there are {TYPES}")
    sizes = [int(each.name) for each in node.expressions if each.name.isdecimal()]
    if name == "DECIMAL":
        precision, scale = (*sizes, 0)[:2] if sizes else (DECIMAL_DIGITS_MAX, 6)
        if not 1 <= precision <= DECIMAL_DIGITS_MAX or scale > precision:
            limits = f"1 to {DECIMAL_DIGITS_MAX} digits, no more of them after the point"
            raise SqlError(INVALID_DEFINITION, f"{written} cannot be: a DECIMAL has {limits}")
        return SqlType(name, precision, scale)
    if name == "TEXT" and sizes:
        if not sizes[0]:
            raise SqlError(INVALID_DEFINITION, f"{written} cannot be: the length is at least 1")
        return SqlType(name, sizes[0])
    return SqlType(name)


def bind_cast(binder: Binder, node: exp.Expr) -> Typed:
    """Return CAST(x AS type), x::type or DATE '…'."""
    target = sql_type(node.args["to"])
    source = binder.bind(node.this)
    if source.type is None:
        if target.name == "TEXT":
            return Typed(_limited(coerce(source, TEXT, binder.parameters), target), target)
        return Typed(_sized(coerce(source, target, binder.parameters), target), target)
    converted = convert(binder, source, target)
    if converted is None:
        reason = f"cannot cast type {type_text(source.type)} to {type_text(target)}: {node.sql()[:60]}"
        raise SqlError(TYPE_MISMATCH, reason)
    return Typed(converted, target)


def convert(binder: Binder, source: Typed, target: SqlType) -> exp.Expr | None:
    """Return an expression as one of another type by an explicit cast, None where there is none."""
    node, kind = source.node, source.type
    assert kind is not None
    pair = kind.name, target.name
    if kind.name == target.name and kind.name != "DECIMAL":
        return _limited(node, target) if target.name == "TEXT" else node
    if target.name == "TEXT":
        return _limited(text_of(source), target) if kind.name != "BLOB" else None
    if target.name == "DECIMAL" and kind.name in ("INTEGER", "DECIMAL"):
        if kind.name == "DECIMAL" and kind.scale == target.scale and kind.precision <= target.precision:
            return node
        return _sized(call("rescale", node, number(kind.scale), number(target.scale)), target)
    if kind.name == "TEXT" and target.name == "DECIMAL":
        return _sized(call("text_to_decimal", node, number(target.scale)), target)
    if kind.name == "TEXT" and target.name in _FROM_TEXT:
        return call(_FROM_TEXT[target.name], node)
    if pair == ("REAL", "DECIMAL"):
        return _sized(call("real_to_decimal", node, number(target.scale)), target)
    if pair == ("REAL", "INTEGER"):
        return call("real_to_integer", node)
    if pair == ("DECIMAL", "INTEGER"):
        return exp.Div(this=operand(node), expression=number(10**kind.scale), typed=True, safe=True)
    if target.name == "REAL" and kind.name in ("INTEGER", "DECIMAL"):
        return as_real(node, kind)
    if pair == ("BOOLEAN", "INTEGER"):
        return node
    if pair == ("INTEGER", "BOOLEAN"):
        return exp.NEQ(this=operand(node), expression=number(0))
    if pair == ("TIMESTAMP", "DATE"):
        return exp.Anonymous(this="substr", expressions=[node, number(1), number(10)])
    return binder.coerce(source, target) if pair == ("DATE", "TIMESTAMP") else None


def text_of(source: Typed) -> exp.Expr:
    """Return an expression as the text that CAST makes of it."""
    kind = source.type
    if kind is None or kind.name in ("TEXT", "DATE", "TIMESTAMP"):
        return source.node
    if kind.name == "DECIMAL":
        return call("decimal_text", source.node, number(kind.scale))
    if kind.name in _TO_TEXT:
        return call(_TO_TEXT[kind.name], source.node)
    return call("integer_text", source.node)


def _sized(node: exp.Expr, target: SqlType) -> exp.Expr:
    if target.name != "DECIMAL" or target.precision >= DECIMAL_DIGITS_MAX:
        return node
    return call("fit_decimal", node, number(target.precision), number(target.scale))


def _limited(node: exp.Expr, target: SqlType) -> exp.Expr:
    # As PostgreSQL: an explicit cast cuts, an assignment refuses.
    if not target.precision:
        return node
    return exp.Anonymous(this="substr", expressions=[node, number(1), number(target.precision)])
