"""Transactions that a test holds open: one client each, with a process number and a session of its own.

What a client knows of its transaction follows from its answers alone. A statement that was refused, or that nobody
answered, means that it is rolled back: only the gateway which runs it could have it committed, and nobody has asked for
that. A commit that nobody answered is unknown.

Each stands in the history as one operation `txn`, from its begin to its end; see checking/transactions/form.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.domain import (
    Answer,
    Begin,
    Commit,
    Delete,
    Get,
    Ok,
    OutcomeUnknown,
    Put,
    Refused,
    Rollback,
    Scan,
    Sql,
    Statement,
    StatementFailed,
    Update,
    Within,
)
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.protocols.transactions.values import TransactionId
from PhantomLibrary.testbed.sessions import GatewaySession
from PhantomLibrary.workloads.recorder import HistoryRecorder

WORKLOAD = "transactions"
FUNCTION = "txn"
UPDATE = "update"  # The micro-operation of a whole range, of which no checker of single keys knows.
SQL = "sql"  # That of a statement of SQL, which none knows of either: [SQL, its text, its parameters].
Known: TypeAlias = Literal["open", "committed", "aborted", "unknown"]
_read_rows = msgspec.json.Decoder(list[tuple[str, str]]).decode


class ClientTransaction:
    """One transaction, as its client knows it. `task` is its latest request.

    `look` returns it as its gateway has it, None where that has lost it: for those who watch, not for the client.
    """

    def __init__(
        self,
        name: str,
        isolation: str,
        session: GatewaySession,
        *,
        scheduler: Scheduler,
        recorder: HistoryRecorder,
        look: Callable[[], OpenTransaction | None],
    ) -> None:
        self.name = name
        self.isolation = isolation
        self.known: Known = "open"
        self.reason = ""  # Why it is not committed.
        self.id: TransactionId | None = None
        self.is_committing = False
        self.is_owed = False  # Whoever asked went on before the answer came, and has not been told of it.
        self._is_rolling_back = False
        self.look = look
        self.gateway = session.node
        self._session = session
        self._scheduler = scheduler
        self._recorder = recorder
        self._steps: list[list[Any]] = []
        recorder.invoke(session.process, FUNCTION, None, [], WORKLOAD, self.gateway)
        self.task = self._start(self._begin())

    @property
    def is_open(self) -> bool:
        return self.known == "open"

    @property
    def is_blocked(self) -> bool:
        """Whether the statement under way waits for a lock."""
        running = self.look()
        return not self.task.is_done and running is not None and running.state == "blocked"

    # --- what the client asks for -----------------------------------------------------------------------------------

    def perform(self, statement: Statement) -> Task[Answer]:
        return self._start(self._perform(statement))

    def commit(self) -> Task[Answer]:
        self.is_committing = True
        return self._start(self._commit())

    def roll_back(self) -> Task[Answer]:
        """Roll it back, whatever it waits for."""
        self._is_rolling_back = True
        self._session.interrupt(Refused("it was rolled back meanwhile"))
        return self._start(self._roll_back())

    def _start(self, story: Any) -> Task[Answer]:
        self.task = Task(self._scheduler, story, f"transaction {self.name}")
        return self.task

    async def _begin(self) -> Answer:
        answer = await self._session.call(Begin(self.isolation))
        running = self.look()
        if isinstance(answer, Ok) and running is not None:
            self.id = running.id
        else:
            self._end("aborted", "its gateway was lost" if isinstance(answer, Ok) else answer.reason)
        return answer

    async def _perform(self, statement: Statement) -> Answer:
        answer = await self._session.call(Within(statement))
        if isinstance(answer, StatementFailed):
            return answer
        self._note(_steps(statement, answer.value if isinstance(answer, Ok) else None))
        if isinstance(answer, Ok) or self._is_rolling_back:
            return answer
        self._end("aborted", answer.reason)
        return Refused(answer.reason)

    async def _commit(self) -> Answer:
        answer = await self._session.call(Commit())
        if isinstance(answer, Ok):
            self._end("committed", "")
        else:
            self._end("unknown" if isinstance(answer, OutcomeUnknown) else "aborted", answer.reason)
        return answer

    async def _roll_back(self) -> Answer:
        await self._session.call(Rollback())  # Without an answer it is as good: nobody asks for its commit any more.
        self._end("aborted", "it was asked for")
        return Ok()

    def _end(self, known: Known, reason: str) -> None:
        if not self.is_open:
            return
        process, self.known, self.reason = self._session.process, known, reason
        if known == "committed":
            self._recorder.complete(process, "ok", self._steps, self.gateway)
        else:
            kind: Literal["info", "fail"] = "info" if known == "unknown" else "fail"
            self._recorder.complete(process, kind, _asked(self._steps), self.gateway, reason)
        self._session.close()

    def _note(self, steps: list[list[Any]]) -> None:
        if self.is_open:
            self._steps += steps
            self._recorder.restate(self._session.process, _asked(self._steps))


def _asked(steps: list[list[Any]]) -> list[list[Any]]:
    """Return micro-operations as they were asked for: without what was read."""
    return [[function, key, None if function == "r" else value] for function, key, value in steps]


def _steps(statement: Statement, result: str | None) -> list[list[Any]]:
    """Return the micro-operations of a statement: a range counts as the rows that were found in it."""
    match statement:
        case Get():
            return [["r", statement.key, result]]
        case Put():
            return [["w", statement.key, statement.value]]
        case Delete():
            return [["w", statement.key, None]]
        case Scan():
            return [["r", key, value] for key, value in (_read_rows(result) if result else ())]
        case Sql():
            return [[SQL, statement.text, list(statement.parameters)]]
        case Update():
            return [[UPDATE, statement.start, [statement.end, statement.change, statement.value]]]
    raise AssertionError(f"no verb performs {statement}")
