"""What queries took, as gateways have shown it: how many there were, how long they took, what moved for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from PhantomLibrary.domain import MILLISECOND_NS, NodeId, QueryRan
from PhantomLibrary.errors import InvalidState
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.workloads.latency import nearest_rank

_OfQueries: TypeAlias = Callable[[Sequence[QueryRan]], float]


def queries_of(run: Run, nodes: Collection[NodeId] | None = None, since_ns: int = 0) -> list[QueryRan]:
    """Return the queries whose plans were run, through some gateways, since a time."""
    return [
        each for time_ns, each in run.watch.queries if time_ns >= since_ns and (nodes is None or each.node in nodes)
    ]


def query_metric(name: str, queries: Sequence[QueryRan]) -> float:
    """Return a metric of queries. Latencies are in milliseconds."""
    if not queries and name != "queries":
        raise InvalidState(f"no query was answered there, so there is no {name}")
    return QUERY_METRICS[name](queries)


def _rank(percent: int) -> _OfQueries:
    return lambda queries: nearest_rank(sorted(each.took_ns for each in queries), percent) / MILLISECOND_NS


QUERY_METRICS: dict[str, _OfQueries] = {
    "queries": len,
    "query_latency_mean": lambda queries: sum(each.took_ns for each in queries) / len(queries) / MILLISECOND_NS,
    "query_latency_p50": _rank(50),
    "query_latency_p95": _rank(95),
    "query_latency_p99": _rank(99),
    "query_latency_max": _rank(100),
    "query_rows_moved": lambda queries: sum(each.rows_moved for each in queries),
    "query_bytes_moved": lambda queries: sum(each.bytes_moved for each in queries),
}
