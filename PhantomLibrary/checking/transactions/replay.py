"""An order of events that explains a history of registers: who finds one has proved the history.

Where the order of some writes is not known, that no circle was found proves nothing. So the transactions are run anew
against one copy of the data, each event when the graph and the data allow it, by preference when it happened: a
serializable transaction at one instant, a snapshot by its beginning, at which it reads, and its end, at which it
writes, while no other that writes the same key is under way. A value may be written over when all have read it who did.
What gets stuck has proved nothing either: the verdict is then `unknown`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Hashable, Sequence

from msgspec import Struct

from PhantomLibrary.checking.transactions.graph import KIND_BITS, Graph
from PhantomLibrary.checking.transactions.inference import split
from PhantomLibrary.checking.transactions.registers import INITIAL, RegisterHistory

BLOCKED_MAX = 100_000
"""How many events are tried in vain before it counts as stuck."""


def explains(history: RegisterHistory, graph: Graph, *, snapshots: bool) -> bool:
    """Tell whether an order of events was found in which every transaction reads what it read."""
    return any(_Replay(history, graph, snapshots, preference).run() for preference in _PREFERENCES)


class _Preference(Struct, frozen=True):
    """When events are tried first: beginnings and ends, each as the transaction was called or as it returned."""

    begins_by_call: bool
    ends_by_call: bool


_PREFERENCES = (_Preference(False, False), _Preference(True, False), _Preference(True, True))


class _Replay:
    """One copy of the data, and who is under way. With `snapshots` nodes are beginnings and ends, else transactions."""

    def __init__(self, history: RegisterHistory, graph: Graph, snapshots: bool, preference: _Preference) -> None:
        self._transactions = history.transactions
        self._snapshots = snapshots
        self._preference = preference
        self._out: Sequence[Sequence[int]] = split(graph) if snapshots else graph.out
        self._count = graph.transactions
        self._reads: list[list[tuple[Hashable, int]]] = [[] for _ in range(self._count)]
        self._writes: list[list[Hashable]] = [[] for _ in range(self._count)]
        self._unread: dict[tuple[Hashable, int], int] = {}
        self._updater: dict[tuple[Hashable, int], int] = {}
        self._current: dict[Hashable, int] = {}
        self._active: dict[Hashable, int] = {}
        for name, key in history.keys.items():
            for writer in key.writers:
                self._writes[writer].append(name)
            for writer, readers in key.readers.items():
                for reader in dict.fromkeys(readers):
                    self._reads[reader].append((name, writer))
                    if reader in key.final:
                        self._updater[name, writer] = reader
                self._unread[name, writer] = len(set(readers))

    def run(self) -> bool:
        """Perform all events, or get stuck."""
        waiting = [0] * len(self._out)
        for edges in self._out:
            for edge in edges:
                waiting[edge >> KIND_BITS] += 1
        ready = sorted((self._when(node), node) for node, count in enumerate(waiting) if not count)
        blocked = done = 0
        while ready:
            at = next((at for at, (_, node) in enumerate(ready) if self._perform(node)), -1)
            blocked += at
            if at < 0 or blocked > BLOCKED_MAX:
                return False
            _, node = ready.pop(at)
            done += 1
            for edge in self._out[node]:
                target = edge >> KIND_BITS
                waiting[target] -= 1
                if not waiting[target]:
                    insort(ready, (self._when(target), target))
        return done == len(self._out)

    def _when(self, node: int) -> int:
        """Return when an event happened, as a position; what stands for no event comes at once."""
        number = node >> 1 if self._snapshots else node
        if number >= self._count:
            return -1
        operation = self._transactions.operations[number]
        is_begin = self._snapshots and not node & 1
        is_early = self._preference.begins_by_call if is_begin else self._preference.ends_by_call
        return operation.called if operation.returned is None or is_early else operation.returned

    def _perform(self, node: int) -> bool:
        """Perform an event if the data allows it."""
        number = node >> 1 if self._snapshots else node
        if number >= self._count:
            return True
        if not self._snapshots:
            return self._can_begin(number) and self._can_end(number) and self._begin(number) and self._end(number)
        if node & 1:
            return self._can_end(number) and self._end(number)
        return self._can_begin(number) and self._begin(number)

    def _can_begin(self, number: int) -> bool:
        """Tell whether all is there that this one reads, and nobody else has to write its keys first."""
        if any(self._current.get(name, INITIAL) != writer for name, writer in self._reads[number]):
            return False
        for name in self._writes[number]:
            updater = self._updater.get((name, self._current.get(name, INITIAL)), number)
            if name in self._active or updater != number:
                return False
        return True

    def _can_end(self, number: int) -> bool:
        """Tell whether everybody else has read what this one writes over."""
        own = () if self._snapshots else self._reads[number]
        for name in self._writes[number]:
            current = self._current.get(name, INITIAL)
            if self._unread.get((name, current), 0) > ((name, current) in own):
                return False
        return True

    def _begin(self, number: int) -> bool:
        for read in self._reads[number]:
            self._unread[read] -= 1
        for name in self._writes[number]:
            self._active[name] = number
        return True

    def _end(self, number: int) -> bool:
        for name in self._writes[number]:
            self._current[name] = number
            del self._active[name]
        return True
