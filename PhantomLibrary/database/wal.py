"""The write-ahead log of a node: one file for all its shards, one sync for all that wait.

A record is framed as length, checksum, then the shard and the record. Snapshots stand in files of their own,
written before the log speaks of them. When the log has grown, it is replaced by one that holds only what is still
needed.

The disk keeps writes in order, so a crash leaves a prefix of them; a frame that is cut short or whose checksum is
wrong at the end of the file was not yet synced, hence never acknowledged, and is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from struct import Struct as Layout
from zlib import crc32

import msgspec

from PhantomLibrary.database.messages import Command
from PhantomLibrary.domain import Configuration, LogEntry, NodeId, ShardId
from PhantomLibrary.kernel.process import Disk
from PhantomLibrary.protocols.raft.configuration import LOST
from PhantomLibrary.protocols.raft.messages import Entries, HardState, Record, Recovered, Snapshot, SnapshotRecord

LOG_FILE = "log"
FORMAT_FILE = "format"
NOBODY = 0  # The token of a replica that is gone.
_FRAME = Layout("<II")
_encode = msgspec.msgpack.Encoder().encode


class Existence(msgspec.Struct, frozen=True, array_like=True, tag="existence"):
    """A replica of this number begins here, empty; or it is gone, and none with this number or a lower one may come."""

    number: int
    holds: bool


class _Mark(msgspec.Struct, array_like=True, tag="snapshot"):
    """A snapshot replaced the log here; its content stands in a file."""

    keeps_tail: bool


class _StoredEntry(msgspec.Struct, array_like=True):
    """A LogEntry with its command's type, which that one leaves open."""

    index: int
    term: int
    command: Command | Configuration | None


class _StoredEntries(msgspec.Struct, array_like=True, tag="entries"):
    entries: list[_StoredEntry]


class _StoredState(msgspec.Struct, array_like=True, tag="hard state"):
    term: int
    vote: NodeId


_decode_frame = msgspec.msgpack.Decoder(tuple[ShardId, _StoredEntries | _StoredState | _Mark | Existence]).decode
_decode_snapshot = msgspec.msgpack.Decoder(Snapshot).decode


def snapshot_file(shard: ShardId, number: int = 0) -> str:
    """Return the name of the file with a replica's snapshot: that of another number says nothing about this one."""
    return f"snapshot-{shard}.{number}" if number > 0 else f"snapshot-{shard}"


class WriteAheadLog:
    """Appends records, syncs, and tells each waiting shard when its token is durable."""

    def __init__(self, disk: Disk, on_persisted: Callable[[ShardId, int], object]) -> None:
        self._disk = disk
        self._on_persisted = on_persisted
        self._waiting: list[tuple[ShardId, int]] = []
        self._syncing: list[tuple[ShardId, int]] = []
        self._sync = 0
        self._numbers: dict[ShardId, int] = {}  # Of replicas that have not been here from the beginning.
        self.bytes = len(disk.read(LOG_FILE))

    def append(self, shard: ShardId, records: Iterable[Record], token: int) -> None:
        """Write records; `on_persisted(shard, token)` is called when they are durable."""
        content = b"".join([self._frame(shard, record) for record in records])
        self.bytes += len(content)
        self._disk.append(LOG_FILE, content)
        self._waiting.append((shard, token))
        if not self._syncing:
            self._start_sync()

    def synced(self, sync: int) -> None:
        """A sync has come back: tell those it served, and start the next for those who came meanwhile."""
        assert sync == self._sync
        served, self._syncing = self._syncing, []
        if self._waiting:
            self._start_sync()
        for shard, token in served:
            if token != NOBODY:
                self._on_persisted(shard, token)

    def save_snapshot(self, shard: ShardId, snapshot: Snapshot) -> None:
        """Write a snapshot to its file, all or nothing; durable with the next sync."""
        content = _encode(snapshot)
        self._disk.replace(
            snapshot_file(shard, self._numbers.get(shard, 0)), _FRAME.pack(len(content), crc32(content)) + content
        )

    def begin(self, shard: ShardId, number: int) -> None:
        """Write that a replica of this number begins, in place of what was here; durable with the next sync."""
        self._numbers[shard] = number
        self._write_existence(shard, Existence(number, holds=True))

    def end(self, shard: ShardId, number: int) -> None:
        """Write that the replica of this number is gone; nobody hears any more of what it had waited for."""
        self._numbers.pop(shard, None)
        self._write_existence(shard, Existence(number, holds=False))
        self._disk.remove(snapshot_file(shard, number))
        for waiting in (self._waiting, self._syncing):
            waiting[:] = [(each, NOBODY if each == shard else token) for each, token in waiting]

    def known(self, shard: ShardId, number: int) -> None:
        """A replica of this number was found on the disk."""
        self._numbers[shard] = number

    def _write_existence(self, shard: ShardId, existence: Existence) -> None:
        frame = self._frame(shard, existence)
        self.bytes += len(frame)
        self._disk.append(LOG_FILE, frame)

    def rewrite(self, contents: Iterable[tuple[ShardId, Sequence[Record | Existence]]]) -> None:
        """Replace the log by one that holds these records only, all or nothing."""
        content = b"".join(self._frame(shard, record) for shard, records in contents for record in records)
        self.bytes = len(content)
        self._disk.replace(LOG_FILE, content)

    def _start_sync(self) -> None:
        self._sync += 1
        self._syncing, self._waiting = self._waiting, []
        self._disk.sync(self._sync)

    def _frame(self, shard: ShardId, record: Record | Existence) -> bytes:
        if type(record) is SnapshotRecord:
            self.save_snapshot(shard, record.snapshot)
            content = _encode((shard, _Mark(record.keeps_tail)))
        else:
            content = _encode((shard, record))
        return _FRAME.pack(len(content), crc32(content)) + content


class Recovery(msgspec.Struct, frozen=True):
    """What was found on a disk: replicas, and of those that are gone the highest number a shard."""

    replicas: dict[ShardId, Recovered]
    gone: dict[ShardId, int]


def recover(disk: Disk, shards: Iterable[ShardId]) -> dict[ShardId, Recovered]:
    """Read back what each shard made durable, from the log and the snapshot files."""
    return recover_all(disk, shards).replicas


def recover_all(disk: Disk, shards: Iterable[ShardId]) -> Recovery:
    """Read back what each replica made durable: those of `shards`, which the node began with, and later ones."""
    number = 0 if disk.read(FORMAT_FILE) else LOST
    found = {shard: _Replay(number) for shard in shards}
    content = disk.read(LOG_FILE)
    position = 0
    while position + _FRAME.size <= len(content):
        length, checksum = _FRAME.unpack_from(content, position)
        body = content[position + _FRAME.size : position + _FRAME.size + length]
        if len(body) < length or crc32(body) != checksum:
            break
        shard, record = _decode_frame(body)
        if shard not in found:
            found[shard] = _Replay(number)
        found[shard].take(record)
        position += _FRAME.size + length
    replicas = {
        shard: replay.finish(_read_snapshot(disk, shard, replay.number))
        for shard, replay in found.items()
        if replay.holds
    }
    return Recovery(replicas, {shard: replay.gone for shard, replay in found.items() if replay.gone is not None})


def _read_snapshot(disk: Disk, shard: ShardId, number: int) -> Snapshot | None:
    file = snapshot_file(shard, number)
    content = disk.read(file)
    if not content:
        return None
    length, checksum = _FRAME.unpack_from(content)
    body = content[_FRAME.size :]
    assert len(body) == length and crc32(body) == checksum, f"{file} is damaged"
    return _decode_snapshot(body)


class _Replay:
    """Builds one shard's state from its records, in order."""

    def __init__(self, number: int) -> None:
        self.term = 0
        self.vote = ""
        self.entries: list[LogEntry] = []
        self.number = number
        self.holds = True
        self.gone: int | None = None

    def take(self, record: _StoredEntries | _StoredState | _Mark | Existence) -> None:
        match record:
            case Existence(number, holds):
                self.term, self.vote, self.entries = 0, "", []
                self.number, self.holds = number, holds
                self.gone = self.gone if holds else number
            case _StoredState(term, vote):
                self.term, self.vote = term, vote
            case _StoredEntries(entries):
                first = entries[0].index
                while self.entries and self.entries[-1].index >= first:
                    self.entries.pop()
                if self.entries and self.entries[-1].index != first - 1:
                    self.entries.clear()
                self.entries.extend(LogEntry(each.index, each.term, each.command) for each in entries)
            case _Mark(keeps_tail):
                if not keeps_tail:
                    self.entries.clear()

    def finish(self, snapshot: Snapshot | None) -> Recovered:
        entries = self.entries
        if snapshot is not None and entries:
            position = snapshot.index - entries[0].index
            agrees = position < 0 or (position < len(entries) and entries[position].term == snapshot.term)
            # The file is written before the log's mark: without the mark, only a log that agrees may keep its tail.
            entries = entries[max(0, position + 1) :] if agrees else []
        return Recovered(self.term, self.vote, snapshot, tuple(entries), self.number)


__all__ = ["FORMAT_FILE", "LOG_FILE", "Entries", "Existence", "HardState", "WriteAheadLog", "recover", "snapshot_file"]
