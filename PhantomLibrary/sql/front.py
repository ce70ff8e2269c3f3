"""The front end: text to a bound statement.

    bind(parse(text), catalog, parameters)

Both raise SqlError, and have no effect. This imports sqlglot and apsw: see extra.py where they may be missing.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from PhantomLibrary.sql.bind import bind_query
from PhantomLibrary.sql.catalog import Catalog
from PhantomLibrary.sql.ddl import define, truncate
from PhantomLibrary.sql.depth import room_for_nesting
from PhantomLibrary.sql.modifications import ModificationBinder
from PhantomLibrary.sql.parser import parse
from PhantomLibrary.sql.statements import Bound, Parsed

__all__ = ["bind", "parse"]


def bind(parsed: Parsed, catalog: Catalog, parameters: Sequence[object] = ()) -> Bound:
    """Return a statement bound to a catalog and its parameters. Raises SqlError."""
    with room_for_nesting():
        return _bound(parsed, catalog, parameters)


def _bound(parsed: Parsed, catalog: Catalog, parameters: Sequence[object]) -> Bound:
    tree = parsed.tree
    if isinstance(tree, exp.Insert):
        return ModificationBinder(parsed, catalog, parameters).insert()
    if isinstance(tree, exp.Update):
        return ModificationBinder(parsed, catalog, parameters).update()
    if isinstance(tree, exp.Delete):
        return ModificationBinder(parsed, catalog, parameters).delete()
    if isinstance(tree, exp.TruncateTable):
        return truncate(tree, catalog)
    if isinstance(tree, exp.Create | exp.Drop | exp.Alter):
        return define(parsed, catalog)
    return bind_query(parsed, catalog, parameters)
