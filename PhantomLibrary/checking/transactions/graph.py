"""Dependencies between transactions, as lists of integers: no object an edge.

A node is a transaction's place in its history; after those come *hubs*, nodes that stand for many edges at once, so
that the graph stays linear in the history (n earlier and m later transactions: n + m edges, not n times m). An edge is
`target << KIND_BITS | kind`. Edges out of a hub have the kind PASS: they go on with the edge that led into it.
"""

from __future__ import annotations

from collections.abc import Sequence

WW, WR, RW, SESSION, KEY, TIME, PASS = range(7)
KIND_BITS = 3
KIND_MASK = (1 << KIND_BITS) - 1

IN_ORDER = (SESSION, KEY, TIME)
"""The kinds that say only who came first."""


class Graph:
    """Who comes before whom. `out` has the edges of each node; the first `transactions` nodes are no hubs."""

    __slots__ = ("out", "transactions")

    def __init__(self, transactions: int) -> None:
        self.transactions = transactions
        self.out: list[list[int]] = [[] for _ in range(transactions)]

    def add(self, source: int, target: int, kind: int) -> None:
        self.out[source].append(target << KIND_BITS | kind)

    def add_hub(self) -> int:
        """Return a new node that stands for no transaction."""
        self.out.append([])
        return len(self.out) - 1

    def join(self, sources: Sequence[int], targets: Sequence[int], kind: int) -> None:
        """Let every source come before every target but itself, through hubs where that takes fewer edges.

        The hubs are two chains along the targets, one each way, so that a source that is a target too can be led to
        all others and never back to itself.
        """
        if len(sources) * len(targets) <= _FEW_EDGES:
            for source in sources:
                for target in targets:
                    if source != target:
                        self.add(source, target, kind)
            return
        onward, back = self._chain(targets), self._chain(targets[::-1])[::-1]
        place = {target: at for at, target in enumerate(targets)}
        for source in sources:
            at = place.get(source, -1)
            if at + 1 < len(targets):
                self.add(source, onward[at + 1], kind)
            if at > 0:
                self.add(source, back[at - 1], kind)

    def _chain(self, targets: Sequence[int]) -> list[int]:
        """Return hubs, one a target, each of which leads to its target and to the next hub."""
        hubs = [self.add_hub() for _ in targets]
        for at, target in enumerate(targets):
            self.add(hubs[at], target, PASS)
            if at:
                self.add(hubs[at - 1], hubs[at], PASS)
        return hubs


_FEW_EDGES = 64
