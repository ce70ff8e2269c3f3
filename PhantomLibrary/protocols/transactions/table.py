"""What a shard replicates of transactions: parts that are prepared, records, and how the latest ones ended.

A function of its commands and of the times that they carry: no clock. Each command may come late, twice, or after
its opposite; the answer is then what was decided first.

States, in the usual words: a record is ACTIVE until it is COMMITTED or ABORTED; a part is PREPARED until the record's
decision reaches it. No record where one should be means aborted (presumed abort: Mohan, Lindsay, Obermarck,
"Transaction Management in the R* Distributed Database Management System", TODS 1986, 3.2), made certain by a
tombstone, so that a prepare which comes later is refused (as Percolator's rollback records: Peng and Dabek, OSDI 2010).
Tombstones end some time. From then on nobody is let in who began no later than one whose tombstone is gone: by the
clocks that numbered them, so that it holds however far those are off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from PhantomLibrary.domain import Increment
from PhantomLibrary.domain.rows import is_global
from PhantomLibrary.protocols.mvcc.writes import is_number, written
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Decide,
    Done,
    Ended,
    Forget,
    Inquire,
    Part,
    Prepare,
    Prepared,
    RaiseFence,
    Record,
    RecordState,
    Resolve,
    Span,
    TransactionAnswer,
    TransactionId,
    Undecided,
    Write,
)

_FOREVER_NS = 1 << 62
_TAKEN_OVER = "another part of it was prepared at a shard that was taken over here"


class Versions(Protocol):
    """The store that committed writes go to."""

    def latest(self, key: bytes) -> bytes | None: ...
    def latest_ns(self, key: bytes) -> int: ...
    def keys(self, start: bytes, end: bytes) -> list[bytes]: ...
    def next_ns(self, at_ns: int) -> int: ...
    def reserve(self, timestamp_ns: int) -> None: ...
    def install(self, key: bytes, version: tuple[int, bytes | None, int], *, horizon_ns: int) -> None: ...


class TableDump(Struct, array_like=True):
    """All of a table, in the order in which it came about."""

    parts: list[tuple[TransactionId, Part]] = []
    records: list[tuple[TransactionId, Record]] = []
    ended: list[tuple[TransactionId, Ended, int]] = []
    forgotten_ns: int = 0
    fence_ns: int = 0


class TransactionTable:
    """`retention_ns`: how long ended transactions, and versions that others replaced, are remembered.

    `patience_ns`: how long a record may be undecided before somebody in doubt has it aborted.
    """

    def __init__(self, versions: Versions, *, retention_ns: int, patience_ns: int) -> None:
        self._versions = versions
        self._retention_ns = retention_ns
        self._patience_ns = patience_ns
        self.parts: dict[TransactionId, Part] = {}
        self.records: dict[TransactionId, Record] = {}
        self.fence_ns = 0
        self._writers: dict[str, TransactionId] = {}  # Of keys that are prepared to be written.
        self._readers: dict[str, dict[TransactionId, None]] = {}  # Who is prepared, and has read this key alone.
        self._scanners: dict[TransactionId, tuple[Span, ...]] = {}  # Who is prepared, and has read more than keys.
        self._ended: dict[TransactionId, tuple[Ended, int]] = {}  # Tombstones, and when they were put up.
        self._forgotten_ns = 0  # Whoever had begun by then, and is not known, is too late.
        self._handlers: dict[type, Callable[[Any, int], TransactionAnswer]] = {
            Prepare: self._prepare,
            Decide: self._decide,
            Resolve: self._resolve,
            Inquire: self._inquire,
            Forget: self._forget,
            RaiseFence: self._raise_fence,
        }

    def apply(self, command: Any, at_ns: int) -> TransactionAnswer:
        """Do what a command says at the time that its leader gave it."""
        answer = self._handlers[type(command)](command, at_ns)
        self._collect(at_ns - self._retention_ns)
        return answer

    # --- questions --------------------------------------------------------------------------------------------------

    def ending(self, transaction: TransactionId) -> Ended | None:
        """Return how a transaction ended, as far as that is remembered here."""
        record = self.records.get(transaction)
        if record is not None and record.state != "ACTIVE":
            return Ended(record.state == "COMMITTED", record.commit_ns)
        known = self._ended.get(transaction)
        return None if known is None else known[0]

    def writer_of(self, key: str) -> TransactionId | None:
        """Return who is prepared to write a key."""
        return self._writers.get(key)

    def reader_of(self, key: str, *, but: TransactionId | None = None) -> TransactionId | None:
        """Return who is prepared to commit on the strength of what it read of a key."""
        for transaction in self._readers.get(key, ()):
            if transaction != but:
                return transaction
        for transaction, spans in self._scanners.items():
            if transaction != but and any(span.contains(key) for span in spans):
                return transaction
        return None

    def holder_of(self, key: str) -> TransactionId | None:
        """Return who keeps others from writing a key, until it is decided."""
        return self._writers.get(key) or self.reader_of(key)

    def in_doubt(self, span: Span, until_ns: int) -> TransactionId | None:
        """Return one whose fate decides what a read of a span at a time is to see."""
        if span.is_key:
            writer = self._writers.get(span.start)
            return writer if writer is not None and self.parts[writer].prepared_ns <= until_ns else None
        for key, transaction in self._writers.items():
            if span.contains(key) and self.parts[transaction].prepared_ns <= until_ns:
                return transaction
        return None

    # --- prepare ----------------------------------------------------------------------------------------------------

    def _prepare(self, command: Prepare, at_ns: int) -> TransactionAnswer:
        transaction = command.transaction
        known = self.answered_before(command)
        if known is not None:
            return known
        values = self._values(command.writes)
        refusal = values if isinstance(values, Conflict) else self._refusal(command)
        if refusal is not None:
            if command.one_phase:  # Nobody else decides: whichever attempt came first, all have the same end.
                self._end(transaction, Ended(False, 0), at_ns)
            return refusal
        assert not isinstance(values, Conflict)
        prepared_ns = self._versions.next_ns(max(at_ns, command.snapshot_ns + 1))
        self._versions.reserve(prepared_ns)
        part = Part(prepared_ns, values, command.reads, command.anchor)
        if command.one_phase:
            return self._commit_at_once(transaction, part, at_ns)
        self._keep(transaction, part)
        if command.participants:
            self.records[transaction] = Record("ACTIVE", 0, command.participants, at_ns)
        return Prepared(prepared_ns)

    def answered_before(self, command: Prepare) -> TransactionAnswer | None:
        """Return what became of a prepare that has come before, however late this one is."""
        transaction = command.transaction
        known = self.ending(transaction)
        if known is not None:
            return known
        part = self.parts.get(transaction)
        if part is not None:
            return Prepared(part.prepared_ns) if _covers(part, command) else Conflict(_TAKEN_OVER)
        if transaction.begun_ns <= self._forgotten_ns:
            return Undecided()  # It may have ended here, either way, so long ago that nobody knows any more.
        return None

    def _refusal(self, command: Prepare) -> Conflict | None:
        return self._write_conflict(command) or self._read_conflict(command)

    def _keep(self, transaction: TransactionId, part: Part) -> None:
        self.parts[transaction] = part
        for key, _ in part.values:
            self._writers[key] = transaction
        for span in part.reads:
            if span.is_key:
                self._readers.setdefault(span.start, {})[transaction] = None
            else:
                self._scanners[transaction] = (*self._scanners.get(transaction, ()), span)

    def _drop(self, transaction: TransactionId) -> Part | None:
        part = self.parts.pop(transaction, None)
        if part is None:
            return None
        for key, _ in part.values:
            del self._writers[key]
        self._scanners.pop(transaction, None)
        for span in part.reads:
            if span.is_key and (readers := self._readers.get(span.start)) is not None:
                readers.pop(transaction, None)
                if not readers:
                    del self._readers[span.start]
        return part

    def _write_conflict(self, command: Prepare) -> Conflict | None:
        """First updater wins: above read committed, nobody may have written a key since the snapshot."""
        for key, since_ns in command.locked:
            if self._versions.latest_ns(key.encode()) > since_ns:
                return Conflict(f"{key} was written though it was locked: its leader has changed")
        for key in sorted({write.key for write in command.writes}):
            holder = self.writer_of(key) or self.reader_of(key, but=command.transaction)
            if holder is not None:
                return Conflict(f"{key} is held by transaction {holder}, which is prepared", holder)
            if command.isolation != "read committed" and self._versions.latest_ns(key.encode()) > command.snapshot_ns:
                return Conflict(f"{key} was written by another transaction after this one began")
        return None

    def _read_conflict(self, command: Prepare) -> Conflict | None:
        """At serializable, what was read is as it was, and stays so until this transaction is decided."""
        for span in command.reads:
            holder = self._undecided_writer_of(span)
            if holder is not None:
                return Conflict(f"{span.start} was read, and transaction {holder} is prepared to write it", holder)
            for key in self._keys(span):
                if self._versions.latest_ns(key) > command.snapshot_ns:
                    return Conflict(f"{key.decode()} was read, and another transaction has written it since")
        return None

    def _undecided_writer_of(self, span: Span) -> TransactionId | None:
        return self.in_doubt(span, _FOREVER_NS)

    def _keys(self, span: Span) -> list[bytes]:
        """Return the keys of a span that what was read is checked by."""
        return keys_in(self._versions, span)

    def _values(self, writes: tuple[Write, ...]) -> tuple[tuple[str, str | None], ...] | Conflict:
        """Return what the writes come to, now that nobody else can get in between."""
        values: dict[str, str | None] = {}
        for write in writes:
            if write.key not in values:
                before = self._versions.latest(write.key.encode())
                values[write.key] = None if before is None else before.decode()
            before_it = values[write.key]
            if isinstance(write, Increment) and not is_number(before_it or "0"):
                return Conflict(f"{write.key} holds {before_it!r}, which is no whole number to add to")
            values[write.key] = written(write, before_it)
        return tuple(values.items())

    def _commit_at_once(self, transaction: TransactionId, part: Part, at_ns: int) -> Ended:
        self._install(part, part.prepared_ns, at_ns)
        return self._end(transaction, Ended(True, part.prepared_ns), at_ns)

    # --- decide -----------------------------------------------------------------------------------------------------

    def _decide(self, command: Decide, at_ns: int) -> TransactionAnswer:
        transaction = command.transaction
        known = self.ending(transaction)
        if known is not None:
            return known
        record = self.records.get(transaction)
        if record is None and command.commits:
            return Undecided()  # Decided and forgotten so long ago that nobody knows how.
        state = Ended(command.commits, command.commit_ns if command.commits else 0)
        begun_ns = at_ns if record is None else record.begun_ns
        heirs = () if record is None else record.participants  # Some may have been split off since it began.
        participants = tuple(dict.fromkeys((*command.participants, *heirs)))
        self.records[transaction] = Record(_word(state), state.commit_ns, participants, begun_ns)
        self._settle(transaction, state, at_ns)
        return self._end(transaction, state, at_ns)

    def _inquire(self, command: Inquire, at_ns: int) -> TransactionAnswer:
        transaction = command.transaction
        known = self.ending(transaction)
        if known is not None:
            return known
        record = self.records.get(transaction)
        if record is not None and at_ns - record.begun_ns < self._patience_ns:
            return Undecided()
        if record is None and transaction.begun_ns <= self._forgotten_ns:
            return Ended(False, 0)  # Had it committed, nobody would be in doubt. A prepare still to come is refused.
        participants = () if record is None else record.participants
        return self._decide(Decide(transaction, False, 0, participants), at_ns)

    def _resolve(self, command: Resolve, at_ns: int) -> TransactionAnswer:
        transaction = command.transaction
        record = self.records.get(transaction)
        passes_on = record is not None and not record.begun_ns
        is_over = self.ending(transaction) or (not passes_on and transaction.begun_ns <= self._forgotten_ns)
        if transaction in self.parts or not is_over:  # Of what is forgotten nothing is made up anew.
            state = Ended(command.commits, command.commit_ns)
            if record is not None and passes_on:
                self.records[transaction] = replace(record, state=_word(state), commit_ns=command.commit_ns)
            self._settle(transaction, state, at_ns)
            self._end(transaction, state, at_ns)
        return Undecided() if passes_on else Done()  # Those that were split off have to act as well.

    def _forget(self, command: Forget, at_ns: int) -> TransactionAnswer:
        for transaction in command.transactions:
            known = self.ending(transaction)
            if known is not None and self.records.pop(transaction, None) is not None:
                self._end(transaction, known, at_ns)
        return Done()

    def _raise_fence(self, command: RaiseFence, _at_ns: int) -> TransactionAnswer:
        self.fence_ns = max(self.fence_ns, command.until_ns)
        return Done()

    def _settle(self, transaction: TransactionId, state: Ended, at_ns: int) -> None:
        """Act on a decision here, if there is anything to act on."""
        part = self._drop(transaction)
        if part is not None and state.committed:
            self._install(part, state.commit_ns, at_ns)

    def settle_all(self) -> None:
        """Act on all decisions that are known here. Two shards that became one may each have had one half of a
        transaction, the part and the decision, and nobody tells a shard what it has decided itself.
        """
        for transaction in list(self.parts):
            state = self.ending(transaction)
            if state is not None:
                self._settle(transaction, state, 0)

    def _install(self, part: Part, commit_ns: int, at_ns: int) -> None:
        """Make versions of what was prepared. Who writes later what was read here gets a later timestamp."""
        self._versions.reserve(commit_ns)
        horizon_ns, promised_ns = at_ns - self._retention_ns, part.promised_ns or part.prepared_ns
        for key, value in part.values:
            content = None if value is None else value.encode()
            self._versions.install(key.encode(), (commit_ns, content, promised_ns), horizon_ns=horizon_ns)

    def _end(self, transaction: TransactionId, state: Ended, at_ns: int) -> Ended:
        """Remember how a transaction ended, since this moment."""
        self._ended.pop(transaction, None)
        self._ended[transaction] = (state, at_ns)
        return state

    def _collect(self, horizon_ns: int) -> None:
        """Forget tombstones from before the horizon; whoever began before it is refused from then on."""
        ended = self._ended
        while ended:
            transaction, (_, at_ns) = next(iter(ended.items()))
            if at_ns >= horizon_ns:
                break
            del ended[transaction]
            self._forgotten_ns = max(self._forgotten_ns, transaction.begun_ns)

    # --- all of it --------------------------------------------------------------------------------------------------

    def dump(self) -> TableDump:
        ended = [(transaction, state, at_ns) for transaction, (state, at_ns) in self._ended.items()]
        parts, records = list(self.parts.items()), list(self.records.items())
        return TableDump(parts, records, ended, self._forgotten_ns, self.fence_ns)

    def load(self, dump: TableDump, versions: Versions) -> None:
        """Take over what `dump` returned, beside another store."""
        self._versions = versions
        self.parts, self.records = {}, dict(dump.records)
        self._writers, self._readers, self._scanners = {}, {}, {}
        for transaction, part in dump.parts:
            self._keep(transaction, part)
        self._ended = {transaction: (state, at_ns) for transaction, state, at_ns in dump.ended}
        self._forgotten_ns, self.fence_ns = dump.forgotten_ns, dump.fence_ns


def _word(state: Ended) -> RecordState:
    return "COMMITTED" if state.committed else "ABORTED"


def _covers(part: Part, command: Prepare) -> bool:
    """Whether a part is what this command asked for, and not one that came with a shard that was taken over."""
    if part.lacks_copy and any(is_global(write.key) for write in command.writes):
        return False
    keys = {key for key, _ in part.values}
    return all(write.key in keys for write in command.writes) and all(span in part.reads for span in command.reads)


def keys_in(versions: Versions, span: Span) -> list[bytes]:
    """Return the keys in a span that were ever written, and a single key in any case."""
    if span.is_key:
        return [span.start.encode()]
    keys = versions.keys(span.start.encode(), span.end.encode())
    if span.table or (keys and is_global(keys[0].decode()) and not span.is_everywhere):
        return [key for key in keys if span.contains(key.decode())]
    return keys
