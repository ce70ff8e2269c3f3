"""The state of one Raft replica, and how it keeps its promises: durability, terms, stepping down."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from PhantomLibrary.domain import Configuration, LogEntry, NodeId, Role, ShardId
from PhantomLibrary.protocols.raft.configuration import LOST, ConfigurationHistory
from PhantomLibrary.protocols.raft.effects import (
    Apply,
    DiskFull,
    Effect,
    Persist,
    Refuse,
    SetDeadline,
)
from PhantomLibrary.protocols.raft.leadership import Leadership
from PhantomLibrary.protocols.raft.log import RaftLog
from PhantomLibrary.protocols.raft.messages import (
    Record,
    Recovered,
)

ELECTION = "election"
HEARTBEAT = "heartbeat"
REPAIR = "repair"
TRANSFER = "transfer"
BATCH = "batch"
PACE = "pace "
"""Before the name of the node to which the next part of a snapshot is due."""


def _weightless(_command: Any) -> int:
    return 0


class GroupConfig(Struct, frozen=True):
    """What a replica is told at birth. `election_timeout_ns` is the least; the most is twice that.

    `voters` are those of the shard's beginning; who they are now its log tells. `lease_ns` is how long a leader's lease
    lasts (see leasing.py), 0 without leases. `command_bytes` tells how long a command is, about: an append carries no
    more than `append_bytes_max`, and a leader takes proposals up to `uncommitted_bytes_max` ahead of the quorum. With a
    `batch_interval_ns`, it begins no more than one batch of proposals and reads in such a time (see batching.py).
    """

    shard: ShardId
    node: NodeId
    voters: tuple[NodeId, ...]
    election_timeout_ns: int
    heartbeat_ns: int
    append_entries_max: int = 64
    unacknowledged_max: int = 512
    kept_entries_max: int = 256
    lease_ns: int = 0
    quiesces: bool = False
    snapshot_window: int = 4
    copied_entries_max: int = 20_000
    append_bytes_max: int = 1 << 16
    uncommitted_bytes_max: int = 1 << 20
    batch_interval_ns: int = 0
    command_bytes: Callable[[Any], int] = _weightless


class View(Struct, frozen=True, gc=False):
    """What may be seen from outside. Replaced when it changes, so that `is` tells whether it did."""

    term: int
    role: Role
    commit_index: int
    last_index: int
    leader: NodeId
    configuration: Configuration


class Replica:
    """What every role shares. Group adds the roles; nothing here decides who leads.

    It has slots, because CPython (3.11) finds attributes fast without them only up to 30 of an object.
    """

    __slots__ = (
        "_born_ns", "_bound", "_disk_is_full", "_durable_index", "_granted", "_granted_ns", "_heard_ns", "_is_settled",
        "_is_voter", "_leadership", "_persists", "_pre_voting", "_token", "_view_is_old", "_voting_peers",
        "commit_index", "config", "configuration", "configurations", "damaged", "leader", "log", "news", "number",
        "role", "snapshot", "term", "view", "vote",
    )  # fmt: skip

    def __init__(self, config: GroupConfig, recovered: Recovered, now_ns: int) -> None:
        snapshot = recovered.snapshot
        self.config = config
        self.term = recovered.term
        self.vote = recovered.vote
        self.number = recovered.number
        self.damaged = recovered.damaged
        self.role: Role = "follower"
        self.leader: NodeId = ""
        self.snapshot = snapshot
        self.log = RaftLog(
            snapshot.index if snapshot else 0, snapshot.term if snapshot else 0, self._recovered_entries(recovered)
        )
        self.commit_index = self.log.snapshot_index
        self._durable_index = self.log.last_index
        # When it last heard a leader. With leases, one that comes back may have promised one something just before.
        self._heard_ns = now_ns if self._may_have_promised() else now_ns - config.election_timeout_ns
        self._granted_ns = now_ns - config.election_timeout_ns  # When it last gave its vote.
        self._born_ns = now_ns
        self._bound: tuple[int, int] | None = None  # (term, index) where the repair of a damaged replica ends.
        self._disk_is_full = False
        self._leadership: Leadership | None = None
        self._granted: dict[NodeId, bool] = {}
        self._pre_voting = False
        self._token = 0
        self._persists: deque[tuple[int, int, int]] = deque()  # (token, time, last index), oldest first
        self.configurations = _configurations(config, recovered)
        self._adopt_configuration()
        self.view = self._make_view()
        self.news = False  # For the host, who takes it back: of members, or of leading.
        self._view_is_old = False  # Set by whatever changes one of its fields, which is cheaper than to compare them.

    @property
    def is_leader(self) -> bool:
        return self._leadership is not None

    def _make_view(self) -> View:
        role: Role = "learner" if self.role == "follower" and not self._is_voter else self.role
        return View(self.term, role, self.commit_index, self.log.last_index, self.leader, self.configuration)

    @property
    def formatted(self) -> bool:
        """Whether its disk holds all that it ever promised."""
        return self.number != LOST

    def _adopt_configuration(self) -> None:
        """Go by the latest configuration in the log, as soon as it stands there."""
        self.configuration = configuration = self.configurations.latest
        node, electorate = self.config.node, configuration.electorate
        self._is_voter = node in electorate and configuration.number_of(node) == self.number
        self._voting_peers = tuple(peer for peer in electorate if peer != node)
        self._is_settled = False
        self._note_news()
        if self._leadership is not None:
            self._leadership.adopt(configuration, self.log.last_index)

    def _may_have_promised(self) -> bool:
        """Whether a leader may count on its vote not being given to others for an election timeout from now.

        It has heard none in its life while it is in no term.
        """
        return self.config.lease_ns > 0 and self.term > 0

    def _recovered_entries(self, recovered: Recovered) -> tuple[LogEntry, ...]:
        return recovered.entries

    def _persist(self, records: tuple[Record, ...], now_ns: int) -> list[Effect]:
        if not records:
            return []
        self._token += 1
        self._persists.append((self._token, now_ns, self.log.last_index))
        return [Persist(records, self._token)]

    @property
    def may_vote(self) -> bool:
        """Whether this replica knows for sure what it has promised."""
        return self.formatted and not self.damaged

    def _on_disk_full(self, event: DiskFull, now_ns: int) -> list[Effect]:
        """A leader without room steps down: what it is asked to write can become durable elsewhere only."""
        self._disk_is_full = event.is_full
        return self._step_down() if event.is_full and self.is_leader else []

    def _disk_hangs(self, now_ns: int) -> bool:
        return self._disk_is_full or (
            bool(self._persists) and now_ns - self._persists[0][1] > self.config.election_timeout_ns
        )

    def _store(self, entries: tuple[LogEntry, ...]) -> None:
        """Put entries into the log; they are not durable yet, and what they replace never will be."""
        before = entries[0].index - 1
        if before < self.log.last_index:
            self._durable_index = min(self._durable_index, before)
            self._persists = deque((token, time, min(last, before)) for token, time, last in self._persists)
            self._take_back_configurations(before)
        self.log.append(entries)
        if self.configurations.append(entries):
            self._adopt_configuration()
        self._view_is_old = True

    def _take_back_configurations(self, last_index: int) -> None:
        """Entries after this one are no longer in the log, nor are the configurations that they brought."""
        if self.configurations.cut(last_index):
            self._adopt_configuration()

    def _set_election_deadline(self) -> SetDeadline:
        return SetDeadline(ELECTION, self.config.election_timeout_ns, self.config.election_timeout_ns)

    def _follow(self, term: int, leader: NodeId) -> None:
        """Become a follower. A new term comes with a vote not given; the caller persists it before anything is said."""
        if term > self.term:
            self.term, self.vote = term, ""
        self._stand("follower", leader)
        self._leadership = None

    def _note_news(self) -> None:
        """Something has changed that those want to know who look after the members."""
        self.news = True
        self._view_is_old = True

    @property
    def is_settled(self) -> bool:
        """Whether this leader knows the latest configuration to be committed, and to be no joint one."""
        return self._leadership is not None and self._is_settled

    def _stand(self, role: Role, leader: NodeId) -> None:
        if "leader" in (role, self.role):
            self.news = True
        self.role, self.leader = role, leader
        self._view_is_old = True

    def _step_down(self) -> list[Effect]:
        """Give up leading without a successor. What was promised to clients is left to their time-outs."""
        refused = self._refuse_waiting("")
        self._follow(self.term, "")
        return [*refused, self._set_election_deadline()]

    def _refuse_waiting(self, leader: NodeId) -> list[Effect]:
        """Turn away what waits at a leader and is in no log."""
        leadership = self._leadership
        if leadership is None:
            return []
        reads = (*leadership.reads, *leadership.waiting_reads, *leadership.batched_reads)
        proposals = [each.token for each in (*leadership.batch, *leadership.held_proposals)]
        return [Refuse((*reads, *proposals), leader)] if reads or proposals else []

    def _leave_leadership(self, term: int, leader: NodeId) -> list[Effect]:
        """Follow a term or leader; return what must be said about it."""
        was_leader = self._leadership is not None
        effects = self._refuse_waiting(leader)
        self._follow(term, leader)
        if was_leader:
            effects.append(self._set_election_deadline())
        return effects

    def _commit(self, index: int) -> Effect:
        first, self.commit_index = self.commit_index + 1, index
        self._view_is_old = True
        return Apply(self.log.entries_from(first, index - first + 1))


def _configurations(config: GroupConfig, recovered: Recovered) -> ConfigurationHistory:
    snapshot = recovered.snapshot
    if snapshot is None or snapshot.configuration is None:
        return ConfigurationHistory(0, Configuration(config.voters), recovered.entries)
    return ConfigurationHistory(snapshot.configuration_index, snapshot.configuration, recovered.entries)
