"""What regions hold and how far they are, looked up from outside.

A region's copy of a slot is that of its live replica that has applied most, so a region all of whose nodes are down
shows nothing. How far one is behind another is reckoned from these copies, and from when each write was seen to be
taken; what the database itself knows of that is its status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Verdict
from PhantomLibrary.database.regions.machine import RegionMachine
from PhantomLibrary.database.regions.service import RegionService
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.domain.region_policy import RegionPolicy, count_in
from PhantomLibrary.domain.regions import Dot
from PhantomLibrary.errors import InvalidState
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.regional_verbs import policy_of


class RegionLag(Struct, frozen=True):
    """How far a region is behind another one: writes that it lacks, and for how long it has lacked the oldest."""

    missing: int
    lag_ns: int


class RegionStatus(Struct, frozen=True):
    """How one region sees another, over all slots: whether it answers, up to which of its writes that one has all, how
    many it lacks, and how long ago it last lacked none.
    """

    source: str
    target: str
    is_connected: bool
    position: int
    missing: int
    lag_ns: int


def slots(cluster: Cluster) -> list[str]:
    """Return where the ranges of keys begin, in their order."""
    return sorted({each.start for each in cluster.layout.shards if each.region})


def copy_of(cluster: Cluster, region: str, slot: str) -> RegionMachine | None:
    """Return a region's copy of a slot, None while none of its nodes is up."""
    shard = next(each.shard for each in cluster.layout.shards if (each.region, each.start) == (region, slot))
    machines = [
        replica.machine
        for node in cluster.live_nodes()
        if (replica := cluster.processes[node].replicas.get(shard)) is not None
    ]
    found = max(machines, key=lambda each: each.applied_index, default=None)
    assert found is None or isinstance(found, RegionMachine)
    return found


def lag(cluster: Cluster, region: str, behind: str) -> RegionLag:
    """Return how far a region is behind another one."""
    missing = 0
    for slot in slots(cluster):
        here = copy_of(cluster, region, slot)
        if here is None:
            raise InvalidState(f"no node of region {region} is up that could say how far it is")
        there = copy_of(cluster, behind, slot)
        missing += _taken(cluster, slot, behind, there) - count_in(here.table.applied, behind)
    return RegionLag(missing, max((_lag_ns(cluster, each, behind) for each in _copies(cluster, region)), default=0))


def _lag_ns(cluster: Cluster, here: RegionMachine, behind: str) -> int:
    """Return for how long a copy has lacked the oldest write of another region that it lacks, 0 if it lacks none."""
    # What a region had taken that is down was seen nonetheless.
    first = cluster.watch.region_writes.get((here.slot, Dot(behind, count_in(here.table.applied, behind) + 1)))
    return 0 if first is None else cluster.now_ns - first[0]


def _copies(cluster: Cluster, region: str) -> list[RegionMachine]:
    copies = (copy_of(cluster, region, slot) for slot in slots(cluster))
    return [each for each in copies if each is not None]


def _taken(cluster: Cluster, slot: str, region: str, copy: RegionMachine | None) -> int:
    """Return how many writes a region has taken in a slot."""
    if copy is not None:
        return copy.own_count
    return max((dot.count for of, dot in cluster.watch.region_writes if (of, dot.region) == (slot, region)), default=0)


def statuses(cluster: Cluster) -> list[RegionStatus]:
    """Return how each member sees each other one, by what the leaders of its shards know; a slot without a leader is
    not connected.
    """
    policy, found = policy_of(cluster), []
    for source in policy.members:
        by_slot = [_status_of(cluster, source, slot) for slot in slots(cluster)]
        for target in policy.members:
            if target == source:
                continue
            each = [status[target] for status in by_slot if target in status]
            is_whole = len(each) == len(by_slot)
            found.append(
                RegionStatus(
                    source,
                    target,
                    is_whole and all(status.is_connected for status in each),
                    sum(status.position for status in each),
                    sum(status.missing for status in each),
                    max((status.lag_ns for status in each), default=0),
                )
            )
    return found


def _status_of(cluster: Cluster, region: str, slot: str) -> dict[str, RegionStatus]:
    shard = next(each.shard for each in cluster.layout.shards if (each.region, each.start) == (region, slot))
    leader = cluster.leader(shard)
    replica = cluster.processes[leader].replicas.get(shard) if leader else None
    if replica is None:
        return {}
    assert isinstance(replica.service, RegionService)
    return {
        each.region: RegionStatus(region, each.region, each.is_connected, each.position, each.missing, each.lag_ns)
        for each in replica.service.status()
    }


# --- agreement --------------------------------------------------------------------------------------------------------


def regions_agree(cluster: Cluster) -> Callable[[], bool]:
    """Return a condition for `advance`: all members have applied the same writes, and go by the same policy."""
    return lambda: not _why_not_level(cluster)


def _why_not_level(cluster: Cluster) -> str:
    policy = policy_of(cluster)
    for slot in slots(cluster):
        first: RegionMachine | None = None
        for region in policy.members:
            copy = copy_of(cluster, region, slot)
            if copy is None:
                return f"no node of region {region} is up"
            if copy.policy.epoch < policy.epoch:
                return f"region {region} goes by the policy of epoch {copy.policy.epoch}, which is {policy.epoch} now"
            first = first or copy
            if copy.table.applied != first.table.applied:
                return (
                    f"region {copy.region} has applied {_told(copy)} in the slot from {slot!r} on, "
                    f"region {first.region} {_told(first)}"
                )
    return ""


def _told(copy: RegionMachine) -> str:
    return ", ".join(f"{count} writes of {region}" for region, count in copy.table.applied) or "nothing"


def judge_regions(cluster: Cluster) -> Verdict:
    """Compare what clients can see in each region, key by key."""
    policy = policy_of(cluster)
    why = _why_not_level(cluster)
    if why:
        return Verdict("invalid", "RGN-001", f"regions have not applied the same writes: {why}")
    keys, differing = 0, []
    for slot in slots(cluster):
        shown = [(region, _visible(cluster, region, slot)) for region in policy.members]
        for key in sorted({key for _, visible in shown for key in visible}):
            keys += 1
            values = [(region, visible.get(key, ())) for region, visible in shown]
            if any(each != values[0][1] for _, each in values):
                differing.append(f"{key}: " + ", ".join(f"{region} has {_values(each)}" for region, each in values))
    if differing:
        message = f"regions disagree about {len(differing)} of {keys} keys: {differing[0]}"
        return Verdict("invalid", "RGN-002", message, tuple(differing[:EVIDENCE_LINES_MAX]), keys)
    return Verdict("valid", operations=keys, confirmed=keys)


def _visible(cluster: Cluster, region: str, slot: str) -> dict[str, tuple[str, ...]]:
    copy = copy_of(cluster, region, slot)
    return {} if copy is None else copy.table.visible()


def _values(values: tuple[str, ...]) -> str:
    return " | ".join(values) if values else "nothing"


def conflict_counts(cluster: Cluster, region: str) -> dict[str, int]:
    """Return how many conflicts a region has resolved in which way; each region counts those that it has met."""
    found: dict[str, int] = {}
    for slot in slots(cluster):
        copy = copy_of(cluster, region, slot)
        for how, count in copy.table.counts.items() if copy is not None else ():
            found[how] = found.get(how, 0) + count
    return found


# --- lag over time ----------------------------------------------------------------------------------------------------

_EVERY_NS = SECOND_NS // 5
SAMPLES_MAX = 4_096


class LagSeries:
    """How far members were behind those that took writes, again and again from the start of a run on.

    Looking decides nothing and draws nothing. When there are too many samples, every second one is given up, and from
    then on they are taken half as often.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._every_ns = _EVERY_NS
        self.samples: list[tuple[int, int]] = []  # When, and the greatest lag of all pairs.
        self._plan()

    def _plan(self) -> None:
        self._cluster.scheduler.after(self._every_ns, self._sample)

    def _sample(self, _argument: None) -> None:
        cluster = self._cluster
        self.samples.append((cluster.now_ns, max(self._lags(policy_of(cluster)), default=0)))
        if len(self.samples) >= SAMPLES_MAX:
            del self.samples[::2]
            self._every_ns *= 2
        self._plan()

    def _lags(self, policy: RegionPolicy) -> Iterator[int]:
        cluster = self._cluster
        for region in policy.members:
            for copy in _copies(cluster, region):
                yield from (_lag_ns(cluster, copy, each) for each in policy.members if each != region)
