"""Metrics of regions: how far they were behind each other, and which conflicts they have met."""

from __future__ import annotations

from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.errors import InvalidState
from PhantomLibrary.testbed.regional_verbs import policy_of
from PhantomLibrary.testbed.regions import conflict_counts
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.workloads.latency import nearest_rank

_RANKS = {"p50": 50, "p99": 99, "max": 100}
_LAGS = tuple(f"replication_lag_{field}" for field in _RANKS)
REGION_METRICS = (*_LAGS, "conflicts")


def region_metric(run: Run, name: str, since_ns: int) -> float:
    """Return a metric of regions. Lags are those of the region that was furthest behind at each look, in ms."""
    policy = policy_of(run)
    if name == "conflicts":
        return max(sum(conflict_counts(run, region).values()) for region in policy.members)
    assert run.lags is not None
    lags = sorted(lag_ns for at_ns, lag_ns in run.lags.samples if at_ns >= since_ns)
    if not lags:
        raise InvalidState(f"time has not gone on long enough there, so there is no {name}")
    return nearest_rank(lags, _RANKS[name.rpartition("_")[2]]) / MILLISECOND_NS
