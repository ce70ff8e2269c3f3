"""Who could really reach whom, and when: from facts of the world to spells of each pair of nodes.

A node reaches another when both run and a message can go both ways, directly or by way of a third node that runs. It is
*well placed* when it runs and reaches at least half of the nodes that run directly, itself included: such a node can be
asked to know what became of the others, one in a corner cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import Fact, NodeId, NodeTurned

# *absent*: the observer does not run. *gone*: the member cannot be reached, and the observer is well placed.
# *parted*: it cannot be reached, and the observer is not.
Relation: TypeAlias = Literal["absent", "reached", "gone", "parted"]
Pair: TypeAlias = tuple[NodeId, NodeId]  # (observer, member)


class Spell(Struct, frozen=True):
    """A time [start, end) through which a pair stood in one relation. `is_over` is False for what lasts to the end."""

    relation: Relation
    start_ns: int
    end_ns: int
    is_over: bool

    @property
    def length_ns(self) -> int:
        return self.end_ns - self.start_ns


def spells(facts: Sequence[Fact], now_ns: int) -> dict[Pair, list[Spell]]:
    """Return the spells of each pair up to now, in their order. Cost O(moments * nodes^2)."""
    nodes = _nodes_of(facts)
    found: dict[Pair, list[Spell]] = {(a, b): [] for a in nodes for b in nodes if a != b}
    present: dict[Pair, tuple[Relation, int]] = {}
    world = _World(nodes)
    for time_ns, turned in _moments(facts):
        world.turn(turned)
        for pair, relation in world.relations():
            before = present.get(pair)
            if before is None or before[0] != relation:
                if before is not None and before[1] < time_ns:
                    found[pair].append(Spell(before[0], before[1], time_ns, True))
                present[pair] = (relation, time_ns)
    for pair, (relation, start_ns) in present.items():
        found[pair].append(Spell(relation, start_ns, now_ns, False))
    return found


def present_relations(facts: Sequence[Fact]) -> Iterator[tuple[Pair, Relation]]:
    """Yield how each pair stands after all these facts."""
    world = _World(_nodes_of(facts))
    world.turn(facts)
    return world.relations()


def _nodes_of(facts: Sequence[Fact]) -> list[NodeId]:
    return list(dict.fromkeys(each.node for each in facts if isinstance(each, NodeTurned)))


def _moments(facts: Sequence[Fact]) -> Iterator[tuple[int, list[Fact]]]:
    """Yield the facts of each moment together: what is broken and mended in one instant was never broken."""
    together: list[Fact] = []
    for fact in facts:
        if together and together[0].time_ns != fact.time_ns:
            yield together[0].time_ns, together
            together = []
        together.append(fact)
    if together:
        yield together[0].time_ns, together


class _World:
    """What runs and what is open at one moment. Sets of nodes are bits of an integer."""

    def __init__(self, nodes: Sequence[NodeId]) -> None:
        self._nodes = nodes
        self._place = {node: place for place, node in enumerate(nodes)}
        self._up = 0
        self._closed: set[Pair] = set()

    def turn(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, NodeTurned):
                bit = 1 << self._place[fact.node]
                self._up = self._up | bit if fact.is_up else self._up & ~bit
            elif fact.is_open:
                self._closed.discard((fact.source, fact.target))
            else:
                self._closed.add((fact.source, fact.target))

    def relations(self) -> Iterator[tuple[Pair, Relation]]:
        count_up = self._up.bit_count()
        direct = self._direct()
        for a, observer in enumerate(self._nodes):
            runs = bool(self._up >> a & 1)
            well_placed = 2 * direct[a].bit_count() >= count_up
            for b, member in enumerate(self._nodes):
                if a == b:
                    continue
                relation: Relation = "gone" if well_placed else "parted"
                if not runs:
                    relation = "absent"
                elif self._up >> b & 1 and direct[a] & direct[b]:  # Each reaches itself.
                    relation = "reached"
                yield (observer, member), relation

    def _direct(self) -> list[int]:
        """Return for each node whom it reaches both ways, itself included; nothing for one that does not run."""
        reached = [self._up if self._up >> place & 1 else 0 for place in range(len(self._nodes))]
        for source, target in self._closed:
            if source in self._place and target in self._place:
                a, b = self._place[source], self._place[target]
                reached[a] &= ~(1 << b)
                reached[b] &= ~(1 << a)
        return reached
