"""What each shard has to do with a transaction that is to be committed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PhantomLibrary.database.routes import Routes
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.domain import ShardId
from PhantomLibrary.domain.rows import is_global
from PhantomLibrary.protocols.transactions.committing import Share


def shares_of(transaction: OpenTransaction, routes: Routes) -> dict[ShardId, Share]:
    """Return the share of each shard, those with writes first.

    What is everywhere is written on every shard that holds data. So whoever has read it need not ask elsewhere whether
    that was changed: it is checked on each shard that he writes to.
    """
    writes: dict[ShardId, list[Any]] = {}
    for write in transaction.writes:
        for shard in _holders(write.key, routes):
            writes.setdefault(shard, []).append(write)
    reads: dict[ShardId, list[Any]] = {}
    for span in _checked(transaction):
        parts = [(shard, span) for shard in writes] if span.is_everywhere else routes.parts_of(span)
        for shard, part in parts:
            reads.setdefault(shard, []).append(part)
    shares = {}
    for shard in dict.fromkeys((*writes, *reads)):
        own = writes.get(shard, ())
        shares[shard] = Share(tuple(own), tuple(reads.get(shard, ())), _locked(transaction, own))
    return shares


def _holders(key: str, routes: Routes) -> list[ShardId]:
    return routes.data_shards if is_global(key) else [routes.shard_of(key).shard]


def _checked(transaction: OpenTransaction) -> list[Any]:
    """Return what is to be as it was read."""
    reads = transaction.reads if transaction.isolation == "serializable" else ()
    return list(dict.fromkeys((*reads, *transaction.grounds)))


def _locked(transaction: OpenTransaction, writes: Sequence[Any]) -> tuple[tuple[str, int], ...]:
    """Return since when keys are locked, where nothing else would show that a lock was lost with its leader."""
    if transaction.isolation != "read committed":
        return ()
    return tuple((key, transaction.locked[key]) for key in dict.fromkeys(write.key for write in writes))
