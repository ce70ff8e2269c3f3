"""Defects of the planner of queries. Imported when a planner with one of them plans its first query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlglot import exp

from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.aggregation import Aggregates
from PhantomLibrary.sql.planning.joins import Joiner
from PhantomLibrary.sql.planning.limits import First
from PhantomLibrary.sql.planning.pruning import Pruner
from PhantomLibrary.sql.planning.relations import Ranges
from PhantomLibrary.sql.planning.stages import Block, Source, Stage
from PhantomLibrary.sql.planning.subqueries import Subqueries
from PhantomLibrary.zoo.defect import over


class MergesAverages(Aggregates):
    """Has each place compute its averages, and takes the average of these."""

    def find(self, nodes: Iterable[exp.Expr]) -> list[exp.Expr]:
        every = list(nodes)
        averages = [each for node in every for each in trees.own_nodes(node) if _is_average(each)]
        inside = [part for each in averages for part in super(MergesAverages, self).find([each])]
        return [*averages, *(each for each in super().find(every) if not any(each is part for part in inside))]

    def merged(self, node: exp.Expr, part: exp.Expr) -> exp.Expr:
        if not _is_average(node):
            return super().merged(node, part)
        kind = "INTEGER" if node.name == "decimal_average" else "REAL"
        return exp.Cast(this=exp.Avg(this=part), to=exp.DataType.build(kind))


def _is_average(node: exp.Expr) -> bool:
    is_named = isinstance(node, exp.Anonymous) and node.name.endswith("_average")
    return is_named and bool(trees.aggregates_in([node]))


class CountsRows(Aggregates):
    """Counts rows where the values of an expression are to be counted."""

    def partial(self, node: exp.Expr) -> exp.Expr:
        return exp.Count(this=exp.Star()) if isinstance(node, exp.Count) else super().partial(node)


class LimitsBothSides(Joiner):
    """Takes the first rows of both sides of an outer join for all that its first rows need."""

    def may_be_limited(self, block: Block, side: str, stage: Stage, first: First, *, is_left: bool) -> bool:
        return True


class GroupsBeforeTheJoin(Joiner):
    """Groups the side of an outer join whose rows may be missing before the join, and forgets how many there were."""

    def _push_own(self, block: Block, side: str, stage: Stage, *, is_left: bool) -> None:
        super()._push_own(block, side, stage, is_left=is_left)
        if side and not is_left and self._is_grouped(block):
            alias, needed = stage.aliases[0], block.needed(stage)
            select = exp.Select(expressions=[trees.column(ref) for ref in needed], distinct=exp.Distinct())
            stage.put_into(select)
            stage.where = []
            stage.sources = [Source(exp.Subquery(this=select, alias=exp.TableAlias(this=exp.to_identifier(alias))))]

    def _is_grouped(self, block: Block) -> bool:
        return bool(trees.aggregates_in(block.select.expressions))


class MatchesNulls(Joiner):
    """Joins rows whose keys are both NULL, as a hash table does that takes NULL for a value."""

    def keeps_nulls(self, side: str, *, is_left: bool) -> bool:
        return True

    def _merged(self, block: Block, left: Stage, right: Stage, rows: int) -> Stage:
        is_shuffled = left.site == right.site == "workers"
        compared = self._between(block, left, right) if is_shuffled else []
        merged = super()._merged(block, left, right, rows)
        for each in compared:
            if isinstance(each, exp.EQ):
                each.replace(same := exp.Is(this=each.this, expression=each.expression))
                block.waiting = [same if one is each else one for one in block.waiting]
        return merged


class ComparesParts(Subqueries):
    """Lets each place answer NOT IN by the rows that it has, among which the NULL may be missing that decides."""

    def is_required(self, query: exp.Query, parts: Sequence[exp.Expr]) -> bool:
        return query.find_ancestor(exp.In) is not None


class PrunesByOneBranch(Pruner):
    """Looks for the rows of the first of two alternatives only."""

    def either(self, first: Ranges, second: Ranges) -> Ranges:
        return first or second


def laid(path: Sequence[str], overlay: type, base: type) -> type[Any]:
    """Return a class like the base, in which the class under a path of attributes has an overlay over it."""
    if not path:
        return over(overlay, base)
    name, *rest = path
    return type(base.__name__, (base,), {name: laid(rest, overlay, getattr(base, name))})
