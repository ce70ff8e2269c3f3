"""NULL, hexadecimal literals and parameters."""

from __future__ import annotations

from sqlglot import exp

from PhantomLibrary.sql.binder import Binder
from PhantomLibrary.sql.errors import INVALID_TEXT, SYNTAX_ERROR, SqlError
from PhantomLibrary.sql.typed import Typed
from PhantomLibrary.sql.values import BLOB


def bind_null(binder: Binder, node: exp.Expr) -> Typed:
    return Typed(exp.Null(), None)


def bind_hex(binder: Binder, node: exp.Expr) -> Typed:
    """Return a literal as x'00ff', which is a BLOB."""
    digits = str(node.this)
    try:
        bytes.fromhex(digits)
    except ValueError:
        reason = f"invalid hexadecimal data: x'{digits}' has to have two digits for each byte"
        raise SqlError(INVALID_TEXT, reason) from None
    return Typed(exp.HexString(this=digits), BLOB)


def bind_placeholder(binder: Binder, node: exp.Expr) -> Typed:
    if not node.name.isdecimal():
        raise SqlError(SYNTAX_ERROR, f"a parameter is written as ?, not as :{node.name}")
    return binder.parameters.bind(node.name)
