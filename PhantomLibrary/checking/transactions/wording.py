"""Cycles of transactions, and transactions, in plain words.

A transaction is called T and its place in the history; `describe_transaction` says what stands behind the name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PhantomLibrary.checking.history import shown
from PhantomLibrary.checking.transactions.cycles import Cycle
from PhantomLibrary.checking.transactions.form import Transactions
from PhantomLibrary.checking.transactions.graph import RW, SESSION, WR, WW
from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, seconds

_SENTENCES_MAX = 5
_STEPS_MAX = 8
_KINDS = {WW: "ww", WR: "wr", RW: "rw"}

Label = Callable[[int, int, int], str]
"""Says why the second transaction depends on the first one: (first, second, kind) to a sentence."""


def describe_cycle(transactions: Transactions, cycle: Cycle, label: Label) -> str:
    """Return a sentence for each step of a cycle, at most so many."""
    sentences = []
    for at, kind in enumerate(cycle.kinds[:_SENTENCES_MAX]):
        first, second = cycle.nodes[at], cycle.nodes[(at + 1) % len(cycle.nodes)]
        if kind in _KINDS:
            sentences.append(f"{label(first, second, kind)} ({_KINDS[kind]})")
        else:
            sentences.append(_describe_order(transactions, first, second, kind))
    more = len(cycle.kinds) - len(sentences)
    return "; ".join([*sentences, f"and {more} more steps back to T{cycle.nodes[0]}"] if more else sentences)


def _describe_order(transactions: Transactions, first: int, second: int, kind: int) -> str:
    earlier, later = transactions.operations[first], transactions.operations[second]
    if kind == SESSION:
        return f"T{second} came after T{first} in process {later.process}"
    assert earlier.returned_ns is not None
    return (
        f"T{second} began at {seconds(later.called_ns)}, after T{first} had returned at {seconds(earlier.returned_ns)}"
    )


def describe_transactions(transactions: Transactions, blamed: Iterable[int]) -> tuple[str, ...]:
    """Return a line of evidence for each transaction, at most ten, by call."""
    return tuple(describe_transaction(transactions, number) for number in sorted(set(blamed))[:EVIDENCE_LINES_MAX])


def describe_transaction(transactions: Transactions, number: int) -> str:
    """Return who did what when, and how it ended."""
    operation = transactions.operations[number]
    end = "?" if operation.returned_ns is None else seconds(operation.returned_ns)
    ended = "outcome unknown" if operation.returned is None else f"{operation.ending} {operation.error}".rstrip()
    at_node = f" at {operation.node}" if operation.node else ""
    steps = transactions.steps[number]
    told = ", ".join(_step(step, is_known=operation.ending == "ok") for step in steps[:_STEPS_MAX])
    more = f", and {len(steps) - _STEPS_MAX} more" if len(steps) > _STEPS_MAX else ""
    span = f"{seconds(operation.called_ns)} to {end}"
    return f"T{number}  {span}  process {operation.process}{at_node}  {told}{more}  {ended}"


def _step(step: Sequence[Any], *, is_known: bool) -> str:
    function, key, value = step
    if function == "append":
        return f"append {value} to {key}"
    if function == "w":
        return f"write {key} = {value}"
    return f"read {key} = {listed(value)}" if is_known else f"read {key}"


def listed(value: Any) -> str:
    """Return a value as it stands in messages: lists in brackets, long ones by their end."""
    return f"[{shown(value) if value else ''}]" if isinstance(value, (list, tuple)) else shown(value)
