"""The judge of health: facts of the world on one side, what nodes held of each other on the other."""

import pytest

from PhantomLibrary.checking.health import Sight, check_health, examine_health, is_settled
from PhantomLibrary.checking.reachability import spells
from PhantomLibrary.domain import SECOND_NS, LinkTurned, MemberSeen, NodeTurned

NODES = ("n1", "n2", "n3")
WITHIN_NS, PROBE_NS = 5 * SECOND_NS, 2 * SECOND_NS


class Story:
    """What happened, and what was held: `is_down(10, "n2")`, `holds(12, "n1", "n2", "down")`. Times in seconds."""

    def __init__(self, nodes=NODES):
        self.facts = [NodeTurned(0, node, True) for node in nodes]
        self.sights = []
        for observer in nodes:
            for member in nodes:
                if observer != member:
                    self.holds(0, observer, member, "active")

    def is_down(self, time_s, node):
        self.facts.append(NodeTurned(round(time_s * SECOND_NS), node, False))
        return self

    def is_up(self, time_s, node):
        self.facts.append(NodeTurned(round(time_s * SECOND_NS), node, True))
        return self

    def cut(self, time_s, *pairs, is_open=False):
        for pair in pairs:
            self.facts.append(LinkTurned(round(time_s * SECOND_NS), *pair.split(">"), is_open))
        return self

    def holds(self, time_s, observer, member, state, accuser=""):
        self.sights.append(Sight(round(time_s * SECOND_NS), MemberSeen(observer, 1, member, state, 1, accuser)))
        return self

    def report(self, until_s, within_ns=WITHIN_NS):
        sights = sorted(self.sights, key=lambda each: each.time_ns)
        return examine_health(
            self.facts, sights, now_ns=round(until_s * SECOND_NS), within_ns=within_ns, probe_ns=PROBE_NS
        )

    def verdict(self, until_s, false_suspicions=0, *, broke_anything=True):
        return check_health(
            self.report(until_s),
            within_ns=WITHIN_NS,
            false_suspicions=false_suspicions,
            broke_anything=broke_anything,
        )


def crash_that_is_seen():
    story = Story().is_down(10, "n2")
    for observer in ("n1", "n3"):
        story.holds(11, observer, "n2", "suspect", "n1").holds(13, observer, "n2", "down", "n1")
    return story


def test_a_crash_that_all_see_in_time_is_right():
    story = crash_that_is_seen()
    assert story.verdict(30).outcome == "valid"
    assert [each.took_ns for each in story.report(30).detections] == [3 * SECOND_NS] * 2


def test_a_return_that_all_see_in_time_is_right():
    story = crash_that_is_seen().is_up(20, "n2")
    story.holds(20, "n2", "n1", "active").holds(20, "n2", "n3", "active")
    story.holds(21, "n1", "n2", "active").holds(22, "n3", "n2", "active")
    assert story.verdict(40).outcome == "valid"
    assert [each.took_ns // SECOND_NS for each in story.report(40).recoveries] == [1, 2]


def test_a_crash_that_one_of_them_does_not_see_is_told():
    story = Story().is_down(10, "n2").holds(13, "n1", "n2", "down", "n1")
    verdict = story.verdict(30)
    assert verdict.headline == (
        "HLT-001: n3 held n2 for active at 15.000 s, although it could not be reached from 10.000 s on, "
        "more than 5.000 s before"
    )
    assert verdict.evidence == ("n2 could not be reached from 10.000 s on; n3 held it for active at 15.000 s",)


def test_a_crash_seen_too_late_is_told_and_one_that_is_young_is_not():
    story = Story().is_down(10, "n2").holds(16, "n1", "n2", "down", "n1").holds(16, "n3", "n2", "down", "n1")
    assert story.verdict(14.9).outcome == "valid"
    assert story.verdict(20).code == "HLT-001"


def test_a_crash_that_is_seen_in_its_own_instant_took_no_time():
    story = Story().is_down(10, "n2").holds(10, "n1", "n2", "down", "n1").holds(12, "n3", "n2", "down", "n1")
    assert [each.took_ns for each in story.report(30).detections] == [0, 2 * SECOND_NS]


def test_a_suspicion_is_no_detection():
    story = Story().is_down(10, "n2")
    story.holds(11, "n1", "n2", "suspect", "n1").holds(11, "n3", "n2", "suspect", "n1")
    assert story.verdict(30).code == "HLT-001"


def test_a_dead_node_that_comes_back_to_life_in_a_view_is_told():
    story = crash_that_is_seen().holds(25, "n3", "n2", "active")
    assert story.verdict(24).outcome == "valid"
    assert story.verdict(30).headline.startswith("HLT-001: n3 held n2 for active at 25.000 s")


def test_a_return_that_is_not_seen_is_told():
    story = crash_that_is_seen().is_up(20, "n2").holds(21, "n1", "n2", "active")
    assert story.verdict(24.9).outcome == "valid"
    assert story.verdict(25).headline == (
        "HLT-002: n3 still held n2 for down at 25.000 s, although it could be reached from 20.000 s on, for 5.000 s"
    )


@pytest.mark.parametrize("observer", ["n1", "n3"])
def test_a_suspicion_that_nobody_takes_back_is_told_whoever_accused(observer):
    story = Story().holds(10, observer, "n2", "suspect", "n1")
    verdict = story.verdict(15, false_suspicions=1)
    assert verdict.headline == (
        f"HLT-002: {observer} still held n2 for suspect at 15.000 s, although it could be reached from 10.000 s on, "
        "for 5.000 s"
    )
    assert story.verdict(14.9, false_suspicions=1).outcome == "valid"
    assert story.holds(15, observer, "n2", "active").verdict(30, false_suspicions=1).outcome == "valid"


def test_a_second_suspicion_that_nobody_takes_back_is_told():
    story = crash_that_is_seen().is_up(20, "n2").holds(21, "n1", "n2", "active").holds(22, "n3", "n2", "active")
    story.holds(20, "n2", "n1", "active").holds(20, "n2", "n3", "active")
    story.holds(30, "n3", "n2", "suspect", "n1").holds(33, "n3", "n2", "suspect", "n4").holds(36, "n3", "n2", "active")
    assert story.verdict(60).headline.startswith("HLT-002: n3 still held n2 for suspect at 35.000 s")


def test_what_a_node_says_in_the_instant_in_which_it_goes_on_may_be_taken_back_like_what_it_said_before():
    """Stood still, it works off its late probe in that instant, and an instant later the answer comes."""
    story = Story().is_down(10, "n3").holds(14, "n1", "n3", "down", "n1").holds(14, "n2", "n3", "down", "n1")
    story.is_up(16, "n3").holds(16, "n3", "n2", "suspect", "n3")
    story.holds(17, "n1", "n3", "active").holds(17, "n2", "n3", "active")
    assert story.verdict(22).code == "HLT-002"
    story.holds(18, "n3", "n2", "active")
    assert story.verdict(60).outcome == "valid"
    assert sorted(each.took_ns // SECOND_NS for each in story.report(60).recoveries) == [1, 1, 2]


def test_what_an_observer_forgets_when_it_starts_anew_is_no_recovery():
    story = crash_that_is_seen().is_down(20, "n3").is_up(30, "n2").is_up(30, "n3").holds(30, "n3", "n2", "active")
    assert [each.took_ns for each in story.holds(32, "n1", "n2", "active").report(33).recoveries] == [2 * SECOND_NS]


def test_an_accusation_of_a_node_that_could_be_reached_is_false():
    story = Story().holds(10, "n1", "n2", "suspect", "n1").holds(11, "n1", "n2", "active")
    verdict = story.verdict(30)
    assert verdict.headline == (
        "HLT-003: 1 false suspicion, and none is allowed: n1 suspected n2 at 10.000 s, which ran and could be reached"
    )
    assert verdict.evidence == ("10.000 s: n1 accused n2, which it could reach all the time",)
    assert story.verdict(30, false_suspicions=1).outcome == "valid"


def test_several_false_suspicions_are_counted_beside_how_many_are_allowed():
    story = Story().holds(10, "n1", "n2", "suspect", "n1").holds(11, "n1", "n2", "active")
    story.holds(12, "n3", "n2", "down", "n3").holds(13, "n3", "n2", "active")
    verdict = story.verdict(30, false_suspicions=1)
    assert verdict.headline == (
        "HLT-003: 2 false suspicions, and 1 are allowed: n1 suspected n2 at 10.000 s, which ran and could be reached"
    )
    assert verdict.evidence[1] == "12.000 s: n3 held for down n2, which it could reach all the time"
    late = Story().is_down(5, "n2").is_up(6, "n2").holds(20, "n3", "n2", "down", "n3").holds(21, "n3", "n2", "active")
    assert "n3 held for down n2 at 20.000 s" in late.verdict(40).headline
    assert late.verdict(40).evidence[0].endswith("which it could reach since 6.000 s")


def test_who_believes_another_accuses_nobody():
    story = Story().holds(10, "n3", "n2", "suspect", "n1").holds(11, "n3", "n2", "active")
    assert story.verdict(30).outcome == "valid"


def test_who_holds_for_down_whom_it_could_reach_is_wrong_whoever_accused():
    story = Story().holds(10, "n3", "n2", "suspect", "n1").holds(13, "n3", "n2", "down", "n1")
    assert story.verdict(14).code == "HLT-003"


def test_a_false_suspicion_counts_once_until_it_is_taken_back():
    story = Story().holds(10, "n1", "n2", "suspect", "n1").holds(13, "n1", "n2", "down", "n1")
    assert len(story.report(14).false_suspicions) == 1
    story.holds(14, "n1", "n2", "active").holds(20, "n1", "n2", "suspect", "n1")
    assert [each.time_ns // SECOND_NS for each in story.report(21).false_suspicions] == [10, 20]


def test_an_accusation_that_rests_on_what_was_true_a_moment_ago_is_not_false():
    story = Story().cut(10, "n1>n2", "n3>n2").cut(11, "n1>n2", "n3>n2", is_open=True)
    story.holds(12.5, "n1", "n2", "suspect", "n1").holds(14, "n1", "n2", "active")
    assert story.verdict(30).outcome == "valid"
    story.holds(20, "n1", "n2", "suspect", "n1")
    assert story.verdict(20).code == "HLT-003"


def test_a_cut_that_another_node_gets_round_is_no_failure():
    story = Story().cut(10, "n1>n2")
    assert story.verdict(60).outcome == "valid"
    assert story.holds(30, "n1", "n2", "suspect", "n1").verdict(31).code == "HLT-003"


def test_a_node_in_a_corner_is_asked_for_nothing_but_seen_by_the_others():
    story = Story().cut(10, "n3>n1", "n3>n2")
    for observer in ("n1", "n2"):
        story.holds(13, observer, "n3", "down", "n1")
    assert story.verdict(60).outcome == "valid"
    relations = {pair: of_pair[-1].relation for pair, of_pair in spells(story.facts, 60 * SECOND_NS).items()}
    assert relations["n1", "n3"] == "gone"
    assert relations["n3", "n1"] == "parted"
    assert relations["n1", "n2"] == "reached"


def test_a_node_that_does_not_run_is_asked_for_nothing():
    story = crash_that_is_seen().is_down(20, "n3").holds(22, "n1", "n3", "down", "n1")
    assert story.verdict(60).outcome == "valid"


def test_what_breaks_and_mends_in_one_instant_was_never_broken():
    story = Story().cut(10, "n1>n2", "n2>n1").cut(10, "n1>n2", "n2>n1", is_open=True)
    assert not story.report(30).troubles


@pytest.mark.parametrize("state", ["removed", "down"])
def test_a_removed_node_need_not_be_held_for_down(state):
    story = Story().is_down(10, "n2").holds(11, "n1", "n2", state).holds(11, "n3", "n2", state)
    assert story.verdict(60).outcome == "valid"


def test_a_run_in_which_nothing_failed_proves_nothing():
    assert Story().verdict(60, broke_anything=False).code == "HLT-004"
    assert Story().verdict(60, broke_anything=True).outcome == "valid"


def test_views_are_settled_once_they_are_right():
    story = Story().is_down(10, "n2")
    views = {"n1": {}, "n3": {}}

    def sees(observer, member, state):
        views[observer][member] = MemberSeen(observer, 1, member, state, 1, "")

    sees("n1", "n2", "suspect")
    sees("n1", "n3", "active")
    sees("n3", "n2", "down")
    assert not is_settled(story.facts, views)
    sees("n1", "n2", "down")
    assert is_settled(story.facts, views)
    story.is_up(20, "n2")
    assert not is_settled(story.facts, views)


def test_either_half_is_asked_and_less_than_half_is_not():
    four = ("n1", "n2", "n3", "n4")
    story = Story(four).cut(10, *[f"{a}>{b}" for a in four[:2] for b in four[2:]])
    relations = {pair: of_pair[-1].relation for pair, of_pair in spells(story.facts, 20 * SECOND_NS).items()}
    assert relations["n1", "n3"] == relations["n3", "n1"] == "gone"
    story = Story(four).cut(10, *[f"{a}>{b}" for a in four[:1] for b in four[1:]])
    relations = {pair: of_pair[-1].relation for pair, of_pair in spells(story.facts, 20 * SECOND_NS).items()}
    assert (relations["n1", "n3"], relations["n3", "n1"]) == ("parted", "gone")


def test_what_changes_at_the_very_end_of_a_failure_is_no_mistake():
    story = crash_that_is_seen().is_up(20, "n2").holds(20, "n1", "n2", "active").holds(20, "n3", "n2", "active")
    assert story.verdict(40).outcome == "valid"
