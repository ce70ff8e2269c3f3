"""What became of the writes of a run, as it is told from outside."""

from PhantomLibrary.testbed.divergence_judge import divergence_report, judge_divergence
from PhantomLibrary.testbed.region_setup import RegionWish
from PhantomLibrary.testbed.regions import regions_agree
from tests.unit.testbed.conftest import Driver


def _regions(**fields):
    wish = RegionWish("asynchronous", "last writer wins", ("all",), **fields)
    it = Driver(topology="three-regions", shards=2, regions=wish)
    assert it.go(3, lambda: all(map(it.run.leader, it.run.shard_ids)))
    return it


def _write(it, gateway, key, value):
    task = it.give("put value", gateway, key=key, value=value)
    assert it.go(5, lambda: task.is_done)


def test_each_write_of_a_split_is_accounted_for():
    it = _regions()
    it.give("partition network", "region us | rest", duration_s=3)
    _write(it, "region us", "k1", "lost")
    _write(it, "region eu", "k1", "kept")
    _write(it, "region eu", "k9", "other")
    it.go(3)
    assert it.go(10, regions_agree(it.run))
    assert judge_divergence(it.run).headline == "valid: 3 operations, 3 confirmed"
    fates = {each.change.operation.value: each for each in divergence_report(it.run)}
    assert {value: each.fate for value, each in fates.items()} == {
        "lost": "superseded",
        "kept": "visible",
        "other": "visible",
    }
    assert fates["lost"].by == fates["kept"].change
    assert all(0 < each.taken_ns < 5 * 10**9 for each in fates.values())


def test_writes_that_only_a_forgotten_region_had_are_lost_with_it():
    it = _regions()
    it.give("partition network", "region us | rest")
    _write(it, "region us", "k1", "lost")
    assert judge_divergence(it.run).outcome == "valid"
    forget = it.give("forget region", region="us")
    assert it.go(5, lambda: forget.is_done)
    it.go(2)
    [fate] = divergence_report(it.run)
    assert (fate.fate, fate.why) == ("lost", "only us had it, which was given up")
    assert judge_divergence(it.run).outcome == "valid"
