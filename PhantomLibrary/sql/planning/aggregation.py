"""Aggregates in two phases: what each place computes of its rows, and how the parts become one value.

The average of averages is none: where groups are spread unevenly it weighs rows unequally. So the front end gives AVG
as sums and a count, each of which merges without loss; a count merges as a sum of counts, and aggregates of distinct
values as the values themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlglot import exp

from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.relations import NotDistributable


class Aggregates:
    """Finds aggregates and splits them."""

    def find(self, nodes: Iterable[exp.Expr]) -> list[exp.Expr]:
        """Return the aggregates in expressions, those over windows left out, in order."""
        return trees.aggregates_in(nodes)

    def partial(self, node: exp.Expr) -> exp.Expr:
        """Return what each place computes of an aggregate, which may have a FILTER."""
        return node.copy()

    def merged(self, node: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Return what makes one value of a column of partial ones. Raises NotDistributable where nothing does."""
        aggregate = node.this if isinstance(node, exp.Filter) else node
        if isinstance(aggregate, exp.Count):
            return self.merged_count(part)
        if isinstance(aggregate, exp.Sum):
            return exp.Sum(this=part)
        if isinstance(aggregate, exp.Min | exp.Max) and not aggregate.expressions:
            return type(aggregate)(this=part)
        if isinstance(aggregate, exp.Anonymous) and aggregate.name == "real_state":
            return exp.Anonymous(this="real_merge", expressions=[part])
        raise NotDistributable(f"{aggregate.sql()} needs all of its rows in one place")

    def merged_count(self, part: exp.Expr) -> exp.Expr:
        # Of no parts, where no shard has a row, the sum is NULL.
        return exp.Coalesce(this=exp.Sum(this=part), expressions=[exp.Literal.number(0)])


def distinct_arguments(node: exp.Expr) -> list[exp.Expr] | None:
    """Return what an aggregate takes the distinct values of, None where it takes all of them."""
    if isinstance(node, exp.Filter):
        return None if distinct_arguments(node.this) is None else []
    first = node.expressions[0] if isinstance(node, exp.Anonymous) and node.expressions else node.this
    return list(first.expressions) if isinstance(first, exp.Distinct) else None


def replaced(node: exp.Expr, choose: Callable[[exp.Expr], exp.Expr | None]) -> exp.Expr:
    """Return an expression with its outermost parts for which `choose` has another replaced."""
    new = choose(node)
    if new is not None:
        return new
    for part in list(node.iter_expressions()):
        other = replaced(part, choose)
        if other is not part:
            part.replace(other)
    return node


def position_in(nodes: Sequence[exp.Expr], node: exp.Expr) -> int | None:
    """Return where an equal expression stands."""
    return next((number for number, each in enumerate(nodes) if each == node), None)
