"""The meters of machines: what was worked, served and sent until this very nanosecond, and no more."""

from __future__ import annotations

import pytest

from PhantomLibrary.domain.usage import NodeUsage, Reading, usage_between
from PhantomLibrary.kernel.process import TurnedAway
from PhantomLibrary.world.card import SEND_BUFFER_BYTES_MAX, NetworkCard
from PhantomLibrary.world.disk_faults import DiskFault
from tests.unit.world.test_world_harness import MS, Bench


def reading(bench: Bench, node: str = "n1") -> Reading:
    return bench.world.nodes[node].reading()


def busy_bench(*, cores: int = 1, speed: int = 1_000_000) -> Bench:
    return Bench(cost_ns=lambda message, size: 10 * MS, cores=cores, speed=speed).started()


# --- processor --------------------------------------------------------------------------------------------------------


def test_work_is_counted_while_it_is_done_and_not_when_it_begins() -> None:
    bench = busy_bench()
    bench.send("n2", "n1", "work")  # Arrives after 1 ms and takes 10.
    worked = []
    for _ in range(4):
        bench.run(4 * MS)
        worked.append(reading(bench).cpu_ns)
    assert worked == [3 * MS, 7 * MS, 10 * MS, 10 * MS]


def test_what_waits_for_a_core_uses_nothing_yet() -> None:
    bench = busy_bench()
    bench.send("n2", "n1", 1, 2, 3)
    bench.run(6 * MS)
    assert reading(bench).cpu_ns == 5 * MS


def test_a_busy_core_of_two_is_half_a_processor() -> None:
    bench = busy_bench(cores=2)
    bench.run(MS)
    before = reading(bench)
    bench.send("n2", "n1", "work")
    bench.run(11 * MS)
    bench.send("n2", "n1", "work", "work")
    middle = reading(bench)
    bench.run(11 * MS)
    assert usage_between(before, middle).cpu_ppm == 10 * 1_000_000 // (11 * 2)
    assert usage_between(middle, reading(bench)).cpu_ppm == 10 * 1_000_000 // 11


def test_a_slow_machine_works_longer_for_the_same() -> None:
    bench = busy_bench(speed=500_000)
    bench.send("n2", "n1", "work")
    bench.run(50 * MS)
    assert reading(bench).cpu_ns == 20 * MS


def test_a_crash_takes_back_what_was_charged_and_never_worked() -> None:
    bench = busy_bench()
    bench.send("n2", "n1", 1, 2)
    bench.run(5 * MS)
    bench.world.crash("n1")
    bench.run(20 * MS)
    assert reading(bench).cpu_ns == 4 * MS
    assert reading(bench).memory_bytes == 0, "a machine without a process holds nothing"


def test_a_paused_machine_works_on_nothing_new() -> None:
    bench = busy_bench()
    bench.world.pause("n1")
    bench.send("n2", "n1", 1, 2)
    bench.run(50 * MS)
    assert reading(bench).cpu_ns == 0


def test_a_process_knows_how_long_a_message_has_waited() -> None:
    bench = Bench(cost_ns=lambda message, size: 10 * MS)
    waited: list[int] = []
    bench.on_receive = lambda env, sender, message: waited.append(env.waited_ns())
    bench.started()
    bench.send("n2", "n1", 1, 2, 3)
    bench.run(50 * MS)
    bench.send("n2", "n1", 4)
    bench.run(50 * MS)
    assert waited == [0, 10 * MS, 20 * MS, 0]


def test_what_is_turned_away_costs_less() -> None:
    bench = Bench(cost_ns=lambda message, size: MS if type(message) is TurnedAway else 10 * MS, cores=2)

    def refuse(env: object, sender: str, message: str) -> None:
        if message == "unwanted":
            bench.env("n1").turn_away()
            bench.env("n1").send("n3", "no")

    bench.on_receive = refuse
    bench.started()
    bench.send("n2", "n1", "work", "unwanted", "work")
    bench.run(100 * MS)
    assert bench.times("n1", "message") == [MS, MS, 2 * MS]
    assert bench.times("n3", "message") == [3 * MS], "the refusal leaves after 1 ms of work"
    assert reading(bench).cpu_ns == 21 * MS


def test_work_beyond_what_a_message_costs_is_charged_and_delays_what_is_sent() -> None:
    bench = Bench(cost_ns=lambda message, size: 10 * MS if message == "long" else 0, cores=1)

    def compute(env: object, sender: str, message: str) -> None:
        if message in ("long", "short"):
            bench.env("n1").send("n3", "begun")
            bench.env("n1").work(5 * MS)
            bench.env("n1").work(2 * MS)
            bench.env("n1").send("n3", "done")

    bench.on_receive = compute
    bench.started()
    bench.send("n2", "n1", "long", "short")
    bench.run(100 * MS)
    assert bench.times("n1", "message") == [MS, 18 * MS], "the second one waits for all of the first"
    assert bench.times("n3", "message") == [12 * MS, 19 * MS, 19 * MS, 26 * MS]
    assert reading(bench).cpu_ns == 24 * MS


def test_work_costs_nothing_where_nothing_does() -> None:
    bench = Bench()
    bench.started()
    bench.env("n1").work(5 * MS)
    assert reading(bench).cpu_ns == 0


def test_a_process_reads_its_own_meters() -> None:
    bench = busy_bench()
    bench.send("n2", "n1", "work")
    bench.run(5 * MS)
    own = bench.env("n1").reading()
    assert own == reading(bench)
    assert (own.elapsed_ns, own.cores, own.memory_bytes, own.memory_bytes_max) == (5 * MS, 1, 250, 1_000)


def test_reading_changes_nothing() -> None:
    digests = []
    for looks in (False, True):
        bench = busy_bench()
        bench.send("n2", "n1", 1, 2, 3)
        for _ in range(20):
            bench.run(3 * MS)
            if looks:
                reading(bench)
        digests.append((bench.trace.digest(), bench.scheduler.events, bench.notes))
    assert digests[0] == digests[1]


# --- disk -------------------------------------------------------------------------------------------------------------


def test_a_disk_is_busy_while_it_serves_and_not_before() -> None:
    bench = Bench().started()
    disk = bench.env("n1").disk
    disk.append("log", b"x")
    disk.sync(1)
    disk.sync(2)
    served = []
    for _ in range(3):
        bench.run(3 * MS // 2)
        served.append(reading(bench).disk_ns)
    assert served == [3 * MS // 2, 3 * MS, 4 * MS]


def test_a_sync_that_a_handler_asks_for_begins_when_the_handler_ends() -> None:
    bench = Bench(cost_ns=lambda message, size: 10 * MS)
    bench.on_receive = lambda env, sender, message: env.disk.sync(1)
    bench.started()
    bench.send("n2", "n1", "go")  # Handled from 1 to 11 ms; the sync takes 2 more.
    bench.run(6 * MS)
    assert reading(bench).disk_ns == 0
    bench.run(6 * MS)
    assert reading(bench).disk_ns == MS


def test_a_disk_that_hangs_is_busy() -> None:
    bench = Bench().started()
    stall = DiskFault("n1", "stall")
    stall.apply(bench.world)
    bench.env("n1").disk.sync(1)
    bench.run(10 * MS)
    assert reading(bench).disk_ns == 10 * MS
    stall.heal()
    bench.run(10 * MS)
    assert reading(bench).disk_ns == 10 * MS


@pytest.mark.parametrize("stalls", [False, True])
def test_a_disk_whose_machine_crashed_serves_nothing(stalls: bool) -> None:
    bench = Bench().started()
    if stalls:
        DiskFault("n1", "stall").apply(bench.world)
    bench.env("n1").disk.sync(1)
    bench.run(MS)
    bench.world.crash("n1")
    assert reading(bench).disk_ns == MS
    bench.run(10 * MS)
    assert reading(bench).disk_ns == MS


# --- network ----------------------------------------------------------------------------------------------------------


def test_a_card_sends_one_after_the_other_whoever_it_is_for() -> None:
    bench = Bench(network=1_000).started()  # A byte takes a millisecond, and "xx" is four bytes of JSON.
    bench.send("n1", "n2", "xx")
    bench.send("n1", "n3", "xx")
    bench.run(20 * MS)
    assert (bench.times("n2", "message"), bench.times("n3", "message")) == ([5 * MS], [9 * MS])
    assert reading(bench).network_ns == 8 * MS


def test_what_a_node_says_to_itself_does_not_pass_its_card() -> None:
    bench = Bench(network=1_000).started()
    bench.send("n1", "n1", "xx")
    bench.run(20 * MS)
    assert reading(bench).network_ns == 0 and len(bench.messages("n1")) == 1


def test_answers_to_clients_pass_the_card_too() -> None:
    bench = Bench(network=1_000)
    answers = []
    bench.on_receive = lambda env, sender, message: env.send(sender, "xx")
    bench.started()
    bench.world.add_endpoint("client", "n1", lambda node, message: answers.append(bench.scheduler.now_ns))
    bench.world.send_from("client", "n1", "hello")
    bench.run(20 * MS)
    assert answers == [100_000 + 4 * MS + 100_000]
    assert reading(bench).network_ns == 4 * MS


def test_a_card_counts_what_it_has_sent_until_now() -> None:
    card = NetworkCard(1_000)
    assert card.transmit(4, 0, 0) == 4 * MS
    assert card.transmit(4, 10 * MS, 0) == 14 * MS
    assert [card.busy_ns(now_ms * MS) for now_ms in (0, 3, 4, 9, 11, 14, 20)] == [
        *(0, 3 * MS, 4 * MS, 4 * MS, 5 * MS, 8 * MS, 8 * MS)
    ]


def test_a_card_loses_what_its_buffer_does_not_hold() -> None:
    card = NetworkCard(1_000)
    assert card.transmit(SEND_BUFFER_BYTES_MAX + 1, 0, 0) is not None
    assert card.transmit(1, 0, 0) is None


def test_a_machine_without_a_limit_sends_in_no_time() -> None:
    bench = Bench().started()
    before = reading(bench)
    bench.send("n1", "n2", "x")
    bench.run(10 * MS)
    assert usage_between(before, reading(bench)) == NodeUsage(memory_ppm=250_000)
