"""The provider of machines goes by the latest plan, counts what is starting, and switches off what was removed."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.scaling import Scaled
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.domain.scaling import ScalingPolicy, Wanted
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.testbed.provider import Machine, MachineProvider
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.scaling import encode_policy, is_scaled, latest_decision, why_not_scaled
from PhantomLibrary.testbed.scaling_judge import _can_grow, judge_plans, judge_reversals
from PhantomLibrary.testbed.schedule import Command, RunSpec, Schedule
from PhantomLibrary.world.topology import NodeSpec

POLICY = ScalingPolicy("manual", 3, 6, interval_ns=SECOND_NS)
ACTIVE = tuple((node, "active") for node in ("n1", "n2", "n3"))


@pytest.fixture
def run():
    run = Run(RunSpec(seed=3, topology="three-nodes", shards=3))
    run.advance(2 * SECOND_NS)
    return run


class Deaf(MachineProvider):
    """One that asks nobody."""

    async def _watch(self):
        pass


@pytest.fixture
def provider(run):
    """One that hears only what a test tells it."""
    found = run.provider = Deaf(run.world, run.sessions, run.operator, run.recorder, 5 * SECOND_NS)
    run.advance(run.now_ns)
    return found


def give(run, verb, **arguments):
    return run.perform(Command(verb, run.now_ns, run.now_ns, "", None, None, arguments))


def go(run, seconds):
    run.advance(run.now_ns + seconds * SECOND_NS)


def names(provider):
    return [each.spec.name for each in provider.machines if not each.is_given_up]


def test_missing_machines_are_ordered_once_in_the_emptiest_zones(provider):
    provider.take(Wanted(7, 5, ACTIVE))
    provider.take(Wanted(7, 5, ACTIVE))
    assert names(provider) == ["n4", "n5"]
    assert [(each.spec.zone, each.epoch, each.counted) for each in provider.machines] == [("a", 7, 4), ("b", 7, 5)]


def test_an_answer_that_comes_late_is_passed_over(provider):
    provider.take(Wanted(9, 3, ACTIVE))
    provider.take(Wanted(7, 6, ACTIVE))
    assert provider.machines == [] and provider.epoch == 9


def test_what_has_not_started_yet_is_given_up_with_its_plan_and_nothing_else(run, provider):
    provider.take(Wanted(7, 4, ACTIVE))
    go(run, 3)
    provider.take(Wanted(8, 6, ACTIVE))
    go(run, 3)  # The first one runs by now.
    provider.take(Wanted(9, 3, ACTIVE))
    assert names(provider) == ["n4"]
    go(run, 10)
    assert sorted(run.world.nodes) == ["n1", "n2", "n3", "n4"]


def test_members_count_whoever_has_added_them(run, provider):
    run.world.add_node(NodeSpec("n4", "a", "eu", "medium"))
    provider.take(Wanted(7, 4, (*ACTIVE[:2], ("n3", "decommissioning"), ("n4", "joining"))))
    assert names(provider) == ["n5"]


def test_a_machine_starts_after_its_time_and_asks_until_it_is_heard(run, provider):
    provider.take(Wanted(7, 4, ACTIVE))
    go(run, 4)
    assert "n4" not in run.world.nodes
    go(run, 2)
    assert run.directory().standing("n4") in ("joining", "active")
    asked_ns = provider.machines[0].asked_ns
    go(run, 10)
    provider.take(Wanted(7, 4, ACTIVE))
    assert provider.machines[0].asked_ns == asked_ns
    go(run, 5)
    provider.take(Wanted(7, 4, ACTIVE))
    assert provider.machines[0].asked_ns == run.now_ns


def test_a_removed_node_is_switched_off_and_clients_leave_one_that_is_drained(run, provider):
    provider.take(Wanted(7, 2, (*ACTIVE[:2], ("n3", "decommissioning"))))
    assert not run.host("n3").is_down and not run.sessions._may_use("n3")
    provider.take(Wanted(7, 2, (*ACTIVE[:2], ("n3", "removed"))))
    assert run.host("n3").is_down
    provider.take(Wanted(7, 2, (*ACTIVE[:2], ("n3", "removed"))))
    assert provider.machines == []


# --- all of it --------------------------------------------------------------------------------------------------------


def scaled(run, nodes):
    give(run, "set scaling policy", policy=encode_policy(POLICY).decode(), boot_ns=SECOND_NS)
    go(run, 1)
    give(run, "scale cluster", nodes=nodes)


def test_a_cluster_that_is_scaled_is_replayed_byte_for_byte(run):
    scaled(run, 5)
    go(run, 8)
    assert is_scaled(run) and latest_decision(run).reason == "only an operator decides"
    digest = run.finish().digest
    assert replay(Schedule(run.spec, run.schedule.commands, run.now_ns)).finish().digest == digest


def test_what_is_missing_is_told(run):
    scaled(run, 5)
    go(run, 1)
    assert why_not_scaled(run).startswith("there are to be 5 nodes, and there are 3 active, 0 joining, 0 decommission")


def test_sizes_that_the_policy_does_not_allow_are_told(run):
    with pytest.raises(InvalidState, match="nothing scales this cluster"):
        give(run, "scale cluster", nodes=4)
    scaled(run, 5)
    with pytest.raises(InvalidInput, match="nodes=7 cannot be: the policy allows 3 to 6"):
        give(run, "scale cluster", nodes=7)


# --- the judges -------------------------------------------------------------------------------------------------------


def with_history(run, *plans):
    """Let the cluster have had these plans: (epoch, before, nodes, kind, second)."""
    history = tuple(Scaled(e, b, nodes, kind, "so", second * SECOND_NS) for e, b, nodes, kind, second in plans)
    directory = run.directory()
    scaling = replace(directory.scaling, history=history)
    for process in run.processes.values():
        process.membership.directory = replace(directory, scaling=scaling)


@pytest.fixture
def judged(run):
    give(run, "set scaling policy", policy=encode_policy(POLICY).decode(), boot_ns=SECOND_NS)
    go(run, 2)
    return run


@pytest.mark.parametrize(
    ("seconds", "code"),
    [((0, 10, 69), "SCL-001"), ((0, 10, 70), ""), ((0, 10, 71), "")],
)
def test_two_reversals_within_the_cool_down_are_one_too_many(judged, seconds, code):
    kinds = ("scale_up", "scale_down", "scale_up")
    turns = enumerate(zip(kinds, seconds, strict=True))
    with_history(judged, *((number + 2, number + 1, 4, kind, second + 1) for number, (kind, second) in turns))
    assert judge_reversals(judged, None, 1).code == code


def test_plans_of_one_direction_are_no_reversals(judged):
    with_history(judged, *((n + 2, n + 1, 4, "scale_up", n + 1) for n in range(6)))
    assert judge_reversals(judged, None, 0).outcome == "valid"


@pytest.mark.parametrize(
    ("plans", "words"),
    [
        (((5, 1, 4, "scale_up", 1), (9, 4, 5, "scale_up", 2)), "goes out from epoch 4, not from 5"),
        (((5, 1, 7, "scale_up", 1),), "wants 7 nodes, more than 6"),
        (((5, 1, 2, "scale_down", 1),), "wants 2 nodes, fewer than replicas"),
    ],
)
def test_plans_that_do_not_follow_or_are_out_of_bounds_are_found(judged, plans, words):
    with_history(judged, *plans)
    verdict = judge_plans(judged, None)
    assert verdict.code == "SCL-002" and words in verdict.message


@pytest.mark.parametrize(
    ("node", "is_given_up", "has_heard", "may_lack"),
    [
        ("n9", False, True, True),
        ("n9", True, True, False),  # Nobody waits for it any more.
        ("n3", False, True, False),  # It is there already.
        ("n9", True, False, True),  # Nobody has ordered anything yet.
    ],
)
def test_nodes_may_be_missing_while_machines_are_on_their_way_and_no_longer(
    judged, node, is_given_up, has_heard, may_lack
):
    machine = Machine(replace(judged.world.topology.nodes[0], name=node), 0, 4, 4, 0, is_given_up=is_given_up)
    judged.provider.machines[:] = [machine]
    judged.provider.epoch = judged.directory().scaling.epoch - (not has_heard)
    assert _can_grow(judged) is may_lack


def test_machines_beyond_their_plan_are_found(judged):
    judged.provider.take(Wanted(99, 4, ACTIVE))
    judged.provider.machines[0].counted = 5
    assert "n4 was ordered as number 5 of 4 in epoch 99" in judge_plans(judged, None).message
