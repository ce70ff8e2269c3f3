"""The operator: the client behind keywords that read and write single keys, and that ask for statements of SQL.

Its operations stand in the history like anybody's. Operations under way at one time have sessions of their own.
"""

from __future__ import annotations

from typing import Any

import msgspec

from PhantomLibrary.domain import (
    Answer,
    Get,
    Ok,
    Operation,
    OutcomeUnknown,
    Put,
    Refused,
    Sql,
    Transact,
)
from PhantomLibrary.domain.operations import Wish
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.sql.statement_kinds import kind_of
from PhantomLibrary.testbed.sessions import GatewaySession, SessionPool
from PhantomLibrary.workloads.recorder import HistoryRecorder

WORKLOAD = "operator"
SQL = "sql"
"""The workload of statements of SQL, whose functions are their kinds: evidence, which checkers of keys do not judge."""
_read_results = msgspec.json.Decoder(list[str]).decode
_TRIES_MAX = 5


class Operator:
    """Performs single operations as tasks."""

    def __init__(self, scheduler: Scheduler, sessions: SessionPool, recorder: HistoryRecorder) -> None:
        self._scheduler = scheduler
        self._sessions = sessions
        self._recorder = recorder
        self._process = -1
        self._session: GatewaySession | None = None  # One that is free.

    def begin(self, operation: Get | Put | Sql) -> Task[Answer]:
        """Start an operation, and return the task whose result will be its answer."""
        return Task(self._scheduler, self._perform(operation), "operator")

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

    async def _perform(self, operation: Get | Put | Sql) -> Answer:
        session, self._session = self._session or self._sessions.open(self._recorder.new_process()), None
        function, argument = _recorded(operation)
        key, workload = (None, SQL) if isinstance(operation, Sql) else (operation.key, WORKLOAD)
        self._recorder.invoke(session.process, function, key, argument, workload, session.node)
        answer = await session.call_somewhere(_asked(operation))
        gateway = session.asked
        if isinstance(answer, Ok) and isinstance(operation, Sql):
            answer = Ok(*_read_results(answer.value or ""))
        if isinstance(answer, Ok):
            value = answer.value if isinstance(operation, Get) else argument
            self._recorder.complete(session.process, "ok", value, gateway)
        elif isinstance(answer, OutcomeUnknown):
            self._recorder.complete(session.process, "info", argument, gateway, answer.reason)
        else:
            self._recorder.complete(session.process, "fail", argument, gateway, answer.reason)
        if isinstance(answer, OutcomeUnknown) or self._session is not None:
            session.close()
        else:
            self._session = session
        return answer


def _asked(operation: Get | Put | Sql) -> Operation:
    """Return what is asked of the database: a statement of SQL is a whole transaction."""
    return Transact("serializable", (operation,)) if isinstance(operation, Sql) else operation


def _recorded(operation: Get | Put | Sql) -> tuple[str, Any]:
    if isinstance(operation, Sql):
        return kind_of(operation.text), [operation.text, list(operation.parameters)]
    if isinstance(operation, Put):
        return "write", operation.value
    assert isinstance(operation, Get)
    return "read", None
