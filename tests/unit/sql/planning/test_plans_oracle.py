"""What plans answer, against one SQLite that has the same rows."""

from __future__ import annotations

from functools import cache

import pytest

from PhantomLibrary.sql.planning.joins import JoinChoice, PlanOptions
from PhantomLibrary.sql.planning.planner import plan
from tests.unit.sql.planning.local import Shards
from tests.unit.sql.planning.queries import GROUPS
from tests.unit.sql.planning.world import CATALOG, bind, expected, same, shards

CHOICES: tuple[JoinChoice, ...] = ("by cost", "broadcast", "shuffle", "gather")


@cache
def cluster(count: int) -> Shards:
    return shards(count)


@pytest.mark.parametrize("count", [1, 3, 7])
@pytest.mark.parametrize("group", GROUPS)
def test_answers_are_those_of_one_sqlite_whatever_the_shards_and_ways_to_join(group: str, count: int) -> None:
    made = cluster(count)
    for text in GROUPS[group]:
        bound = bind(text)
        wanted = expected(made, bound)
        plans = {}
        for choice in CHOICES:
            chosen = plan(bound, CATALOG, {}, options=PlanOptions(joins=choice))
            plans[chosen.fragments, chosen.final] = choice, chosen
        for choice, chosen in plans.values():
            got = made.run(chosen)
            assert same(bound, got, wanted), f"{text}\n{choice}: {got}\nnot {wanted}\n{chosen}"
