"""What plans answer, against one SQLite that has the same rows."""

from __future__ import annotations

from functools import cache

import pytest

from PhantomLibrary.sql.planning.joins import JoinChoice, PlanOptions
from PhantomLibrary.sql.planning.planner import plan
from PhantomLibrary.sql.plans import Plan
from tests.unit.sql.planning.local import Row, Shards
from tests.unit.sql.planning.queries import GROUPS
from tests.unit.sql.planning.world import CATALOG, bind, expected, rows_of, same, shards

CHOICES: tuple[JoinChoice, ...] = ("by cost", "broadcast", "shuffle", "gather")


@cache
def cluster(count: int, kind: str = "all") -> Shards:
    rows = rows_of()
    if kind == "empty":
        rows = {name: each if name in ("r", "b") else [] for name, each in rows.items()}
    elif kind == "skewed":
        rows["c"] = [(3, number, 1) for number in range(20)]
        rows["b"] = [(number, 3, 1, "a") for number in range(20)]
    return shards(count, rows=rows)


@cache
def plans(text: str) -> list[tuple[JoinChoice, Plan]]:
    """Return the plans that differ, each with a choice that leads to it."""
    bound = bind(text)
    found: dict[object, tuple[JoinChoice, Plan]] = {}
    for choice in CHOICES:
        chosen = plan(bound, CATALOG, {}, options=PlanOptions(joins=choice))
        found.setdefault((chosen.fragments, chosen.final), (choice, chosen))
    return list(found.values())


@cache
def answer(text: str, kind: str) -> list[Row]:
    return expected(cluster(3, kind), bind(text))


def check(text: str, count: int, kind: str = "all") -> None:
    made, bound, wanted = cluster(count, kind), bind(text), answer(text, kind)
    for choice, chosen in plans(text):
        got = made.run(chosen)
        assert same(bound, got, wanted), f"{text}\n{choice}: {got}\nnot {wanted}\n{chosen}"


@pytest.mark.parametrize("group", GROUPS)
def test_answers_are_those_of_one_sqlite_whatever_the_ways_to_join(group: str) -> None:
    for text in GROUPS[group]:
        check(text, 3)


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("group", ["aggregates", "joins", "subqueries"])
def test_answers_do_not_depend_on_how_many_shards_there_are(group: str, count: int) -> None:
    for text in GROUPS[group][::2]:
        check(text, count)


@pytest.mark.parametrize("kind", ["empty", "skewed"])
@pytest.mark.parametrize("group", ["aggregates", "joins", "grouped_joins", "subqueries"])
def test_answers_are_right_over_empty_tables_and_where_most_rows_are_in_one_shard(group: str, kind: str) -> None:
    for text in GROUPS[group][1::2]:
        check(text, 3, kind)
