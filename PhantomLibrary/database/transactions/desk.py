"""What the leader of a shard does for transactions, beside replicating their commands.

It grants locks, serves reads at a time, lets requests wait for transactions that are in doubt, and has others look
after decisions (see recovery.py). All of it dies with leadership, and can: safety rests on what is replicated (see
protocols/transactions/table.py).

A read at a time T promises that nobody commits at T or before it any more. Proposals that are under way are waited
for, those too that the group holds back, for they have their timestamps already; later ones of this leader have later
timestamps, as its clock has seen T; and those of later leaders too, for they begin above the *fence*, which was
replicated before the read was answered.

The leader's clock is never behind what it has applied. So what was promised after it first answered a transaction
was decided after that transaction began, and whatever its timestamp, it need not be seen.
Of those who have not been here yet, see meetings.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from PhantomLibrary.database.config import DatabaseConfig, is_same_range
from PhantomLibrary.database.messages import NotLeader, Outcome, ShardRequest, Told, Transact
from PhantomLibrary.database.sql.messages import AskCounts, CloseCursors, Deliver, FetchChunk, RunFragment
from PhantomLibrary.database.sql.sweeping import Sweeper
from PhantomLibrary.database.transactions.desk_host import DeskHost
from PhantomLibrary.database.transactions.messages import (
    CheckUnchanged,
    Locked,
    LockGranted,
    LockKeys,
    ReadAt,
    ReleaseLocks,
    Rows,
    ShardAnswer,
    TooOld,
    Uncertain,
    Waiting,
    WrittenSince,
)
from PhantomLibrary.database.transactions.recovery import Recovery
from PhantomLibrary.domain import NodeId, TransactionEnded, TransactionPrepared
from PhantomLibrary.domain.rows import CATALOG_KEY
from PhantomLibrary.protocols.transactions.locks import LockTable
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Done,
    Prepare,
    Prepared,
    RaiseFence,
    Span,
    TransactionId,
    span_of,
)

Read: TypeAlias = ReadAt | CheckUnchanged | RunFragment
CallKey: TypeAlias = tuple[NodeId, int]
READS = frozenset((ReadAt, CheckUnchanged, RunFragment))
_OF_KEYS = READS | {LockKeys}
_CATALOG = span_of(CATALOG_KEY)
_FOREVER_NS = 1 << 62
_EVERYTHING = (Span("", ""), Span("*#", "*$"))


class TransactionDesk:
    """One term of one leader. `sweeper_type` is what defects replace."""

    sweeper_type: type[Sweeper] = Sweeper

    def __init__(self, host: DeskHost, config: DatabaseConfig) -> None:
        self._host = host
        self._config = config
        self._table = host.machine.transactions
        self._locks = LockTable()
        self._recovery = Recovery(host, config, self._table)
        self._sweeper = self.sweeper_type(host, config)
        self.fragments = host.host_fragments()
        self._held: dict[CallKey, tuple[ShardRequest, TransactionId | None]] = {}
        self._behind: dict[TransactionId | None, dict[CallKey, None]] = {}  # Who waits for whom; None is the log.
        self._barriers: dict[CallKey, int] = {}  # What must be applied before a read may be served.
        self._fence_ns = 0  # The highest that was proposed.
        self._descriptor = host.machine.descriptor
        self._will_look = False

    def begin(self) -> None:
        """Leadership is confirmed, and all that came before is applied."""
        self.take_over()
        self._look()

    def end(self, leader: NodeId) -> None:
        """Another leads: whoever waits here is sent there."""
        self.close(NotLeader(leader, may_happen=False))

    def close(self, outcome: Outcome) -> None:
        """Turn away whoever waits here."""
        held, self._held = self._held, {}
        for request, _ in held.values():
            self._host.answer(request, outcome)

    def reshaped(self) -> None:
        """The shard has other keys, or members: what it took over it served up to there, and what it gave away nobody
        locks here. Whoever waits may wait for what is elsewhere now, so all are taken again.
        """
        before, self._descriptor = self._descriptor, self._host.machine.descriptor
        if is_same_range(before, self._descriptor):
            return
        self.take_over()
        self._sweeper.reshaped()
        self._wake()
        self._locks.keep_only(self._descriptor.holds)
        self._behind.clear()
        held, self._held = self._held, {}
        for request, _ in held.values():
            self._host.take_again(request)

    def take_over(self) -> None:
        """Be above all times that were served before this leader, or by a shard that was taken over."""
        clock = self._host.clock
        clock.observe(self._table.fence_ns)
        clock.observe(self._host.machine.last_timestamp_ns)
        self._fence_ns = max(self._fence_ns, self._table.fence_ns)

    # --- requests ---------------------------------------------------------------------------------------------------

    def take(self, request: ShardRequest) -> None:
        """Take a request that has to do with a transaction."""
        work: Any = request.operation
        mismatch = self._host.machine.mismatch(request.epoch) if type(work) in _OF_KEYS else None
        if mismatch is not None:
            self._barriers.pop((request.gateway, request.call), None)
            self._host.answer(request, mismatch)
            return
        match work:
            case RunFragment() if not work.spans:  # It reads nothing but what was brought to it.
                self.fragments.run(request, work, self._clock_ns())
                self._wake()
            case ReadAt() | CheckUnchanged() | RunFragment():
                self._take_read(request, work)
            case AskCounts() if (holder := self._writer_in(_EVERYTHING, work.at_ns)) is not None:
                self._hold(request, holder)
            case FetchChunk() | Deliver() | CloseCursors() | AskCounts():
                self.fragments.take(request, self._clock_ns())
                self._wake()
            case LockKeys():
                self._host.clock.observe(work.snapshot_ns)
                self._host.answer(request, Told(self._lock(work)))
            case ReleaseLocks():
                self._release(work.transaction)
                self._host.answer(request, Told(Done()))
            case Prepare():
                self._host.clock.observe(work.snapshot_ns)
                holder = self._waits_for(work)
                if holder is None:
                    self._host.replicate(request, work)
                else:
                    self._hold(request, holder)
            case _:
                self._host.replicate(request, work)

    def admits(self, request: ShardRequest, key: str) -> bool:
        """Whether a single operation may write a key now; else it waits for the transaction that holds it."""
        holder = self._locks.holder_of(key) or self._table.holder_of(key)
        if holder is not None:
            self._hold(request, holder)
        return holder is None

    def shows(self, request: ShardRequest, key: str) -> bool:
        """Whether a single read may see a key now; else it waits for what is in doubt."""
        writer = self._table.writer_of(key)
        if writer is not None:
            self._hold(request, writer)
        return writer is None

    def _waits_for(self, work: Prepare) -> TransactionId | None:
        """Return for whose end a prepare waits. One that is older than whoever stands against it waits; a younger one
        is judged, and fails. So nobody waits in a circle, and the oldest always gets through.
        """
        if work.one_phase:
            return None  # If it failed after it had waited, its client could not be told so.
        table, transaction = self._table, work.transaction
        against = [table.writer_of(each.key) or table.reader_of(each.key, but=transaction) for each in work.writes]
        against += [table.in_doubt(span, _FOREVER_NS) for span in work.reads]
        return next((holder for holder in against if holder is not None and transaction < holder), None)

    def _hold(self, request: ShardRequest, holder: TransactionId | None) -> None:
        """Keep a request until a transaction has ended, or, without one, until the log has moved on."""
        key = (request.gateway, request.call)
        self._held[key] = (request, holder)
        self._behind.setdefault(holder, {})[key] = None

    def _let_go(self, holder: TransactionId | None) -> None:
        """Try again what waited for a transaction that has ended, or for the log."""
        for key in self._behind.pop(holder, ()):
            request, waited_for = self._held.get(key, (None, None))
            if request is None or waited_for != holder:
                continue
            del self._held[key]
            if key in self._barriers:
                self.serve(request)  # Its leadership was confirmed after it came, and the fence holds for later ones.
            else:
                self._host.take_again(request)

    # --- reads at a time --------------------------------------------------------------------------------------------

    def _take_read(self, request: ShardRequest, work: Read) -> None:
        self._host.clock.observe(work.at_ns)
        if work.at_ns > self._table.fence_ns:
            self._raise_fence(work.at_ns)
            self._hold(request, None)
        elif self._host.holds_proposals:
            self._hold(request, None)
        else:
            self._barriers.setdefault((request.gateway, request.call), self._host.last_index)
            self._host.confirm(request)

    def _raise_fence(self, at_ns: int) -> None:
        if at_ns > self._fence_ns:
            self._fence_ns = at_ns + self._config.fence_ahead_ns
            self._host.replicate(None, RaiseFence(self._fence_ns))

    def serve(self, request: ShardRequest) -> None:
        """Leadership is confirmed: answer a read, as soon as nothing under way can change what it sees."""
        key = (request.gateway, request.call)
        work: Any = request.operation
        barrier = self._barriers.get(key)
        if barrier is None:
            return  # Another attempt at it was answered.
        mismatch = self._host.machine.mismatch(request.epoch)
        if mismatch is not None:
            del self._barriers[key]
            self._host.answer(request, mismatch)
            return
        if self._host.machine.applied_index < barrier:
            self._hold(request, None)
            return
        holder = self._in_doubt(work)
        if holder is not None:
            self._hold(request, holder)
            return
        del self._barriers[key]
        if isinstance(work, CheckUnchanged):
            self._host.answer(request, Told(self._compare(work)))
        else:
            self._read(request, work)

    def _in_doubt(self, work: Read) -> TransactionId | None:
        # What tables a fragment reads is in this shard's copy of the catalog, which has to be that of its time, too.
        spans = (*work.spans, _CATALOG) if type(work) is RunFragment else work.spans
        return self._writer_in(spans, max(work.at_ns, min(self._limits(work))))

    def _writer_in(self, spans: Sequence[Span], until_ns: int) -> TransactionId | None:
        return next(filter(None, (self._table.in_doubt(span, until_ns) for span in spans)), None)

    def _limits(self, work: Read) -> tuple[int, int]:
        """Return up to which timestamp, and up to which promise, something may have been there before a transaction."""
        if isinstance(work, CheckUnchanged):
            return work.at_ns, _FOREVER_NS
        if work.met_term != self._host.term:
            return work.limit_ns, _FOREVER_NS
        return work.limit_ns, work.met_ns

    def _read(self, request: ShardRequest, work: ReadAt | RunFragment) -> None:
        machine, clock_ns, term = self._host.machine, self._clock_ns(), self._host.term
        if work.at_ns < machine.horizon_ns:
            self._host.answer(request, Told(TooOld()))
            return
        limit_ns, promised_ns = self._limits(work)
        if isinstance(work, RunFragment):
            written_ns = self.fragments.written_between(work, limit_ns, promised_ns)
        else:
            written_ns = max(machine.written_between(span, work.at_ns, limit_ns, promised_ns) for span in work.spans)
        if written_ns:
            self._host.answer(request, Told(Uncertain(max(written_ns, min(limit_ns, clock_ns)), clock_ns, term)))
        elif isinstance(work, RunFragment):
            self.fragments.run(request, work, clock_ns)
            self._wake()
        else:
            rows = tuple(row for span in work.spans for row in machine.rows(span, work.at_ns))
            self._host.answer(request, Told(Rows(rows, clock_ns, term)))

    def _compare(self, work: CheckUnchanged) -> ShardAnswer:
        for span in work.spans:
            if self._host.machine.written_between(span, work.from_ns, work.at_ns, _FOREVER_NS):
                return Conflict(f"{span.start} was read, and another transaction has written it since")
        return Done()

    def _clock_ns(self) -> int:
        """Return the time, above all that was applied here."""
        clock = self._host.clock
        clock.observe(self._host.machine.last_timestamp_ns)
        return clock.now_ns()

    # --- locks ------------------------------------------------------------------------------------------------------

    def _lock(self, work: LockKeys) -> ShardAnswer:
        clock_ns, term, latest_ns = self._clock_ns(), self._host.term, 0
        for key in work.keys:
            prepared = self._table.holder_of(key)
            if prepared is not None and prepared != work.transaction and self._locks.holder_of(key) is None:
                return Waiting((prepared,), clock_ns, term)  # It locked the key at an earlier leader.
            ahead = self._locks.acquire(work.transaction, key, self._host.monotonic_ns(), None)
            if ahead:
                return Waiting(ahead, clock_ns, term)
            self._wake()
            written_ns, promised_ns = self._host.machine.written_ns(key)
            if work.isolation != "read committed" and written_ns > work.snapshot_ns:
                return WrittenSince(key, written_ns, promised_ns, clock_ns, term)
            latest_ns = max(latest_ns, written_ns)
        return Locked(clock_ns, term, latest_ns if latest_ns > work.snapshot_ns else 0)

    def _release(self, transaction: TransactionId) -> None:
        """It is over here: let the next ones have its locks, and go on with all that waited for it."""
        for granted in self._locks.release(transaction, self._host.monotonic_ns()):
            self._host.tell(granted.transaction.node, LockGranted(granted.transaction, self._host.shard, granted.key))
        if transaction in self._behind:
            self._let_go(transaction)

    # --- what was applied -------------------------------------------------------------------------------------------

    def applied(self, command: Transact, outcome: Outcome) -> None:
        """A command took effect, while this replica leads."""
        work, index = command.command, self._host.machine.applied_index
        ended = self._recovery.applied(work, outcome.answer) if isinstance(outcome, Told) else None
        if ended is not None:
            transaction, commit_ns = ended
            self._host.show(TransactionEnded(self._host.node, self._host.shard, transaction, commit_ns, index))
            self._release(transaction)
        elif isinstance(work, Prepare) and isinstance(outcome, Told) and type(outcome.answer) is Prepared:
            self._host.show(TransactionPrepared(self._host.node, self._host.shard, work.transaction, index))
        self._wake()
        self.settled()

    def settled(self) -> None:
        """Something was applied: a read may have waited for it."""
        if None in self._behind:
            self._let_go(None)

    def refused(self) -> None:
        """Something that this leader proposed itself was not taken up: see at the next look what is missing."""
        self._fence_ns = self._table.fence_ns
        self._wake()

    # --- what has to be looked after --------------------------------------------------------------------------------

    def fire(self) -> None:
        """Time has passed."""
        self._will_look = False
        self._look()

    def _wake(self) -> None:
        if not self._will_look:
            self._will_look = True
            self._host.wake_at(self._host.monotonic_ns() + self._config.doubt_interval_ns)

    def _look(self) -> None:
        now_ns = self._host.monotonic_ns()
        self._recovery.look(now_ns)
        self._drop_old_locks(now_ns)
        self.fragments.look()
        self._sweeper.look()
        self.settled()
        is_busy = self._recovery.has_work or self.fragments.is_busy or self._sweeper.has_work
        if is_busy or len(self._locks) or self._held:
            self._wake()

    def _drop_old_locks(self, now_ns: int) -> None:
        """Nobody holds a lock for longer than a transaction may live. Nor, where others wait, if his node is not there;
        and if that has forgotten him, it says so.
        """
        config, unavailable = self._config, self._host.unavailable_nodes()
        wanted = {key for _, key, _ in self._locks.waits()}
        for transaction, key, since_ns in self._locks.held_since():
            age_ns = now_ns - since_ns
            if transaction in self._table.parts or age_ns <= config.doubt_after_ns:
                continue
            is_wanted = key in wanted or transaction in self._behind
            if age_ns > config.transaction_lifetime_ns or (is_wanted and transaction.node in unavailable):
                self._release(transaction)
            elif is_wanted:
                self._host.tell(transaction.node, LockGranted(transaction, self._host.shard, key))

    @property
    def lock_ages_ns(self) -> list[tuple[TransactionId, str, int]]:
        """Return who holds which key for how long."""
        now_ns = self._host.monotonic_ns()
        return [(who, key, now_ns - since_ns) for who, key, since_ns in self._locks.held_since()]

    @property
    def lock_waits(self) -> list[tuple[TransactionId, str, tuple[TransactionId, ...]]]:
        """Return who waits for which key, and for whom."""
        return self._locks.waits()
