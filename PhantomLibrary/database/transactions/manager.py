"""The transactions that clients run at the gateway of one node. A client process has one open at a time.

Everything here dies with the node. What was prepared then is decided by its record; what was not leaves locks, which
end with the time that a transaction may stay open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import msgspec

from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.database.sql.reasons import readable
from PhantomLibrary.database.transactions.access import Access
from PhantomLibrary.database.transactions.alarms import Alarms
from PhantomLibrary.database.transactions.lock_waits import LockWaits
from PhantomLibrary.database.transactions.manager_host import ManagerHost
from PhantomLibrary.database.transactions.meetings import answer_meeting, meet_leaders, note_meeting
from PhantomLibrary.database.transactions.messages import (
    LockGranted,
    Meet,
    Met,
    ReleaseLocks,
    ShardAnswer,
    ShardWork,
    TransactionMessage,
)
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.retries import Retries
from PhantomLibrary.database.transactions.script import Running, Script
from PhantomLibrary.database.transactions.shares import shares_of
from PhantomLibrary.database.transactions.statements import Statements
from PhantomLibrary.domain import (
    ISOLATION_LEVELS,
    Answer,
    Begin,
    Commit,
    NodeId,
    Ok,
    OutcomeUnknown,
    Refused,
    Rollback,
    ShardId,
    StatementFailed,
    Transact,
    TransactionOperation,
    Within,
)
from PhantomLibrary.protocols.transactions.committing import Ask, Committed, RolledBack, Share, Step, Unknown
from PhantomLibrary.protocols.transactions.deadlocks import Probe, Victim
from PhantomLibrary.protocols.transactions.values import TransactionId

DEADLINES = "transactions"
_TICK = "transactions/tick"
_DEADLOCK = "it was in a deadlock, and the youngest there"

Finish = Callable[[Answer], object]
_to_json = msgspec.json.Encoder().encode


class TransactionManager:
    """Runs them: statement by statement, then the commit."""

    def __init__(self, host: ManagerHost) -> None:
        self._host = host
        self._env = host.env
        self.config: DatabaseConfig = host.layout.config
        self.clock = host.clock
        self.monotonic_ns = host.env.monotonic_ns
        self._access = Access(self)
        self.node: NodeId = host.env.node
        self.work = host.env.work
        self.show = host.show
        self._number = host.env.incarnation << 32
        self.plans = host.parts.runner(self, self._access, self._number)
        self._statements = Statements(
            self, self._access, host.parts.sql(self._access, self.plans, host.parts.planning())
        )
        self._open: dict[int, OpenTransaction] = {}  # By client process: the latest one, ended or not.
        self._by_id: dict[TransactionId, OpenTransaction] = {}  # Those that are not over.
        self.lock_waits = LockWaits(host.parts.deadlocks(host.env.node), self.monotonic_ns)
        self._alarms = Alarms(host.env, _TICK)
        self.call_at = self._alarms.call_at

    # --- clients ----------------------------------------------------------------------------------------------------

    def request(self, process: int, operation: TransactionOperation, finish: Finish) -> None:
        """Do what a client asks for."""
        match operation:
            case Begin():
                self._begin(process, operation, finish)
            case Within():
                self._perform(process, operation, finish)
            case Commit():
                self._commit_open(process, finish)
            case Rollback():
                self._roll_back_open(process, finish)
            case Transact():
                self._transact(operation, Retries(operation, self._env.monotonic_ns(), self.config), finish)

    def transaction_of(self, process: int) -> OpenTransaction | None:
        """Return the latest transaction of a client process here, for whoever watches."""
        return self._open.get(process)

    @property
    def under_way(self) -> list[TransactionId]:
        """Return the transactions that are not over, for whoever watches."""
        return list(self._by_id)

    def _begin(self, process: int, operation: Begin, finish: Finish) -> None:
        before = self._open.get(process)
        if before is not None and before.is_open:
            finish(Refused("a transaction is open already"))
            return
        transaction = self._new(operation.isolation)
        if transaction is None:
            finish(Refused(f"no isolation level {operation.isolation!r}: there are {', '.join(ISOLATION_LEVELS)}"))
            return
        self._open[process] = transaction
        finish(Ok())

    def _new(self, isolation: str) -> OpenTransaction | None:
        level = next((each for each in ISOLATION_LEVELS if each == isolation), None)
        if level is None:
            return None
        self._number += 1
        now_ns = self._env.monotonic_ns()
        deadline_ns = now_ns + self.config.transaction_lifetime_ns
        identity = TransactionId(self.clock.now_ns(), self._env.node, self._number)
        transaction = self._by_id[identity] = OpenTransaction(identity, level, deadline_ns)
        self._alarms.call_at(deadline_ns, partial(self._outlived, transaction))
        return transaction

    def _open_one(self, process: int, finish: Finish) -> OpenTransaction | None:
        """Return the transaction that a client has open; tell it if there is none."""
        transaction = self._open.get(process)
        if transaction is None:
            finish(Refused(f"no transaction is open at {self._env.node}"))
        elif transaction.state == "aborted":
            finish(Refused(f"the transaction is rolled back: {transaction.reason}"))
        elif not transaction.is_open:
            finish(Refused(f"the transaction is {transaction.state}"))
        elif transaction.cancel is not None:
            finish(Refused("a statement of the transaction is under way"))
        else:
            return transaction
        return None

    def _perform(self, process: int, operation: Within, finish: Finish) -> None:
        transaction = self._open_one(process, finish)
        if transaction is None:
            return

        def performed(result: Any) -> None:
            finish(result if isinstance(result, StatementFailed) else Ok(result))

        self._run(transaction, self._statements.perform(transaction, operation.statement), finish, performed)

    def _commit_open(self, process: int, finish: Finish) -> None:
        transaction = self._open_one(process, finish)
        if transaction is not None:
            self._commit(transaction, finish)

    def _roll_back_open(self, process: int, finish: Finish) -> None:
        transaction = self._open.get(process)
        if transaction is not None and transaction.is_open:
            self._end(transaction, "it was asked for")
        finish(Ok() if transaction is not None else Refused(f"no transaction is open at {self._env.node}"))

    def _transact(self, operation: Transact, retries: Retries, tell: Finish) -> None:
        transaction = self._new(operation.isolation)
        if transaction is None:
            tell(Refused(f"no isolation level {operation.isolation!r}"))
            return

        def finish(answer: Answer) -> None:
            again_ns = retries.next_ns(answer, self._env.monotonic_ns())
            if again_ns is None:
                tell(answer)
            else:
                self._alarms.call_at(again_ns, lambda: self._transact(operation, retries, tell))

        def commit(results: Any) -> None:
            if isinstance(results, StatementFailed):
                self._abort(transaction, results.reason)
                tell(Refused(results.reason))
                return

            def committed(answer: Answer) -> None:
                finish(Ok(_to_json(results).decode()) if isinstance(answer, Ok) else answer)

            self._commit(transaction, committed)

        script = self._statements.perform_all(transaction, operation.statements)
        self._run(transaction, script, finish, commit)

    def _run(
        self, transaction: OpenTransaction, script: Script, finish: Finish, go_on: Callable[[Any], object]
    ) -> None:
        """Run a script, and go on with its result; if it was rolled back, so is the transaction."""

        def done(result: Any, reason: str) -> None:
            transaction.cancel = None
            if reason:
                reason = readable(reason)
                self._abort(transaction, reason)
                finish(Refused(reason))
            else:
                go_on(result)

        running = Running(script, done)
        transaction.cancel = running.cancel
        running.start()

    # --- commit and rollback ----------------------------------------------------------------------------------------

    def _commit(self, transaction: OpenTransaction, finish: Finish) -> None:
        if not transaction.writes:  # It saw one snapshot, and is where that is.
            self._over(transaction, "committed")
            self._release_locks(transaction, transaction.asked_locks)
            finish(Ok(str(transaction.snapshot_ns)))
            return
        transaction.state = "committing"
        self._host.gateway.with_map(lambda answer: self._begin_commit(transaction, finish, answer))

    def _begin_commit(self, transaction: OpenTransaction, finish: Finish, map_answer: Answer) -> None:
        if not isinstance(map_answer, Ok):
            self._abort(transaction, map_answer.reason)
            finish(Refused(map_answer.reason))
            return
        shares = self._shares(transaction)
        anchor = self.routes.shard_of(transaction.writes[0].key).shard
        transaction.committer = committer = self._host.parts.committer(
            transaction.id, transaction.isolation, transaction.snapshot_ns, anchor, shares
        )
        self._carry_out(transaction, committer.begin(), finish)
        idle = [shard for shard in transaction.asked_locks if shard not in shares]  # No decision comes there.
        self._release_locks(transaction, idle)

    def _shares(self, transaction: OpenTransaction) -> dict[ShardId, Share]:
        return shares_of(transaction, self.routes)

    def _carry_out(self, transaction: OpenTransaction, steps: list[Step], finish: Finish) -> None:
        for step in steps:
            match step:
                case Ask():
                    self._host.gateway.ask(step.shard, step.command, partial(self._answered, transaction, step, finish))
                case Committed():
                    self.clock.observe(step.commit_ns)
                    self._over(transaction, "committed")
                    finish(Ok(str(step.commit_ns)))
                case RolledBack():
                    self._abort(transaction, readable(step.reason))
                    finish(Refused(transaction.reason))
                case Unknown():
                    self._over(transaction, "committing")
                    finish(OutcomeUnknown(step.reason))

    def _answered(self, transaction: OpenTransaction, ask: Ask, finish: Finish, answer: Answer | ShardAnswer) -> None:
        committer = transaction.committer
        assert committer is not None
        if isinstance(answer, (Refused, OutcomeUnknown)):
            may_happen = isinstance(answer, OutcomeUnknown)
            steps = committer.unanswered(ask.shard, ask.command, answer.reason, may_happen=may_happen)
        else:
            steps = committer.answered(ask.shard, ask.command, answer)  # type: ignore[arg-type]
        self._carry_out(transaction, steps, finish)

    def _end(self, transaction: OpenTransaction, reason: str) -> None:
        """Roll it back, whatever it does at the moment."""
        if transaction.cancel is not None:
            transaction.cancel(reason)  # The statement under way ends with this reason, and rolls it back.
        elif transaction.is_open:
            self._abort(transaction, reason)

    def _abort(self, transaction: OpenTransaction, reason: str) -> None:
        transaction.reason = reason
        self._over(transaction, "aborted")
        self._release_locks(transaction, transaction.asked_locks)

    def _release_locks(self, transaction: OpenTransaction, shards: Iterable[ShardId]) -> None:
        for shard in shards:
            self._host.gateway.ask(shard, ReleaseLocks(transaction.id), lambda _answer: None)

    def _over(self, transaction: OpenTransaction, state: Any) -> None:
        transaction.state = state
        self.lock_waits.end(transaction.id)
        self._by_id.pop(transaction.id, None)

    def _outlived(self, transaction: OpenTransaction) -> None:
        if transaction.is_open:
            lifetime_s = self.config.transaction_lifetime_ns / 1e9
            self._end(transaction, f"it was open for longer than {lifetime_s:g} s")

    # --- for statements ---------------------------------------------------------------------------------------------

    @property
    def routes(self) -> Routes:
        return self._host.gateway.routes

    def ask(self, shard: ShardId, work: ShardWork, resume: Callable[[Answer | ShardAnswer], object]) -> None:
        self._host.gateway.ask(shard, work, resume)

    def ask_all(
        self, works: Sequence[tuple[ShardId, ShardWork]], resume: Callable[[list[Answer | ShardAnswer]], object]
    ) -> None:
        """Ask several shards at once, and resume with all answers, in the order of the questions."""
        answers: list[Any] = [None] * len(works)
        missing = dict.fromkeys(range(len(works)))

        def answered(number: int, answer: Answer | ShardAnswer) -> None:
            answers[number] = answer
            del missing[number]
            if not missing:
                resume(answers)

        for number, (shard, work) in enumerate(works):
            self._host.gateway.ask(shard, work, partial(answered, number))

    def need_map(self, resume: Callable[[Answer], object]) -> None:
        self._host.gateway.with_map(resume)

    def meet_leaders(self, transaction: OpenTransaction) -> None:
        meet_leaders(self._host, self.routes, transaction)

    def wait_for_lock(self, transaction: OpenTransaction, resume: Callable[[Any], object]) -> None:
        """Resume when the lock is granted, or after a while, for the leader that would grant it may be gone."""
        transaction.state = "blocked"
        transaction.wake = resume
        self.lock_waits.begin(transaction.id, transaction.waits_for)
        now_ns = self._env.monotonic_ns()
        self._alarms.call_at(now_ns + self.config.attempt_timeout_ns, partial(resume, None))
        self._alarms.call_at(now_ns + self.config.deadlock_probe_ns, self._probe)

    def goes_on(self, transaction: OpenTransaction) -> None:
        """It has its lock."""
        transaction.state = "active"
        transaction.wake, transaction.waits_for = None, ()
        self.lock_waits.end(transaction.id)

    # --- other nodes ------------------------------------------------------------------------------------------------

    def receive(self, message: TransactionMessage) -> None:
        match message:
            case LockGranted():
                transaction = self._by_id.get(message.transaction)
                if transaction is None:  # It is over, or was run by an earlier incarnation of this node.
                    self._host.gateway.ask(message.shard, ReleaseLocks(message.transaction), lambda _answer: None)
                elif transaction.wake is not None:
                    transaction.wake(None)
            case Probe():
                for answer in self.lock_waits.detector.receive(message):
                    self._send(answer)
            case Meet():
                self._env.send(*answer_meeting(self._host, message))
            case Met():
                met = self._by_id.get(message.transaction)
                if met is not None:
                    note_meeting(met, message)
            case Victim():
                victim = self._by_id.get(message.transaction)
                if victim is not None and victim.state == "blocked":
                    self._end(victim, _DEADLOCK)

    def _probe(self) -> None:
        for probe in self.lock_waits.detector.probe():
            self._send(probe)

    def _send(self, message: Probe | Victim) -> None:
        node: NodeId = message.target.node if isinstance(message, Probe) else message.transaction.node
        if node == self._env.node:
            self._host.later(self.receive, message)
        else:
            self._env.send(node, message)

    def fire(self, _name: str) -> None:
        """Time has passed."""
        self._alarms.fire()
