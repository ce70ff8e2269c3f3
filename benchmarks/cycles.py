"""How long it takes to judge 100,000 transactions on lists, from the events of their history to the verdict.

The history is one that a strictly serializable database could have left: 20 clients, up to four reads and appends a
transaction over ten lists at a time, each of which is left for a new one after a hundred appends, as in Jepsen's
workload. All classes of cycles are looked for, with the dependencies of real time.
"""

from __future__ import annotations

from random import Random
from time import process_time_ns
from typing import Any

from PhantomLibrary.checking.history import pair
from PhantomLibrary.checking.transactions.check import check_appends_of
from PhantomLibrary.domain import MILLISECOND_NS, HistoryEvent

TRANSACTIONS = 100_000
_CLIENTS = 20
_LISTS = 10
_APPENDS_MAX = 100
_STEPS_MAX = 4


class _Lists:
    """The lists that are in use, with what was appended to them so far."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._keys = list(range(_LISTS))
        self._next = _LISTS
        self._issued = dict.fromkeys(self._keys, 0)
        self._elements: dict[str, list[int]] = {}

    def draw(self) -> list[Any]:
        """Return one step of a transaction."""
        place = self._random.randrange(_LISTS)
        key = self._keys[place]
        if self._random.getrandbits(1):
            return ["r", f"k{key}", None]
        self._issued[key] += 1
        if self._issued[key] == _APPENDS_MAX:
            self._keys[place] = self._next
            self._issued[self._next] = 0
            self._next += 1
        return ["append", f"k{key}", self._issued[key]]

    def perform(self, steps: list[list[Any]]) -> list[list[Any]]:
        """Return the steps with what they see, all at this moment."""
        done = []
        for function, key, value in steps:
            elements = self._elements.setdefault(key, [])
            if function == "append":
                elements.append(value)
            done.append([function, key, value if function == "append" else list(elements)])
        return done


def make_history(transactions: int, seed: int = 1) -> list[HistoryEvent]:
    """Return a history of so many transactions, each of which happens at one instant between its call and return."""
    random = Random(seed)
    lists = _Lists(random)
    events: list[HistoryEvent] = []
    asked: dict[int, list[list[Any]]] = {}
    done: dict[int, list[list[Any]]] = {}
    issued = 0

    def record(process: int, type_: Any, steps: list[list[Any]]) -> None:
        events.append(HistoryEvent(len(events), len(events) * MILLISECOND_NS, process, type_, "txn", None, steps))

    while issued < transactions or asked or done:
        process = random.randrange(_CLIENTS)
        if process in done:
            record(process, "ok", done.pop(process))
        elif process in asked:
            done[process] = lists.perform(asked.pop(process))
        elif issued < transactions:
            issued += 1
            asked[process] = [lists.draw() for _ in range(random.randint(1, _STEPS_MAX))]
            record(process, "invoke", asked[process])
    return events


def measure_cycles(transactions: int = TRANSACTIONS) -> float:
    """Return CPU seconds, the best of three."""
    events = make_history(transactions)
    best_ns = 1 << 62
    for _ in range(3):
        started = process_time_ns()
        verdict = check_appends_of(pair(events), "strict serializable")
        best_ns = min(best_ns, process_time_ns() - started)
        assert verdict.outcome == "valid", verdict.headline
    return best_ns / 1_000_000_000


if __name__ == "__main__":
    print(f"{measure_cycles():.2f} s")
