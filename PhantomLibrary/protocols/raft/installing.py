"""Raft as a follower that is too far behind: take a snapshot, chunk by chunk, then put it in place as a whole.

Each chunk is durable before it is acknowledged, so a snapshot that was interrupted goes on where it stopped: after a
loss, after a crash of either end, and under another leader that has the same snapshot. Nothing of the log changes
before the last chunk is here.

Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014), section 7 and Figure 13.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from PhantomLibrary.domain import Configuration
from PhantomLibrary.protocols.raft.effects import Effect, InstallSnapshot, Send
from PhantomLibrary.protocols.raft.following import Following
from PhantomLibrary.protocols.raft.messages import (
    HardState,
    Record,
    Recovered,
    Snapshot,
    SnapshotChunk,
    SnapshotPart,
    SnapshotRecord,
    SnapshotReply,
)
from PhantomLibrary.protocols.raft.replica import GroupConfig
from PhantomLibrary.protocols.raft.stream import checksum_of


class IncomingSnapshot:
    """The first chunks of a snapshot up to (index, term)."""

    __slots__ = ("checksum", "chunks", "index", "term")

    def __init__(self, index: int, term: int, checksum: int) -> None:
        self.index = index
        self.term = term
        self.checksum = checksum
        self.chunks: list[bytes] = []

    def is_of(self, index: int, term: int, checksum: int) -> bool:
        return self.index == index and self.term == term and self.checksum == checksum


class Installing(Following):
    """Handles the chunks of snapshots."""

    __slots__ = ("_incoming",)

    def __init__(self, config: GroupConfig, recovered: Recovered, now_ns: int) -> None:
        super().__init__(config, recovered, now_ns)
        self._incoming = _restored(recovered.parts)

    def _on_snapshot_chunk(self, message: SnapshotChunk, now_ns: int) -> list[Effect]:
        if message.term < self.term:
            return [self._refuse_append(message, 0, 0)]
        effects = self._hear(message.source, message.term, now_ns)
        records: tuple[Record, ...] = (HardState(self.term, self.vote),) if effects is not None else ()
        result = effects or []
        if message.index <= self.commit_index:  # Old news: all that it covers is here.
            self._incoming = None
            return [*result, *self._persist(records, now_ns), self._accept_append(message, self.commit_index)]
        incoming = self._incoming_for(message)
        if incoming is None or message.chunk != len(incoming.chunks):
            return [*result, *self._persist(records, now_ns), self._answer_chunk(message, incoming)]
        incoming.chunks.append(message.content)
        if message.chunk + 1 < message.chunks:
            part = SnapshotPart(message.index, message.index_term, message.checksum, message.chunk, message.content)
            result += self._persist((*records, part), now_ns)
            return [*result, self._answer_chunk(message, incoming)]
        self._incoming = None
        if checksum_of(incoming.chunks) != message.checksum:  # What was kept of it is damaged: begin again.
            return [*result, *self._persist(records, now_ns), self._answer_chunk(message, None)]
        return [*result, *self._take_over(message, tuple(incoming.chunks), records, now_ns)]

    def _incoming_for(self, message: SnapshotChunk) -> IncomingSnapshot | None:
        """Return what there is of this snapshot; its first chunk takes the place of any other snapshot."""
        incoming = self._incoming
        if incoming is not None and incoming.is_of(message.index, message.index_term, message.checksum):
            return incoming
        if message.chunk:
            return None
        self._incoming = incoming = IncomingSnapshot(message.index, message.index_term, message.checksum)
        return incoming

    def _answer_chunk(self, message: SnapshotChunk, incoming: IncomingSnapshot | None) -> Effect:
        config, received = self.config, len(incoming.chunks) if incoming is not None else 0
        reply = SnapshotReply(
            config.shard, config.node, self.term, message.index, message.checksum, received, message.round, self.number
        )
        return Send(message.source, reply)

    def _take_over(
        self, message: SnapshotChunk, chunks: tuple[bytes, ...], records: tuple[Record, ...], now_ns: int
    ) -> list[Effect]:
        snapshot = Snapshot(
            message.index, message.index_term, chunks, message.configuration, message.configuration_index
        )
        keeps_tail = self._keeps_tail(snapshot)
        self._install(snapshot, keeps_tail)
        persist = self._persist((*records, SnapshotRecord(snapshot, keeps_tail)), now_ns)
        return [*persist, InstallSnapshot(snapshot), self._accept_append(message, snapshot.index)]

    def _keeps_tail(self, snapshot: Snapshot) -> bool:
        """Entries after a snapshot may stay only if the log agrees with it at its end."""
        return self.log.term_at(snapshot.index) == snapshot.term

    def _install(self, snapshot: Snapshot, keeps_tail: bool) -> None:
        if keeps_tail:
            self.log.compact(snapshot.index)
            self.configurations.forget(snapshot.index)
        else:
            self.log.reset(snapshot.index, snapshot.term)
            self._durable_index = min(self._durable_index, snapshot.index)
            self._persists = deque((token, time, min(last, snapshot.index)) for token, time, last in self._persists)
            since, configuration = snapshot.configuration_index, snapshot.configuration
            self.configurations.reset(since, configuration or Configuration(self.config.voters))
            self._adopt_configuration()
        self.snapshot = snapshot
        self.commit_index = snapshot.index
        self._view_is_old = True


def _restored(parts: Sequence[SnapshotPart]) -> IncomingSnapshot | None:
    """Return what was there of a snapshot: the parts of the last one that began, up to the first that is missing."""
    incoming: IncomingSnapshot | None = None
    for part in parts:
        if part.chunk == 0:
            incoming = IncomingSnapshot(part.index, part.term, part.checksum)
        is_next = incoming is not None and part.chunk == len(incoming.chunks)
        if incoming is not None and is_next and incoming.is_of(part.index, part.term, part.checksum):
            incoming.chunks.append(part.content)
    return incoming
