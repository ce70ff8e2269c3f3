"""How fast time goes when nothing happens: three nodes, shard 0 only, 100 ms heartbeat, trace and invariants on."""

from __future__ import annotations

from time import process_time

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import RunSpec

_ROUNDS = 40
_ROUND_S = 50


def measure_idle() -> float:
    """Return how many simulated seconds one second of CPU time simulates, in the best of some rounds."""
    run = Run(RunSpec(seed=1, shards=0))
    run.advance(2 * SECOND_NS)
    best_s = float("inf")
    for _ in range(_ROUNDS):
        started = process_time()
        run.advance(run.now_ns + _ROUND_S * SECOND_NS)
        best_s = min(best_s, process_time() - started)
    return _ROUND_S / best_s


if __name__ == "__main__":
    print(f"{measure_idle():.0f} simulated seconds a CPU second")
