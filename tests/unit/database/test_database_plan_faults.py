"""Queries while nodes crash and hang, leadership goes over, and shards split and merge: the answer is that of one
SQLite, and nothing stays open.
"""

import random

import pytest

from PhantomLibrary.errors import PhantomError
from PhantomLibrary.sql.planning.joins import PlanOptions
from PhantomLibrary.sql.planning.planner import plan
from tests.unit.database.test_database_planned import CHOICES, filled
from tests.unit.sql.planning.world import CATALOG, bind, expected, same, shards

QUERIES = (
    "select * from a order by id",
    "select x, count(*), sum(y), avg(d), sum(e) from a group by x",
    "select a.id, b.id, c.n from a join b on a.id = b.aid join c on c.aid = a.id order by 1, 2, 3",
    "select g.v, count(*) from g left join b on g.id = b.aid group by g.v",
    "select r.w, sum(a.y) from a join r on a.x = r.w group by r.w",
    "select a.x, b.x, count(*) from a full join b on a.x = b.x group by a.x, b.x",
)
FAULTS = ("crash node", "split shard", "merge shards", "transfer leadership", "pause node", "isolate node")
ROUNDS = 6


@pytest.mark.parametrize("seed", [3, 25, 31])
def test_answers_stay_exact_whatever_fails_and_moves(seed):
    choose, oracle = random.Random(seed), shards(1)
    cluster = filled(seed=seed, nodes=choose.choice((3, 5)), shards=choose.choice((1, 3, 4)), knobs={"chunk_bytes": 80})
    for _ in range(ROUNDS):
        bound = bind(choose.choice(QUERIES))
        chosen = plan(bound, CATALOG, {}, options=PlanOptions(joins=choose.choice(CHOICES)))
        gateway = choose.choice(cluster.run.node_names)
        statement = cluster.start(chosen, gateway)
        cluster.go(choose.choice((0, 0.0005, 0.001, 0.002, 0.004)))
        let_fail(cluster, choose, gateway)
        assert cluster.go(12, lambda statement=statement: statement.is_done)
        assert statement.error is None and same(bound, statement.result.rows, expected(oracle, bound))
        heal(cluster)
    cluster.go(6)
    assert cluster.cursors() == 0 and not cluster.run.watch.violations


def let_fail(cluster, choose, gateway):
    """Let something happen to a shard, or to the node that leads it, unless it cannot."""
    numbers = [each for each in cluster.run.shard_ids if each]
    shard, fault = choose.choice(numbers), choose.choice(FAULTS)
    leader = cluster.run.leader(shard)
    try:
        match fault:
            case "split shard":
                cluster.give(fault, shard=shard)
            case "merge shards":
                cluster.give(fault, left=shard, right=choose.choice(numbers))
            case "transfer leadership":
                cluster.give(fault, choose.choice(cluster.run.node_names), shard=shard)
            case _:
                if leader and leader != gateway:
                    cluster.give(fault, leader)
    except PhantomError:
        pass  # It makes no sense as things are.


def heal(cluster):
    for node in cluster.run.node_names:
        if cluster.run.host(node).is_down:
            cluster.give("restart node", node)
        elif cluster.run.host(node).state.value == "paused":
            cluster.give("resume node", node)
    cluster.give("heal faults")
    cluster.go(2.5, lambda: all(cluster.run.leader(shard) for shard in cluster.run.shard_ids))
    cluster.go(0.5)
