"""What is said of a run: verdicts, metrics, crash points, and how much memory it takes."""

import gc
import sys

import pytest
from msgspec.structs import replace

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.testbed.crash_points import enumerate_crash_points
from PhantomLibrary.testbed.judge import (
    Recovery,
    judge_agreement,
    judge_faults,
    judge_history,
    judge_invariants,
)
from PhantomLibrary.testbed.metrics import failover_times_ns, metric_names, metric_value
from PhantomLibrary.testbed.query_metrics import QUERY_METRICS
from PhantomLibrary.testbed.region_metrics import REGION_METRICS
from PhantomLibrary.testbed.schedule import Command, RunSpec, Schedule

# --- judging ----------------------------------------------------------------------------------------------------------


def test_a_good_run_is_judged_good(it):
    it.load()
    it.give("crash node", "leader of shard 1", duration_s=1)
    it.go(3)
    it.stop_load()

    assert judge_history(it.run, "linearizable", confirmed=100).outcome == "valid"
    assert judge_agreement(it.run).outcome == "valid"
    assert judge_invariants(it.run) is None
    assert judge_faults(it.run) is None
    assert Recovery(it.run)()


def test_an_empty_history_proves_nothing(it):
    assert judge_history(it.run, "linearizable").code == "HIS-001"


def test_too_few_confirmed_operations_prove_nothing(it):
    it.load()
    it.go(1)

    assert judge_history(it.run, "linearizable", confirmed=10**6).code == "HIS-002"


def test_a_fault_that_never_bit_proves_nothing(it):
    it.give("drop messages", kind="snapshot")
    it.go(1)

    assert judge_faults(it.run).code == "FLT-001"


def test_an_unknown_level_or_workload_is_told(it):
    it.load()
    it.go(0.1)
    with pytest.raises(InvalidInput, match="did you mean linearizable"):
        judge_history(it.run, "linearisable")
    with pytest.raises(InvalidInput, match="no workload 'set'"):
        judge_history(it.run, "linearizable", workload="set")


def test_a_cluster_without_a_quorum_has_not_recovered(it):
    recovery = Recovery(it.run)
    it.give("crash node", "n1, n2")
    assert "has no quorum: n1, n2 of n1, n2, n3 are down" in recovery.gap()

    it.give("restart node", "n1")
    assert it.go(5, recovery)


def test_a_cluster_with_a_replica_in_another_term_has_not_recovered(it):
    it.go(1)
    recovery, states = Recovery(it.run), it.run.watch.states
    assert recovery()
    follower = next(node for node in it.run.voters(1) if node != it.run.leader(1))
    behind = states[1, follower]
    states[1, follower] = replace(behind, term=behind.term - 1)

    assert recovery.gap() == f"shard 1: {follower} is in term {behind.term - 1}, the leader in term {behind.term}"


def test_every_metric_has_a_value(it):
    it.load()
    it.go(2)
    it.give("crash node", it.run.leader(1), duration_s=6)
    it.go(9)

    others = {*QUERY_METRICS, *REGION_METRICS} - {"queries"}  # There was no query, and regions have no copies.
    values = {name: metric_value(it.run, name) for name in metric_names() if name not in others}
    assert all(value >= 0 for value in values.values())
    assert values["confirmed"] == it.run.recorder.counts["ok"]
    assert values["confirmed"] == values["confirmed_reads"] + values["confirmed_writes"]
    assert values["latency_min"] <= values["latency_p50"] <= values["latency_p99"] <= values["latency_max"]


def test_metrics_look_at_their_window_and_their_nodes(it):
    it.load()
    it.go(4)
    everything = metric_value(it.run, "confirmed")

    assert 0 < metric_value(it.run, "confirmed", window_ns=SECOND_NS) < everything / 2
    assert everything == sum(metric_value(it.run, "confirmed", nodes=[node]) for node in it.run.node_names)
    with pytest.raises(InvalidInput, match="cannot be asked with on="):
        metric_value(it.run, "events", nodes=["n1"])
    with pytest.raises(InvalidInput, match="did you mean confirmed"):
        metric_value(it.run, "confirmd")


def test_a_failover_is_counted_once_for_each_crash_of_a_leader(drive):
    it = drive(nodes=5, replicas=5, topology="five-nodes").elect()
    leaders = {it.run.leader(shard) for shard in it.run.shard_ids}
    others = [node for node in it.run.node_names if node not in leaders][:1]
    it.give("crash node", ", ".join([*leaders, *others][:2]))
    it.go(5)

    crashed = it.run.schedule.commands[0].resolved
    times = failover_times_ns(it.run)
    assert len(times) == sum(change.node in crashed for change in it.run.watch.leader_changes[:2])
    with pytest.raises(InvalidState, match="there was no failover there"):
        metric_value(it.run, "failover_max", window_ns=SECOND_NS)
    assert metric_value(it.run, "failover_max") == max(times) / 1e6


# --- crash points -----------------------------------------------------------------------------------------------------


def _small_schedule():
    def at(milliseconds, verb, **arguments):
        now_ns = milliseconds * 1_000_000
        return Command(verb, now_ns, now_ns, arguments=arguments)

    load = at(1500, "start workload", kind="append", clients=2, rate=20_000, keys=2)
    return Schedule(RunSpec(seed=4), [load], end_ns=1_900_000_000)


def _schedule_with_a_snapshot():
    """A follower stays away until the others have forgotten what it lacks."""
    load = _small_schedule().commands[0]
    load.arguments.update(clients=4, rate=100_000, keys=20)
    crash = Command("crash node", 1_600_000_000, 1_600_000_000, "follower of shard 1", until_ns=2_200_000_000)
    knobs = {"snapshot_entries": 20, "kept_entries_max": 1, "snapshot_chunk_bytes": 50}
    return Schedule(RunSpec(seed=4, knobs=knobs), [load, crash], end_ns=2_500_000_000)


@pytest.mark.parametrize("again", [False, True])
def test_a_crash_while_a_snapshot_comes_and_again_while_it_is_replayed_breaks_nothing(again):
    report = enumerate_crash_points(_schedule_with_a_snapshot(), "install", again=again)

    assert report.failure is None
    assert len(report.points) >= 8, "several chunks, the whole, and putting it in place"
    assert all(point.node and point.time_ns for point in report.points)


@pytest.mark.parametrize("effect", ["persist", "send", "apply"])
@pytest.mark.parametrize("power_loss", [False, True])
def test_a_crash_around_any_effect_breaks_nothing(effect, power_loss):
    every = 37 if effect == "send" else 11
    report = enumerate_crash_points(_small_schedule(), effect, every=every, power_loss=power_loss)

    assert report.failure is None
    phases = {"before", "after"} | ({"during"} if effect == "persist" and power_loss else set())
    assert len(report.points) == len(phases) * (report.effects_in_run // every) >= 2
    assert all(point.node and point.time_ns for point in report.points), "each point was reached"
    assert {point.phase for point in report.points} == phases


def test_an_effect_that_is_none_or_never_comes_is_told():
    with pytest.raises(InvalidInput, match="did you mean persist"):
        enumerate_crash_points(_small_schedule(), "persists")
    with pytest.raises(InvalidInput, match="no point to crash at"):
        enumerate_crash_points(_small_schedule(), "apply", every=100_000)
    with pytest.raises(InvalidInput, match="every=0 is not possible"):
        enumerate_crash_points(_small_schedule(), "apply", every=0)


# --- memory -----------------------------------------------------------------------------------------------------------


def test_ten_minutes_need_no_more_memory_than_five(drive):
    knobs = {"snapshot_entries": 300, "log_bytes_max": 50_000, "sessions_max": 20, "kept_entries_max": 50}
    it = drive(knobs=knobs).elect()
    it.load(clients=3, rate=40_000, keys=5)
    run, blocks = it.run, []
    for _ in range(10):
        it.go(60)
        run.recorder.events.clear()  # The history grows, of course, and so do the samples of latencies.
        run.workloads["register"].latencies.clear()
        gc.collect()
        blocks.append(sys.getallocatedblocks())  # Exact, and does not slow the run down as tracemalloc would.

    # The invariants keep 2048 to 4096 entries a shard, which are there after four minutes of 20 writes a second.
    early, late = max(blocks[4:7]), max(blocks[7:])
    operations = 3 * 60 * 40
    assert late - early < operations / 10, blocks
