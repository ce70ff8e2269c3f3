"""Each planted defect of regions is seen in a short story; the same run without it is as it should be."""

import pytest

from PhantomLibrary.domain import SECOND_NS, Ok
from PhantomLibrary.testbed.divergence_judge import judge_divergence
from PhantomLibrary.testbed.region_setup import RegionWish
from PhantomLibrary.testbed.regions import regions_agree
from PhantomLibrary.zoo.defects import plant
from PhantomLibrary.zoo.region_catalogue import REGION_DEFECTS
from tests.unit.testbed.conftest import Driver

EU, US, AP = "region eu", "region us", "region ap"


class Regions(Driver):
    """Three regions that all take writes, of which the last one wins."""

    def __init__(self, defect, **fields):
        wish = RegionWish("asynchronous", "last writer wins", ("all",))
        super().__init__(
            topology="three-regions", shards=1, regions=wish, parts=plant([defect] if defect else []), **fields
        )
        assert self.go(3, lambda: all(map(self.run.leader, self.run.shard_ids)))

    def ask(self, verb, gateway, **arguments):
        task = self.give(verb, gateway, **arguments)
        assert self.go(10, lambda: task.is_done)
        assert isinstance(task.result, Ok), task.result
        return task.result

    def write(self, gateway, value):
        self.ask("put value", gateway, key="k", value=value)

    def change(self, gateway, change, **arguments):
        self.ask("change key", gateway, key="k", change=change, **arguments)

    def code(self):
        """Let all come to rest, and return the code of what is wrong, "" if nothing is."""
        self.give("heal network")
        assert self.go(10, regions_agree(self.run))
        return judge_divergence(self.run).code


def _clock_ahead(it):
    """Europe's clocks are ahead, and America overwrites what came from there."""
    it.give("skew clock", EU, offset_ns=20 * SECOND_NS)
    it.write(EU, "1")
    it.go(1)
    it.write(US, "2")


def _delete_meets_an_earlier_write(it):
    """America is cut off as it writes, and Europe deletes the key after that."""
    it.write(EU, "1")
    it.go(1)
    it.give("partition network", "region us | rest")
    it.write(US, "2")
    it.go(1)
    it.change(EU, "delete")
    it.go(2)


def _writes_meet(it):
    """Both sides of a partition write."""
    it.give("partition network", "region us | rest")
    it.write(US, "1")
    it.write(EU, "2")
    it.go(1)


def _answers_are_lost(it):
    """A counter grows while America's answers do not arrive, so that the first change comes again with the second."""
    it.change(EU, "increment", amount=2)
    it.go(1)
    it.give("drop messages", kind="shard reply", source=US, target=EU, duration_s=3)
    for amount in (3, 4):
        it.change(EU, "increment", amount=amount)
        it.go(1)


STORIES = {
    "lww-raw-clock": _clock_ahead,
    "tombstone-collected-early": _delete_meets_an_earlier_write,
    "merge-not-commutative": _writes_meet,
    "merge-not-idempotent": _answers_are_lost,
}


@pytest.mark.parametrize("name", STORIES)
def test_a_defect_of_regions_is_seen(name):
    def told(defect):
        it = Regions(defect)
        STORIES[name](it)
        return it.code()

    assert told("") == ""
    assert told(name) in REGION_DEFECTS[name].codes
