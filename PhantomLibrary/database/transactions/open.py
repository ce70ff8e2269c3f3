"""One open transaction at the gateway that runs it: what it has read and is going to write."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

from PhantomLibrary.domain import Delete, Isolation, Put, ShardId
from PhantomLibrary.protocols.mvcc.writes import written
from PhantomLibrary.protocols.transactions.committing import Committer
from PhantomLibrary.protocols.transactions.values import Span, TransactionId, Write

State: TypeAlias = Literal["active", "blocked", "committing", "committed", "aborted"]
_SNAPSHOT_WRITES = (Put, Delete)  # They do not ask what was there before.


class OpenTransaction:
    """Times are nanoseconds of hybrid logical clocks.

    `snapshot_ns` is when it reads: at read committed, each statement anew. What was written after that, up to
    `limit_ns`, may have been written before the transaction began, by a clock that is ahead. `met` holds the term and
    clock of each shard's leader when the transaction first came there: what was promised later was written later.
    """

    def __init__(self, transaction: TransactionId, isolation: Isolation, deadline_ns: int) -> None:
        self.id = transaction
        self.isolation = isolation
        self.deadline_ns = deadline_ns
        self.state: State = "active"
        self.reason = ""  # Why it was rolled back.
        self.has_answered = False  # The client has seen a result.
        self.snapshot_ns = 0
        self.limit_ns = 0
        self.met: dict[ShardId, tuple[int, int]] = {}
        self.reads: dict[Span, None] = {}
        self.grounds: dict[Span, None] = {}  # What the writes stand on, at every level: it has to stay as it was read.
        self.writes: list[Write] = []
        self.locked: dict[str, int] = {}  # Since when, by the clock of its shard's leader.
        self.asked_locks: dict[ShardId, None] = {}  # Where it may hold a lock, or wait for one.
        self.waits_for: tuple[TransactionId, ...] = ()
        self.committer: Committer | None = None
        self.cancel: Callable[[str], object] | None = None  # Ends the statement under way.
        self.wake: Callable[[Any], object] | None = None  # Lets it ask again for the lock that it waits for.

    @property
    def is_open(self) -> bool:
        return self.state in ("active", "blocked")

    def begin_snapshot(self, now_ns: int, uncertainty_ns: int) -> None:
        """Read as of now from here on."""
        self.snapshot_ns, self.limit_ns = now_ns, now_ns + uncertainty_ns
        self.met.clear()
        self.reads.clear()

    def meet(self, shard: ShardId, term: int, clock_ns: int) -> None:
        """The leader of a shard answered. Only the first time counts, in each term."""
        known = self.met.get(shard)
        if known is None or known[0] != term:
            self.met[shard] = (term, clock_ns)

    def is_uncertain(self, shard: ShardId, term: int, written_ns: int, promised_ns: int) -> bool:
        """Whether a version of a shard may be older than this transaction, in truth."""
        known = self.met.get(shard)
        is_met = known is not None and known[0] == term
        return written_ns <= self.limit_ns and not (is_met and known is not None and promised_ns > known[1])

    def own_value(self, key: str) -> tuple[bool, str | None]:
        """Return whether this transaction alone decides what a key holds for it, and what that is."""
        value: str | None = None
        is_known = False
        for write in self.writes:
            if write.key == key:
                is_known = is_known or isinstance(write, _SNAPSHOT_WRITES)
                value = written(write, value) if is_known else None
        return is_known, value

    def with_own_writes(self, span: Span, rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the rows of a span as this transaction sees them, in the order of keys."""
        values: dict[str, str | None] = dict(rows)
        for write in self.writes:
            if span.contains(write.key):
                values[write.key] = written(write, values.get(write.key))
        return sorted((key, value) for key, value in values.items() if value is not None)
