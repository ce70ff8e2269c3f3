"""Raft as a leader that sends a snapshot: in chunks, a window of them ahead of the answers.

The first chunk goes alone: its answer tells how much the follower has already, from an earlier attempt or another
leader. What is lost is sent again from the first missing chunk on, with the next heartbeat after one in which nothing
has moved.

A copy may have a pace, in bytes per second, so that it leaves room for clients: then each chunk waits until the time
is over that the one before it takes. While a copy is under way to somebody who answers, the log keeps what comes after
it, up to a bound, as CockroachDB does: a slow copy would otherwise be too old when it is there, and never come to an
end.

Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), 5.1; go-back-n of any text on sliding windows.
"""

from __future__ import annotations

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.raft.effects import Effect, PaceCopies, SendEarly, SetDeadline
from PhantomLibrary.protocols.raft.leadership import Leadership, Progress
from PhantomLibrary.protocols.raft.leading import Leading
from PhantomLibrary.protocols.raft.messages import HardState, Recovered, SnapshotChunk, SnapshotReply
from PhantomLibrary.protocols.raft.replica import PACE, GroupConfig
from PhantomLibrary.protocols.raft.stream import Stream


class Streaming(Leading):
    """Feeds followers that are too far behind."""

    __slots__ = ("paces",)

    def __init__(self, config: GroupConfig, recovered: Recovered, now_ns: int) -> None:
        super().__init__(config, recovered, now_ns)
        self.paces: dict[NodeId, int] = {}  # Bytes per second, of those that do not go as fast as they can.

    def _on_pace(self, event: PaceCopies, now_ns: int) -> list[Effect]:
        self.paces = dict(event.bytes_per_s)
        return []

    def _on_pace_deadline(self, name: str, now_ns: int) -> list[Effect]:
        """The next chunk for somebody is due."""
        peer = name.removeprefix(PACE)
        progress = self._leadership.progress.get(peer) if self._leadership is not None else None
        stream = progress.stream if progress is not None else None
        return self._send_more(peer, stream, now_ns) if stream is not None else []

    def _send_snapshot(self, peer: NodeId, progress: Progress) -> SendEarly:
        assert self.snapshot is not None
        progress.state = "snapshot"
        progress.next_index = self.snapshot.index + 1
        progress.stream = stream = Stream(self.snapshot)
        return self._send_chunk(peer, stream)

    def _send_chunk(self, peer: NodeId, stream: Stream) -> SendEarly:
        """Send the next chunk of a stream."""
        leadership, config = self._leadership, self.config
        assert leadership is not None
        snapshot, chunk = stream.snapshot, stream.sent
        stream.sent += 1
        message = SnapshotChunk(
            config.shard,
            config.node,
            self.term,
            snapshot.index,
            snapshot.term,
            stream.checksum,
            chunk,
            len(snapshot.chunks),
            snapshot.chunks[chunk],
            snapshot.configuration,
            snapshot.configuration_index,
            leadership.round,
        )
        return SendEarly(peer, message)

    def _on_snapshot_reply(self, message: SnapshotReply, now_ns: int) -> list[Effect]:
        if message.term > self.term:
            effects = self._leave_leadership(message.term, "")
            return [*effects, *self._persist((HardState(self.term, self.vote),), now_ns)]
        leadership = self._leadership
        progress = leadership.progress.get(message.source) if leadership is not None else None
        if leadership is None or message.term < self.term or progress is None:
            return []
        if message.number != progress.number and not self._recognise(progress, message):
            return []
        progress.active = True
        self._note_round(leadership, progress, message.round)
        result: list[Effect] = []
        stream = progress.stream
        if progress.state == "snapshot" and stream is not None and stream.is_meant_by(message):
            stream.acknowledge(message.received)
            result += self._send_more(message.source, stream, now_ns)
        if leadership.reads:
            result += self._release_reads(leadership, now_ns)
        return result

    def _send_more(self, peer: NodeId, stream: Stream, now_ns: int) -> list[Effect]:
        """Send as many chunks as window and pace allow."""
        pace = self.paces.get(peer, 0)
        if pace and not stream.due_ns:
            stream.note_sent(0, pace, now_ns)  # The first one was not paced: nobody knew what the follower has.
        result: list[Effect] = []
        while stream.sent < len(stream.snapshot.chunks) and stream.in_flight < self.config.snapshot_window:
            if pace and stream.due_ns > now_ns:
                return [*result, SetDeadline(PACE + peer, stream.due_ns - now_ns, 0)]
            if pace:
                stream.note_sent(stream.sent, pace, now_ns)
            result.append(self._send_chunk(peer, stream))
        return result

    def _copied_index(self, snapshot_index: int) -> int:
        """Return the first index after which somebody needs entries when a copy that is under way is there."""
        leadership = self._leadership
        if leadership is None:
            return snapshot_index
        copied = [
            each.stream.snapshot.index if each.stream is not None else each.match_index
            for each in leadership.progress.values()
            if each.active and (each.stream is not None or (each.goal_index and each.match_index))
        ]
        return max(min(copied, default=snapshot_index), snapshot_index - self.config.copied_entries_max)

    def share_copied(self, node: NodeId, size: int) -> int:
        """Return how much of a copy of this size a member has, as far as this leader knows."""
        progress = self._leadership.progress.get(node) if self._leadership is not None else None
        if progress is None:
            return 0
        if progress.stream is not None:
            return size * progress.stream.acknowledged // len(progress.stream.snapshot.chunks)
        return size * progress.match_index // self.log.last_index

    def _send_again(self, leadership: Leadership) -> list[Effect]:
        """Where nothing has moved since the last heartbeat, something was lost."""
        result: list[Effect] = []
        for peer, progress in leadership.progress.items():
            stream = progress.stream
            if progress.state == "snapshot" and stream is not None and stream.go_back_if_stuck():
                result.append(self._send_chunk(peer, stream))
        return result
