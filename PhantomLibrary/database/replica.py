"""One replica on one node: its Raft group, its state machine, and the clients' requests that wait at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PhantomLibrary.database.config import SYSTEM_SHARD, ClusterLayout, ShardDescriptor
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import Command, Done, command_bytes
from PhantomLibrary.database.performer import Performer
from PhantomLibrary.database.regions.parts import RegionParts
from PhantomLibrary.database.reshapes import Offspring
from PhantomLibrary.database.service import DEADLINE as SERVICE_DEADLINE
from PhantomLibrary.database.service import ServiceOwner, ShardService
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.database.sql.hosting import FragmentHost
from PhantomLibrary.database.transactions.desk import TransactionDesk
from PhantomLibrary.domain import (
    DamageRepaired,
    EntriesStored,
    LogCompacted,
    NodeId,
    Observation,
    ReplicaDigest,
    ReplicaRecovered,
    ReplicaState,
    ShardId,
    SnapshotInstalled,
)
from PhantomLibrary.protocols.raft.configuration import Change
from PhantomLibrary.protocols.raft.effects import (
    Apply,
    ChangeConfiguration,
    DeadlinePassed,
    DiskFull,
    Event,
    GoneQuiet,
    InstallSnapshot,
    PaceCopies,
    Persist,
    Persisted,
    Propose,
    ReadReady,
    Refuse,
    RefuseChange,
    Send,
    SendEarly,
    SetDeadline,
    SnapshotTaken,
    TransferFailed,
    TransferLeadership,
    Woken,
)
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.leasing import lease_length_ns
from PhantomLibrary.protocols.raft.messages import (
    Damaged,
    Entries,
    HardState,
    Record,
    Recovered,
    Repaired,
    Snapshot,
    SnapshotRecord,
)
from PhantomLibrary.protocols.raft.replica import GroupConfig
from PhantomLibrary.protocols.saga.fences import Fences
from PhantomLibrary.protocols.saga.progress import Saga
from PhantomLibrary.protocols.transactions.table import TransactionTable

Sink = Callable[[Observation], None]


class ReplicaParts(RegionParts, Protocol):
    """The constructors that a replica needs; see parts.py."""

    @property
    def group(self) -> type[Group]: ...
    @property
    def machine(self) -> type[ShardMachine]: ...
    @property
    def sessions(self) -> type[SessionTable]: ...
    @property
    def performer(self) -> type[Performer]: ...
    @property
    def fences(self) -> type[Fences]: ...
    @property
    def transactions(self) -> type[TransactionTable]: ...
    @property
    def desk(self) -> type[TransactionDesk]: ...
    @property
    def fragments(self) -> type[FragmentHost]: ...


class ReplicaOwner(ServiceOwner, Protocol):
    """The node that a replica stands on."""

    sink: Sink
    has_changed: bool

    @property
    def parts(self) -> ReplicaParts: ...
    def note_news(self) -> None: ...
    def beget(self, parent: ShardReplica, offspring: Offspring) -> None: ...
    def reshaped(self, replica: ShardReplica) -> None: ...
    def note_saga(self, saga: Saga) -> None: ...
    def compact_log(self) -> None: ...
    def gone_quiet(self, shard: ShardId) -> None: ...
    def woken(self) -> None: ...


class ShardReplica:
    """Hosts a group: feeds it events, carries its effects out, and shows what changed to the sink."""

    def __init__(self, owner: ReplicaOwner, descriptor: ShardDescriptor, recovered: Recovered) -> None:
        parts, layout = owner.parts, owner.layout
        self._owner = owner
        self._env = env = owner.env
        self.node = env.node
        self.shard = descriptor.shard
        self.machine = self._make_machine(layout, descriptor)
        self._news = self.machine.news
        if recovered.snapshot is not None:
            self.machine.restore(recovered.snapshot.chunks)
        self.group = parts.group(self._group_config(descriptor), recovered, env.monotonic_ns())
        # Bound once, for what happens at every event.
        self._send, self._monotonic_ns, self._set_deadline = env.send, env.monotonic_ns, env.set_deadline
        self._now_ns = env.monotonic_ns()  # Of the latest step.
        self._performer = parts.performer(self)
        self._perform = self._performer.perform
        self._draws = env.random(f"shard {self.shard} timers")
        self._snapshot_entries = layout.config.snapshot_entries
        self.service = parts.region_service(owner, self) if descriptor.region else ShardService(owner, self)
        self._view = self.group.view
        self._is_system = self.shard == SYSTEM_SHARD
        self.number = recovered.number
        self.change_failure = ""  # Why the latest change of the members was refused, "" while it was not.
        self.transfer_failure = ""  # Why the latest transfer of leadership failed, "" while it has not.

    def _make_machine(self, layout: ClusterLayout, descriptor: ShardDescriptor) -> ShardMachine:
        parts = self._owner.parts
        sessions = parts.sessions(layout.config.sessions_max)
        if not descriptor.region:
            return parts.machine(layout, descriptor, sessions, parts.fences(), parts.transactions)
        return parts.region_machine(layout, descriptor, sessions, parts.fences(), parts.transactions, parts.regions)

    def _group_config(self, descriptor: ShardDescriptor) -> GroupConfig:
        config = self._owner.layout.config
        has_leases = config.reads == "lease"
        lease_ns = lease_length_ns(config.election_timeout_ns, config.clock_drift_ppm_max) if has_leases else 0
        return GroupConfig(
            descriptor.shard,
            self.node,
            descriptor.voters,
            config.election_timeout_ns,
            config.heartbeat_ns,
            config.append_entries_max,
            config.unacknowledged_max,
            config.kept_entries_max,
            lease_ns,
            config.idle_shards == "quiet",
            append_bytes_max=config.append_bytes_max,
            uncommitted_bytes_max=config.uncommitted_bytes_max,
            batch_interval_ns=config.batch_interval_ns,
            command_bytes=command_bytes,
        )

    def start(self) -> None:
        """Show what was recovered, and set the first deadline."""
        log = self.group.log
        self._owner.sink(
            ReplicaRecovered(
                self.node,
                self.shard,
                self._env.incarnation,
                log.snapshot_index,
                log.snapshot_term,
                log.all_entries(),
            )
        )
        self._performer.perform(self.group.start())
        self._show()

    def stop(self) -> None:
        """This replica is given up: whoever waits at it cannot know what becomes of what he asked for."""
        self.service.end("")
        self._owner.woken()
        # What was put off until the present event is dealt with may still step it, and would write for nobody.
        vars(self)["step"] = _ignore

    def is_current(self) -> bool:
        """Whether it leads, and has applied all that was decided before."""
        group = self.group
        return group.is_leader and group.log.term_at(self.machine.applied_index) == group.term

    # --- events -----------------------------------------------------------------------------------------------------

    def step(self, event: Event) -> None:
        """Feed one event to the group and carry out what follows."""
        group = self.group
        self._now_ns = now_ns = self._monotonic_ns()
        effects = group.step(event, now_ns)
        if effects:
            self._perform(effects)
        if group.view is not self._view:
            self._show()

    def persisted(self, token: int) -> None:
        """Records became durable: what waited for them goes out, and the group hears of it."""
        self._performer.persisted(token)
        self.step(Persisted(token))

    def disk_is_full(self, is_full: bool) -> None:
        self.step(DiskFull(is_full))

    def fire(self, name: str) -> None:
        if name == SERVICE_DEADLINE:
            self.service.fire()
        else:
            self.step(DeadlinePassed(name))

    def transfer_leadership(self, target: NodeId) -> str:
        """Begin to hand leadership over; return why that is not possible, "" when it is.

        Whether it succeeds shows later: another leads, or `transfer_failure` says why not.
        """
        self.transfer_failure = self.group.why_no_transfer(target)
        if not self.transfer_failure:
            self.step(TransferLeadership(target))
        return self.transfer_failure

    def is_steady(self, node: NodeId) -> bool:
        """Whether a member has followed this leader closely for a while."""
        return self.group.is_steady(node, self._monotonic_ns())

    def change_members(self, since: int, change: Change) -> None:
        """Begin to change who the members are since the configuration at `since`; or `change_failure` says why not."""
        self.change_failure = ""
        self.step(ChangeConfiguration(None, since, change))

    def pace_copies(self, bytes_per_s: tuple[tuple[NodeId, int], ...]) -> None:
        """Let snapshots go to these nodes at so many bytes per second, and to others as fast as they can."""
        if dict(bytes_per_s) != self.group.paces:
            self.step(PaceCopies(bytes_per_s))

    def propose(self, command: Command) -> None:
        """Replicate a command that nobody waits for."""
        self.step(Propose(None, command))

    # --- effects ----------------------------------------------------------------------------------------------------

    def send(self, effect: Send | SendEarly) -> None:
        self._send(effect.to, effect.message)

    def set_deadline(self, effect: SetDeadline) -> None:
        spread_ns = self._draws.below(effect.spread_ns) if effect.spread_ns else 0
        self._set_deadline(f"{self.shard}/{effect.name}", self._now_ns + effect.after_ns + spread_ns)

    def persist(self, effect: Persist) -> None:
        incarnation = self._env.incarnation
        for record in effect.records:
            if type(record) is Entries:
                self._owner.sink(EntriesStored(self.node, self.shard, incarnation, record.entries))
            elif type(record) is SnapshotRecord:
                taken = record.snapshot
                self._owner.sink(
                    SnapshotInstalled(self.node, self.shard, incarnation, taken.index, taken.term, record.keeps_tail)
                )
            elif type(record) is Repaired:
                self._owner.sink(DamageRepaired(self.node, f"shard {self.shard}"))
        # Last, for a disk that is full is noticed here, and then all replicas show how they stand.
        self._owner.wal.append(self.shard, effect.records, effect.token)

    def apply(self, effect: Apply) -> None:
        machine, service = self.machine, self.service
        self._owner.has_changed = True
        for entry in effect.entries:
            outcome = machine.apply(entry.index, entry.command)
            if outcome is not None and service.is_leading:
                service.applied(entry.command, outcome)
            if self._news:
                self._show_news(entry.index)
            if machine.is_reshaped:
                self._note_shape()
            if entry.index % self._snapshot_entries == 0 and not self._owner.wal.is_full:
                self._take_snapshot(entry.term)  # At the same entries everywhere, so that they are equal.
        group = self.group
        if group.is_leader:
            service.caught_up()
        if self._is_system:
            self._note_sagas()
            self._owner.note_news()
        if group.view is self._view:
            self._show()  # Applied later than committed: nothing else would show it.

    def _note_shape(self) -> None:
        """The shard has other keys, other members, or has stopped to serve. What was split off begins at once, for the
        next snapshot of this one knows nothing of it.
        """
        machine = self.machine
        machine.is_reshaped = False
        offspring, machine.offspring = machine.offspring, None
        if offspring is not None:
            self._owner.beget(self, offspring)
        self.service.reshaped()
        self._owner.reshaped(self)
        self._owner.note_news()

    def _show_news(self, index: int) -> None:
        for seen in self.machine.take_news(self.node, self.shard, index):
            self._owner.sink(seen)

    def _note_sagas(self) -> None:
        changed = self.machine.sagas.table.changed
        for saga in changed:
            self._owner.note_saga(saga)
        changed.clear()

    def install_snapshot(self, effect: InstallSnapshot) -> None:
        self.machine.restore(effect.snapshot.chunks)
        self._owner.has_changed = True
        if self.group.view is self._view:
            self._show()  # As a rule it waited for the disk, so its view was shown long before.

    def read_ready(self, effect: ReadReady) -> None:
        self.service.read_ready(effect.tokens)

    def refuse(self, effect: Refuse) -> None:
        self.service.refuse(effect.tokens, effect.leader)

    def refuse_change(self, effect: RefuseChange) -> None:
        self.change_failure = effect.reason

    def transfer_failed(self, effect: TransferFailed) -> None:
        self.transfer_failure = effect.reason

    def gone_quiet(self, effect: GoneQuiet) -> None:
        self._owner.gone_quiet(self.shard)

    def woken(self, effect: Woken) -> None:
        self._owner.woken()

    # --- snapshots and observations ---------------------------------------------------------------------------------

    def _take_snapshot(self, term: int) -> None:
        index = self.machine.applied_index
        since, configuration = self.group.configurations.at(index)
        snapshot = Snapshot(index, term, self.machine.snapshot(), configuration, since)
        self._owner.wal.save_snapshot(self.shard, snapshot)
        self.group.step(SnapshotTaken(snapshot), self._env.monotonic_ns())
        incarnation = self._env.incarnation
        self._owner.sink(LogCompacted(self.node, self.shard, incarnation, self.group.log.snapshot_index))
        self._owner.compact_log()

    def records(self) -> tuple[Record, ...]:
        """Return what the node's log must hold of this replica, beside its snapshot file."""
        group = self.group
        start = group.snapshot.index if group.snapshot is not None else 0
        entries = tuple(entry for entry in group.log.all_entries() if entry.index > start)
        records: tuple[Record, ...] = (HardState(group.term, group.vote),)
        if entries:
            records = (*records, Entries(entries))
        return (*records, Damaged()) if group.damaged else records

    def digest(self) -> ReplicaDigest:
        return ReplicaDigest(self.node, self.shard, self.machine.applied_index, self.machine.digest())

    def _show(self) -> None:
        view, before = self.group.view, self._view
        self._view = view
        if self.group.news:
            self.group.news = False
            self._owner.note_news()
        if before.role == "leader" and (view.role != "leader" or view.term != before.term):
            self.service.end(view.leader)
        self._owner.sink(
            ReplicaState(
                self.node,
                self.shard,
                self._env.incarnation,
                view.term,
                view.role,
                view.commit_index,
                self.machine.applied_index,
                view.last_index,
                view.configuration,
            )
        )


def _ignore(_event: Event) -> None:
    """The step of a replica that was given up."""


__all__ = ["Done", "ShardReplica", "Sink"]
