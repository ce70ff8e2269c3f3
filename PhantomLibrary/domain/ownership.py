"""What is seen of who serves which key."""

from __future__ import annotations

from msgspec import Struct


class Acknowledged(Struct, frozen=True, gc=False):
    """A shard at an epoch has told a client that an operation on a key is done: a read, a write, or a promise.

    It is shown where the operation took effect; that it is told again, when it had been done before, is not. `index` is
    where a write stands in the shard's log, 0 for a read.
    """

    node: str
    shard: int
    epoch: int
    key: str
    index: int = 0
