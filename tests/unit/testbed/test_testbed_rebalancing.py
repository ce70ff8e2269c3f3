"""Rebalancing in a run: plans as text, plans that are carried out, and plans that come too late."""

import re

import pytest

from PhantomLibrary.domain import Ok
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.distribution_view import render_distribution
from PhantomLibrary.placement.snapshot import LeaderTransfer, Plan, ReplicaMove, carried_out, distribution
from PhantomLibrary.testbed.moves import outcomes
from PhantomLibrary.testbed.rebalancing import lines_of, make_plan, plan_of, snapshot_of
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.schedule import read_schedule, write_schedule
from tests.unit.testbed.test_testbed_moves import SMALL_LOGS, settle

PLAN = Plan(
    12, (ReplicaMove(1, "n1", "n4", 500, "n1 has 9; n4 has 0"),), (LeaderTransfer(2, "", "n4", ""),
                                                                  LeaderTransfer(3, "n1", "n2", "why"))
)  # fmt: skip


@pytest.fixture
def grown(drive):
    """Three nodes with eight shards, to which three have come."""
    it = drive(nodes=3, shards=8, knobs={**SMALL_LOGS, "snapshot_entries": 10}).elect().load(keys=60)
    it.go(1)
    for _ in range(3):
        it.give("add node", "next")
    assert it.go(5, lambda: len(it.run.directory().nodes("active")) == 6)
    it.go(1)
    return it


def is_over(it, wish):
    return it.go(60, lambda: wish.task.is_done and not it.run.directory().moves.is_busy)


def test_a_plan_is_the_same_as_text_and_back():
    assert plan_of(lines_of(PLAN)) == PLAN


@pytest.mark.parametrize(
    "lines",
    [["move shard 1 from n1 to n4: 500 bytes"], ["version 1", "move shard one"], ["version 1", "version 2"], []],
)
def test_what_is_no_plan_is_refused(lines):
    with pytest.raises(InvalidInput, match=r"no line of a plan|begins with the version"):
        plan_of(lines)


def test_the_cluster_becomes_what_the_plan_says_and_the_schedule_replays(grown):
    run = grown.run
    expected = distribution(carried_out(snapshot_of(run), make_plan(run, "replicas")))
    wish = grown.give("rebalance")
    assert is_over(grown, wish) and wish.task.result == Ok("")
    assert {each.outcome for each in outcomes(run, wish.plan.key)} == {"done"}
    assert [(each.node, each.replicas, each.leaders) for each in distribution(snapshot_of(run))] == [
        (each.node, each.replicas, each.leaders) for each in expected
    ]
    assert make_plan(run, "replicas").is_empty, "no more is moved than needed"
    assert grown.give("rebalance") is None
    settle(grown)
    schedule = run.finish()
    assert replay(read_schedule(write_schedule(schedule), "here")).finish().digest == schedule.digest


def test_a_plan_that_has_lain_about_is_refused_here_and_by_shard_0(grown):
    run = grown.run
    old = lines_of(make_plan(run, "replicas"))
    grown.give("add node", "next")
    grown.go(2)
    before = run.directory()
    wish = grown.give("rebalance", plan=old)
    assert grown.go(5, lambda: wish.task.is_done)
    assert isinstance(wish.task.result, Ok)
    assert re.match(r"rebalancing 1 was made from version \d+ of the directory, which is at", wish.task.result.value)
    assert run.directory() == before


def test_a_plan_is_made_anew_when_the_directory_has_changed_under_it(grown):
    run = grown.run
    before = run.directory().version
    other = grown.give("move shard", "n4", shard=1, source="n1")
    wish = grown.give("rebalance")
    assert wish.plan.version == before
    assert is_over(grown, wish) and wish.task.result == Ok("")
    assert wish.plan.version > before and wish.plan.key == "rebalancing 2"
    assert [each.outcome for each in outcomes(run, other.plan.key)] == ["done"]
    assert {each.outcome for each in outcomes(run, wish.plan.key)} == {"done"}
    settle(grown)


def test_a_plan_of_a_cluster_in_which_nothing_has_changed_yet_holds(drive):
    it = drive(nodes=5, shards=2).elect()
    assert it.run.directory().version == 0
    plan = ["version 0", "move shard 1 from n1 to n4: 0 bytes"]
    wish = it.give("rebalance", plan=plan)
    assert is_over(it, wish) and wish.task.result == Ok("")
    late = it.give("rebalance", plan=["version 0", "move shard 2 from n2 to n5: 0 bytes"])
    assert it.go(5, lambda: late.task.is_done)
    assert "was made from version 0 of the directory" in late.task.result.value


def test_nodes_that_are_down_and_shards_that_move_are_let_alone(grown):
    run = grown.run
    grown.give("crash node", "n6")
    grown.give("move shard", "n4", shard=1, throttle=1)
    grown.give("move shard", "n6", shard=2)  # Which waits until n6 is back.
    grown.go(0.2)
    found = snapshot_of(run)
    assert {each.node: each.standing for each in found.nodes}["n6"] == "joining"
    assert [each.shard for each in found.shards if each.is_fixed] == [1, 2]
    plan = make_plan(run, "replicas")
    assert plan.moves and "n6" not in [each.target for each in plan.moves]
    assert not {1, 2} & {each.shard for each in plan.moves}


def test_a_node_that_was_removed_is_seen_as_long_as_it_holds_anything(grown):
    run = grown.run
    grown.give("crash node", "n1")
    grown.give("remove node", "n1")
    assert grown.go(20, lambda: run.directory().member("n1").standing == "removed")
    held = [each.shard for each in snapshot_of(run).shards if "n1" in each.replicas]
    assert held and {each.node: each.standing for each in snapshot_of(run).nodes}["n1"] == "removed"
    assert "n1" not in [each.target for each in make_plan(run, "replicas").moves]
    settle(grown)
    assert grown.go(60, lambda: "n1" not in [each.node for each in snapshot_of(run).nodes])


def test_a_cancelled_rebalancing_stops_and_leaves_each_shard_in_one_place(grown):
    run = grown.run
    wish = grown.give("rebalance", throttle=300, at_once=1)
    with run.events.counted("move started", None) as count:
        assert grown.go(5, lambda: count() > 0)
    grown.give("cancel moves")
    assert is_over(grown, wish)
    assert "cancelled" in [each.outcome for each in outcomes(run, wish.plan.key)]
    settle(grown)


def test_no_more_replicas_move_at_one_time_than_asked_for(grown):
    run = grown.run
    most = []

    def watch():
        most.append(sum(len(run.configuration(shard).learners) for shard in run.shard_ids))
        return not run.directory().moves.is_busy and bool(run.directory().moves.plan)

    grown.give("rebalance", at_once=1, throttle=2_000)
    assert grown.go(60, watch)
    assert max(most) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"by": "mood"}, "'rebalance': wrong arguments"),
        ({"throttle": -1}, "throttle=-1"),
        ({"at_once": 0}, "at_once=0"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(grown, arguments, reason):
    with pytest.raises(InvalidInput, match=reason):
        grown.give("rebalance", **arguments)


def test_the_picture_shows_each_node_and_escapes_names(grown):
    before = snapshot_of(grown.run)
    page = render_distribution("plan <1>", before, carried_out(before, make_plan(grown.run, "replicas")))
    assert page.count("<rect") == 6 * 2 * 3 and "plan &lt;1&gt;" in page
    assert "<script" not in page and page.count("<tr>") == 7


def test_leaders_that_are_wanted_in_one_region_are_not_spread(drive):
    it = drive(topology="three-regions", shards=4, leaders="eu")
    assert it.go(8, lambda: all(it.run.leader(shard) in ("n1", "n4", "n7") for shard in it.run.shard_ids))
    assert make_plan(it.run, "replicas").transfers == ()
