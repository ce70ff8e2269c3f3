"""What exists only while a replica leads: how far each follower is, reads that wait for a quorum, proposals that wait.

It dies with leadership, so nothing of an earlier term can be mistaken for the present one's.

Followers are fed in one of three ways, as in etcd's raft: *probe* sends one message and waits for its answer,
*replicate* sends ahead of the answers up to a bound, *snapshot* waits for a snapshot to arrive.
"""

from __future__ import annotations

from typing import Any, Literal

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.raft.effects import Propose


class Progress:
    """How far one follower's log is known to equal the leader's (`match_index`), and what to send it next."""

    __slots__ = ("active", "counts", "match_index", "next_index", "round", "state", "waits")

    def __init__(self, next_index: int) -> None:
        self.match_index = 0
        self.next_index = next_index
        self.state: Literal["probe", "replicate", "snapshot"] = "probe"
        self.waits = False  # In probe: a message is under way.
        self.active = True  # Heard from since the last check of the quorum.
        self.counts = True
        self.round = 0

    def accept(self, index: int) -> bool:
        """Take an acknowledgement up to `index`; return whether it brought news."""
        self.waits = False
        if self.state == "probe" or (self.state == "snapshot" and index >= self.next_index - 1):
            self.state = "replicate"
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
        self.waits = False
        self.next_index = next_index
        self.match_index = min(self.match_index, next_index - 1)


class Leadership:
    """One term of one leader. Knows voters by name and indexes by number, and sends nothing itself."""

    __slots__ = ("_quorum", "held_proposals", "progress", "reads", "round", "successor", "waiting_reads")

    def __init__(self, node: NodeId, voters: tuple[NodeId, ...], last_index: int) -> None:
        self.progress = {peer: Progress(last_index + 1) for peer in voters if peer != node}
        self._quorum = len(voters) // 2 + 1
        self.round = 0
        self.reads: list[Any] = []  # They wait for the present round.
        self.waiting_reads: list[Any] = []  # They came later, and need the next one.
        self.held_proposals: list[Propose] = []  # They are in no log.
        self.successor: NodeId = ""  # To whom leadership is being handed.

    def quorum_index(self, own_index: int) -> int:
        """Return the largest index that a quorum holds durably."""
        indexes = [own_index]
        for each in self.progress.values():
            indexes.append(each.match_index if each.counts else 0)
        indexes.sort(reverse=True)
        return indexes[self._quorum - 1]

    def add_read(self, token: Any) -> bool:
        """Queue a read; return whether a new round of confirmation must be sent for it now."""
        if self.reads:
            self.waiting_reads.append(token)
            return False
        self.reads.append(token)
        self.round += 1
        return True

    def confirmed_reads(self) -> tuple[Any, ...]:
        """Return the reads of the present round once a quorum has answered it, else nothing."""
        if not self.reads:
            return ()
        confirmations = 1
        for each in self.progress.values():
            if each.round >= self.round and each.counts:
                confirmations += 1
        if confirmations < self._quorum:
            return ()
        ready, self.reads = tuple(self.reads), []
        return ready

    def start_next_round(self) -> bool:
        """Move the waiting reads to a round of their own; return whether there were any."""
        if self.reads or not self.waiting_reads:
            return False
        self.reads, self.waiting_reads = self.waiting_reads, []
        self.round += 1
        return True

    def has_quorum(self) -> bool:
        """Return whether a quorum, this leader included, was heard from since the last call."""
        active = 1
        for each in self.progress.values():
            active += each.active and each.counts
            each.active = False
        return active >= self._quorum
