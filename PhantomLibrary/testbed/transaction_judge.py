"""Judges how the transactions of a run ended: the same on all shards, at one time, and nothing left of them in the end.

What shards know is asked of the live replica of each that has applied most. They remember how a transaction ended for a
while only, so the longer ago it was the less there is to compare: whoever judges often misses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from PhantomLibrary.checking.endings import LockHeld, TransactionEnd, check_endings
from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.domain import ShardId
from PhantomLibrary.protocols.transactions.table import TableDump
from PhantomLibrary.protocols.transactions.values import TransactionId
from PhantomLibrary.testbed.run import Run


def judge_transaction_ends(run: Run, *, is_quiet: bool = False) -> Verdict:
    """Compare what all shards know of each transaction, now.

    Where the run `is_quiet`, because clients stopped a while ago and all nodes run, none may be in doubt any more.
    """
    ends: list[TransactionEnd] = []
    locks: list[LockHeld] = []
    for shard, table in _tables(run):
        ends.extend(_ends(shard, table))
        for transaction, part in table.parts:
            name = _name(transaction)
            locks.extend(LockHeld(name, shard, key, part.prepared_ns) for key, _ in part.values)
    return check_endings(ends, locks, now_ns=run.now_ns, is_quiet=is_quiet)


def _tables(run: Run) -> Iterator[tuple[ShardId, TableDump]]:
    """Yield the transactions of each shard, as its most advanced live replica has them."""
    for shard in run.shard_ids:
        replicas = [run.processes[node].replicas.get(shard) for node in run.live_nodes()]
        machines = [replica.machine for replica in replicas if replica is not None]
        if machines:
            yield shard, max(machines, key=lambda machine: machine.applied_index).transactions.dump()


def _ends(shard: ShardId, table: TableDump) -> Iterator[TransactionEnd]:
    for transaction, _ in table.parts:
        yield TransactionEnd(_name(transaction), shard, "PREPARED")
    for transaction, record in table.records:
        yield TransactionEnd(_name(transaction), shard, record.state, record.commit_ns)
    for transaction, ended, _ in table.ended:
        yield TransactionEnd(_name(transaction), shard, "COMMITTED" if ended.committed else "ABORTED", ended.commit_ns)


def _name(transaction: TransactionId) -> str:
    return f"transaction {transaction.number} of {transaction.node}"
