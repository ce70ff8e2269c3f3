"""What a workload may be, and when it may be told what."""

from __future__ import annotations

from typing import Any

import pytest

from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.workloads.workload import WorkloadSpec


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "regster"}, r"no kind of workload 'regster': there are register, set, .*did you mean register\?"),
        ({"kind": "register", "skew": "zip"}, r"no skew 'zip': there are uniform, zipf, hot \(did you mean zipf\?\)"),
        ({"kind": "register", "clients": 0}, "clients=0 is not possible: it must be 1 to 100000"),
        ({"kind": "register", "clients": -1}, "clients=-1"),
        ({"kind": "register", "keys": 0}, "keys=0 is not possible: it must be 1"),
        ({"kind": "register", "reads_percent": 101}, "reads=101% is not possible: it must be 0% to 100%"),
        ({"kind": "register", "reads_percent": -1}, "reads=-1%"),
        ({"kind": "register", "rate": -1000}, "rate=-1/s is not possible"),
    ],
)
def test_senseless_workload_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        WorkloadSpec(**settings)


def test_workload_is_named_for_its_kind_unless_it_is_given_a_name(bench: Any) -> None:
    assert bench.workload("set").name == "set"
    workload = bench.started("set", name="cart", key_pattern="c{}")
    bench.run_for(1)
    assert workload.name == bench.recorder.events[0].workload == "cart"
    assert bench.recorder.events[0].key[0] == "c"


def test_workload_runs_once(bench: Any) -> None:
    workload = bench.workload()
    with pytest.raises(InvalidState, match="'register' was not started"):
        workload.stop(0)
    with pytest.raises(InvalidState, match="'register' does not run"):
        workload.set_rate(1000)
    workload.start()
    with pytest.raises(InvalidState, match="'register' was started before"):
        workload.start()
    workload.stop(0)
    with pytest.raises(InvalidState, match="'register' does not run"):
        workload.set_rate(1000)
    bench.run_for(1)


def test_refused_requests_leave_the_workload_running(bench: Any) -> None:
    workload = bench.started(rate=1000)
    with pytest.raises(InvalidInput, match="no load shape"):
        workload.set_rate(1000, "saw")
    with pytest.raises(InvalidInput, match="a drain time of -1 s"):
        workload.stop(-(10**9))
    assert workload.is_running
    bench.run_for(10**10)
    assert bench.recorder.counts["ok"] == 10
