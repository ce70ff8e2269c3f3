"""What happened in a run, in one value: for the table in the log, for `summary.json` and for the metrics.

Rule: everything here follows from the run, but for wall and processor time, which the caller measures and passes in.
Times are virtual nanoseconds, rates are confirmed operations in 1,000 seconds, all integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import SECOND_NS, HistoryEvent, NodeId, ShardId
from PhantomLibrary.reporting.region_summary import RegionSummary, summarise_regions
from PhantomLibrary.reporting.usage_report import NodeUse, node_uses
from PhantomLibrary.testbed.metrics import detection_times_ns, failover_times_ns, metric_value, recovery_times_ns
from PhantomLibrary.testbed.operator import SQL
from PhantomLibrary.testbed.query_metrics import queries_of
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.workloads.latency import LatencySummary, nearest_rank, summarize

Outcome: TypeAlias = Literal["ok", "fail", "info", "open"]
OUTCOMES: tuple[Outcome, ...] = ("ok", "fail", "info", "open")

_RATE_TIME_S = 1_000
_LOST = "lost_"
_METADATA_SHARD = 0  # Holds members and the shard map; tests count the others.


class OperationSummary(Struct, frozen=True):
    """The operations of one function of one workload; the workload of keywords is `operator`.

    `open` ones had no answer yet. `latency` is that of confirmed ones, and counts from arrival. The operations of
    keywords have no rate, and of them only statements of SQL, whose workload is `sql`, have a latency.
    """

    workload: str
    function: str
    ok: int
    fail: int
    info: int
    open: int
    confirmed_per_1000_s: int
    latency: LatencySummary


class LeaderTerm(Struct, frozen=True):
    """A node became leader of a shard. `before` is who had led the shard last, "" for its first leader."""

    time_ns: int
    shard: ShardId
    node: NodeId
    term: int
    before: NodeId


class FaultSummary(Struct, frozen=True):
    """A fault of the run. `target` is what the test wrote, `what` what that meant, `bites` how much it did."""

    time_ns: int
    verb: str
    target: str
    what: str
    bites: int
    healed: bool


class Durations(Struct, frozen=True):
    """How long something took, as often as it happened."""

    count: int
    p50_ns: int
    p99_ns: int
    max_ns: int


class HealthSummary(Struct, frozen=True):
    """How soon failures and recoveries were noticed and leaders replaced; None for what did not happen.

    A detection is one node that came to hold another for down, so one failure has as many as there are witnesses.
    """

    detection: Durations | None
    failover: Durations | None
    recovery: Durations | None
    false_suspicions: int


class ProcessUse(Struct, frozen=True):
    """What the test process has spent since the cluster began, and the memory that it holds at the end."""

    wall_s: float
    cpu_s: float
    memory_bytes: int


class QuerySummary(Struct, frozen=True):
    """How long queries took at their gateways, and what moved between nodes for all of them."""

    count: int
    p50_ns: int
    p95_ns: int
    p99_ns: int
    max_ns: int
    rows_moved: int
    bytes_moved: int


class RunSummary(Struct, frozen=True):
    """All that the table in the log shows.

    `operations` are ordered by workload, then function, each by first appearance. `lost` counts messages between nodes
    by cause. `ended` says why a run was cut short, "" where it was not. `process` is what the run took of the test
    process, where somebody measured it; `usage` is that of the simulated nodes.
    """

    seed: int
    topology: str
    nodes: int
    shards: int
    defects: tuple[str, ...]
    virtual_ns: int
    events: int
    operations: tuple[OperationSummary, ...]
    elections: tuple[LeaderTerm, ...]
    faults: tuple[FaultSummary, ...]
    messages_sent: int
    bytes_sent: int
    lost: dict[str, int]
    violations: tuple[str, ...]
    health: HealthSummary
    trace_digest: str
    trace_records: int
    ended: str = ""
    process: ProcessUse | None = None
    usage: tuple[NodeUse, ...] = ()
    queries: QuerySummary | None = None
    regions: RegionSummary | None = None

    @property
    def leader_changes(self) -> tuple[LeaderTerm, ...]:
        """The elections that gave a shard another leader than it had before."""
        return tuple(each for each in self.elections if each.before not in ("", each.node))

    def count(self, outcome: Outcome) -> int:
        """Return how many operations of all workloads ended so."""
        return sum(getattr(each, outcome) for each in self.operations)


def summarise(run: Run, *, process: ProcessUse | None = None) -> RunSummary:
    """Return what happened in a run so far. Cost: one pass over the history, one sort of each function's latencies."""
    totals = run.world.network.totals()
    digest = run.trace.digest()  # First, since it brings the count of records up to date.
    return RunSummary(
        seed=run.spec.seed,
        topology=run.spec.topology,
        nodes=len(run.node_names),
        shards=sum(shard != _METADATA_SHARD for shard in run.shard_ids),
        defects=run.spec.defects,
        virtual_ns=run.now_ns,
        events=run.scheduler.events,
        operations=_operations(run),
        elections=_elections(run),
        faults=_faults(run),
        messages_sent=totals["sent"],
        bytes_sent=totals["bytes"],
        lost={name.removeprefix(_LOST): number for name, number in totals.items() if name.startswith(_LOST)},
        violations=tuple(each.headline for each in run.watch.violations),
        health=_health(run),
        trace_digest=digest,
        trace_records=run.trace.records,
        ended=run.ended,
        process=process,
        usage=node_uses(run),
        queries=_queries(run),
        regions=summarise_regions(run),
    )


def _queries(run: Run) -> QuerySummary | None:
    ran = queries_of(run)
    if not ran:
        return None
    times = sorted(each.took_ns for each in ran)
    p50, p95, p99 = (nearest_rank(times, percent) for percent in (50, 95, 99))
    rows, size = sum(each.rows_moved for each in ran), sum(each.bytes_moved for each in ran)
    return QuerySummary(len(ran), p50, p95, p99, times[-1], rows, size)


class Tally:
    """Counts the operations of one function of one workload."""

    __slots__ = ("counts", "first_ns", "last_ns")

    def __init__(self, first_ns: int) -> None:
        self.counts = {"invoke": 0, "ok": 0, "fail": 0, "info": 0}
        self.first_ns = self.last_ns = first_ns

    def summary(
        self, workload: str, function: str, latency: LatencySummary, *, has_rate: bool = True
    ) -> OperationSummary:
        counts = self.counts
        ended = counts["ok"] + counts["fail"] + counts["info"]
        span_ns = self.last_ns - self.first_ns
        return OperationSummary(
            workload=workload,
            function=function,
            ok=counts["ok"],
            fail=counts["fail"],
            info=counts["info"],
            open=counts["invoke"] - ended,
            confirmed_per_1000_s=counts["ok"] * _RATE_TIME_S * SECOND_NS // span_ns if has_rate and span_ns else 0,
            latency=latency,
        )


def tally(events: Iterable[HistoryEvent]) -> Mapping[tuple[str, str], Tally]:
    """Count the events of a history by workload and function, in the order in which these first appeared."""
    tallies: dict[tuple[str, str], Tally] = {}
    for event in events:
        key = (event.workload, event.function)
        found = tallies.get(key)
        if found is None:
            found = tallies[key] = Tally(event.time_ns)
        found.counts[event.type] += 1
        found.last_ns = event.time_ns
    return tallies


def _operations(run: Run) -> tuple[OperationSummary, ...]:
    summaries = []
    tallies, statements = tally(run.recorder.events), _statement_times_ns(run.recorder.events)
    order = list(dict.fromkeys(workload for workload, _ in tallies))
    for (workload, function), counted in sorted(tallies.items(), key=lambda item: order.index(item[0][0])):
        started = run.workloads.get(workload)
        samples = None if started is None else started.latencies.get(function)
        latency = summarize(statements.get(function, ()) if workload == SQL else samples.latency_ns if samples else ())
        has_rate = started is not None and latency.count > 0
        summaries.append(counted.summary(workload, function, latency, has_rate=has_rate))
    return tuple(summaries)


def _statement_times_ns(events: Iterable[HistoryEvent]) -> Mapping[str, list[int]]:
    """Return how long statements of SQL took that were done, by their kinds."""
    begun: dict[int, int] = {}
    times: dict[str, list[int]] = {}
    for event in events:
        if event.workload != SQL:
            continue
        if event.type == "invoke":
            begun[event.process] = event.time_ns
        elif event.type == "ok":
            times.setdefault(event.function, []).append(event.time_ns - begun[event.process])
    return times


def _elections(run: Run) -> tuple[LeaderTerm, ...]:
    last: dict[ShardId, NodeId] = {}
    terms = []
    for each in run.watch.leader_changes:
        terms.append(LeaderTerm(each.time_ns, each.shard, each.node, each.term, last.get(each.shard, "")))
        last[each.shard] = each.node
    return tuple(terms)


def _health(run: Run) -> HealthSummary:
    return HealthSummary(
        detection=_durations(detection_times_ns(run)),
        failover=_durations(failover_times_ns(run)),
        recovery=_durations(recovery_times_ns(run)),
        false_suspicions=int(metric_value(run, "false_suspicions")),
    )


def _durations(times_ns: Iterable[int]) -> Durations | None:
    ordered = sorted(times_ns)
    if not ordered:
        return None
    return Durations(len(ordered), nearest_rank(ordered, 50), nearest_rank(ordered, 99), ordered[-1])


def _faults(run: Run) -> tuple[FaultSummary, ...]:
    return tuple(
        FaultSummary(
            time_ns=each.since_ns,
            verb=each.command.verb,
            target=each.command.target,
            what=each.fault.describe(),
            bites=each.fault.bites,
            healed=each.fault.is_healed,
        )
        for each in run.faults.all
    )
