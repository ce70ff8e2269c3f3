"""Each planted defect of resources is seen by what is measured of nodes, or by what clients were told."""

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.testbed.judge import judge_history
from PhantomLibrary.testbed.metrics import metric_value
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.zoo.defects import plant


class Story:
    """A run on machines that a hundred operations a second keep busy."""

    def __init__(self, defect):
        self.run = Run(RunSpec(seed=3, topology="three-small-nodes", shards=1), parts=plant([defect] if defect else []))
        self.go_ms(1000)

    def give(self, verb, **arguments):
        now_ns = self.run.now_ns
        self.run.perform(Command(verb, now_ns, now_ns, "", None, None, arguments))

    def load(self, rate, **arguments):
        self.give("start workload", **{"kind": "append", "rate": rate * 1000, "keys": 20, **arguments})

    def step(self):
        """Ask for three times too much for two seconds, and then for little."""
        self.load(100, clients=500)
        self.go_ms(1000)
        self.give("set load", rate=2_000_000, period_ns=0)
        self.go_ms(2000)
        self.give("set load", rate=100_000, period_ns=0)

    def go_ms(self, milliseconds):
        self.run.advance(self.run.now_ns + milliseconds * MILLISECOND_NS)

    def metric(self, name, seconds=1):
        return metric_value(self.run, name, window_ns=seconds * SECOND_NS)


def _charge(story):
    story.load(100, clients=20, reads_percent=0)
    story.go_ms(3000)
    return story.metric("cpu_mean") > 18


def _wait(story):
    story.load(100, clients=20, reads_percent=0)
    story.go_ms(3000)
    return story.metric("cpu_max") < 35


def _refuse(story):
    story.step()
    story.go_ms(1000)
    story.give("stop workload", drain_ns=4 * SECOND_NS)
    story.go_ms(4000)
    return judge_history(story.run, "linearizable").outcome == "valid"


def _recover(story):
    story.step()
    story.go_ms(3000)
    return story.metric("latency_p95") < 60


def _retry(story):
    story.step()
    issued = story.run.recorder.counts["invoke"]
    return 300 < metric_value(story.run, "turned_away") < issued * 11 // 10 + 30


SCENARIOS = {
    "work-not-charged": _charge,
    "waiting-is-usage": _wait,
    "sheds-after-applying": _refuse,
    "no-admission-control": _recover,
    "retry-without-back-off": _retry,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_defect_of_resources_is_seen(name):
    assert SCENARIOS[name](Story(""))
    assert not SCENARIOS[name](Story(name))
