"""The core that is healed, and whether it serves while the rest stays broken."""

import pytest

from PhantomLibrary.domain import Configuration
from PhantomLibrary.testbed.core import choose_core, smallest_repair
from PhantomLibrary.testbed.judge import Recovery, judge_history
from PhantomLibrary.testbed.liveness import RangeProbes
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.zoo.defects import plant

NODES = ["n1", "n2", "n3", "n4", "n5"]
ALL_FIVE = [NODES]


def pairs(*texts):
    return {frozenset(text.split("-")) for text in texts}


@pytest.mark.parametrize(
    ("shards", "costs", "broken", "core"),
    [
        (ALL_FIVE, {}, pairs(), NODES),
        (ALL_FIVE, {"n2": 1}, pairs(), ["n1", "n3", "n4", "n5"]),
        (ALL_FIVE, {"n1": 1, "n2": 1, "n3": 1}, pairs(), ["n1", "n4", "n5"]),
        (ALL_FIVE, {"n1": 1, "n2": 5, "n3": 2}, pairs(), ["n1", "n4", "n5"]),
        (ALL_FIVE, {}, pairs("n1-n3", "n1-n4", "n1-n5", "n2-n3", "n2-n4", "n2-n5"), ["n3", "n4", "n5"]),
        (ALL_FIVE, {}, pairs("n1-n2"), ["n1", "n3", "n4", "n5"]),
        ([["n1", "n2", "n3"], ["n3", "n4", "n5"]], {"n3": 1}, pairs(), ["n1", "n2", "n4", "n5"]),
        ([["n1", "n2", "n3", "n4"]], {"n1": 1, "n2": 1}, pairs(), ["n1", "n3", "n4", "n5"]),
        ([["n1", "n2", "n3"], ["n1"]], {"n1": 9, "n2": 1}, pairs(), ["n1", "n3", "n4", "n5"]),
    ],
)
def test_the_core_keeps_every_quorum_and_costs_little(shards, costs, broken, core):
    assert smallest_repair(NODES, shards, costs, broken) == core


def five(drive, **fields):
    return drive(nodes=5, replicas=5, topology="five-nodes", **fields).elect()


def test_only_the_core_is_healed_and_serves(drive):
    it = five(drive)
    it.give("crash node", "n1, n2")
    it.give("pause node", "n3")
    it.give("isolate node", "n4")
    it.give("fail disk", "n5", fault="stall")
    assert it.give("heal core") == ["pause n3", "crash n1", "crash n2"]
    assert it.run.schedule.commands[-1].resolved == ["n1", "n2", "n3"]

    recovery = Recovery(it.run, ["n1", "n2", "n3"])
    assert it.go(10, recovery), recovery.gap()
    probes = it.give("probe ranges", "n1, n2, n3", within_ns=10_000_000_000)
    assert it.go(10, lambda: probes.is_done), probes.gaps()
    assert {getattr(each.fault, "node", "a link") for each in it.run.faults.active} == {"a link", "n5"}


def test_links_are_healed_in_the_core_alone(drive):
    it = five(drive)
    it.give("partition network", "n1 | n2 | n3 | n4 | n5")
    it.give("heal core")
    core = it.run.schedule.commands[-1].resolved
    links = it.run.world.network.links
    assert len(core) == 3
    for (source, target), link in links.items():
        inside = source == target or (source in core and target in core)
        assert link.is_open == inside
    cut = it.run.faults.active[0].fault
    assert len(cut.pairs) == 20 - 6
    it.go(3)
    before = cut.bites
    assert before > 0
    it.give("heal network")
    assert all(link.is_open for link in links.values())
    assert cut.bites == before


@pytest.mark.parametrize("fault", ["cut", "flapping", "drop", "slow"])
def test_every_fault_of_links_can_be_healed_in_part(drive, fault):
    it = five(drive)
    if fault == "cut":
        it.give("partition network", "n1 | rest")
    elif fault == "flapping":
        it.give("partition network", "n1 | rest", flapping_ns=1_000_000_000)
    elif fault == "drop":
        it.give("drop messages", source="n1", target="n2, n3", probability_ppm=1_000_000)
    else:
        it.give("set link", source="n1", target="n2, n3", loss_ppm=1_000_000)
    applied = it.run.faults.active[0].fault
    it.go(1.7)
    bitten = applied.bites
    it.run.faults.heal_core(["n1", "n2"])
    assert applied.is_applied
    assert applied.bites == bitten
    assert it.run.world.network.link("n1", "n2").is_open
    it.go(0.7)
    assert it.run.world.network.link("n1", "n2").is_open
    it.run.faults.heal_core(NODES)
    assert not applied.is_applied
    assert all(link.is_open for link in it.run.world.network.links.values())


def test_a_node_that_lost_its_disk_is_no_help(drive):
    it = five(drive)
    it.load()
    it.give("arm fault", event="entry committed", fault="lose disk")
    it.go(0.5)
    (lost,) = [each.fault.node for each in it.run.faults.active]
    others = [node for node in it.run.node_names if node != lost]
    it.give("skew clock", ", ".join(others[:2]), drift_ppm=100)  # So that they cost more than one that is down only.
    it.give("crash node", ", ".join(others[:2]))
    assert lost not in choose_core(it.run)


def test_a_core_has_a_quorum_of_both_halves_of_a_joint_configuration(drive):
    it = five(drive)
    joint = Configuration(("n1", "n2", "n3"), ("n3", "n4", "n5"))
    it.run.configuration = lambda _shard: joint
    it.give("crash node", "n4, n5")
    assert len({"n3", "n4", "n5"} & set(choose_core(it.run))) == 2


def test_a_cluster_in_which_nothing_is_broken_is_all_core(it):
    assert choose_core(it.run) == it.run.node_names


def test_every_range_is_probed_through_every_node_and_stands_in_the_history(drive):
    it = drive(shards=3).elect()
    probes = it.give("probe ranges", "n1, n3", within_ns=5_000_000_000)
    assert isinstance(probes, RangeProbes) and len(probes.gaps()) == 2
    assert it.go(5, lambda: probes.is_done)
    keys = {event.key for event in it.run.recorder.events}
    assert len(keys) == 3 * 2
    assert judge_history(it.run, "linearizable", confirmed=12).outcome == "valid"


def test_a_range_without_a_quorum_is_told(drive):
    it = drive(shards=2).elect()
    it.give("crash node", "n1, n2")
    probes = it.give("probe ranges", "n3", within_ns=3_000_000_000)
    assert not it.go(8, lambda: probes.is_done)
    (gap,) = probes.gaps()
    assert gap.startswith("n3 takes no operation on shard 1 (the smallest key to k5): ")


def test_a_recovery_replays(drive):
    it = five(drive)
    it.give("crash node", "n1, n2, n5")
    it.give("heal core")
    it.go(3)
    it.give("probe ranges", "n3, n4", within_ns=5_000_000_000)
    it.go(2)
    schedule = it.run.finish()
    assert replay(schedule).finish().digest == schedule.digest


def test_a_deaf_leader_that_leads_on_keeps_the_core_from_serving(drive):
    gaps = {}
    for defects in ((), ("deaf-leader-leads-on",)):
        it = five(drive, defects=defects, parts=plant(defects))
        it.give("isolate node", it.run.leader(1), direction="in")
        it.give("heal core")
        core = it.run.schedule.commands[-1].resolved
        it.go(4, Recovery(it.run, core))
        probes = it.give("probe ranges", ", ".join(core), within_ns=8_000_000_000)
        it.go(8, lambda probes=probes: probes.is_done)
        gaps[defects] = probes.gaps()
    assert gaps[()] == []
    assert "takes no operation on shard 1" in gaps["deaf-leader-leads-on",][0]
