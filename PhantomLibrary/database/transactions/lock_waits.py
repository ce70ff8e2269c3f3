"""Which transactions of one node wait for locks, for whom and for how long."""

from __future__ import annotations

from collections.abc import Callable

from PhantomLibrary.protocols.transactions.deadlocks import DeadlockDetector
from PhantomLibrary.protocols.transactions.values import TransactionId


class LockWaits:
    """Tells the detector of deadlocks who waits, and counts waits and their nanoseconds since the node started, whether
    they ended with a lock or without one.
    """

    def __init__(self, detector: DeadlockDetector, monotonic_ns: Callable[[], int]) -> None:
        self.detector = detector
        self._monotonic_ns = monotonic_ns
        self.count = 0
        self.total_ns = 0
        self._longest_ns = 0
        self._since_ns: dict[TransactionId, int] = {}

    def begin(self, transaction: TransactionId, holders: tuple[TransactionId, ...]) -> None:
        """It waits for others from now on; where it has waited already, for these."""
        self.detector.wait(transaction, holders)
        self._since_ns.setdefault(transaction, self._monotonic_ns())

    def end(self, transaction: TransactionId) -> None:
        """It has its lock, or gives up; if it has not waited, this is nothing."""
        self.detector.go_on(transaction)
        since_ns = self._since_ns.pop(transaction, None)
        if since_ns is not None:
            waited_ns = self._monotonic_ns() - since_ns
            self.count += 1
            self.total_ns += waited_ns
            self._longest_ns = max(self._longest_ns, waited_ns)

    def longest_ns(self) -> int:
        """Return the longest wait; those that go on have lasted up to now."""
        now_ns = self._monotonic_ns()
        return max([self._longest_ns, *(now_ns - since_ns for since_ns in self._since_ns.values())])
