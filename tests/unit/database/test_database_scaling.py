"""The size of a cluster in its directory, and the autoscaler at work: fenced, drained first, resumed by others."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.autoscaler import Autoscaler
from PhantomLibrary.database.config import DatabaseConfig, make_layout
from PhantomLibrary.database.directory import Member, decode_directory, encode_directory, first_directory, with_standing
from PhantomLibrary.database.scale_plans import (
    snapshot_of,
    wanted,
    who_leaves,
    why_not_leave,
    with_scale_step,
    with_scaling_wish,
)
from PhantomLibrary.database.scaling import ScaleStep
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.domain.scaling import Rule, ScaleTo, ScalingPolicy, SetScaling
from PhantomLibrary.domain.usage import NodeUsage
from PhantomLibrary.placement.snapshot import PlacedNode

NODES = [PlacedNode(f"n{number}", "abc"[(number - 1) % 3], "eu") for number in range(1, 7)]
LAYOUT = make_layout(NODES, shards=6, replicas=3, config=DatabaseConfig())
FRESH = first_directory(LAYOUT)
POLICY = ScalingPolicy("automatic", 3, 8, (Rule("cpu", 700_000, 300_000),), 2 * SECOND_NS, 10 * SECOND_NS, SECOND_NS)
SCALED, _ = with_scaling_wish(FRESH, SetScaling("first", POLICY), 20)


def step(**fields):
    return ScaleStep(**{"epoch": 20, **fields})


# --- wishes ---------------------------------------------------------------------------------------------------------


def test_a_policy_begins_with_as_many_nodes_as_there_are():
    assert (SCALED.version, SCALED.scaling.epoch, SCALED.scaling.nodes) == (20, 20, 6)
    assert not SCALED.scaling.is_planned
    assert decode_directory(encode_directory(SCALED)) == SCALED


def test_a_policy_or_a_number_that_makes_no_sense_is_refused_with_its_values():
    for wish, reason in (
        (SetScaling("x", replace(POLICY, min_nodes=9)), "min_nodes=9 is above max_nodes=8"),
        (SetScaling("x", replace(POLICY, min_nodes=2)), "min_nodes=2 cannot be: each shard has 3 replicas"),
        (ScaleTo("x", 9), "nodes=9 cannot be: the policy allows 3 to 8"),
        (ScaleTo("x", 0), "nodes=0 cannot be: a cluster is not scaled to zero"),
    ):
        directory, why_not = with_scaling_wish(SCALED, wish, 30)
        assert directory is SCALED and why_not.startswith(reason)
    assert with_scaling_wish(FRESH, ScaleTo("x", 4), 30)[1].startswith("there is no policy")


def test_a_wish_is_granted_once():
    once, _ = with_scaling_wish(SCALED, ScaleTo("second", 7), 30)
    assert (once.scaling.nodes, once.scaling.epoch, once.scaling.history[-1].before) == (7, 30, 20)
    again, reason = with_scaling_wish(once, ScaleTo("second", 7), 40)
    assert again is once and reason == ""


# --- steps ----------------------------------------------------------------------------------------------------------


def test_a_plan_begins_another_epoch_and_an_earlier_one_does_nothing():
    once = with_scale_step(SCALED, step(nodes=8, kind="scale_up", reason="load", at_ns=5), 30)
    assert (once.scaling.nodes, once.scaling.epoch, once.scaling.decided_ns) == (8, 30, 5)
    assert with_scale_step(once, step(nodes=7, kind="scale_up", at_ns=6), 31) is once
    later = with_scale_step(once, step(epoch=30, nodes=7, kind="scale_down", at_ns=7), 32)
    assert [each.before for each in later.scaling.history] == [20, 30]


def test_history_is_bounded():
    directory = SCALED
    for index in range(21, 200):
        epoch = directory.scaling.epoch
        directory = with_scale_step(directory, step(epoch=epoch, nodes=3 + index % 5, kind="scale_up", at_ns=1), index)
    assert len(directory.scaling.history) == 64 and directory.scaling.epoch == 199


def wanting(nodes):
    return with_scale_step(SCALED, step(nodes=nodes, kind="scale_down", at_ns=5), 30)


def test_nodes_leave_one_at_a_time_and_no_more_than_are_too_many():
    directory = wanting(4)
    assert who_leaves(directory) == "n6"
    directory = with_scale_step(directory, step(epoch=30, leaving="n6"), 31)
    assert directory.standing("n6") == "decommissioning"
    assert why_not_leave(directory, "n5") == "n6 is still being drained"
    assert with_scale_step(directory, step(epoch=30, leaving="n5"), 32) is directory
    directory = with_standing(directory, "n6", "removed", 33)
    directory = with_scale_step(directory, step(epoch=30, leaving="n5"), 34)
    assert directory.standing("n5") == "decommissioning"
    assert who_leaves(directory) == ""
    assert why_not_leave(with_standing(directory, "n5", "removed", 35), "n4") == "no more than 4 nodes stay already"


def test_nobody_leaves_where_a_shard_lacks_a_replica_or_too_few_would_be_left():
    directory = wanting(4)
    weak = replace(directory.shards[2], voters=directory.shards[2].voters[:2])
    lacking = replace(directory, shards=tuple(weak if each.shard == 2 else each for each in directory.shards))
    assert why_not_leave(lacking, "n6") == "shard 2 has only 2 of 3 replicas"
    assert with_scale_step(lacking, step(epoch=30, leaving="n6"), 31) is lacking
    few = wanting(3)
    for node in ("n4", "n5", "n6"):
        few = with_standing(few, node, "removed", 40)
    few = replace(few, scaling=replace(few.scaling, nodes=2))
    assert "2 nodes would be left" in why_not_leave(few, "n3")


def test_who_has_not_come_yet_goes_first_and_is_not_drained():
    directory = with_standing(wanting(6), "n9", "joining", 35, ("a", "eu"))
    assert who_leaves(directory) == "n9"
    assert with_scale_step(directory, step(epoch=30, leaving="n9"), 36).standing("n9") == "removed"
    directory = replace(directory, scaling=replace(directory.scaling, nodes=7))
    assert with_scale_step(directory, step(epoch=30, leaving="n9"), 36) is directory


def test_zones_stay_even_and_shard_0_where_it_is():
    crowded = with_standing(with_standing(wanting(5), "n7", "joining", 35, ("b", "eu")), "n7", "active", 36)
    assert who_leaves(crowded) == "n7"  # Zone b has three nodes.
    assert crowded.shard(0).voters == ("n1", "n2", "n3")
    odd = replace(wanting(5), members=tuple(Member(f"n{n}", "active", 9 - n, "a", "eu") for n in range(1, 7)))
    assert who_leaves(odd) == "n4"  # The last that came without shard 0.


def test_who_is_to_start_machines_is_told_all_it_needs():
    found = wanted(with_standing(wanting(4), "n6", "decommissioning", 40))
    assert (found.epoch, found.nodes) == (30, 4)
    assert found.members[0] == ("n1", "active") and found.members[-1] == ("n6", "decommissioning")


def test_a_snapshot_for_plans_has_zones_and_leaves_shard_0_out():
    snapshot = snapshot_of(SCALED, {1: "n1"}, {1: 500})
    assert [each.zone for each in snapshot.nodes] == list("abcabc")
    assert [each.shard for each in snapshot.shards] == [1, 2, 3, 4, 5, 6]
    assert (snapshot.shards[0].leader, snapshot.shards[0].bytes, snapshot.version) == ("n1", 500, 20)


# --- at work --------------------------------------------------------------------------------------------------------


class Host:
    """A node that leads shard 0, with meters that say what a test wants."""

    def __init__(self, cpu=0):
        self.time_ns = 0
        self.cpu = cpu
        self.late_ns = 0
        self.away = []
        self.proposed = []
        self.config = DatabaseConfig()
        self.asked = []

    @property
    def metering(self):
        return self

    def monotonic_ns(self):
        return self.time_ns

    now_ns = monotonic_ns

    def propose(self, command):
        self.proposed.append(command)

    def unavailable(self):
        return self.away

    def leaders(self):
        return {}

    def ask(self, nodes):
        self.asked.append(list(nodes))

    def latest(self, node):
        return None if node == "n9" else self

    shards = ()

    def taken_ns(self, node):
        return self.time_ns - (self.late_ns if node != "n1" else 0)

    def usage(self, node, window_ns, until_ns):
        assert window_ns == SECOND_NS and until_ns == self.time_ns - self.late_ns
        return NodeUsage(cpu_ppm=self.cpu)


def looked(host, directory, seconds, autoscaler=None):
    """Return an autoscaler that has looked once a second."""
    autoscaler = autoscaler or Autoscaler(host)
    for _ in range(seconds):
        host.time_ns += SECOND_NS
        assert autoscaler.look(directory) == host.time_ns + SECOND_NS
    return autoscaler


def plans(host):
    steps = [each.step for each in host.proposed if each.step is not None and not each.step.leaving]
    return [(each.epoch, each.nodes, each.kind) for each in steps]


def test_without_a_policy_nobody_looks_or_asks():
    host = Host()
    assert Autoscaler(host).look(FRESH) == 0
    assert host.asked == [] and host.proposed == []


def test_it_asks_all_active_nodes_each_interval_and_decides_by_the_window():
    host = Host(cpu=700_000)
    autoscaler = looked(host, SCALED, 1)
    assert autoscaler.latest.kind == "no_action"
    looked(host, SCALED, 1, autoscaler)
    assert autoscaler.latest.kind == "scale_up" and plans(host) == [(20, 8, "scale_up")]
    assert host.asked == [SCALED.nodes("active")] * 2


def test_between_intervals_nothing_is_done():
    host = Host()
    autoscaler = looked(host, SCALED, 1)
    host.time_ns += SECOND_NS - 1
    assert autoscaler.look(SCALED) == host.time_ns + 1
    assert len(host.asked) == 1


def test_whoever_takes_over_waits_for_the_cool_down_and_goes_on_with_the_plan():
    directory = replace(wanting(4), scaling=replace(wanting(4).scaling, nodes=6))
    host = Host(cpu=900_000)
    looked(host, directory, 10)
    assert plans(host) == []
    looked(host, directory, 2)
    assert plans(host) == []  # Another one, which has not seen those ten seconds.
    autoscaler = looked(host, directory, 11)
    assert autoscaler.latest.kind == "scale_up"


def test_nodes_that_do_not_answer_let_nobody_leave():
    host = Host(cpu=500_000)
    host.away = ["n2"]
    autoscaler = looked(host, wanting(4), 1)
    assert autoscaler.problem == "n2 does not answer" and host.proposed == []
    host.away = []
    looked(host, wanting(4), 1, autoscaler)
    assert autoscaler.problem == "" and host.proposed[-1].step.leaving == "n6"


def test_a_sample_is_of_a_time_for_which_all_are_known():
    host = Host(cpu=900_000)
    joined = with_standing(with_standing(SCALED, "n9", "joining", 40), "n9", "active", 41)
    autoscaler = looked(host, joined, 5)
    assert autoscaler.latest.reason == "nothing has been measured yet"
    host.late_ns = 60 * SECOND_NS
    autoscaler = looked(host, SCALED, 1)
    assert autoscaler._samples[-1].taken_ns == host.time_ns - host.late_ns


def test_shards_are_spread_over_nodes_that_have_come_when_nothing_else_is_under_way():
    host = Host(cpu=500_000)
    joining = with_standing(with_standing(SCALED, "n7", "joining", 40, ("a", "eu")), "n8", "joining", 41, ("b", "eu"))
    joining = replace(joining, scaling=replace(joining.scaling, nodes=8))
    looked(host, joining, 1)
    assert host.proposed == []  # They have not reported.
    there = with_standing(with_standing(joining, "n7", "active", 42), "n8", "active", 43)
    looked(host, there, 1)
    placement = host.proposed[-1].placement
    assert {each.target for each in placement.moves} == {"n7", "n8"}
    assert placement.version == there.version


@pytest.mark.parametrize("kind", ["consistent-hash", "range"])
def test_by_consistent_hash_the_ring_decides_where_shards_go(kind):
    host = Host(cpu=500_000)
    host.config = DatabaseConfig(placement=kind)
    autoscaler = Autoscaler(host)
    found = autoscaler._plan(snapshot_of(SCALED, {}, {}))
    assert bool(found.moves) == (kind == "consistent-hash")
