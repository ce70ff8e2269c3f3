"""What came causally before what in a history: the order of each process, from each write to whoever read it, and on.

Each operation has a clock: how many operations of each process came before it. Its own process is not in it, so that
operations that learn nothing new share one. Writes count from their call and reads from their return: in that order
all that comes before an operation is done before it, since nobody can read what nobody has begun to write.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeAlias

from PhantomLibrary.checking.history import CompletedOperation

Clock: TypeAlias = Mapping[int, int]
Sources: TypeAlias = Callable[[CompletedOperation], Sequence[CompletedOperation]]


class Causality:
    """The causal order of operations that happened or may have. `cost` counts what clocks hold.

    `is_write` are the functions that write; `sources` gives the writes that an operation saw.
    """

    def __init__(self, operations: Sequence[CompletedOperation], is_write: frozenset[str], sources: Sources) -> None:
        self.cost = 0
        self.by_process: dict[int, list[CompletedOperation]] = {}
        self._numbers: dict[int, int] = {}  # Of an operation, by its position, in its process: from 1.
        self._clocks: dict[int, Clock] = {}
        self._sources = sources
        self._writes: dict[Hashable, dict[int, tuple[list[int], list[CompletedOperation]]]] = {}
        for operation in sorted(operations, key=lambda each: _place(each, is_write)):
            self._take(operation, sources(operation))
            if operation.function in is_write:
                by_process = self._writes.setdefault(operation.key, {})
                numbers, writes = by_process.setdefault(operation.process, ([], []))
                numbers.append(self._numbers[operation.position])
                writes.append(operation)

    def _take(self, operation: CompletedOperation, sources: Sequence[CompletedOperation]) -> None:
        mine = self.by_process.setdefault(operation.process, [])
        clock = self._clocks[mine[-1].position] if mine else {}
        for source in sources:
            number = self._numbers[source.position]
            if source.process != operation.process and clock.get(source.process, 0) < number:
                clock = _joined(clock, self._clocks[source.position], source.process, number)
                self.cost += len(clock)
        mine.append(operation)
        self._numbers[operation.position] = len(mine)
        self._clocks[operation.position] = clock

    def number(self, operation: CompletedOperation) -> int:
        """Return which one of its process an operation is, from 1."""
        return self._numbers[operation.position]

    def is_before(self, first: CompletedOperation, then: CompletedOperation) -> bool:
        """Tell whether an operation came causally before another one."""
        return self._numbers[first.position] <= self._known(first.process, then) and first is not then

    def _known(self, process: int, operation: CompletedOperation) -> int:
        """Return how many operations of a process came before one, or are it."""
        if process == operation.process:
            return self._numbers[operation.position]
        return self._clocks[operation.position].get(process, 0)

    def writes_before(self, read: CompletedOperation) -> Iterator[tuple[list[CompletedOperation], int]]:
        """Yield, by process, its writes to the key of a read, and how many of them came before that."""
        for process, (numbers, writes) in self._writes.get(read.key, {}).items():
            count = bisect_right(numbers, self._known(process, read))
            if count:
                yield writes, count

    def link(self, write: CompletedOperation, operation: CompletedOperation) -> CompletedOperation:
        """Return the first operation of a process that a write came before, which it did before this one."""
        mine = self.by_process[operation.process]
        low, high = 0, self._numbers[operation.position] - 1
        while low < high:
            middle = (low + high) // 2
            if self.is_before(write, mine[middle]):
                high = middle
            else:
                low = middle + 1
        return mine[low]

    def brought(self, link: CompletedOperation, write: CompletedOperation) -> CompletedOperation:
        """Return what an operation saw that a write came before, or was."""
        return next(each for each in self._sources(link) if each is write or self.is_before(write, each))


def _place(operation: CompletedOperation, is_write: frozenset[str]) -> int:
    if operation.function in is_write:
        return operation.called
    assert operation.returned is not None
    return operation.returned


def _joined(clock: Clock, other: Clock, process: int, number: int) -> Clock:
    joined = dict(clock)
    for each, count in other.items():
        if count > joined.get(each, 0):
            joined[each] = count
    joined[process] = number
    return joined
