"""The transactions that a test holds open by name, as a history of registers that checkers can judge.

What single reads and writes of keywords did to the same keys belongs to it: each is a transaction of its own. Of some
keys answers do not tell enough to judge them; those are left out, and with what reason is told. To leave a key out is
sound: what is found among the others is there in the whole as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from PhantomLibrary.domain import ISOLATION_LEVELS, HistoryEvent
from PhantomLibrary.testbed.client_transaction import FUNCTION, SQL, UPDATE
from PhantomLibrary.testbed.client_transaction import WORKLOAD as TRANSACTIONS
from PhantomLibrary.testbed.operator import WORKLOAD as OPERATOR
from PhantomLibrary.testbed.run import Run

KIND = "rw-register"
_MICRO = {"write": "w", "read": "r"}


class NamedTransactions:
    """Those of a run. `events` is their history; `left_out` says by key why it is not judged."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._spans: list[tuple[str, str]] = []  # That were changed as a whole.
        self.written: set[str] = set()
        touched: dict[str, None] = {}
        for event in run.recorder.events:
            if event.workload != TRANSACTIONS:
                continue
            for function, key, value in event.value or ():
                if function == UPDATE:
                    self._spans.append((key, value[0]))
                    continue
                if function == SQL:
                    continue
                touched[key] = None
                if function == "w":
                    self.written.add(key)
        found = [each for each in map(_as_transaction, run.recorder.events) if each is not None]
        self.left_out = self._left_out(touched, found)
        judged = touched.keys() - self.left_out.keys()
        self.events = [
            replace(event, value=steps)
            for event in found
            if (steps := [step for step in event.value or () if step[1] in judged])
        ]

    def changes(self, key: str) -> bool:
        """Whether any of them may have written a key."""
        return key in self.written or self._is_updated(key)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return a line for each key that is not judged."""
        return tuple(f"{key} was left out: {reason}" for key, reason in self.left_out.items())

    def _is_updated(self, key: str) -> bool:
        return any(start <= key and (not end or key < end) for start, end in self._spans)

    def _left_out(self, touched: dict[str, None], events: list[HistoryEvent]) -> dict[str, str]:
        deleted, twice = set(), set()
        writers: dict[tuple[str, str], int] = {}
        failed = {event.process for event in events if event.type == "fail"}  # A process has one transaction.
        for number, (event, key, value) in enumerate(_writes(events)):
            if value is None:
                deleted.add(key)
            elif event.workload == OPERATOR or event.process not in failed:
                owner = event.process if event.workload == TRANSACTIONS else -1 - number
                if writers.setdefault((key, value), owner) != owner:
                    twice.add(key)
        sagas, reasons = self._run.saga_keys(), {}
        for key in touched:
            if any(workload.spec.owns(key) for workload in self._run.workloads.values()):
                reasons[key] = "it belongs to a workload"
            elif key in sagas:
                reasons[key] = "sagas change it"
            elif self._is_updated(key):
                reasons[key] = "a whole range was updated, and no answer tells to what"
            elif key in deleted:
                reasons[key] = "it was deleted, and reads as if it had never been written"
            elif key in twice:
                reasons[key] = "one value was written twice, so reads do not tell whose they saw"
        return reasons


def weakest_isolation(run: Run) -> str:
    """Return the weakest level at which a transaction of keywords was begun in a run, which has some."""
    used = {each.arguments["isolation"] for each in run.schedule.commands if each.verb == "begin transaction"}
    return next(level for level in ISOLATION_LEVELS if level in used)


def _as_transaction(event: HistoryEvent) -> HistoryEvent | None:
    """Return an event of a transaction, or that which a single operation is one of; None for other workloads."""
    if event.workload == TRANSACTIONS:
        return event
    if event.workload != OPERATOR or event.function not in _MICRO:
        return None
    return replace(event, function=FUNCTION, key=None, value=[[_MICRO[event.function], event.key, event.value]])


def _writes(events: list[HistoryEvent]) -> Iterator[tuple[HistoryEvent, str, str | None]]:
    """Yield what was tried to be written, each once."""
    for event in events:
        if event.type == "invoke":
            for function, key, value in event.value or ():
                if function == "w":
                    yield event, key, value
