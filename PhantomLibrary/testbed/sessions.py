"""The sessions of clients with PhantomDB, over the simulated network.

All clients beside one node share an endpoint there. A client speaks to the gateway on its own node as long as that
lives; when the connection breaks, what was under way is unknown, and the client goes to the next node that it has
not just lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from PhantomLibrary.database.messages import ClientReply, ClientRequest
from PhantomLibrary.domain import (
    MILLISECOND_NS,
    SECOND_NS,
    Answer,
    BeginSaga,
    NodeId,
    Ok,
    Operation,
    OutcomeUnknown,
    Refused,
    Sql,
    Transact,
    Within,
)
from PhantomLibrary.domain.operations import GetSaga, RunSaga
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.tasks import Future, TimeoutQueue, sleep
from PhantomLibrary.workloads.balancing import ROUND_ROBIN, Balancing, choose, surplus
from PhantomLibrary.world.endpoint import ConnectionLost
from PhantomLibrary.world.world import World

_AVOID_NS = 2 * SECOND_NS
_SAGA_LOOK_NS = 50 * MILLISECOND_NS
_SAGA_LOOKS_MAX = 400
_SAGA_MISSES_MAX = 20  # Looks that find no saga, a second of them: whose begin is unknown, has not begun as a rule.
_GATEWAYS_MAX = 5


class GatewaySession:
    """One client process's way into the database. `node` is the gateway it speaks to, `asked` the one that
    `call_somewhere` has asked last. One that `stays` speaks to no other.
    """

    __slots__ = ("_leaves", "_pending", "_pool", "_request", "asked", "balancing", "home", "node", "process", "stays")

    def __init__(
        self, pool: SessionPool, process: int, home: NodeId, balancing: Balancing = ROUND_ROBIN, *, stays: bool = False
    ) -> None:
        self._pool = pool
        self._request = 0
        self._pending: Future[Answer] | None = None
        self.process = process
        self.home = home
        self.balancing = balancing
        self.stays = stays
        self.node = self.asked = pool.gateway_for(self)
        pool.connections[self.node] = pool.connections.get(self.node, 0) + 1
        self._leaves = False  # For another gateway, as soon as it is free.

    async def call(self, operation: Operation) -> Answer:
        """Perform one operation. Never raises for what the database does: the answer says what is known."""
        if type(operation) is RunSaga:
            return await self._run(operation)
        pool = self._pool
        self._request += 1
        pending: Future[Answer] = Future(pool.scheduler)
        self._pending = pending
        pool.send(self, ClientRequest(self.process, self._request, operation))
        answer: Answer = await pending.wait()
        return answer

    async def call_somewhere(self, operation: Operation) -> Answer:
        """Perform one operation at whichever gateway there is: where nobody listens at one, the next is asked."""
        answer: Answer = Refused("nobody was asked")
        for _ in range(_GATEWAYS_MAX):
            asked = self.asked = self.node
            answer = await self.call(operation)
            if self.node == asked or not isinstance(answer, Refused):
                break
        return answer

    async def _run(self, saga: RunSaga) -> Answer:
        """Begin a saga, and ask now and then whether it has ended.

        It is not begun again: one that has ended long ago is forgotten, and would then be done twice.
        """
        answer = await self.call(BeginSaga(saga.key, saga.definition))
        if isinstance(answer, Refused) or (isinstance(answer, Ok) and answer.value):
            return answer if isinstance(answer, Refused) else Refused(answer.value or "")
        misses = 0
        for _ in range(_SAGA_LOOKS_MAX):
            await sleep(_SAGA_LOOK_NS)
            answer = await self.call(GetSaga(saga.key))
            if isinstance(answer, Ok):
                if answer.value in ("COMPLETED", "COMPENSATED"):
                    return answer
                misses += answer.value is None
            if misses == _SAGA_MISSES_MAX:
                return OutcomeUnknown(f"nobody knows of saga {saga.key}")
        return OutcomeUnknown(f"saga {saga.key} has not ended")

    def leave(self) -> None:
        """Go to another gateway, when the operation under way has ended."""
        if self._pending is None or self._pending.is_set:
            self._move()
        else:
            self._leaves = True

    def _move(self) -> None:
        pool = self._pool
        self._leaves = False
        pool.connections[self.node] -= 1
        self.node = pool.gateway_for(self, leaves=True)
        pool.connections[self.node] = pool.connections.get(self.node, 0) + 1

    def close(self) -> None:
        """Forget the session."""
        self._pool.forget(self)

    def interrupt(self, answer: Answer) -> None:
        """End what is under way with this answer, if anything is: its client waits for it no longer."""
        if self._pending is not None and not self._pending.is_set:
            self._pool.stop_waiting(self._pending)
            self._pending.set(answer)

    def answered(self, request: int, answer: Answer) -> bool:
        """Take an answer, unless it comes too late; return whether it was taken."""
        if self._pending is None or request != self._request or self._pending.is_set:
            return False
        self._pending.set(answer)
        if self._leaves:
            self._move()
        return True

    def gave_up(self, answer: Answer) -> None:
        """The gateway is gone or silent: what was under way ends with this answer, and the next call goes elsewhere."""
        self._move()
        if self._pending is not None and not self._pending.is_set:
            self._pending.set(answer)


class SessionPool:
    """All client processes of a run: their endpoints, sessions and time limits.

    With a kind of session for regions, clients use gateways of their own region first.
    """

    def __init__(
        self,
        world: World,
        nodes: Sequence[NodeId],
        *,
        timeout_ns: int,
        sql_timeout_ns: int,
        regional: type[GatewaySession] | None = None,
    ) -> None:
        self.scheduler: Scheduler = world.scheduler
        self._world = world
        self._nodes = list(nodes)
        self._timeout_ns = timeout_ns
        self._timeouts: TimeoutQueue = TimeoutQueue(world.scheduler, timeout_ns, self._on_timeout)
        self._sql_timeouts: TimeoutQueue = TimeoutQueue(world.scheduler, sql_timeout_ns, self._on_timeout)
        self._sessions: dict[int, GatewaySession] = {}
        self._waiting: dict[Future[Answer], GatewaySession] = {}
        self._avoided: dict[NodeId, int] = {}  # node to the time until which it is avoided
        self._homes: dict[NodeId, str] = {}
        self._retired: set[NodeId] = set()  # Nodes that clients are not to use.
        self.connections: dict[NodeId, int] = {}  # How many sessions each gateway has.
        self._draws = world.streams.get("balancer")
        self._is_regional = regional is not None
        self._session = regional or GatewaySession

    def open(
        self, process: int, *, home: NodeId | None = None, balancing: Balancing = ROUND_ROBIN, stays: bool = False
    ) -> GatewaySession:
        """Open a session for a process number; where no home is given, the balancer finds one."""
        homes = [node for node in self._nodes if node not in self._retired]
        home = home or choose(balancing, homes, process, self.connections, self._draws)
        session = self._session(self, process, home, balancing, stays=stays)
        self._sessions[process] = session
        return session

    def gateway_for(self, session: GatewaySession, *, leaves: bool = False) -> NodeId:
        """Return the session's home if it may be used, else what the balancer says: for one that was dealt out in
        turn the next node after home that was not lost a moment ago. One that `leaves`, and was not, is given
        another home.
        """
        home, nodes = session.home, self._nodes
        if session.stays:
            return home
        start = nodes.index(home)
        good = [node for node in (*nodes[start:], *nodes[:start]) if self._may_use(node)]
        if not good or (home in good and not leaves):
            return home
        if self._is_regional:
            region = self._world.topology.node(home).region
            good = [node for node in good if self._world.topology.node(node).region == region] or good
        if session.balancing == ROUND_ROBIN:
            return good[0]
        return choose(session.balancing, good, session.process, self.connections, self._draws)

    def _may_use(self, node: NodeId) -> bool:
        return node not in self._retired and self._avoided.get(node, 0) <= self.scheduler.now_ns

    def admit(self, node: NodeId) -> None:
        """Let clients use a node that is new, or that was retired."""
        if node not in self._nodes:
            self._nodes.append(node)
        self._retired.discard(node)
        self._even_out()

    def _even_out(self) -> None:
        """Let sessions leave gateways that have too many, where they are balanced by what these have."""
        surpluses = surplus([node for node in self._nodes if self._may_use(node)], self.connections)
        for session in self._sessions.values():
            if session.balancing == "least connections" and surpluses.get(session.node, 0) > 0:
                surpluses[session.node] -= 1
                session.leave()

    def retire(self, node: NodeId) -> None:
        """Send clients elsewhere from their next operation on: this node is to leave."""
        self._retired.add(node)
        for session in self._sessions.values():
            if session.node == node:
                session.leave()

    def send(self, session: GatewaySession, request: ClientRequest) -> None:
        """Send a request from the session's home to its gateway, and begin to wait for the answer."""
        endpoint = self._homes.get(session.home)
        if endpoint is None:
            endpoint = self._homes[session.home] = f"clients@{session.home}"
            self._world.add_endpoint(endpoint, session.home, partial(self._receive, session.home))
        assert session._pending is not None
        self._waiting[session._pending] = session
        (self._sql_timeouts if _is_sql(request.operation) else self._timeouts).add(session._pending)
        self._world.send_from(endpoint, session.node, request)

    def forget(self, session: GatewaySession) -> None:
        if self._sessions.pop(session.process, None) is not None:
            self.connections[session.node] -= 1
        if session._pending is not None:  # Whatever becomes of it now, nobody can say that the gateway was silent.
            self.stop_waiting(session._pending)

    def stop_waiting(self, pending: Future[Answer]) -> None:
        """Let no time limit hold for what is under way any more."""
        self._waiting.pop(pending, None)

    def _receive(self, home: NodeId, _sender: str, message: Any) -> None:
        if type(message) is ClientReply:
            session = self._sessions.get(message.process)
            if session is not None and session.answered(message.request, message.answer):
                assert session._pending is not None
                self._waiting.pop(session._pending, None)
        else:
            assert type(message) is ConnectionLost
            self._lose(home, message)

    def _lose(self, home: NodeId, lost: ConnectionLost) -> None:
        """A gateway is gone: whoever stands at this home and waits for it learns what is known."""
        node = lost.node
        answer: Answer = OutcomeUnknown(f"the connection to {node} broke")
        if lost.refused:
            answer = Refused(f"{node} is down: nothing listens there")
        self._avoided[node] = self.scheduler.now_ns + _AVOID_NS
        for session in [each for each in self._sessions.values() if (each.node, each.home) == (node, home)]:
            if session._pending is not None:
                self._waiting.pop(session._pending, None)
            session.gave_up(answer)

    def _on_timeout(self, pending: Future[Answer]) -> None:
        session = self._waiting.pop(pending, None)
        if session is not None:
            self._avoided[session.node] = self.scheduler.now_ns + _AVOID_NS
            reason = f"{session.node} did not answer within {self._timeout_ns / SECOND_NS:g} s"
            session.gave_up(OutcomeUnknown(reason))


def _is_sql(operation: Operation) -> bool:
    """Whether it may take as long as a statement of SQL may."""
    if type(operation) is Within:
        return type(operation.statement) is Sql
    return type(operation) is Transact and any(type(each) is Sql for each in operation.statements)


__all__ = ["SessionPool", "GatewaySession"]
