"""How far a snapshot has come on its way to one follower."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.protocols.raft.messages import Snapshot, SnapshotReply


def checksum_of(chunks: Sequence[bytes]) -> int:
    """Return a number that equal snapshots share."""
    checksum = len(chunks)
    for chunk in chunks:
        checksum = crc32(chunk, checksum)
    return checksum


class Stream:
    """Chunks below `acknowledged` are there, those below `sent` are under way. The next one goes at `due_ns`."""

    __slots__ = ("_has_moved", "acknowledged", "checksum", "due_ns", "sent", "snapshot")

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.checksum = checksum_of(snapshot.chunks)
        self.acknowledged = 0
        self.sent = 0
        self.due_ns = 0
        self._has_moved = True  # Since the last heartbeat.

    @property
    def in_flight(self) -> int:
        return self.sent - self.acknowledged

    def is_meant_by(self, reply: SnapshotReply) -> bool:
        return reply.index == self.snapshot.index and reply.checksum == self.checksum

    def acknowledge(self, received: int) -> None:
        """The follower holds so many chunks. If it has fewer than it had, it has lost them, or the answer is late."""
        if received > self.acknowledged:
            self._has_moved = True
        elif received == self.acknowledged or self._has_moved:
            return
        self.acknowledged = received
        self.sent = max(self.sent, received) if self._has_moved else received

    def note_sent(self, chunk: int, bytes_per_s: int, now_ns: int) -> None:
        """A chunk goes out: the next one waits for as long as this one takes at that pace."""
        self.due_ns = now_ns + len(self.snapshot.chunks[chunk]) * SECOND_NS // bytes_per_s

    def go_back_if_stuck(self) -> bool:
        """Return whether the first missing chunk is to be sent again. What is paced has nothing under way at times."""
        is_stuck = not self._has_moved and self.in_flight > 0
        self._has_moved = False
        if is_stuck:
            self.sent = self.acknowledged
        return is_stuck
