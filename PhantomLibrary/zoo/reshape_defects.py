"""Defects of shards that split and merge."""

from __future__ import annotations

from msgspec.structs import replace

from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.replica import ShardReplica
from PhantomLibrary.database.replicas import ReplicaSet
from PhantomLibrary.database.reshapes import Offspring, Shape
from PhantomLibrary.database.shard_state import SnapshotHead
from PhantomLibrary.database.transactions.manager import TransactionManager
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.domain import ShardId
from PhantomLibrary.protocols.transactions.committing import Share
from PhantomLibrary.protocols.transactions.table import TableDump, TransactionTable


class ForgetsWhatIsLocked(TransactionManager):
    """Takes locks for something that outlives the leader, and the shard, that gave them."""

    def _shares(self, transaction: OpenTransaction) -> dict[ShardId, Share]:
        return {shard: replace(share, locked=()) for shard, share in super()._shares(transaction).items()}


class KeepsPreparedParts(ShardMachine):
    """Gives the new half no part of what is prepared: transactions belong to the shard where they were prepared."""

    def _right_half(self, descriptor: ShardDescriptor, transactions: TableDump, task: int) -> tuple[bytes, ...]:
        return super()._right_half(descriptor, replace(transactions, parts=[]), task)


class ForgetsWhatSessionsDid(ShardMachine):
    """Gives the new half the sessions, and not what each of them did last."""

    def _right_half(self, descriptor: ShardDescriptor, transactions: TableDump, task: int) -> tuple[bytes, ...]:
        sessions = self._sessions.dump()
        self._sessions.load([(number, 0, None) for number, _, _ in sessions])
        chunks = super()._right_half(descriptor, transactions, task)
        self._sessions.load(sessions)
        return chunks


class ServesWhileFrozen(ShardMachine):
    """Goes on to serve while its state is being copied."""

    def _become(self, descriptor: ShardDescriptor, shape: Shape) -> None:
        super()._become(descriptor, shape)
        self.epoch = descriptor.epoch


class LeavesTimesBehind(ShardMachine):
    """Takes over keys and sessions of a shard, and not how far that had promised to go in time."""

    def _absorb_times(self, head: SnapshotHead) -> None:
        """Be no later than before."""


class ActsOnNoDecisionOfItsOwn(TransactionTable):
    """Takes over the other half of a transaction that it has decided, and waits for somebody to tell it."""

    def settle_all(self) -> None:
        """Wait."""


class BeginsAgain(ReplicaSet):
    """Begins the new half each time that the log says so, whatever is there."""

    def beget(self, parent: ShardReplica, offspring: Offspring) -> ShardReplica | None:
        self.end(offspring.descriptor.shard)
        self._gone.pop(offspring.descriptor.shard, None)
        return super().beget(parent, offspring)
