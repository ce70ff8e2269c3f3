"""The clients of one workload: coroutines that issue operations, one at a time each, and record how they end.

- Closed loop: a client issues its next operation as soon as the last one has ended. After a refusal, or an answer in
  no time at all, it backs off for a moment, or virtual time would stand still.
- Open loop: operations arrive whether or not a client is free. They wait in one FIFO for the client that has been free
  longest, and their latency counts from arrival, so that a stall shows in the latency of all that it held up (Tene's
  "coordinated omission"). The FIFO is bounded; what finds it full is counted in `shed`, and never issued. A client is
  made when its first operation arrives, and has a coroutine only while it has something to do: so ten thousand clients
  cost what arrives for them, and one that waits is a few hundred bytes.
- After an unknown outcome the client goes on as a new process in a new session.
- Winding down: nothing new is issued, and what is under way may end. Then the clients share out one last read of each
  key that was written, because a write that nobody reads later proves nothing. At the end of the drain time all that
  is still under way is recorded as `info`. If some operation does not end, the last reads begin after half of the
  drain time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

from PhantomLibrary.domain import MILLISECOND_NS, Answer, Ok, OkSeen, OutcomeUnknown, Refused
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.tasks import Cancelled, Future, Task, TimedOut, sleep
from PhantomLibrary.workloads.kinds import Drawn, Kind, LastRead
from PhantomLibrary.workloads.latency import Latencies
from PhantomLibrary.workloads.recorder import HistoryRecorder
from PhantomLibrary.workloads.session import OpenSession, Session

SetUp: TypeAlias = Callable[[Session], Awaitable[bool]]

WAITING_MAX = 10_000
READERS_MAX = 64
"""How many of the clients that are free share out the last reads."""

BACK_OFF_NS = 10 * MILLISECOND_NS
LAST_READ_BACK_OFF_NS = 100 * MILLISECOND_NS


class Client:
    """One client: who it is in the history, its session, and what it remembers."""

    __slots__ = ("_open_session", "_recorder", "last_read", "process", "session")

    def __init__(self, recorder: HistoryRecorder, open_session: OpenSession, process: int) -> None:
        self._recorder = recorder
        self._open_session = open_session
        self.last_read = LastRead()
        self.process = process
        self.session = open_session(process)

    def renew(self) -> None:
        """Go on as a new process in a new session."""
        self.session.close()
        self.process = self._recorder.new_process()
        self.session = self._open_session(self.process)


class Clients:
    """All clients of one workload. `latencies` and `confirmed` go by function; the latter counts `ok` outcomes."""

    def __init__(
        self, name: str, kind: Kind, scheduler: Scheduler, open_session: OpenSession, recorder: HistoryRecorder
    ) -> None:
        self.name = name
        self.latencies: dict[str, Latencies] = {}
        self.confirmed: dict[str, int] = {}
        self.shed = 0
        self.is_open_loop = False
        self._kind = kind
        self._scheduler = scheduler
        self._open_session = open_session
        self._recorder = recorder
        self._processes: Iterator[int] = iter(())  # Of the clients that were not made yet.
        self._tasks: dict[Client, Task[None]] = {}  # Of the clients that have something to do.
        self._free: deque[Client] = deque()
        self._waiting: deque[int] = deque()
        self._is_stopping = False
        self._issuing = 0  # Clients that may still issue operations of the load.
        self._all_issued: Future[None] = Future(scheduler)
        self._set_up: SetUp | None = getattr(kind, "set_up", None)
        self._has_begun = False
        self._is_set_up: Future[None] = Future(scheduler)
        self._unread: deque[str] | None = None  # Keys that still need their last read, and that no client reads now.
        self._unread_total = 0

    def start(self, clients: int) -> None:
        """Let so many clients work: at once in a closed loop, as operations arrive in an open one."""
        self._processes = iter(self._recorder.reserve(clients))
        if not self.is_open_loop:
            for process in self._processes:
                self._begin(self._make(process))
        elif self._set_up is not None:
            self._begin(self._make(next(self._processes)))

    def arrive(self) -> None:
        """Hand an operation that arrives now to a free client, or let it wait for one."""
        process = next(self._processes, None)
        if process is not None:
            self._begin(self._make(process), self._scheduler.now_ns)
        elif self._free:
            self._begin(self._free.popleft(), self._scheduler.now_ns)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append(self._scheduler.now_ns)
        else:
            self.shed += 1

    @property
    def waiting(self) -> int:
        """How many operations wait for a free client."""
        return len(self._waiting)

    @property
    def busy(self) -> int:
        """How many clients have something to do."""
        return len(self._tasks)

    async def wind_down(self, drain_ns: int) -> None:
        """Bring all clients to their end, within the drain time."""
        self._is_stopping = True
        self.shed += len(self._waiting)
        self._waiting.clear()
        self._processes = iter(())
        for number, client in enumerate(self._free):
            if number < READERS_MAX:
                self._begin(client)
            else:
                client.session.close()
        self._free.clear()
        self._scheduler.after(drain_ns, self._cut_off)
        if self._tasks:
            await self._end_issuing(drain_ns // 2)
        for task in list(self._tasks.values()):
            await task.done.wait()

    async def _end_issuing(self, within_ns: int) -> None:
        """Wait until no client issues operations of the load any more; the last reads wait no longer than that."""
        try:
            await self._all_issued.wait(timeout_ns=within_ns)
        except TimedOut:
            if not self._all_issued.is_set:  # It may have been set in this very instant.
                self._all_issued.set(None)

    def _make(self, process: int) -> Client:
        return Client(self._recorder, self._open_session, process)

    def _begin(self, client: Client, arrival_ns: int | None = None) -> None:
        """Let a client do what has arrived for it, and what waits."""
        self._issuing += 1
        self._tasks[client] = Task(self._scheduler, self._live(client, arrival_ns), self.name)

    def _cut_off(self, _argument: None) -> None:
        for task in self._tasks.values():
            task.cancel()

    async def _live(self, client: Client, arrival_ns: int | None) -> None:
        try:
            if self._set_up is not None:
                await self._be_set_up(client, self._set_up)
            await self._serve(client, arrival_ns)
            self._issuing -= 1
            if self._is_stopping:
                if not self._issuing and not self._all_issued.is_set:
                    self._all_issued.set(None)
                await self._all_issued.wait()
                await self._read_last(client)
        except Cancelled:
            return  # The drain time is over.
        finally:
            del self._tasks[client]
            if self._is_stopping:
                client.session.close()
            else:
                self._free.append(client)

    async def _be_set_up(self, client: Client, set_up: SetUp) -> None:
        """Wait until there is what the operations need. The first client sees to it; it is not in the history."""
        if self._has_begun:
            await self._is_set_up.wait()
            return
        self._has_begun = True
        while not self._is_stopping and not await set_up(client.session):
            await sleep(LAST_READ_BACK_OFF_NS)
        self._is_set_up.set(None)

    async def _serve(self, client: Client, arrival_ns: int | None) -> None:
        """Issue operations of the load: in an open loop until none waits, in a closed one until the workload stops."""
        scheduler, kind, waiting = self._scheduler, self._kind, self._waiting
        while True:
            is_open_loop = self.is_open_loop
            if arrival_ns is None:
                if self._is_stopping or (is_open_loop and not waiting):
                    return
                arrival_ns = self._take_waiting() if is_open_loop else scheduler.now_ns
            issue_ns = scheduler.now_ns
            drawn = kind.draw(client.last_read)
            answer = await self._perform(client, drawn)
            if isinstance(answer, Ok):
                self._sample(drawn[0], arrival_ns)
            arrival_ns = None
            if not is_open_loop and (scheduler.now_ns == issue_ns or type(answer) is Refused):
                await sleep(BACK_OFF_NS)

    def _take_waiting(self) -> int:
        """Take what has waited longest for a client; return when it arrived."""
        return self._waiting.popleft()

    def _sample(self, function: str, arrival_ns: int) -> None:
        """Note how long an operation took that has been answered now: from its arrival, however late it was issued."""
        samples = self.latencies.get(function)
        if samples is None:
            samples = self.latencies[function] = Latencies()
        now_ns = self._scheduler.now_ns
        samples.add(now_ns, now_ns - arrival_ns)

    async def _perform(self, client: Client, drawn: Drawn) -> Answer:
        """Issue one operation and record how it ends."""
        function, key, argument, operation = drawn
        process, session, complete = client.process, client.session, self._recorder.complete
        self._recorder.invoke(process, function, key, argument, self.name, session.node)
        try:
            answer = await (operation(session) if callable(operation) else session.call(operation))
        except Cancelled:
            complete(process, "info", argument, session.node, "the workload was stopped before an answer came")
            raise
        if isinstance(answer, Ok):
            outcome, value, error = self._kind.interpret(drawn, answer.value, client.last_read)
            if type(answer) is OkSeen and answer.values:  # Of several regions that knew nothing of each other.
                value = [self._kind.interpret(drawn, each, client.last_read)[1] for each in answer.values]
            complete(process, outcome, value, session.node, error)
            if outcome == "ok":
                self.confirmed[function] = self.confirmed.get(function, 0) + 1
        elif isinstance(answer, OutcomeUnknown):
            complete(process, "info", argument, session.node, answer.reason)
            client.renew()
        else:
            complete(process, "fail", argument, session.node, answer.reason)
        return answer

    async def _read_last(self, client: Client) -> None:
        """Read keys that were written, until each of them was read once by some client of this workload.

        A key whose read failed goes back to the others: this client's gateway may be the only one that does not serve.
        """
        if self._unread is None:
            self._unread = deque(self._kind.keys.written())
            self._unread_total = len(self._unread)
        while self._unread_total:
            if self._unread:
                key = self._unread.popleft()
                if isinstance(await self._perform(client, self._kind.last_read(key)), Ok):
                    self._unread_total -= 1
                    continue
                self._unread.append(key)
            await sleep(LAST_READ_BACK_OFF_NS)
