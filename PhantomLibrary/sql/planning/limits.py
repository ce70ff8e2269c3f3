"""How many first rows are enough: of each place, and of the side of a left join whose rows are all in the result."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlglot import exp

from PhantomLibrary.sql.catalog import Stored
from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.relations import Ref
from PhantomLibrary.sql.planning.stages import Block, Stage


class First(Struct, frozen=True):
    """So many rows, the first ones in an order."""

    rows: int
    terms: tuple[exp.Ordered, ...]

    def put_into(self, query: exp.Query) -> None:
        """Ask for these rows of a query."""
        query.set("order", exp.Order(expressions=list(self.terms)) if self.terms else None)
        query.set("limit", exp.Limit(expression=exp.Literal.number(self.rows)))


def rows_wanted(limit: exp.Expr | None, offset: exp.Expr | None, parameters: Sequence[Stored]) -> int | None:
    """Return how many first rows LIMIT and OFFSET look at, None where that is not known or all are."""
    if limit is None:
        return None
    count = trees.value_of(limit.expression, parameters)
    skipped = trees.value_of(offset.expression, parameters) if offset is not None else (0,)
    if count is None or skipped is None or not isinstance(count[0], int) or not isinstance(skipped[0], int):
        return None
    return count[0] + max(0, skipped[0]) if count[0] >= 0 else None


def first_of(block: Block, stage: Stage, parameters: Sequence[Stored]) -> First | None:
    """Return the first rows of a stage by the leading terms of a block's ORDER BY that are columns of it."""
    select = block.select
    rows = rows_wanted(select.args.get("limit"), select.args.get("offset"), parameters)
    if rows is None:
        return None
    terms = []
    for term in select.args["order"].expressions if select.args.get("order") is not None else ():
        ref = _column_of(select, term.this)
        if ref is None or ref not in stage.facts:
            break
        order = {name: term.args.get(name) for name in ("desc", "nulls_first")}
        terms.append(exp.Ordered(this=trees.column(ref), **order))
    return First(rows, tuple(terms))


def is_one_row_each(first: First, stage: Stage) -> bool:
    """Return whether no two rows of a stage agree in what it is ordered by, so that there are no ties to cut."""
    refs = [trees.ref_of(term.this) for term in first.terms]
    return bool(stage.unique) and all(ref in refs for ref in stage.unique)


def is_plain(select: exp.Select) -> bool:
    """Return whether each row of FROM and WHERE is one of the result."""
    parts = [*select.expressions, *(each for each in (select.args.get("order"),) if each is not None)]
    if any(select.args.get(each) is not None for each in ("group", "having", "distinct")):
        return False
    return not (trees.aggregates_in(parts) or trees.windows_in(parts) or any(map(trees.queries_in, parts)))


def _column_of(select: exp.Select, node: exp.Expr) -> Ref | None:
    node = trees.unwrapped(node)
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal():
        return trees.ref_of(select.expressions[int(node.name) - 1].unalias())
    if isinstance(node, exp.Column) and not node.table:
        named = [each for each in select.expressions if each.alias_or_name == node.name]
        return trees.ref_of(named[0].unalias()) if len(named) == 1 else None
    return trees.ref_of(node)
