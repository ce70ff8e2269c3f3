"""Each planted defect of running queries is seen in a story of its own, which without it has a happy end."""

import pytest

from PhantomLibrary.database.sql.messages import NotHere
from PhantomLibrary.database.transactions.messages import Uncertain
from PhantomLibrary.domain.rows import position_start
from PhantomLibrary.protocols.transactions.values import Span
from PhantomLibrary.sql.rows import encode_row, key_of_row
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.zoo.execution_catalogue import EXECUTION_DEFECTS
from tests.unit.database.sql_cluster import ORDERS, SqlCluster, all_of, plan
from tests.unit.database.test_database_hosting import ALL, BEGIN, BEHIND, ask, filled, run
from tests.unit.database.transactions_host import CONFIG, Host

ROWS = [(number, number % 7, number * 10) for number in range(60)]
HALF = position_start(1 << 63)


def host_with(parts):
    class Planted(Host):
        def host_fragments(self):
            return parts.fragments(self, CONFIG)

    return filled(Planted())


def cluster_with(parts):
    cluster = SqlCluster(parts=parts, knobs={"chunk_bytes": 80})
    cluster.insert(ORDERS, *ROWS)
    return cluster


def rows_come_in_chunks(parts):
    return cluster_with(parts).ask(plan(all_of(ORDERS))) == ROWS


def a_shard_is_asked_for_more_than_it_has(parts):
    host = host_with(parts)
    descriptor = host.machine.descriptor
    host.machine.descriptor = type(descriptor)(1, "", HALF, 1, ("n1",))
    return ask(host, run()) == NotHere()


def a_shard_is_asked_for_less_than_it_has(parts):
    host = host_with(parts)
    halves = [ask(host, run(1, spans=(Span(ALL.start, HALF, 2),))), ask(host, run(2, spans=(Span(HALF, ALL.end, 2),)))]
    return sum(len(half.rows) for half in halves) == 6


def a_replica_is_restored(parts):
    host = host_with(parts)
    ask(host, run())
    host.machine.restore(host.machine.snapshot())
    host.write(key_of_row(ORDERS, (77, 0, 0)), encode_row((77, 0, 0)), BEGIN + 50)
    return len(ask(host, run(2)).rows) == 7


def something_was_written_by_a_clock_ahead(parts):
    return isinstance(ask(host_with(parts), run(at=BEGIN + 2, limit=BEHIND)), Uncertain)


def a_shard_cannot_be_asked(parts):
    cluster = cluster_with(parts)
    leader = cluster.run.leader(2)
    gateway = next(node for node in cluster.run.node_names if node != leader)
    cluster.ask(plan(all_of(ORDERS)), gateway)
    for node in cluster.run.node_names:
        if node != gateway:
            cluster.give("crash node", node)
    statement = cluster.start(plan(all_of(ORDERS)), gateway)
    assert cluster.go(8, lambda: statement.is_done)
    return statement.error is not None and "could not be asked" in statement.error


def a_cursor_is_lost(parts):
    cluster = cluster_with(parts)
    transaction = cluster.begin()
    before = cluster.ask(plan(all_of(ORDERS)), transaction=transaction)
    cluster.go(1)
    cluster.insert(ORDERS, *((number, 99, 99) for number, _, _ in ROWS))
    cluster.go(1)
    statement = cluster.start(plan(all_of(ORDERS)), transaction=transaction)
    assert cluster.go(1, lambda: cluster.cursors() > 2)
    for process in cluster.run.processes.values():
        for replica in process.replicas.values():
            if replica.service.desk is not None:
                replica.service.desk.fragments._cursors.clear()
    assert cluster.go(4, lambda: statement.is_done)
    return statement.error is None and statement.result.rows == before == ROWS


STORIES = {
    "page-end-skips-rows": rows_come_in_chunks,
    "scan-misses-what-was-split-off": a_shard_is_asked_for_more_than_it_has,
    "scan-counts-merged-rows-twice": a_shard_is_asked_for_less_than_it_has,
    "stale-image-after-restore": a_replica_is_restored,
    "query-ignores-uncertainty": something_was_written_by_a_clock_ahead,
    "partial-answer-after-failure": a_shard_cannot_be_asked,
    "fragment-restarted-at-newer-snapshot": a_cursor_is_lost,
}


@pytest.mark.parametrize("defect", EXECUTION_DEFECTS)
def test_defect_is_seen_in_a_story(defect):
    story = STORIES[defect]
    assert story(Parts())
    assert not story(EXECUTION_DEFECTS[defect].plant(Parts()))
