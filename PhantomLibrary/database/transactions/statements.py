"""How the gateway performs the statements of a transaction: reads at its snapshot, locks before writes.

Levels, and where each is from:
- Read committed: each statement reads a snapshot of its own. A statement that had to wait for a lock looks again at
  what it is about to write (as PostgreSQL does).
- Snapshot: all reads at one snapshot; first updater wins (Berenson et al., "A Critique of ANSI SQL Isolation Levels",
  SIGMOD 1995, 4.2).
- Serializable: as snapshot, and what was read is checked where it lies, when the transaction is prepared, and held
  until it is decided: optimistic concurrency control with backward validation (Kung and Robinson, TODS 1981), made
  distributed by two-phase commit. Commit timestamps are the order in which transactions appear to happen.

A version whose timestamp is above the snapshot, but by less than clocks may be apart, may have been there when the
transaction began. The snapshot then moves up, if nothing that was read has changed in between (as in CockroachDB:
Taft et al., "CockroachDB: The Resilient Geo-Distributed SQL Database", SIGMOD 2020, 3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec

from PhantomLibrary.database.calls import Moved
from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.database.transactions.messages import (
    CheckUnchanged,
    Locked,
    LockKey,
    ReadAt,
    Rows,
    ShardAnswer,
    ShardWork,
    TooOld,
    Uncertain,
    Waiting,
    WrittenSince,
)
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import RolledBackError, Script
from PhantomLibrary.domain import (
    Answer,
    Append,
    Delete,
    Get,
    Increment,
    OutcomeUnknown,
    Put,
    Refused,
    Scan,
    ShardId,
    Statement,
    Update,
)
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.transactions.values import Conflict, Done, Span, Write, span_of

_RESTARTS_MAX = 10
_to_json = msgspec.json.Encoder().encode


class _Dated(Protocol):
    """An answer with the clock and the term of the leader that gave it."""

    @property
    def clock_ns(self) -> int: ...
    @property
    def term(self) -> int: ...


class StatementHost(Protocol):
    """The manager of transactions on a node."""

    clock: HybridClock
    config: DatabaseConfig

    @property
    def routes(self) -> Routes: ...
    def monotonic_ns(self) -> int: ...
    def ask(self, shard: ShardId, work: ShardWork, resume: Callable[[Answer | ShardAnswer], object]) -> None: ...
    def ask_all(
        self, works: Sequence[tuple[ShardId, ShardWork]], resume: Callable[[list[Answer | ShardAnswer]], object]
    ) -> None: ...
    def need_map(self, resume: Callable[[Answer], object]) -> None: ...
    def meet_leaders(self, transaction: OpenTransaction) -> None:
        """Learn the clocks of leaders that it may come to later; nobody waits for that."""

    def wait_for_lock(self, transaction: OpenTransaction, resume: Callable[[Any], object]) -> None:
        """Resume when the lock may be had, or after a while."""

    def goes_on(self, transaction: OpenTransaction) -> None: ...


class ChangedError(Exception):
    """What was read is no longer so at the later time that must be read at: to be begun anew, where possible."""


class Statements:
    """Scripts for the statements of all transactions of a node."""

    def __init__(self, host: StatementHost) -> None:
        self._host = host
        self._uncertainty_ns = host.config.clock_offset_max_ns + host.config.fence_ahead_ns

    def perform(self, transaction: OpenTransaction, statement: Statement) -> Script:
        """Perform one statement; return its result. Raises RolledBackError."""
        yield from self.learn_map()
        before = len(transaction.writes)
        for _ in range(_RESTARTS_MAX):
            if transaction.isolation == "read committed":
                transaction.begin_snapshot(self._host.clock.now_ns(), self._uncertainty_ns)
            elif not transaction.snapshot_ns:
                transaction.begin_snapshot(self._host.clock.now_ns(), self._uncertainty_ns)
                self._host.meet_leaders(transaction)
            try:
                result = yield from self._perform(transaction, statement)
            except ChangedError as changed:
                reason = str(changed)
                if transaction.has_answered and transaction.isolation != "read committed":
                    break
                transaction.snapshot_ns = 0  # Nobody has seen anything of it: begin the statement anew.
                del transaction.writes[before:]
            else:
                transaction.has_answered = True
                return result
        raise RolledBackError(reason)

    def perform_all(self, transaction: OpenTransaction, statements: Sequence[Statement]) -> Script:
        """Perform statements of which nobody sees a result before all are done. Raises RolledBackError."""
        yield from self.learn_map()
        for _ in range(_RESTARTS_MAX):
            transaction.writes.clear()
            transaction.begin_snapshot(self._host.clock.now_ns(), self._uncertainty_ns)
            results: list[str | None] = []
            try:
                for statement in statements:
                    if results and transaction.isolation == "read committed":
                        transaction.begin_snapshot(self._host.clock.now_ns(), self._uncertainty_ns)
                    results.append((yield from self._perform(transaction, statement)))
            except ChangedError as changed:
                reason = str(changed)
            else:
                return results
        raise RolledBackError(reason)

    def learn_map(self) -> Script:
        """Go on when it is known where keys are. Raises RolledBackError."""
        answer = yield self._host.need_map
        if isinstance(answer, (Refused, OutcomeUnknown)):
            raise RolledBackError(answer.reason)

    def _perform(self, transaction: OpenTransaction, statement: Statement) -> Script:
        match statement:
            case Get():
                return (yield from self._get(transaction, statement.key))
            case Put() | Append() | Increment() | Delete():
                yield from self._write(transaction, statement)
                return None
            case Scan():
                rows = yield from self._rows(transaction, Span(statement.start, statement.end))
                return _to_json([row for row in rows if statement.where.holds(row[1])]).decode()
            case Update():
                return (yield from self._update(transaction, statement))

    # --- reading ----------------------------------------------------------------------------------------------------

    def _get(self, transaction: OpenTransaction, key: str) -> Script:
        is_known, value = transaction.own_value(key)
        if is_known:
            return value
        rows = yield from self._rows(transaction, span_of(key))
        return rows[0][1] if rows else None

    def _rows(self, transaction: OpenTransaction, span: Span) -> Script:
        """Return what a span holds at the snapshot, with what the transaction has written itself."""
        while True:
            yield from self.learn_map()
            parts = self._host.routes.parts_of(span)
            works = [(shard, self._read_at(transaction, shard, part)) for shard, part in parts]
            answers = yield partial(self._host.ask_all, works)
            if any(isinstance(answer, Moved) for answer in answers):
                self._note_moved(transaction)
                continue
            later_ns = 0
            rows: list[tuple[str, str]] = []
            for (shard, _), answer in zip(parts, answers, strict=True):
                if isinstance(answer, TooOld):
                    raise RolledBackError("it is so old that what it is to read may be gone")
                if not isinstance(answer, (Rows, Uncertain)):
                    raise _failed(shard, answer)
                self.meet(transaction, shard, answer)
                if isinstance(answer, Uncertain):
                    later_ns = max(later_ns, answer.at_ns)
                else:
                    rows += answer.rows
            if not later_ns:
                transaction.reads[span] = None
                return transaction.with_own_writes(span, rows)
            yield from self.move_up(transaction, later_ns)

    def _read_at(self, transaction: OpenTransaction, shard: ShardId, span: Span) -> ReadAt:
        met_term, met_ns = transaction.met.get(shard, (0, 0))
        return ReadAt(transaction.id, span, transaction.snapshot_ns, transaction.limit_ns, met_ns, met_term)

    def meet(self, transaction: OpenTransaction, shard: ShardId, answer: _Dated) -> None:
        """Note what the clock of a leader said that was asked."""
        transaction.meet(shard, answer.term, answer.clock_ns)
        self._host.clock.observe(answer.clock_ns)

    def move_up(self, transaction: OpenTransaction, at_ns: int) -> Script:
        """Read at a later time from here on, if what was read so far is the same then."""
        for span in list(transaction.reads):
            yield from self._check_unchanged(transaction, span, at_ns)
        transaction.snapshot_ns = at_ns

    def _check_unchanged(self, transaction: OpenTransaction, span: Span, at_ns: int) -> Script:
        missing = [span]
        while missing:
            yield from self.learn_map()
            part_of = missing.pop()
            for shard, part in self._host.routes.parts_of(part_of):
                work = CheckUnchanged(transaction.id, part, transaction.snapshot_ns, at_ns)
                answer = yield partial(self._host.ask, shard, work)
                if isinstance(answer, Moved):
                    self._note_moved(transaction)
                    missing.append(part)
                    continue
                if isinstance(answer, Conflict):
                    raise ChangedError(answer.reason)
                if not isinstance(answer, Done):
                    raise _failed(shard, answer)

    def _note_moved(self, transaction: OpenTransaction) -> None:
        """A shard holds other keys than was known, so that what was asked has to be asked again, elsewhere."""
        if self._host.monotonic_ns() >= transaction.deadline_ns:
            raise RolledBackError("the shards that it was to read were split or merged all the time")

    # --- writing ----------------------------------------------------------------------------------------------------

    def _write(self, transaction: OpenTransaction, write: Write) -> Script:
        yield from self._lock(transaction, write.key)
        transaction.writes.append(write)

    def _update(self, transaction: OpenTransaction, statement: Update) -> Script:
        rows = yield from self._rows(transaction, Span(statement.start, statement.end))
        count = 0
        for key, value in rows:
            if not statement.where.holds(value):
                continue
            waited = yield from self._lock(transaction, key)
            if waited and transaction.isolation == "read committed":
                value = yield from self._latest(transaction, key)
                if value is None or not statement.where.holds(value):
                    continue
            transaction.writes.append(_change(statement, key))
            count += 1
        return str(count)

    def _latest(self, transaction: OpenTransaction, key: str) -> Script:
        transaction.begin_snapshot(self._host.clock.now_ns(), self._uncertainty_ns)
        return (yield from self._get(transaction, key))

    def _lock(self, transaction: OpenTransaction, key: str) -> Script:
        """Take the lock of a key; return whether that meant to wait."""
        if key in transaction.locked:
            return False
        host, waited = self._host, False
        patience_ns = host.monotonic_ns() + host.config.operation_timeout_ns * 9 // 10
        while True:
            yield from self.learn_map()
            shard = host.routes.shard_of(key).shard
            transaction.asked_locks[shard] = None
            work = LockKey(transaction.id, key, transaction.isolation, transaction.snapshot_ns)
            answer = yield partial(host.ask, shard, work)
            match answer:
                case Locked():
                    self.meet(transaction, shard, answer)
                    host.goes_on(transaction)
                    transaction.locked[key] = answer.clock_ns
                    return waited
                case WrittenSince():
                    if not transaction.is_uncertain(shard, answer.term, answer.at_ns, answer.promised_ns):
                        raise RolledBackError(f"{key} was written by another transaction after this one began")
                    transaction.meet(shard, answer.term, answer.clock_ns)
                    yield from self.move_up(transaction, answer.at_ns)
                case Waiting():
                    self.meet(transaction, shard, answer)
                    waited = True
                    transaction.waits_for = answer.holders
                    if host.monotonic_ns() >= patience_ns:
                        raise RolledBackError(f"it waited too long for {key}, which {answer.holders[0]} holds")
                    yield partial(host.wait_for_lock, transaction)
                case Moved():
                    self._note_moved(transaction)
                case _:
                    raise _failed(shard, answer)


def _change(statement: Update, key: str) -> Write:
    if statement.change == "put":
        return Put(key, statement.value)
    if statement.change == "add":
        return Increment(key, int(statement.value))
    return Delete(key)


def _failed(shard: ShardId, answer: Any) -> RolledBackError:
    reason = answer.reason if isinstance(answer, (Refused, OutcomeUnknown)) else f"it answered {answer}"
    return RolledBackError(f"shard {shard} could not be asked: {reason}")
