"""What the leader of a shard does for transactions, beside replicating their commands.

It grants locks, serves reads at a time, lets requests wait for transactions that are in doubt, tells participants what
was decided, and asks about those from whom nobody has heard. All of it dies with leadership, and can: safety rests on
what is replicated (see protocols/transactions/table.py).

A read at a time T promises that nobody commits at T or before it any more. Proposals that are under way are waited
for; later ones of this leader have later timestamps, as its clock has seen T; and those of later leaders too, for
they begin above the *fence*, which was replicated before the read was answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import NotLeader, Outcome, ShardRequest, Told, Transact
from PhantomLibrary.database.transactions.messages import (
    CheckUnchanged,
    Locked,
    LockGranted,
    LockKey,
    ReadAt,
    ReleaseLocks,
    Rows,
    ShardAnswer,
    TooOld,
    Uncertain,
    Waiting,
    WrittenSince,
)
from PhantomLibrary.domain import Answer, NodeId, ShardId
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.transactions.locks import LockTable
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Decide,
    Done,
    Ended,
    Forget,
    Inquire,
    Prepare,
    RaiseFence,
    Resolve,
    TransactionCommand,
    TransactionId,
)

Finish: TypeAlias = Callable[[Answer | ShardAnswer], object]
READS = frozenset((ReadAt, CheckUnchanged))
_FOREVER_NS = 1 << 62


class DeskHost(Protocol):
    """The service that a desk belongs to. What it asks for is done when the present event is dealt with."""

    node: NodeId
    shard: ShardId
    machine: ShardMachine
    clock: HybridClock

    @property
    def term(self) -> int: ...
    @property
    def last_index(self) -> int: ...
    def monotonic_ns(self) -> int: ...
    def wake_at(self, at_ns: int) -> None: ...
    def confirm(self, request: ShardRequest) -> None:
        """Have leadership confirmed, then hand the request to `serve`."""

    def replicate(self, request: ShardRequest | None, command: TransactionCommand) -> None: ...
    def answer(self, request: ShardRequest, outcome: Outcome) -> None: ...
    def tell(self, node: NodeId, message: LockGranted) -> None: ...
    def ask(self, shard: ShardId, command: TransactionCommand, finish: Finish) -> None:
        """Put a command to another shard, through this node's gateway."""

    def unavailable_nodes(self) -> list[NodeId]: ...
    def take_again(self, request: ShardRequest) -> None:
        """Take a request that has waited as if it had come now."""


class TransactionDesk:
    """One term of one leader."""

    def __init__(self, host: DeskHost, config: DatabaseConfig) -> None:
        self._host = host
        self._config = config
        self._table = host.machine.transactions
        self._locks = LockTable()
        self._held: dict[tuple[NodeId, int], ShardRequest] = {}
        self._barriers: dict[tuple[NodeId, int], int] = {}  # What must be applied before a read may be served.
        self._fence_ns = 0  # The highest that was proposed.
        self._told: dict[TransactionId, dict[ShardId, bool]] = {}  # Participants: whether they have acted.
        self._forgetting: dict[TransactionId, None] = {}
        self._seen_ns: dict[TransactionId, int] = {}  # Since when this leader knows of a prepared part.
        self._will_look = False
        self._asked: dict[TransactionId, bool] = {}  # Those in doubt that somebody is being asked about.

    def begin(self) -> None:
        """Leadership is confirmed, and all that came before is applied."""
        self._host.clock.observe(max(self._table.fence_ns, self._host.machine.last_timestamp_ns))
        self._fence_ns = self._table.fence_ns
        if self._table.parts or self._table.records:
            self._look()

    def end(self, leader: NodeId) -> None:
        """Another leads: whoever waits here is sent there."""
        held, self._held = self._held, {}
        for request in held.values():
            self._host.answer(request, NotLeader(leader, may_happen=False))

    # --- requests ---------------------------------------------------------------------------------------------------

    def take(self, request: ShardRequest) -> None:
        """Take a request that has to do with a transaction."""
        work: Any = request.operation
        match work:
            case ReadAt() | CheckUnchanged():
                self._take_read(request, work)
            case LockKey():
                self._host.clock.observe(work.snapshot_ns)
                self._host.answer(request, Told(self._lock(work)))
            case ReleaseLocks():
                self._release(work.transaction)
                self._host.answer(request, Told(Done()))
            case Prepare():
                self._host.clock.observe(work.snapshot_ns)
                if self._lets_pass(work):
                    self._host.replicate(request, work)
                else:
                    self._hold(request)
            case _:
                self._host.replicate(request, work)

    def admits(self, request: ShardRequest, key: str) -> bool:
        """Whether a single operation may write a key now; else it waits for the transaction that holds it."""
        if self._locks.holder_of(key) is None and self._table.holder_of(key) is None:
            return True
        self._hold(request)
        return False

    def shows(self, request: ShardRequest, key: str) -> bool:
        """Whether a single read may see a key now; else it waits for what is in doubt."""
        if self._table.writer_of(key) is None:
            return True
        self._hold(request)
        return False

    def _lets_pass(self, work: Prepare) -> bool:
        """Whether a prepare is to be judged now. One that is older than whoever stands against it waits for his end; a
        younger one is judged, and fails. So nobody waits in a circle, and the oldest always gets through.
        """
        if work.one_phase:
            return True
        table, transaction = self._table, work.transaction
        against = [table.writer_of(each.key) or table.reader_of(each.key, but=transaction) for each in work.writes]
        against += [table.in_doubt(span, _FOREVER_NS) for span in work.reads]
        return not any(holder is not None and transaction < holder for holder in against)

    def _hold(self, request: ShardRequest) -> None:
        self._held[request.gateway, request.call] = request

    def _let_go(self) -> None:
        """Something has ended: try again all that waited."""
        held, self._held = self._held, {}
        for key, request in held.items():
            if key in self._barriers:
                self.serve(request)  # Its leadership was confirmed after it came, and the fence holds for later ones.
            else:
                self._host.take_again(request)

    # --- reads at a time --------------------------------------------------------------------------------------------

    def _take_read(self, request: ShardRequest, work: ReadAt | CheckUnchanged) -> None:
        self._host.clock.observe(work.at_ns)
        if work.at_ns > self._table.fence_ns:
            self._raise_fence(work.at_ns)
            self._hold(request)
            return
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
        if self._host.machine.applied_index < barrier or self._table.in_doubt(work.span, work.at_ns) is not None:
            self._hold(request)
        else:
            del self._barriers[key]
            answer = self._read(work) if isinstance(work, ReadAt) else self._compare(work)
            self._host.answer(request, Told(answer))

    def _read(self, work: ReadAt) -> ShardAnswer:
        machine, clock_ns, term = self._host.machine, self._host.clock.now_ns(), self._host.term
        if work.at_ns < machine.horizon_ns:
            return TooOld()
        limit_ns = min(work.limit_ns, work.met_ns) if work.met_term == term else work.limit_ns
        if machine.written_between(work.span, work.at_ns, limit_ns):
            return Uncertain(min(limit_ns, clock_ns), clock_ns, term)
        return Rows(machine.rows(work.span, work.at_ns), clock_ns, term)

    def _compare(self, work: CheckUnchanged) -> ShardAnswer:
        if self._host.machine.written_between(work.span, work.from_ns, work.at_ns):
            return Conflict(f"{work.span.start} was read, and another transaction has written it since")
        return Done()

    # --- locks ------------------------------------------------------------------------------------------------------

    def _lock(self, work: LockKey) -> ShardAnswer:
        clock_ns, term = self._host.clock.now_ns(), self._host.term
        prepared = self._table.holder_of(work.key)
        if prepared is not None and prepared != work.transaction and self._locks.holder_of(work.key) is None:
            return Waiting((prepared,), clock_ns, term)  # It locked the key at an earlier leader.
        ahead = self._locks.acquire(work.transaction, work.key, self._host.monotonic_ns(), None)
        if ahead:
            return Waiting(ahead, clock_ns, term)
        self._wake()
        written_ns = self._host.machine.written_ns(work.key)
        if work.isolation != "read committed" and written_ns > work.snapshot_ns:
            return WrittenSince(written_ns, clock_ns, term)
        return Locked(clock_ns, term)

    def _release(self, transaction: TransactionId) -> None:
        for granted in self._locks.release(transaction, self._host.monotonic_ns()):
            self._host.tell(granted.transaction.node, LockGranted(granted.transaction, self._host.shard, granted.key))
        if self._held:
            self._let_go()

    # --- what was applied -------------------------------------------------------------------------------------------

    def applied(self, command: Transact, outcome: Outcome) -> None:
        """A command took effect, while this replica leads."""
        work = command.command
        answer = outcome.answer if isinstance(outcome, Told) else None
        if isinstance(work, (Decide, Inquire, Resolve)) or (isinstance(work, Prepare) and isinstance(answer, Ended)):
            self._seen_ns.pop(work.transaction, None)
            self._release(work.transaction)
            self._look()
        elif isinstance(work, Prepare) and not work.one_phase:
            self._wake()
        elif isinstance(work, Forget):
            self._told.pop(work.transaction, None)
            self._forgetting.pop(work.transaction, None)
        if self._held:
            self._let_go()

    def settled(self) -> None:
        """Something else was applied: a read may have waited for it."""
        if self._barriers and self._held:
            self._let_go()

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
        self._tell_participants()
        self._ask_about_doubts(now_ns)
        self._drop_old_locks(now_ns)
        if self._table.parts or self._table.records or len(self._locks):
            self._wake()

    def _tell_participants(self) -> None:
        """Take each decision to all whom it concerns; when all have acted on it, forget it."""
        for transaction, record in list(self._table.records.items()):
            if record.state == "ACTIVE":
                continue
            acted = self._told.setdefault(transaction, {})
            resolve = Resolve(transaction, record.state == "COMMITTED", record.commit_ns)
            for shard in record.participants:
                if shard != self._host.shard and shard not in acted:
                    acted[shard] = False
                    self._host.ask(shard, resolve, self._note_acted(transaction, shard))
            self._forget_if_done(transaction)

    def _note_acted(self, transaction: TransactionId, shard: ShardId) -> Callable[[Answer | ShardAnswer], None]:
        def note(answer: Answer | ShardAnswer) -> None:
            acted = self._told.get(transaction)
            if acted is None:
                return
            if isinstance(answer, Done):
                acted[shard] = True
                self._forget_if_done(transaction)
            else:
                acted.pop(shard, None)  # To be asked again, at the next look.

        return note

    def _forget_if_done(self, transaction: TransactionId) -> None:
        record, acted = self._table.records.get(transaction), self._told.get(transaction)
        if record is None or acted is None or transaction in self._forgetting:
            return
        if all(acted.get(shard) for shard in record.participants if shard != self._host.shard):
            self._forgetting[transaction] = None
            self._host.replicate(None, Forget(transaction))

    def _ask_about_doubts(self, now_ns: int) -> None:
        """Whoever has been prepared for too long: ask the one shard that knows what was decided."""
        for transaction, part in list(self._table.parts.items()):
            since_ns = self._seen_ns.setdefault(transaction, now_ns)
            if now_ns - since_ns < self._config.doubt_after_ns or transaction in self._asked:
                continue
            if part.anchor == self._host.shard:
                self._host.replicate(None, Inquire(transaction))
            else:
                self._asked[transaction] = True
                self._host.ask(part.anchor, Inquire(transaction), self._learn_ending(transaction))

    def _learn_ending(self, transaction: TransactionId) -> Callable[[Answer | ShardAnswer], None]:
        def learn(answer: Answer | ShardAnswer) -> None:
            self._asked.pop(transaction, None)
            if isinstance(answer, Ended) and transaction in self._table.parts:
                self._host.replicate(None, Resolve(transaction, answer.committed, answer.commit_ns))

        return learn

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
            if age_ns > config.transaction_lifetime_ns or (key in wanted and transaction.node in unavailable):
                self._release(transaction)
            elif key in wanted:
                self._host.tell(transaction.node, LockGranted(transaction, self._host.shard, key))

    @property
    def lock_ages_ns(self) -> list[tuple[TransactionId, str, int]]:
        """Return who holds which key for how long."""
        now_ns = self._host.monotonic_ns()
        return [(who, key, now_ns - since_ns) for who, key, since_ns in self._locks.held_since()]
