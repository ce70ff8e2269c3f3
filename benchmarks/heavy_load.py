"""Twenty nodes, twenty shards with three replicas, 10,000 operations a virtual second, half of them reads.

Clients work for some seconds before, until nearly all have their sessions. Then runs with batches and without take
turns in short rounds, so that a slow minute hits both; the best round of each counts. All is on: hops, syncs,
trace, history and invariants. Clients are coroutines with sessions of their own, as ever: only messages and syncs
are shared.

    python -m benchmarks.heavy_load
"""

from __future__ import annotations

from time import process_time

from msgspec import Struct

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.workloads.latency import LatencySummary, summarize

NODES = SHARDS = 20
RATE_PER_S = 10_000
BATCH_INTERVALS_MS = (0, 10, 20)
_CLIENTS = 300  # Enough for the latency of the longest interval, at this rate.
_WARM_UP_NS = 4 * SECOND_NS
_ROUND_NS = SECOND_NS // 4
_ROUNDS = 4


class Heaviness(Struct):
    """Of one run: simulated seconds a CPU second in its best round, messages an operation, latency."""

    batch_interval_ms: int
    seconds: float = 0.0
    operations_per_s: float = 0.0
    messages: float = 0.0
    latency: LatencySummary = LatencySummary()


def measure_heavy_load() -> list[Heaviness]:
    """Return what the same load comes to without batches and with them."""
    runs = [(Heaviness(interval_ms), _loaded(interval_ms)) for interval_ms in BATCH_INTERVALS_MS]
    for _ in range(_ROUNDS):
        for heaviness, run in runs:
            _measure_round(heaviness, run)
    for heaviness, run in runs:
        since_ns = run.now_ns - _ROUNDS * _ROUND_NS
        samples = run.workloads["register"].latencies.values()
        heaviness.latency = summarize([each for one in samples for each in one.between(since_ns, run.now_ns)])
        assert not run.watch.violations
    return [heaviness for heaviness, _ in runs]


def _loaded(batch_interval_ms: int) -> Run:
    knobs = {"batch_interval_ns": batch_interval_ms * MILLISECOND_NS} if batch_interval_ms else {}
    run = Run(RunSpec(seed=1, topology="twenty-nodes", nodes=NODES, shards=SHARDS, knobs=knobs))
    run.advance(_WARM_UP_NS)
    arguments = {"kind": "register", "clients": _CLIENTS, "rate": RATE_PER_S * 1000, "keys": 1000, "reads_percent": 50}
    run.perform(Command("start workload", run.now_ns, run.now_ns, arguments=arguments))
    run.advance(run.now_ns + _WARM_UP_NS)
    return run


def _measure_round(heaviness: Heaviness, run: Run) -> None:
    operations, messages = run.recorder.counts["ok"], run.world.network.totals()["delivered"]
    started = process_time()
    run.advance(run.now_ns + _ROUND_NS)
    took_s = process_time() - started
    done = run.recorder.counts["ok"] - operations
    if _ROUND_NS / SECOND_NS / took_s > heaviness.seconds:
        heaviness.seconds = _ROUND_NS / SECOND_NS / took_s
        heaviness.operations_per_s = done / took_s
        heaviness.messages = (run.world.network.totals()["delivered"] - messages) / done


if __name__ == "__main__":
    for each in measure_heavy_load():
        latency = each.latency
        print(
            f"batches in {each.batch_interval_ms} ms: {each.seconds:.2f} simulated seconds a CPU second, "
            f"{each.operations_per_s:,.0f} operations a CPU second, {each.messages:.2f} messages an operation, "
            f"p50 {latency.p50_ns / MILLISECOND_NS:.1f} ms, p99 {latency.p99_ns / MILLISECOND_NS:.1f} ms"
        )
