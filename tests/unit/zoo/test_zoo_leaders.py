"""Each planted defect of leaders wanted in one region is seen in a short story; the same run without it is right."""

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.zoo.defects import plant
from tests.unit.testbed.conftest import Driver


def _led_from_home(it):
    """The replica in Europe leads, wherever the first election went."""
    return it.go(6, lambda: it.run.leader(1) == "n1" and it.run.leader(2) == "n4")


def _left_alone(it):
    """A region that comes and goes is given nothing."""
    it.go(4)
    it.give("partition network", "region eu | rest", flapping_ns=2 * SECOND_NS)
    it.go(6)
    before = it.run.watch.elections()
    it.go(8)
    return it.run.watch.elections() == before


STORIES = {"leader-preference-ignored": (_led_from_home, 1), "leadership-returns-at-once": (_left_alone, 409485475)}


@pytest.mark.parametrize("name", STORIES)
def test_a_defect_of_leaders_is_seen(name):
    story, seed = STORIES[name]

    def tell(defects):
        return story(Driver(seed=seed, topology="three-regions", shards=2, leaders="eu", parts=plant(defects)))

    assert tell([])
    assert not tell([name])
