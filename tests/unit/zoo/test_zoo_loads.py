"""Each planted defect of the load is seen by what is measured of it; the same run without it is as it should be."""

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.testbed.metrics import metric_value
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.zoo.defects import plant


class Story:
    def __init__(self, defect):
        self.run = Run(RunSpec(seed=3), parts=plant([defect] if defect else []))
        self.go_ms(1000)

    def give(self, verb, target="", **arguments):
        until_ns = arguments.pop("until_ns", None)
        now_ns = self.run.now_ns
        self.run.perform(Command(verb, now_ns, now_ns, target, None, until_ns, arguments))

    def go_ms(self, milliseconds):
        self.run.advance(self.run.now_ns + milliseconds * MILLISECOND_NS)

    def metric(self, name):
        return metric_value(self.run, name, window_ns=SECOND_NS)


def _stall(story):
    story.give("start workload", kind="register", clients=2, rate=100_000)
    story.give("pause node", "n1, n2, n3", until_ns=story.run.now_ns + SECOND_NS)
    story.go_ms(1900)
    return story.metric("latency_p95") > 700


def _ramp(story):
    story.give("start workload", kind="register", clients=8, rate=50_000)
    story.give("set load", rate=250_000, shape="ramp", period_ns=2 * SECOND_NS)
    story.go_ms(1000)
    return story.metric("issued") == 100


def _heat(story):
    story.give("start workload", kind="register", clients=8, rate=200_000, skew="hot")
    story.go_ms(1000)
    return story.metric("hot_share") > 85


SCENARIOS = {"coordinated-omission": _stall, "ramp-never-ramps": _ramp, "hot-keys-are-uniform": _heat}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_defect_of_the_load_is_seen(name):
    assert SCENARIOS[name](Story(""))
    assert not SCENARIOS[name](Story(name))
