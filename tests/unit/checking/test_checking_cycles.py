"""Graphs of dependencies: which cycles they have, against a search that walks every way."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.checking.transactions import cycles
from PhantomLibrary.checking.transactions.components import components, peel
from PhantomLibrary.checking.transactions.cycles import Cycle, find_cycles
from PhantomLibrary.checking.transactions.graph import (
    IN_ORDER,
    KIND_BITS,
    KIND_MASK,
    PASS,
    RW,
    SESSION,
    TIME,
    WR,
    WW,
    Graph,
)  # fmt: skip
from PhantomLibrary.checking.transactions.inference import split
from PhantomLibrary.checking.transactions.levels import CYCLES


def graph_of(nodes, *edges):
    graph = Graph(nodes)
    for source, target, kind in edges:
        graph.add(source, target, kind)
    return graph


def draw_graph(chance):
    """Return a graph of up to six transactions, some of its edges led through hubs."""
    nodes = chance.randint(2, 6)
    graph = Graph(nodes)
    kinds = chance.choice([(WW, WR, RW), (RW, WR), (RW,), (WW, RW, SESSION), (WR, RW, RW, TIME)])
    for _ in range(chance.randint(1, 9)):
        source, target = chance.sample(range(nodes), 2)
        kind = chance.choice(kinds)
        if kind in IN_ORDER:  # Nothing comes before itself in time.
            source, target = min(source, target), max(source, target)
        graph.add(source, target, kind)
    if not chance.randrange(3):
        hub = graph.add_hub()
        source, target = chance.sample(range(nodes), 2)
        graph.add(source, hub, chance.choice(kinds[:2]))
        graph.add(hub, target, PASS)
    return graph


def all_cycles(graph):
    """Return every simple cycle of transactions, with every choice of edges, hubs followed to their ends."""
    edges = [[] for _ in range(graph.transactions)]
    for source in range(graph.transactions):
        for edge in graph.out[source]:
            target, kind = edge >> KIND_BITS, edge & KIND_MASK
            reached = [target] if target < graph.transactions else [each >> KIND_BITS for each in graph.out[target]]
            edges[source].extend((each, kind) for each in reached if each != source)
    found = []

    def walk(start, node, nodes, kinds):
        for target, kind in edges[node]:
            if target == start:
                found.append(Cycle(tuple(nodes), (*kinds, kind)))
            elif target > start and target not in nodes:
                walk(start, target, [*nodes, target], [*kinds, kind])

    for start in range(graph.transactions):
        walk(start, start, [start], [])
    return found


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32))
def test_classes_are_those_of_walking_every_way(seed):
    graph = draw_graph(random.Random(seed))
    every = all_cycles(graph)
    found = find_cycles(graph)
    assert {(cycle.nodes, cycle.kinds) for cycle in found} <= {(cycle.nodes, cycle.kinds) for cycle in every}
    present = {cycle.base for cycle in every}
    names = [cycle.base for cycle in found]
    assert len(set(names)) == len(names)
    assert {"G0", "G1c"} & present == {"G0", "G1c"} & set(names)
    assert ("G-single" in present) == ("G-single" in names)
    if "G-single" not in present and "G1c" not in present:
        assert ("G-nonadjacent" in present) == ("G-nonadjacent" in names)
    if present == {"G2-item"}:
        assert names == ["G2-item"]
    for cycle in found:
        of_class = [each for each in every if each.base == cycle.base]
        plain = [each for each in of_class if not each.suffix]
        assert not (plain and cycle.suffix), "what needs no order is looked for first"
        assert len(cycle.nodes) == min(len(each.nodes) for each in plain or of_class) or cycle.base == "G-nonadjacent"


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32))
def test_beginnings_and_ends_have_circles_where_no_two_anti_dependencies_meet(seed):
    graph = draw_graph(random.Random(seed))
    apart = {cycle.base for cycle in all_cycles(graph)} - {"G2-item"}
    assert bool(peel(split(graph))[1]) == bool(apart)


@pytest.mark.parametrize("name", CYCLES)
def test_only_the_classes_asked_for_are_found(name):
    shapes = {"G0": (WW, WW), "G1c": (WW, WR), "G-single": (WW, RW), "G2-item": (RW, RW)}
    graph = Graph(12)
    for number, (there, back) in enumerate(shapes.values()):
        graph.add(2 * number, 2 * number + 1, there)
        graph.add(2 * number + 1, 2 * number, back)
    found = [cycle.base for cycle in find_cycles(graph, (name,))]
    assert found == ([name] if name in shapes else [])


def test_walk_that_meets_a_transaction_twice_is_cut():
    # From 0 to 1 by anti-dependency, on to 2 and back through 1 to 0: the way around by 3 is the cycle.
    edges = ((0, 1, RW), (1, 2, WR), (2, 1, RW), (1, 0, RW))
    graph = graph_of(3, *edges)
    assert [cycle.base for cycle in find_cycles(graph)] == ["G-single"]


def test_search_bounded_to_nothing_still_finds_a_witness(monkeypatch):
    monkeypatch.setattr(cycles, "STEPS_MAX", -1)
    ring = [(number, (number + 1) % 40, kind) for number, kind in enumerate([WR, RW] * 20)]
    (found,) = find_cycles(graph_of(40, *ring))
    assert (found.base, len(found.nodes)) == ("G-nonadjacent", 40)
    (single,) = find_cycles(graph_of(3, (0, 1, RW), (1, 2, WW), (2, 0, WR)))
    assert single.base == "G-single"


def test_shortest_witness_wins():
    edges = [(number, (number + 1) % 9, WW) for number in range(9)]
    graph = graph_of(12, *edges, (9, 10, WW), (10, 11, WW), (11, 9, WW))
    (found,) = find_cycles(graph)
    assert found == Cycle((9, 10, 11), (WW, WW, WW))


def test_join_leads_every_source_to_every_target_but_itself():
    for sources, targets in ((range(3), range(3, 6)), (range(20), range(10, 30)), (range(30), range(30)), ([5], [5])):
        graph = Graph(30)
        graph.join(list(sources), list(targets), RW)
        for source in sources:
            reached, waiting = set(), [edge >> KIND_BITS for edge in graph.out[source]]
            while waiting:
                node = waiting.pop()
                if node < 30:
                    reached.add(node)
                else:
                    waiting.extend(edge >> KIND_BITS for edge in graph.out[node])
            assert reached == set(targets) - {source}
        assert sum(map(len, graph.out)) <= 6 * (len(sources) + len(targets))


def test_peeling_and_components_take_a_hundred_thousand_nodes_in_a_row():
    count = 100_000
    out = [[(number + 1) << KIND_BITS] for number in range(count - 1)] + [[]]
    assert peel(out)[1] == []
    out[-1].append(0)
    assert len(peel(out)[1]) == count
    (whole,) = components(range(count), lambda node: [edge >> KIND_BITS for edge in out[node]])
    assert whole == list(range(count))


def test_order_of_peeling_follows_the_edges():
    order, left = peel([[1 << KIND_BITS], [2 << KIND_BITS], [], [0]])
    assert order.index(3) < order.index(0) < order.index(1) < order.index(2)
    assert left == []
    order, left = peel([[1 << KIND_BITS], [0], [0]])
    assert (order, left) == ([2], [0, 1])
