"""Do all readers see counters that only grow go through the same states?

Transactions `txn` add to counters (`["add", key, amount]`, amounts above 0) and read them (`["r", key, null]`). A
counter's values come in the order of numbers, so a read of several says which reads came before it and which after it.
Where two readers see independent additions in different orders, or a reader sees the past of one counter beside the
present of another, they come before each other in a circle.

Source: Jepsen's monotonic and long-fork tests; Adya (1999), G-nonadjacent.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from PhantomLibrary.checking.counters import check_counter, whole_number
from PhantomLibrary.checking.history import CompletedOperation
from PhantomLibrary.checking.transactions.check import add_order
from PhantomLibrary.checking.transactions.cycles import Cycle, find_cycles
from PhantomLibrary.checking.transactions.form import FAILED, Transactions, refuse_step
from PhantomLibrary.checking.transactions.graph import WR, Graph
from PhantomLibrary.checking.transactions.levels import level_of
from PhantomLibrary.checking.transactions.wording import describe_cycle, describe_transactions
from PhantomLibrary.checking.verdict import Verdict

KNOWN_STEPS = ("add", "r")


def check_monotonic(operations: Sequence[CompletedOperation], level: str) -> Verdict:
    """Judge counters by an isolation level: from snapshot on readers agree, and in real time nothing is lost.

    Raises InvalidInput for a level, or a step of a transaction, that does not exist.
    """
    wanted = level_of(level)
    counters = _Counters(Transactions(operations))
    total, confirmed = len(operations), sum(operation.is_confirmed for operation in operations)
    found = counters.wrong_number
    if not found and wanted.forbids("unrepeatable read"):
        graph = counters.graph()
        add_order(graph, counters.transactions, wanted, counters.users())
        found = counters.unrepeatable or next(map(counters.disagreement, find_cycles(graph, ("G1c",))), None)
    if found:
        code, message, blamed = found
        evidence = describe_transactions(counters.transactions, blamed)
        return Verdict("invalid", code, message, evidence, total, confirmed, counters.cost)
    if wanted.order in ("per-key", "strict"):
        lost = check_counter(list(counters.as_operations()))
        if lost.outcome == "invalid":
            return Verdict("invalid", "MON-004", lost.message, lost.evidence, total, confirmed, counters.cost)
    return Verdict("valid", operations=total, confirmed=confirmed, cost=counters.cost)


_Found = tuple[str, str, tuple[int, ...]]


class _Counters:
    """What was read of each counter, and by whom."""

    def __init__(self, transactions: Transactions) -> None:
        self.transactions = transactions
        self.wrong_number: _Found | None = None
        self.unrepeatable: _Found | None = None
        self.cost = 0
        self._reads: dict[Hashable, dict[int, int]] = {}  # Counter to reader to number, before its own additions.
        self._adders: dict[Hashable, list[int]] = {}
        for number, steps in enumerate(transactions.steps):
            try:
                self._take(number, steps)
            except (TypeError, ValueError) as error:
                raise refuse_step(transactions, number, KNOWN_STEPS) from error
            self.cost += len(steps)

    def _take(self, number: int, steps: Sequence[Any]) -> None:
        is_known = self.transactions.operations[number].ending == "ok"
        own: dict[Hashable, int] = {}
        for function, key, value in steps:
            if function == "add":
                amount = whole_number(value)
                if amount is None or amount <= 0:
                    raise ValueError(value)
                own[key] = own.get(key, 0) + amount
                if self.transactions.endings[number] != FAILED:
                    self._adders.setdefault(key, []).append(number)
            elif function != "r":
                raise ValueError(function)
            elif is_known:
                read = whole_number(value)
                if read is None:
                    text = f"T{number} read {key} = {value!r}, which is no whole number"
                    self.wrong_number = self.wrong_number or ("MON-003", text, (number,))
                    continue
                seen = read - own.get(key, 0)
                before = self._reads.setdefault(key, {}).setdefault(number, seen)
                if before != seen:
                    also = f", {own[key]} of it added by itself" if key in own else ""
                    text = f"T{number} read {key} = {before}, and then {read}{also}"
                    self.unrepeatable = self.unrepeatable or ("MON-002", text, (number,))

    def graph(self) -> Graph:
        """Return who read before whom: whoever read a number of a counter, before those who read the next one."""
        graph = Graph(len(self.transactions))
        for reads in self._reads.values():
            readers: dict[int, list[int]] = {}
            for reader, seen in reads.items():
                readers.setdefault(seen, []).append(reader)
            for earlier, later in pairwise(sorted(readers)):
                graph.join(readers[earlier], readers[later], WR)
        return graph

    def users(self) -> Iterator[tuple[list[int], list[int]]]:
        """Yield who read and who added to each counter."""
        for key in {**self._reads, **self._adders}:
            yield list(self._reads.get(key, ())), self._adders.get(key, [])

    def disagreement(self, cycle: Cycle) -> _Found:
        """Return what is wrong with readers that come before each other in a circle."""
        text = f"readers disagree about what came first: {describe_cycle(self.transactions, cycle, self._label)}"
        return "MON-001", text, cycle.nodes

    def _label(self, first: int, second: int, _kind: int) -> str:
        key, reads = next(
            (key, reads)
            for key, reads in self._reads.items()
            if first in reads and second in reads and reads[first] < reads[second]
        )
        return f"T{second} read {key} = {reads[second]}, T{first} had read {reads[first]}"

    def as_operations(self) -> Iterator[CompletedOperation]:
        """Yield each addition and each read as an operation on one counter."""
        for key, adders in self._adders.items():
            for number in adders:
                for function, name, amount in self.transactions.steps[number]:
                    if function == "add" and name == key:
                        operation = self.transactions.operations[number]
                        yield replace(operation, function="add", key=str(key), argument=amount)
        for key, reads in self._reads.items():
            for number, seen in reads.items():
                operation = self.transactions.operations[number]
                yield replace(operation, function="read", key=str(key), argument=None, result=seen)
