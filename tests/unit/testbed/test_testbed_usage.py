"""The usage of nodes over time: exact between samples, bounded in number, and without any effect on the run."""

from __future__ import annotations

import pytest

from PhantomLibrary.domain import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS
from PhantomLibrary.errors import InvalidState
from PhantomLibrary.protocols.raft.effects import Apply
from PhantomLibrary.reporting.summary import summarise
from PhantomLibrary.reporting.summary_table import render_text
from PhantomLibrary.reporting.usage_report import node_uses, sparkline, usage_table
from PhantomLibrary.testbed import usage as usage_module
from PhantomLibrary.testbed.balance import amounts_of, judge_balance
from PhantomLibrary.testbed.metrics import metric_value
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.testbed.usage import UsageSeries


def small_run(rate: int = 0, **arguments: object) -> Run:
    """Return a run of three slow nodes and three shards; with a rate, its load begins at 1 s."""
    run = Run(RunSpec(seed=1, topology="three-small-nodes", shards=3))
    run.advance(SECOND_NS)
    if rate:
        given = {"kind": "register", "clients": 20, "rate": rate * 1000, "reads_percent": 50, **arguments}
        run.perform(Command("start workload", run.now_ns, run.now_ns, arguments=given))
    return run


def test_a_window_begins_at_the_latest_sample_that_is_that_long_ago() -> None:
    run = small_run()
    run.advance(4 * SECOND_NS)
    run.perform(Command("pause node", run.now_ns, run.now_ns, "n1"))
    run.advance(6 * SECOND_NS + 500 * MILLISECOND_NS)
    assert run.usage.usage("n1", 2 * SECOND_NS).cpu_ppm == 0, "paused since the sample at 4 s"
    assert run.usage.usage("n1", 2 * SECOND_NS + 500 * MILLISECOND_NS).cpu_ppm == 0
    assert run.usage.usage("n1", 2 * SECOND_NS + 500 * MILLISECOND_NS + 1).cpu_ppm > 0
    assert run.usage.usage("n1").cpu_ppm > 0


def test_usage_is_the_work_that_the_trace_shows() -> None:
    run = small_run(rate=60)
    run.advance(5 * SECOND_NS)
    host = run.host("n2")
    before = host.reading()
    handled = []
    arrive, passed, synced = host.arrive, host.deadline_passed, host.sync_came_back
    for link in run.world.network.links.values():
        if link.target == "n2":
            link.arrive = lambda sender, message, cost_ns: (handled.append(cost_ns), arrive(sender, message, cost_ns))
    host.arrive = lambda sender, message, cost_ns: (handled.append(cost_ns), arrive(sender, message, cost_ns))  # type: ignore[method-assign]
    assert host.env is not None
    host.env.timers._passed = lambda name: (handled.append(10 * MICROSECOND_NS), passed(name))
    host.env._disk._synced = lambda token, error: (handled.append(10 * MICROSECOND_NS), synced(token, error))
    run.advance(9 * SECOND_NS)
    worked_ns = host.reading().cpu_ns - before.cpu_ns
    charged_ns = sum(cost_ns * 50 for cost_ns in handled)  # At 2 % of full speed.
    assert charged_ns > SECOND_NS // 2
    assert abs(worked_ns - charged_ns) < 5 * MILLISECOND_NS, "but for what is being handled at either end"


def test_no_usage_before_any_time_has_passed() -> None:
    run = Run(RunSpec(seed=1))
    with pytest.raises(InvalidState, match="no time has passed in which n1"):
        run.usage.usage("n1")


def test_a_node_that_was_added_is_measured_since_it_came() -> None:
    run = small_run()
    run.perform(Command("add node", run.now_ns, run.now_ns, "n4", arguments={"size": "tiny"}))
    run.advance(3 * SECOND_NS)
    assert run.usage.nodes() == ["n1", "n2", "n3", "n4"]
    assert [time_ns // SECOND_NS for time_ns, _ in run.usage.samples("n4")] == [3]
    assert run.usage.usage("n4").cpu_ppm > 0


def test_samples_are_bounded_and_what_is_left_of_them_stays_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_module, "SAMPLES_MAX", 16)
    run = small_run(rate=50)
    run.advance(60 * SECOND_NS)
    times = [time_ns // SECOND_NS for time_ns, _ in run.usage.samples("n1")]
    assert times == list(range(4, 61, 4))
    total = run.usage.usage("n1").cpu_ppm
    mean = sum(usage.cpu_ppm for _, usage in run.usage.samples("n1")) // len(times)
    assert abs(total - mean) <= len(times)


def test_a_run_that_nobody_measures_is_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = small_run(rate=100)
    measured.advance(4 * SECOND_NS)
    monkeypatch.setattr(UsageSeries, "_sample", lambda self, argument: None)
    plain = small_run(rate=100)
    plain.advance(4 * SECOND_NS)
    assert measured.trace.digest() == plain.trace.digest()
    assert measured.recorder.events == plain.recorder.events


def test_memory_is_what_replicas_and_the_log_hold() -> None:
    run = small_run(rate=100)
    run.advance(4 * SECOND_NS)
    for node, process in run.processes.items():
        held = sum(replica.machine.bytes for replica in process.replicas.values()) + process.wal.bytes
        assert run.host(node).reading().memory_bytes == held > 10_000


def test_memory_is_counted_anew_when_something_is_applied_though_nothing_was_written() -> None:
    run = small_run()
    before = run.host("n1").reading().memory_bytes
    replica = run.processes["n1"].replicas[1]
    replica.machine._store.put(b"key", b"x" * 1_000, at_ns=1, horizon_ns=0)
    assert run.host("n1").reading().memory_bytes == before
    replica.apply(Apply(()))
    assert run.host("n1").reading().memory_bytes >= before + 1_000


def test_memory_of_a_replica_that_comes_by_snapshot_is_that_of_the_others() -> None:
    run = small_run(rate=100)
    run.advance(3 * SECOND_NS)
    machine = run.processes["n1"].replicas[1].machine
    before = machine.bytes
    machine.restore(machine.snapshot())
    assert machine.bytes == before > 0


def test_metrics_are_those_of_the_nodes_that_are_asked_for() -> None:
    run = small_run(rate=100)
    run.advance(6 * SECOND_NS)
    each = [run.usage.usage(node, 4 * SECOND_NS).cpu_ppm / 10_000 for node in ("n1", "n2", "n3")]
    assert metric_value(run, "cpu_max", window_ns=4 * SECOND_NS) == max(each)
    assert metric_value(run, "cpu_mean", window_ns=4 * SECOND_NS) == pytest.approx(sum(each) / 3)
    assert metric_value(run, "cpu_mean", nodes=["n2"], window_ns=4 * SECOND_NS) == each[1]


def test_clients_that_stand_at_nodes_in_turn_ask_all_of_them_as_often() -> None:
    run = small_run(rate=90, clients=12)
    run.advance(11 * SECOND_NS)
    assert judge_balance(run, "queries", 50_000).outcome == "valid"
    assert judge_balance(run, "data", 50_000).outcome == "valid", "each shard has a replica on each node"
    assert sum(amounts_of(run, "leaders").values()) == 3


def test_a_crashed_node_has_no_share_of_the_load() -> None:
    run = small_run(rate=90)
    run.advance(2 * SECOND_NS)
    run.perform(Command("crash node", run.now_ns, run.now_ns, "n3"))
    run.advance(4 * SECOND_NS)
    assert list(amounts_of(run, "cpu")) == ["n1", "n2"]


def test_report_shows_the_busiest_nodes_and_their_samples() -> None:
    run = small_run(rate=100)
    run.advance(4 * SECOND_NS)
    lines = [line for line in render_text(summarise(run)).splitlines() if "cpu" in line]
    assert len(lines) == 3 and lines[0].startswith("nodes") and "at most" in lines[0] and "network" in lines[0]
    table = b"".join(usage_table(run)).decode().splitlines()
    assert table[0].startswith("node,time_s,cpu_percent") and len(table) == 1 + 3 * 4
    assert table[1].startswith("n1,1.000,")
    assert all(use.cpu.max_ppm >= use.cpu.mean_ppm > 0 for use in node_uses(run))


def test_nodes_without_a_limit_show_no_share_of_their_network() -> None:
    run = Run(RunSpec(seed=1))
    run.advance(2 * SECOND_NS)
    assert {use.network for use in node_uses(run)} == {None}


def test_chart_goes_from_nothing_to_all() -> None:
    assert sparkline((0, 124_999, 125_000, 500_000, 999_999, 1_000_000)) == "▁▁▂▅██"


# --- gateways ---------------------------------------------------------------------------------------------------------


def gateways_of(run: Run) -> dict[str, int]:
    return {node: number for node, number in run.sessions.connections.items() if number}


def test_clients_go_over_to_a_node_that_joins_only_where_connections_are_counted() -> None:
    for balancing, expected in (("round robin", 0), ("least connections", 3)):
        run = small_run(rate=60, clients=12, balancing=balancing)
        run.advance(2 * SECOND_NS)
        assert gateways_of(run) == {"n1": 4, "n2": 4, "n3": 4}
        run.perform(Command("add node", run.now_ns, run.now_ns, "n4", arguments={"size": "tiny"}))
        run.advance(4 * SECOND_NS)
        assert gateways_of(run).get("n4", 0) == expected
        assert sum(gateways_of(run).values()) == 12


def test_clients_of_a_gateway_that_crashes_are_spread_over_the_others() -> None:
    run = small_run(rate=60, clients=12, balancing="least connections")
    run.advance(2 * SECOND_NS)
    run.perform(Command("crash node", run.now_ns, run.now_ns, "n1"))
    run.advance(4 * SECOND_NS)
    assert gateways_of(run) == {"n2": 6, "n3": 6}


def test_clients_that_end_leave_no_connections_behind() -> None:
    run = small_run(rate=60, clients=12, balancing="random")
    run.advance(2 * SECOND_NS)
    assert sum(gateways_of(run).values()) == 12
    run.perform(Command("stop workload", run.now_ns, run.now_ns, arguments={"drain_ns": 2 * SECOND_NS}))
    run.advance(4 * SECOND_NS)
    assert gateways_of(run) == {}
