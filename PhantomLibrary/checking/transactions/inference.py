"""In which order the writes of a key came, as far as reads, sessions and time tell, for an isolation level.

Of registers nothing shows the order itself, but much excludes one: of two transactions that wrote a key, the first is
the one that must come before the other for any reason, or else they would depend on each other in a circle that the
level forbids; and who was visible to a reader, and yet was not read, had been written over by what was read. Each order
found is one more dependency, so this goes on until nothing new is found.

What *before* means is the level's: to read committed, dependencies without anti-dependencies; to serializable, all; to
snapshot, a beginning and an end of each transaction: a dependency leads from end to beginning, an anti-dependency from
beginning to end, and of two that write one key the first ends before the second begins.

Source: after Biswas and Enea, "On the Complexity of Checking Transactional Consistency" (OOPSLA 2019), and Huang et
al., "Efficient Black-box Checking of Snapshot Isolation in Databases" (VLDB 2023), whose solver this does without.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from PhantomLibrary.checking.transactions.components import peel
from PhantomLibrary.checking.transactions.graph import IN_ORDER, KIND_BITS, KIND_MASK, PASS, RW, WR, WW, Graph
from PhantomLibrary.checking.transactions.levels import Level

BITS_MAX = 1 << 30
"""How many pairs of a transaction and a write are looked at; larger histories are judged by what they show directly."""

_ROUNDS_MAX = 100


class Writes(Struct, frozen=True):
    """The committed writers of one key, and who read what each of them wrote."""

    writers: Sequence[int]
    readers: dict[int, list[int]]


class WriteOrders:
    """What is known of the order of the writes of each key. Adds dependencies to the graph as it finds them.

    A write has a number, a key's writes consecutive ones; sets of writes are bits of integers.
    """

    def __init__(self, graph: Graph, keys: Sequence[Writes], level: Level) -> None:
        self._graph = graph
        self._keys = keys
        self._level = level
        self._first: list[int] = []
        self._own = [0] * graph.transactions
        self.writes = 0
        for key in keys:
            self._first.append(self.writes)
            for writer in key.writers:
                self._own[writer] |= 1 << self.writes
                self.writes += 1
        self._before: list[list[int]] = [[0] * len(key.writers) for key in keys]
        self._added: list[set[tuple[int, int]]] = [set() for _ in keys]

    @property
    def is_total(self) -> bool:
        """Tell whether any two writes of a key have an order."""
        return all(
            sorted(before.bit_count() for before in of_key) == list(range(len(of_key))) for of_key in self._before
        )

    def infer(self) -> bool:
        """Find all orders that follow; False when the history is too large, or has a circle before all are found."""
        if not self.writes or self.writes * len(self._graph.out) > BITS_MAX:
            return not self.writes
        for _ in range(_ROUNDS_MAX):
            known = self._known()
            if known is None:
                return False
            if not self._extend(*known):
                return True
        return False

    def choose(self) -> None:
        """Give writes that may have any order the one in which they can end, as far as the graph tells."""
        order, _ = peel(split(self._graph))
        ends = {node >> 1: at for at, node in enumerate(order) if node & 1}
        for key in self._keys:
            chosen = sorted(key.writers, key=lambda writer: ends[writer])
            for first, second in pairwise(chosen):
                self._graph.add(first, second, WW)

    def _extend(self, ended: Sequence[int], visible: Sequence[int] | None) -> bool:
        """Take over what came before each write and each reader; tell whether there was anything new.

        What came before is a reason for an order, and what a reader did not see is one only where there is none against
        it: of two contradictory orders one is enough to make a circle, and the first kind says better what is wrong.
        """
        is_new = False
        for number, key in enumerate(self._keys):
            first, everything = self._first[number], (1 << len(key.writers)) - 1
            for place, writer in enumerate(key.writers):
                self._order(number, place, ended[writer] >> first & everything)
            if visible is not None:
                for place, writer in enumerate(key.writers):
                    for reader in key.readers.get(writer, ()):
                        self._order(number, place, visible[reader] >> first & everything)
            is_new |= self._add_edges(number)
        return is_new

    def _order(self, number: int, place: int, found: int) -> None:
        """Let the writes found come before the one at a place, where that does not come before them."""
        before = self._before[number]
        new = found & ~before[place] & ~(1 << place)
        for at in _places(new):
            if not before[at] >> place & 1:
                before[place] |= 1 << at

    def _add_edges(self, number: int) -> bool:
        """Add dependencies on the writes right before each, with whom they follow from what was read."""
        key, before, added = self._keys[number], self._before[number], self._added[number]
        is_new = False
        for place, writer in enumerate(key.writers):
            implied = 0
            for at in _places(before[place]):
                implied |= before[at]
            for at in _places(before[place] & ~implied):
                if (at, place) not in added:
                    added.add((at, place))
                    is_new = True
                    self._graph.add(key.writers[at], writer, WW)
                    for reader in dict.fromkeys(key.readers.get(key.writers[at], ())):
                        if reader != writer:
                            self._graph.add(reader, writer, RW)
        return is_new

    # --- what comes before what -------------------------------------------------------------------------------------

    def _known(self) -> tuple[list[int], list[int] | None] | None:
        """Return the writes that come before the end of each transaction, and those before its beginning.

        None where there is a circle. Where reads need not show what came before, as in read committed, the second is
        None.
        """
        if self._level.forbids("G2-item"):
            everything = self._reached(self._edges((WW, WR, RW, *IN_ORDER)))
            return None if everything is None else (everything, everything)
        if self._level.forbids("G-single"):
            return self._known_of_snapshots()
        kinds = (WW, WR, *IN_ORDER) if self._level.forbids("G1c") else (WW, *IN_ORDER)
        dependencies = self._reached(self._edges(kinds))
        return None if dependencies is None else (dependencies, None)

    def _edges(self, kinds: Sequence[int]) -> list[list[int]]:
        return [
            [edge for edge in edges if edge & KIND_MASK in kinds or edge & KIND_MASK == PASS]
            for edges in self._graph.out
        ]

    def _reached(self, out: list[list[int]]) -> list[int] | None:
        order, left = peel(out)
        if left:
            return None
        before = [0] * len(out)
        for node in order:
            here = before[node] | (self._own[node] if node < self._graph.transactions else 0)
            for edge in out[node]:
                before[edge >> KIND_BITS] |= here
        return before

    def _known_of_snapshots(self) -> tuple[list[int], list[int]] | None:
        """As above, by beginnings (even nodes) and ends (odd ones)."""
        out = split(self._graph)
        order, left = peel(out)
        if left:
            return None
        begun, ended = [0] * len(out), [0] * len(out)
        for node in order:
            if node >> 1 < self._graph.transactions:
                own = self._own[node >> 1]
                here_begun, here_ended = begun[node] | own, ended[node] | (own if node & 1 else 0)
            else:
                here_begun, here_ended = begun[node], ended[node]
            for edge in out[node]:
                begun[edge >> KIND_BITS] |= here_begun
                ended[edge >> KIND_BITS] |= here_ended
        transactions = range(self._graph.transactions)
        return [begun[2 * number + 1] for number in transactions], [ended[2 * number] for number in transactions]


def _places(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        bits ^= lowest
        yield lowest.bit_length() - 1


def split(graph: Graph) -> list[list[int]]:
    """Return the edges between beginnings (2n) and ends (2n + 1); a hub is split by how it was reached.

    Such a graph has a circle exactly if the given one has one without two anti-dependencies in a row.
    """
    out: list[list[int]] = []
    for node, edges in enumerate(graph.out):
        beginning: list[int] = []
        end: list[int] = []
        if node < graph.transactions:
            beginning.append((2 * node + 1) << KIND_BITS)
        for edge in edges:
            target = 2 * (edge >> KIND_BITS)
            kind = edge & KIND_MASK
            if kind == PASS:
                beginning.append(target << KIND_BITS)
                end.append(target + 1 << KIND_BITS)
            elif kind == RW:
                beginning.append(target + 1 << KIND_BITS)
            else:
                end.append(target << KIND_BITS)
        out.append(beginning)
        out.append(end)
    return out
