"""What the leader of a shard does about decisions: takes them to all whom they concern, and asks for those it misses.

None of it decides anything that the record has not decided: whoever does it twice, late, or beside a coordinator that
is alive does no harm. So it may die with leadership, and the next leader begins anew.

Source: Mohan, Lindsay, Obermarck, "Transaction Management in the R* Distributed Database Management System" (TODS
1986), 2.2: who is prepared asks until he knows; who decided tells until all have acknowledged, and forgets then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.transactions.messages import ShardAnswer
from PhantomLibrary.domain import Answer, ShardId
from PhantomLibrary.protocols.transactions.table import TransactionTable
from PhantomLibrary.protocols.transactions.values import (
    Decide,
    Done,
    Ended,
    Forget,
    Inquire,
    Prepare,
    Record,
    Resolve,
    TransactionCommand,
    TransactionId,
)

Finish: TypeAlias = Callable[[Answer | ShardAnswer], object]
_FORGOTTEN_AT_ONCE_MAX = 256


class RecoveryHost(Protocol):
    """The service of the shard."""

    shard: ShardId

    def monotonic_ns(self) -> int: ...
    def replicate(self, request: None, command: TransactionCommand) -> None: ...
    def ask(self, shard: ShardId, command: TransactionCommand, finish: Finish) -> None:
        """Put a command to another shard, through this node's gateway."""


class Recovery:
    """Of one shard, in one term of its leader."""

    def __init__(self, host: RecoveryHost, config: DatabaseConfig, table: TransactionTable) -> None:
        self._host = host
        self._config = config
        self._table = table
        self._told: dict[TransactionId, dict[ShardId, bool]] = {}  # Participants: whether they have acted.
        self._finished: dict[TransactionId, None] = {}  # Records whose participants have all acted.
        self._seen_ns: dict[TransactionId, int] = {}  # Since when this leader knows of a prepared part.
        self._asked: dict[TransactionId, None] = {}  # Those in doubt that somebody is being asked about.

    @property
    def has_work(self) -> bool:
        return bool(self._table.parts or self._table.records)

    def applied(self, work: TransactionCommand, answer: ShardAnswer) -> tuple[TransactionId, int] | None:
        """A command took effect. Returns who has ended here by it, if anybody has, and when he committed."""
        match work:
            case Prepare() if isinstance(answer, Ended):
                return work.transaction, answer.commit_ns
            case Prepare():
                if work.transaction in self._table.parts:
                    self._seen_ns.setdefault(work.transaction, self._host.monotonic_ns())
            case Decide() | Inquire() if isinstance(answer, Ended):
                self._seen_ns.pop(work.transaction, None)
                record = self._table.records.get(work.transaction)
                if record is not None:
                    self._tell_participants(work.transaction, record)
                return work.transaction, answer.commit_ns
            case Resolve():
                self._seen_ns.pop(work.transaction, None)
                return work.transaction, work.commit_ns
            case Forget():
                for transaction in work.transactions:
                    self._told.pop(transaction, None)
                    self._finished.pop(transaction, None)
        return None

    def look(self, now_ns: int) -> None:
        """See to all that nobody has seen to yet."""
        for transaction, record in list(self._table.records.items()):
            if record.state != "ACTIVE":
                self._tell_participants(transaction, record)
        self._forget()
        self._ask_about_doubts(now_ns)

    def _tell_participants(self, transaction: TransactionId, record: Record) -> None:
        """Take a decision to all whom it concerns."""
        acted = self._told.setdefault(transaction, {})
        resolve = Resolve(transaction, record.state == "COMMITTED", record.commit_ns)
        for shard in record.participants:
            if shard != self._host.shard and shard not in acted:
                acted[shard] = False
                self._host.ask(shard, resolve, self._note_acted(transaction, shard))
        self._note_if_finished(transaction, record)

    def _note_acted(self, transaction: TransactionId, shard: ShardId) -> Finish:
        def note(answer: Answer | ShardAnswer) -> None:
            acted, record = self._told.get(transaction), self._table.records.get(transaction)
            if acted is None or record is None:
                return
            if isinstance(answer, Done):
                acted[shard] = True
                self._note_if_finished(transaction, record)
            else:
                acted.pop(shard, None)  # To be asked again, at the next look.

        return note

    def _note_if_finished(self, transaction: TransactionId, record: Record) -> None:
        acted = self._told[transaction]
        if self._all_acted(record, acted):
            self._finished[transaction] = None

    def _all_acted(self, record: Record, acted: dict[ShardId, bool]) -> bool:
        return all(acted.get(shard) for shard in record.participants if shard != self._host.shard)

    def _forget(self) -> None:
        """Have the records that are not needed any more forgotten, many by one command."""
        finished = tuple(self._finished)[:_FORGOTTEN_AT_ONCE_MAX]
        if finished:
            self._host.replicate(None, Forget(finished))

    def _ask_about_doubts(self, now_ns: int) -> None:
        """Whoever has been prepared for too long: ask the one shard that knows what was decided."""
        for transaction, part in list(self._table.parts.items()):
            since_ns = self._seen_ns.setdefault(transaction, now_ns)
            if now_ns - since_ns < self._config.doubt_after_ns or transaction in self._asked:
                continue
            if part.anchor == self._host.shard:
                self._host.replicate(None, Inquire(transaction))
            else:
                self._asked[transaction] = None
                self._host.ask(part.anchor, Inquire(transaction), self._learn_ending(transaction))

    def _learn_ending(self, transaction: TransactionId) -> Finish:
        def learn(answer: Answer | ShardAnswer) -> None:
            self._asked.pop(transaction, None)
            if isinstance(answer, Ended) and transaction in self._table.parts:
                self._host.replicate(None, Resolve(transaction, answer.committed, answer.commit_ns))

        return learn
