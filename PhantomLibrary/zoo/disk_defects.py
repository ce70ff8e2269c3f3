"""Defects of what a node does with its disk: its log, its frames, its recovery."""

from __future__ import annotations

from typing import Any

import msgspec

from PhantomLibrary.database.frames import Frame, Framing
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import Outcome
from PhantomLibrary.database.records import decode_record
from PhantomLibrary.database.wal import WriteAheadLog
from PhantomLibrary.domain import LogEntry, NodeId, ShardId
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import Recovered, Snapshot


class TriesSyncsAgain(WriteAheadLog):
    """Syncs once more after a sync has failed, and believes that one."""

    def _sync_failed(self, error: str) -> None:
        self._disk.sync(self._sync)


class _TakesAnyRecord(Framing):
    def _is_intact(self, numbers: bytes, body: bytes, checksum: int) -> bool:
        try:
            return bool(decode_record(body))
        except msgspec.DecodeError:
            return super()._is_intact(numbers, body, checksum)


class ChecksNoChecksum(WriteAheadLog):
    """Takes a record of the log for good if it can be decoded."""

    framing = _TakesAnyRecord


class _TakesDamageForATail(Framing):
    def _was_durable(self, number: int, durable: int, *, has_head: bool) -> bool:
        return False


class CutsTheLogAtDamage(WriteAheadLog):
    """Takes the first bad record for the torn end of the log, wherever it stands."""

    framing = _TakesDamageForATail


class TakesAnyHoleForATail(WriteAheadLog):
    """Takes a bad record at the end of the log for its torn end, whatever other files say."""

    def _went_astray(self) -> bool:
        return False


class _AsksForNoAddress(Framing):
    def __init__(self, node: NodeId, file: str) -> None:
        super().__init__(node, file)
        self._address = 0

    def _belongs(self, frame: Frame, place: int) -> bool:
        return True

    def _follows(self, frame: Frame, last: int) -> bool:
        return True


class ChecksNoAddress(WriteAheadLog):
    """Takes any intact record for the one that belongs in its place."""

    framing = _AsksForNoAddress


class CompactsBeforeItSaves(WriteAheadLog):
    """Writes a snapshot only after the log that it replaces was shortened."""

    _late: tuple[ShardId, Snapshot] | None = None

    def save_snapshot(self, shard: ShardId, snapshot: Snapshot) -> None:
        self._late, self._snapshots[shard] = (shard, snapshot), snapshot.index

    def _append(self, *arguments: Any) -> None:
        super()._append(*arguments)
        if self._late is not None:
            late, self._late = self._late, None
            super().save_snapshot(*late)


class VotesThoughDamaged(Group):
    """Votes and stands although it has lost some of what it acknowledged."""

    @property
    def may_vote(self) -> bool:
        return self.formatted


class CutsItsLogAtTheCommitIndex(Group):
    """Comes back with those entries only that it knows to be committed: those of its snapshot."""

    def _recovered_entries(self, recovered: Recovered) -> tuple[LogEntry, ...]:
        return ()


class LeadsWithAHangingDisk(Group):
    """Leads on however long its disk takes."""

    def _disk_hangs(self, now_ns: int) -> bool:
        return False


class SavesItsIndexFirst(ShardMachine):
    """Comes back with an applied index that is ahead of its state: the next command is left out."""

    _is_ahead = False

    def restore(self, chunks: tuple[bytes, ...]) -> None:
        super().restore(chunks)
        self._is_ahead = True

    def apply(self, index: int, command: Any) -> Outcome | None:
        if self._is_ahead and command is not None:
            self._is_ahead = False
            command = None
        return super().apply(index, command)
