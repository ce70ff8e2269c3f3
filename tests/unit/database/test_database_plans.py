"""Plans, run as messages over the shards of a simulated cluster."""

import pytest

from PhantomLibrary.database.sql.together import together
from PhantomLibrary.database.transactions.script import RolledBackError, Running
from PhantomLibrary.domain import MILLISECOND_NS, Delete, Put
from PhantomLibrary.sql.catalog import Catalog, Sharding, Table
from PhantomLibrary.sql.rows import encode_row, key_of_row, position
from PhantomLibrary.testbed.reshaping import ended
from tests.unit.database.sql_cluster import ORDERS, PEOPLE, SqlCluster, all_of, fragment, plan

KINDS = Table(4, "kinds", PEOPLE.columns, ("id",), Sharding("everywhere"))
ROWS = [(number, number % 7, number * 10) for number in range(60)]


@pytest.fixture
def cluster():
    made = SqlCluster()
    made.insert(ORDERS, *ROWS)
    return made


def test_rows_of_all_shards_come_together(cluster):
    statement = cluster.start(plan(all_of(ORDERS)))
    cluster.go(1, lambda: statement.is_done)
    assert statement.error is None and statement.result.rows == ROWS
    measured = statement.result.measured[0]
    assert sorted(measured.shards) == [1, 2, 3] and measured.rows == 60 and measured.bytes > 600
    assert 0 < measured.elapsed_ns < statement.took_ns + 1
    assert cluster.cursors() == 0 and len(statement.transaction.reads) == 1


def test_partial_results_are_merged(cluster):
    partial = fragment(0, "SELECT person, count(*), sum(sum) FROM t2 GROUP BY person", "person n s", (2,))
    merged = plan(partial, final="SELECT person, sum(n), sum(s) FROM in0 GROUP BY person ORDER BY person")
    wanted = [(p, sum(r[1] == p for r in ROWS), sum(r[2] for r in ROWS if r[1] == p)) for p in range(7)]
    assert cluster.ask(merged) == wanted


def test_only_shards_that_may_hold_rows_are_asked(cluster):
    place = position(ORDERS, (17,))
    one = fragment(
        0, "SELECT * FROM t2 WHERE id=?1", "id person sum", (2,), parameters=(17,), positions=((place, place),)
    )
    statement = cluster.start(plan(one))
    cluster.go(1, lambda: statement.is_done)
    assert statement.result.rows == [(17, 3, 170)] and len(statement.result.measured[0].shards) == 1


def test_a_transaction_sees_its_snapshot_and_its_own_rows(cluster):
    transaction = cluster.begin()
    assert len(cluster.ask(plan(all_of(ORDERS)), transaction=transaction)) == 60
    cluster.insert(ORDERS, (100, 1, 1), (0, 0, 999))
    transaction.writes += [
        Put(key_of_row(ORDERS, (5, 0, 0)), encode_row((5, 5, -1))),
        Delete(key_of_row(ORDERS, (6, 0, 0))),
    ]
    seen = cluster.ask(plan(all_of(ORDERS)), transaction=transaction)
    assert seen == [row if row[0] != 5 else (5, 5, -1) for row in ROWS if row[0] != 6]


def test_long_results_come_in_chunks(cluster):
    small = SqlCluster(knobs={"chunk_bytes": 100})
    small.insert(ORDERS, *ROWS)
    statement = small.start(plan(all_of(ORDERS)))
    small.go(1, lambda: statement.is_done)
    assert statement.result.rows == ROWS
    small.go(0.5)
    assert small.cursors() == 0


def shuffle_join(**more):
    """People with the sum of their orders: both sides go where the person's number says."""
    left = all_of(PEOPLE, 1, movement="shuffle", shuffled_by=(0,))
    right = fragment(2, "SELECT person, sum FROM t2", "person sum", (2,), movement="shuffle", shuffled_by=(0,))
    text = "SELECT name, sum(sum) AS total FROM in1 JOIN in2 ON in1.id=in2.person GROUP BY name"
    joined = fragment(3, text, "name total", (), inputs=(1, 2), place="workers")
    return plan(left, right, joined, final="SELECT * FROM in3 ORDER BY 1", **more)


TOTALS = [(f"p{p}", sum(r[2] for r in ROWS if r[1] == p)) for p in range(7)]


@pytest.fixture
def joined(cluster):
    cluster.insert(PEOPLE, *((number, f"p{number}") for number in range(7)))
    return cluster


def test_shuffled_rows_meet_at_workers(joined):
    statement = joined.start(shuffle_join())
    joined.go(1, lambda: statement.is_done)
    assert statement.error is None and statement.result.rows == TOTALS
    measured = statement.result.measured
    assert (measured[1].rows, measured[2].rows, measured[3].rows) == (7, 60, 7)
    assert measured[2].bytes > 200 and len(measured[3].shards) == 3
    joined.go(0.5)
    assert joined.cursors() == 0


def test_workers_may_shuffle_on(joined):
    first = fragment(1, "SELECT id, person, sum FROM t2", "id person sum", (2,), movement="shuffle", shuffled_by=(0,))
    again = fragment(
        2,
        "SELECT person, sum FROM in1",
        "person sum",
        (),
        inputs=(1,),
        place="workers",
        movement="shuffle",
        shuffled_by=(0,),
    )
    text = "SELECT person, sum(sum) AS s FROM in2 GROUP BY person"
    last = fragment(3, text, "person s", (), inputs=(2,), place="workers")
    rows = joined.ask(plan(first, again, last, final="SELECT 'p'||person, s FROM in3 ORDER BY 1"))
    assert rows == TOTALS


@pytest.mark.parametrize("chunk_bytes", [64, 65_536])
def test_broadcast_rows_come_to_each_shard(chunk_bytes):
    cluster = SqlCluster(knobs={"chunk_bytes": chunk_bytes})
    cluster.insert(ORDERS, *ROWS)
    cluster.insert(PEOPLE, *((number, f"p{number}") for number in range(7)))
    people = all_of(PEOPLE, 1, movement="broadcast")
    text = "SELECT name, sum(sum) AS s FROM t2 JOIN in1 ON in1.id=t2.person GROUP BY name"
    joined = fragment(2, text, "name s", (2,), inputs=(1,))
    wanted = plan(people, joined, final="SELECT name, sum(s) FROM in2 GROUP BY name ORDER BY 1")
    assert cluster.ask(wanted) == cluster.ask(wanted) == TOTALS
    cluster.go(0.5)
    assert cluster.cursors() == 0


def test_a_statement_that_takes_too_long_is_ended_and_leaves_nothing_open():
    cluster = SqlCluster(knobs={"chunk_bytes": 60, "statement_timeout_ns": 4 * MILLISECOND_NS})
    cluster.insert(ORDERS, *ROWS)
    for _ in range(2):  # The first one is ended while its gateway asks for the map.
        statement = cluster.start(plan(all_of(ORDERS)))
        cluster.go(1, lambda: cluster.cursors() > 0)
    assert cluster.cursors()
    cluster.go(1, lambda: statement.is_done)
    assert statement.error == "SQL 57014: the statement took longer than 0.004 s"
    assert 4 * MILLISECOND_NS <= statement.took_ns < 5 * MILLISECOND_NS
    cluster.go(0.1)
    assert cluster.cursors() == 0


def test_a_shard_that_cannot_be_asked_is_named(cluster):
    gateway = next(node for node in cluster.run.node_names if node != cluster.run.leader(2))
    assert cluster.ask(plan(all_of(ORDERS)), gateway) == ROWS
    for node in cluster.run.node_names:
        if node != gateway:
            cluster.give("crash node", node)
    statement = cluster.start(plan(all_of(ORDERS)), gateway)
    assert cluster.go(6, lambda: statement.is_done)
    assert "could not be asked: shard" in statement.error and statement.error.startswith("shard ")


def test_own_rows_are_seen_by_nobody_else(cluster):
    transaction = cluster.begin()
    transaction.writes.append(Put(key_of_row(ORDERS, (500, 0, 0)), encode_row((500, 0, 0))))
    assert len(cluster.ask(plan(all_of(ORDERS)), transaction=transaction)) == 61
    assert cluster.ask(plan(all_of(ORDERS))) == ROWS


def test_more_than_a_query_may_hold_is_refused_and_the_step_is_named():
    cluster = SqlCluster(knobs={"query_memory_bytes": 500})
    cluster.insert(ORDERS, *ROWS)
    statement = cluster.start(plan(all_of(ORDERS)))
    cluster.go(1, lambda: statement.is_done)
    assert statement.error.startswith("SQL 53200: answer: ") and "500 bytes that a query may take" in statement.error
    cluster.go(0.5)
    assert cluster.cursors() == 0


def test_a_cancelled_statement_closes_its_cursors_everywhere():
    cluster = SqlCluster(knobs={"chunk_bytes": 60})
    cluster.insert(ORDERS, *ROWS)
    statement = cluster.start(plan(all_of(ORDERS)))
    assert cluster.go(1, lambda: cluster.cursors() > 1)
    statement.transaction.cancel("it was asked for")
    assert statement.is_done and statement.error == "it was asked for"
    cluster.go(0.1)
    assert cluster.cursors() == 0


def test_rows_of_queries_under_way_count_as_memory():
    cluster = SqlCluster(knobs={"chunk_bytes": 60})
    cluster.insert(ORDERS, *ROWS)
    before = {node: process.account().memory_bytes for node, process in cluster.run.processes.items()}
    cluster.start(plan(all_of(ORDERS)))
    assert cluster.go(1, lambda: cluster.cursors() > 2)
    held = {node: process.account().memory_bytes - before[node] for node, process in cluster.run.processes.items()}
    assert sum(held.values()) > 500 and held["n1"] > 0


def test_rows_of_one_transaction_are_not_seen_by_the_next_one_that_has_some_itself(cluster):
    for number in range(500, 506):
        transaction = cluster.begin()
        transaction.writes.append(Put(key_of_row(ORDERS, (number, 0, 0)), encode_row((number, 0, 0))))
        seen = cluster.ask(plan(all_of(ORDERS)), transaction=transaction)
        assert seen == [*ROWS, (number, 0, 0)]


def test_shuffled_rows_come_in_chunks():
    cluster = SqlCluster(knobs={"chunk_bytes": 64})
    cluster.insert(ORDERS, *ROWS)
    cluster.insert(PEOPLE, *((number, f"p{number}") for number in range(7)))
    statement = cluster.start(shuffle_join())
    assert cluster.go(1, lambda: statement.is_done)
    assert statement.error is None and statement.result.rows == TOTALS and statement.result.measured[3].restarts == 0


def test_what_was_dropped_takes_no_room():
    cluster = SqlCluster(knobs={"chunk_bytes": 60, "query_memory_bytes": 700})
    cluster.insert(ORDERS, *ROWS)
    statement = cluster.start(plan(all_of(ORDERS)))
    assert cluster.go(1, lambda: cluster.cursors() > 2)
    cluster.go(0.0005)
    for process in cluster.run.processes.values():
        for replica in process.replicas.values():
            if replica.service.desk is not None:
                replica.service.desk.fragments._cursors.clear()
    assert cluster.go(4, lambda: statement.is_done)
    assert statement.error is None and statement.result.rows == ROWS
    assert statement.result.measured[0].restarts > 0


def test_work_takes_time_at_shards_and_at_the_coordinator(cluster):
    cluster.ask(plan(all_of(ORDERS)))
    product = "SELECT count(a.sum + b.sum + c.sum) AS n FROM {0} a, {0} b, {0} c"
    idle_ns = cluster.run.host("n1").reading().cpu_ns
    here = cluster.start(plan(all_of(ORDERS), final=product.format("in0")))
    cluster.go(1, lambda: here.is_done)
    cluster.go(0.1)
    busy_ns = cluster.run.host("n1").reading().cpu_ns - idle_ns
    wider = f"{product.format('t2')}, t2 d"
    there = cluster.start(plan(fragment(0, wider, "n", (2,)), final="SELECT sum(n) FROM in0"))
    cluster.go(1, lambda: there.is_done)
    assert here.result.rows == [(60**3,)] and busy_ns > 8 * MILLISECOND_NS
    units = there.result.measured[0].units
    assert units > 1_000 and there.took_ns > units * 3_000, "each of three shards does a third, in 10 µs a unit"


def test_when_one_script_fails_the_others_end():
    ended = []

    def waits(number):
        try:
            yield lambda resume: None
        finally:
            ended.append(number)

    def fails():
        yield lambda resume: resume(None)
        raise RolledBackError("no")

    outcome = []
    Running(together([waits(1), fails(), waits(2)]), lambda result, reason: outcome.append((result, reason))).start()
    assert outcome == [(None, "no")] and ended == [1]


def test_what_is_everywhere_is_read_once_where_its_shard_was_split():
    cluster = SqlCluster(catalog=Catalog(1, (KINDS,), (), 5), shards=1)
    cluster.insert(KINDS, *((number, f"kind {number}") for number in range(4)))
    wish = cluster.give("split shard", shard=1, key="k5")
    assert cluster.go(10, lambda: ended(cluster.run, wish) is not None)
    stale = [node for node in cluster.run.node_names if len(cluster.manager(node).routes.data_shards) == 1]
    assert stale  # Random queries under faults, seed 6070.
    for node in cluster.run.node_names:
        assert len(cluster.ask(plan(all_of(KINDS, place="one shard")), node)) == 4
    assert len(cluster.manager(stale[0]).routes.data_shards) == 2
