"""A database that is one dictionary: linearizable in virtual time, and as unhelpful as a test wants it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from PhantomLibrary.domain import (
    MILLISECOND_NS,
    Answer,
    Append,
    Cas,
    Get,
    HistoryEvent,
    Ok,
    Operation,
    OutcomeUnknown,
    Put,
    Refused,
)
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Stream, Streams
from PhantomLibrary.kernel.tasks import Future, sleep
from PhantomLibrary.workloads.recorder import HistoryRecorder
from PhantomLibrary.workloads.workload import Workload, WorkloadSpec


class Database:
    """Performs an operation in the middle of its latency, and answers as `answer_with` decides."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.content: dict[str, str] = {}
        self.latency_ns: Callable[[], int] = lambda: MILLISECOND_NS
        self.outcome: Callable[[], str] = lambda: "ok"
        self.stalled: Future[None] | None = None
        self.refusing: set[str] = set()
        self.opened: list[int] = []
        self.closed: list[int] = []

    def open(self, process: int) -> FakeSession:
        self.opened.append(process)
        return FakeSession(self, process)

    def stall(self) -> None:
        self.stalled = Future(self.scheduler)

    def resume(self) -> None:
        assert self.stalled is not None
        self.stalled.set(None)
        self.stalled = None

    def perform(self, operation: Operation) -> str | None:
        content, key = self.content, operation.key
        if isinstance(operation, Get):
            return content.get(key)
        if isinstance(operation, Put):
            content[key] = operation.value
        elif isinstance(operation, Cas):
            if content.get(key) != operation.expected:
                return "0"
            content[key] = operation.value
            return "1"
        elif isinstance(operation, Append):
            content[key] = f"{content[key]} {operation.element}" if key in content else operation.element
        else:
            content[key] = str(int(content.get(key, "0")) + operation.amount)
        return None


class FakeSession:
    def __init__(self, database: Database, process: int) -> None:
        self.database = database
        self.process = process
        self.node = f"n{process % 3 + 1}"

    async def call(self, operation: Operation) -> Answer:
        database = self.database
        outcome, latency_ns = database.outcome(), database.latency_ns()
        if outcome == "refused at once" or self.node in database.refusing:
            return Refused("no leader")
        if latency_ns:
            await sleep(latency_ns // 2)
        if database.stalled is not None:
            await database.stalled.wait()
        text = database.perform(operation) if outcome in ("ok", "unknown, happened") else None
        if latency_ns:
            await sleep(latency_ns - latency_ns // 2)
        if outcome == "ok":
            return Ok(text)
        return Refused("no leader") if outcome == "refused" else OutcomeUnknown("timed out")

    def close(self) -> None:
        assert self.process not in self.database.closed
        self.database.closed.append(self.process)


class Bench(SimpleNamespace):
    """A scheduler, a database and a recorder, and workloads on them."""

    def __init__(self, seed: int = 1) -> None:
        self.scheduler = Scheduler()
        self.streams = Streams(seed)
        self.database = Database(self.scheduler)
        self.recorder = HistoryRecorder(self.scheduler)

    def workload(self, kind: str = "register", **settings: object) -> Workload:
        spec = WorkloadSpec(kind, **settings)  # type: ignore[arg-type]
        return Workload(spec, self.scheduler, self.streams, self.database.open, self.recorder)

    def started(self, kind: str = "register", **settings: object) -> Workload:
        workload = self.workload(kind, **settings)
        workload.start()
        return workload

    def run_for(self, duration_ns: int) -> None:
        self.scheduler.run_until(self.scheduler.now_ns + duration_ns, events_max=3_000_000)

    def stop(self, workload: Workload, drain_ns: int = 10_000 * MILLISECOND_NS) -> None:
        stopped = workload.stop(drain_ns)
        goal_ns = self.scheduler.now_ns + drain_ns
        assert self.scheduler.run_until(goal_ns, condition=lambda: stopped.is_set, events_max=1_000_000)

    def unhelpful(self, chances: list[str]) -> None:
        """Let each operation meet one of these fates, all equally likely, and take up to 20 ms."""
        stream = Stream(self.streams.seed, "database")
        self.database.outcome = lambda: chances[stream.below(len(chances))]
        self.database.latency_ns = lambda: stream.below(20 * MILLISECOND_NS)

    def of_type(self, type_: str) -> list[HistoryEvent]:
        return [event for event in self.recorder.events if event.type == type_]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def make_bench() -> type[Bench]:
    return Bench
