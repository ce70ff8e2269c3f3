"""What gateways know of the sizes of tables."""

import pytest

from PhantomLibrary.database.sql.statistics import united
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.sql.catalog import Sharding, Table
from PhantomLibrary.sql.image import scaled
from PhantomLibrary.sql.plans import TableStatistics
from tests.unit.database.sql_cluster import CATALOG, ORDERS, SqlCluster, Statement


@pytest.fixture
def cluster():
    made = SqlCluster()
    made.insert(ORDERS, *((number, number % 7, number * 10) for number in range(60)))
    return made


def known(cluster, node="n1", within_s=1):
    manager = cluster.manager(node)
    script = manager.plans.statistics.of(CATALOG, [1, 2, 9])
    statement = Statement(manager, cluster.begin(node), script, lambda: cluster.run.now_ns)
    assert cluster.go(within_s, lambda: statement.is_done)
    return statement


def test_shards_count_what_they_have(cluster):
    statement = known(cluster)
    assert sorted(statement.result) == [1, 2] and statement.result[1].rows == 0
    orders = statement.result[2]
    assert orders.rows == 60 and orders.distinct == (("id", 60), ("person", 7), ("sum", 60))
    assert 300 < orders.bytes < 3_000


def test_what_is_known_is_good_for_a_while(cluster):
    known(cluster)
    cluster.insert(ORDERS, *((number, 1, 1) for number in range(100, 200)))
    assert known(cluster).result[2].rows == 60 and known(cluster).took_ns == 0
    cluster.go(1.1)
    assert known(cluster).result[2].rows == 160


def test_nobody_waits_for_a_shard_that_does_not_answer(cluster):
    leader = cluster.run.leader(2)
    gateway = next(node for node in cluster.run.node_names if node != leader)
    before = known(cluster, gateway).result
    cluster.go(1.1)
    cluster.give("pause node", leader)
    statement = known(cluster, gateway)
    assert statement.result == before and statement.took_ns <= SECOND_NS // 9
    assert known(cluster, gateway).took_ns == 0


def test_values_are_as_many_as_a_sample_says():
    assert scaled(1_900, 2_000, 10_000) == 9_500 and scaled(7, 2_000, 10_000) == 7 and scaled(0, 0, 0) == 0


def test_tables_that_are_everywhere_are_counted_once():
    everywhere = Table(3, "r", ORDERS.columns, ("id",), Sharding("everywhere"))
    one = TableStatistics(5, 50, (("id", 5), ("person", 2), ("sum", 5)))
    assert united(everywhere, {1: one, 2: one}, 2) == one
    both = united(ORDERS, {1: one, 2: one, 3: TableStatistics(0, 0)}, 3)
    assert both == TableStatistics(10, 100, (("id", 10), ("person", 2), ("sum", 10)))
    assert united(ORDERS, {1: one}, 3).rows == 15 and united(ORDERS, {}, 3).rows == 0
