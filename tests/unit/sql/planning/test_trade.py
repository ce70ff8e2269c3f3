"""Long queries of analysts: 22 questions about a trade."""

from __future__ import annotations

from functools import cache

import pytest

from PhantomLibrary.sql.bind import bind_query
from PhantomLibrary.sql.dialect import sqlite_text
from PhantomLibrary.sql.parser import parse
from PhantomLibrary.sql.planning.joins import JoinChoice, PlanOptions
from PhantomLibrary.sql.planning.ordering import make_total
from PhantomLibrary.sql.planning.planner import plan
from tests.unit.sql.planning.local import Shards
from tests.unit.sql.planning.trade import CATALOG, QUESTIONS, rows

CHOICES: tuple[JoinChoice, ...] = ("by cost", "shuffle", "broadcast", "gather")


@cache
def cluster() -> Shards:
    made = Shards(CATALOG, 4)
    for table in CATALOG.tables:
        made.insert(table, rows()[table.name])
    return made


@pytest.mark.parametrize("number", range(1, 23))
def test_question_is_answered_as_by_one_sqlite(number: int) -> None:
    bound = bind_query(parse(QUESTIONS[number - 1]), CATALOG)
    tree = bound.tree.copy()
    make_total(tree)
    wanted = [tuple(row) for row in cluster().oracle.execute(sqlite_text(tree), bound.parameters)]
    assert wanted and any(value is not None for value in wanted[0])
    for choice in CHOICES:
        chosen = plan(bound, CATALOG, {}, options=PlanOptions(joins=choice))
        assert cluster().run(chosen) == wanted, f"{choice}: {chosen}"
