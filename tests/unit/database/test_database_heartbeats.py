"""Idle shards cost nothing, and wake when they are needed, or when somebody's node falls silent."""

from types import SimpleNamespace

import pytest

from PhantomLibrary.database.messages import NEVER, NodeHeartbeat, NodeHeartbeatReply
from PhantomLibrary.domain import SECOND_NS, Get, Ok, Put
from tests.unit.database.test_database_cluster import Cluster


def groups(cluster, shard):
    return {
        node: process.replicas[shard].group
        for node, process in cluster.run.processes.items()
        if shard in process.replicas and not cluster.run.host(node).is_down
    }


def are_quiet(cluster, shard):
    return all(group.is_quiet for group in groups(cluster, shard).values())


@pytest.fixture
def idle():
    cluster = Cluster(shards=20)
    cluster.go(4)
    assert all(are_quiet(cluster, shard) for shard in cluster.run.shard_ids)
    return cluster


def delivered(cluster):
    return cluster.run.world.network.totals()["delivered"]


def messages_in_ten_seconds(shards, idle_shards):
    cluster = Cluster(shards=shards, knobs={"idle_shards": idle_shards})
    cluster.go(4)
    before = delivered(cluster)
    cluster.go(10)
    return delivered(cluster) - before


def test_idle_shards_cost_no_message_of_their_own():
    few, many = (messages_in_ten_seconds(shards, "quiet") for shards in (5, 50))
    # Three nodes: two messages a pair and interval at the most, and the failure detector's.
    assert many <= few + 100 <= 1_000
    assert messages_in_ten_seconds(5, "awake") > 2 * many


def test_an_idle_node_whose_shards_are_awake_by_its_knob_sends_no_node_heartbeat():
    cluster = Cluster(knobs={"idle_shards": "awake"})
    cluster.go(4)
    assert not any(group.is_quiet for group in groups(cluster, 1).values())


@pytest.mark.parametrize("operation", [Get("k1"), Put("k1", "v")])
def test_an_operation_wakes_its_shard_and_is_served_in_milliseconds(idle, operation):
    session = idle.session("n1")
    begun_ns = idle.run.now_ns
    assert isinstance(idle.call(session, operation), Ok)
    assert idle.run.now_ns - begun_ns < SECOND_NS // 10  # With the map, the session, and leaders that are looked for.
    idle.go(1)
    assert all(are_quiet(idle, shard) for shard in idle.run.shard_ids)


def test_the_shards_of_a_dead_node_elect_as_fast_as_busy_ones(idle):
    run = idle.run
    dead = run.leader(1)
    led = [shard for shard in run.shard_ids if run.leader(shard) == dead]
    idle.give("crash node", dead)
    within_ns = 3 * SECOND_NS // 2
    assert run.advance(run.now_ns + within_ns, lambda: all(run.leader(shard) not in ("", dead) for shard in led))
    assert not run.watch.violations


def test_a_leader_that_restarts_too_fast_to_be_missed_leaves_nobody_waiting(idle):
    run = idle.run
    node = run.leader(1)
    led = [shard for shard in run.shard_ids if run.leader(shard) == node]
    idle.give("crash node", node)
    idle.go(0.05)
    idle.give("restart node", node)
    assert run.advance(run.now_ns + 2 * SECOND_NS, lambda: all(run.leader(shard) for shard in led))
    idle.go(3)
    assert all(are_quiet(idle, shard) for shard in run.shard_ids)


def test_a_quiet_leader_that_is_cut_off_gives_up(idle):
    run = idle.run
    old = run.leader(1)
    idle.give("isolate node", old)
    idle.go(3)
    assert not groups(idle, 1)[old].is_leader
    assert run.leader(1) not in ("", old)
    idle.give("heal faults")
    idle.go(3)
    assert all(are_quiet(idle, shard) for shard in run.shard_ids)


def test_a_suspicion_wakes_the_replicas_that_rely_on_the_node_and_disturbs_nobody(idle):
    run = idle.run
    leader = run.leader(1)
    terms = {shard: run.processes[leader].replicas[shard].group.term for shard in run.shard_ids}
    other = next(node for node in run.node_names if node != leader)
    run.processes[other].suspect(leader)
    assert not groups(idle, 1)[other].is_quiet
    idle.go(3)
    assert all(are_quiet(idle, shard) for shard in run.shard_ids)
    assert {shard: run.processes[leader].replicas[shard].group.term for shard in run.shard_ids} == terms


def test_a_heartbeat_for_what_is_not_so_is_answered_with_the_shards_that_are_awake(idle):
    process = idle.run.processes["n1"]
    sent = []
    process.heartbeats._env = SimpleNamespace(
        node="n1",
        monotonic_ns=process.env.monotonic_ns,
        set_deadline=process.env.set_deadline,
        send=lambda to, message: sent.append((to, message)),
    )
    group = process.replicas[1].group
    peer = "n2" if group.leader != "n2" else "n3"
    process.heartbeats._told = {}
    process.heartbeats.heard(NodeHeartbeat(peer, NEVER, ((1, group.term + 7, 1), (99, 1, 1))))
    assert sent == [(peer, NodeHeartbeatReply("n1", (1, 99)))]
