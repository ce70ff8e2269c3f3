"""The operator: the client behind keywords that read and write single keys, and that ask for statements of SQL.

Its operations stand in the history like anybody's. Operations under way at one time have sessions of their own, and so
have those at different gateways that were named: these are as many clients, who know nothing of each other.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from PhantomLibrary.domain import (
    Answer,
    Append,
    Delete,
    Get,
    Increment,
    NodeId,
    Ok,
    OkSeen,
    Operation,
    OutcomeUnknown,
    Put,
    Refused,
    Remove,
    Sql,
    Transact,
)
from PhantomLibrary.domain.operations import RegionalRead, Wish
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.sql.statement_kinds import kind_of
from PhantomLibrary.testbed.sessions import GatewaySession, SessionPool
from PhantomLibrary.workloads.recorder import HistoryRecorder

WORKLOAD = "operator"
SQL = "sql"
"""The workload of statements of SQL, whose functions are their kinds: evidence, which checkers of keys do not judge."""
CHANGES = "changes"
"""The workload of what makes a key no register: deletions, and changes of sets and counters."""
Change: TypeAlias = Delete | Append | Remove | Increment
_CHANGES = {Delete: "delete", Append: "append", Remove: "remove", Increment: "increment"}
_read_results = msgspec.json.Decoder(list[str]).decode
_TRIES_MAX = 5


class Operator:
    """Performs single operations as tasks, from the node `home`, or any. `changed` are keys that are no registers."""

    def __init__(
        self, scheduler: Scheduler, sessions: SessionPool, recorder: HistoryRecorder, home: NodeId | None = None
    ) -> None:
        self._scheduler = scheduler
        self._sessions = sessions
        self._recorder = recorder
        self._process = -1
        self._home = home
        self._free: dict[NodeId, GatewaySession] = {}  # One that is free for each gateway, "" meaning any.
        self.changed: set[str] = set()

    def begin(
        self, operation: Get | Put | Sql | Change, gateway: NodeId = "", *, as_written: bool = False
    ) -> Task[Answer]:
        """Start an operation, at that gateway if one is named; return the task whose result will be its answer.

        A read of siblings `as_written` is one of a region: what it shows is not merged by a function of the user.
        """
        asked = _asked(operation, as_written=as_written)
        return Task(self._scheduler, self._perform(operation, asked, gateway), "operator")

    def ask(self, wish: Wish) -> Task[Answer]:
        """Ask shard 0 for something, and return the task whose result will be the answer.

        It is no operation on data, so it does not stand in the history. Asked again, it does nothing twice.
        """
        return Task(self._scheduler, self.answer(wish), "operator")

    async def answer(self, wish: Wish) -> Answer:
        """Ask shard 0 for something until it answers, a few times."""
        answer: Answer = Refused("nobody was asked")
        for _ in range(_TRIES_MAX):
            session = self._sessions.open(self._recorder.new_process())
            answer = await session.call(wish)
            session.close()
            if isinstance(answer, Ok):
                break
        return answer

    async def _perform(self, operation: Get | Put | Sql | Change, asked: Operation, gateway: NodeId) -> Answer:
        session = self._free.pop(gateway, None) or self._open(gateway)
        function, argument = _recorded(operation)
        key, workload = _subject(operation)
        if self._home is not None and isinstance(operation, Delete):
            workload = WORKLOAD  # A causal history of registers has deletes.
        if workload == CHANGES:
            self.changed.add(key or "")
        self._recorder.invoke(session.process, function, key, argument, workload, session.node)
        answer = await session.call_somewhere(asked)
        gateways = session.asked
        if isinstance(answer, Ok) and isinstance(operation, Sql):
            answer = Ok(*_read_results(answer.value or ""))
        if isinstance(answer, Ok):
            value = _found(answer) if isinstance(operation, Get) else argument
            self._recorder.complete(session.process, "ok", value, gateways)
        elif isinstance(answer, OutcomeUnknown):
            self._recorder.complete(session.process, "info", argument, gateways, answer.reason)
        else:
            self._recorder.complete(session.process, "fail", argument, gateways, answer.reason)
        if isinstance(answer, OutcomeUnknown) or gateway in self._free:
            session.close()
        else:
            self._free[gateway] = session
        return answer

    def _open(self, gateway: NodeId) -> GatewaySession:
        return self._sessions.open(self._recorder.new_process(), home=gateway or self._home, stays=bool(gateway))


def _found(answer: Ok) -> Any:
    """Return what was read: several values, where several regions have written without knowing of each other."""
    return list(answer.values) if isinstance(answer, OkSeen) and answer.values else answer.value


def _subject(operation: Get | Put | Sql | Change) -> tuple[str | None, str]:
    """Return the key and the workload under which an operation is recorded."""
    if isinstance(operation, Sql):
        return None, SQL
    return operation.key, WORKLOAD if isinstance(operation, Get | Put) else CHANGES


def _asked(operation: Get | Put | Sql | Change, *, as_written: bool) -> Operation:
    """Return what is asked of the database: a statement of SQL is a whole transaction."""
    if isinstance(operation, Sql):
        return Transact("serializable", (operation,))
    return RegionalRead(operation.key, as_written=True) if as_written else operation


def _recorded(operation: Get | Put | Sql | Change) -> tuple[str, Any]:
    if isinstance(operation, Sql):
        return kind_of(operation.text), [operation.text, list(operation.parameters)]
    if isinstance(operation, Put):
        return "write", operation.value
    if isinstance(operation, Get):
        return "read", None
    argument = getattr(operation, "element", None) or getattr(operation, "amount", None)
    return _CHANGES[type(operation)], argument
