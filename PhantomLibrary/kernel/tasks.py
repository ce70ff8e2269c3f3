"""Coroutines in virtual time, for those who read better as a story: clients, operators, workloads.

A coroutine waits in two ways: `await sleep(delay_ns)` and `await future.wait()`. Both hand a request to the task
that drives it, which asks the scheduler to go on later. A task can be cancelled while it waits: `Cancelled` is
raised inside it, so that its `finally` blocks run. Never asyncio: its loop costs many times as much an event and
reads the wall clock.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from PhantomLibrary.kernel.scheduler import Scheduler

Value = TypeVar("Value")


class Cancelled(Exception):
    """Raised inside a coroutine whose task was cancelled."""


class TimedOut(Exception):
    """A wait with a time limit has reached it."""


class Future(Generic[Value]):
    """A value that comes later. Set it once; whoever waits goes on in the same instant, in the order of waiting."""

    __slots__ = ("_scheduler", "_value", "_waiters", "is_set")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waiters: list[tuple[Task[Any], int]] = []
        self._value: Value | None = None
        self.is_set = False

    def set(self, value: Value) -> None:
        assert not self.is_set, "a future is set once"
        self.is_set = True
        self._value = value
        for task, stamp in self._waiters:
            self._scheduler.soon(task._wake, (stamp, value, None))
        self._waiters.clear()

    @property
    def value(self) -> Value:
        assert self.is_set, "the future is not set yet"
        return self._value  # type: ignore[return-value]

    @types.coroutine
    def wait(self, timeout_ns: int | None = None) -> Generator[Any, Any, Value]:
        """Return the value as soon as it is set. Raises TimedOut when that takes longer than `timeout_ns`."""
        if self.is_set:
            return self.value
        received: Value = yield (self, timeout_ns)
        return received


@types.coroutine
def sleep(delay_ns: int) -> Generator[int, None, None]:
    """Let `delay_ns` of virtual time pass."""
    yield delay_ns


class Task(Generic[Value]):
    """Drives one coroutine from its first step, which happens later in the present instant, to its end.

    `result` is what the coroutine returned; asking for it raises what the coroutine raised, Cancelled included. An
    error that nobody asks for ends the run: `on_error` is called with it.
    """

    __slots__ = ("_coroutine", "_done", "_error", "_on_error", "_result", "_scheduler", "_stamp", "is_done", "name")

    def __init__(
        self,
        scheduler: Scheduler,
        coroutine: Coroutine[Any, Any, Value],
        name: str = "",
        on_error: Callable[[BaseException], None] | None = None,
    ) -> None:
        self.name = name
        self.is_done = False
        self._done: Future[Task[Value]] | None = None
        self._scheduler = scheduler
        self._coroutine = coroutine
        self._stamp = 0
        self._result: Value | None = None
        self._error: Exception | None = None
        self._on_error = on_error
        scheduler.soon(self._wake, (0, None, None))

    @property
    def done(self) -> Future[Task[Value]]:
        """What is set to the task itself at its end. It is made when somebody asks: most tasks nobody waits for."""
        if self._done is None:
            self._done = Future(self._scheduler)
            if self.is_done:
                self._done.set(self)
        return self._done

    @property
    def result(self) -> Value:
        assert self.is_done, f"task {self.name!r} has not ended"
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]

    def cancel(self) -> None:
        """Raise Cancelled inside the coroutine, later in this instant. Does nothing after its end."""
        if not self.is_done:
            self._stamp += 1
            self._scheduler.soon(self._wake, (self._stamp, None, Cancelled()))

    def _wake(self, reason: tuple[int, Any, Exception | None]) -> None:
        stamp, value, error = reason
        if stamp != self._stamp or self.is_done:
            return  # Overtaken: the wait ended in another way before.
        self._stamp += 1
        try:
            request = self._coroutine.send(value) if error is None else self._coroutine.throw(error)
        except StopIteration as stop:
            self._result = stop.value
            self._end()
        except Cancelled as cancelled:
            self._error = cancelled
            self._end()
        except Exception as failure:  # Kept for whoever asks for the result; a decision of its reader, not swallowed.
            self._error = failure
            self._end()
            if self._on_error is not None:
                self._on_error(failure)
            else:
                raise
        else:
            self._park(request)

    def _end(self) -> None:
        self.is_done = True
        if self._done is not None:
            self._done.set(self)

    def _park(self, request: int | tuple[Future[Any], int | None]) -> None:
        stamp = self._stamp
        if type(request) is int:
            self._scheduler.after(request, self._wake, (stamp, None, None))
            return
        assert type(request) is tuple, f"task {self.name!r} awaited something that is not of this kernel: {request!r}"
        future, timeout_ns = request
        if timeout_ns is not None:
            # Who waits again and again must not fill the list with waits that timed out.
            future._waiters = [each for each in future._waiters if each[1] == each[0]._stamp]
            self._scheduler.after(timeout_ns, self._wake, (stamp, None, TimedOut()))
        future._waiters.append((self, stamp))


class TimeoutQueue:
    """Time limits of one length: a FIFO with a single pending event, because most are met and never looked at again."""

    __slots__ = ("_delay_ns", "_on_timeout", "_pending", "_scheduler", "_waiting")

    def __init__(self, scheduler: Scheduler, delay_ns: int, on_timeout: Callable[[Future[Any]], object]) -> None:
        self._scheduler = scheduler
        self._delay_ns = delay_ns
        self._on_timeout = on_timeout
        self._waiting: deque[tuple[int, Future[Any]]] = deque()
        self._pending = False

    def add(self, future: Future[Any]) -> None:
        """Call `on_timeout(future)` when the delay has passed and the future is still not set."""
        self._waiting.append((self._scheduler.now_ns + self._delay_ns, future))
        if not self._pending:
            self._pending = True
            self._scheduler.after(self._delay_ns, self._look)

    def _look(self, _argument: Any) -> None:
        waiting, now_ns = self._waiting, self._scheduler.now_ns
        while waiting and (waiting[0][1].is_set or waiting[0][0] <= now_ns):
            _, future = waiting.popleft()
            if not future.is_set:
                self._on_timeout(future)
        self._pending = bool(waiting)
        if waiting:
            self._scheduler.at(waiting[0][0], self._look)
