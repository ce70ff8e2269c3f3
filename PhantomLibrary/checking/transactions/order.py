"""Who comes after whom beside what was read and written: in a session, in real time, in real time on one key.

Real time costs a hub for each moment at which something was called after something else had returned, and an edge for
each call and each return: linear in the history, however many transactions came before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from PhantomLibrary.checking.transactions.form import FAILED, Transactions
from PhantomLibrary.checking.transactions.graph import KEY, KIND_BITS, PASS, SESSION, TIME, Graph

Users: TypeAlias = tuple[Sequence[int], Sequence[int]]
"""Who read a key, and who wrote it."""


def add_sessions(graph: Graph, transactions: Transactions) -> None:
    """Let transactions of one process follow each other; those that failed happened never."""
    last: dict[int, int] = {}
    for number, operation in enumerate(transactions.operations):
        if transactions.endings[number] != FAILED:
            before = last.get(operation.process)
            if before is not None:
                graph.add(before, number, SESSION)
            last[operation.process] = number


def add_real_time(graph: Graph, transactions: Transactions) -> None:
    """Let what began after the return of another follow it."""
    everybody = [number for number in range(len(transactions)) if transactions.endings[number] != FAILED]
    _follow(graph, transactions, everybody, everybody, TIME)


def add_real_time_of_keys(graph: Graph, transactions: Transactions, users: Iterable[Users], *, reads: bool) -> None:
    """Let what began after the return of another follow it, if both use a key and one of them writes it.

    `users` has readers and writers of each key. With `reads`, writers follow those who only read as well: that holds
    where transactions are serial, while a snapshot may be older than a write that began after it.
    """
    for readers, writers in users:
        both = sorted({*readers, *writers})
        _follow(graph, transactions, sorted(set(writers)), both, KEY)
        if reads:
            _follow(graph, transactions, both, sorted(set(writers)), KEY)


def _follow(graph: Graph, transactions: Transactions, earlier: Sequence[int], later: Sequence[int], kind: int) -> None:
    """Let each of `later` follow all of `earlier` that had returned when it was called; both by call.

    Hubs form a chain in time: what returned leads into the next hub, what is called is led to by the last one.
    """
    operations, out = transactions.operations, graph.out
    returns = sorted((returned, number) for number in earlier if (returned := operations[number].returned) is not None)
    hub, at, end = -1, 0, len(returns)
    for number in later:
        called = operations[number].called
        if at < end and returns[at][0] < called:
            before, hub = hub, graph.add_hub()
            if before >= 0:
                out[before].append(hub << KIND_BITS | PASS)
            while at < end and returns[at][0] < called:
                out[returns[at][1]].append(hub << KIND_BITS | kind)
                at += 1
        if hub >= 0:
            out[hub].append(number << KIND_BITS | PASS)
