"""How a node lives with its disk: it ends itself when a sync has failed, waits when the disk is full, and reads back
what it has written before, slowly, file by file, so that what rots is found while the node still knows what it was.

What a scrub finds is written anew from memory. What a node finds when it starts, its peers have to bring back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from PhantomLibrary.database.config import ClusterLayout
from PhantomLibrary.database.replica import ShardReplica
from PhantomLibrary.database.wal import FORMAT_FILE, LOG_FILE, WriteAheadLog, snapshot_file, vote_file
from PhantomLibrary.domain import MILLISECOND_NS, DamageFound, DamageRepaired, Observation, ShardId
from PhantomLibrary.kernel.process import Env

DEADLINES = "disk"
_MARK, _ROOM, _SCRUB = "disk/mark", "disk/room", "disk/scrub"
_MARK_NS = 100 * MILLISECOND_NS
_ROOM_NS = 100 * MILLISECOND_NS


class DiskOwner(Protocol):
    """The node whose disk this is."""

    env: Env
    layout: ClusterLayout
    wal: WriteAheadLog
    replicas: dict[ShardId, ShardReplica]

    def show(self, observation: Observation) -> None: ...
    def rewrite_log(self) -> None: ...


class DiskCare:
    """The node's answers to what its log says about the disk, and the deadlines that come with them."""

    def __init__(self, owner: DiskOwner) -> None:
        self._owner = owner
        self._env = owner.env
        self._marks = False  # A deadline for a mark is set.
        self._turn = 0

    def start(self) -> None:
        """Show what was found damaged, and begin to scrub."""
        for file in self._owner.wal.bad_files:
            self._owner.show(DamageFound(self._env.node, file))
        for shard, replica in self._owner.replicas.items():
            if replica.group.damaged:
                self._owner.show(DamageFound(self._env.node, f"shard {shard}"))
        self._set(_SCRUB, self._owner.layout.config.scrub_interval_ns)

    def fire(self, name: str) -> None:
        if name == "mark":
            self._marks = False
            self._owner.wal.mark()
        elif name == "room":
            if not self._owner.wal.retry():
                self._set(_ROOM, _ROOM_NS)
        else:
            self._scrub()
            self._set(_SCRUB, self._owner.layout.config.scrub_interval_ns)

    def log_failed(self, error: str) -> None:
        self._env.halt(f"a sync of the log failed: {error}")

    def log_full(self, is_full: bool) -> None:
        for replica in self._owner.replicas.values():
            replica.disk_is_full(is_full)
        if is_full:
            self._set(_ROOM, _ROOM_NS)

    def log_idle(self) -> None:
        if not self._marks:
            self._marks = True
            self._set(_MARK, _MARK_NS)

    def _set(self, deadline: str, after_ns: int) -> None:
        self._env.set_deadline(deadline, self._env.monotonic_ns() + after_ns)

    def _scrub(self) -> None:
        """Read the next file in turn, and write it anew if it is not what it was."""
        files = [*_files(self._owner.replicas.values()), *((file, None) for file in self._owner.wal.kept)]
        self._turn = (self._turn + 1) % len(files)
        file, replica = files[self._turn]
        wal = self._owner.wal
        if wal.is_full or wal.is_intact(file):
            return
        self._owner.show(DamageFound(self._env.node, file))
        snapshot = replica.group.snapshot if replica is not None and file.startswith("snapshot") else None
        if file == FORMAT_FILE:
            wal.format()
        elif file in wal.kept:
            wal.put(file, wal.kept[file])
        elif replica is not None and snapshot is not None:
            wal.save_snapshot(replica.shard, snapshot)
        else:
            self._owner.rewrite_log()  # With all terms and votes.
        wal.flush()
        self._owner.show(DamageRepaired(self._env.node, file))


def _files(replicas: Iterable[ShardReplica]) -> Iterable[tuple[str, ShardReplica | None]]:
    yield FORMAT_FILE, None
    yield LOG_FILE, None
    for replica in replicas:
        yield snapshot_file(replica.shard, replica.number), replica
        yield vote_file(replica.shard, replica.number), replica
