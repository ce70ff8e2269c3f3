"""Things that nodes carry and that can be moved, one at a time: what may go where, and what that does to the balance.

Things are numbered, and so are nodes; sets of nodes are integers, bit i for the node i, so that one operation asks
for all nodes at once. Two kinds of things are carried: replicas (`replicas.py`) and the leadership of shards
(`leaders.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from math import lcm
from operator import or_

_MOVEMENTS = (-1, 0, 1)


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
        self.prices = [self.price(node) for node in range(len(self.counts))]  # Of the last thing on each.
        self._by_next_price: dict[int, int] = {}  # The nodes that one thing more costs so much.
        for node in range(len(self.counts)):
            self._note_next_price(node)
        self._allowed: list[dict[int, int]] = [{} for _ in carriers]
        # By node and movement, where each thing may go at that; of those that are stale it has to be found out anew.
        self._ways: list[tuple[dict[int, int], ...]] = [({}, {}, {}) for _ in capacities]
        self._stale: list[dict[int, None]] = [dict(held) for held in self.held]
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
            self._stale[node][thing] = None
        del self.held[source][thing]
        self.held[target][thing] = None
        self._count(source, -1)
        self._count(target, 1)

    def give(self, thing: int, node: int) -> None:
        """Let a node carry what nobody has carried."""
        assert not self.now[thing]
        self.now[thing] = 1 << node
        self.held[node][thing] = self._stale[node][thing] = None
        self._count(node, 1)

    def _count(self, node: int, more: int) -> None:
        self._by_next_price[self.price(node, 1)] &= ~(1 << node)
        self.counts[node] += more
        self.prices[node] = self.price(node)
        self._note_next_price(node)

    def _note_next_price(self, node: int) -> None:
        price = self.price(node, 1)
        self._by_next_price[price] = self._by_next_price.get(price, 0) | 1 << node

    # --- what it is worth ---------------------------------------------------------------------------------------------

    def price(self, node: int, more: int = 0) -> int:
        """Return what the last thing on a node adds to the imbalance, if it carries so many more than now.

        The imbalance is the sum of count² / capacity, which is least when counts are in proportion to capacities.
        """
        return (2 * (self.counts[node] + more) - 1) * self.unit[node]

    def gain(self, source: int, target: int) -> int:
        """Return how much the imbalance falls when a thing goes from one node to another."""
        return self.price(source) - self.price(target, 1)

    def steps(self, source: int) -> tuple[tuple[int, int], ...]:
        """Return each movement that a step from `source` can cost, with the nodes to which it can go at that.

        A thing that leaves its home is one more movement, one that comes home one less, any other none.
        """
        found = self._steps.get(source)
        if found is None:
            found = self._steps[source] = self._find_steps(source)
        return found

    def _find_steps(self, source: int) -> tuple[tuple[int, int], ...]:
        ways = self._ways_from(source)
        return tuple((step, reduce(or_, ways[step + 1].values(), 0)) for step in _MOVEMENTS)

    def _ways_from(self, source: int) -> tuple[Mapping[int, int], ...]:
        """Return, by movement from -1 on, to which nodes each thing may go from `source` at that."""
        ways, held, stale = self._ways[source], self.held[source], self._stale[source]
        for thing in stale:
            for way in ways:
                way.pop(thing, None)
            if thing in held:
                targets, home = self.allowed(thing, source), self.home[thing]
                is_home = home >> source & 1
                if targets & home:
                    ways[is_home][thing] = targets & home
                if targets & ~home:
                    ways[is_home + 1][thing] = targets & ~home
        stale.clear()
        return ways

    def candidates(self, source: int, target: int, movement: int) -> list[int]:
        """Return the things that may go from one node to another at such a movement, in any order."""
        wanted = 1 << target
        return [thing for thing, targets in self._ways_from(source)[movement + 1].items() if targets & wanted]

    def cheapest(self, nodes: int) -> tuple[int, int]:
        """Return those of some nodes that one thing more costs the least, and how much; (0, 0) of none."""
        by_price = self._by_next_price
        for price in sorted(by_price):
            if found := by_price[price] & nodes:
                return found, price
        return 0, 0


def bits(mask: int) -> Iterator[int]:
    """Yield the positions of the bits that are set, from the lowest on."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
