"""The gateway on every node: takes clients' operations to the shards that hold their keys, and retries as a client
library does.

An operation is one *call* with one or more *attempts*, all under the same session and sequence number, so that it
happens once however often it is tried. When time is up the client is told the truth: `Refused` only if every
attempt was provably not taken up, `OutcomeUnknown` otherwise. A read changes nothing, so one that failed is always
`Refused`.

A negative answer to an attempt is proof only because a node takes each attempt once (see attempts.py): the network may
double requests, and a second copy must not be taken up after the first was turned away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PhantomLibrary.database.call_timers import CallTimers
from PhantomLibrary.database.calls import ON_SHARD_0, Call, GatewayHost, Moved, failed, is_planned, moved, needs_session
from PhantomLibrary.database.client_sessions import ClientSessions
from PhantomLibrary.database.config import SYSTEM_SHARD, ShardDescriptor, is_same_range
from PhantomLibrary.database.directory import DIRECTORY_KEY, Directory
from PhantomLibrary.database.messages import (
    SUCCESSES,
    ClientReply,
    ClientRequest,
    Done,
    Frozen,
    Held,
    NotLeader,
    Outcome,
    Overloaded,
    SessionExpired,
    ShardReply,
    ShardRequest,
    StaleRoute,
    Told,
)
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.database.shard_map import INCOMPLETE, ShardMap
from PhantomLibrary.database.transactions.messages import (
    ShardAnswer,
    ShardWork,
)
from PhantomLibrary.domain import (
    Act,
    Answer,
    ForgetSagas,
    Get,
    KeyOperation,
    Ok,
    OutcomeUnknown,
    Refused,
    ShardId,
    TransactionOperation,
)
from PhantomLibrary.protocols.overload.retry_budget import RetryBudget, pause_ns


class Gateway:
    """Routes, attempts, retries, gives up. Everything here dies with the node."""

    retry_budget: type[RetryBudget] = RetryBudget

    def __init__(self, host: GatewayHost) -> None:
        self._host = host
        self._env = env = host.env
        self._config = host.layout.config
        self._routes = self._make_routes()  # Shard 0's members are known to all; the rest is asked for.
        self._map = self._make_map()
        self._closed = ""
        self._calls: dict[int, Call] = {}
        self._number = env.incarnation << 32  # Never the same number again, whatever is still under way.
        self._sessions = ClientSessions(self._open_session, self._go_on)
        self._timers = CallTimers(env)
        self._retries = self.retry_budget()
        self._draws = env.random("gateway retries")
        self._outcomes: dict[type, Callable[[Call, Outcome], None]] = {
            Done: self._on_done,
            NotLeader: self._on_not_leader,
            StaleRoute: self._on_stale_route,
            Frozen: self._on_frozen,
            SessionExpired: self._on_session_expired,
            Held: self._on_held,
            Told: self._on_told,
            Overloaded: self._on_overloaded,
        }

    def _make_routes(self) -> Routes:
        return Routes(self._host.layout.shards[:1])

    def _make_map(self) -> ShardMap:
        return ShardMap(self._routes, self._fetch_directory)

    def start(self) -> None:
        """Nothing is known yet; the first client makes the gateway ask."""

    def learn(self, directory: Directory) -> None:
        """Take over what is newer in a directory."""
        self._map.learn(directory)

    def learn_descriptor(self, descriptor: ShardDescriptor) -> None:
        """A shard is like this, unless something newer is known."""
        self._routes.learn(descriptor)

    @property
    def epochs(self) -> dict[ShardId, int]:
        """Return the epoch at which this gateway knows each shard."""
        return self._routes.epochs

    def close(self, reason: str) -> None:
        """Take no more operations, from a node that is no member any more. What is under way ends as it may."""
        self._closed = reason

    def request(self, client: str, request: ClientRequest) -> None:
        """Take a client's operation; the answer goes back to the endpoint it came from."""
        process, number = request.process, request.request
        if self._closed:
            self._env.send(client, ClientReply(process, number, Refused(self._closed)))
            return

        def finish(answer: Answer) -> None:
            self._env.send(client, ClientReply(process, number, answer))

        operation = request.operation
        if isinstance(operation, TransactionOperation):
            self._host.transact(process, operation, finish)
        else:
            self._route(self._new_call(process, operation, finish))

    # --- for transactions -------------------------------------------------------------------------------------------

    def ask(self, shard: ShardId, work: ShardWork, finish: Callable[[Answer | ShardAnswer], object]) -> None:
        """Put something to the leader of one shard, which may come there twice. What fails is told as `Refused` or
        `OutcomeUnknown`.
        """

        def ask(map_answer: Answer) -> None:
            if not isinstance(map_answer, Ok):
                finish(Refused(map_answer.reason))
                return
            call = self._new_call(0, work, finish)
            call.shard, call.is_bound = shard, True
            self._attempt(call)

        self.with_map(ask)

    def with_map(self, action: Callable[[Answer], object]) -> None:
        """Do something as soon as the map of shards is known, or cannot be had."""
        self._map.when_known(action)

    @property
    def routes(self) -> Routes:
        return self._routes

    # --- answers of shards ------------------------------------------------------------------------------------------

    def perform(self, operation: Act | ForgetSagas, finish: Callable[[Answer], object]) -> None:
        """Take an operation of this node's own."""
        self._route(self._new_call(0, operation, finish))

    def shard_reply(self, reply: ShardReply) -> None:
        """An attempt was answered. Late answers to calls that have ended are of no interest."""
        call, outcome = self._calls.get(reply.call), reply.outcome
        # Success is success, whichever attempt it was; a refusal speaks of its own attempt only.
        if call is not None and (reply.attempt == call.attempt or type(outcome) in SUCCESSES):
            self._outcomes[type(outcome)](call, outcome)

    def fire(self) -> None:
        """Look after attempts whose time is up."""
        now_ns = self._env.monotonic_ns()
        timers = self._timers
        timers.begin()
        while (due := timers.take_due(now_ns)) is not None:
            call = self._calls.get(due[0])
            if call is not None and call.attempt == due[1]:
                self._time_out(call, now_ns)
        timers.end(self._calls)

    # --- the way to a shard -----------------------------------------------------------------------------------------

    def _new_call(
        self, process: int, operation: KeyOperation | ShardWork | None, finish: Callable[[Any], object]
    ) -> Call:
        self._number += 1
        deadline_ns = self._env.monotonic_ns() + self._config.operation_timeout_ns
        call = self._calls[self._number] = Call(self._number, process, operation, deadline_ns, finish)
        return call

    def _route(self, call: Call) -> None:
        operation: Any = call.operation
        if type(operation) in ON_SHARD_0:
            self._prepare(call, SYSTEM_SHARD)
            return
        call.needs_map = not self._routes.has_map
        if call.needs_map:
            self._map.when_known(lambda answer: self._go_on(call, answer))
            return
        self._prepare(call, self._routes.shard_of(operation.key).shard)

    def _prepare(self, call: Call, shard: ShardId) -> None:
        """Attempt a call at a shard, if it writes in its session there; or in that which went along with its key, if it
        has been attempted at another shard before.
        """
        call.shard, call.planned = shard, self._routes.find(shard)
        if call.session is not None or not needs_session(call) or self._sessions.join(call):
            self._attempt(call)

    def _fetch_directory(self, learn: Callable[[Answer], object]) -> None:
        self._attempt(self._new_call(0, Get(DIRECTORY_KEY), learn))

    def _open_session(self, call: Call, opened: Callable[[Answer], object]) -> None:
        opening = self._new_call(call.process, None, opened)
        opening.shard = call.shard
        self._attempt(opening)

    def _go_on(self, call: Call, preparation: Answer) -> None:
        """What a call waited for has ended. If it failed, so does the call, which was not even attempted."""
        if call.number not in self._calls:
            return
        if preparation is INCOMPLETE or isinstance(preparation, Moved):
            call.needs_map = True
            self._back_off(call)
        elif not isinstance(preparation, Ok):
            self._finish(call, Refused(preparation.reason))
        elif self._env.monotonic_ns() >= call.deadline_ns:
            self._give_up(call)  # The client has stopped waiting, or soon will.
        else:
            self._route(call)

    def _attempt(self, call: Call) -> None:
        descriptor = self._routes.find(call.shard)
        if descriptor is None or descriptor is not call.planned:
            descriptor = self._planned_anew(call, descriptor)
            if descriptor is None:
                return
        call.attempt += 1
        call.backs_off = False
        call.target = target = self._routes.target(call.shard)
        session = call.session
        request = ShardRequest(
            call.shard,
            self._env.node,
            call.number,
            call.attempt,
            next(iter(self._calls)),  # They are numbered in the order in which they began.
            descriptor.epoch,
            session.number if session is not None else 0,
            call.sequence,
            call.operation,
        )
        due_ns = self._env.monotonic_ns() + self._config.attempt_timeout_ns
        self._timers.add(min(due_ns, call.deadline_ns), call.number, call.attempt)
        if target == self._env.node:
            self._host.request(request)
        else:
            self._env.send(target, request)

    def _planned_anew(self, call: Call, known: ShardDescriptor | None) -> ShardDescriptor | None:
        """Return by which descriptor a call is attempted, as its shard has changed; None where it goes another way."""
        if known is None:
            self._follow_keys(call)
            return None
        before = call.planned
        if before is None or call.operation is None or is_same_range(before, known):
            call.planned = known
        elif not call.is_bound:
            self._route(call)
            return None
        elif is_planned(call):
            return before  # The answer says whether it happened before the keys were others.
        return known

    def _follow_keys(self, call: Call) -> None:
        """There is no such shard any more, or nobody here has heard of it."""
        heir = self._routes.heir_of(call.shard)
        if not call.is_bound and call.operation is not None:
            self._route(call)
        elif heir == call.shard:
            self._map.refresh()
            self._back_off(call)
        elif call.is_bound and not is_planned(call) and self._routes.find(heir) is not None:
            call.shard = heir
            self._attempt(call)
        else:
            self._finish(call, moved(call))

    # --- answers ----------------------------------------------------------------------------------------------------

    def _on_done(self, call: Call, outcome: Outcome) -> None:
        assert type(outcome) is Done
        self._routes.learn_leader(call.shard, call.target)
        self._finish(call, Ok(outcome.value))

    def _on_told(self, call: Call, outcome: Outcome) -> None:
        assert type(outcome) is Told
        self._routes.learn_leader(call.shard, call.target)
        del self._calls[call.number]
        call.finish(outcome.answer)

    def _on_held(self, call: Call, outcome: Outcome) -> None:
        assert type(outcome) is Held
        call.trouble = f"transaction {outcome.holder} holds the key, and is not decided"
        self._back_off(call)

    def _on_not_leader(self, call: Call, outcome: Outcome) -> None:
        assert type(outcome) is NotLeader
        call.may_happen |= outcome.may_happen
        call.trouble = outcome.reason or call.trouble
        target = call.target
        self._routes.doubt(call.shard, target)
        if outcome.leader and outcome.leader != target:
            self._routes.learn_leader(call.shard, outcome.leader)
        self._back_off(call)

    def _on_stale_route(self, call: Call, outcome: Outcome) -> None:
        assert type(outcome) is StaleRoute
        if outcome.descriptor is None:
            self._look_elsewhere(call)
            return
        before = call.planned
        self._routes.learn(outcome.descriptor)
        if outcome.heir is not None:
            self._routes.learn(outcome.heir)
        if before is not None and not is_same_range(before, outcome.descriptor):
            if call.session is not None or is_planned(call):
                call.may_happen = False  # What is refused in the log has never happened: see StaleRoute.
            if call.is_bound:
                self._finish(call, moved(call))
            else:
                call.attempt += 1  # The timer of the attempt that was answered means nothing any more.
                self._route(call)
        elif before and outcome.descriptor.epoch > before.epoch and self._env.monotonic_ns() < call.deadline_ns:
            self._attempt(call)  # Other replicas, with the same sessions: it is the same command still.
        else:
            self._back_off(call)

    def _on_frozen(self, call: Call, _outcome: Outcome) -> None:
        """Soon another shard has its keys, and serves them."""
        call.trouble = f"shard {call.shard} is becoming part of another one"
        self._map.refresh()
        self._back_off(call)

    def _look_elsewhere(self, call: Call) -> None:
        """The node holds no replica of the shard: try another one, and ask shard 0 who does."""
        self._routes.doubt(call.shard, call.target)
        if call.shard != SYSTEM_SHARD:
            self._map.refresh()
        self._back_off(call)

    def _on_session_expired(self, call: Call, _outcome: Outcome) -> None:
        self._sessions.drop(call)
        if call.may_happen:
            self._finish(call, OutcomeUnknown(f"the session at shard {call.shard} has expired between two attempts"))
            return
        self._prepare_again(call)

    def _prepare_again(self, call: Call) -> None:
        """None of the attempts happened, nor ever will: begin anew, with another map or session."""
        call.session, call.sequence = None, 0
        call.attempt += 1  # The timer of the attempt that was answered means nothing any more.
        self._route(call)

    def _on_overloaded(self, call: Call, outcome: Outcome) -> None:
        assert type(outcome) is Overloaded
        call.trouble, call.refusals = outcome.reason, call.refusals + 1
        if self._retries.allows(call.refusals, self._number):
            self._back_off(call, pause_ns(call.refusals, self._config.retry_delay_ns, self._draws.bits(16)))
        else:
            self._finish(call, failed(call, outcome.reason))

    def _back_off(self, call: Call, pause: int = 0) -> None:
        now_ns = self._env.monotonic_ns()
        if now_ns >= call.deadline_ns:
            self._give_up(call)
            return
        call.backs_off = True
        call.attempt += 1  # The timer of the attempt that was answered means nothing any more.
        self._timers.add(now_ns + (pause or self._config.retry_delay_ns), call.number, call.attempt)

    def _time_out(self, call: Call, now_ns: int) -> None:
        if not call.backs_off:
            call.may_happen = True
            self._routes.doubt(call.shard, call.target)
        if now_ns >= call.deadline_ns:
            self._give_up(call)
        elif call.needs_map:
            self._route(call)
        else:
            self._attempt(call)

    def _give_up(self, call: Call) -> None:
        reason = f"shard {call.shard} did not answer within {self._config.operation_timeout_ns / 1e9:g} s"
        if call.trouble:
            reason = f"{reason} ({call.trouble})"
        self._finish(call, failed(call, reason, f"; last asked: {call.target}"))

    def _finish(self, call: Call, answer: Answer) -> None:
        del self._calls[call.number]
        call.finish(answer)
