"""How many rows and bytes there will be, as whole numbers. A wrong guess makes a plan slow, never wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlglot import exp

from PhantomLibrary.sql.catalog import Table
from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.plans import TableStatistics

ROWS_UNKNOWN = 1000
_WIDTH = {"INTEGER": 8, "DECIMAL": 8, "REAL": 8, "BOOLEAN": 2, "DATE": 12, "TIMESTAMP": 20, "TEXT": 24, "BLOB": 64}
_DISTINCT_UNKNOWN = 10


def statistics_of(table: Table, statistics: Mapping[int, TableStatistics]) -> TableStatistics:
    """Return what is known of a table, or what is likely where nothing is."""
    known = statistics.get(table.number)
    if known is not None and known.rows > 0:
        return known
    width = sum(_WIDTH[each.type.name] for each in table.columns)
    rows = ROWS_UNKNOWN if known is None else 1
    return TableStatistics(rows, rows * width)


def rows_after(table: Table, statistics: TableStatistics, conditions: Iterable[exp.Expr]) -> int:
    """Return how many rows of a table probably satisfy conditions on it alone."""
    rows = statistics.rows
    known = dict(statistics.distinct)
    fixed: list[str] = []
    for condition in conditions:
        condition = trees.unwrapped(condition)
        if isinstance(condition, exp.EQ):
            names = [ref[1] for side in (condition.this, condition.expression) if (ref := trees.ref_of(side))]
            if len(names) == 1:
                fixed.append(names[0])
            rows //= max(1, known.get(names[0], _DISTINCT_UNKNOWN)) if names else 2  # 0 where all are NULL.
        elif isinstance(condition, exp.In) and condition.expressions:
            ref = trees.ref_of(condition.this)
            distinct = known.get(ref[1], _DISTINCT_UNKNOWN) if ref else _DISTINCT_UNKNOWN
            rows = min(rows, rows * len(condition.expressions) // max(1, distinct))
        elif isinstance(condition, exp.Not):
            rows = rows * 9 // 10
        elif isinstance(condition, exp.Between | exp.Like):
            rows //= 4
        else:
            rows //= 3 if isinstance(condition, exp.LT | exp.LTE | exp.GT | exp.GTE) else 2
    if table.primary_key and all(name in fixed for name in table.primary_key):
        return 1
    return max(1, rows)


def joined_rows(left: int, right: int, equalities: int) -> int:
    """Return how many rows a join probably has: one partner a row of the larger side, where columns are compared."""
    if equalities:
        return max(left, right)
    return min(left * right, 1 << 50)
