"""What became of every write of a run whose regions have copies of their own."""

from __future__ import annotations

from PhantomLibrary.checking.divergence import Diverged, WriteFate, account, check_divergence
from PhantomLibrary.checking.history import pair
from PhantomLibrary.checking.region_ends import RegionEnd
from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.regional_verbs import policy_of
from PhantomLibrary.testbed.regions import copy_of, slots


def judge_divergence(cluster: Cluster) -> Verdict:
    """Judge whether every confirmed write is accounted for by what the regions show that are left."""
    return check_divergence(diverged(cluster))


def divergence_report(cluster: Cluster) -> list[WriteFate]:
    """Return what became of every write that a region took."""
    return account(diverged(cluster))


def diverged(cluster: Cluster) -> Diverged:
    """Return all that is known of a cluster's regions; a region none of whose nodes is up shows nothing."""
    policy = policy_of(cluster)
    assert cluster.layout.regions is not None
    ends = (_end_of(cluster, region) for region in policy.members)
    return Diverged(
        list(cluster.watch.region_writes.values()),
        [told for _, told in cluster.watch.superseded.values()],
        [end for end in ends if end is not None],
        pair(cluster.recorder.events),
        tuple(region for region in cluster.layout.regions.members if region not in policy.members),
        policy.conflicts,
        policy.replication,
    )


def _end_of(cluster: Cluster, region: str) -> RegionEnd | None:
    copies = [copy_of(cluster, region, slot) for slot in slots(cluster)]
    if None in copies:
        return None
    tables = [copy.table for copy in copies if copy is not None]
    values = {key: shown for table in tables for key, shown in table.visible().items()}
    versions = {key: table.versions(key) for table in tables for key in table.visible()}
    return RegionEnd(region, tuple((table.slot, table.applied) for table in tables), values, versions)
