"""What can be measured of a run, by name. All times are virtual; a window reaches back from the present instant.

Metrics of operations look at the operations that ended in the window, and at those of the chosen gateways only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import TypeAlias

from PhantomLibrary.database.transactions.lock_waits import LockWaits
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, EventType, HistoryEvent, NodeId, NodeTurned
from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.testbed.health import report_health
from PhantomLibrary.testbed.query_metrics import QUERY_METRICS, queries_of, query_metric
from PhantomLibrary.testbed.region_metrics import REGION_METRICS, region_metric
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.workloads.latency import LatencySummary, nearest_rank, summarize
from PhantomLibrary.workloads.load import RATE_TIME_S
from PhantomLibrary.workloads.workload import Workload

_READS = ("read", "get")
_PPM_OF_PERCENT = 10_000
_OfEvents: TypeAlias = Callable[[Iterable[HistoryEvent], "_Selection"], float]
_OfRun: TypeAlias = Callable[[Run, int], float]


class _Selection:
    """Which operations count: the gateways, and the window of their ends."""

    def __init__(self, run: Run, nodes: Collection[NodeId] | None, window_ns: int | None) -> None:
        self.nodes = None if nodes is None else frozenset(nodes)
        self.since_ns = 0 if window_ns is None else max(0, run.now_ns - window_ns)
        self.length_ns = run.now_ns - self.since_ns
        self.keys = {name: workload.spec.keys for name, workload in run.workloads.items()}

    def takes(self, event: HistoryEvent) -> bool:
        return event.time_ns >= self.since_ns and (self.nodes is None or event.node in self.nodes)


def metric_names() -> list[str]:
    """Return the names that `metric_value` knows."""
    return sorted([*_OPERATIONS, *_LATENCIES, *_DURATIONS, *_USAGE, *_RUN, *QUERY_METRICS, *REGION_METRICS])


def metric_value(
    run: Run, name: str, *, nodes: Collection[NodeId] | None = None, window_ns: int | None = None
) -> float:
    """Return a metric. `nodes` None means all, `window_ns` None the whole run. Latencies are in milliseconds, usage
    is in per cent.
    """
    selection = _Selection(run, nodes, window_ns)
    if name in _OPERATIONS:
        return _OPERATIONS[name](run.recorder.events, selection)
    if name in _LATENCIES:
        return _latency(run, name, selection)
    if name in QUERY_METRICS:
        return query_metric(name, queries_of(run, nodes, selection.since_ns))
    if name in _USAGE:
        return _usage(run, name, nodes, window_ns)
    if name in _RUN or name in _DURATIONS or name in REGION_METRICS:
        if nodes is not None:
            raise InvalidInput(f"metric {name} is one of the whole cluster: it cannot be asked with on=")
        if window_ns is not None and name in _RUN and name not in _WINDOWED:
            raise InvalidInput(f"metric {name} counts from the start of the run: it cannot be asked with window=")
        if name in REGION_METRICS:
            return region_metric(run, name, selection.since_ns)
        return _duration(run, name, selection.since_ns) if name in _DURATIONS else _RUN[name](run, selection.since_ns)
    raise InvalidInput(f"no metric {name!r}: there are {', '.join(metric_names())}{nearest(name, metric_names())}")


def _count(ending: EventType, *, reads: bool = True, writes: bool = True) -> _OfEvents:
    def count(events: Iterable[HistoryEvent], selection: _Selection) -> float:
        return sum(
            event.type == ending and (reads if event.function in _READS else writes) and selection.takes(event)
            for event in events
        )

    return count


def _throughput(events: Iterable[HistoryEvent], selection: _Selection) -> float:
    confirmed = _count("ok")(events, selection)
    return confirmed * SECOND_NS / selection.length_ns if selection.length_ns else 0.0


def _latency(run: Run, name: str, selection: _Selection) -> float:
    """Latency counts from an operation's arrival, so that waiting for a free client counts, and through chosen
    gateways, which an operation has only once it is issued, from there.
    """
    if selection.nodes is not None:
        samples = _latencies(run.recorder.events, selection)
    else:
        samples = [
            sample
            for workload in run.workloads.values()
            for latencies in workload.latencies.values()
            for sample in latencies.between(selection.since_ns, run.now_ns + 1)
        ]
    if not samples:
        raise InvalidState(f"no operation of a workload has ended there, so there is no {name}")
    return _LATENCIES[name](summarize(samples))


def _latencies(events: Iterable[HistoryEvent], selection: _Selection) -> list[int]:
    begun: dict[int, int] = {}
    latencies = []
    for event in events:
        if event.type == "invoke":
            begun[event.process] = event.time_ns
        elif event.type == "ok" and selection.takes(event):
            latencies.append(event.time_ns - begun[event.process])
    return latencies


def _milliseconds(field: str) -> Callable[[LatencySummary], float]:
    def value(summary: LatencySummary) -> float:
        nanoseconds: int = getattr(summary, field)
        return nanoseconds / MILLISECOND_NS

    return value


def _leader_changes(run: Run, since_ns: int) -> float:
    return sum(change.time_ns >= since_ns for change in run.watch.leader_changes)


def failover_times_ns(run: Run, since_ns: int = 0) -> list[int]:
    """Return for each shard, and each time that its leader crashed or stood still, how long it took until a replica
    led.
    """
    times = []
    for fact in run.world.facts:
        if isinstance(fact, NodeTurned) and not fact.is_up and fact.time_ns >= since_ns:
            times += _failovers_of(run, fact.node, fact.time_ns)
    return times


def _failovers_of(run: Run, node: NodeId, at_ns: int) -> list[int]:
    times = []
    for shard in run.shard_ids:
        before = [each for each in run.watch.leader_changes if each.shard == shard and each.time_ns <= at_ns]
        after = [each for each in run.watch.leader_changes if each.shard == shard and each.time_ns > at_ns]
        if before and before[-1].node == node and after:
            times.append(after[0].time_ns - at_ns)
    return times


def detection_times_ns(run: Run, since_ns: int = 0) -> list[int]:
    """Return for each failure and node that was to know of it how long it took until that held the other for down."""
    return [each.took_ns for each in report_health(run).detections if each.at_ns >= since_ns]


def recovery_times_ns(run: Run, since_ns: int = 0) -> list[int]:
    """Return for each node that came back, and each that had given it up, how long it took until that held it for
    alive.
    """
    return [each.took_ns for each in report_health(run).recoveries if each.at_ns >= since_ns]


def _duration(run: Run, name: str, since_ns: int) -> float:
    what, _, field = name.partition("_")
    times = sorted(_TIMES[what](run, since_ns))
    if not times:
        raise InvalidState(f"there was no {what} there, so there is no {name}")
    return nearest_rank(times, _RANKS[field]) / MILLISECOND_NS


def _usage(run: Run, name: str, nodes: Collection[NodeId] | None, window_ns: int | None) -> float:
    """Usage of nodes that were removed, or have only just come, is no usage of the cluster."""
    known = [node for node in run.usage.nodes() if node in (run.live_nodes() if nodes is None else nodes)]
    if not known:
        raise InvalidState(f"no node was there for a second, so there is no {name}")
    usages = [run.usage.usage(node, window_ns) for node in known]
    if name in _RATES:
        return float(sum(getattr(usage, _RATES[name]) for usage in usages))
    resource, _, field = name.partition("_")
    shares: list[int] = [getattr(usage, f"{resource}_ppm") for usage in usages]
    return (max(shares) if field == "max" else sum(shares) / len(shares)) / _PPM_OF_PERCENT


def _false_suspicions(run: Run, since_ns: int) -> float:
    return sum(each.time_ns >= since_ns for each in report_health(run).false_suspicions)


def _network(name: str) -> _OfRun:
    return lambda run, _since_ns: run.world.network.totals()[name]


def _lost(run: Run, _since_ns: int) -> float:
    return sum(number for name, number in run.world.network.totals().items() if name.startswith("lost_"))


def _lock_waits(run: Run) -> list[LockWaits]:
    """Return what live nodes know of waits for locks."""
    return [run.processes[node].transactions.lock_waits for node in run.live_nodes()]


def _lock_wait_mean_ms(run: Run) -> float:
    waits = _lock_waits(run)
    count = sum(each.count for each in waits)
    return sum(each.total_ns for each in waits) / count / MILLISECOND_NS if count else 0.0


def _running(run: Run) -> list[Workload]:
    return [each for each in run.workloads.values() if each.is_running]


def _hot_share(events: Iterable[HistoryEvent], selection: _Selection) -> float:
    """Return the per cent of the workloads' operations of one key that went to the busiest tenth of their keys."""
    counted = [each for each in events if each.type == "invoke" and each.key and each.workload in selection.keys]
    by_key = Counter((each.workload, each.key) for each in counted if selection.takes(each))
    if not by_key:
        raise InvalidState("no operation of a single key was issued there, so there is no hot_share")
    keys = sum(selection.keys[workload] for workload in dict.fromkeys(workload for workload, _ in by_key))
    hottest = sorted(by_key.values(), reverse=True)[: max(1, keys // 10)]
    return 100 * sum(hottest) / by_key.total()


_OPERATIONS: dict[str, _OfEvents] = {
    "confirmed": _count("ok"),
    "confirmed_reads": _count("ok", writes=False),
    "confirmed_writes": _count("ok", reads=False),
    "failed": _count("fail"),
    "hot_share": _hot_share,
    "issued": _count("invoke"),
    "unknown": _count("info"),
    "throughput": _throughput,
}
_LATENCIES: dict[str, Callable[[LatencySummary], float]] = {
    "latency_min": _milliseconds("min_ns"),
    "latency_mean": _milliseconds("mean_ns"),
    "latency_p50": _milliseconds("p50_ns"),
    "latency_p95": _milliseconds("p95_ns"),
    "latency_p99": _milliseconds("p99_ns"),
    "latency_max": _milliseconds("max_ns"),
}
_TIMES: dict[str, Callable[[Run, int], list[int]]] = {
    "detection": detection_times_ns,
    "failover": failover_times_ns,
    "recovery": recovery_times_ns,
}
_RANKS = {"p50": 50, "p99": 99, "max": 100}
_RATES = {"query_rate": "operations_per_s", "transaction_rate": "transactions_per_s"}
_SHARES = tuple(f"{resource}_{field}" for resource in ("cpu", "disk", "memory", "network") for field in ("max", "mean"))
_USAGE = (*_RATES, *_SHARES)
_DURATIONS = tuple(f"{what}_{field}" for what in _TIMES for field in _RANKS)
_WINDOWED = ("false_suspicions", "leader_changes")
_RUN: dict[str, _OfRun] = {
    "bytes_sent": _network("bytes"),
    "events": lambda run, _since_ns: run.scheduler.events,
    "false_suspicions": _false_suspicions,
    "leader_changes": _leader_changes,
    "load": lambda run, _since_ns: sum(each.rate for each in _running(run)) / RATE_TIME_S,
    "lock_waits": lambda run, _since_ns: sum(each.count for each in _lock_waits(run)),
    "lock_wait_mean": lambda run, _since_ns: _lock_wait_mean_ms(run),
    "lock_wait_max": lambda run, _since_ns: (
        max((each.longest_ns() for each in _lock_waits(run)), default=0) / MILLISECOND_NS
    ),
    "messages_lost": _lost,
    "messages_sent": _network("sent"),
    "shed": lambda run, _since_ns: sum(each.shed for each in run.workloads.values()),
    "turned_away": lambda run, _since_ns: sum(each.admission.shed for each in run.processes.values()),
    "terms": lambda run, _since_ns: max((state.term for state in run.watch.states.values()), default=0),
    "unsynced_bytes_lost": lambda run, _since_ns: sum(host.platter.bytes_lost for host in run.world.nodes.values()),
    "virtual_time": lambda run, _since_ns: run.now_ns / SECOND_NS,
    "waiting": lambda run, _since_ns: sum(each.waiting for each in run.workloads.values()),
}
