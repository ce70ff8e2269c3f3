"""Each planted defect of the failure detector is caught by the judge of health; the same runs without it are clean."""

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.testbed.health import judge_health
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.zoo.defects import DEFECTS, plant


def _isolation(give, go):
    give("isolate node", "n4", direction="out")
    go(15)
    give("heal network")
    go(8)


def _halves(give, go):
    give("partition network", "n1, n2 | n3, n4, n5")
    go(20)
    give("heal network")
    go(8)


def _cut(give, go):
    give("partition network", "n1 | n2")
    go(15)


def _crash(give, go):
    give("crash node", "n2")
    go(10)


def _crash_again(give, go):
    give("crash node", "n2")
    go(10)
    give("restart node", "n2")
    go(1)
    give("crash node", "n2")
    go(15)


def _slow_links(give, go):
    for source, target in (("n5", "n1, n2, n3, n4"), ("n1, n2, n3, n4", "n5")):
        give("set link", source=source, target=target, latency_ns=350 * MILLISECOND_NS)
    go(60)


# The story that catches it, and how many false suspicions it allows.
SCENARIOS = {
    "no-refutation": (_isolation, 0),
    "refutation-keeps-incarnation": (_isolation, 0),
    "suspicion-without-helpers": (_cut, 0),
    "suspects-for-ever": (_crash, 0),
    "blames-peers-for-own-slowness": (_slow_links, 60),
    "old-rumour-revives-the-dead": (_crash_again, 0),
    "dead-are-never-probed": (_halves, 0),
    "down-by-hearsay": (_halves, 0),
}


def verdict_of(story, allowed, defects, seed):
    run = Run(RunSpec(seed=seed, nodes=5, defects=defects), parts=plant(defects))

    def give(verb, target="", **arguments):
        run.perform(Command(verb, run.now_ns, run.now_ns, target, None, None, arguments))

    def go(seconds):
        run.advance(run.now_ns + seconds * SECOND_NS)

    go(2)
    story(give, go)
    return judge_health(run, within_ns=6 * SECOND_NS, false_suspicions=allowed)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_defect_of_the_failure_detector_is_caught(name):
    story, allowed = SCENARIOS[name]
    assert verdict_of(story, allowed, (name,), seed=1).code in DEFECTS[name].codes


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_run_without_it_is_clean(name, seed):
    story, allowed = SCENARIOS[name]
    assert verdict_of(story, allowed, (), seed).headline.startswith("valid")
