"""A nemesis performs commands only: what it did is in the schedule, replays without it, and can be survived."""

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.testbed.judge import Recovery, judge_faults, judge_history, judge_invariants
from PhantomLibrary.testbed.nemesis import Nemesis, checked_kinds, spare_nodes, stopped
from PhantomLibrary.testbed.region_setup import RegionWish
from PhantomLibrary.testbed.regional_verbs import policy_of
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.schedule import read_schedule, write_schedule
from PhantomLibrary.world.node import NodeState


def unleash(it, *kinds, every_s=1.0):
    nemesis = Nemesis(it.run, kinds or ("all",), round(every_s * SECOND_NS))
    nemesis.start()
    return nemesis


def broken(run):
    hosts = run.world.nodes
    return {node for node, host in hosts.items() if host.state is not NodeState.UP or host.platter.is_stalled}


def deeds(it):
    return [each for each in it.run.schedule.commands if each.by]


def is_replayed(it):
    schedule = it.run.finish()
    again = replay(read_schedule(write_schedule(schedule), "here"))
    assert again.finish().digest == schedule.digest
    assert write_schedule(again.finish()) == write_schedule(schedule)


@pytest.mark.parametrize(
    "spec",
    [
        {"topology": "five-nodes", "replicas": 5},
        {"topology": "three-nodes", "shards": 2},
        {"topology": "three-regions", "shards": 3},
    ],
    ids=lambda spec: spec["topology"],
)
def test_every_cluster_survives_it_and_its_run_is_replayed_without_it(drive, spec):
    it = drive(seed=5, **spec).elect().load(rate=50_000)
    nemesis = unleash(it)
    for _ in range(100):
        it.go(0.1)
        down = broken(it.run)
        for shard in it.run.shard_ids:
            voters = it.run.voters(shard)
            assert 2 * sum(node in down for node in voters) < len(voters)
    stopped(nemesis)
    assert nemesis.strikes == len(deeds(it)) >= 6
    it.give("heal faults")
    assert it.go(10, Recovery(it.run))
    it.stop_load()

    assert judge_invariants(it.run) is None
    assert judge_faults(it.run) is None
    assert judge_history(it.run, "linearizable", confirmed=50).outcome == "valid"
    is_replayed(it)


def test_what_it_does_names_nodes_lasts_and_says_who_did_it(drive):
    it = drive(seed=5).elect()
    nemesis = unleash(it, every_s=0.5)
    it.go(10)

    assert len(deeds(it)) == nemesis.strikes > 10
    for command in deeds(it):
        assert command.by == "nemesis 1"
        assert command.accepted_ns == command.at_ns
        assert command.until_ns is not None
        assert command.resolved
        assert "random" not in command.target and "leader" not in command.target


def test_it_strikes_about_as_often_as_asked(drive):
    it = drive(seed=5).elect()
    nemesis = unleash(it, "clock", every_s=0.5)
    it.go(100)

    assert 180 <= nemesis.strikes <= 220


def test_stopped_it_does_nothing_more_and_all_heals_by_itself(drive):
    it = drive(seed=5).elect()
    nemesis = unleash(it, every_s=0.5)
    it.go(5)
    stopped(nemesis)
    strikes = nemesis.strikes
    it.go(3)

    assert nemesis.strikes == strikes
    assert it.run.faults.active == []
    is_replayed(it)


def test_a_nemesis_that_never_acts_leaves_no_trace(drive):
    digests = set()
    for acts in (False, True):
        it = drive(seed=5).elect().load()
        if acts:
            it.give("crash node", "n1", duration_s=3)
            nemesis = unleash(it, "crash", every_s=0.1)  # Another crash would be more than three nodes survive.
            it.go(2)
            assert nemesis.strikes == 0
        else:
            it.give("crash node", "n1", duration_s=3)
            it.go(2)
        digests.add(it.run.finish().digest)

    assert len(digests) == 1


def test_in_the_instant_of_another_command_the_order_is_that_of_the_replay(drive):
    it = drive(seed=5).elect().load()
    nemesis = Nemesis(it.run, ("crash",), SECOND_NS)
    nemesis.is_running = True
    at_ns = it.run.now_ns + SECOND_NS
    it.run.plan(at_ns, nemesis._act)  # Before what else is planned for that instant, as it looks.
    it.give("pause node", "n1", at_s=at_ns / SECOND_NS, duration_s=1)
    it.go(1)

    assert nemesis.strikes == 0, "with n1 paused no other node can be spared: the planned pause came first"
    assert it.run.host("n1").state is NodeState.PAUSED
    it.go(3)
    is_replayed(it)


def test_nodes_without_a_disk_and_those_that_people_broke_count_as_broken(drive):
    it = drive(topology="five-nodes", replicas=5).elect()
    assert spare_nodes(it.run) == it.run.node_names
    it.give("crash node", "n1")
    it.give("restart node", "n1", disk="wiped")
    assert "n1" not in spare_nodes(it.run)
    it.give("fail disk", "n2", fault="stall")
    assert spare_nodes(it.run) == []
    it.give("heal faults")
    assert spare_nodes(it.run) == ["n2", "n3", "n4", "n5"]


def test_of_its_faults_one_has_to_bite(drive):
    it = drive(seed=5).elect()
    unleash(it, "disk", every_s=0.2)  # Without load no disk is asked for anything.
    it.go(3)

    assert judge_faults(it.run).code == "FLT-001"
    it.load()
    it.go(6)
    assert judge_faults(it.run) is None


def test_a_second_nemesis_has_a_name_of_its_own(drive):
    it = drive(seed=5).elect()
    first = unleash(it, "clock", every_s=0.2)
    it.go(1)
    stopped(first)
    unleash(it, "clock", every_s=0.2)
    it.go(1)

    assert {each.by for each in deeds(it)} == {"nemesis 1", "nemesis 2"}


@pytest.mark.parametrize(
    ("kinds", "every_ns", "message"),
    [
        (("crsh",), SECOND_NS, r"no kind of fault 'crsh': there are all, .*did you mean crash"),
        (("all", "slow lnks"), SECOND_NS, "did you mean slow links"),
        ((), SECOND_NS, "no kind of fault is named"),
        (("all",), 0, "every=1 ms or more"),
    ],
)
def test_a_nemesis_that_cannot_be_is_refused(it, kinds, every_ns, message):
    with pytest.raises(InvalidInput, match=message):
        Nemesis(it.run, kinds, every_ns)
    it.go(1)


def test_kinds_that_a_cluster_never_survives_are_refused_by_name_and_left_out_of_all(drive):
    alone = drive(nodes=1, replicas=1)
    with pytest.raises(
        InvalidInput, match="no crash can be survived by this cluster: each node holds a shard of fewer"
    ):
        checked_kinds(alone.run, ("crash",))
    with pytest.raises(InvalidInput, match="no partition can be survived by this cluster: it has no links"):
        checked_kinds(alone.run, ("partition",))
    assert checked_kinds(alone.run, ("all",)) == ("clock",)
    assert "crash" in checked_kinds(drive().run, ("all",))


def test_kinds_are_read_as_people_write_them(it):
    assert checked_kinds(it.run, ("Slow_Links", "crash", "slow  links")) == ("slow links", "crash")


def test_the_leaders_of_shards_are_struck_more_often_than_others(drive):
    it = drive(seed=3, topology="five-nodes", shards=1).elect()
    led = []
    act = it.run.perform

    def note(command):
        if command.verb == "crash node":
            led.append(command.target in {it.run.leader(shard) for shard in it.run.shard_ids})
        return act(command)

    it.run.perform = note
    unleash(it, "crash", every_s=2.0)
    it.go(200)
    assert len(led) > 60 and sum(led) / len(led) > 0.4  # Where all were struck alike, it was a fifth.


def test_no_nemesis_can_be_stopped_twice(it):
    with pytest.raises(InvalidState, match="no nemesis runs that could be stopped: begin with Start Nemesis"):
        stopped(None)
    nemesis = unleash(it)
    stopped(nemesis)
    with pytest.raises(InvalidState, match="no nemesis runs"):
        stopped(nemesis)


def test_links_between_regions_break_and_others_take_over_where_there_are_any(it, drive):
    with pytest.raises(
        InvalidInput, match="no region links can be survived by this cluster: all its nodes stand in one"
    ):
        checked_kinds(it.run, ("region links",))
    assert "fail over" not in checked_kinds(drive(topology="three-regions").run, ("all",))
    several = drive(topology="three-regions", regions=RegionWish("asynchronous", writable=("all",)))
    with pytest.raises(InvalidInput, match="regions eu, us, ap all take writes"):
        checked_kinds(several.run, ("fail over",))
    regional = drive(topology="three-regions", regions=RegionWish("asynchronous"))
    assert regional.go(3, lambda: all(map(regional.run.leader, regional.run.shard_ids)))
    nemesis = unleash(regional, "region links", "fail over")
    regional.go(12)
    stopped(nemesis)
    assert {each.verb for each in deeds(regional)} == {"partition network", "fail over"}
    regional.give("heal faults")
    assert regional.go(20, lambda: bool(policy_of(regional.run).writable))
