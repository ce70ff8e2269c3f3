"""The planted defects of queries over shards: what each one is, where it was seen, and which failures give it away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PhantomLibrary.sql.planning.planning import Planning
from PhantomLibrary.zoo.defect import Defect, Plant, laid_over

if TYPE_CHECKING:
    from PhantomLibrary.sql.planning.planner import Planner

_WRONG = ("QRY-001", "QRY-002", "QRY-003", "EXP-001")


def in_planner(path: str, overlay: str) -> Plant:
    """Lay an overlay of query_planners over the class under a path of attributes of the planner."""

    class Overlaid(Planning):
        def planner(self) -> type[Planner]:
            from PhantomLibrary.zoo import query_planners

            return query_planners.laid(path.split("."), getattr(query_planners, overlay), super().planner())

    return laid_over("planning", Overlaid)


QUERY_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "avg-of-averages",
            "The average over shards is the average of the averages of shards, however many rows each has.",
            "oceanbase issue 2418 (2026)",
            _WRONG,
            in_planner("uppers.aggregates", "MergesAverages"),
        ),
        Defect(
            "count-of-rows-for-values",
            "Shards count rows where the values of an expression are to be counted, NULLs among them.",
            "oceanbase issue 2418 (2026)",
            _WRONG,
            in_planner("uppers.aggregates", "CountsRows"),
        ),
        Defect(
            "limit-under-outer-join",
            "Both sides of an outer join send no more than its first rows.",
            "Presto issue 12638 (2019)",
            _WRONG,
            in_planner("joiner", "LimitsBothSides"),
        ),
        Defect(
            "aggregate-pushed-to-nullable-side",
            "The side of an outer join whose rows may be missing is grouped before the join, which then counts groups.",
            "TiDB issues 34465 and 34863; Doris pull request 62107",
            _WRONG,
            in_planner("joiner", "GroupsBeforeTheJoin"),
        ),
        Defect(
            "scan-of-one-branch",
            "Of alternatives in a condition only the first one decides which shards are asked.",
            "Jepsen TigerBeetle 0.16.11 (2025): scans with several predicates missed rows",
            _WRONG,
            in_planner("blocks.pruner", "PrunesByOneBranch"),
        ),
        Defect(
            "null-equals-null",
            "A join by hash takes two NULLs for equal.",
            "what hash joins are prone to",
            _WRONG,
            in_planner("joiner", "MatchesNulls"),
        ),
        Defect(
            "not-in-passes-over-nulls",
            "Each shard answers NOT IN by its part of the rows, though a NULL in another part would decide.",
            "general: anti-joins by hash",
            _WRONG,
            in_planner("subqueries", "ComparesParts"),
        ),
    )
}
