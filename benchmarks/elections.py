"""How long a shard has no leader after the leader's node crashed, in virtual time, over many seeds.

    python -m benchmarks.elections [--seeds 1000]

Every second seed has clients; in the others the shard is quiet when the node dies.
"""

from __future__ import annotations

import argparse

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec

_GIVEN_UP_NS = 20 * SECOND_NS


def election_time_ns(seed: int) -> int:
    """Return how long it takes from the crash of a leader to the next one."""
    run = Run(RunSpec(seed=seed))
    run.advance(SECOND_NS, lambda: bool(run.leader(1)))
    if seed % 2:
        arguments = {"kind": "register", "clients": 4, "rate": 50_000}
        run.perform(Command("start workload", run.now_ns, run.now_ns, arguments=arguments))
    run.advance(run.now_ns + (1000 + seed % 97) * MILLISECOND_NS)
    old = run.leader(1)
    run.perform(Command("crash node", run.now_ns, run.now_ns, old))
    crashed_ns = run.now_ns
    run.advance(crashed_ns + _GIVEN_UP_NS, lambda: run.leader(1) not in ("", old))
    return run.now_ns - crashed_ns


def measure_elections(seeds: int) -> tuple[float, float]:
    """Return the median and the 99th percentile, in milliseconds."""
    times = sorted(election_time_ns(seed) for seed in range(seeds))
    return times[seeds // 2] / MILLISECOND_NS, times[-(-99 * seeds // 100) - 1] / MILLISECOND_NS


def main() -> None:
    parser = argparse.ArgumentParser(description="Election after a crash, over many seeds.")
    parser.add_argument("--seeds", type=int, default=1000)
    median_ms, p99_ms = measure_elections(parser.parse_args().seeds)
    print(f"election after a crash: median {median_ms:.0f} ms, p99 {p99_ms:.0f} ms")


if __name__ == "__main__":
    main()
