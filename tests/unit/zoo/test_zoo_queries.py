"""Each planted defect of queries is seen in one answer; the same query without it is answered as by one SQLite."""

import pytest

from PhantomLibrary.sql.planning.joins import PlanOptions
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.zoo.query_catalogue import QUERY_DEFECTS
from tests.unit.sql.planning.world import CATALOG, bind, expected, same, shards

TELLING = {
    "avg-of-averages": "select s, avg(x) from a group by s",
    "count-of-rows-for-values": "select s, count(x) from a group by s",
    "limit-under-outer-join": "select a.id, b.id from a left join b on a.x = b.x order by a.id, b.id desc limit 4",
    "aggregate-pushed-to-nullable-side": "select a.x, count(*), sum(b.x) from a left join b on a.x = b.x group by a.x",
    "scan-of-one-branch": "select id, s from a where id = 1 or (id = 2 and y >= 0) or id in (3, 4, 5)",
    "null-equals-null": "select a.id, b.id from a join b on a.x = b.x",
    "not-in-passes-over-nulls": "select id from a where y not in (select aid from b where id > 3)",
}


@pytest.mark.parametrize("defect", QUERY_DEFECTS)
def test_defect_is_seen_in_an_answer(defect):
    planted = QUERY_DEFECTS[defect].plant(Parts())
    made, bound = shards(3), bind(TELLING[defect])
    answers = []
    for parts in (Parts(), planted):
        options = PlanOptions(joins="shuffle")
        plan = parts.planning().planner()(bound, CATALOG, {}, options).plan()
        answers.append(same(bound, made.run(plan), expected(made, bound)))
    assert answers == [True, False]
