"""Nodes, processors and clocks."""

from __future__ import annotations

import json

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.world.clock import WALL_ORIGIN_NS
from PhantomLibrary.world.faults import CrashNode, PauseNode, SkewClock
from tests.unit.world.test_world_harness import MS, Bench


def crash_and_restart(bench: Bench, node: str = "n1") -> None:
    bench.world.crash(node)
    bench.world.restart(node)


# --- life -------------------------------------------------------------------------------------------------------------


def test_crash_drops_all_that_was_owed_to_the_old_incarnation() -> None:
    bench = Bench(cost_ns=lambda message, size: MS).started()
    old = bench.env("n1")
    old.set_deadline("tick", 10 * MS)
    old.disk.append("log", b"x")
    old.disk.sync(7)
    bench.send("n2", "n1", "under way")
    bench.send("n1", "n1", 1, 2, 3)
    bench.run(MS // 2)  # One message is being handled, two wait for the processor.
    crash_and_restart(bench)
    bench.run(100 * MS)
    assert [note for note in bench.notes if note[1] == "n1"] == [(10_000, "n1", "message", "n1", 1)]
    assert bench.lost("n2", "n1", "down") == 1


def test_deadline_of_a_crashed_process_costs_the_node_nothing() -> None:
    bench = Bench(cost_ns=lambda message, size: MS).started()
    bench.env("n1").set_deadline("tick", 10 * MS)
    bench.world.crash("n1")
    bench.run(50 * MS)
    host = bench.world.nodes["n1"]
    assert host.queue_length == 0
    bench.world.restart("n1")
    bench.run(50 * MS)
    assert host.busy_ns == 0 and bench.notes == []


def test_env_of_an_old_incarnation_does_nothing() -> None:
    bench = Bench().started()
    old = bench.env("n1")
    crash_and_restart(bench)
    assert bench.env("n1").incarnation == old.incarnation + 1 == 2
    old.send("n2", "ghost")
    old.set_deadline("tick", 5 * MS)
    old.disk.append("log", b"ghost")
    old.disk.sync(1)
    bench.run(100 * MS)
    assert bench.notes == [] and bench.env("n1").disk.files() == []


def test_dead_node_sends_nothing_that_its_processor_had_not_finished() -> None:
    bench = Bench(cost_ns=lambda message, size: 10 * MS)
    bench.on_receive = lambda env, sender, message: message == "go" and env.send("n3", "result")
    bench.started()
    bench.send("n2", "n1", "go")
    bench.run(5 * MS)  # Arrived at 1 ms; the answer would leave at 11 ms.
    bench.world.crash("n1")
    bench.run(100 * MS)
    assert bench.messages("n3") == [] and bench.lost("n1", "n3", "down") == 1


def test_crash_of_the_sender_spares_what_had_left() -> None:
    bench = Bench().started()
    bench.send("n1", "n2", "last words")
    bench.run(MS // 2)
    bench.world.crash("n1")
    bench.run(5 * MS)
    assert bench.messages("n2") == ["last words"]


def test_fault_crashes_and_heals_unless_somebody_restarted_the_node() -> None:
    bench = Bench().started()
    crash, again = CrashNode("n1"), CrashNode("n1")
    crash.apply(bench.world)
    again.apply(bench.world)
    assert crash.bites == 0 and again.bites == 0
    bench.world.restart("n1")
    crash.heal()
    again.heal()
    assert bench.env("n1").incarnation == 2


def test_crash_bites_by_the_messages_that_found_nobody() -> None:
    bench = Bench().started()
    crash = CrashNode("n1")
    crash.apply(bench.world)
    bench.send("n2", "n1", "anybody?")
    bench.run(5 * MS)
    assert crash.bites == 1
    crash.heal()
    bench.world.crash("n1")
    bench.send("n2", "n1", "again?")
    bench.run(5 * MS)
    assert crash.bites == 1, "what a later crash loses is no bite of this one"


def test_impossible_life_is_refused() -> None:
    bench = Bench().started()
    with pytest.raises(InvalidState, match="n1 is up"):
        bench.world.restart("n1")
    with pytest.raises(InvalidInput, match=r"no node 'n11'.*n1"):
        bench.world.crash("n11")
    bench.world.crash("n1")
    for wrong in (bench.world.crash, bench.world.pause, bench.world.resume):
        with pytest.raises(InvalidState, match="down"):
            wrong("n1")


# --- processor --------------------------------------------------------------------------------------------------------


def test_arrivals_queue_for_the_processor() -> None:
    bench = Bench(cost_ns=lambda message, size: 10 * MS).started()
    for number in range(5):
        bench.world.network.link("n2", "n1").send(number)
    bench.run(200 * MS)
    assert bench.times("n1", "message") == [MS + 10 * MS * number for number in range(5)]
    host = bench.world.nodes["n1"]
    assert host.busy_ns == 50 * MS and host.queue_max == 4 and host.queue_length == 0


def test_deadlines_and_syncs_queue_for_the_processor_too() -> None:
    bench = Bench(cost_ns=lambda message, size: 10 * MS).started()
    bench.env("n2").set_deadline("due", 3 * MS)
    bench.env("n2").disk.append("log", b"x")
    bench.env("n2").disk.sync(7)  # Comes back after 2 ms.
    bench.send("n1", "n2", "first")  # Arrives after 1 ms, and keeps the processor busy for 10.
    bench.run(60 * MS)
    assert bench.times("n2", "message") == [MS]
    assert bench.times("n2", "synced") == [11 * MS]
    assert bench.times("n2", "fire") == [21 * MS]


def test_more_cores_and_speed_serve_more() -> None:
    def last(cores: int, speed: int) -> int:
        bench = Bench(cost_ns=lambda message, size: 10 * MS, cores=cores, speed=speed).started()
        for number in range(4):
            bench.world.network.link("n2", "n1").send(number)
        bench.run(500 * MS)
        return (bench.times("n1", "message")[-1] - MS) // MS

    assert (last(1, 1_000_000), last(2, 1_000_000), last(4, 1_000_000), last(1, 500_000)) == (30, 10, 0, 60)


def test_what_a_handler_sends_leaves_after_its_cost() -> None:
    bench = Bench(cost_ns=lambda message, size: 3 * MS)
    bench.on_receive = lambda env, sender, message: message == "ping" and env.send(sender, "pong")
    bench.started()
    bench.send("n2", "n1", "ping")
    bench.run(50 * MS)
    assert bench.times("n2", "message") == [MS + 3 * MS + MS]


def test_cost_of_zero_is_as_no_cost() -> None:
    def notes(bench: Bench) -> list[tuple[object, ...]]:
        bench.on_receive = lambda env, sender, message: message and env.send(sender, message - 1)
        bench.started()
        bench.send("n1", "n2", 5, 7)
        bench.run(50 * MS)
        return bench.notes

    assert notes(Bench(cost_ns=lambda message, size: 0)) == notes(Bench()) != []


# --- pause ------------------------------------------------------------------------------------------------------------


def test_paused_node_handles_all_in_order_when_resumed() -> None:
    bench = Bench().started()
    pause = PauseNode("n1")
    pause.apply(bench.world)
    bench.send("n2", "n1", "first")
    bench.env("n1").set_deadline("tick", 2 * MS)
    bench.run(3 * MS)
    bench.send("n2", "n1", "second")
    bench.run(50 * MS)
    assert bench.notes == [] and pause.bites == 3
    pause.heal()
    bench.run(MS)
    assert [note[2:] for note in bench.notes] == [
        ("message", "n2", "first"),
        ("fire", "tick"),
        ("message", "n2", "second"),
    ]


def test_inbox_of_a_paused_node_overflows() -> None:
    bench = Bench().started()
    bench.world.nodes["n1"].inbox_max = 3
    bench.world.pause("n1")
    bench.send("n2", "n1", 1, 2, 3, 4, 5)
    bench.run(5 * MS)
    bench.world.resume("n1")
    bench.run(5 * MS)
    assert bench.messages("n1") == [1, 2, 3] and bench.lost("n2", "n1", "buffer") == 2


def test_two_pauses_end_with_the_second() -> None:
    bench = Bench().started()
    first, second = PauseNode("n1"), PauseNode("n1")
    first.apply(bench.world)
    second.apply(bench.world)
    first.heal()
    bench.send("n2", "n1", "x")
    bench.run(5 * MS)
    assert bench.messages("n1") == []
    second.heal()
    bench.run(MS)
    assert bench.messages("n1") == ["x"]


# --- deadlines and clocks ---------------------------------------------------------------------------------------------


def test_deadline_moves_later_and_earlier() -> None:
    bench = Bench().started()
    env = bench.env("n1")
    env.set_deadline("later", 10 * MS)
    env.set_deadline("later", 30 * MS)
    env.set_deadline("earlier", 30 * MS)
    env.set_deadline("earlier", 10 * MS)
    bench.run(100 * MS)
    assert bench.notes == [(10 * MS, "n1", "fire", "earlier"), (30 * MS, "n1", "fire", "later")]


def test_deadline_set_anew_while_it_waits_for_the_processor_does_not_fire() -> None:
    bench = Bench(cost_ns=lambda message, size: 10 * MS)
    bench.on_receive = lambda env, sender, message: (
        message == "heartbeat" and env.set_deadline("election", env.monotonic_ns() + 50 * MS)
    )
    bench.started()
    bench.env("n1").set_deadline("election", 5 * MS)
    bench.send("n2", "n1", "work", "heartbeat")  # Handled at 1 and 11 ms; the deadline waits behind them.
    bench.run(40 * MS)
    assert bench.times("n1", "fire") == []
    bench.run(100 * MS)
    assert bench.times("n1", "fire") == [61 * MS]


def test_drift_moves_deadlines_and_heals() -> None:
    bench = Bench().started()
    bench.env("n1").set_deadline("tick", 100 * MS)
    skew = SkewClock("n1", drift_ppm=250_000)
    skew.apply(bench.world)
    bench.run(100 * MS)
    assert bench.times("n1", "fire") == [80 * MS] and bench.env("n1").monotonic_ns() == 125 * MS
    skew.heal()
    bench.run(100 * MS)
    assert bench.env("n1").monotonic_ns() == 225 * MS and bench.env("n1").wall_ns() == WALL_ORIGIN_NS + 200 * MS


def test_slow_clock_fires_late() -> None:
    bench = Bench().started()
    SkewClock("n1", drift_ppm=-200_000).apply(bench.world)
    bench.env("n1").set_deadline("tick", 80 * MS)
    bench.run(200 * MS)
    assert bench.times("n1", "fire") == [100 * MS]


def test_offset_steps_the_wall_clock_only() -> None:
    bench = Bench().started()
    skew = SkewClock("n1", offset_ns=-5 * SECOND_NS)
    skew.apply(bench.world)
    bench.run(MS)
    assert bench.env("n1").wall_ns() == WALL_ORIGIN_NS + MS - 5 * SECOND_NS
    assert bench.env("n1").monotonic_ns() == MS and skew.bites == 5000
    skew.heal()
    assert bench.env("n1").wall_ns() == WALL_ORIGIN_NS + MS


def test_the_trace_says_what_became_of_nodes() -> None:
    bench = Bench(nodes=2).started()
    bench.run(MS)
    bench.world.nodes["n1"].pause()
    bench.world.nodes["n1"].resume()
    bench.world.nodes["n1"].crash()
    bench.world.nodes["n1"].wipe()
    bench.trace.flush()
    said = [json.loads(record) for record in bench.records]
    assert [(each["node"], each["did"]) for each in said if "did" in each] == [
        ("n1", "start"),
        ("n2", "start"),
        *(("n1", did) for did in ("pause", "resume", "crash", "wipe")),
    ]
