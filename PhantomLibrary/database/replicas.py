"""The replicas on one node: those that it began with, those that it was invited to hold, and which are gone.

A replica that is gone leaves its number behind: what was promised by it is forgotten, so none with that number or a
lower one may ever begin here again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from PhantomLibrary.database.config import ClusterLayout, ShardDescriptor
from PhantomLibrary.database.records import Existence
from PhantomLibrary.database.recovery import Recovery
from PhantomLibrary.database.replica import ReplicaOwner, ShardReplica
from PhantomLibrary.database.reshapes import Offspring
from PhantomLibrary.domain import Configuration, ReplicaRemoved, ShardId
from PhantomLibrary.protocols.raft.configuration import LOST
from PhantomLibrary.protocols.raft.messages import Record, Recovered, Snapshot


class ReplicaHost(ReplicaOwner, Protocol):
    """The node that the replicas stand on."""

    layout: ClusterLayout

    @property
    def membership_number(self) -> int: ...


class ReplicaSet:
    """Begins, ends and remembers replicas. `by_shard` has those that run, in the order in which they began."""

    def __init__(self, host: ReplicaHost, recovery: Recovery) -> None:
        self._host = host
        self._gone = dict(recovery.gone)
        self._recovered = recovery.replicas
        self._is_whole = recovery.is_whole
        self.by_shard: dict[ShardId, ShardReplica] = {}

    def open(self) -> None:
        """Make the replicas that were found on the disk."""
        for shard, recovered in self._recovered.items():
            self.by_shard[shard] = ShardReplica(self._host, self._descriptor(shard), recovered)
        self._recovered = {}

    def start(self) -> None:
        for replica in self.by_shard.values():
            replica.start()

    def _descriptor(self, shard: ShardId) -> ShardDescriptor:
        """Return what the shard was in the beginning, as far as that is known here: its log tells the rest."""
        unknown = ShardDescriptor(shard, "", "", 0, ())
        return next((each for each in self._host.layout.shards if each.shard == shard), unknown)

    def may_begin(self, shard: ShardId, number: int) -> bool:
        """Return whether there is no replica of this number, nor was there one of it or a later one."""
        replica = self.by_shard.get(shard)
        known = max(self._gone.get(shard, LOST), replica.number if replica is not None else LOST)
        return number > known

    def is_ahead_of(self, shard: ShardId, term: int) -> bool:
        """Return whether the replica here knows of a later term.

        Whoever led in an earlier one may not have it replaced: in his log there may be changes of members that never
        were.
        """
        replica = self.by_shard.get(shard)
        return replica is not None and term < replica.group.term

    def never_had(self, shard: ShardId, born: int) -> bool:
        """Return whether there was never a replica of a shard here, whose birth was ordered at `born`, 0 if unknown."""
        if shard in self._gone or shard in self.by_shard:
            return False
        return self._is_whole or 0 < self._host.membership_number < born

    def beget(self, parent: ShardReplica, offspring: Offspring) -> ShardReplica | None:
        """Begin the replica of a shard that was split off from one here; return it, None where it must not begin.

        It must not where there is one already, or was one, as when the log is applied again; nor where that cannot be
        known, because the parent came here later than the split, or has lost something.
        """
        shard, index = offspring.descriptor.shard, offspring.descriptor.epoch
        has_memory = LOST < parent.number < index and not parent.group.damaged
        if not has_memory or not self.may_begin(shard, index):
            return None
        members = offspring.descriptor.members
        configuration = Configuration(
            offspring.descriptor.voters, (), offspring.descriptor.learners, tuple((node, index) for node in members)
        )
        snapshot = Snapshot(index, 0, offspring.chunks, configuration, index)
        self._host.wal.begin(shard, index, snapshot)
        recovered = Recovered(snapshot=snapshot, number=index)
        replica = self.by_shard[shard] = ShardReplica(self._host, offspring.descriptor, recovered)
        replica.start()
        return replica

    def begin(self, shard: ShardId, number: int) -> None:
        """Begin an empty replica, in place of an older one."""
        self.end(shard)
        self._host.wal.begin(shard, number)
        replica = self.by_shard[shard] = ShardReplica(self._host, self._descriptor(shard), Recovered(number=number))
        replica.start()

    def end(self, shard: ShardId) -> None:
        """Give up the replica of a shard, if there is one, with all its data."""
        replica = self.by_shard.pop(shard, None)
        if replica is not None:
            self._gone[shard] = max(self._gone.get(shard, LOST), replica.number)
            replica.stop()
            self._host.wal.end(shard, replica.number)
            self._host.sink(ReplicaRemoved(replica.node, shard, self._host.env.incarnation))

    def records(self) -> Iterator[tuple[ShardId, list[Record | Existence]]]:
        """Yield what the node's log must hold, beside snapshot files."""
        for shard, number in self._gone.items():
            yield shard, [Existence(number, holds=False)]
        for shard, replica in self.by_shard.items():
            begins = [Existence(replica.number, holds=True)] if replica.number > 0 else []
            yield shard, [*begins, *replica.records()]
