"""Client sessions of one shard: what makes a retried command happen once.

A session is opened by a command of its own and numbered by that command's index, and its shard, so a number that is
not in the table was evicted, never merely unheard of: a retry in it is refused instead of done twice. Each session
remembers its last command. It goes along with the keys when shards split and merge, for its number is no other one's.

Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), 6.3.
"""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.database.messages import Done, Execute, Outcome, SessionExpired
from PhantomLibrary.domain import ShardId

_SHARD_BITS = 20


def session_number(shard: ShardId, index: int) -> int:
    """Return the number of the session that a shard opens by the command at `index`."""
    return index << _SHARD_BITS | shard


class Remembered(Struct, gc=False, array_like=True):
    """The last command of a session and its result."""

    sequence: int
    value: str | None


class SessionTable:
    """Sessions in the order in which they were last used, at most `sessions_max`, the least recent evicted first."""

    def __init__(self, sessions_max: int) -> None:
        self._sessions_max = sessions_max
        self._sessions: dict[int, Remembered] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, number: int) -> None:
        """Begin a session, and evict the least recently used one if there are too many."""
        self._sessions[number] = Remembered(0, None)
        while len(self._sessions) > self._sessions_max:
            del self._sessions[next(iter(self._sessions))]

    def recall(self, command: Execute) -> Outcome | None:
        """Return what to answer without doing the command, or None when it is to be done now."""
        remembered = self._sessions.get(command.session)
        if remembered is None:
            return SessionExpired()
        if command.sequence > remembered.sequence:
            return None
        if command.sequence == remembered.sequence:
            return Done(remembered.value)
        return SessionExpired()  # An attempt from before the last command: nobody waits for it any more.

    def remember(self, command: Execute, value: str | None) -> None:
        """Note the result of a command that was just done."""
        remembered = self._sessions.pop(command.session)
        remembered.sequence, remembered.value = command.sequence, value
        self._sessions[command.session] = remembered

    def absorb(self, sessions: list[tuple[int, int, str | None]]) -> None:
        """Take over another shard's. Where both know one, what came later counts: a session has one command at a
        time.
        """
        for number, sequence, value in sessions:
            known = self._sessions.get(number)
            if known is None or known.sequence < sequence:
                self._sessions[number] = Remembered(sequence, value)

    def dump(self) -> list[tuple[int, int, str | None]]:
        """Return the sessions, least recently used first."""
        return [(number, each.sequence, each.value) for number, each in self._sessions.items()]

    def load(self, sessions: list[tuple[int, int, str | None]]) -> None:
        """Take over what `dump` returned."""
        self._sessions = {number: Remembered(sequence, value) for number, sequence, value in sessions}
