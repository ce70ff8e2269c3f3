"""A node's part in the membership of the cluster: which membership it has, the directory as it knows it, its reports.

The copy of the directory only ever gets newer. Replicas that the directory no longer places here are given up, and no
sooner, for their votes may be needed until then; one that it places here is begun when the leader of its shard invites
it. A node that learns that it was removed closes, and one that learns of a later membership of its own opens again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from PhantomLibrary.database.autoscaler import Autoscaler
from PhantomLibrary.database.census import (
    Announcement,
    CensusMessage,
    HandOver,
    Noted,
    Order,
    Report,
    ShardReport,
    TaskOrder,
)
from PhantomLibrary.database.config import SYSTEM_SHARD, ClusterLayout, DatabaseConfig
from PhantomLibrary.database.coordinator import Coordinator
from PhantomLibrary.database.directory import (
    Directory,
    Member,
    decode_directory,
    encode_directory,
    first_directory,
)
from PhantomLibrary.database.gateway import Gateway
from PhantomLibrary.database.messages import AskTask, EndTask, Record
from PhantomLibrary.database.metering import Metering
from PhantomLibrary.database.regions.administration import RegionKeeper
from PhantomLibrary.database.regions.messages import AdoptPolicy
from PhantomLibrary.database.replica import ShardReplica
from PhantomLibrary.database.replicas import ReplicaSet
from PhantomLibrary.database.reshaper import Reshaper
from PhantomLibrary.database.resizer import Resizer
from PhantomLibrary.database.transactions.messages import ShardWork
from PhantomLibrary.database.transactions.recovery import Finish
from PhantomLibrary.database.wal import WriteAheadLog
from PhantomLibrary.domain import MILLISECOND_NS, NodeId, ShardId
from PhantomLibrary.kernel.process import Env
from PhantomLibrary.protocols.raft.configuration import LOST
from PhantomLibrary.protocols.raft.messages import Invitation

DEADLINES = "members"
DIRECTORY_FILE = "directory"
NUMBER_FILE = "member"
_REPORT_NS = 500 * MILLISECOND_NS
_REPORT = "report"
_COORDINATE = "coordinate"
_decode_number = msgspec.json.Decoder(int).decode


class MembershipParts(Protocol):
    """The constructors that a membership needs; see parts.py."""

    @property
    def coordinator(self) -> type[Coordinator]: ...
    @property
    def autoscaler(self) -> type[Autoscaler]: ...
    @property
    def resizer(self) -> type[Resizer]: ...
    @property
    def region_keeper(self) -> type[RegionKeeper]: ...


class MembershipHost(Protocol):
    """The node that is a member."""

    env: Env
    layout: ClusterLayout
    wal: WriteAheadLog
    replica_set: ReplicaSet
    gateway: Gateway
    reshaper: Reshaper
    metering: Metering

    @property
    def parts(self) -> MembershipParts: ...
    def members_changed(self, directory: Directory) -> None: ...
    def unavailable_nodes(self) -> Collection[NodeId]: ...
    def ask(self, shard: ShardId, work: ShardWork, finish: Finish) -> None: ...


class Membership:
    """What this node knows and says of the cluster. Its number is 0 while it is no member, or has lost its disk."""

    def __init__(self, host: MembershipHost) -> None:
        self._host = self.process = host
        self._env = env = host.env
        self.node = env.node
        self.number = _read_number(host.wal)
        self.is_removed = False
        content = host.wal.get(DIRECTORY_FILE)
        self.directory = decode_directory(content) if content else first_directory(host.layout)
        self._coordinator: Coordinator | None = None
        self.autoscaler: Autoscaler | None = None  # While there is a coordinator.
        self._resizer: Resizer | None = None
        self._region_keeper: RegionKeeper | None = None
        self._leader: NodeId = ""  # The coordinator, as far as this node has heard, and its term.
        self._term = 0
        self._turn = 0
        self._sequence = env.incarnation << 32  # What this process says is later than what those before it said.
        self._said: Report | None = None
        self._said_last: object = None  # What it said, but for its sequence.
        self._is_noted = False
        self._handlers: dict[type, Callable[[NodeId, Any], None]] = {
            Report: self._on_report,
            Noted: self._on_noted,
            Announcement: self._on_announcement,
            Order: self._on_order,
            HandOver: self._on_hand_over,
            TaskOrder: self._on_task_order,
        }

    def start(self) -> None:
        if self.directory.version:
            self._host.gateway.learn(self.directory)
            self._host.members_changed(self.directory)
            self._end_replicas_of_others()  # One that lost its files begins as the layout says, member or not.
            self._pace_copies()
        self._consider_own_entry()
        self._report()

    # --- events -----------------------------------------------------------------------------------------------------

    def receive(self, sender: NodeId, message: CensusMessage) -> None:
        self._handlers[type(message)](sender, message)

    def fire(self, name: str) -> None:
        if name == _COORDINATE:
            self.look()
        elif not self._is_noted:
            self._leader, self._turn = "", self._turn + 1
            self._send_report()

    def look(self) -> None:
        """Something has changed in the replicas here, or time has passed: report what is new, and coordinate."""
        self._report()
        replica = self._host.replica_set.by_shard.get(SYSTEM_SHARD)
        coordinator = self._coordinator
        if replica is None or not replica.is_current() or replica.machine.directory is None:
            self._coordinator = self.autoscaler = self._resizer = self._region_keeper = None
            return
        if coordinator is None or coordinator.term != replica.group.term:
            parts = self._host.parts
            coordinator = parts.coordinator(self, replica.group.term, replica.machine.directory)
            self._coordinator = coordinator
            self.autoscaler, self._resizer = parts.autoscaler(self), parts.resizer(self)
            self._region_keeper = parts.region_keeper(self)
            self._adopt(replica.machine.directory)
            self._leader, self._term = self.node, replica.group.term
            self._said_last = None
            self._report()
        assert self.autoscaler is not None and self._resizer is not None and self._region_keeper is not None
        due_ns = coordinator.look(replica.machine.directory)
        for each in (self.autoscaler, self._resizer, self._region_keeper):
            due_ns = min(due_ns, each.look(replica.machine.directory) or due_ns)
        self._env.set_deadline(f"{DEADLINES}/{_COORDINATE}", due_ns)

    def invited(self, invitation: Invitation) -> ShardReplica | None:
        """Begin a replica that is new here; return the one of the shard that the invitation is for, if there is one."""
        replicas, shard = self._host.replica_set, invitation.shard
        is_new = replicas.may_begin(shard, invitation.number) and not replicas.is_ahead_of(shard, invitation.term)
        if is_new and not self.is_removed:
            replicas.begin(shard, invitation.number)
            self._pace_copies()
        return replicas.by_shard.get(shard)

    def refuses(self, node: NodeId, shard: ShardId) -> bool:
        """Whether a node was removed, and the shard does not count on it any more. If so it is told."""
        replica = self._host.replica_set.by_shard.get(shard)
        is_needed = replica is not None and node in replica.group.configuration.members
        if is_needed or self.directory.standing(node) != "removed":
            return False
        self.tell(node, Announcement(0, self.directory))
        return True

    # --- reports ----------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        """Say what is new, if anything is."""
        replicas = self._host.replica_set.by_shard.values()
        shards = tuple(filter(None, map(_shard_report, replicas)))
        waiting = tuple(replica.shard for replica in replicas if replica.number == LOST)
        content = (self.number, self.directory.version, shards, waiting)
        if content != self._said_last:
            self._said_last = content
            self._sequence += 1
            self._said = Report(self.node, self.number, self.directory.version, self._sequence, shards, waiting)
            self._send_report()

    def _send_report(self) -> None:
        assert self._said is not None
        self._is_noted = False
        self._env.set_deadline(f"{DEADLINES}/{_REPORT}", self._env.monotonic_ns() + _REPORT_NS)
        voters = self.directory.shard(SYSTEM_SHARD).voters
        self.tell(self._leader or voters[self._turn % len(voters)], self._said)

    def _on_report(self, _sender: NodeId, report: Report) -> None:
        if self._coordinator is not None:
            self._coordinator.report(report)
            if report.node != self.node:
                self.look()
        elif report.version < self.directory.version:
            self.tell(report.node, Announcement(0, self.directory))  # It may know none of those who could tell it.

    def _on_noted(self, sender: NodeId, noted: Noted) -> None:
        self._leader = sender
        self._is_noted |= noted.sequence == self._sequence

    # --- the directory ----------------------------------------------------------------------------------------------

    def _on_announcement(self, sender: NodeId, announcement: Announcement) -> None:
        is_new_coordinator = announcement.term > self._term
        if is_new_coordinator:
            self._term = announcement.term
        if announcement.term == self._term and announcement.term:
            self._leader = sender
        self._adopt(announcement.directory)
        if is_new_coordinator or announcement.directory.version == self.directory.version:
            self._said_last = None  # It asks: say it even if it was said before.
        self._report()

    def _adopt(self, directory: Directory) -> None:
        if directory.version <= self.directory.version:
            return
        self.directory = directory
        self._host.wal.put(DIRECTORY_FILE, encode_directory(directory))
        self._host.gateway.learn(directory)
        self._host.members_changed(directory)
        self._consider_own_entry()
        self._end_replicas_of_others()
        self._pace_copies()
        self._host.wal.flush()  # A node without replicas has no other reason for a sync.

    def _pace_copies(self) -> None:
        """Whoever leads, or comes to lead, copies no faster to the targets of moves than it may."""
        moves = self.directory.moves
        for shard, replica in self._host.replica_set.by_shard.items():
            replica.pace_copies(moves.paces(shard))

    def _end_replicas_of_others(self) -> None:
        """Give up the replicas here that the directory does not name any more."""
        directory = self.directory
        for shard, replica in list(self._host.replica_set.by_shard.items()):
            descriptor = directory.find(shard)
            if descriptor is None:
                if directory.reshapes.is_absorbed(shard):
                    self._host.replica_set.end(shard)
                continue  # Or it was split off, and the directory does not say so yet.
            if self.node in descriptor.members or descriptor.epoch <= replica.number:
                continue
            # One that lost its disk stands by as long as its shard lacks a replica that it could become.
            lacks_one = len(descriptor.voters) < directory.replicas and not self.is_removed
            if replica.number != LOST or not lacks_one:
                self._host.replica_set.end(shard)

    def _consider_own_entry(self) -> None:
        """Is this node a member still, and as which one?"""
        entry = self.directory.member(self.node)
        if entry is None or entry.number < self.number:
            return
        if entry.standing == "removed":
            self._close()
        elif entry.number > self.number:
            self._begin_anew(entry)

    def _close(self) -> None:
        """Serve no client and take no new replica. Those that are here stay until their shards do without them."""
        self.is_removed = True
        self._host.gateway.close(f"{self.node} was removed from the cluster")

    def _begin_anew(self, entry: Member) -> None:
        self.is_removed, self.number = False, entry.number
        self._host.wal.put(NUMBER_FILE, b"%d" % entry.number)
        self._host.gateway.close("")

    # --- orders -----------------------------------------------------------------------------------------------------

    def _on_order(self, _sender: NodeId, order: Order) -> None:
        replica = self._ordered(order.shard, order.term)
        if replica is not None and order.version <= self.directory.version:
            replica.change_members(order.since, order.change)

    def _on_hand_over(self, _sender: NodeId, order: HandOver) -> None:
        replica = self._ordered(order.shard, order.term)
        if replica is not None and (order.is_urgent or replica.is_steady(order.target)):
            replica.transfer_leadership(order.target)

    def _on_task_order(self, _sender: NodeId, order: TaskOrder) -> None:
        replica = self._ordered(order.shard, order.term)
        if replica is not None:
            self._host.reshaper.order(replica, order)

    def _ordered(self, shard: ShardId, term: int) -> ShardReplica | None:
        """Return the replica that an order is for, unless the order comes from a coordinator of an earlier term."""
        return self._host.replica_set.by_shard.get(shard) if self._is_in_office(term) else None

    def _is_in_office(self, term: int) -> bool:
        self._term = max(self._term, term)
        return term == self._term

    # --- for the coordinator and the autoscaler -----------------------------------------------------------------

    def monotonic_ns(self) -> int:
        return self._env.monotonic_ns()

    def tell(self, node: NodeId, message: CensusMessage) -> None:
        if node == self.node:
            self.receive(node, message)
        else:
            self._env.send(node, message)

    def ask(self, shard: ShardId, work: ShardWork, finish: Callable[[Any], object]) -> None:
        """Put something to the leader of a shard."""
        self._host.ask(shard, work, finish)

    def propose(self, command: Record | AskTask | EndTask | AdoptPolicy) -> None:
        self._host.replica_set.by_shard[SYSTEM_SHARD].propose(command)

    @property
    def metering(self) -> Metering:
        return self._host.metering

    @property
    def config(self) -> DatabaseConfig:
        return self._host.layout.config

    def leaders(self) -> dict[ShardId, NodeId]:
        """Return who leads each shard, as far as the coordinator has heard."""
        return self._coordinator.leaders() if self._coordinator is not None else {}

    def unavailable(self) -> Collection[NodeId]:
        """Return the nodes that are not to be given anything now."""
        return self._host.unavailable_nodes()


def _read_number(wal: WriteAheadLog) -> int:
    content = wal.get(NUMBER_FILE)
    if content:
        return _decode_number(content)
    return 1 if wal.is_formatted else 0


def _shard_report(replica: ShardReplica) -> ShardReport | None:
    group = replica.group
    if not group.is_leader:
        return None
    return ShardReport(
        replica.shard,
        group.term,
        group.configurations.index,
        group.configuration,
        group.is_settled,
        group.learners_caught_up(),
        group.voters_lost(),
        replica.machine.descriptor,
        replace(replica.machine.shape, absorbing=None),
    )
