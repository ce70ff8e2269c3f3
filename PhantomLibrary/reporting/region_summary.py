"""What a run of regions with copies of their own came to: who took writes, lag, conflicts, and what writes became."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from PhantomLibrary.checking.divergence import FATES
from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.testbed.divergence_judge import divergence_report
from PhantomLibrary.testbed.regional_verbs import policy_of
from PhantomLibrary.testbed.regions import conflict_counts
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.workloads.latency import nearest_rank

_RANKS = {"p50": 50, "p99": 99, "max": 100}


class RegionSummary(Struct, frozen=True):
    """Lags are those of whichever region was furthest behind at each look; `conflicts` are counted by what became of
    them, in the region that met most of a kind; `fates` counts confirmed writes. Nothing of a kind is left out.
    """

    replication: str
    writable: tuple[str, ...]
    members: tuple[str, ...]
    policies: int
    lag_ns: dict[str, int]
    conflicts: dict[str, int]
    fates: dict[str, int]


def summarise_regions(run: Run) -> RegionSummary | None:
    """Return what happened between regions so far, None where they have no copies of their own."""
    if run.layout.regions is None or run.lags is None:
        return None
    policy = policy_of(run)
    lags = sorted(lag_ns for _, lag_ns in run.lags.samples)
    conflicts: dict[str, int] = {}
    for region in policy.members:
        for how, count in sorted(conflict_counts(run, region).items()):
            conflicts[how] = max(count, conflicts.get(how, 0))
    fates = [each.fate for each in divergence_report(run) if each.is_confirmed]
    return RegionSummary(
        policy.replication,
        policy.writable,
        policy.members,
        policy.epoch,
        {name: nearest_rank(lags, rank) for name, rank in _RANKS.items()} if lags else {},
        conflicts,
        {fate: fates.count(fate) for fate in FATES if fate in fates},
    )


def region_lines(summary: RegionSummary) -> Iterator[str]:
    """Yield lines for the table in the log."""
    takes = ", ".join(summary.writable) or "nobody"
    changes = f" after {summary.policies - 1} changes" if summary.policies > 1 else ""
    yield f"{summary.replication} between {', '.join(summary.members)}; {takes} took writes at the end{changes}"
    if summary.lag_ns:
        yield "lag: " + ", ".join(f"{name} {ns // MILLISECOND_NS} ms" for name, ns in summary.lag_ns.items())
    yield "conflicts: " + (", ".join(f"{count} {how}" for how, count in summary.conflicts.items()) or "none")
    if summary.fates:
        yield "confirmed writes: " + ", ".join(f"{count} {fate}" for fate, count in summary.fates.items())


def region_metrics(summary: RegionSummary) -> Iterator[tuple[str, str, int | float]]:
    """Yield name, unit and value of what can be compared from run to run."""
    for name, ns in summary.lag_ns.items():
        yield f"replication_lag_{name}", "ms", ns / MILLISECOND_NS
    for how, count in summary.conflicts.items():
        yield f"conflicts_{how.replace(' ', '_')}", "1", count
    for fate, count in summary.fates.items():
        yield f"writes_{fate}", "1", count
