"""Binds a statement to a catalog and to its parameters."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from PhantomLibrary.sql.binder import Statement
from PhantomLibrary.sql.catalog import Catalog, SqlType, Stored
from PhantomLibrary.sql.errors import WRONG_PARAMETERS, SqlError
from PhantomLibrary.sql.plans import ResultColumn
from PhantomLibrary.sql.queries import QueryBinder
from PhantomLibrary.sql.statements import BoundQuery, Parsed
from PhantomLibrary.sql.typed import Parameters
from PhantomLibrary.sql.values import TEXT, parameter


def bind_query(parsed: Parsed, catalog: Catalog, parameters: Sequence[object] = ()) -> BoundQuery:
    """Return a query bound. Raises SqlError."""
    statement = Statement(catalog, bound_parameters(parsed, parameters))
    tree, outputs = QueryBinder(statement).bind(parsed.tree, None, is_top=True)
    columns = tuple(ResultColumn(each.name, each.type or TEXT) for each in outputs)
    return BoundQuery(
        tree,
        columns,
        tuple(sorted(statement.tables)),
        used_parameters(tree, statement.parameters.values),
        isinstance(tree.args.get("order"), exp.Order),
        parsed.explain,
    )


def used_parameters(tree: exp.Expr, values: Sequence[Stored]) -> tuple[Stored, ...]:
    """Return the parameters that are part of a tree, which gets their new numbers: SQLite wants just as many."""
    nodes = list(tree.find_all(exp.Placeholder))
    used = sorted({int(each.name) for each in nodes})
    if len(used) < len(values):
        numbers = {str(old): str(new) for new, old in enumerate(used, start=1)}
        for each in nodes:
            each.set("this", numbers[each.name])
    return tuple(values[old - 1] for old in used)


def bound_parameters(parsed: Parsed, values: Sequence[object]) -> Parameters:
    """Return the parameters of a statement, checked."""
    if len(values) != len(parsed.placeholders):
        count = len(parsed.placeholders)
        given = f"{len(values)} {'was' if len(values) == 1 else 'were'} given"
        raise SqlError(
            WRONG_PARAMETERS, f"the statement has {count} parameter{'' if count == 1 else 's'} (?), but {given}"
        )
    stored: list[Stored] = []
    types: list[SqlType | None] = []
    for value in values:
        each, kind = parameter(value)
        stored.append(each)
        types.append(kind)
    return Parameters(parsed.placeholders, stored, types)
