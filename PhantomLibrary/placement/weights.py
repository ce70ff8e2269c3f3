"""Evens out what nodes carry where things weigh differently, such as bytes or loads.

To do that with the fewest moves is a hard problem (it contains that of bin packing), so this is a search that only ever
goes down: the node that carries the most, for what it can, gives away what evens out the most, or exchanges it; it ends
as soon as all is even enough. Then whatever turns out to be needless goes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from PhantomLibrary.placement.balance import variation_permille
from PhantomLibrary.placement.flow import Flow, bits

_Step: TypeAlias = tuple[int, int, int]  # A thing, the node that it leaves, the node to which it goes.
_PARTNERS_MAX = 3  # With how many nodes, of those that carry least, one tries to exchange things.


def even_out(flow: Flow, weights: Sequence[int], spread_permille: int) -> None:
    """Move things until the coefficient of variation of what nodes carry is at most so many thousandths.

    Where that cannot be had, it is brought down as far as this search can.
    """
    carried = [0] * len(flow.counts)
    for thing, nodes in enumerate(flow.now):
        for node in bits(nodes):
            carried[node] += weights[thing]
    work = _Weighed(flow, weights, carried)
    while work.spread() > spread_permille:
        steps = work.best()
        if not steps:
            break
        for step in steps:
            work.take(step)
    work.take_back(max(spread_permille, work.spread()))


class _Weighed:
    """A flow whose things have weights."""

    def __init__(self, flow: Flow, weights: Sequence[int], carried: list[int]) -> None:
        self.flow = flow
        self.weights = weights
        self.carried = carried

    def spread(self) -> int:
        return variation_permille(self.carried, self.flow.capacities)

    def take(self, step: _Step) -> None:
        thing, source, target = step
        self.flow.move(thing, source, target)
        self.carried[source] -= self.weights[thing]
        self.carried[target] += self.weights[thing]

    def best(self) -> tuple[_Step, ...]:
        """Return what takes away the most imbalance from the node that has the most to give; () when nothing does."""
        ranked = sorted(range(len(self.carried)), key=lambda node: (self.carried[node] * self.flow.unit[node], node))
        for source in reversed(ranked):
            for kind in (self._single_moves, self._exchanges):
                found = max(kind(source, ranked), default=(0, ()))
                if found[0] > 0:
                    return found[1]
        return ()

    def _single_moves(self, source: int, ranked: Sequence[int]) -> Iterator[tuple[int, tuple[_Step, ...]]]:
        for thing in self.flow.held[source]:
            allowed = self.flow.allowed(thing, source)
            target = next((node for node in ranked if allowed >> node & 1), None)
            if target is not None:
                yield self._gain(source, target, self.weights[thing]), ((thing, source, target),)

    def _exchanges(self, source: int, ranked: Sequence[int]) -> Iterator[tuple[int, tuple[_Step, ...]]]:
        flow = self.flow
        for target in ranked[:_PARTNERS_MAX]:
            given = [thing for thing in flow.held[source] if flow.allowed(thing, source) >> target & 1]
            taken = [thing for thing in flow.held[target] if flow.allowed(thing, target) >> source & 1]
            for thing in given:
                for other in taken:
                    gain = self._gain(source, target, self.weights[thing] - self.weights[other])
                    yield gain, ((thing, source, target), (other, target, source))

    def _gain(self, source: int, target: int, weight: int) -> int:
        """Return how much the sum of weight² / capacity falls when so much goes from one node to another."""
        unit, carried = self.flow.unit, self.carried
        return weight * ((2 * carried[source] - weight) * unit[source] - (2 * carried[target] + weight) * unit[target])

    def take_back(self, spread_permille: int) -> None:
        """Undo each move without which all is as even as that."""
        flow = self.flow
        for thing, (home, now) in enumerate(zip(flow.home, list(flow.now), strict=True)):
            for source in bits(now & ~home):
                target = next(bits(flow.allowed(thing, source) & home), None)
                if target is None:
                    continue
                self.take((thing, source, target))
                if self.spread() > spread_permille:
                    self.take((thing, target, source))
