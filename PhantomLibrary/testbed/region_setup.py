"""What a cluster promises over regions when it is started: from what the run says, and what its topology says.

database:
  regions:
    replication: asynchronous      # or semi-synchronous, or synchronous
    conflicts: multi value         # or last writer wins, or custom
    writable: [eu, us]             # or all; the first region where nothing is said
    merge: my_merges:longest       # with conflicts: custom
    lag_max: 10 s
    fail_over_after: 10 s          # never, where nothing is said
    fail_back_after: 30 s          # never, where nothing is said
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.regions.merge_functions import load_merge
from PhantomLibrary.domain.region_policy import CONFLICTS, REPLICATIONS, RegionPolicy
from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.placement.snapshot import PlacedNode
from PhantomLibrary.world.units import Nanoseconds, decode

REGIONS = "regions"
"""The key of a topology's `database` that says how regions share data."""
ALL = "all"
_TIMES = ("lag_max", "fail_over_after", "fail_back_after")
_KEYS = ("replication", "conflicts", "writable", "merge", *_TIMES)
_RESIZING = ("split_bytes", "split_load", "merge_bytes")
_DEFAULT = RegionPolicy(1, (), ())


class RegionWish(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was said of regions; nothing, where it is left to the topology, or to the default.

    `writable` are names of regions, or `all`. With a `replication` the cluster has a copy of all data in each region.
    """

    replication: str = ""
    conflicts: str = ""
    writable: tuple[str, ...] = ()
    merge: str = ""
    lag_max_ns: int | None = None
    fail_over_after_ns: int | None = None
    fail_back_after_ns: int | None = None

    def over(self, other: RegionWish) -> RegionWish:
        """Return this, with what the other one says where this says nothing."""
        given = {name: value for name, value in asdict(self).items() if value not in ("", (), None)}
        if self.conflicts not in ("", "custom"):
            other = replace(other, merge="")  # Which decides nothing any more.
        return replace(other, **given)


NO_WISH = RegionWish()


def region_names(nodes: Sequence[PlacedNode]) -> list[str]:
    """Return the regions in the order of their first nodes."""
    return list(dict.fromkeys(each.region for each in nodes))


def smallest_region(nodes: Sequence[PlacedNode]) -> list[str]:
    """Return the nodes of the region that has the fewest."""
    return min(
        ([each.node for each in nodes if each.region == region] for region in region_names(nodes)), key=len, default=[]
    )


def read_wish(found: Any, place: str) -> RegionWish:
    """Return what a topology says. Raises InvalidInput, naming the place and the value."""
    if found is None:
        return NO_WISH
    if not isinstance(found, dict):
        raise InvalidInput(f"{place}: {found!r} is no mapping: write one such as {{replication: asynchronous}}")
    plain: dict[str, Any] = {}
    for name, value in found.items():
        if name not in _KEYS:
            raise InvalidInput(f"{place}: unknown key {name!r}: there are {', '.join(_KEYS)}{nearest(name, _KEYS)}")
        if name in _TIMES:
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise InvalidInput(f"{place}.{name}: {value!r} is no time: write one such as 10 s")
            plain[f"{name}_ns"] = int(decode(Nanoseconds, value)) if isinstance(value, str) else value
        elif name == "writable":
            plain[name] = _names(value, f"{place}.{name}")
        elif not isinstance(value, str):
            raise InvalidInput(f"{place}.{name}: {value!r} is no text")
        else:
            plain[name] = value
    return RegionWish(**plain)


def _names(value: Any, place: str) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise InvalidInput(f"{place}: {value!r} is no list of regions: write [eu, us], or all")
    return tuple(names)


def make_policy(wish: RegionWish, nodes: Sequence[PlacedNode], replicas: int) -> RegionPolicy | None:
    """Return the policy of a cluster, None where each shard is one for all regions. Raises InvalidInput."""
    if not wish.replication:
        said = [name for name in _KEYS if getattr(wish, f"{name}_ns" if name in _TIMES else name) not in ("", (), None)]
        if said:
            raise InvalidInput(f"{said[0]}= means nothing without replication=: give one of {', '.join(REPLICATIONS)}")
        return None
    _check_word("replication", wish.replication, REPLICATIONS)
    _check_word("conflicts", wish.conflicts or _DEFAULT.conflicts, CONFLICTS)
    members = region_names(nodes)
    if len(members) < 2:
        raise InvalidInput(
            f"replication={wish.replication} needs a region to replicate to: all nodes stand in region "
            f"{members[0] or 'without a name'!r}; use a topology such as three-regions"
        )
    _check_replicas(nodes, replicas)
    _check_merge(wish)
    _check_times(wish)
    writable = _writable(wish, members)
    return RegionPolicy(
        1,
        tuple(members),
        writable,
        wish.replication,  # type: ignore[arg-type]  # It has been checked.
        wish.conflicts or _DEFAULT.conflicts,  # type: ignore[arg-type]
        wish.merge,
        _DEFAULT.lag_max_ns if wish.lag_max_ns is None else wish.lag_max_ns,
        wish.fail_over_after_ns or 0,
        home=writable[0] if len(writable) == 1 else "",
        fail_back_after_ns=wish.fail_back_after_ns or 0,
    )


def check_leaders(region: str, nodes: Sequence[PlacedNode], policy: RegionPolicy | None) -> None:
    """Raise InvalidInput for a region that leaders cannot be asked to stand in."""
    if region:
        _check_region("leaders", region, region_names(nodes))
        if policy is not None:
            raise InvalidInput(
                f"leaders={region} means nothing with replication={policy.replication}: each region has shards, and "
                "so leaders, of its own; say which one takes writes with primary="
            )


def check_knobs(config: DatabaseConfig) -> None:
    """Raise InvalidInput for knobs that cannot be where each region has a copy of its own."""
    if config.placement not in ("range", "hash"):
        raise InvalidInput(f"placement={config.placement} is not possible with replication=: there are range, hash")
    resized = [name for name in _RESIZING if getattr(config, name)]
    if resized:
        raise InvalidInput(f"{resized[0]} is not possible with replication=: ranges of keys never change there")


def _check_word(name: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise InvalidInput(f"{name}={word} is not known: there are {', '.join(known)}{nearest(word, known)}")


def _check_region(name: str, region: str, known: Sequence[str]) -> None:
    if region not in known:
        shown = ", ".join(each or "''" for each in known)
        raise InvalidInput(f"{name}={region}: no region {region!r}: there are {shown}{nearest(region, known)}")


def _check_replicas(nodes: Sequence[PlacedNode], replicas: int) -> None:
    fewest = smallest_region(nodes)
    if not 1 <= replicas <= len(fewest):
        region = next(each.region for each in nodes if each.node == fewest[0])
        raise InvalidInput(
            f"replicas={replicas} is not possible: each region has all of a shard's replicas for itself, and region "
            f"{region} has {len(fewest)} nodes ({', '.join(fewest)})"
        )


def _check_merge(wish: RegionWish) -> None:
    if wish.conflicts == "custom" and not wish.merge:
        raise InvalidInput("conflicts=custom needs merge=: a function as module:function, such as my_merges:longest")
    if wish.merge:
        if wish.conflicts != "custom":
            conflicts = wish.conflicts or _DEFAULT.conflicts
            raise InvalidInput(f"merge={wish.merge} means nothing with conflicts={conflicts}: give conflicts=custom")
        load_merge(wish.merge)


def _check_times(wish: RegionWish) -> None:
    for name in _TIMES:
        value = getattr(wish, f"{name}_ns")
        if value is not None and value < 0:
            raise InvalidInput(f"{name}={value} ns is negative: a time is 0 or more")


def _writable(wish: RegionWish, members: Sequence[str]) -> tuple[str, ...]:
    names = tuple(members) if wish.writable == (ALL,) else wish.writable or (members[0],)
    for name in names:
        _check_region("writable", name, members)
        if names.count(name) > 1:
            raise InvalidInput(f"writable={', '.join(names)} names {name} twice")
    if wish.replication == "synchronous" and len(names) > 1:
        raise InvalidInput(
            f"replication=synchronous has one primary region, but {', '.join(names)} are given: name one, or "
            "let several take writes with replication=asynchronous"
        )
    said = "fail_over_after" if wish.fail_over_after_ns else "fail_back_after" if wish.fail_back_after_ns else ""
    if said and len(names) > 1:
        raise InvalidInput(f"{said}= means nothing with writable={', '.join(names)}: the others take writes already")
    return names
