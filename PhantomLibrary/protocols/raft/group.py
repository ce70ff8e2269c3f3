"""Raft, one replica of one shard, as a pure state machine.

Rule: this file knows no clock, network, disk or randomness. Its host feeds it events and performs the effects it
returns, in order (see effects.py). Times are the node's monotonic nanoseconds.

What it adds to Figure 2 of the Raft paper: pre-vote and check-quorum (Ongaro's dissertation 9.6 and 6.2), so that a
node that comes back deposes nobody and a leader that lost its quorum says so; read-index and leases (6.4); fast
back-off over wrong logs (the paper's 5.3, with the term comparison of etcd's raft); pipelining; snapshots; leadership
transfer (3.10); learners and joint consensus (the paper's section 6, dissertation chapter 4). A leader whose own disk
hangs or is full steps down. A replica that lost its disk (`formatted` False) takes data, but neither votes nor counts
in a quorum; one whose log was damaged does not vote until it is whole again.

A heartbeat is due when nothing has gone to all followers for so long, as in the paper (5.2) and in LogCabin: entries
and rounds of reads stand for it. The commit index rides on whatever is sent next.

The election timeout is drawn again at every look at it, not at every heartbeat: a deadline that finds a leader
alive is set anew for what is left, plus a random part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PhantomLibrary.protocols.raft.effects import (
    Awaken,
    ChangeConfiguration,
    DeadlinePassed,
    DiskFull,
    Effect,
    Event,
    LeaderSuspected,
    PaceCopies,
    Persisted,
    Propose,
    Quiesce,
    Read,
    SetDeadline,
    SnapshotTaken,
    TransferLeadership,
)
from PhantomLibrary.protocols.raft.messages import (
    AppendEntries,
    AppendReply,
    Invitation,
    Recovered,
    RepairBound,
    RepairRequest,
    RequestVote,
    SnapshotChunk,
    SnapshotReply,
    TimeoutNow,
    Vote,
)
from PhantomLibrary.protocols.raft.quiescing import Quiescing
from PhantomLibrary.protocols.raft.replica import BATCH, ELECTION, HEARTBEAT, REPAIR, TRANSFER, GroupConfig

_LEAVE_QUIET = frozenset((Quiesce, DeadlinePassed, Persisted, SnapshotTaken, PaceCopies))


class Group(Quiescing):
    """One replica. `step` takes an event and returns effects; `view` is what others may look at."""

    __slots__ = ("_handlers",)

    def __init__(self, config: GroupConfig, recovered: Recovered, now_ns: int) -> None:
        super().__init__(config, recovered, now_ns)
        self._handlers: dict[type, Callable[[Any, int], list[Effect]]] = {
            AppendEntries: self._on_append,
            AppendReply: self._on_append_reply,
            Persisted: self._on_persisted,
            Propose: self._on_propose,
            Read: self._on_read,
            DeadlinePassed: self._on_deadline,
            ChangeConfiguration: self._on_change,
            Invitation: self._on_invitation,
            RequestVote: self._on_request_vote,
            Vote: self._on_vote,
            TimeoutNow: self._on_timeout_now,
            TransferLeadership: self._on_transfer,
            SnapshotChunk: self._on_snapshot_chunk,
            SnapshotReply: self._on_snapshot_reply,
            SnapshotTaken: self._on_snapshot_taken,
            PaceCopies: self._on_pace,
            RepairRequest: self._on_repair_request,
            RepairBound: self._on_repair_bound,
            DiskFull: self._on_disk_full,
            Quiesce: self._on_quiesce,
            Awaken: self._on_awaken,
            LeaderSuspected: self._on_awaken,
        }

    def start(self) -> list[Effect]:
        """Return the first effects."""
        repair = self._begin_repair() if self.damaged else []
        return [*repair, self._set_election_deadline()]

    def step(self, event: Event, now_ns: int) -> list[Effect]:
        """Advance by one event and return the effects to perform, in order."""
        kind = type(event)
        if self.is_quiet and kind not in _LEAVE_QUIET:
            effects = [*self._wake(event, now_ns), *self._handlers[kind](event, now_ns)]
        else:
            effects = self._handlers[kind](event, now_ns)
        if self._view_is_old:
            self._view_is_old = False
            self.view = self._make_view()
        return effects

    def _on_deadline(self, event: DeadlinePassed, now_ns: int) -> list[Effect]:
        if self.is_quiet:
            return []  # It was set before.
        if event.name == HEARTBEAT:
            return self._on_heartbeat_deadline(now_ns)
        if event.name == BATCH:
            return self._on_batch_deadline(now_ns)
        if event.name == REPAIR:
            return self._on_repair_deadline(now_ns)
        if event.name == TRANSFER:
            return self._on_transfer_deadline(now_ns)
        if event.name != ELECTION:
            return self._on_pace_deadline(event.name, now_ns)
        if self._leadership is not None:
            return self._check_quorum(now_ns)
        left_ns = max(self._heard_ns, self._granted_ns) + self.config.election_timeout_ns - now_ns
        if left_ns > 0:
            return [SetDeadline(ELECTION, left_ns, self.config.election_timeout_ns)]
        return self._campaign(now_ns)

    def _on_snapshot_taken(self, event: SnapshotTaken, now_ns: int) -> list[Effect]:
        """The host has the snapshot on disk: drop what it covers, but keep some for followers that are a little
        behind, and for those to whom a copy is under way.
        """
        snapshot = event.snapshot
        assert snapshot.index <= self.commit_index
        if self.snapshot is not None and snapshot.index <= self.snapshot.index:
            return []  # A leader's snapshot overtook it.
        self.snapshot = snapshot
        kept_from = min(snapshot.index - self.config.kept_entries_max, self._copied_index(snapshot.index))
        self.log.compact(max(self.log.snapshot_index, kept_from))
        self.configurations.forget(self.log.snapshot_index)
        return []
