"""What is seen of transactions from outside."""

from __future__ import annotations

from collections.abc import Hashable

from msgspec import Struct


class TransactionPrepared(Struct, frozen=True, gc=False):
    """The leader of a shard has applied that the shard promises to commit a transaction."""

    node: str
    shard: int
    transaction: Hashable


class TransactionEnded(Struct, frozen=True, gc=False):
    """The leader of a shard has applied how a transaction ended there. `commit_ns` is 0 unless it committed.

    `transaction` is no other one's, and its text is how people are told of it.
    """

    node: str
    shard: int
    transaction: Hashable
    commit_ns: int
