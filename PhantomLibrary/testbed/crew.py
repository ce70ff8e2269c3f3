"""Real threads that do things to one cluster at once, and what became of them.

Threads begin together, behind a barrier, and switch a hundred times as often as usual, so that what can go wrong
between two of them has a chance to. They are not simulated: who comes first is up to the operating system. What the
cluster accepted, and in which order, stands in its schedule, and that replays.

Rule: however this ends, no thread is left that could still change the cluster.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Barrier, BrokenBarrierError, Event, Thread
from types import FrameType

from msgspec import Struct

from PhantomLibrary.errors import InvalidState, PhantomError, RunEnded

THREADS_MAX = 256
"""More would spend their time on taking turns."""

_SWITCH_S = 0.00005  # Of the interpreter, 0.005 by default.
_LOOK_EVERY_S = 0.02
_GRACE_S = 0.4  # For what a thread has begun, and once more for what has to be broken off.


class Operation(Struct, frozen=True):
    """Something that threads do again and again: what it is called, and how it is done."""

    text: str
    do: Callable[[], object]


class Trouble(Struct, frozen=True):
    """An exception in a thread. `round` counts from 1."""

    thread: str
    round: int
    operation: str
    error: BaseException

    @property
    def is_refusal(self) -> bool:
        """Whether the request made sense, but not at that moment."""
        return isinstance(self.error, InvalidState)

    @property
    def where(self) -> str:
        return f"{self.thread}, round {self.round}, {self.operation}"

    def __str__(self) -> str:
        what = str(self.error)
        if not isinstance(self.error, PhantomError):
            what = f"{type(self.error).__name__}: {what}"
        return f"{self.where}: {what}"


class CrewReport(Struct, frozen=True):
    """What threads have done: how often each operation, what was refused, and what broke. `late` tells, where they
    were not done by their deadline, what each one was doing; `stuck` counts those that could not be ended.
    """

    done: dict[str, int]
    refused: dict[str, int]
    troubles: tuple[Trouble, ...]
    late: tuple[str, ...]
    stuck: int
    wall_s: float


class _Broken(BaseException):
    """Raised in a thread that has to end."""


class _Member(Thread):
    """One thread: from its own place in the list of operations on, round and round."""

    def __init__(self, number: int, crew: Crew) -> None:
        super().__init__(name=f"thread {number}", daemon=True)
        self.troubles: list[Trouble] = []
        self.done: list[str] = []
        self.refused: list[str] = []
        self.present = "waits for the others to begin"
        self._number = number
        self._crew = crew

    def run(self) -> None:
        crew = self._crew
        try:
            crew.barrier.wait()
            for turn in range(crew.rounds):
                operation = crew.operations[(self._number + turn) % len(crew.operations)]
                self.present = f"does {operation.text}, round {turn + 1}"
                if crew.stopping.is_set() or not self._do(operation, turn + 1):
                    return
        except (BrokenBarrierError, _Broken):
            pass

    def _do(self, operation: Operation, turn: int) -> bool:
        """Do an operation; return whether to go on."""
        try:
            operation.do()
        except _Broken:
            raise
        except BaseException as error:  # noqa: BLE001 - of whatever kind, it is reported with its thread.
            trouble = Trouble(self.name, turn, operation.text, error)
            if trouble.is_refusal:
                self.refused.append(operation.text)
            self.troubles.append(trouble)
            return trouble.is_refusal
        self.done.append(operation.text)
        return True


class Crew:
    """Threads that do `rounds` operations each. `end_run` is called with a reason when what they are in has to end;
    `describe_waits` tells who waits for whom.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        *,
        threads: int,
        rounds: int,
        end_run: Callable[[str], object],
        describe_waits: Callable[[], list[str]],
    ) -> None:
        assert operations and 0 < threads <= THREADS_MAX and rounds > 0
        self.operations = operations
        self.rounds = rounds
        self.barrier = Barrier(threads)
        self.stopping = Event()
        self._end_run = end_run
        self._describe_waits = describe_waits
        self._members = [_Member(number, self) for number in range(1, threads + 1)]

    def work(self, deadline_s: float) -> CrewReport:
        """Let all threads work; return when they have ended, or soon after the deadline (wall time).

        An interrupt of the caller ends them all, and the run, before it goes on.
        """
        began_s = time.monotonic()
        late: tuple[str, ...] = ()
        has_waited = False
        with _switching_often():
            try:
                self._start()
                if not self._wait(deadline_s):
                    late = tuple(self._describe())
                    self.stopping.set()
                    self._wait(_GRACE_S)
                has_waited = True
            finally:
                stuck = self._end(f"its threads were {'not done in time' if has_waited else 'interrupted'}")
        return self._report(late, stuck, time.monotonic() - began_s)

    def _start(self) -> None:
        """Start all threads. Raises InvalidState where the system lets no more of them start."""
        for number, each in enumerate(self._members):
            try:
                each.start()
            except RuntimeError as error:
                raise InvalidState(
                    f"{len(self._members)} threads are too many here: after {number} the system says {str(error)!r}"
                ) from None

    def _wait(self, patience_s: float) -> bool:
        """Wait until all have ended, or so long; return whether they have."""
        end_s = time.monotonic() + patience_s
        for each in self._members:
            while each.is_alive():
                left_s = end_s - time.monotonic()
                if left_s <= 0:
                    return False
                each.join(min(left_s, _LOOK_EVERY_S))
        return True

    def _end(self, reason: str) -> int:
        """End the threads that are left; return how many could not be."""
        self.stopping.set()
        self.barrier.abort()
        if not any(each.is_alive() for each in self._members):
            return 0
        self._end_run(reason)
        if not self._wait(_GRACE_S / 2):
            for each in self._members:
                if each.is_alive() and each.ident is not None:
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(each.ident), ctypes.py_object(_Broken))
            self._wait(_GRACE_S)
        return sum(each.is_alive() for each in self._members)

    def _describe(self) -> Iterator[str]:
        """Tell what each thread that still runs is doing, and what it waits for."""
        yield from self._describe_waits()
        frames = sys._current_frames()
        for each in self._members:
            if each.is_alive():
                where = _place(frames.get(each.ident or 0))
                yield f"{each.name} {each.present}{where}"

    def _report(self, late: tuple[str, ...], stuck: int, wall_s: float) -> CrewReport:
        done: dict[str, int] = {operation.text: 0 for operation in self.operations}
        refused = dict(done)
        for each in self._members:
            for text in each.done:
                done[text] += 1
            for text in each.refused:
                refused[text] += 1
        troubles = [trouble for each in self._members for trouble in each.troubles]
        causes = [each for each in troubles if not isinstance(each.error, RunEnded)]
        # Where something ended the run, the others' errors say no more than that.
        return CrewReport(done, refused, tuple(causes if causes or late else troubles), late, stuck, wall_s)


def _place(frame: FrameType | None) -> str:
    """Return where a thread is, as it would stand in a traceback."""
    if frame is None:
        return ""
    code = frame.f_code
    return f", in {code.co_name} ({code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{frame.f_lineno})"


@contextmanager
def _switching_often() -> Iterator[None]:
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)
