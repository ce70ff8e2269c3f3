"""Defects of what happens at once: locks, waits for them, members that come and go together, and threads."""

from __future__ import annotations

from PhantomLibrary.database.coordinator import Coordinator
from PhantomLibrary.database.messages import Record
from PhantomLibrary.database.repair import Step
from PhantomLibrary.protocols.transactions.deadlocks import DeadlockDetector
from PhantomLibrary.protocols.transactions.values import TransactionId
from PhantomLibrary.testbed.turns import Turns


class KeepsOneEdge(DeadlockDetector):
    """Remembers of all that a transaction waits for only the last."""

    def wait(self, transaction: TransactionId, holders: tuple[TransactionId, ...]) -> None:
        super().wait(transaction, holders[-1:])


class KeepsFirstBlocker(DeadlockDetector):
    """Takes whoever had the lock at first for the one who has it, though it was handed over since."""

    def wait(self, transaction: TransactionId, holders: tuple[TransactionId, ...]) -> None:
        super().wait(transaction, self._waits.get(transaction, holders[:1]))


class AdmitsNobodyDuringRecovery(Coordinator):
    """Lets nobody become active as long as some member is away."""

    def _take(self, step: Step) -> None:
        admits = isinstance(step, Record) and any(each.standing == "active" for each in step.members)
        if not (admits and self._unavailable):
            super()._take(step)


class NoTurns(Turns):
    """Lets every thread in at any time."""

    def __enter__(self) -> Turns:
        return self

    def __exit__(self, *_error: object) -> None:
        pass
