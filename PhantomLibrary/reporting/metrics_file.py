"""`metrics.jsonl` beside output.xml: what was measured in virtual time, one JSON object a line, for other programs.

    {"test":"Crashed Leader…","suite":"Suites.Node Failure","cluster":1,"seed":7,"metric":"register.read.latency_p95",
     "unit":"ms","value":2.41,"run":"20260101 12:00:00.000"}

The file belongs to one run of Robot, as output.xml does: the first line of another run replaces what an earlier
one left. Which run a file is of stands in its lines, so this needs no memory, and several libraries, clusters or
processes of one run append to one file. To keep two runs, give each its `--outputdir`.

Under pabot each process has an output directory of its own. Merge afterwards, in any order, since each line says
where it comes from: `cat results/pabot_results/*/metrics.jsonl > results/metrics.jsonl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.reporting.region_summary import region_metrics
from PhantomLibrary.reporting.summary import OUTCOMES, Durations, OperationSummary, RunSummary
from PhantomLibrary.reporting.usage_report import RESOURCES, ResourceUse

FILE_NAME = "metrics.jsonl"

_LATENCIES = ("min", "mean", "p50", "p95", "p99", "max")


class Metric(Struct, frozen=True):
    """One measured value. `cluster` counts the clusters of a test from 1, and 0 is the test process as a whole, which
    has no seed; the file fills in `run`.
    """

    test: str
    suite: str
    cluster: int
    seed: int
    metric: str
    unit: str
    value: int | float
    run: str = ""


class _Owner(Struct):
    run: str


class MetricsFile:
    """Writes metrics into Robot's output directory.

    `run` is any text that is the same for all tests of one run of Robot and of no other, as the start time of its
    root suite.
    """

    def __init__(self, output_dir: Path | str, run: str) -> None:
        self.path = Path(output_dir) / FILE_NAME
        self._run = run

    def append(self, metrics: Iterable[Metric]) -> str:
        """Append metrics, in one write; return a sentence on why this was not possible, "" when it was."""
        encode = msgspec.json.Encoder().encode
        lines = [encode(msgspec.structs.replace(each, run=self._run)) for each in metrics]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("wb" if self._is_of_another() else "ab", buffering=0) as file:
                file.write(b"".join(line + b"\n" for line in lines))
        except OSError as error:
            return f"{FILE_NAME} could not be written: {error.strerror or error} ({self.path.parent})"
        return ""

    def _is_of_another(self) -> bool:
        """Whether there is a file that was not begun in this run. Of two processes that find none, both append."""
        try:
            with self.path.open("rb") as file:
                return msgspec.json.decode(file.readline(), type=_Owner).run != self._run
        except FileNotFoundError:
            return False
        except msgspec.DecodeError:
            return True


def metrics_of(summary: RunSummary, *, suite: str, test: str, cluster: int = 1) -> list[Metric]:
    """Return what a summary holds, as metrics."""
    return [Metric(test, suite, cluster, summary.seed, name, unit, value) for name, unit, value in _measured(summary)]


def _measured(summary: RunSummary) -> Iterator[tuple[str, str, int | float]]:
    yield "virtual_duration", "s", summary.virtual_ns / SECOND_NS
    yield "events", "1", summary.events
    for operation in summary.operations:
        yield from _measured_operation(operation)
    yield "elections", "1", len(summary.elections)
    yield "leader_changes", "1", len(summary.leader_changes)
    for what in ("detection", "failover", "recovery"):
        durations: Durations | None = getattr(summary.health, what)
        if durations is not None:
            yield f"{what}_count", "1", durations.count
            for each in ("p50", "p99", "max"):
                yield f"{what}_{each}", "ms", getattr(durations, f"{each}_ns") / MILLISECOND_NS
    yield "false_suspicions", "1", summary.health.false_suspicions
    if summary.queries is not None:
        yield "queries", "1", summary.queries.count
        for each in ("p50", "p95", "p99", "max"):
            yield f"query_latency_{each}", "ms", getattr(summary.queries, f"{each}_ns") / MILLISECOND_NS
        yield "query_rows_moved", "1", summary.queries.rows_moved
        yield "query_bytes_moved", "B", summary.queries.bytes_moved
    if summary.regions is not None:
        yield from region_metrics(summary.regions)
    yield "faults", "1", len(summary.faults)
    yield "faults_without_bite", "1", sum(not fault.bites for fault in summary.faults)
    yield "messages_sent", "1", summary.messages_sent
    yield "bytes_sent", "B", summary.bytes_sent
    for cause, number in summary.lost.items():
        yield f"messages_lost_{cause}", "1", number
    for use in summary.usage:
        for name in RESOURCES:
            of_resource: ResourceUse | None = getattr(use, name)
            if of_resource is not None:
                yield f"{use.node}.{name}_mean", "%", of_resource.mean_ppm / 10_000
                yield f"{use.node}.{name}_max", "%", of_resource.max_ppm / 10_000
    if summary.process is not None:
        yield "process_wall_time", "s", round(summary.process.wall_s, 6)
        yield "process_cpu_time", "s", round(summary.process.cpu_s, 6)
        yield "process_memory", "B", summary.process.memory_bytes


def _measured_operation(operation: OperationSummary) -> Iterator[tuple[str, str, int | float]]:
    name = f"{operation.workload}.{operation.function}"
    for outcome in OUTCOMES:
        yield f"{name}.{outcome}", "1", getattr(operation, outcome)
    yield f"{name}.throughput", "1/s", operation.confirmed_per_1000_s / 1_000
    if operation.latency.count:
        for each in _LATENCIES:
            yield f"{name}.latency_{each}", "ms", getattr(operation.latency, f"{each}_ns") / MILLISECOND_NS
