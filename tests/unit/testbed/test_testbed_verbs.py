"""What the verbs of a schedule do, for how long, and that no wrong one does anything."""

import gc
import sys

import pytest

from PhantomLibrary.domain import SECOND_NS, Ok, OutcomeUnknown
from PhantomLibrary.errors import InvalidInput, InvalidState, PhantomError, RunEnded
from PhantomLibrary.testbed.crash_points import EFFECTS, enumerate_crash_points
from PhantomLibrary.testbed.judge import (
    Recovery,
    judge_agreement,
    judge_faults,
    judge_history,
    judge_invariants,
)
from PhantomLibrary.testbed.metrics import failover_times_ns, metric_names, metric_value
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.schedule import Command, RunSpec, Schedule
from PhantomLibrary.world.node import NodeState


@pytest.fixture
def it(drive):
    return drive().elect()


# --- nodes ------------------------------------------------------------------------------------------------------------


def test_a_crashed_node_is_down_until_it_is_restarted(it):
    assert it.give("crash node", "n1") == ["n1"]
    it.go(1)
    assert it.run.live_nodes() == ["n2", "n3"]

    it.give("restart node", "n1")
    assert it.run.live_nodes() == ["n1", "n2", "n3"]


def test_a_crash_with_a_duration_heals_itself(it):
    it.give("crash node", "n1", duration_s=1)
    it.go(0.999)
    assert it.run.host("n1").is_down
    it.go(0.001)
    assert not it.run.host("n1").is_down


def test_a_node_that_was_restarted_early_is_not_restarted_again_by_the_end_of_its_crash(it):
    it.give("crash node", "n1", duration_s=1)
    it.go(0.5)
    it.give("restart node", "n1")
    it.give("crash node", "n1", duration_s=5)
    it.go(1)

    assert it.run.host("n1").is_down, "the second crash lasts longer"
    it.go(4)
    assert not it.run.host("n1").is_down


def test_a_paused_node_that_crashes_is_paused_no_more(it):
    it.give("pause node", "n1")
    it.give("crash node", "n1")
    with pytest.raises(InvalidState, match="n1 is not paused"):
        it.give("resume node", "n1")
    it.give("restart node", "n1")

    assert it.run.host("n1").state is NodeState.UP
    with pytest.raises(InvalidState, match="n1 is not paused"):
        it.give("resume node", "n1")


def test_a_node_that_is_paused_twice_goes_on_when_both_pauses_are_over(it):
    it.give("pause node", "n1", duration_s=1)
    it.give("pause node", "n1", duration_s=2)
    it.go(1.5)
    assert it.run.host("n1").state is NodeState.PAUSED
    it.go(1)
    assert it.run.host("n1").state is NodeState.UP


def test_a_resumed_node_goes_on_however_often_it_was_paused(it):
    it.give("pause node", "n1")
    it.give("pause node", "n1")
    it.give("resume node", "n1")

    assert it.run.host("n1").state is NodeState.UP


def test_healing_a_node_heals_its_faults_and_no_others(it):
    it.give("crash node", "n1")
    it.give("pause node", "n2")
    it.give("isolate node", "n1")
    it.give("skew clock", "n3", offset_ns=SECOND_NS)

    assert it.give("heal faults", "n1") == 2
    assert [each.command.verb for each in it.run.faults.active] == ["pause node", "skew clock"]
    assert it.give("heal faults") == 2
    assert it.run.faults.active == []
    assert it.give("heal faults") == 0


def test_healing_the_network_leaves_crashed_nodes_down(it):
    it.give("crash node", "n1")
    it.give("isolate node", "n2")
    it.give("drop messages", kind="vote")

    assert it.give("heal network") == 2
    assert it.run.host("n1").is_down


def test_a_partition_that_was_healed_by_hand_is_not_healed_twice(it):
    it.give("partition network", "n1 | rest", duration_s=1)
    it.give("heal network")
    it.give("partition network", "n1 | rest", duration_s=3)
    it.go(1.5)

    assert len(it.run.faults.active) == 1


def test_a_wiped_disk_is_empty(it):
    it.give("crash node", "n1")
    it.give("restart node", "n1", disk="wiped")

    assert not it.run.processes["n1"].replicas[1].group.formatted


# --- later ------------------------------------------------------------------------------------------------------------


def test_a_later_command_comes_at_its_time_and_lasts_from_then_on(it):
    it.give("crash node", "n1", at_s=5, duration_s=2)
    seen = []
    for _ in range(90):
        it.go(0.1)
        if it.run.host("n1").is_down:
            seen.append(it.now_s)

    assert 5 <= seen[0] <= 5.11
    assert 6.88 <= seen[-1] < 7.0


def test_a_later_command_means_the_nodes_of_its_time(it):
    it.give("crash node", "leader of shard 1", at_s=4)
    old = it.run.leader(1)
    it.give("crash node", old)
    it.elect()
    new = it.run.leader(1)
    it.give("restart node", old)
    assert it.now_s < 4
    it.go(4 - it.now_s)

    assert it.run.schedule.commands[0].resolved == [new]


def test_a_later_command_that_makes_no_sense_at_its_time_fails_then_and_ends_nothing(it):
    it.give("crash node", "n1", at_s=3)
    it.give("isolate node", "n2", at_s=3, duration_s=1)
    it.give("crash node", "n1", at_s=2)
    with pytest.raises(InvalidState, match="n1 is down already"):
        it.go(5)

    assert it.now_s == 3
    assert len(it.run.faults.active) == 2, "what else was planned for that instant was done"
    assert not it.run.ended
    it.give("heal faults")
    it.go(1)
    schedule = it.run.finish()
    assert [command.verb for command in schedule.commands] == ["isolate node", "crash node", "heal faults"]
    assert replay(schedule).finish().digest == schedule.digest


@pytest.mark.parametrize("target", ["n9", "leader of shard 7", "region nowhere", "n1, n9"])
def test_a_name_that_can_never_mean_anything_is_refused_when_it_is_given(it, target):
    with pytest.raises(InvalidInput, match=r"no (node|shard|region)"):
        it.give("crash node", target, at_s=50)

    assert it.run.schedule.commands == []


# --- bad input --------------------------------------------------------------------------------------------------------

_BAD = [
    ("crash nod", "n1", {}),
    ("crash node", "", {}),
    ("crash node", "n9", {}),
    ("crash node", "n1, n1", {}),
    ("crash node", "n1, all", {}),
    ("crash node", "rest", {}),
    ("crash node", "leader of shard 9", {}),
    ("crash node", "region moon", {}),
    ("crash node", "n1", {"force": 1}),
    ("restart node", "n1", {}),
    ("restart node", "n3", {"disk": "new"}),
    ("pause node", "n3", {}),
    ("resume node", "n1", {}),
    ("resume node", "n3", {}),
    ("fail disk", "n1", {"fault": "stal"}),
    ("fail disk", "n1", {}),
    ("skew clock", "n1", {"drift_ppm": 900_000}),
    ("skew clock", "n1", {"offset_ns": "1 s"}),
    ("partition network", "n1", {}),
    ("partition network", "n1 | n1", {}),
    ("partition network", "n1, n2 | n2", {}),
    ("partition network", "halfs", {}),
    ("partition network", "n1 | ", {}),
    ("partition network", "n1 | rest", {"direction": "sideways"}),
    ("partition network", "n1 | rest", {"flapping_ns": 1}),
    ("isolate node", "n1", {"direction": "up"}),
    ("drop messages", "", {"probability_ppm": 2_000_000}),
    ("drop messages", "", {"source": "n1, n2 | n3"}),
    ("drop messages", "", {"source": "n8"}),
    ("set link", "", {"loss_ppm": -1}),
    ("set link", "", {"bandwidth": 0}),
    ("set link", "", {"jitter_ns": -1}),
    ("heal faults", "n9", {}),
    ("start workload", "", {"kind": "registr"}),
    ("start workload", "", {"kind": "register", "clients": 0}),
    ("start workload", "", {"kind": "register", "rate": -1}),
    ("start workload", "", {"kind": "register", "reads_percent": 101}),
    ("start workload", "", {"kind": "register", "skew": "zip"}),
    ("start workload", "", {}),
    ("set load", "", {"rate": 1, "period_ns": 1, "workload": "nobody"}),
    ("set load", "", {"rate": 1, "period_ns": 1}),
    ("stop workload", "", {"drain_ns": 1}),
    ("stop workload", "", {}),
    ("get value", "", {}),
    ("put value", "", {"key": "k1"}),
]


@pytest.fixture(scope="module")
def abused(drive):
    it = drive().elect()
    it.give("crash node", "n3")
    return it


@pytest.mark.parametrize(("verb", "target", "arguments"), _BAD, ids=str)
def test_bad_input_is_told_and_does_nothing(abused, verb, target, arguments):
    run = abused.run
    faults, commands, up = len(run.faults.all), len(run.schedule.commands), run.live_nodes()
    with pytest.raises((InvalidInput, InvalidState)) as caught:
        abused.give(verb, target, **arguments)

    assert len(str(caught.value)) > 20
    assert (len(run.faults.all), len(run.schedule.commands), run.live_nodes()) == (faults, commands, up)
    assert not run.ended


def test_a_run_that_got_nothing_but_bad_input_serves_and_is_replayed(abused):
    assert isinstance(abused.put("k1", "after all"), Ok)
    schedule = abused.run.finish()

    assert replay(schedule).finish().digest == schedule.digest


@pytest.mark.parametrize(
    ("at_s", "duration_s", "message"), [(0.1, None, "has passed"), (None, 0, "longer than nothing")]
)
def test_a_time_that_makes_no_sense_is_told(it, at_s, duration_s, message):
    with pytest.raises(InvalidInput, match=message):
        it.give("crash node", "n1", at_s=at_s, duration_s=duration_s)


def test_a_duration_of_what_does_not_last_is_told(it):
    with pytest.raises(InvalidInput, match="takes no duration"):
        it.give("heal network", duration_s=1)


def test_time_does_not_go_back(it):
    with pytest.raises(InvalidInput, match="has passed"):
        it.run.advance(0)
    it.go(1)


@pytest.mark.parametrize(
    "fields",
    [
        {"nodes": 3, "replicas": 4},
        {"shards": -1},
        {"shards": 5000},
        {"topology": "nowhere"},
        {"topology_text": "nodes: ["},
        {"knobs": {"heartbeat": 0}},
        {"knobs": {"heartbeat": True}},
        {"knobs": {"heartbeat": "soon"}},
        {"knobs": {"hartbeat": 1}},
    ],
    ids=str,
)
def test_a_cluster_that_cannot_be_is_told(drive, fields):
    with pytest.raises(InvalidInput):
        drive(**fields)


# --- how runs end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, AssertionError, TimeoutError])
def test_a_run_that_was_broken_off_has_ended_and_says_so(it, error):
    def break_off(_):
        raise error

    it.run.scheduler.after(SECOND_NS, break_off)
    with pytest.raises(error):
        it.go(5)

    with pytest.raises(RunEnded, match=r"it was cut short at t=.*start another one"):
        it.go(1)
    with pytest.raises(RunEnded):
        it.give("crash node", "n1")
    assert it.run.finish().digest == "", "no replay stops in the middle of an instant"
    assert judge_invariants(it.run) is None


def test_a_bug_inside_a_verb_ends_the_run(it, monkeypatch):
    def fail(_node):
        raise AssertionError("a bug")

    monkeypatch.setattr(it.run.world, "crash", fail)
    with pytest.raises(AssertionError):
        it.give("crash node", "n1")

    assert it.run.ended


def test_an_exploding_condition_ends_the_run(it):
    with pytest.raises(ZeroDivisionError):
        it.go(1, lambda: 1 // 0)

    assert it.run.ended


# --- clients ----------------------------------------------------------------------------------------------------------


def test_operations_by_keyword_may_be_under_way_together(it):
    tasks = [it.give("put value", key=f"k{number}", value="x") for number in range(3)]
    it.go(2)

    assert [type(task.result) for task in tasks] == [Ok, Ok, Ok]
    assert len({event.process for event in it.run.recorder.events}) == 3
    it.put("k1", "y")
    it.put("k1", "z")
    assert len({event.process for event in it.run.recorder.events}) <= 4, "a session that is free is used again"


def test_what_was_under_way_at_a_gateway_that_crashes_is_unknown_and_its_clients_go_elsewhere(it):
    gateway = "n1"
    session = it.run.sessions.open(10_000, home=gateway)
    assert session.node == gateway
    task = it.give("put value", key="k1", value="x")
    node = it.run.recorder.events
    it.go(0.0001)
    it.give("crash node", gateway)
    it.go(1)

    assert session.node != gateway
    assert task.is_done
    assert node[0].node != gateway or isinstance(task.result, OutcomeUnknown)


def test_a_client_that_left_blames_no_gateway(it):
    it.load(clients=3, rate=0)
    it.go(1)
    it.give("partition network", "halves")
    it.give("stop workload", drain_ns=SECOND_NS // 100)
    it.go(10)

    assert it.run.sessions._waiting == {}
    assert it.run.sessions._sessions == {}


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


def test_every_metric_has_a_value(it):
    it.load()
    it.go(2)

    values = {name: metric_value(it.run, name) for name in metric_names()}
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
    assert metric_value(it.run, "failover_max", window_ns=SECOND_NS) == 0.0
    assert metric_value(it.run, "failover_max") == max(times) / 1e6


# --- crash points -----------------------------------------------------------------------------------------------------


def _small_schedule():
    def at(milliseconds, verb, **arguments):
        now_ns = milliseconds * 1_000_000
        return Command(verb, now_ns, now_ns, arguments=arguments)

    load = at(1500, "start workload", kind="append", clients=2, rate=20_000, keys=2)
    return Schedule(RunSpec(seed=4), [load], end_ns=1_900_000_000)


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("power_loss", [False, True])
def test_a_crash_around_any_effect_breaks_nothing(effect, power_loss):
    every = 37 if effect == "send" else 11
    report = enumerate_crash_points(_small_schedule(), effect, every=every, power_loss=power_loss)

    assert report.failure is None
    assert len(report.points) == 2 * (report.effects_in_run // every) >= 2
    assert all(point.node and point.time_ns for point in report.points), "each point was reached"
    assert {point.phase for point in report.points} == {"before", "after"}


def test_an_effect_that_is_none_or_never_comes_is_told():
    with pytest.raises(InvalidInput, match="did you mean persist"):
        enumerate_crash_points(_small_schedule(), "persists")
    with pytest.raises(InvalidInput, match="no point to crash at"):
        enumerate_crash_points(_small_schedule(), "apply", every=100_000)


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


def test_the_tests_above_know_every_verb():
    from PhantomLibrary.testbed.verbs import VERBS

    assert {verb for verb, _, _ in _BAD} >= set(VERBS) - {"heal network"}
    assert issubclass(InvalidInput, PhantomError)
