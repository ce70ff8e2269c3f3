"""Things that nodes carry and that can be moved, one at a time: what may go where, and what that does to the balance.

Things are numbered, and so are nodes; sets of nodes are integers, bit i for the node i, so that one operation asks
for all nodes at once. Two kinds of things are carried: replicas (`replicas.py`) and the leadership of shards
(`leaders.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from math import lcm


class Flow(ABC):
    """Which nodes carry which things. `home` is where each was at first, `now` where it is."""

    def __init__(self, capacities: Sequence[int], carriers: Sequence[int], movable: Sequence[bool]) -> None:
        self.capacities = tuple(capacities)
        self.home = tuple(carriers)
        self.now = list(carriers)
        self.counts = [0] * len(capacities)
        self.held: list[dict[int, None]] = [{} for _ in capacities]  # What may move of what each carries, in order.
        for thing, nodes in enumerate(carriers):
            for node in bits(nodes):
                self.counts[node] += 1
                if movable[thing]:
                    self.held[node][thing] = None
        common = lcm(*self.capacities)
        self.unit = tuple(common // each for each in self.capacities)
        self._allowed: list[dict[int, int]] = [{} for _ in carriers]
        self._steps: dict[int, tuple[tuple[int, int], ...]] = {}

    @abstractmethod
    def _targets(self, thing: int, source: int) -> int:
        """Return the nodes that may carry a thing in the place of `source`."""

    def allowed(self, thing: int, source: int) -> int:
        """Return the nodes that may carry a thing in the place of `source`."""
        known = self._allowed[thing]
        found = known.get(source)
        if found is None:
            found = known[source] = self._targets(thing, source)
        return found

    def move(self, thing: int, source: int, target: int) -> None:
        assert self.now[thing] >> source & 1 and not self.now[thing] >> target & 1
        self.now[thing] ^= 1 << source | 1 << target
        self._allowed[thing] = {}
        for node in bits(self.now[thing] | 1 << source):
            self._steps.pop(node, None)
        del self.held[source][thing]
        self.held[target][thing] = None
        self.counts[source] -= 1
        self.counts[target] += 1

    # --- what it is worth ---------------------------------------------------------------------------------------------

    def price(self, node: int, more: int = 0) -> int:
        """Return what the last thing on a node adds to the imbalance, if it carries so many more than now.

        The imbalance is the sum of count² / capacity, which is least when counts are in proportion to capacities.
        """
        return (2 * (self.counts[node] + more) - 1) * self.unit[node]

    def gain(self, source: int, target: int) -> int:
        """Return how much the imbalance falls when a thing goes from one node to another."""
        return self.price(source) - self.price(target, 1)

    def movement(self, thing: int, source: int, target: int) -> int:
        """Return how much more movement there is after such a step: one more, none, or one less if it goes back."""
        home = self.home[thing]
        return (home >> source & 1) - (home >> target & 1)

    def steps(self, source: int) -> tuple[tuple[int, int], ...]:
        """Return each movement that a step from `source` can cost, with the nodes to which it can go at that."""
        found = self._steps.get(source)
        if found is None:
            found = self._steps[source] = self._find_steps(source)
        return found

    def _find_steps(self, source: int) -> tuple[tuple[int, int], ...]:
        back = level = away = 0
        for thing in self.held[source]:
            targets, home = self.allowed(thing, source), self.home[thing]
            if home >> source & 1:
                level |= targets & home
                away |= targets & ~home
            else:
                back |= targets & home
                level |= targets & ~home
        return ((-1, back), (0, level), (1, away))

    def candidates(self, source: int, target: int, movement: int) -> Iterator[int]:
        """Yield the things that may go from one node to another at such a movement."""
        for thing in self.held[source]:
            if self.allowed(thing, source) >> target & 1 and self.movement(thing, source, target) == movement:
                yield thing


def bits(mask: int) -> Iterator[int]:
    """Yield the positions of the bits that are set, from the lowest on."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
