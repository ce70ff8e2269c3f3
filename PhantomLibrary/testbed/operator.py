"""The operator: the client behind keywords that read and write single keys.

It issues one operation at a time, and its operations stand in the history like anybody's.
"""

from __future__ import annotations

from PhantomLibrary.domain import Answer, Get, Ok, Operation, OutcomeUnknown, Put
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.sessions import GatewaySession, SessionPool
from PhantomLibrary.workloads.recorder import HistoryRecorder

WORKLOAD = "operator"


class Operator:
    """Performs single operations as tasks."""

    def __init__(self, scheduler: Scheduler, sessions: SessionPool, recorder: HistoryRecorder) -> None:
        self._scheduler = scheduler
        self._sessions = sessions
        self._recorder = recorder
        self._process = -1
        self._session: GatewaySession | None = None

    def begin(self, operation: Operation) -> Task[Answer]:
        """Start an operation, and return the task whose result will be its answer."""
        return Task(self._scheduler, self._perform(operation), "operator")

    async def _perform(self, operation: Operation) -> Answer:
        session = self._open()
        function, argument = _recorded(operation)
        self._recorder.invoke(session.process, function, operation.key, argument, WORKLOAD, session.node)
        gateway = session.node
        answer = await session.call(operation)
        if isinstance(answer, Ok):
            value = answer.value if isinstance(operation, Get) else argument
            self._recorder.complete(session.process, "ok", value, gateway)
        elif isinstance(answer, OutcomeUnknown):
            self._recorder.complete(session.process, "info", argument, gateway, answer.reason)
            session.close()
            self._session = None
        else:
            self._recorder.complete(session.process, "fail", argument, gateway, answer.reason)
        return answer

    def _open(self) -> GatewaySession:
        if self._session is None:
            self._session = self._sessions.open(self._recorder.new_process())
        return self._session


def _recorded(operation: Operation) -> tuple[str, str | None]:
    if isinstance(operation, Put):
        return "write", operation.value
    assert isinstance(operation, Get)
    return "read", None
