"""What a cluster promises over regions, and what operators ask of it.

A *vector* says how much of what each region has written is known somewhere: (region, count) in the order of names;
a region that is not named has count 0. A *seen* is a vector for each slot, which is where the slot's range of keys
begins.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Vector: TypeAlias = tuple[tuple[str, int], ...]
Seen: TypeAlias = tuple[tuple[str, Vector], ...]

Replication: TypeAlias = Literal["synchronous", "semi-synchronous", "asynchronous"]
Conflicts: TypeAlias = Literal["last writer wins", "multi value", "custom"]

REPLICATIONS: tuple[Replication, ...] = ("synchronous", "semi-synchronous", "asynchronous")
CONFLICTS: tuple[Conflicts, ...] = ("last writer wins", "multi value", "custom")


class RegionPolicy(Struct, frozen=True, array_like=True):
    """How regions share their data; `epoch` counts its changes.

    `members` are the regions that have a copy, in the order of the topology, `writable` those of them that take
    writes: none while one hands over to the `heir`. A write is confirmed when it is durable in its region and, if
    `replication` is synchronous, in all other members; if semi-synchronous, in one. `conflicts` says what becomes
    of writes that knew nothing of each other; `merge` is the function that decides, as `module:function`, where
    that is `custom`. A fail-over to a region that is more than `lag_max_ns` behind has to be forced. It comes by
    itself when the only writable region has been down for `fail_over_after_ns`, unless that is 0. Once the `home` that
    took writes in the beginning has been whole and level for `fail_back_after_ns`, unless that is 0, it is handed back
    to.
    """

    epoch: int
    members: tuple[str, ...]
    writable: tuple[str, ...]
    replication: Replication = "asynchronous"
    conflicts: Conflicts = "last writer wins"
    merge: str = ""
    lag_max_ns: int = 10_000_000_000
    fail_over_after_ns: int = 0
    heir: str = ""
    home: str = ""
    fail_back_after_ns: int = 0


class FailOver(Struct, frozen=True, gc=False, array_like=True, tag="fail over"):
    """Ask that a region take writes, and no other one. `key` is the region.

    Result: JSON with `epoch`; `is_planned`, whether the one before handed over; and `missing`, how many writes the new
    one is known not to have.
    """

    key: str
    is_forced: bool = False


class ForgetRegion(Struct, frozen=True, gc=False, array_like=True, tag="forget region"):
    """Ask that a region that is lost for ever be no member any more. `key` is the region. Result: why not, "" if so."""

    key: str


class ChangeRegions(Struct, frozen=True, gc=False, array_like=True, tag="change regions"):
    """Replace the policy of the epoch before. Result: why not, "" when it was done."""

    key: str
    policy: RegionPolicy


class GetRegions(Struct, frozen=True, gc=False, array_like=True, tag="get regions"):
    """Ask for the policy. Result: it, as JSON, None in a cluster without."""

    key: str = "regions"


REGION_WISHES = frozenset((ChangeRegions,))


def vector_of(counts: dict[str, int]) -> Vector:
    """Return the vector with these counts."""
    return tuple(sorted((region, count) for region, count in counts.items() if count))


def count_in(vector: Vector, region: str) -> int:
    """Return a region's count in a vector."""
    return next((count for name, count in vector if name == region), 0)


def covers(vector: Vector, other: Vector) -> bool:
    """Return whether a vector knows of all that another one does."""
    return all(count <= count_in(vector, region) for region, count in other)


def joined(vector: Vector, other: Vector) -> Vector:
    """Return the least vector that knows of all that either does."""
    if not other or vector == other:
        return vector
    counts = dict(vector)
    for region, count in other:
        counts[region] = max(count, counts.get(region, 0))
    return vector_of(counts)


def joined_seen(seen: Seen, other: Seen) -> Seen:
    """Return the least that knows of all that either does, slot by slot."""
    if not other or seen == other:
        return seen
    vectors = dict(seen)
    for slot, vector in other:
        vectors[slot] = joined(vectors.get(slot, ()), vector)
    return tuple(sorted(vectors.items()))
