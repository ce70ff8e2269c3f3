"""The sessions that a gateway has for its clients' processes, one at each shard where they write."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from PhantomLibrary.database.calls import Call, Session
from PhantomLibrary.domain import Answer, Ok, ShardId

_SESSIONS_KEPT = 4096
GoOn: TypeAlias = Callable[[Call, Answer], object]


class ClientSessions:
    """Opens each session once, however many calls wait for it; they go on with the answer. `open_one` asks a shard."""

    def __init__(self, open_one: Callable[[Call, Callable[[Answer], object]], object], go_on: GoOn) -> None:
        self._open_one = open_one
        self._go_on = go_on
        self._sessions: dict[tuple[int, ShardId], Session] = {}
        self._waiting: dict[tuple[int, ShardId], list[Call]] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def is_waiting(self) -> bool:
        """Whether some session is being opened."""
        return bool(self._waiting)

    def join(self, call: Call) -> bool:
        """Give a call its place in the session that it needs; return whether there is one, else one is opened."""
        key = (call.process, call.shard)
        session = self._sessions.get(key)
        if session is not None:
            session.sequence += 1
            call.session, call.sequence = session, session.sequence
        elif key in self._waiting:
            self._waiting[key].append(call)
        else:
            self._waiting[key] = [call]
            self._open_one(call, lambda answer: self._opened(key, answer))
        return session is not None

    def _opened(self, key: tuple[int, ShardId], answer: Answer) -> None:
        if type(answer) is Ok:
            if len(self._sessions) >= _SESSIONS_KEPT:
                del self._sessions[next(iter(self._sessions))]
            self._sessions[key] = Session(int(answer.value or "0"))
        for waiting in self._waiting.pop(key):
            self._go_on(waiting, answer)

    def drop(self, call: Call) -> None:
        """The session of a call is not known any more to its shard."""
        key = (call.process, call.shard)
        if self._sessions.get(key) is call.session:
            del self._sessions[key]
