"""Joins of many tables: up to twelve are planned for distribution, more are joined at the coordinator."""

from __future__ import annotations

from itertools import pairwise

import pytest

from PhantomLibrary.sql.bind import bind_query
from PhantomLibrary.sql.catalog import Catalog, Column, Sharding, SqlType, Table
from PhantomLibrary.sql.parser import parse
from PhantomLibrary.sql.planning.planner import plan
from tests.unit.sql.planning.local import Shards

INTEGER = SqlType("INTEGER")


def chain(count: int) -> tuple[Catalog, str]:
    """Return tables, and a query that goes from one to the next, told in an order that does not help."""
    tables = tuple(
        Table(
            number,
            f"t{number}",
            (Column("a", INTEGER, is_nullable=False), Column("b", INTEGER), Column("x", INTEGER)),
            ("a",),
            Sharding("hash", ("a",)),
        )
        for number in range(1, count + 1)
    )
    order = sorted(range(1, count + 1), key=lambda number: number * 7 % (count + 1))
    conditions = [f"t{one}.b = t{other}.a" for one, other in pairwise(order)]
    conditions = sorted([*conditions, f"t{order[0]}.a = 4"], key=lambda text: text[::-1])
    names = ", ".join(f"t{number}" for number in range(1, count + 1))
    return Catalog(1, tables), f"select t{order[-1]}.x, t1.a from {names} where {' and '.join(conditions)}"


@pytest.mark.parametrize(("count", "gathers"), [(5, 0), (12, 0), (13, 13), (20, 20)])
def test_a_chain_of_tables_is_followed_to_its_one_row(count: int, gathers: int) -> None:
    catalog, query = chain(count)
    made = Shards(catalog, 3)
    for table in catalog.tables:
        made.insert(table, [(number, number * 3 % 11, number + 100 * table.number) for number in range(11)])
    bound = bind_query(parse(query), catalog)
    chosen = plan(bound, catalog, {})
    rows = made.run(chosen)
    assert len(rows) == 1
    assert chosen.gathers == gathers
    assert len([each for each in chosen.fragments if each.place == "shards"]) == count


def test_plans_are_the_same_each_time() -> None:
    catalog, query = chain(9)
    bound = bind_query(parse(query), catalog)
    assert plan(bound, catalog, {}) == plan(bound, catalog, {})
