"""Whose turn it is: the one lock of a cluster, which threads get in the order in which they came.

A thread that has its turn may take it again. Whoever lets virtual time go on gives way between two instants, so that
others need not wait for the end of a long `advance`. A plain `threading.RLock` promises no order: a thread that comes
back at once could keep all others out.

Source: the monitor of Hoare, "Monitors: An Operating System Structuring Concept" (CACM 1974), with one queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, current_thread, get_ident

_NOBODY = 0
_LOOK_EVERY_S = 0.05  # How soon a thread that waits notices that it is to end.
_FOR_EVER_S = float("inf")


class _Waiting:
    """A thread in the queue; `depth` is how often it holds the lock when its turn has come."""

    __slots__ = ("depth", "ident", "name", "ticket")

    def __init__(self, depth: int) -> None:
        self.ident = get_ident()
        self.name = current_thread().name
        self.depth = depth
        self.ticket = Lock()
        self.ticket.acquire()


class Turns:
    """A lock that is reentrant and fair. `is_shared` says that more than one thread has come."""

    def __init__(self) -> None:
        self._mutex = Lock()  # Held for a few instructions, never while waiting.
        self._holder = _NOBODY
        self._holder_name = ""
        self._depth = 0
        self._queue: deque[_Waiting] = deque()
        self._latest = get_ident()
        self.is_shared = False

    def __enter__(self) -> Turns:
        me = get_ident()
        if self._holder == me:
            self._depth += 1
            return self
        with self._mutex:
            if self._holder == _NOBODY:  # As mostly: nobody else is there.
                self._note(me)
                self._holder, self._holder_name, self._depth = me, current_thread().name, 1
                return self
        self._take(depth=1)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._holder != get_ident():
            return  # An interrupt has come while it gave way: its turn is over.
        self._depth -= 1
        if not self._depth:
            with self._mutex:
                self._pass_on()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for his turn."""
        return bool(self._queue)

    def give_way(self) -> None:
        """Let all who wait have their turns, then go on. The caller has his turn before and after."""
        if self._queue:
            self._take(depth=self._leave())

    @contextmanager
    def asked_for(self, patience_s: float) -> Iterator[bool]:
        """Have a turn if it comes in time (wall time); say whether it has."""
        if self._holder == get_ident():
            self._depth += 1
        elif not self._take(depth=1, patience_s=patience_s):
            yield False
            return
        try:
            yield True
        finally:
            self.__exit__()

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Be out of the queue for as long as others work; nobody but those is expected afterwards."""
        depth = self._leave() if self._holder == get_ident() else 0
        try:
            yield
        finally:
            if depth:
                self._take(depth=depth)
            self.is_shared = bool(self._queue)

    def describe(self) -> list[str]:
        """Return who has his turn and who waits, in order."""
        with self._mutex:
            if self._holder == _NOBODY:
                return []
            return [
                f"{self._holder_name} has its turn",
                *(f"{each.name} waits for its turn, as number {place}" for place, each in enumerate(self._queue, 1)),
            ]

    def _take(self, *, depth: int, patience_s: float = _FOR_EVER_S) -> bool:
        waiting = _Waiting(depth)
        with self._mutex:
            self._note(waiting.ident)
            self._queue.append(waiting)
            if self._holder == _NOBODY:
                self._pass_on()
        return self._await(waiting, patience_s)

    def _note(self, ident: int) -> None:
        if self._latest != ident:
            self._latest, self.is_shared = ident, True

    def _await(self, waiting: _Waiting, patience_s: float) -> bool:
        """Wait for the turn, about so long at most (wall time); return whether it has come."""
        has_come = False
        try:
            while not has_come and patience_s >= 0:
                has_come = waiting.ticket.acquire(timeout=_LOOK_EVERY_S)
                patience_s -= _LOOK_EVERY_S
        finally:
            if not has_come:  # Out of patience, or an interrupt: nobody may wait for this thread.
                with self._mutex:
                    if self._holder == waiting.ident:
                        self._pass_on()
                    else:
                        self._queue.remove(waiting)
        return has_come

    def _leave(self) -> int:
        """Give up the turn, however often it was taken; return how often that was."""
        with self._mutex:
            depth = self._depth
            self._pass_on()
        return depth

    def _pass_on(self) -> None:
        if self._queue:
            heir = self._queue.popleft()
            self._holder, self._holder_name, self._depth = heir.ident, heir.name, heir.depth
            heir.ticket.release()
        else:
            self._holder, self._depth = _NOBODY, 0
