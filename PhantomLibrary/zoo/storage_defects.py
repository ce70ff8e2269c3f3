"""Defects of what a node keeps: its disk and its clients' sessions."""

from __future__ import annotations

from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import Execute, Outcome, SessionExpired
from PhantomLibrary.database.performer import Performer
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.database.shard_state import SnapshotHead
from PhantomLibrary.protocols.raft.effects import Effect


class WaitsForNoDisk(Performer):
    """Performs what stands behind a Persist without waiting for it."""

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._handlers[type(effect)](effect)


class RemembersNothing(SessionTable):
    """Does a command whenever it comes, as long as its session is known."""

    def recall(self, command: Execute) -> Outcome | None:
        known = super().recall(command)
        return known if isinstance(known, SessionExpired) and command.session not in self._sessions else None


class RestoresTooLittle(ShardMachine):
    """Takes over a snapshot without the newest version of its last key that has several."""

    def restore(self, chunks: tuple[bytes, ...]) -> None:
        super().restore(chunks)
        for key, versions in reversed(list(self._store.items())):
            if len(versions) > 1:
                self._store.load(key, versions[:-1])
                return


class SavesNoSessions(ShardMachine):
    """Takes over a snapshot without the sessions, as if no command had been done in any."""

    def _restore_sessions(self, head: SnapshotHead) -> None:
        self._sessions.load([(number, 0, None) for number, _, _ in head.sessions])
