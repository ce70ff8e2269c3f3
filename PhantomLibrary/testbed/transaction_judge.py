"""Judges how the transactions of a run ended: the same on all shards, at one time, and nothing left of them in the end.

What shards know is asked of the live replica of each that has applied most. They remember how a transaction ended for a
while only, so the longer ago it was the less there is to compare: whoever judges often misses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from PhantomLibrary.checking.endings import Answered, LockHeld, TransactionEnd, check_endings
from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.database.replica import ShardReplica
from PhantomLibrary.database.transactions.desk import TransactionDesk
from PhantomLibrary.domain import ShardId
from PhantomLibrary.protocols.transactions.table import TableDump
from PhantomLibrary.protocols.transactions.values import TransactionId
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.world.clock import WALL_ORIGIN_NS

_TOLD = {"committed": "ok", "aborted": "fail", "unknown": "info"}


def judge_transaction_ends(run: Run, *, is_quiet: bool = False) -> Verdict:
    """Compare what all shards know of each transaction, now, and what clients of open ones were told.

    Where the run `is_quiet`, because clients stopped a while ago and all nodes run, none may be in doubt any more.
    """
    ends: list[TransactionEnd] = []
    for shard, replica in _replicas(run):
        ends.extend(_ends(shard, replica.machine.transactions.dump()))
    return check_endings(ends, list(_promises(run)), _answers(run), is_quiet=is_quiet)


def holds_locks(run: Run) -> bool:
    """Whether any shard is prepared to commit something, or any leader has granted a lock. Cheap enough for each
    instant.
    """
    return next(_promises(run), None) is not None or next(_granted(run), None) is not None


def judge_locks(run: Run) -> Verdict:
    """Judge what is locked, where nothing should be: by whom, since when, and whether anybody will ever release it."""
    ends: list[TransactionEnd] = []
    for shard, replica in _replicas(run):
        ends.extend(_ends(shard, replica.machine.transactions.dump()))
    open_ones = [_name(each) for node in run.live_nodes() for each in run.processes[node].transactions.under_way]
    locks = [*_promises(run), *_granted(run)]
    return check_endings(ends, locks, now_ns=run.now_ns, lock_age_max_ns=-1, under_way=open_ones)


def _replicas(run: Run) -> Iterator[tuple[ShardId, ShardReplica]]:
    """Yield of each shard the live replica that has applied most."""
    for shard in run.shard_ids:
        replicas = [run.processes[node].replicas.get(shard) for node in run.live_nodes()]
        live = [replica for replica in replicas if replica is not None]
        if live:
            yield shard, max(live, key=lambda replica: replica.machine.applied_index)


def _promises(run: Run) -> Iterator[LockHeld]:
    """Yield the keys that shards are prepared to write, and what nobody else may write until then."""
    for shard, replica in _replicas(run):
        for transaction, part in replica.machine.transactions.parts.items():
            since_ns = max(0, part.prepared_ns - WALL_ORIGIN_NS)
            for key in (*(key for key, _ in part.values), *(span.start for span in part.reads)):
                yield LockHeld(_name(transaction), shard, key, since_ns)


def _granted(run: Run) -> Iterator[LockHeld]:
    """Yield the locks that leaders have granted."""
    for shard, desk in _desks(run):
        for transaction, key, age_ns in desk.lock_ages_ns:
            yield LockHeld(_name(transaction), shard, key, max(0, run.now_ns - age_ns))


def waits_for_locks(run: Cluster) -> Iterator[tuple[str, ShardId, str, str]]:
    """Yield who waits for which key of which shard, and for whom, by what its leader knows."""
    for shard, desk in _desks(run):
        for transaction, key, ahead in desk.lock_waits:
            yield _name(transaction), shard, key, ", ".join(map(_name, ahead))


def _desks(run: Cluster) -> Iterator[tuple[ShardId, TransactionDesk]]:
    """Yield what leaders do for transactions."""
    for shard in run.shard_ids:
        leader = run.leader(shard)
        replica = run.processes[leader].replicas.get(shard) if leader in run.live_nodes() else None
        desk = None if replica is None else replica.service.desk
        if desk is not None:
            yield shard, desk


def _answers(run: Run) -> list[Answered]:
    """Return what clients know of the transactions that a test has opened by name."""
    return [
        Answered(_name(each.id), _TOLD[each.known])  # type: ignore[arg-type]
        for each in run.transactions.values()
        if each.id is not None and each.known in _TOLD
    ]


def _ends(shard: ShardId, table: TableDump) -> Iterator[TransactionEnd]:
    for transaction, _ in table.parts:
        yield TransactionEnd(_name(transaction), shard, "PREPARED")
    for transaction, record in table.records:
        yield TransactionEnd(_name(transaction), shard, record.state, record.commit_ns)
    for transaction, ended, _ in table.ended:
        yield TransactionEnd(_name(transaction), shard, "COMMITTED" if ended.committed else "ABORTED", ended.commit_ns)


def _name(transaction: TransactionId) -> str:
    return f"transaction {transaction.number} of {transaction.node}"
