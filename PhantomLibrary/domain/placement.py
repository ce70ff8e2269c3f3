"""What operators ask of shards: which replicas are to move, who is to lead, which are to be split or merged."""

from __future__ import annotations

from msgspec import Struct

ANY_VERSION = -1
"""Of a plan that holds whatever the directory has come to be."""


class MoveWish(Struct, frozen=True, gc=False, array_like=True):
    """A replica of a shard is to move from one node to another. `bytes` is about how many have to be copied."""

    shard: int
    source: str
    target: str
    bytes: int = 0


class ChangePlacement(Struct, frozen=True, gc=False, array_like=True, tag="change placement"):
    """Have replicas move, and then others lead: a plan. Result: why not, "" when it was taken up.

    `key` is the name of the plan: asked for again, it does nothing twice. It was made from `version` of the
    directory, and is refused by any later one; ANY_VERSION means by none. `leaders` are shards with those who are
    to lead them. Copies take no more than `throttle` bytes per second each, 0 meaning as many as there is room for,
    and `at_once` replicas move at one time.
    """

    key: str
    version: int
    moves: tuple[MoveWish, ...]
    leaders: tuple[tuple[int, str], ...] = ()
    throttle: int = 0
    at_once: int = 2


class CancelMoves(Struct, frozen=True, gc=False, array_like=True, tag="cancel moves"):
    """Take back the moves of these shards, () of all. Those that have come too far to be taken back are completed.

    `key` says who asks. Result: "".
    """

    key: str
    shards: tuple[int, ...] = ()


class SplitShard(Struct, frozen=True, gc=False, array_like=True, tag="split shard"):
    """Have a shard split at a key, "" meaning in the middle of the keys it holds. Result: why not, "" when it will be.

    `key` is the name of the wish: asked for again, it does nothing twice.
    """

    key: str
    shard: int
    at: str = ""


class MergeShards(Struct, frozen=True, gc=False, array_like=True, tag="merge shards"):
    """Have a shard take over the one that begins where it ends. Result: why not, "" when it will. `key` is a name."""

    key: str
    left: int
    right: int


class CancelReshape(Struct, frozen=True, gc=False, array_like=True, tag="cancel reshape"):
    """Take back the split or merge that a shard takes part in, unless it has come too far. Result: why not, or "".

    `key` says who asks.
    """

    key: str
    shard: int


PLACEMENT_WISHES: frozenset[type] = frozenset((ChangePlacement, CancelMoves, SplitShard, MergeShards, CancelReshape))
