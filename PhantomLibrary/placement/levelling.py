"""Makes the number of things that nodes carry as even as can be, with the fewest moves.

That is a flow of least cost: the n-th thing on a node costs (2n - 1) / capacity, which stands over all, and each
that is not where it was costs one move. A flow is the cheapest if there is no cycle along which some of it could go
round at a gain. Nodes that carry too much send along a shortest path to one that carries too little, mostly a
single move, which lets no cycle of less movement come into being; in the end, exchanges that leave the balance as
it is are looked for.

Source: Ahuja, Magnanti, Orlin, "Network Flows" (1993), chapters 9 (successive shortest paths, optimality by negative
cycles) and 14 (convex costs).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.placement.flow import Flow, bits

Costs: TypeAlias = Sequence[int]
"""What it costs to move each thing: which one goes is decided by that, where several could."""


class _Arc(Struct, frozen=True):
    """A thing goes from one node to another, at this much more movement.

    A gap is none: the one node carries one more, the other one less than before, which is as good.
    """

    source: int
    target: int
    movement: int
    is_gap: bool = False


def level(flow: Flow, costs: Costs) -> None:
    """Take away imbalance, at the least movement for each step of it, until there is none that can go."""
    _take_away(flow, costs, _single_step)  # Nearly all there is to do, and quickly done.
    _cancel_cycles(flow, costs, with_gaps=False)
    _take_away(flow, costs, _best_path)
    _cancel_cycles(flow, costs, with_gaps=True)


def _take_away(flow: Flow, costs: Costs, find: Callable[[Flow, int], list[_Arc]]) -> None:
    """Follow what `find` returns for the node that carries the most, until it finds nothing for any node."""
    nodes = range(len(flow.counts))
    dead_ends: set[int] = set()  # Nodes from which nothing can be gained, as long as nothing else has changed.
    while len(dead_ends) < len(nodes):
        open_nodes = [node for node in nodes if node not in dead_ends]
        dearest = max([flow.prices[node] for node in open_nodes])
        source = next(node for node in open_nodes if flow.prices[node] == dearest)
        path = find(flow, source)
        if path and _follow(flow, path, costs):
            dead_ends.clear()
        else:
            dead_ends.add(source)


def _single_step(flow: Flow, source: int) -> list[_Arc]:
    """Return a step to where a thing of `source` is the most gain."""
    steps = flow.steps(source)
    cheapest, price = flow.cheapest(reduce(or_, [targets for _, targets in steps]))
    if not cheapest or price >= flow.prices[source]:
        return []
    step, best = next((step, targets & cheapest) for step, targets in steps if targets & cheapest)
    return [_Arc(source, next(bits(best)), step)]


def _best_path(flow: Flow, source: int) -> list[_Arc]:
    """Return a path to where a thing of `source` is the most gain, of those one with the least movement."""
    if all(flow.gain(source, node) <= 0 for node in bits(_reach(flow, source))):
        return []
    movement, last = _shortest_paths(flow, source)
    target = min(movement, key=lambda node: (-flow.gain(source, node), movement[node], node))
    path = []
    while target != source:
        path.append(last[target])
        target = last[target].source
    return path[::-1]


def _reach(flow: Flow, source: int) -> int:
    """Return the nodes that a path from `source` leads to."""
    reach, todo = 0, 1 << source
    while todo:
        reach |= todo
        found = 0
        for node in bits(todo):
            for _, targets in flow.steps(node):
                found |= targets
        todo = found & ~reach
    return reach


def _shortest_paths(flow: Flow, source: int) -> tuple[dict[int, int], dict[int, _Arc]]:
    """Return the least movement to each node that can be reached, and the last arc of the way there.

    There is no cycle of negative movement, so each node comes up only so many times.
    """
    movement: dict[int, int] = {source: 0}
    last: dict[int, _Arc] = {}
    waiting = [source]
    for node in waiting:
        for step, targets in flow.steps(node):
            length = movement[node] + step
            for target in bits(targets):
                if target not in movement or length < movement[target]:
                    assert len(waiting) <= len(flow.counts) ** 3, "a cycle of negative movement"
                    movement[target], last[target] = length, _Arc(node, target, step)
                    waiting.append(target)
    return movement, last


def _cancel_cycles(flow: Flow, costs: Costs, *, with_gaps: bool) -> None:
    """Let things go round wherever that means less movement, and the balance stays as it is."""
    for _ in range(sum(flow.counts) + 1):
        cycle = _negative_cycle(flow, with_gaps=with_gaps)
        if not cycle or not _follow(flow, cycle, costs):
            return


def _negative_cycle(flow: Flow, *, with_gaps: bool) -> list[_Arc]:
    """Return a cycle of negative movement, [] when there is none (Bellman and Ford's)."""
    nodes = range(len(flow.counts))
    if not any(targets for node in nodes for step, targets in flow.steps(node) if step < 0):
        return []
    arcs = [
        _Arc(node, target, step) for node in nodes for step, targets in flow.steps(node) for target in bits(targets)
    ]
    if with_gaps:
        pairs = [(node, other) for node in nodes for other in nodes if node != other]
        arcs += [_Arc(node, other, 0, is_gap=True) for node, other in pairs if flow.gain(other, node) == 0]
    movement = [0] * len(nodes)
    last: dict[int, _Arc] = {}
    for _ in nodes:
        changed = -1
        for arc in arcs:
            if movement[arc.source] + arc.movement < movement[arc.target]:
                changed = arc.target
                movement[changed], last[changed] = movement[arc.source] + arc.movement, arc
        if changed < 0:
            return []
    for _ in nodes:
        changed = last[changed].source  # By then it is on the cycle.
    cycle = [last[changed]]
    while cycle[-1].source != changed:
        cycle.append(last[cycle[-1].source])
    return cycle[::-1]


def _follow(flow: Flow, path: list[_Arc], costs: Costs) -> bool:
    """Make the moves of a path, each of the cheapest thing; return whether all could be made.

    The step of one thing may take away what a later step needed: then all are undone.
    """
    made: list[tuple[int, _Arc]] = []
    used: set[int] = set()
    for arc in path:
        if arc.is_gap:
            continue
        things = flow.candidates(arc.source, arc.target, arc.movement)
        _, thing = min([(costs[each], each) for each in things if each not in used], default=(0, -1))
        if thing < 0:
            for past_thing, past in reversed(made):
                flow.move(past_thing, past.target, past.source)
            return False
        flow.move(thing, arc.source, arc.target)
        used.add(thing)
        made.append((thing, arc))
    return True
