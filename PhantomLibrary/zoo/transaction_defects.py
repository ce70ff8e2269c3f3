"""Defects of transactions. Each class is laid over a shard's table, the coordinator, or what a leader does for them."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from PhantomLibrary.database.messages import ShardRequest, Told
from PhantomLibrary.database.sql.messages import RunFragment
from PhantomLibrary.database.transactions.desk import TransactionDesk
from PhantomLibrary.database.transactions.manager import TransactionManager
from PhantomLibrary.database.transactions.messages import ReadAt, ReleaseLocks
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.domain import Answer, Refused
from PhantomLibrary.protocols.transactions.committing import Committed, Committer, RolledBack, Step, Unknown
from PhantomLibrary.protocols.transactions.table import TransactionTable
from PhantomLibrary.protocols.transactions.values import (
    Decide,
    Done,
    Ended,
    Inquire,
    Prepare,
    Prepared,
    Span,
    TransactionAnswer,
    TransactionId,
)


class TellsBeforeItIsDecided(Committer):
    """Tells the client that it committed when all have promised, before the record says so."""

    def _promised(self, shard: int, answer: Prepared) -> list[Step]:
        steps = super()._promised(shard, answer)
        return [*self._tell(Committed(max(self._prepared.values()))), *steps] if steps else steps


class RollsBackBesideTheCoordinator(TransactionTable):
    """Tells whoever is in doubt that it was rolled back, though its coordinator is about to decide."""

    def _inquire(self, command: Inquire, at_ns: int) -> TransactionAnswer:
        return self.ending(command.transaction) or Ended(False, 0)


class PreparesAgain(TransactionTable):
    """Prepares anew what comes again, without a look at how it ended."""

    def answered_before(self, command: Prepare) -> TransactionAnswer | None:
        part = self.parts.get(command.transaction)
        return None if part is None else Prepared(part.prepared_ns)


class PutsUpNoTombstones(TransactionTable):
    """Does not remember who was rolled back, so a prepare that comes later is let in."""

    def _end(self, transaction: TransactionId, state: Ended, at_ns: int) -> Ended:
        return super()._end(transaction, state, at_ns) if state.committed else state


class TakesSilenceForRefusal(Committer):
    """Tells the client that it was rolled back when nobody knows."""

    def _tell(self, step: Step) -> list[Step]:
        return super()._tell(RolledBack(step.reason) if isinstance(step, Unknown) else step)


class ForgetsAtOnce(TransactionTable):
    """Forgets a decision when it is made, whoever has not heard of it."""

    def _end(self, transaction: TransactionId, state: Ended, at_ns: int) -> Ended:
        self.records.pop(transaction, None)
        return state


class OverlooksInserts(TransactionTable):
    """Takes what was read for unchanged though there are new keys in it."""

    def _keys(self, span: Span) -> list[bytes]:
        return [key for key in super()._keys(span) if span.is_key]


class TriesBlindly(TransactionManager):
    """Commits the same writes again, at a new snapshot, until they are not refused."""

    def _commit(self, transaction: OpenTransaction, finish: Callable[[Answer], object]) -> None:
        def again(answer: Answer) -> None:
            another = self._new(transaction.isolation) if isinstance(answer, Refused) else None
            if another is None:
                finish(answer)
                return
            another.writes, another.snapshot_ns = transaction.writes, self.clock.now_ns()
            another.locked = transaction.locked
            self._commit(another, finish)

        super()._commit(transaction, again)


class CommitsAtTheTimeOfTheRecord(Committer):
    """Commits at the time at which its record was prepared, whatever other shards have shown to readers since."""

    def _decide(self, *, commits: bool) -> Decide:
        decide = super()._decide(commits=commits)
        return replace(decide, commit_ns=self._prepared[self.anchor]) if commits else decide


class KeepsNobodyFromWriting(TransactionTable):
    """Lets others write what a transaction has read that is prepared, and not decided."""

    def reader_of(self, key: str, *, but: TransactionId | None = None) -> TransactionId | None:
        return None


class ChecksWhatIsCommittedAlone(TransactionTable):
    """Takes what was read for unchanged though another transaction is prepared to write it."""

    def _undecided_writer_of(self, span: Span) -> TransactionId | None:
        return None


class WakesNobodyOnRollback(TransactionDesk):
    """Hands the locks of who was rolled back on to the next ones, and does not tell these."""

    def take(self, request: ShardRequest) -> None:
        work = request.operation
        if isinstance(work, ReleaseLocks):
            self._locks.release(work.transaction, self._host.monotonic_ns())
            self._host.answer(request, Told(Done()))
        else:
            super().take(request)


class ReadsAtItsOwnTime(TransactionDesk):
    """Answers a read as of now, not as of the snapshot that other shards are read at."""

    def _read(self, request: ShardRequest, work: ReadAt | RunFragment) -> None:
        now_ns = self._clock_ns()
        super()._read(request, replace(work, at_ns=now_ns, limit_ns=now_ns))
