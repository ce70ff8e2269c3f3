"""Locks on keys that open transactions are going to write: exclusive, first come, first served.

They live with the leader of a shard and die with its leadership, for nothing stands on them but waiting: whether a
transaction may commit is judged again where it is prepared. Without them two writers of a key would both go on to
their end, and one of them would have done so in vain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from PhantomLibrary.protocols.transactions.values import TransactionId


class Granted(Struct, frozen=True):
    """A request that waited has its lock now. `token` is what it was asked with."""

    transaction: TransactionId
    key: str
    token: Any


class _Lock:
    __slots__ = ("holder", "queue", "since_ns")

    def __init__(self, holder: TransactionId, since_ns: int) -> None:
        self.holder = holder
        self.since_ns = since_ns
        self.queue: list[tuple[TransactionId, Any]] = []


class LockTable:
    """The locks of one shard. Times are the leader's monotonic nanoseconds."""

    def __init__(self) -> None:
        self._locks: dict[str, _Lock] = {}

    def __len__(self) -> int:
        return len(self._locks)

    def acquire(self, transaction: TransactionId, key: str, now_ns: int, token: Any) -> tuple[TransactionId, ...]:
        """Take a lock, or stand in its queue. Returns those ahead, none if the lock is taken now.

        Who asks again keeps his place; the latest token counts.
        """
        lock = self._locks.get(key)
        if lock is None:
            self._locks[key] = _Lock(transaction, now_ns)
            return ()
        if lock.holder == transaction:
            return ()
        position = next((each for each, (who, _) in enumerate(lock.queue) if who == transaction), len(lock.queue))
        lock.queue[position : position + 1] = [(transaction, token)]
        return (lock.holder, *(who for who, _ in lock.queue[:position]))

    def release(self, transaction: TransactionId, now_ns: int) -> list[Granted]:
        """Give up all locks of a transaction and its places in queues. Returns who has a lock now that waited."""
        granted = []
        for key in list(self._locks):
            lock = self._locks[key]
            lock.queue = [each for each in lock.queue if each[0] != transaction]
            if lock.holder == transaction:
                granted.extend(self._pass_on(key, now_ns))
        return granted

    def _pass_on(self, key: str, now_ns: int) -> list[Granted]:
        queue = self._locks.pop(key).queue
        if not queue:
            return []
        (heir, token), *rest = queue
        self._locks[key] = lock = _Lock(heir, now_ns)
        lock.queue = rest
        return [Granted(heir, key, token)]

    def keep_only(self, holds: Callable[[str], bool]) -> None:
        """Forget the locks of other keys, and who waits for them."""
        self._locks = {key: lock for key, lock in self._locks.items() if holds(key)}

    def holder_of(self, key: str) -> TransactionId | None:
        """Return who holds a key."""
        lock = self._locks.get(key)
        return None if lock is None else lock.holder

    def held_since(self) -> list[tuple[TransactionId, str, int]]:
        """Return who holds which key since when."""
        return [(lock.holder, key, lock.since_ns) for key, lock in self._locks.items()]

    def waits(self) -> list[tuple[TransactionId, str, tuple[TransactionId, ...]]]:
        """Return who waits for which key, and for whom."""
        found = []
        for key, lock in self._locks.items():
            ahead = [lock.holder]
            for who, _ in lock.queue:
                found.append((who, key, tuple(ahead)))
                ahead.append(who)
        return found
