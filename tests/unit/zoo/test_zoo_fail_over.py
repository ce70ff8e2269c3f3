"""Each planted defect of fail-overs is seen in a short story; the same run without it is as it should be."""

import pytest

from PhantomLibrary.testbed.divergence_judge import judge_divergence
from PhantomLibrary.testbed.region_setup import RegionWish
from PhantomLibrary.testbed.regional_verbs import policy_of
from PhantomLibrary.testbed.regions import judge_regions, regions_agree
from PhantomLibrary.zoo.defects import plant
from tests.unit.testbed.conftest import Driver


def _replaced(it):
    """A region that was cut off is replaced by force, after it has confirmed something that nobody heard."""
    assert it.go(3, lambda: all(map(it.run.leader, it.run.shard_ids)))
    it.put("k1", "kept")
    it.give("partition network", "region eu | rest")
    it.put("k2", "late")
    it.give("fail over", region="us", force=True)
    assert it.go(8, lambda: policy_of(it.run).writable == ("us",))


def _late_writes_come(it):
    _replaced(it)
    it.give("heal network")
    assert it.go(10, regions_agree(it.run))
    return judge_regions(it.run).outcome == judge_divergence(it.run).outcome == "valid"


def _who_was_given_up_is_heard_no_more(it):
    _replaced(it)
    it.give("forget region", region="eu")
    assert it.go(8, lambda: policy_of(it.run).members == ("us", "ap"))
    it.give("heal network")
    it.go(5)
    task = it.give("get value", "region us", key="k2")
    assert it.go(5, lambda: task.is_done)
    return task.result.value is None


STORIES = {
    "fail-over-drops-late-writes": _late_writes_come,
    "stale-region-survives": _who_was_given_up_is_heard_no_more,
}


@pytest.mark.parametrize("name", STORIES)
def test_a_defect_of_fail_overs_is_seen(name):
    def tell(defects):
        wish = RegionWish("asynchronous")
        return STORIES[name](Driver(topology="three-regions", regions=wish, parts=plant(defects)))

    assert tell([])
    assert not tell([name])
