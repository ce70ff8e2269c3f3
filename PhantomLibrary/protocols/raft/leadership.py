"""What exists only while a replica leads: how far each follower is, reads that wait for a quorum, proposals that wait.

It dies with leadership, so nothing of an earlier term can be mistaken for the present one's.

Followers are fed in one of three ways, as in etcd's raft: *probe* sends one message and waits for its answer,
*replicate* sends ahead of the answers up to a bound, *snapshot* waits for a snapshot to arrive. A replica that does
not exist yet is invited first.

A learner catches up in rounds, each of which brings what the log held when it began; it may get a vote when a round
took less than an election timeout, and it is not far behind (dissertation 4.2.1).
"""

from __future__ import annotations

from collections import deque
from typing import Any, Literal

from PhantomLibrary.domain import Configuration, NodeId
from PhantomLibrary.protocols.raft.configuration import has_quorum, quorum_index
from PhantomLibrary.protocols.raft.effects import Propose
from PhantomLibrary.protocols.raft.leasing import Lease
from PhantomLibrary.protocols.raft.stream import Stream

_LONG_AGO_NS = -(1 << 62)


class Progress:
    """How far one follower's log is known to equal the leader's (`match_index`), and what to send it next."""

    __slots__ = (
        "active", "counts", "goal_index", "goal_set_ns", "is_caught_up", "is_here", "match_index", "next_index",
        "number", "round", "silent_ns", "state", "stream", "waits",
    )  # fmt: skip

    def __init__(self, next_index: int, number: int = 0, *, is_here: bool = True) -> None:
        self.match_index = 0
        self.next_index = next_index
        self.state: Literal["probe", "replicate", "snapshot"] = "probe"
        self.waits = False  # In probe: a message is under way.
        self.active = True  # Heard from since the last check of the quorum.
        self.silent_ns = 0  # When such a check found last that it was not.
        self.counts = True
        self.round = 0
        self.number = number  # Of the replica that is meant.
        self.is_here = is_here  # As far as is known it exists, and need not be invited.
        self.goal_index = 0  # A learner's: where its present round ends, 0 for none.
        self.goal_set_ns = 0
        self.is_caught_up = False
        self.stream: Stream | None = None  # In snapshot: what is under way.

    def is_level(self, last_index: int) -> bool:
        """Whether this follower is heard, counts, and holds the whole log."""
        return self.match_index == last_index and self.active and self.counts and self.state == "replicate"

    def accept(self, index: int) -> bool:
        """Take an acknowledgement up to `index`; return whether it brought news."""
        self.waits = False
        if self.state == "probe" or (self.state == "snapshot" and index >= self.next_index - 1):
            self.state = "replicate"
            self.stream = None
            self.next_index = max(index, self.match_index) + 1
        if index <= self.match_index:
            return False
        self.match_index = index
        self.next_index = max(self.next_index, index + 1)
        return True

    def refuse(self, next_index: int) -> None:
        """Go back and look for the place where the logs agree."""
        if self.state == "probe" and next_index >= self.next_index:
            return  # Appends sent ahead of a lost one are refused each, and only the first refusal tells anything new.
        self.state = "probe"
        self.stream = None
        self.waits = False
        self.next_index = next_index
        self.match_index = min(self.match_index, next_index - 1)


class Leadership:
    """One term of one leader. Knows members by name and indexes by number, and sends nothing itself."""

    __slots__ = (
        "_configuration",
        "_node",
        "_uncommitted",
        "batch",
        "batched_ns",
        "batched_reads",
        "began_ns",
        "busy_ns",
        "held_proposals",
        "lease",
        "progress",
        "reads",
        "reads_round",
        "round",
        "successor",
        "uncommitted_bytes",
        "waiting_reads",
    )  # fmt: skip

    def __init__(self, node: NodeId, configuration: Configuration, last_index: int) -> None:
        self._node = node
        self.progress = {
            peer: Progress(last_index + 1, configuration.number_of(peer))
            for peer in configuration.members
            if peer != node
        }
        self._configuration = configuration
        self.began_ns = 0
        self.round = 0
        self.reads: list[Any] = []
        self.reads_round = 0  # What they wait for.
        self.waiting_reads: list[Any] = []  # They came later, and need the next one.
        self.held_proposals: list[Propose] = []  # They are in no log.
        self.batch: list[Propose] = []  # Nor are these, which wait for others.
        self.batched_reads: list[Any] = []  # They wait for others, too, and are in no round.
        self.batched_ns = _LONG_AGO_NS  # When the latest batch began.
        self.uncommitted_bytes = 0
        self._uncommitted: deque[tuple[int, int]] = deque()  # (index, bytes) of entries, oldest first
        self.successor: NodeId = ""  # To whom leadership is being handed.
        self.lease: Lease | None = None
        self.busy_ns = 0  # When it last said anything to the followers, or answered a read without.

    def adopt(self, configuration: Configuration, last_index: int) -> None:
        """Go by another configuration: keep what is known of members that stay, and begin with those that come."""
        known, self.progress = self.progress, {}
        self._configuration = configuration
        for peer in configuration.members:
            if peer != self._node:
                number, progress = configuration.number_of(peer), known.get(peer)
                if progress is None or progress.number != number:
                    progress = Progress(last_index + 1, number, is_here=False)
                self.progress[peer] = progress

    def is_heard(self, peer: NodeId) -> bool:
        """Return whether a member has answered lately, as the replica that is meant."""
        progress = self.progress.get(peer)
        return progress is not None and progress.active and progress.counts

    def quorum_index(self, own_index: int) -> int:
        """Return the largest index that a quorum holds durably."""
        indexes = {peer: each.match_index if each.counts else 0 for peer, each in self.progress.items()}
        indexes[self._node] = own_index
        return quorum_index(self._configuration, indexes)

    def note_appended(self, index: int, size: int) -> None:
        """An entry of so many bytes was appended."""
        if size:
            self._uncommitted.append((index, size))
            self.uncommitted_bytes += size

    def note_committed(self, index: int) -> None:
        """All entries up to this one are committed."""
        uncommitted = self._uncommitted
        while uncommitted and uncommitted[0][0] <= index:
            self.uncommitted_bytes -= uncommitted.popleft()[1]

    def add_reads(self, tokens: list[Any]) -> bool:
        """Queue reads; return whether a new round of confirmation must be sent for them now."""
        if self.reads or not tokens:
            self.waiting_reads += tokens
            return False
        self.reads = tokens
        self.round += 1
        self.reads_round = self.round
        return True

    def confirmed_reads(self) -> tuple[Any, ...]:
        """Return the reads whose round a quorum has answered, else nothing."""
        if not self.reads:
            return ()
        confirming = [self._node]
        for peer, each in self.progress.items():
            if each.round >= self.reads_round and each.counts:
                confirming.append(peer)
        if not has_quorum(self._configuration, confirming):
            return ()
        ready, self.reads = tuple(self.reads), []
        return ready

    def start_next_round(self) -> bool:
        """Move the waiting reads to a round of their own; return whether there were any."""
        if self.reads or not self.waiting_reads:
            return False
        self.reads, self.waiting_reads = self.waiting_reads, []
        self.round += 1
        self.reads_round = self.round
        return True

    def begin_round(self, now_ns: int) -> None:
        """With a lease, begin a round whose answers extend it."""
        if self.lease is not None:
            self.round += 1
            self.lease.begin_round(self.round, now_ns)

    def extend_lease(self, lease: Lease) -> None:
        """Look how far a quorum, this leader included, has answered."""
        rounds = {peer: each.round if each.counts else 0 for peer, each in self.progress.items()}
        rounds[self._node] = self.round
        lease.confirm(quorum_index(self._configuration, rounds))

    def has_quorum(self, now_ns: int) -> bool:
        """Return whether a quorum, this leader included, was heard from since the last call."""
        active = [self._node, *(peer for peer, each in self.progress.items() if each.active and each.counts)]
        for each in self.progress.values():
            if not each.active:
                each.silent_ns = now_ns
            each.active = False
        return has_quorum(self._configuration, active)
