"""What operators ask of the placement of shards: which replicas are to move, and who is to lead."""

from __future__ import annotations

from msgspec import Struct


class MoveWish(Struct, frozen=True, gc=False, array_like=True):
    """A replica of a shard is to move from one node to another. `bytes` is about how many have to be copied."""

    shard: int
    source: str
    target: str
    bytes: int = 0


class ChangePlacement(Struct, frozen=True, gc=False, array_like=True, tag="change placement"):
    """Have replicas move, and then others lead: a plan. Result: why not, "" when it was taken up.

    `key` is the name of the plan: asked for again, it does nothing twice. It was made from `version` of the directory,
    and is refused by any later one; 0 means by none. `leaders` are shards with those who are to lead them. Copies take
    no more than `throttle` bytes per second each, 0 meaning as many as there is room for, and `at_once` replicas move
    at one time.
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
