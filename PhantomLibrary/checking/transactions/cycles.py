"""The shortest cycles of each class in a graph of dependencies.

Whether a class occurs is decided by components, in linear time: of ww edges for G0, with wr for G1c, of everything for
G2-item; and for the classes without two anti-dependencies in a row, of the graph of pairs (node, whether it was reached
by an anti-dependency), in which such an edge leads only from the one half to the other. What is searched for within a
component is a witness that is easy to read; a bounded search may miss the shortest one, never that there is one.

Source: Adya (1999) for the classes; Cerone and Gotsman, "Analysing Snapshot Isolation" (PODC 2016) for the pairs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.checking.transactions.components import components, peel
from PhantomLibrary.checking.transactions.graph import (
    IN_ORDER,
    KEY,
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
from PhantomLibrary.checking.transactions.levels import CYCLES

STEPS_MAX = 200_000
"""How many nodes the search for shorter witnesses visits in all; a first witness is found in any case."""

_SUFFIXES = ((TIME, "-realtime"), (KEY, "-key"), (SESSION, "-session"))


class Cycle(Struct, frozen=True):
    """Transactions in a circle; `kinds[i]` is the dependency from `nodes[i]` to the next one."""

    nodes: tuple[int, ...]
    kinds: tuple[int, ...]

    @property
    def base(self) -> str:
        """Return the class by anti-dependencies."""
        anti = [kind == RW for kind in self.kinds]
        if any(here and anti[at - 1] for at, here in enumerate(anti)):
            return "G2-item"
        if any(anti):
            return "G-single" if sum(anti) == 1 else "G-nonadjacent"
        return "G1c" if WR in self.kinds else "G0"

    @property
    def suffix(self) -> str:
        """Return which order it takes beside what was read and written, "" for none."""
        return next((suffix for kind, suffix in _SUFFIXES if kind in self.kinds), "")

    @property
    def name(self) -> str:
        """Return the class with the order that it takes."""
        return self.base + self.suffix


def find_cycles(graph: Graph, names: Sequence[str] = CYCLES) -> list[Cycle]:
    """Return one cycle of each of these classes that occurs, the worst class first.

    A class is looked for without the order of sessions and time first, and with it only where that finds none. Of
    classes with anti-dependencies the lesser is sought only where no worse one was found. Whoever asks for G-single
    asks for G-nonadjacent too, as all levels do.
    """
    _, left = peel(graph.out)
    if not left:
        return []
    search = _Search(graph, left)
    found: dict[str, Cycle] = {}
    for order in ((), IN_ORDER):
        if order and not search.has_order:
            break
        for cycle in search.cycles(names, order, frozenset(found)):
            found.setdefault(cycle.base, cycle)
    return [found[name] for name in CYCLES if name in found]


class _Search:
    """Looks for cycles among nodes of which some lie on cycles."""

    def __init__(self, graph: Graph, nodes: Sequence[int]) -> None:
        self._graph = graph
        everything = (WW, WR, RW, *IN_ORDER)
        parts = components(nodes, _Half(graph.out, everything).successors)
        self._nodes = [node for part in parts for node in part]
        self._steps = 0
        self.has_order = any(edge & KIND_MASK in IN_ORDER for node in self._nodes for edge in graph.out[node])

    def cycles(self, names: Sequence[str], order: tuple[int, ...], found: frozenset[str]) -> Iterator[Cycle]:
        """Yield the shortest cycle found of each class of `names`, where `found` has not got it."""
        for name, last, kinds in (("G0", WW, (WW,)), ("G1c", WR, (WW, WR))):
            if name in names and name not in found:
                yield from self._plain(name, last, (*kinds, *order))
        is_found = not found.isdisjoint(("G-single", "G-nonadjacent"))
        if not is_found and "G-single" in names:
            for cycle in self._without_two_in_a_row(order):
                is_found = True
                yield cycle
        if not is_found and "G2-item" in names and "G2-item" not in found:
            yield from self._plain("G2-item", RW, (WW, WR, RW, *order))

    def _plain(self, name: str, marked: int, kinds: tuple[int, ...]) -> Iterator[Cycle]:
        """Yield the shortest cycle found that has a marked edge, all of its edges being of these kinds."""
        half = _Half(self._graph.out, kinds)
        best: Cycle | None = None
        for part in components(self._nodes, half.successors):
            best = self._shortest(half, half.successors, part, marked, best, (name,))
        if best is not None:
            yield best

    def _without_two_in_a_row(self, order: tuple[int, ...]) -> Iterator[Cycle]:
        """Yield the shortest cycle found with one anti-dependency, or else with some that are apart."""
        pairs = _Pairs(self._graph.out, (WW, WR, RW, *order))
        parts = components([each for node in self._nodes for each in (2 * node, 2 * node + 1)], pairs.successors)
        for way, names in ((pairs.dependent, _SINGLE), (pairs.successors, _APART)):
            best: Cycle | None = None
            for part in parts:
                best = self._shortest(pairs, way, part, RW, best, names)
            if best is not None:
                yield best
                return

    def _shortest(
        self, walk: _Walk, way: _Way, part: Sequence[int], marked: int, best: Cycle | None, names: tuple[str, ...]
    ) -> Cycle | None:
        """Return a cycle of one of these classes that is shorter than `best`, or `best`.

        It goes through a marked edge of a component, and from there on along the steps of `way`.
        """
        members = frozenset(part)
        for source in part:
            for target in walk.marked(source, marked):
                if target not in members:
                    continue
                limit = len(best.nodes) if best is not None else _NEVER
                if limit == _SHORTEST or (self._steps > STEPS_MAX and (best is not None or names is _SINGLE)):
                    return best
                path = self._path(walk, way, members, target, source, limit)
                cycle = self._cycle(walk, path, marked) if path else None
                if cycle is not None and cycle.base in names and len(cycle.nodes) < limit:
                    best = cycle
        return best

    def _path(self, walk: _Walk, way: _Way, members: frozenset[int], start: int, goal: int, limit: int) -> list[int]:
        """Return the nodes from start to goal over fewer than `limit` transactions, or [] when there is no such way.

        Breadth first; steps into hubs cost nothing, since no transaction is there.
        """
        transactions = self._graph.transactions
        came_from = {start: -1}
        distance = {start: int(walk.node(start) < transactions)}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            if here == goal:
                break
            if distance[here] >= limit:
                continue
            self._steps += 1
            for there in way(here):
                if there not in members:
                    continue
                is_hub = walk.node(there) >= transactions
                reached = distance[here] + (not is_hub)
                if reached < distance.get(there, _NEVER):
                    distance[there] = reached
                    came_from[there] = here
                    if is_hub:
                        queue.appendleft(there)
                    else:
                        queue.append(there)
        if goal not in came_from:
            return []
        path = [goal]
        while path[-1] != start:
            path.append(came_from[path[-1]])
        return path[::-1]

    def _cycle(self, walk: _Walk, path: Sequence[int], marked: int) -> Cycle:
        """Return the cycle of a path that ends where a marked edge leads back to its start, hubs left out."""
        kinds = [*(walk.kind(here, there) for here, there in pairwise(path)), marked]
        nodes: list[int] = []
        steps: list[int] = []
        start = next(at for at, node in enumerate(path) if walk.node(node) < self._graph.transactions)
        for at in range(start, start + len(path)):
            node = walk.node(path[at % len(path)])
            if node < self._graph.transactions:
                nodes.append(node)
                steps.append(kinds[at % len(path)])
        return _simple(Cycle(tuple(nodes), tuple(steps)))


def _simple(cycle: Cycle) -> Cycle:
    """Return a cycle that meets no transaction twice: where one does, it is two, and the worse of them is taken."""
    nodes, kinds = cycle.nodes, cycle.kinds
    for at, node in enumerate(nodes):
        again = nodes.index(node, at + 1) if node in nodes[at + 1 :] else 0
        if again:
            halves = (
                Cycle(nodes[at:again], kinds[at:again]),
                Cycle(nodes[:at] + nodes[again:], kinds[:at] + kinds[again:]),
            )
            return _simple(min(halves, key=lambda half: CYCLES.index(half.base)))
    smallest = nodes.index(min(nodes))
    return Cycle(nodes[smallest:] + nodes[:smallest], kinds[smallest:] + kinds[:smallest])


class _Half:
    """A graph with edges of some kinds only."""

    def __init__(self, out: Sequence[Sequence[int]], kinds: tuple[int, ...]) -> None:
        self._out = out
        self._taken = [kind in kinds or kind == PASS for kind in range(KIND_MASK + 1)]

    def successors(self, node: int) -> list[int]:
        taken = self._taken
        return [edge >> KIND_BITS for edge in self._out[node] if taken[edge & KIND_MASK]]

    def marked(self, node: int, kind: int) -> list[int]:
        return [edge >> KIND_BITS for edge in self._out[node] if edge & KIND_MASK == kind]

    def node(self, node: int) -> int:
        return node

    def kind(self, here: int, there: int) -> int:
        """Return the worst kind of edge between two nodes that is taken."""
        return min(
            edge & KIND_MASK for edge in self._out[here] if edge >> KIND_BITS == there and self._taken[edge & KIND_MASK]
        )


class _Pairs:
    """The graph of nodes with how they were reached: 2n by anything else, 2n + 1 by an anti-dependency."""

    def __init__(self, out: Sequence[Sequence[int]], kinds: tuple[int, ...]) -> None:
        self._out = out
        self._taken = [kind in kinds or kind == PASS for kind in range(KIND_MASK + 1)]

    def successors(self, pair: int) -> list[int]:
        found = self.dependent(pair)
        if not pair & 1:
            found.extend(self.marked(pair, RW))
        return found

    def dependent(self, pair: int) -> list[int]:
        found = []
        for edge in self._out[pair >> 1]:
            kind = edge & KIND_MASK
            if kind == PASS:
                found.append(2 * (edge >> KIND_BITS) + (pair & 1))
            elif kind != RW and self._taken[kind]:
                found.append(2 * (edge >> KIND_BITS))
        return found

    def marked(self, pair: int, kind: int) -> list[int]:
        if pair & 1:
            return []
        return [2 * (edge >> KIND_BITS) + 1 for edge in self._out[pair >> 1] if edge & KIND_MASK == kind]

    def node(self, pair: int) -> int:
        return pair >> 1

    def kind(self, here: int, there: int) -> int:
        edges = [edge & KIND_MASK for edge in self._out[here >> 1] if edge >> KIND_BITS == there >> 1]
        if PASS in edges:
            return PASS
        return RW if there & 1 else min(kind for kind in edges if kind != RW and self._taken[kind])


_Walk: TypeAlias = _Half | _Pairs
_Way: TypeAlias = Callable[[int], list[int]]

_SINGLE = ("G-single",)
_APART = ("G-single", "G-nonadjacent")
_SHORTEST = 2
_NEVER = 1 << 62
