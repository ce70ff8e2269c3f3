"""The write-ahead log of a node: one file for all its shards, one sync for all that wait.

Records are framed (see frames.py). Term and vote stand in a file of each shard's own as well, and snapshots in files
of their own, written before the log speaks of them; so do parts of one that is on its way (see snapshot_parts.py).
When the log has grown, it is replaced by one that holds only what is still needed.

The disk keeps writes in order, so a crash leaves a prefix of them, the last perhaps cut short; that was not yet synced,
hence never acknowledged, and is dropped. Whatever else is not as it was written is damage (see recovery.py).

A sync that fails is the end of the process: the system has dropped what it covered and will call the next one good
(Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020). A full disk is not: what it does not take
waits here, in order, until there is room.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from PhantomLibrary.database.frames import Framing, Scan, Scrub
from PhantomLibrary.database.records import (
    Existence,
    SnapshotMark,
    StoredState,
    decode_record,
    decode_snapshot,
    decode_vote,
    encode,
    encode_record,
)
from PhantomLibrary.database.recovery import OwnFile, Recovery, Replay
from PhantomLibrary.database.snapshot_parts import SnapshotParts
from PhantomLibrary.database.whole_files import WholeFiles
from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.kernel.process import Disk
from PhantomLibrary.protocols.raft.configuration import LOST
from PhantomLibrary.protocols.raft.messages import HardState, Record, Snapshot, SnapshotPart, SnapshotRecord

LOG_FILE = "log"
FORMAT_FILE = "format"
FORMATTED = b"1"  # What stands in it.
NOBODY = 0  # The token of a replica that is gone, and of what nobody waits for.
_VOTE_FILE = re.compile(r"vote-(\d+)\.(\d+)", re.ASCII)

_Waiting: TypeAlias = tuple[ShardId, int]
_Contents: TypeAlias = Iterable[tuple[ShardId, Sequence[Record | Existence]]]
_Held: TypeAlias = tuple[ShardId, int, Callable[[int], None]]  # (shard, token, what writes it)


def snapshot_file(shard: ShardId, number: int = 0) -> str:
    """Return the name of the file with a replica's snapshot: that of another number says nothing about this one."""
    return f"snapshot-{shard}.{number}" if number > 0 else f"snapshot-{shard}"


def vote_file(shard: ShardId, number: int = 0) -> str:
    """Return the name of the file with a replica's term and vote."""
    return f"vote-{shard}.{number}" if number > 0 else f"vote-{shard}"


class LogOwner(Protocol):
    """The node that keeps the log."""

    def persisted(self, shard: ShardId, token: int) -> None:
        """A shard's records up to this token are durable."""

    def log_failed(self, error: str) -> None:
        """What was written may be lost. Nothing may be promised on this log any more."""

    def log_full(self, is_full: bool) -> None:
        """There is no room for more records, or there is again."""

    def log_idle(self) -> None:
        """All is durable, and no frame says so yet of the last ones: `mark` would."""


class WriteAheadLog:
    """Appends records, syncs, and tells each waiting shard when its token is durable."""

    framing: type[Framing] = Framing

    def __init__(self, disk: Disk, node: NodeId, owner: LogOwner) -> None:
        self._disk = disk
        self._node = node
        self._owner = owner
        self._frames = self.framing(node, LOG_FILE)
        self._scrub = Scrub(self._frames)
        self._files = WholeFiles(disk, node, self.framing)
        self._parts = SnapshotParts(disk, node, self.framing)
        self._waiting: list[_Waiting] = []
        self._syncing: list[_Waiting] = []
        self._is_syncing = False
        self._sync = 0
        self._number = 0  # Of the latest frame,
        self._asked = 0  # the latest that the sync under way covers,
        self._durable = 0  # the latest that is durable,
        self._called_durable = 0  # the latest that some frame calls so,
        self._record = 0  # and the latest that is no mark.
        self._held: deque[_Held] = deque()  # Writes that wait for room.
        self._numbers: dict[ShardId, int] = {}  # Of replicas that have not been here from the beginning.
        self._snapshots: dict[ShardId, int] = {}  # How far each snapshot file goes.
        self.bytes = 0
        self.bad_files: list[str] = []  # As they were found at the start.
        self.kept: dict[str, bytes] = {}  # What small files of others hold.
        self.is_formatted = False

    @property
    def is_full(self) -> bool:
        return bool(self._held)

    @property
    def number(self) -> int:
        """The number of the latest frame: it grows with all that is written."""
        return self._number

    # --- writing ----------------------------------------------------------------------------------------------------

    def append(self, shard: ShardId, records: Iterable[Record], token: int) -> None:
        """Write records; `persisted(shard, token)` of the owner is called when they are durable."""
        if self._held or not self._disk.has_room():
            self._hold((shard, token, lambda token: self._append(shard, records, token)))
        else:
            self._append(shard, records, token)

    def _append(self, shard: ShardId, records: Iterable[Record | Existence], token: int) -> None:
        frames = self._frames_of(shard, records)
        self._record = self._number
        if frames:
            self._disk.append(LOG_FILE, frames[0] if len(frames) == 1 else b"".join(frames))
        self._waiting.append((shard, token))
        if not self._is_syncing:
            self._start_sync()

    def _frames_of(self, shard: ShardId, records: Iterable[Record | Existence]) -> list[bytes]:
        """Write what stands in files of its own; return the frames of the others."""
        frames = []
        for record in records:
            kind = type(record)
            if kind is HardState:
                self._save_vote(shard, record)  # type: ignore[arg-type]
            elif kind is SnapshotRecord:
                self._save_snapshot(shard, record.snapshot)  # type: ignore[union-attr]
                self._parts.remove(shard)
            elif kind is SnapshotPart:
                self._parts.write(shard, record)  # type: ignore[arg-type]
                continue
            frames.append(self._frame(encode_record(shard, record)))
        return frames

    def _frame(self, body: bytes) -> bytes:
        self._number += 1
        self._called_durable = self._durable
        frame = self._frames.pack(body, self.bytes, self._number, self._durable)
        self.bytes += len(frame)
        return frame

    def save_snapshot(self, shard: ShardId, snapshot: Snapshot) -> None:
        """Write a snapshot to its file, all or nothing; durable with the next sync."""
        self._save_snapshot(shard, snapshot)

    def _save_snapshot(self, shard: ShardId, snapshot: Snapshot) -> None:
        self._snapshots[shard] = snapshot.index
        self._files.save(snapshot_file(shard, self._numbers.get(shard, 0)), encode(snapshot))

    def _save_vote(self, shard: ShardId, state: HardState) -> None:
        self._files.save(vote_file(shard, self._numbers.get(shard, 0)), encode(state))

    def put(self, file: str, content: bytes) -> None:
        """Write a small file of somebody else's, all or nothing; durable with the next sync."""
        self.kept[file] = content
        self._files.save(file, content)

    def get(self, file: str) -> bytes:
        """Return what `put` has written, b"" where there is nothing, or nothing to be believed."""
        content = self._files.body(file)
        if content:
            self.kept[file] = content
        elif content is None:
            self._files.remove(file)  # Its owner learns anew what it said, or does without.
        return content or b""

    def begin(self, shard: ShardId, number: int, snapshot: Snapshot | None = None) -> None:
        """Write that a replica of this number begins, in place of what was here, empty or with a snapshot; durable with
        the next sync.

        Its files are there before the log speaks of it.
        """
        self._numbers[shard] = number
        records: tuple[Record | Existence, ...] = (Existence(number, holds=True),)
        if snapshot is not None:
            records = (*records, HardState(0, ""), SnapshotRecord(snapshot, keeps_tail=False))
        self._write_existence(shard, records)

    def end(self, shard: ShardId, number: int) -> None:
        """Write that the replica of this number is gone; nobody hears any more of what it had waited for."""
        self._numbers.pop(shard, None)
        self._snapshots.pop(shard, None)
        self._held = deque((each, NOBODY if each == shard else token, write) for each, token, write in self._held)
        for waiting in (self._waiting, self._syncing):
            waiting[:] = [(each, NOBODY if each == shard else token) for each, token in waiting]
        self._write_existence(shard, (Existence(number, holds=False),))
        for file in (snapshot_file(shard, number), vote_file(shard, number)):
            self._files.remove(file)
        self._parts.remove(shard)

    def _write_existence(self, shard: ShardId, records: tuple[Record | Existence, ...]) -> None:
        if self._held or not self._disk.has_room():
            self._hold((shard, NOBODY, lambda _: self._append(shard, records, NOBODY)))
            return
        self._disk.append(LOG_FILE, b"".join(self._frames_of(shard, records)))
        self._record = self._number

    def rewrite(self, contents: _Contents) -> None:
        """Replace the log by one that holds these records only, all or nothing. It asks for them when there is room."""
        if self._held or not self._disk.has_room():
            self._hold((0, NOBODY, lambda _: self._rewrite(contents)))
        else:
            self._rewrite(contents)

    def _rewrite(self, contents: _Contents) -> None:
        bodies = [b""]
        for shard, records in contents:
            if shard in self._snapshots:
                bodies.append(encode((shard, SnapshotMark(True, self._snapshots[shard]))))
            for record in records:
                if type(record) is HardState:
                    self._save_vote(shard, record)
                bodies.append(encode_record(shard, record))
        self._called_durable = self._record = self._number + len(bodies)
        self.bytes, frames = 0, []
        for body in bodies:
            self._number += 1
            frames.append(self._frames.pack(body, self.bytes, self._number, self._record))
            self.bytes += len(frames[-1])
        self._disk.replace(LOG_FILE, b"".join(frames))

    # --- syncs ------------------------------------------------------------------------------------------------------

    def synced(self, sync: int, error: str) -> None:
        """A sync has come back: tell those it served, and start the next for those who came meanwhile."""
        assert sync == self._sync
        if error:
            self._sync_failed(error)
            return
        self._is_syncing = False
        self._durable = self._asked
        served, self._syncing = self._syncing, []
        if self._waiting:
            self._start_sync()
        elif self._called_durable < self._record:
            self._owner.log_idle()
        persisted = self._owner.persisted
        for shard, token in served:
            if token != NOBODY:
                persisted(shard, token)

    def _sync_failed(self, error: str) -> None:
        """Never ask again: what was lost stays lost, and the next sync would call it durable."""
        self._owner.log_failed(error)

    def _start_sync(self) -> None:
        self._sync += 1
        self._is_syncing = True
        self._asked = self._number
        self._syncing, self._waiting = self._waiting, []
        self._disk.sync(self._sync)

    def flush(self) -> None:
        """Make all that was written durable, with another sync if one is under way: that may not cover it."""
        if not self._is_syncing:
            self._start_sync()
        elif not self._waiting:
            self._waiting.append((0, NOBODY))

    def mark(self) -> None:
        """Write down what is durable, if no frame says so yet and nothing is under way that will."""
        if not self._is_syncing and not self._held and self._called_durable < self._record and self._disk.has_room():
            self._disk.append(LOG_FILE, self._frame(b""))
            self._start_sync()

    # --- room -------------------------------------------------------------------------------------------------------

    def _hold(self, write: _Held) -> None:
        self._held.append(write)
        if len(self._held) == 1:
            self._owner.log_full(True)

    def retry(self) -> bool:
        """Write what waits for room, as far as there is some; return whether all of it is written."""
        was_full = self.is_full
        while self._held and self._disk.has_room():
            _, token, write = self._held.popleft()
            write(token)
        if was_full and not self._held:
            self.flush()  # A log that was begun anew has nobody who waits for it.
            self._owner.log_full(False)
        return not self._held

    # --- reading ----------------------------------------------------------------------------------------------------

    def recover(self, shards: Iterable[ShardId]) -> Recovery:
        """Read back what each replica made durable: those of `shards`, which the node began with, and later ones.

        To be called before anything is written.
        """
        self.is_formatted = bool(self._files.content(FORMAT_FILE))
        number = 0 if self.is_formatted else LOST
        scan, is_unreadable = self._scan()
        is_damaged = scan.is_damaged or is_unreadable or (not scan.is_whole and self._went_astray())
        self.bad_files = [LOG_FILE] if is_damaged else []
        replays = self._replay(scan, {shard: Replay(number) for shard in shards}, number)
        if is_damaged:
            self._find_lost_beginnings(replays)
        self._number = self._durable = self._called_durable = self._record = scan.number
        replicas = {}
        for shard, replay in replays.items():
            if not replay.holds:
                continue
            found = replicas[shard] = replay.finish(
                self._own_file(snapshot_file(shard, replay.number), decode_snapshot),
                self._own_file(vote_file(shard, replay.number), decode_vote),
                self._parts.read(shard),
                log_is_damaged=is_damaged,
            )
            if replay.number > 0:
                self._numbers[shard] = replay.number
            if found.snapshot is not None:
                self._snapshots[shard] = found.snapshot.index
        if is_damaged and any(found.number == LOST for found in replicas.values()):
            self._disk.remove(FORMAT_FILE)  # For good: what will be written now says nothing of what was promised.
        gone = {shard: replay.gone for shard, replay in replays.items() if replay.gone is not None}
        return Recovery(replicas, gone, self.is_formatted and not is_damaged)

    def _replay(self, scan: Scan, replays: dict[ShardId, Replay], number: int) -> dict[ShardId, Replay]:
        for body in filter(None, scan.bodies):
            shard, record = decode_record(body)
            if shard not in replays:
                replays[shard] = Replay(number)
            replays[shard].take(record)
        for body in filter(None, scan.later):
            shard, record = decode_record(body)
            if type(record) is StoredState and shard in replays:
                replays[shard].promise(record)
        return replays

    def _went_astray(self) -> bool:
        """Whether something was written over a file: a bad tail of the log may be where that should stand, then, and no
        tail of a crash.
        """
        return not all(self.is_intact(file) for file in self._disk.files() if file != LOG_FILE)

    def _find_lost_beginnings(self, replays: dict[ShardId, Replay]) -> None:
        """The log may have lost that a replica began here; but it had a vote of its own before it promised anything."""
        for file in self._disk.files():
            match = _VOTE_FILE.fullmatch(file)
            if match is None:
                continue
            shard, number = int(match[1]), int(match[2])
            if shard not in replays or number > replays[shard].number:
                replays[shard] = Replay(number)

    def _scan(self) -> tuple[Scan, bool]:
        content = self._files.content(LOG_FILE)
        return self._frames.read(content or b""), content is None

    def _own_file(self, file: str, decode: Callable[[bytes], Snapshot | StoredState | None]) -> OwnFile:
        body = self._files.body(file)
        if body is None:
            self.bad_files.append(file)
            return OwnFile(is_bad=True)
        return OwnFile(decode(body)) if body else OwnFile()

    def format(self) -> None:
        """Write that this disk has been in use from the beginning."""
        self._disk.replace(FORMAT_FILE, FORMATTED)

    def is_intact(self, file: str) -> bool:
        """Read a file back, and tell whether it is as it was written."""
        if file == FORMAT_FILE:
            return self._files.content(FORMAT_FILE) in (b"", FORMATTED)
        if file == LOG_FILE:
            content = self._files.content(LOG_FILE)
            return content is not None and self._scrub.is_intact(content)
        return self._files.is_intact(file)
