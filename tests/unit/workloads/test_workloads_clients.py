"""Clients: closed and open loop, what they record, and how they end."""

from __future__ import annotations

import sys
import tracemalloc
from collections import Counter
from typing import Any

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.workloads import clients as clients_module

PER_S = 1000


def test_closed_loop_issues_the_next_operation_as_soon_as_the_last_has_ended(bench: Any) -> None:
    bench.database.latency_ns = lambda: 5 * MILLISECOND_NS
    workload = bench.started(clients=3)
    bench.run_for(SECOND_NS - 1)
    assert bench.recorder.counts["invoke"] == 3 * 200
    assert workload.rate == 0
    assert {each for samples in workload.latencies.values() for each in samples.latency_ns} == {5 * MILLISECOND_NS}


@pytest.mark.parametrize("outcome", ["refused at once", "ok"])
def test_closed_loop_lets_time_pass_when_answers_take_none(bench: Any, outcome: str) -> None:
    bench.database.outcome = lambda: outcome
    bench.database.latency_ns = lambda: 0
    bench.started(clients=2)
    bench.run_for(SECOND_NS)
    assert bench.recorder.counts["invoke"] == 2 * 101


def test_open_loop_issues_exactly_its_rate(bench: Any) -> None:
    workload = bench.started(clients=8, rate=400 * PER_S)
    bench.run_for(10 * SECOND_NS)
    assert bench.recorder.counts["invoke"] == 4000
    assert workload.rate == 400 * PER_S
    assert sum(map(len, workload.latencies.values())) in (3999, 4000)


def test_arrivals_go_round_all_clients(bench: Any) -> None:
    bench.started(clients=4, rate=100 * PER_S)
    bench.run_for(4 * SECOND_NS)
    issued = Counter(event.process for event in bench.of_type("invoke"))
    assert issued == dict.fromkeys(range(4), 100)


def test_latency_counts_from_arrival_while_all_clients_are_busy(bench: Any) -> None:
    """No coordinated omission: a stall of a second delays a hundred operations, not just the two under way."""
    workload = bench.started(clients=2, rate=100 * PER_S, reads_percent=0)
    bench.run_for(SECOND_NS)
    bench.database.stall()
    bench.run_for(SECOND_NS)
    assert workload.waiting == 98
    invoked = bench.recorder.counts["invoke"]
    bench.database.resume()
    bench.run_for(SECOND_NS)
    assert workload.waiting == 0
    assert bench.recorder.counts["invoke"] - invoked == 198
    latencies = workload.latencies["write"].between(2 * SECOND_NS, 3 * SECOND_NS)
    late = sorted(each // (100 * MILLISECOND_NS) for each in latencies if each >= 100 * MILLISECOND_NS)
    assert len(late) == pytest.approx(95, abs=3)  # All that arrived in the stall but its last 50 ms.
    assert Counter(late)[5] == pytest.approx(10, abs=2)
    issued = {event.process: event.time_ns for event in bench.of_type("invoke")}
    assert all(time_ns > 2 * SECOND_NS for time_ns in issued.values())


def test_service_times_in_the_history_exclude_the_wait(bench: Any) -> None:
    bench.database.latency_ns = lambda: 100 * MILLISECOND_NS
    workload = bench.started(clients=1, rate=20 * PER_S, reads_percent=0)
    bench.run_for(2 * SECOND_NS)
    invoked: dict[int, int] = {}
    for event in bench.recorder.events:
        if event.type == "invoke":
            invoked[event.process] = event.time_ns
        else:
            assert event.time_ns - invoked[event.process] == 100 * MILLISECOND_NS
    latencies = workload.latencies["write"].latency_ns
    assert latencies[-1] > 900 * MILLISECOND_NS


def test_arrivals_that_find_the_queue_full_are_shed(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients_module, "WAITING_MAX", 5)
    workload = bench.started(clients=1, rate=10 * PER_S)
    bench.database.stall()
    bench.run_for(2 * SECOND_NS)
    assert (workload.waiting, workload.shed) == (5, 14)
    bench.database.resume()
    bench.stop(workload)
    assert workload.shed == 19


def test_set_rate_changes_the_load_and_opens_a_closed_loop(bench: Any) -> None:
    workload = bench.started(clients=4)
    bench.run_for(SECOND_NS)
    workload.set_rate(50 * PER_S)
    bench.run_for(10 * MILLISECOND_NS)
    before = bench.recorder.counts["invoke"]
    bench.run_for(10 * SECOND_NS)
    assert bench.recorder.counts["invoke"] - before == 500
    workload.set_rate(150 * PER_S, "ramp", 10 * SECOND_NS)
    bench.run_for(10 * SECOND_NS)
    assert bench.recorder.counts["invoke"] - before == pytest.approx(1500, abs=2)


def test_client_goes_on_as_a_new_process_after_an_unknown_outcome(bench: Any) -> None:
    fates = iter(["ok", "unknown, happened", "ok", "unknown, lost"])
    bench.database.outcome = lambda: next(fates, "ok")
    workload = bench.started(clients=1, reads_percent=0)
    bench.run_for(6 * MILLISECOND_NS - 1)
    ends = [(event.process, event.type) for event in bench.recorder.events if event.type != "invoke"]
    assert ends == [(0, "ok"), (0, "info"), (1, "ok"), (1, "info"), (2, "ok")]
    assert bench.of_type("info")[0].error == "timed out"
    assert (bench.database.opened, bench.database.closed) == ([0, 1, 2], [0, 1])
    assert bench.of_type("info")[0].node == "n1"
    assert bench.recorder.events[-1].node == "n3"
    bench.stop(workload)
    assert sorted(bench.database.closed) == [0, 1, 2]


def test_refused_operation_is_a_fail_and_the_process_goes_on(bench: Any) -> None:
    fates = iter(["refused"])
    bench.database.outcome = lambda: next(fates, "ok")
    workload = bench.started(clients=1, reads_percent=0)
    bench.run_for(20 * MILLISECOND_NS)
    fail = bench.of_type("fail")[0]
    assert (fail.process, fail.function, fail.value, fail.error) == (0, "write", 1, "no leader")
    assert bench.of_type("ok")[0].process == 0
    assert len(workload.latencies["write"]) == workload.confirmed["write"] == bench.recorder.counts["ok"]


def test_stop_lets_operations_end_and_reads_each_written_key_once(bench: Any) -> None:
    bench.database.latency_ns = lambda: 50 * MILLISECOND_NS
    workload = bench.started("set", clients=3, keys=5, reads_percent=0)
    bench.run_for(SECOND_NS + 10 * MILLISECOND_NS)
    stopped = workload.stop(10 * SECOND_NS)
    assert not workload.is_running
    assert workload.stop(0) is stopped
    bench.run_for(40 * MILLISECOND_NS)
    assert bench.recorder.counts["ok"] == 63
    bench.run_for(SECOND_NS)
    assert stopped.is_set
    reads = [event for event in bench.of_type("ok") if event.function == "read"]
    assert sorted(event.key for event in reads) == [f"k{number}" for number in range(5)]
    assert sorted(element for event in reads for element in event.value) == list(range(1, 64))
    assert "read" not in workload.latencies
    assert workload.confirmed == {"add": 63, "read": 5}
    assert not bench.recorder.under_way


def test_last_reads_begin_when_all_operations_have_ended(bench: Any) -> None:
    workload = bench.started("append", clients=2, keys=1, reads_percent=0)
    bench.run_for(10 * MILLISECOND_NS)
    bench.database.stall()
    bench.run_for(10 * MILLISECOND_NS)
    workload.stop(10 * SECOND_NS)
    bench.run_for(SECOND_NS)
    bench.database.resume()
    bench.run_for(SECOND_NS)
    assert bench.recorder.events[-2].function == "read"
    assert len(bench.recorder.events[-1].value) == workload.confirmed["append"]


def test_last_read_is_tried_again_until_it_is_answered(bench: Any) -> None:
    workload = bench.started("counter", clients=1, keys=1, reads_percent=0)
    bench.run_for(10 * MILLISECOND_NS)
    fates = iter(["refused", "unknown, lost", "refused at once"])
    bench.database.outcome = lambda: next(fates, "ok")
    bench.stop(workload)
    reads = [event.type for event in bench.recorder.events if event.function == "read" and event.type != "invoke"]
    assert reads[-4:] == ["fail", "info", "fail", "ok"]


def test_client_whose_gateway_refuses_leaves_the_last_reads_to_others(bench: Any) -> None:
    workload = bench.started("set", clients=3, keys=20, reads_percent=0)
    bench.run_for(SECOND_NS)
    bench.database.refusing = {"n2"}
    stopped = workload.stop(10 * SECOND_NS)
    bench.run_for(SECOND_NS)
    assert stopped.is_set
    assert sorted(element for event in bench.of_type("ok") if event.function == "read" for element in event.value) == [
        *range(1, workload.confirmed["add"] + 1)
    ]


@pytest.mark.parametrize("drain_ms", [0, 1, 500])
def test_end_of_the_drain_makes_what_is_under_way_unknown(bench: Any, drain_ms: int) -> None:
    workload = bench.started(clients=3, rate=100 * PER_S)
    bench.run_for(SECOND_NS)
    bench.database.stall()
    bench.run_for(100 * MILLISECOND_NS)
    stopped = workload.stop(drain_ms * MILLISECOND_NS)
    if drain_ms:
        bench.run_for(drain_ms * MILLISECOND_NS - 1)
        assert not stopped.is_set
    bench.run_for(1)
    assert stopped.is_set
    assert bench.recorder.counts["info"] == 3
    assert bench.of_type("info")[-1].time_ns == (1100 + drain_ms) * MILLISECOND_NS
    assert "stopped" in bench.of_type("info")[-1].error
    assert sorted(bench.database.closed) == [0, 1, 2]


def test_one_stuck_operation_does_not_keep_the_others_from_the_last_reads(bench: Any) -> None:
    latencies = iter([3600 * SECOND_NS])
    bench.database.latency_ns = lambda: next(latencies, 10 * MILLISECOND_NS)
    workload = bench.started("set", clients=3, keys=10, reads_percent=0)
    bench.run_for(SECOND_NS)
    bench.stop(workload, 10 * SECOND_NS)
    reads = [event for event in bench.of_type("ok") if event.function == "read"]
    assert len({event.key for event in reads}) == 10
    assert {event.time_ns // SECOND_NS for event in reads} == {6}
    assert bench.recorder.counts["info"] == 1


def test_operations_that_end_at_half_of_the_drain_time_do_no_harm(bench: Any) -> None:
    """The last answer and the start of the last reads fall into one instant, in either order."""
    bench.database.latency_ns = lambda: 100 * MILLISECOND_NS
    workload = bench.started(clients=2, reads_percent=0)
    bench.run_for(60 * MILLISECOND_NS)
    bench.stop(workload, 80 * MILLISECOND_NS)
    assert workload.confirmed == {"write": 2}
    assert bench.recorder.counts["info"] == 2  # The last reads, which take longer than the rest of the drain time.


def test_workload_can_be_stopped_in_the_instant_of_its_start(bench: Any) -> None:
    workload = bench.started(clients=3)
    stopped = workload.stop(0)
    bench.run_for(1)
    assert stopped.is_set
    assert not bench.recorder.under_way
    assert bench.database.opened == sorted(bench.database.closed)


def test_nothing_goes_on_after_a_stop(bench: Any) -> None:
    workload = bench.started(clients=2, rate=1000 * PER_S)
    bench.database.stall()
    bench.run_for(SECOND_NS)
    workload.stop(SECOND_NS)
    bench.run_for(SECOND_NS)
    assert (workload.waiting, workload.shed) == (0, 998)
    events = len(bench.recorder.events)
    bench.run_for(60 * SECOND_NS)
    assert len(bench.recorder.events) == events
    assert workload.waiting == 0
    assert bench.scheduler.is_quiet


def test_workload_that_starts_again_under_its_name_writes_new_values(bench: Any) -> None:
    for _ in range(2):
        workload = bench.started(clients=2, reads_percent=0)
        bench.run_for(SECOND_NS)
        bench.stop(workload)
    written = [event.value for event in bench.of_type("invoke") if event.function == "write"]
    assert len(set(written)) == len(written) > 3000


def test_idle_clients_end_at_once(bench: Any) -> None:
    workload = bench.started(clients=50, rate=1)
    bench.run_for(SECOND_NS)
    stopped = workload.stop(60 * SECOND_NS)
    bench.run_for(0)
    assert stopped.is_set
    assert bench.recorder.events == []


def test_clients_of_an_open_loop_are_made_as_operations_arrive(bench: Any) -> None:
    workload = bench.started(clients=10_000, rate=10 * PER_S)
    bench.run_for(3 * SECOND_NS)
    assert bench.database.opened == [*range(30)]
    assert Counter(event.process for event in bench.of_type("invoke")) == dict.fromkeys(range(30), 1)
    bench.stop(workload)
    assert sorted(bench.database.closed) == [*range(30)]


def test_process_numbers_of_clients_that_are_not_made_yet_are_kept_for_them(bench: Any) -> None:
    bench.started(clients=3, rate=1 * PER_S)
    bench.started("set", clients=2)
    bench.run_for(3 * SECOND_NS)
    by_workload: dict[str, set[int]] = {}
    for event in bench.of_type("invoke"):
        by_workload.setdefault(event.workload, set()).add(event.process)
    assert by_workload == {"register": {0, 1, 2}, "set": {3, 4}}


def test_idle_client_costs_less_than_a_kibibyte(bench: Any) -> None:
    """Of what is kept for each of many clients that have done their operation, its events are the history's."""
    workload = bench.started(clients=2_000, rate=2_000 * PER_S, reads_percent=100)
    tracemalloc.start()
    try:
        bench.run_for(SECOND_NS)
        recorded = [tracemalloc.Filter(False, "*recorder.py"), tracemalloc.Filter(False, "*conftest.py")]
        kept = sum(each.size for each in tracemalloc.take_snapshot().filter_traces(recorded).statistics("filename"))
    finally:
        tracemalloc.stop()
    assert len(bench.database.opened) == 2_000
    assert kept / 2_000 < 1024
    assert workload.waiting == 0


def test_arrival_costs_the_same_whatever_the_number_of_clients(make_bench: Any) -> None:
    counts = []
    for clients in (8, 10_000):
        bench = make_bench()
        bench.started(clients=clients, rate=100 * PER_S, reads_percent=100)
        calls = 0

        def count(_frame: Any, event: str, _argument: Any) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count)
        try:
            bench.run_for(5 * SECOND_NS)
        finally:
            sys.setprofile(None)
        counts.append(calls)
    few, many = counts
    assert many < few * 1.25  # Each arrival makes a client, and that is all.


def test_set_up_is_done_before_anything_arrives(bench: Any) -> None:
    asked: list[int] = []

    async def set_up(session: Any) -> bool:
        asked.append(session.process)
        return True

    workload = bench.workload(clients=4, rate=1 * PER_S)
    workload._clients._set_up = set_up
    workload.start()
    bench.run_for(0)
    assert asked == [0]
    bench.run_for(4 * SECOND_NS)
    assert asked == [0]
    assert bench.recorder.counts["ok"] >= 3
