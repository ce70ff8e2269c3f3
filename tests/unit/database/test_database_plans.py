"""Plans, run as messages over the shards of a simulated cluster."""

import pytest

from PhantomLibrary.domain import Delete, Put
from PhantomLibrary.sql.rows import encode_row, key_of_row, position
from tests.unit.database.sql_cluster import ORDERS, SqlCluster, all_of, fragment, plan

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
