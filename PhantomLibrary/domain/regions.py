"""What regions tell each other of their writes, and what is seen of that."""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.domain.operations import RegionalOperation
from PhantomLibrary.domain.region_policy import RegionPolicy, Seen, Vector


class Dot(Struct, frozen=True, gc=False, array_like=True, order=True):
    """Which write it is: the `count`-th of those that a region took in a slot."""

    region: str
    count: int


class Change(Struct, frozen=True, gc=False, array_like=True, tag="change"):
    """A write, as its region tells the others of it. `at_ns` is a hybrid logical timestamp.

    `context` is what of the slot the write takes the place of: versions that it covers were known to whoever wrote.
    `deps` is what the writer had seen, in all slots.
    """

    dot: Dot
    at_ns: int
    operation: RegionalOperation
    context: Vector = ()
    deps: Seen = ()


class Batch(Struct, frozen=True, gc=False, array_like=True, tag="batch"):
    """What one region's shard tells another's: some changes, those of each origin in their order and without gaps.

    `vector` is all that the sender has applied, at its time `at_ns`.
    """

    slot: str
    sender: str
    policy: RegionPolicy
    at_ns: int
    vector: Vector
    changes: tuple[Change, ...]


# --- observations ---------------------------------------------------------------------------------------------------


class RegionWrote(Struct, frozen=True, gc=False):
    """A replica has applied a write of its own region. All replicas of the group show it, once each."""

    node: str
    shard: int
    slot: str
    change: Change


class WriteSuperseded(Struct, frozen=True, gc=False):
    """A replica has found two writes to a key that knew nothing of each other, and dropped one for the other.

    `reason` says why.
    """

    node: str
    shard: int
    region: str
    slot: str
    key: str
    loser: Change
    winner: Change
    reason: str
