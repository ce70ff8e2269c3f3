"""What is seen of transactions from outside."""

from __future__ import annotations

from collections.abc import Hashable

from msgspec import Struct


class TransactionPrepared(Struct, frozen=True, gc=False):
    """The leader of a shard has applied that the shard promises to commit a transaction, by the entry at `index`.

    Who led before applies late, and shows late, what others have shown long ago: the index tells.
    """

    node: str
    shard: int
    transaction: Hashable
    index: int


class TransactionEnded(Struct, frozen=True, gc=False):
    """The leader of a shard has applied how a transaction ended there, by the entry at `index`. `commit_ns` is 0 unless
    it committed.

    `transaction` is no other one's, and its text is how people are told of it.
    """

    node: str
    shard: int
    transaction: Hashable
    commit_ns: int
    index: int
