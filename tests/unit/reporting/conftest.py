"""Real runs, made once: a register under load whose leader crashes."""

from __future__ import annotations

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.kernel.trace import Sink
from PhantomLibrary.reporting.summary import ProcessUse, RunSummary, summarise
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec


def crashed_leader_run(sink: Sink | None = None) -> Run:
    """Return a run of seven virtual seconds, in which the leader of shard 1 crashes in the second."""
    run = Run(RunSpec(seed=1), trace_sink=sink)
    run.advance(SECOND_NS)
    now_ns = run.now_ns
    load = {"kind": "register", "clients": 4, "rate": 100_000}
    run.perform(Command("start workload", now_ns, now_ns, arguments=load))
    run.advance(2 * SECOND_NS)
    now_ns = run.now_ns
    run.perform(Command("crash node", now_ns, now_ns, target="leader of shard 1"))
    run.perform(Command("skew clock", now_ns, now_ns, target="random"))
    run.advance(7 * SECOND_NS)
    return run


@pytest.fixture(scope="session")
def finished_run() -> Run:
    return crashed_leader_run()


@pytest.fixture(scope="session")
def summary(finished_run: Run) -> RunSummary:
    return summarise(finished_run, process=ProcessUse(0.5, 0.4, 64 << 20))
