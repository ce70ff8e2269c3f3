"""Links, partitions and clients: each shape and each property loses or delays messages, and heals alone."""

from __future__ import annotations

from typing import Any

import pytest

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.world import shapes
from PhantomLibrary.world.endpoint import ConnectionLost
from PhantomLibrary.world.latency import Exponential, Lognormal, Normal, Pareto, Uniform, constant, latency_table
from PhantomLibrary.world.link_faults import Cut, DelayMessages, DropMessages, Flapping, LinkChange
from PhantomLibrary.world.link_properties import LinkOverlay
from PhantomLibrary.world.units import Nanoseconds
from tests.unit.world.test_world_harness import MS, Bench

FIVE = ["n1", "n2", "n3", "n4", "n5"]
N1_TO_N2 = [("n1", "n2")]
NS = Nanoseconds


def reached(pairs: shapes.Pairs) -> set[tuple[str, str]]:
    """Cut the pairs, send one message over every link, and return the links that carried theirs."""
    bench = Bench(5).started()
    cut = Cut(pairs)
    cut.apply(bench.world)
    every = shapes.between(FIVE, FIVE)
    for source, target in every:
        bench.send(source, target, source)
    bench.run(5 * MS)
    assert cut.bites == len(pairs) > 0
    cut.heal()
    return {(source, target) for target in FIVE for source in bench.messages(target)}


EVERY = set(shapes.between(FIVE, FIVE))


def across(left: str, right: str) -> set[tuple[str, str]]:
    a, b = left.split(), right.split()
    return set(shapes.between(a, b)) | set(shapes.between(b, a))


@pytest.mark.parametrize(
    ("pairs", "lost"),
    [
        (shapes.halves(FIVE), across("n1 n2", "n3 n4 n5")),
        (shapes.majority_minority(FIVE), across("n1 n2", "n3 n4 n5")),
        (shapes.majority_minority(FIVE, ["n5"]), across("n5", "n1 n2 n3 n4")),
        (shapes.isolate("n2", FIVE), across("n2", "n1 n3 n4 n5")),
        (shapes.isolate("n2", FIVE, direction="in"), {(n, "n2") for n in FIVE if n != "n2"}),
        (shapes.isolate("n2", FIVE, direction="out"), {("n2", n) for n in FIVE if n != "n2"}),
        (shapes.one_way(["n1"], ["n2", "n3"]), {("n1", "n2"), ("n1", "n3")}),
        (shapes.bridge(FIVE), across("n1 n2", "n4 n5")),
        (shapes.by_region(list(zip(FIVE, "aabbc", strict=True))), EVERY - across("n1", "n2") - across("n3", "n4")),
        (shapes.by_region(list(zip(FIVE, "aabbc", strict=True)), "b"), across("n3 n4", "n1 n2 n5")),
    ],
    ids=lambda value: "",
)
def test_shape_loses_what_crosses_it_and_nothing_else(pairs: shapes.Pairs, lost: set[tuple[str, str]]) -> None:
    assert reached(pairs) == EVERY - lost


def test_ring_gives_each_node_another_majority() -> None:
    carried = reached(shapes.ring_of_majorities(FIVE))
    views = [frozenset({node, *(source for source, target in carried if target == node)}) for node in FIVE]
    assert [len(view) for view in views] == [3] * 5 and len(set(views)) == 5


def test_flapping_alternates_and_stops_when_healed() -> None:
    bench = Bench().started()
    flapping = Flapping(N1_TO_N2, 20 * MS)
    flapping.apply(bench.world)
    for number in range(40):
        bench.send("n1", "n2", number)
        bench.run(2 * MS)
    assert 10 <= len(bench.messages("n2")) <= 25 and flapping.bites == 40 - len(bench.messages("n2"))
    flapping.heal()
    for number in range(20):
        bench.send("n1", "n2", 100 + number)
        bench.run(2 * MS)
    assert bench.messages("n2")[-20:] == list(range(100, 120))


def test_flapping_cuts_for_the_first_half_of_each_period_and_mends_for_the_second() -> None:
    bench = Bench().started()
    flapping = Flapping(N1_TO_N2, 22 * MS)
    assert flapping.bites == 0
    flapping.apply(bench.world)
    for number in range(0, 60, 2):
        bench.send("n1", "n2", number)
        bench.run(2 * MS)
    assert bench.messages("n2") == [*range(12, 22, 2), *range(34, 44, 2), 56, 58]


def test_cut_of_two_links_is_taken_back_on_one_of_them_and_then_on_the_other() -> None:
    bench = Bench().started()
    cut = Cut([("n1", "n2"), ("n1", "n3")])
    cut.apply(bench.world)
    cut.release([("n2", "n1")])  # None of its own.

    def arrived(text: str) -> list[str]:
        for node in ("n2", "n3"):
            bench.send("n1", node, text)
        bench.run(5 * MS)
        return [node for node in ("n2", "n3") if text in bench.messages(node)]

    assert arrived("both cut") == [] and cut.bites == 2
    cut.release([("n1", "n2")])
    assert arrived("one cut") == ["n2"] and cut.bites == 3 and not cut.is_healed
    cut.release([("n1", "n3")])
    assert arrived("healed") == ["n2", "n3"] and cut.bites == 3 and cut.is_healed


def test_cut_loses_what_is_under_way_even_if_healed_before_it_would_arrive() -> None:
    bench = Bench().started()
    bench.send("n1", "n2", "under way")
    bench.run(MS // 4)
    cut = Cut(N1_TO_N2)
    cut.apply(bench.world)
    bench.run(MS // 4)
    cut.heal()
    bench.send("n1", "n2", "after")
    bench.run(5 * MS)
    assert bench.messages("n2") == ["after"] and cut.bites == 1
    bench.trace.flush()
    assert sum(b'"lost":"cut"' in record for record in bench.records) == 1


def test_healing_one_cut_leaves_another_in_force() -> None:
    bench = Bench().started()
    first, second = Cut(N1_TO_N2), Cut(shapes.isolate("n2", ["n1", "n2", "n3"]))
    first.apply(bench.world)
    second.apply(bench.world)
    first.heal()
    bench.send("n1", "n2", "lost")
    bench.run(5 * MS)
    assert bench.messages("n2") == [] and second.bites == 1
    second.heal()
    second.heal()
    bench.send("n1", "n2", "arrives")
    bench.run(5 * MS)
    assert bench.messages("n2") == ["arrives"]


def changed(overlay: LinkOverlay, messages: int = 200) -> tuple[Bench, LinkChange]:
    bench = Bench().started()
    change = LinkChange(N1_TO_N2, overlay)
    change.apply(bench.world)
    for number in range(messages):
        bench.send("n1", "n2", number)
        bench.run(MS // 10)
    bench.run(10_000 * MS)
    return bench, change


def test_loss_loses_about_its_share() -> None:
    bench, change = changed(LinkOverlay(loss_ppm=300_000))
    assert 100 <= len(bench.messages("n2")) <= 170
    assert change.bites == 200 - len(bench.messages("n2")) == bench.lost("n1", "n2", "loss")


def test_loss_of_the_link_itself_needs_no_fault() -> None:
    link = Bench().started().world.network.link("n1", "n2")
    link.overlay(LinkOverlay(loss_ppm=1_000_000))
    link.send("gone")
    assert link.lost["loss"] == 1


def test_duplicates_arrive_twice() -> None:
    bench, change = changed(LinkOverlay(duplicate_ppm=500_000))
    assert len(bench.messages("n2")) == 200 + change.bites and change.bites > 50
    assert set(bench.messages("n2")) == set(range(200))


def test_order_is_kept_unless_reorder_picks_a_message() -> None:
    bench, _ = changed(LinkOverlay(jitter_ns=5 * MS))
    assert bench.messages("n2") == list(range(200))
    bench, change = changed(LinkOverlay(reorder_ppm=200_000))
    assert sorted(bench.messages("n2")) == list(range(200)) != bench.messages("n2")
    assert change.bites > 10


@pytest.mark.parametrize("cost_ns", [0, 1_000])
def test_order_is_kept_by_links_that_nothing_is_wrong_with(cost_ns: int) -> None:
    bench = Bench(cost_ns=lambda message, size: cost_ns, latency=Uniform(NS(MS), NS(9 * MS))).started()
    for number in range(200):
        bench.send("n1", "n2", number)
        bench.run(MS // 10)
    bench.run(20 * MS)
    assert bench.messages("n2") == list(range(200))


def test_second_copy_takes_its_own_time_after_the_first() -> None:
    bench = Bench().started()
    LinkChange(N1_TO_N2, LinkOverlay(duplicate_ppm=1_000_000)).apply(bench.world)
    bench.send("n1", "n2", "twice")
    bench.run(5 * MS)
    assert bench.times("n2", "message") == [MS, 2 * MS]


def test_latency_and_jitter_delay() -> None:
    bench, change = changed(LinkOverlay(latency=constant(40 * MS)))
    assert change.bites == 200 and bench.times("n2", "message")[0] == 40 * MS
    bench, change = changed(LinkOverlay(jitter_ns=20 * MS))
    assert change.bites > 150 and MS < bench.times("n2", "message")[0] <= 21 * MS


def test_bandwidth_makes_messages_queue() -> None:
    bench = Bench().started()
    change = LinkChange(N1_TO_N2, LinkOverlay(bandwidth=1_000))
    change.apply(bench.world)
    bench.send("n1", "n2", "x" * 98, "y" * 98)  # 100 bytes each as JSON: 100 ms.
    bench.run(1_000 * MS)
    assert bench.times("n2", "message") == [101 * MS, 201 * MS] and change.bites == 2


def test_changes_stack_and_heal_in_any_order() -> None:
    bench = Bench().started()
    slow = LinkChange(N1_TO_N2, LinkOverlay(latency=constant(40 * MS)))
    slower = LinkChange(N1_TO_N2, LinkOverlay(latency=constant(80 * MS)))
    took = []
    for step in (
        lambda: None,
        lambda: slow.apply(bench.world),
        lambda: slower.apply(bench.world),
        slow.heal,
        slower.heal,
    ):
        step()
        sent_ns = bench.scheduler.now_ns
        bench.send("n1", "n2", "x")
        bench.run(100 * MS)
        took.append((bench.times("n2", "message")[-1] - sent_ns) // MS)
    assert took == [1, 40, 80, 80, 1]


def test_dropped_kind_is_lost_and_others_pass() -> None:
    bench = Bench().started()
    drop = DropMessages("str", N1_TO_N2)
    drop.apply(bench.world)
    bench.send("n1", "n2", "text", 1, "text", 2)
    bench.run(5 * MS)
    assert bench.messages("n2") == [1, 2] and drop.bites == 2 == bench.lost("n1", "n2", "drop")
    drop.heal()
    bench.send("n1", "n2", "text")
    bench.run(5 * MS)
    assert bench.messages("n2") == [1, 2, "text"] and drop.bites == 2


def test_delayed_kind_is_overtaken_by_all_that_follows() -> None:
    bench = Bench().started()
    delay = DelayMessages("str", N1_TO_N2, 100 * MS)
    delay.apply(bench.world)
    bench.send("n1", "n2", "late", 1)
    bench.run(5 * MS)
    delay.heal()
    bench.send("n1", "n2", "in time")
    bench.run(90 * MS)
    assert bench.messages("n2") == [1, "in time"]
    bench.run(20 * MS)
    assert bench.messages("n2") == [1, "in time", "late"] and delay.bites == 1


def test_doubled_kind_comes_in_time_and_again_later() -> None:
    bench = Bench().started()
    DelayMessages("str", N1_TO_N2, 100 * MS, doubles=True).apply(bench.world)
    bench.send("n1", "n2", "twice", 1)
    bench.run(50 * MS)
    assert bench.messages("n2") == ["twice", 1]
    bench.run(60 * MS)
    assert bench.messages("n2") == ["twice", 1, "twice"]
    link = bench.world.network.link("n1", "n2")
    assert (link.duplicated, link.in_flight) == (1, 0)


def test_what_is_held_back_is_lost_with_the_process_that_it_was_for() -> None:
    bench = Bench().started()
    DelayMessages("str", N1_TO_N2, 100 * MS).apply(bench.world)
    bench.send("n1", "n2", "late")
    bench.run(50 * MS)
    bench.world.crash("n2")
    bench.world.restart("n2")
    bench.run(100 * MS)
    assert bench.messages("n2") == [] and bench.lost("n1", "n2", "down") == 1


def test_counters_add_up() -> None:
    bench, _ = changed(LinkOverlay(loss_ppm=300_000, duplicate_ppm=300_000))
    link = bench.world.network.link("n1", "n2")
    assert link.sent == 200 and link.in_flight == 0
    assert link.sent + link.duplicated == link.delivered + sum(link.lost.values())
    assert link.bytes == sum(len(str(number)) for number in range(200))


@pytest.mark.parametrize(
    ("latency", "median_low", "median_high", "top_low"),
    [
        (Uniform(NS(100), NS(300)), 195, 205, 299),
        (Normal(NS(1000), NS(100)), 995, 1005, 1300),
        (Exponential(NS(1000)), 685, 700, 7000),
        (Lognormal(NS(1100), NS(100)), 1095, 1110, 20_000),
        (Pareto(NS(1100), NS(100)), 1095, 1110, 200_000),
    ],
)
def test_distribution_has_its_shape(latency: Any, median_low: int, median_high: int, top_low: int) -> None:
    table = sorted(latency_table(latency))
    assert median_low <= table[512] <= median_high and table[-1] >= top_low and table[0] >= 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: shapes.sides([["n1"]]),
        lambda: shapes.sides([["n1"], []]),
        lambda: shapes.sides([["n1", "n2"], ["n2"]]),
        lambda: shapes.majority_minority(FIVE, ["n1", "n2", "n3"]),
        lambda: shapes.isolate("n9", FIVE),
        lambda: shapes.by_region([("n1", "eu"), ("n2", "us")], "mars"),
        lambda: Cut([("n1", "n9")]).apply(Bench().world),
        lambda: Cut([("n1", "n1")]).apply(Bench().world),
        lambda: Cut([]).apply(Bench().world),
        lambda: LinkChange(N1_TO_N2, LinkOverlay(loss_ppm=1_000_001)),
        lambda: DropMessages("all", N1_TO_N2, -1),
        lambda: DelayMessages("all", N1_TO_N2, 0),
        lambda: Flapping(N1_TO_N2, 1),
    ],
)
def test_senseless_fault_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInput):
        wrong()


# --- clients ----------------------------------------------------------------------------------------------------------


def with_client() -> tuple[Bench, list[Any]]:
    bench = Bench()
    bench.on_receive = lambda env, sender, message: sender == "c1" and env.send("c1", f"re {message}")
    bench.started()
    heard: list[Any] = []
    bench.world.add_endpoint("c1", "n1", lambda node, message: heard.append((bench.scheduler.now_ns, node, message)))
    return bench, heard


def test_client_is_answered_whatever_is_cut() -> None:
    bench, heard = with_client()
    Cut(shapes.isolate("n1", ["n1", "n2", "n3"])).apply(bench.world)
    bench.world.send_from("c1", "n1", "hello")
    bench.world.send_from("c1", "n2", "over the cut")
    bench.run(50 * MS)
    assert heard == [(200_000, "n1", "re hello")]


def test_client_hears_once_that_its_node_crashed() -> None:
    bench, heard = with_client()
    bench.world.send_from("c1", "n1", "first")
    bench.run(MS)
    bench.world.send_from("c1", "n1", "never arrives")
    bench.world.crash("n1")
    bench.world.send_from("c1", "n1", "nor this")
    bench.world.restart("n1")
    bench.run(MS)
    assert [message for _, _, message in heard] == ["re first", ConnectionLost("n1")]
    bench.world.send_from("c1", "n1", "second")
    bench.run(MS)
    assert heard[-1][2] == "re second"


def test_request_to_a_node_that_is_down_bounces() -> None:
    bench, heard = with_client()
    bench.world.crash("n1")
    bench.world.send_from("c1", "n1", "anybody?")
    bench.run(MS)
    assert heard == [(200_000, "n1", ConnectionLost("n1", refused=True))]


def test_client_that_left_hears_nothing_and_its_name_is_free() -> None:
    bench, heard = with_client()
    bench.world.send_from("c1", "n1", "hello")
    bench.world.remove_endpoint("c1")
    bench.run(MS)
    assert heard == []
    bench.world.add_endpoint("c1", "n2", lambda node, message: None)
    with pytest.raises(InvalidInput, match="taken"):
        bench.world.add_endpoint("c1", "n2", lambda node, message: None)
