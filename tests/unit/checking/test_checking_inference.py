"""In which order writes came: what follows, what stays open, and what it costs."""

import random

import pytest

from PhantomLibrary.checking.history import pair
from PhantomLibrary.checking.transactions import inference, replay
from PhantomLibrary.checking.transactions.check import check_registers_of
from PhantomLibrary.checking.transactions.graph import KIND_BITS, KIND_MASK, PASS, RW, SESSION, WW, Graph
from PhantomLibrary.checking.transactions.inference import WriteOrders, Writes, split
from PhantomLibrary.checking.transactions.levels import level_of
from tests.unit.checking.transactional import Engine, operations_of


def chain(count):
    """Return a graph in which so many writers of one key came one after the other."""
    graph = Graph(count)
    for number in range(count - 1):
        graph.add(number, number + 1, SESSION)
    return graph


@pytest.mark.parametrize("level", ["read committed", "snapshot", "serializable"])
def test_writes_in_a_row_get_one_edge_each(level):
    graph = chain(50)
    orders = WriteOrders(graph, [Writes(range(50), {number: [] for number in range(50)})], level_of(level))
    assert orders.infer() and orders.is_total
    assert [edge & KIND_MASK for edges in graph.out for edge in edges].count(WW) == 49


def test_reader_comes_before_the_next_write_only():
    graph = chain(3)
    reader = 3
    graph.out.append([])
    graph.transactions = 4
    orders = WriteOrders(graph, [Writes(range(3), {0: [reader, reader]})], level_of("serializable"))
    assert orders.infer()
    assert graph.out[reader] == [1 << KIND_BITS | RW]


def test_writes_without_a_reason_stay_open():
    graph = Graph(2)
    orders = WriteOrders(graph, [Writes([0, 1], {})], level_of("serializable"))
    assert orders.infer() and not orders.is_total
    assert graph.out == [[], []]


def test_of_two_that_overlap_and_write_one_key_the_first_to_end_began_first():
    # A snapshot 0 that did not see 1 came before it, so 0 ended before 1 began.
    graph = Graph(2)
    graph.add(0, 1, RW)
    orders = WriteOrders(graph, [Writes([0, 1], {})], level_of("snapshot"))
    assert orders.infer() and orders.is_total
    assert 1 << KIND_BITS | WW in graph.out[0]
    graph = Graph(2)
    graph.add(0, 1, RW)
    weaker = WriteOrders(graph, [Writes([0, 1], {})], level_of("read committed"))
    assert weaker.infer() and not weaker.is_total


@pytest.mark.parametrize("level", ["read uncommitted", "read committed", "snapshot", "serializable"])
def test_circle_ends_the_search(level):
    graph = Graph(3)
    graph.add(0, 1, WW)
    graph.add(1, 0, WW)
    assert not WriteOrders(graph, [Writes([2], {})], level_of(level)).infer()


def test_history_beyond_the_bound_is_not_proved(monkeypatch):
    operations = operations_of("1 ok: w x 1\n2 ok: w x 2\n3 ok: r x 1")
    assert check_registers_of(operations, "serializable").outcome == "valid"
    monkeypatch.setattr(inference, "BITS_MAX", 5)
    monkeypatch.setattr(replay, "BLOCKED_MAX", -1)
    verdict = check_registers_of(operations, "serializable")
    assert (verdict.outcome, verdict.code) == ("unknown", "TXN-020")
    assert verdict.message == (
        "no cycle was found that serializable forbids, nor an order of the writes that explains all reads"
    )


def test_nothing_written_is_known_at_once():
    assert WriteOrders(Graph(3), [], level_of("serializable")).infer()
    assert check_registers_of([], "serializable").outcome == "valid"


def test_hubs_are_split_by_how_they_were_reached():
    graph = Graph(2)
    hub = graph.add_hub()
    graph.add(0, hub, RW)
    graph.add(hub, 1, PASS)
    out = split(graph)
    assert out[0] == [1 << KIND_BITS, (2 * hub + 1) << KIND_BITS]
    assert out[2 * hub] == [2 << KIND_BITS]
    assert out[2 * hub + 1] == [3 << KIND_BITS]


@pytest.mark.parametrize("level", ["snapshot", "serializable"])
def test_large_histories_of_right_engines_are_proved(level):
    events = Engine("register", level, random.Random(3), keys=20, clients=10).run(1500)
    assert check_registers_of(pair(events), level).outcome == "valid"
