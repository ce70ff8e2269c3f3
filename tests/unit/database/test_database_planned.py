"""Plans of the planner, run as messages, against one SQLite that has the same rows."""

import pytest

from PhantomLibrary.sql.planning.joins import PlanOptions
from PhantomLibrary.sql.planning.planner import plan
from tests.unit.database.sql_cluster import SqlCluster
from tests.unit.sql.planning.queries import GROUPS
from tests.unit.sql.planning.world import CATALOG, bind, expected, rows_of, same, shards

CHOICES = ("by cost", "broadcast", "shuffle", "gather")
QUERIES = [text for group in GROUPS.values() for text in group]
EACH = 9  # One in so many queries is asked of each cluster: others ask all of them, without messages.


@pytest.mark.parametrize(
    ("shape", "first"),
    [({"shards": 1}, 0), ({"shards": 3}, 1), ({"shards": 7}, 2), ({"shards": 3, "knobs": {"placement": "hash"}}, 3)],
)
def test_plans_answer_what_one_sqlite_does(shape, first):
    cluster = filled(**shape)
    oracle = shards(1)
    for number, text in enumerate(QUERIES[first::EACH]):
        bound = bind(text)
        chosen = plan(bound, CATALOG, {}, options=PlanOptions(joins=CHOICES[number % 4]))
        assert same(bound, cluster.ask(chosen), expected(oracle, bound)), text


def filled(**spec):
    cluster = SqlCluster(catalog=CATALOG, **spec)
    for name, rows in rows_of().items():
        cluster.insert(CATALOG.table(name), *rows)
    return cluster
