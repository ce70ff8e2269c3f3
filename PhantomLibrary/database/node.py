"""The program on a node of PhantomDB: its replicas, their shared log, a gateway for clients, and its view of the
other nodes' health.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from PhantomLibrary.database.admission import Admission
from PhantomLibrary.database.attempts import Attempts
from PhantomLibrary.database.call_timers import DEADLINE as GATEWAY_DEADLINE
from PhantomLibrary.database.census import CENSUS_MESSAGES, RESHAPE_MESSAGES
from PhantomLibrary.database.config import SYSTEM_SHARD, ClusterLayout
from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.disk_care import DEADLINES as DISK_DEADLINES
from PhantomLibrary.database.disk_care import DiskCare
from PhantomLibrary.database.gateway import Gateway
from PhantomLibrary.database.health import DEADLINES as HEALTH_DEADLINES
from PhantomLibrary.database.health import HealthMonitor
from PhantomLibrary.database.heartbeats import DEADLINE as HEARTBEAT_DEADLINE
from PhantomLibrary.database.heartbeats import Heartbeats
from PhantomLibrary.database.membership import DEADLINES as MEMBER_DEADLINES
from PhantomLibrary.database.membership import Membership
from PhantomLibrary.database.messages import (
    ClientRequest,
    NodeHeartbeat,
    NodeHeartbeatReply,
    ShardReply,
    ShardRequest,
    StaleRoute,
)
from PhantomLibrary.database.metering import METER_MESSAGES, Metering
from PhantomLibrary.database.parts import Parts
from PhantomLibrary.database.replica import ShardReplica, Sink
from PhantomLibrary.database.replicas import ReplicaSet
from PhantomLibrary.database.reshaper import Reshaper
from PhantomLibrary.database.reshapes import Offspring
from PhantomLibrary.database.saga_host import DEADLINES as SAGA_DEADLINES
from PhantomLibrary.database.saga_host import SagaHost, shown
from PhantomLibrary.database.snapshot_parts import parts_file
from PhantomLibrary.database.transactions.manager import DEADLINES as TRANSACTION_DEADLINES
from PhantomLibrary.database.transactions.manager import TransactionManager
from PhantomLibrary.database.transactions.messages import TRANSACTION_MESSAGES, ShardWork, TransactionMessage
from PhantomLibrary.database.transactions.recovery import Finish
from PhantomLibrary.database.wal import LOG_FILE, WriteAheadLog, snapshot_file, vote_file
from PhantomLibrary.domain import Answer, NodeId, Observation, ReplicaDigest, ShardId, TransactionOperation
from PhantomLibrary.domain.region_policy import RegionPolicy
from PhantomLibrary.domain.usage import Account
from PhantomLibrary.kernel.process import Env
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.raft.configuration import ABSENT, UNBORN
from PhantomLibrary.protocols.raft.messages import (
    AppendEntries,
    AppendReply,
    Invitation,
    RequestVote,
    SnapshotChunk,
    TimeoutNow,
)
from PhantomLibrary.protocols.saga.progress import Saga
from PhantomLibrary.protocols.swim.effects import MembersChanged
from PhantomLibrary.protocols.swim.messages import Ack, Nack, Ping, PingRequest

_EARLY_VOTES_MAX = 64  # Shards.
_HEALTH_MESSAGES = frozenset((Ping, Ack, PingRequest, Nack))


class DatabaseNode:
    """A Process. It takes part in the shards that the layout gives it."""

    env: Env
    wal: WriteAheadLog
    disk: DiskCare
    gateway: Gateway
    clock: HybridClock
    transactions: TransactionManager
    replica_set: ReplicaSet
    admission: Admission
    metering: Metering
    heartbeats: Heartbeats
    health: HealthMonitor
    membership: Membership
    saga_host: SagaHost
    reshaper: Reshaper

    def __init__(self, layout: ClusterLayout, parts: Parts, sink: Sink) -> None:
        self.layout = layout
        self.parts = parts
        self.sink = sink
        self.replicas: dict[ShardId, ShardReplica] = {}
        self._has_news = False
        self.has_changed = True  # What a replica here holds has, since somebody last counted it.
        self._accounted = self._held = 0
        self._attempts = Attempts()
        self._early_votes: dict[ShardId, dict[NodeId, RequestVote]] = {}
        self._later: deque[tuple[Callable[[Any], object], Any]] = deque()
        self._takers: dict[type, Callable[[Any], object]] = {}  # Of messages for whose sender nobody asks.

    def start(self, env: Env) -> None:
        self.env = env
        mine = [each for each in self.layout.shards if env.node in each.voters]
        self.disk = DiskCare(self)
        self.wal = self.parts.wal(env.disk, env.node, self)
        self.admission = self.parts.admission(self)
        self.metering = Metering(self)
        self.heartbeats = Heartbeats(self)
        self.replica_set = self.parts.replica_set(self, self.wal.recover([each.shard for each in mine]))
        self.clock = HybridClock(env.wall_ns)
        self.gateway = (self.parts.region_gateway if self.layout.regions else self.parts.gateway)(self)
        self.transactions = self.parts.manager(self)
        self.replica_set.open()
        self.replicas = self.replica_set.by_shard
        self.saga_host = self.parts.saga_host(self)
        self.rewrite_log()
        self.wal.flush()
        self.replica_set.start()
        self.disk.start()
        self.gateway.start()
        self.health = HealthMonitor(self)
        self.health.start()
        self.reshaper = self.parts.reshaper(self)
        self.membership = Membership(self)
        self._takers = {
            ShardReply: self.gateway.shard_reply,
            NodeHeartbeat: self.heartbeats.heard,
            NodeHeartbeatReply: self.heartbeats.answered,
            **dict.fromkeys(_HEALTH_MESSAGES, self.health.step),
            **dict.fromkeys(TRANSACTION_MESSAGES, self.transactions.receive),
        }
        self.membership.start()

    def receive(self, sender: str, message: Any) -> None:
        kind = type(message)
        if kind is AppendEntries or kind is AppendReply:  # Most messages: asked for first.
            replica = self.replicas.get(message.shard)
            if replica is not None:
                replica.step(message)
            elif kind is AppendEntries:
                self._decline(message)
        elif (take := self._takers.get(kind)) is not None:
            take(message)
        elif kind is ClientRequest:
            if self.admission.takes(sender, message):
                self.gateway.request(sender, message)
        elif kind is ShardRequest:
            if self._attempts.is_new(message) and self.admission.serves(message):
                self.request(message)
        elif kind in CENSUS_MESSAGES:
            self.membership.receive(sender, message)
        elif kind in METER_MESSAGES:
            self.metering.receive(sender, message)
        elif kind in RESHAPE_MESSAGES:
            self.reshaper.receive(message)
        else:
            self._step(sender, message)
        if self._later or self._has_news:
            self._finish()

    def _step(self, sender: NodeId, message: Any) -> None:
        """Take a message of Raft, one of the rarer ones."""
        kind = type(message)
        if kind is RequestVote and self.membership.refuses(sender, message.shard):
            return
        if kind is RequestVote and message.shard not in self.replicas:
            self._keep_early_vote(message)
            return
        replica = self.membership.invited(message) if kind is Invitation else self.replicas.get(message.shard)
        if replica is not None:
            replica.step(message)
        elif kind is SnapshotChunk:
            self._decline(message)

    def _keep_early_vote(self, message: RequestVote) -> None:
        """Somebody stands for a shard that may be split off here only in a moment: let it hear of that then."""
        if message.shard in self._early_votes or len(self._early_votes) < _EARLY_VOTES_MAX:
            self._early_votes.setdefault(message.shard, {})[message.source] = message

    def _decline(self, message: AppendEntries | SnapshotChunk) -> None:
        """Say that no replica of the shard is here, or that there never was one."""
        born = self.membership.directory.reshapes.birth_of(message.shard)
        number = UNBORN if self.replica_set.never_had(message.shard, born) else ABSENT
        reply = AppendReply(message.shard, self.env.node, message.term, False, 0, 0, message.round, number)
        self.env.send(message.source, reply)

    @property
    def membership_number(self) -> int:
        return self.membership.number

    def beget(self, parent: ShardReplica, offspring: Offspring) -> None:
        """A shard was split: begin the replica of the other half, and let it lead where this one leads."""
        self.gateway.learn_descriptor(offspring.descriptor)
        replica = self.replica_set.beget(parent, offspring)
        if replica is None:
            return
        self.wal.flush()
        if parent.group.is_leader:
            self.later(replica.step, TimeoutNow(replica.shard, self.env.node, 0))
        for vote in self._early_votes.pop(replica.shard, {}).values():
            self.later(replica.step, vote)

    def reshaped(self, replica: ShardReplica) -> None:
        """A shard has other keys, or has done a step of a task."""
        self.reshaper.reshaped(replica)

    def fire(self, deadline: str) -> None:
        if deadline == GATEWAY_DEADLINE:
            self.gateway.fire()
        elif deadline == HEARTBEAT_DEADLINE:
            self.heartbeats.fire()
        else:
            owner, _, name = deadline.partition("/")
            if owner == HEALTH_DEADLINES:
                self.health.fire(name)
            elif owner == MEMBER_DEADLINES:
                self.membership.fire(name)
            elif owner == TRANSACTION_DEADLINES:
                self.transactions.fire(name)
            elif owner == DISK_DEADLINES:
                self.disk.fire(name)
            elif owner == SAGA_DEADLINES:
                self.saga_host.fire()
            elif (replica := self.replicas.get(int(owner))) is not None:
                replica.fire(name)
        if self._later or self._has_news:
            self._finish()

    def synced(self, token: int, error: str) -> None:
        self.wal.synced(token, error)
        if self._later or self._has_news:
            self._finish()

    def log_failed(self, error: str) -> None:
        self.disk.log_failed(error)

    def log_full(self, is_full: bool) -> None:
        self.disk.log_full(is_full)

    def log_idle(self) -> None:
        self.disk.log_idle()

    def request(self, request: ShardRequest) -> None:
        """Take an attempt of a gateway, this node's own included."""
        replica = self.replicas.get(request.shard)
        if replica is None:
            reply = ShardReply(request.shard, request.call, request.attempt, StaleRoute())
            self.reply(request.gateway, reply)
        else:
            replica.service.request(request)

    def transfer_leadership(self, shard: ShardId, target: NodeId) -> str:
        """Begin to hand the leadership of a shard, which this node has, to another; return why not, "" if it began.

        It ends within an election timeout: another leads, or the replica's `transfer_failure` says why not.
        """
        replica = self.replicas.get(shard)
        if replica is None:
            return f"{self.env.node} holds no replica of shard {shard}"
        return replica.transfer_leadership(target)

    def gone_quiet(self, shard: ShardId) -> None:
        """A replica here leads quietly from now on."""
        self.heartbeats.lead(shard)

    def woken(self) -> None:
        """A replica here was quiet, and is no more."""
        self.heartbeats.woken()

    def suspect(self, node: NodeId) -> None:
        """A node may be dead: wake all replicas here that quietly rely on it."""
        self.heartbeats.suspect(node)

    def reply(self, gateway: NodeId, reply: ShardReply) -> None:
        """Answer a gateway, without a message if it is on this node.

        This node's own hears of it when the event is dealt with: what it does next may propose to the very group whose
        effects are being performed.
        """
        if gateway == self.env.node:
            self._later.append((self.gateway.shard_reply, reply))
        else:
            self.env.send(gateway, reply)

    def later(self, action: Callable[[Any], object], argument: Any) -> None:
        """Do something when the present event is dealt with: it may step a group whose effects are being performed."""
        self._later.append((action, argument))

    def ask(self, shard: ShardId, work: ShardWork, finish: Finish) -> None:
        """Put something to the leader of a shard, through the gateway here."""
        self._later.append((lambda _: self.gateway.ask(shard, work, finish), None))

    def transact(self, process: int, operation: TransactionOperation, finish: Callable[[Answer], object]) -> None:
        """A client wants something of its transaction."""
        self.transactions.request(process, operation, finish)

    def transaction_message(self, message: TransactionMessage) -> None:
        self.transactions.receive(message)

    def show(self, observation: Observation) -> None:
        """Show something to whoever watches this node."""
        self.sink(observation)

    def members_changed(self, directory: Directory) -> None:
        """The directory that this node has is another one."""
        self.health.step(MembersChanged(tuple((each.node, each.standing) for each in directory.members)))
        if directory.regions is not None:
            for replica in self.replicas.values():
                replica.service.learn_policy(directory.regions)

    @property
    def regions_policy(self) -> RegionPolicy | None:
        """Return what regions promise, as far as this node has heard, where each has a copy of its own."""
        return self.membership.directory.regions

    def leaderships(self) -> tuple[tuple[ShardId, int], ...]:
        """Return (shard, term) of all that this node leads, and knows all about; its clock is above what they hold."""
        leading = [replica for replica in self.replicas.values() if replica.service.desk is not None]
        for replica in leading:
            self.clock.observe(replica.machine.last_timestamp_ns)
        return tuple((replica.shard, replica.service.term) for replica in leading)

    def unavailable_nodes(self) -> list[NodeId]:
        """Return the members that this node holds to be suspect or down."""
        return self.health.unavailable_nodes()

    def note_news(self) -> None:
        """Something has changed that the membership is to look at, when the event is dealt with."""
        self._has_news = True

    def note_saga(self, saga: Saga) -> None:
        """Shard 0 has applied here what changes a saga."""
        self.sink(shown(self.env.node, saga))
        self.saga_host.note(saga)

    def _finish(self) -> None:
        later = self._later
        while later or self._has_news:
            if later:
                action, argument = later.popleft()
                action(argument)
            else:
                self._has_news = False
                self.membership.look()
                self.saga_host.look()

    def account(self) -> Account:
        """Return what this node holds, its log as it stands on disk and rows of queries under way included, and what
        clients asked it for.
        """
        if self.has_changed or self._accounted != self.wal.number:
            self._accounted, self.has_changed = self.wal.number, False
            self._held = sum(replica.machine.bytes for replica in self.replicas.values()) + self.wal.bytes
        held = self._held + self.transactions.plans.bytes
        held += sum(each.service.held_bytes for each in self.replicas.values())
        return Account(held, self.admission.operations, self.admission.transactions)

    def digests(self) -> list[ReplicaDigest]:
        """Return what each replica here holds, in the order of shards."""
        return [replica.digest() for replica in self.replicas.values()]

    def file_names(self) -> list[str]:
        """Return the names of the files that this node may come to write."""
        numbers = [(shard, replica.number) for shard, replica in self.replicas.items()]
        own = [file(*each) for each in numbers for file in (vote_file, snapshot_file)]
        return [LOG_FILE, *own, *self.wal.kept, *map(parts_file, self.replicas)]

    def compact_log(self) -> None:
        """Shrink the log if it has grown: called when a snapshot has made some of it useless."""
        if self.wal.bytes > self.layout.config.log_bytes_max and not self.wal.is_full:
            self.rewrite_log()

    def rewrite_log(self) -> None:
        """Write down all that the log must hold."""
        self.wal.rewrite(self.replica_set.records())

    def persisted(self, shard: ShardId, token: int) -> None:
        """The log has made a shard's records durable."""
        self.replicas[shard].persisted(token)


__all__ = ["SYSTEM_SHARD", "DatabaseNode"]
