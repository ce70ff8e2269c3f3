"""How much memory a run of ten minutes gains after its warm-up, in a fresh process. The history is left out.

So are the latencies of all operations, 16 bytes each, which belong to the history: both grow with it, by design.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import Any

import psutil

from benchmarks.operation import start_load
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import RunSpec

_WARM_UP_S = 60  # Logs have been compacted, snapshots taken, and what invariants remember has reached its bound.
_RUN_S = 600


class _Forgotten(list[Any]):
    """A list, or array, that only counts what is appended."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def append(self, _each: object) -> None:
        self.count += 1

    def __len__(self) -> int:
        return self.count


def measure_growth() -> float:
    """Return the mebibytes that a run gained, measured in a child process."""
    child = subprocess.run([sys.executable, "-m", "benchmarks.memory"], capture_output=True, text=True, check=True)
    return float(child.stdout)


def grow() -> float:
    run = Run(RunSpec(seed=1))
    run.recorder.events = _Forgotten()
    start_load(run)
    run.advance(_WARM_UP_S * SECOND_NS)
    for samples in run.workloads["register"].latencies.values():
        samples.ended_ns = samples.latency_ns = _Forgotten()  # type: ignore[assignment]
    before = _resident_bytes()
    run.advance(run.now_ns + _RUN_S * SECOND_NS)
    return (_resident_bytes() - before) / 2**20


def _resident_bytes() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    print(grow())
