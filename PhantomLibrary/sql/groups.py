"""What a grouped query may name outside of aggregates: what it groups by, and what follows from that."""

from __future__ import annotations

from sqlglot import exp

from PhantomLibrary.sql.aggregates import is_aggregate
from PhantomLibrary.sql.errors import GROUPING_ERROR, SqlError
from PhantomLibrary.sql.scopes import Scope, Source, column


def require_grouped(node: exp.Expr, groups: list[exp.Expr], scope: Scope) -> None:
    """Refuse a bound expression that names a column of a single row of a group.

    Where the primary key of a table is among the groups, its other columns are the same for all rows of one.
    """
    if any(node == each for each in groups):
        return
    if isinstance(node, exp.Column):
        source = next((each for each in scope.sources if each.alias == node.table), None)
        if source is not None and not _is_determined(source, groups):
            name = f"{source.name}.{node.name}"
            reason = f"column {name} must appear in the GROUP BY clause or be used in an aggregate function"
            raise SqlError(GROUPING_ERROR, reason)
        return
    if isinstance(node, exp.Window):
        for child in node.this.iter_expressions():
            require_grouped(child, groups, scope)
        parts = [*(node.args.get("partition_by") or ()), node.args.get("order")]
        for part in parts:
            if part is not None:
                require_grouped(part, groups, scope)
        return
    if is_aggregate(node) or isinstance(node, exp.Filter):
        return
    for child in node.iter_expressions():
        require_grouped(child, groups, scope)


def _is_determined(source: Source, groups: list[exp.Expr]) -> bool:
    if source.table is None:
        return False
    return all(any(each == column(name, source.alias) for each in groups) for name in source.table.primary_key)
