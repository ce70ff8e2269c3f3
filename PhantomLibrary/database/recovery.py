"""What a node finds on its disk when it starts: each shard's state from its records, and what of it is lost.

A replica whose log or snapshot is damaged keeps what comes before the damage, and the mark of it until it was
repaired. Its term and vote stand in the log and in a file of their own, so one of them may be lost; if both are, nobody
knows what it has promised, and the replica is no better than one on an empty disk.
"""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.database.records import Existence, SnapshotMark, Stored, StoredEntries, StoredState
from PhantomLibrary.domain import LogEntry, ShardId
from PhantomLibrary.protocols.raft.configuration import LOST
from PhantomLibrary.protocols.raft.messages import Damaged, Recovered, Repaired, Snapshot, SnapshotPart


class OwnFile(Struct, frozen=True):
    """A shard's vote or snapshot file, decoded. `is_bad`: there is one, and it cannot be believed."""

    content: StoredState | Snapshot | None = None
    is_bad: bool = False


class Recovery(Struct, frozen=True):
    """What was found on a disk: replicas, and of those that are gone the highest number a shard.

    `is_whole`: it is all that there ever was, on a disk that was never lost.
    """

    replicas: dict[ShardId, Recovered]
    gone: dict[ShardId, int]
    is_whole: bool = True


class Replay:
    """Builds one shard's state from its records, in order."""

    def __init__(self, number: int) -> None:
        self.gone: int | None = None
        self._begin(number, holds=True)

    def _begin(self, number: int, *, holds: bool) -> None:
        self.number = number
        self.holds = holds
        self.term = 0
        self.vote = ""
        self.entries: list[LogEntry] = []
        self.snapshot_index = 0  # The snapshot file goes as far as this, or farther.
        self.was_damaged = False

    def take(self, record: Stored) -> None:
        match record:
            case Existence(number, holds):
                self._begin(number, holds=holds)
                self.gone = self.gone if holds else number
            case StoredState():
                self.promise(record)
            case StoredEntries(entries):
                first = entries[0].index
                while self.entries and self.entries[-1].index >= first:
                    self.entries.pop()
                if self.entries and self.entries[-1].index != first - 1:
                    self.entries.clear()
                self.entries.extend(LogEntry(each.index, each.term, each.command) for each in entries)
            case SnapshotMark(keeps_tail, index):
                self.snapshot_index = max(self.snapshot_index, index)
                if not keeps_tail:
                    self.entries.clear()
            case Damaged() | Repaired():
                self.was_damaged = type(record) is Damaged

    def promise(self, state: StoredState) -> None:
        """Take a term and vote; the highest that was written anywhere holds."""
        if (state.term, state.vote != "") >= (self.term, self.vote != ""):
            self.term, self.vote = state.term, state.vote

    def finish(
        self, snapshot: OwnFile, vote: OwnFile, parts: tuple[SnapshotPart, ...] = (), *, log_is_damaged: bool
    ) -> Recovered:
        number = self.number
        if isinstance(vote.content, StoredState):
            self.promise(vote.content)
        elif log_is_damaged:
            number = LOST
        found = snapshot.content if isinstance(snapshot.content, Snapshot) else None
        is_missing = snapshot.is_bad or self.snapshot_index > (found.index if found else 0)
        entries = self._entries_after(found)
        has_gap = bool(entries) and entries[0].index != (found.index if found else 0) + 1
        damaged = log_is_damaged or is_missing or has_gap or self.was_damaged
        return Recovered(self.term, self.vote, found, () if has_gap else tuple(entries), number, damaged, parts)

    def _entries_after(self, snapshot: Snapshot | None) -> list[LogEntry]:
        entries = self.entries
        if snapshot is None or not entries:
            return entries
        position = snapshot.index - entries[0].index
        agrees = position < 0 or (position < len(entries) and entries[position].term == snapshot.term)
        # The file is written before the log's mark: without the mark, only a log that agrees may keep its tail.
        return entries[max(0, position + 1) :] if agrees else []
