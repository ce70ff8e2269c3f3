"""Each planted defect of the autoscaler is seen by its judges, or by clients that are not served."""

from pathlib import Path

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.domain.scaling import Rule, ScalingPolicy
from PhantomLibrary.testbed.metrics import metric_value
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.scaling import encode_policy
from PhantomLibrary.testbed.scaling_judge import judge_plans, judge_reversals
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.zoo.defects import plant

TOPOLOGY = Path(__file__).resolve().parents[3] / "resources" / "topologies" / "scaling.yaml"


class Story:
    """A run on machines that twenty-five operations a second keep half busy."""

    def __init__(self, defect):
        spec = RunSpec(seed=5, topology="scaling", topology_text=TOPOLOGY.read_text(encoding="utf-8"), shards=6)
        self.run = Run(spec, parts=plant([defect] if defect else []))
        self.go(2)

    def give(self, verb, target="", **arguments):
        now_ns = self.run.now_ns
        return self.run.perform(Command(verb, now_ns, now_ns, target, None, None, arguments))

    def scales(self, *, boot_s=2, cooldown_s=8, interval_ms=1000, factor=2000, mode="automatic"):
        policy = ScalingPolicy(
            mode,
            3,
            6,
            (Rule("cpu", 700_000, 300_000, factor, factor),),
            window_ns=max(4 * interval_ms, 500) * MILLISECOND_NS,
            cooldown_ns=cooldown_s * SECOND_NS,
            interval_ns=interval_ms * MILLISECOND_NS,
        )
        self.give("set scaling policy", policy=encode_policy(policy).decode(), boot_ns=boot_s * SECOND_NS)
        self.go(1)

    def load(self, rate):
        self.give("start workload", kind="register", clients=24, rate=rate * 1000, keys=50)

    def go(self, seconds):
        self.run.advance(self.run.now_ns + int(seconds * SECOND_NS))


def _swing(story):
    story.scales(cooldown_s=10)
    story.load(10)
    story.give("set load", rate=50_000, shape="sine", period_ns=8 * SECOND_NS)
    story.go(26)
    return judge_reversals(story.run, None, 1).code


def _boot_slowly(story):
    story.scales(boot_s=14, cooldown_s=2, factor=1_500)
    story.load(54)
    story.go(12)
    return judge_plans(story.run, 5).code


def _leave_with_one_down(story):
    story.scales(mode="manual")
    story.give("scale cluster", nodes=4)
    story.go(6)
    story.load(9)
    story.give("crash node", "n2")
    story.go(4)
    story.give("scale cluster", nodes=3)
    story.go(6)
    return "" if metric_value(story.run, "confirmed", window_ns=3 * SECOND_NS) >= 20 else "EXP-001"


def _look_often(story):
    story.scales(interval_ms=50)
    story.give("set link", source="all", target="all", latency_ns=40 * MILLISECOND_NS)
    story.load(60)
    story.go(6)
    return judge_plans(story.run, None).code


SCENARIOS = {
    "autoscaler-no-hysteresis": (_swing, "SCL-001"),
    "pending-not-counted": (_boot_slowly, "SCL-002"),
    "scale-in-drops-quorum": (_leave_with_one_down, "EXP-001"),
    "autoscaler-ignores-epochs": (_look_often, "SCL-002"),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_defect_of_the_autoscaler_is_seen(name):
    story, code = SCENARIOS[name]
    clean = Story("")
    assert story(clean) == ""
    assert clean.run.directory().scaling.history, "nothing was decided"
    assert story(Story(name)) == code
