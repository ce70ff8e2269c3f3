"""How statements of a transaction reach rows: reads at its snapshot, locks of keys that it is going to write.

A version whose timestamp is above the snapshot, but by less than clocks may be apart, may have been there when the
transaction began. The snapshot then moves up, if nothing that was read has changed in between (as in CockroachDB:
Taft et al., "CockroachDB: The Resilient Geo-Distributed SQL Database", SIGMOD 2020, 3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from PhantomLibrary.database.calls import Moved
from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.database.transactions.messages import (
    CheckUnchanged,
    Locked,
    LockKeys,
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
from PhantomLibrary.domain import Answer, OutcomeUnknown, Refused, ShardId
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.transactions.values import Conflict, Done, Span, span_of

_Item = TypeVar("_Item")


class _Dated(Protocol):
    """An answer with the clock and the term of the leader that gave it."""

    @property
    def clock_ns(self) -> int: ...
    @property
    def term(self) -> int: ...


class AccessHost(Protocol):
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
    def wait_for_lock(self, transaction: OpenTransaction, resume: Callable[[Any], object]) -> None:
        """Resume when the lock may be had, or after a while."""

    def goes_on(self, transaction: OpenTransaction) -> None: ...


class ChangedError(Exception):
    """What was read is no longer so at the later time that must be read at: to be begun anew, where possible."""


class Access:
    """Scripts for the reads and locks of all transactions of a node."""

    def __init__(self, host: AccessHost) -> None:
        self._host = host
        self._uncertainty_ns = host.config.clock_offset_max_ns + host.config.fence_ahead_ns

    def learn_map(self) -> Script:
        """Go on when it is known where keys are. Raises RolledBackError."""
        answer = yield self._host.need_map
        if isinstance(answer, (Refused, OutcomeUnknown)):
            raise RolledBackError(answer.reason)

    # --- snapshots --------------------------------------------------------------------------------------------------

    def begin_snapshot(self, transaction: OpenTransaction) -> Script:
        """Read as of now from here on; what the writes stand on has to be the same as before."""
        before_ns = transaction.snapshot_ns
        transaction.begin_snapshot(self._host.clock.now_ns(), self._uncertainty_ns)
        if before_ns and transaction.grounds:
            try:
                yield from self._check_unchanged(transaction, transaction.grounds, before_ns, transaction.snapshot_ns)
            except ChangedError as changed:
                raise RolledBackError(str(changed)) from None

    def meet(self, transaction: OpenTransaction, shard: ShardId, answer: _Dated) -> None:
        """Note what the clock of a leader said that was asked."""
        transaction.meet(shard, answer.term, answer.clock_ns)
        self._host.clock.observe(answer.clock_ns)

    def move_up(self, transaction: OpenTransaction, at_ns: int) -> Script:
        """Read at a later time from here on, if what was read so far is the same then."""
        spans = dict.fromkeys((*transaction.reads, *transaction.grounds))
        yield from self._check_unchanged(transaction, spans, transaction.snapshot_ns, at_ns)
        transaction.snapshot_ns = at_ns

    def _check_unchanged(self, transaction: OpenTransaction, spans: Iterable[Span], from_ns: int, at_ns: int) -> Script:
        missing = list(spans)
        while missing:
            yield from self.learn_map()
            parts, missing = self._by_shard(missing), []
            for shard, own in parts.items():
                work = CheckUnchanged(transaction.id, tuple(own), from_ns, at_ns)
                answer = yield partial(self._host.ask, shard, work)
                if isinstance(answer, Moved):
                    self._note_moved(transaction)
                    missing += own
                    continue
                if isinstance(answer, Conflict):
                    raise ChangedError(answer.reason)
                if not isinstance(answer, Done):
                    raise _failed(shard, answer)

    def _by_shard(self, spans: Iterable[Span]) -> dict[ShardId, list[Span]]:
        parts: dict[ShardId, list[Span]] = {}
        for span in spans:
            for shard, part in self._host.routes.parts_of(span):
                parts.setdefault(shard, []).append(part)
        return parts

    def _note_moved(self, transaction: OpenTransaction) -> None:
        """A shard holds other keys than was known, so that what was asked has to be asked again, elsewhere."""
        if self._host.monotonic_ns() >= transaction.deadline_ns:
            raise RolledBackError("the shards that it was to read were split or merged all the time")

    # --- reading ----------------------------------------------------------------------------------------------------

    def get(self, transaction: OpenTransaction, key: str) -> Script:
        """Return the value of a key, None where it has none."""
        is_known, value = transaction.own_value(key)
        if is_known:
            return value
        rows = yield from self.rows(transaction, span_of(key))
        return rows[0][1] if rows else None

    def rows(self, transaction: OpenTransaction, span: Span) -> Script:
        """Return what a span holds at the snapshot, with what the transaction has written itself."""
        rows = yield from self._read(transaction, (span,))
        transaction.reads[span] = None
        return transaction.with_own_writes(span, rows)

    def stored(self, transaction: OpenTransaction, keys: Sequence[str]) -> Script:
        """Return the values that keys have at the snapshot, of those that have one, whatever the transaction writes.

        They are not noted as read: that is for keys whose writes say as much.
        """
        return dict((yield from self._read(transaction, [span_of(key) for key in keys])) if keys else ())

    def _read(self, transaction: OpenTransaction, spans: Sequence[Span]) -> Script:
        """Return what spans hold at the snapshot."""
        while True:
            yield from self.learn_map()
            parts = self._by_shard(spans)
            works = [(shard, self._read_at(transaction, shard, part)) for shard, part in parts.items()]
            answers = yield partial(self._host.ask_all, works)
            if any(isinstance(answer, Moved) for answer in answers):
                self._note_moved(transaction)
                continue
            later_ns = 0
            rows: list[tuple[str, str]] = []
            for shard, answer in zip(parts, answers, strict=True):
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
                return rows
            yield from self.move_up(transaction, later_ns)

    def _read_at(self, transaction: OpenTransaction, shard: ShardId, spans: Iterable[Span]) -> ReadAt:
        met_term, met_ns = transaction.met.get(shard, (0, 0))
        return ReadAt(transaction.id, tuple(spans), transaction.snapshot_ns, transaction.limit_ns, met_ns, met_term)

    # --- locks ------------------------------------------------------------------------------------------------------

    def lock(self, transaction: OpenTransaction, keys: Iterable[str]) -> Script:
        """Take the locks of keys; return whether that meant to wait, or any was written since the snapshot."""
        host, is_late = self._host, False
        patience_ns = host.monotonic_ns() + host.config.operation_timeout_ns * 9 // 10
        missing = sorted(key for key in dict.fromkeys(keys) if key not in transaction.locked)
        while missing:
            yield from self.learn_map()
            by_shard: dict[ShardId, list[str]] = {}
            for key in missing:
                by_shard.setdefault(host.routes.shard_of(key).shard, []).append(key)
            transaction.asked_locks.update(dict.fromkeys(by_shard))
            works = [(shard, self._locks_of(transaction, own)) for shard, own in by_shard.items()]
            answers = yield partial(host.ask_all, works)
            missing, moves_up_ns, waits_for = [], 0, dict[Any, str]()
            for (shard, own), answer in zip(by_shard.items(), answers, strict=True):
                match answer:
                    case Locked():
                        self.meet(transaction, shard, answer)
                        transaction.locked.update(dict.fromkeys(own, answer.clock_ns))
                        is_late = is_late or answer.written_ns > 0
                        continue
                    case WrittenSince():
                        moves_up_ns = max(moves_up_ns, self._uncertain_ns(transaction, shard, answer))
                    case Waiting():
                        self.meet(transaction, shard, answer)
                        is_late = True
                        waits_for.update(dict.fromkeys(answer.holders, own[0]))
                    case Moved():
                        self._note_moved(transaction)
                    case _:
                        raise _failed(shard, answer)
                missing += own
            if moves_up_ns:
                yield from self.move_up(transaction, moves_up_ns)
            if waits_for:
                yield from self._wait(transaction, waits_for, patience_ns)
        host.goes_on(transaction)
        return is_late

    def _locks_of(self, transaction: OpenTransaction, keys: Sequence[str]) -> LockKeys:
        return LockKeys(transaction.id, tuple(keys), transaction.isolation, transaction.snapshot_ns)

    def _uncertain_ns(self, transaction: OpenTransaction, shard: ShardId, answer: WrittenSince) -> int:
        """Return when a key was written that may have been written before the transaction began."""
        if not transaction.is_uncertain(shard, answer.term, answer.at_ns, answer.promised_ns):
            raise RolledBackError(f"{answer.key} was written by another transaction after this one began")
        transaction.meet(shard, answer.term, answer.clock_ns)
        return answer.at_ns

    def _wait(self, transaction: OpenTransaction, holders: dict[Any, str], patience_ns: int) -> Script:
        transaction.waits_for = tuple(holders)
        if self._host.monotonic_ns() >= patience_ns:
            holder, key = next(iter(holders.items()))
            raise RolledBackError(f"it waited too long for {key}, which {holder} holds")
        yield partial(self._host.wait_for_lock, transaction)


def _failed(shard: ShardId, answer: Any) -> RolledBackError:
    reason = answer.reason if isinstance(answer, (Refused, OutcomeUnknown)) else f"it answered {answer}"
    return RolledBackError(f"shard {shard} could not be asked: {reason}")
