"""Many nodes and shards: how fast time goes under load, what a message costs from 3 to 50 nodes, and what idle shards
cost.

Under load, only operations are measured, not the sessions that each client opens at each shard when it first writes
there: the clients are few, and work for ten seconds before, in which nearly all of them are opened.
"""

from __future__ import annotations

from time import process_time

from msgspec import Struct

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec

_WARM_UP_NS = 4 * SECOND_NS
_ROUNDS = 4
_CLIENTS = 16
_SESSIONS_NS = 10 * SECOND_NS


class Pace(Struct, frozen=True):
    """Of one run, in its best round: simulated seconds a CPU second, and what each delivered message costs."""

    seconds: float
    microseconds_per_message: float


def measure_load(nodes: int, *, shards: int, rate_per_s: int) -> Pace:
    """Return the pace of a cluster with three replicas a shard and clients in open loop, half of them reading."""
    run = Run(RunSpec(seed=1, topology="twenty-nodes", nodes=nodes, shards=shards))
    run.advance(_WARM_UP_NS)
    arguments = {"kind": "register", "clients": _CLIENTS, "rate": rate_per_s * 1000, "keys": 1000, "reads_percent": 50}
    run.perform(Command("start workload", run.now_ns, run.now_ns, arguments=arguments))
    run.advance(run.now_ns + _SESSIONS_NS)
    return _pace(run, SECOND_NS)


def measure_idle_shards(shards: int, idle_shards: str) -> Pace:
    """Return the pace of three nodes to which nothing happens, with shards that are `quiet` or `awake`."""
    run = Run(RunSpec(seed=1, shards=shards, knobs={"idle_shards": idle_shards}))
    run.advance(_WARM_UP_NS)
    return _pace(run, 5 * SECOND_NS)


def _pace(run: Run, round_ns: int) -> Pace:
    best_s = cost_s = float("inf")
    for _ in range(_ROUNDS):
        before, started = run.world.network.totals()["delivered"], process_time()
        run.advance(run.now_ns + round_ns)
        took_s = process_time() - started
        best_s = min(best_s, took_s)
        cost_s = min(cost_s, took_s / (run.world.network.totals()["delivered"] - before))
    assert not run.watch.violations
    return Pace(round_ns / SECOND_NS / best_s, cost_s * 1e6)


if __name__ == "__main__":
    print("50 nodes, 150 shards, 1000/s:", measure_load(50, shards=150, rate_per_s=1000))
    for nodes in (3, 10, 25, 50):
        pace = measure_load(nodes, shards=3 * nodes, rate_per_s=20 * nodes)
        print(f"{nodes} nodes, {3 * nodes} shards, {20 * nodes}/s: {pace}")
    for shards in (1, 15, 150):
        print(f"{shards} idle shards: {measure_idle_shards(shards, 'quiet')}")
