"""Other orders leave the world as it is: links keep order, cuts and crashes take what they took."""

from __future__ import annotations

from typing import Any

import pytest

from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.kernel.orders import STRATEGIES, Order, default_counted
from PhantomLibrary.world.endpoint import ConnectionLost
from tests.unit.world.test_world_harness import Bench

MS = MILLISECOND_NS
HOLD_NS = 20 * MS
ORDERS = [Order(strategy, number, steps=30, hold_ns=HOLD_NS) for strategy in STRATEGIES for number in range(5)]

each_order = pytest.mark.parametrize("order", ORDERS, ids=str)


def busy(order: Order | None) -> Bench:
    """Three nodes that have each sent ten numbered messages to each other, ten each half millisecond."""
    bench = Bench(order=order).started()
    for step in range(10):
        for source in ("n1", "n2", "n3"):
            for target in ("n1", "n2", "n3"):
                if source != target:
                    bench.send(source, target, [source, step])
        bench.run(MS // 2)
    return bench


def heard(bench: Bench, node: str, source: str) -> list[int]:
    return [number for sender, number in bench.messages(node) if sender == source]


@each_order
def test_links_keep_the_order_of_messages_and_lose_none(order: Order) -> None:
    bench = busy(order)
    bench.run(HOLD_NS + MS)
    for node in ("n1", "n2", "n3"):
        for source in {"n1", "n2", "n3"} - {node}:
            assert heard(bench, node, source) == list(range(10))


def test_without_delays_it_is_the_same_run() -> None:
    digests = {busy(order).trace.digest() for order in (None, default_counted())}
    assert len(digests) == 1


def test_orders_are_not_the_same_run() -> None:
    assert len({busy(order).trace.digest() for order in ORDERS}) >= len(ORDERS) - 3


@each_order
def test_what_was_under_way_to_a_node_that_crashed_never_reaches_its_next_incarnation(order: Order) -> None:
    bench = busy(order)
    before = heard(bench, "n2", "n1")
    bench.world.crash("n2")
    bench.world.restart("n2")
    bench.send("n1", "n2", ["n1", 10])
    bench.run(2 * HOLD_NS)

    assert heard(bench, "n2", "n1") == [*before, 10]
    assert bench.world.network.link("n1", "n2").in_flight == 0


@each_order
def test_what_had_left_a_node_before_it_crashed_arrives(order: Order) -> None:
    bench = busy(order)
    bench.world.crash("n1")
    bench.run(2 * HOLD_NS)
    assert heard(bench, "n2", "n1") == list(range(10))


@each_order
def test_a_cut_loses_what_is_held_back(order: Order) -> None:
    bench = busy(order)
    before = heard(bench, "n2", "n1")
    bench.world.network.link("n1", "n2").cut()
    bench.world.network.link("n1", "n2").mend()
    bench.run(2 * HOLD_NS)

    assert heard(bench, "n2", "n1") == before
    assert bench.lost("n1", "n2", "cut") == 10 - len(before)


@each_order
def test_deadlines_pass_at_their_times(order: Order) -> None:
    bench = Bench(order=order).started()
    for node in ("n1", "n2", "n3"):
        bench.env(node).set_deadline("tick", 5 * MS)
        bench.send(node, "n1", "anything")
    bench.run(HOLD_NS + 5 * MS)
    assert [at_ns for node in ("n1", "n2", "n3") for at_ns in bench.times(node, "fire")] == [5 * MS] * 3


@each_order
def test_a_client_hears_what_was_answered_before_it_hears_of_the_crash(order: Order) -> None:
    bench = Bench(order=order)
    bench.on_receive = lambda env, sender, message: env.send(sender, f"re {message}")
    bench.started()
    told: list[Any] = []
    bench.world.add_endpoint("c1", "n1", lambda _node, message: told.append(message))
    for number in range(5):
        bench.world.send_from("c1", "n1", number)
        bench.run(MS // 10)
    while len(bench.messages("n1")) < 5:  # Then it has answered all.
        bench.run(MS // 20)
    bench.world.crash("n1")
    bench.run(2 * HOLD_NS)

    assert told == [*(f"re {number}" for number in range(5)), ConnectionLost("n1")]
