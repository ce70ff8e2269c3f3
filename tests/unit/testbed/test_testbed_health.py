"""Each node's view of the others' health, as it is shown to whoever watches."""

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.health import judge_health


def views(it):
    """What each node that runs holds of the others."""
    return {node: {member: seen.state for member, seen in of.items()} for node, of in it.run.watch.views.items()}


def test_all_are_active_while_nothing_is_wrong(it):
    it.go(60)
    assert views(it) == {
        "n1": {"n2": "active", "n3": "active"},
        "n2": {"n1": "active", "n3": "active"},
        "n3": {"n1": "active", "n2": "active"},
    }
    assert all(each.time_ns == 0 for each in it.run.watch.sights)


def test_a_crash_is_seen_and_so_is_the_restart(it):
    it.give("crash node", "n2")
    it.go(5)
    assert views(it) == {"n1": {"n2": "down", "n3": "active"}, "n3": {"n1": "active", "n2": "down"}}
    it.give("restart node", "n2")
    it.go(2)
    assert {state for of in views(it).values() for state in of.values()} == {"active"}
    seen = it.run.watch.views["n1"]["n2"]
    assert seen.member_incarnation == 2 << 20, "the number of its starts leads"


def test_a_cut_between_two_is_no_reason_to_suspect_while_a_third_reaches_both(it):
    it.give("partition network", "n1 | n2")
    it.go(30)
    assert {state for of in views(it).values() for state in of.values()} == {"active"}


@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_node_cut_off_in_one_direction_is_down_and_comes_back(it, direction):
    it.give("isolate node", "n3", direction=direction, duration_s=10)
    it.go(6)
    assert views(it)["n1"]["n3"] == views(it)["n2"]["n3"] == "down"
    it.go(4 + 6)
    assert {state for of in views(it).values() for state in of.values()} == {"active"}


def test_the_period_is_a_knob(drive):
    slow = drive(knobs={"probe_period": "2 s", "probe_timeout": "800 ms"}).elect()
    since_ns = slow.run.now_ns
    slow.give("crash node", "n3")
    assert slow.go(30, lambda: views(slow)["n1"]["n3"] == "down")
    assert slow.run.now_ns - since_ns > 6 * SECOND_NS


def test_a_node_that_was_removed_is_asked_for_nothing(drive):
    it = drive(nodes=5, replicas=3).elect()
    it.give("remove node", "n5")
    it.go(3)
    it.give("crash node", "n4")
    it.go(10)
    assert views(it)["n1"]["n5"] == "removed"
    assert judge_health(it.run, within_ns=6 * SECOND_NS, false_suspicions=0).headline.startswith("valid")
