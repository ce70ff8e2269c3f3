"""Statements that come again are neither bound nor planned again, unless something they rest on is another one."""

from PhantomLibrary.database.sql.prepared import PreparedStatements
from PhantomLibrary.sql.catalog import Catalog
from PhantomLibrary.sql.plans import TableStatistics


class Counting:
    """Makes something new at each call."""

    def __init__(self):
        self.made = 0

    def __call__(self):
        self.made += 1
        return [self.made]


def test_a_statement_is_bound_once_for_a_catalog_and_its_parameters():
    prepared, bind = PreparedStatements(), Counting()
    catalog, other = Catalog(1), Catalog(1)
    first = prepared.bound("q", (1,), catalog, bind)
    assert prepared.bound("q", (1,), catalog, bind) is first and bind.made == 1
    for parameters in ((2,), (1.0,), (True,), ("1",)):
        assert prepared.bound("q", parameters, catalog, bind) is not first
    assert bind.made == 5
    assert prepared.bound("q", (1,), other, bind) is not first


def test_a_query_is_planned_again_for_other_statistics_or_more_shards():
    prepared, plan, query = PreparedStatements(), Counting(), object()
    few, many = {1: TableStatistics(1, 10)}, {1: TableStatistics(900, 10)}
    first = prepared.planned(query, few, 3, plan)
    assert prepared.planned(query, dict(few), 3, plan) is first
    assert prepared.planned(query, many, 3, plan) is not first
    assert prepared.planned(query, many, 4, plan) == [3]


def test_only_the_latest_are_kept():
    prepared, bind, catalog = PreparedStatements(), Counting(), Catalog(1)
    for number in range(1_000):
        prepared.bound(str(number), (), catalog, bind)
        prepared.planned(object(), {}, 1, Counting())
    assert len(prepared._bound) == len(prepared._plans) == 200
