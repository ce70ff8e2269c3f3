"""Single steps of the failure detector that no scenario tells apart."""

import pytest

from PhantomLibrary.protocols.swim.detector import PROBE, RELAY, SUSPICION, Detector
from PhantomLibrary.protocols.swim.effects import (
    DeadlinePassed,
    DrawOrder,
    MembersChanged,
    OrderDrawn,
    Send,
    SetDeadline,
    Show,
)
from PhantomLibrary.protocols.swim.members import DetectorConfig
from PhantomLibrary.protocols.swim.messages import Ack, Nack, Ping, PingRequest, Rumour

PERIOD_NS, TIMEOUT_NS = 1_000, 400


def detector(*others: str) -> Detector:
    members = tuple((node, "active") for node in ("n1", *others))
    made = Detector(DetectorConfig("n1", 1, members, PERIOD_NS, TIMEOUT_NS))
    made.start()
    return made


def members(**memberships: str) -> MembersChanged:
    return MembersChanged((("n1", "active"), *memberships.items()))


def sent(effects: list) -> list:
    return [(each.to, each.message) for each in effects if isinstance(each, Send)]


def shown(effects: list) -> list:
    return [(each.member, each.state) for each in effects if isinstance(each, Show)]


def probe(it: Detector, order: tuple[str, ...], now_ns: int) -> list:
    """Begin a round, and return whom the first probe goes to."""
    effects = it.step(DeadlinePassed(PROBE), now_ns)
    assert isinstance(effects[0], DrawOrder)
    return [to for to, _ in sent(it.step(OrderDrawn(order), now_ns))]


def test_a_node_that_was_removed_gets_no_answer():
    it = detector("n2", "n3")
    ping = Ping("n3", 1, 7, ())
    assert sent(it.step(ping, 0))
    it.step(members(n2="active"), 0)
    assert it.step(ping, 0) == []
    assert it.step(PingRequest("n3", 1, 7, "n2", ()), 0) == []


def test_strangers_get_no_answer_and_nothing_said_of_them_is_passed_on():
    it = detector("n2")
    assert it.step(Ping("n9", 1, 7, ()), 0) == []
    ((_, answer),) = sent(it.step(Ping("n2", 1, 7, (Rumour("n9", "suspect", 1, "n2"),)), 0))
    assert answer.rumours == ()
    assert it.members.get("n9") is None


def test_a_node_that_has_started_again_says_so_and_one_that_starts_first_need_not():
    members = (("n1", "active"), ("n2", "active"))
    for incarnation, rumours in ((1, ()), (5, (Rumour("n1", "active", 5),))):
        it = Detector(DetectorConfig("n1", incarnation, members, PERIOD_NS, TIMEOUT_NS))
        it.start()
        ((_, answer),) = sent(it.step(Ping("n2", 1, 1, ()), 0))
        assert answer.rumours == rumours


def test_an_accusation_that_nobody_confirms_waits_six_times_as_long():
    it = detector("n2", "n3", "n4", "n5")
    it.step(Ping("n2", 1, 1, (Rumour("n5", "suspect", 1, "n2"),)), 0)
    assert it.members.suspicion_end_ns() == 6 * 3 * PERIOD_NS


@pytest.mark.parametrize("target", ["n3", "n9"])
def test_nobody_asks_about_a_node_that_was_removed_or_is_new_and_says_so(target):
    it = detector("n2", "n3")
    it.step(members(n2="active"), 0)
    assert it.step(PingRequest("n2", 1, 7, target, ()), 0) == [Send("n2", Nack("n1", 1, 7, ()))]
    assert it.step(PingRequest("n3", 1, 7, "n2", ()), 0) == []


def test_a_probe_of_a_node_that_is_removed_meanwhile_ends_and_says_nothing():
    it = detector("n2", "n3", "n4")
    assert probe(it, ("n2", "n3", "n4"), 0) == ["n2"]
    it.step(DeadlinePassed(PROBE), TIMEOUT_NS)
    it.step(members(n3="active", n4="active"), 500)
    assert it.step(DeadlinePassed(PROBE), PERIOD_NS) == [DrawOrder(("n3", "n4"))]
    assert it.multiplier == 1

    # One that goes on is not touched by what becomes of others.
    it.step(OrderDrawn(("n3", "n4")), PERIOD_NS)
    it.step(members(n3="active"), PERIOD_NS)
    it.step(DeadlinePassed(PROBE), PERIOD_NS + TIMEOUT_NS)
    assert shown(it.step(DeadlinePassed(PROBE), 2 * PERIOD_NS)) == [("n3", "suspect")]


def test_who_is_doubted_is_not_probed_once_it_is_removed():
    it = detector("n2", "n3", "n4")
    it.step(Ping("n2", 1, 1, (Rumour("n3", "down", 1, "n2"),)), 0)
    it.step(members(n2="active", n4="active"), 0)
    assert it.step(DeadlinePassed(PROBE), 0) == [DrawOrder(("n2", "n4"))]


def test_each_relay_has_its_own_time():
    it = detector("n2", "n3", "n4")
    patience_ns = TIMEOUT_NS * 4 // 5
    first = it.step(PingRequest("n2", 1, 7, "n4", ()), 0)
    assert [each for each in first if isinstance(each, SetDeadline)] == [SetDeadline(RELAY, patience_ns)]
    second = it.step(PingRequest("n3", 1, 8, "n4", ()), 100)
    assert not [each for each in second if isinstance(each, SetDeadline)]
    assert it.step(DeadlinePassed(RELAY), patience_ns) == [
        Send("n2", Nack("n1", 1, 7, ())),
        SetDeadline(RELAY, 100),
    ]
    assert it.step(DeadlinePassed(RELAY), patience_ns + 100) == [Send("n3", Nack("n1", 1, 8, ()))]


def test_a_suspicion_that_late_confirmations_shorten_into_the_past_ends_at_once():
    it = detector("n2", "n3", "n4", "n5")
    it.step(Ping("n2", 1, 1, (Rumour("n5", "suspect", 1, "n2"),)), 0)
    confirmations = tuple(Rumour("n5", "suspect", 1, each) for each in ("n3", "n4"))
    effects = it.step(Ping("n3", 1, 1, confirmations), 15 * PERIOD_NS)
    assert effects[-1] == SetDeadline(SUSPICION, 0)
    assert shown(it.step(DeadlinePassed(SUSPICION), 15 * PERIOD_NS)) == [("n5", "down")]


def test_nobody_waits_for_a_node_that_was_removed_to_confirm():
    it = detector("n2", "n3", "n4")
    accusations = (Rumour("n3", "suspect", 1, "n2"), Rumour("n3", "suspect", 1, "n1"))
    it.step(Ping("n2", 1, 1, accusations), 0)
    assert it.members.suspicion_end_ns() > 3 * PERIOD_NS
    it.step(members(n2="active", n3="active"), 10)
    assert it.members.suspicion_end_ns() == 3 * PERIOD_NS


def test_a_node_in_trouble_slows_down_so_far_and_no_further():
    it = detector("n2", "n3")
    multipliers = []
    for _ in range(9):
        it.step(Ping("n2", 1, 1, (Rumour("n1", "suspect", it.members.incarnation, "n2"),)), 0)
        multipliers.append(it.multiplier)
    assert multipliers == [2, 3, 4, 5, 6, 7, 8, 8, 8]


def test_a_node_that_is_admitted_again_begins_with_a_clean_record():
    it = detector("n2", "n3")
    it.step(Ping("n2", 1, 1, (Rumour("n3", "suspect", 1, "n2"),)), 0)
    assert shown(it.step(members(n2="active"), 10)) == [("n3", "removed")]
    assert shown(it.step(members(n2="active", n3="joining"), 20)) == [("n3", "joining")]
    assert not it.members.suspected
    # Nothing that was said of it before its removal is told any more.
    assert [message.rumours for _, message in sent(it.step(Ping("n2", 1, 2, ()), 30))] == [()]


def test_a_newcomer_is_probed_in_the_next_round_which_begins_at_once():
    it = detector("n2", "n3")
    assert probe(it, ("n2", "n3"), 0) == ["n2"]
    it.step(Ack("n2", 1, 1, ()), 10)
    it.step(members(n2="active", n3="active", n4="joining"), 10)
    assert it.step(DeadlinePassed(PROBE), PERIOD_NS) == [DrawOrder(("n2", "n3", "n4"))]


def test_a_nack_for_an_earlier_probe_does_not_count():
    it = detector("n2", "n3", "n4")
    assert probe(it, ("n2", "n3", "n4"), 0) == ["n2"]
    asked = sent(it.step(DeadlinePassed(PROBE), TIMEOUT_NS))
    assert {to for to, _ in asked} == {"n3", "n4"}
    late = asked[0][1].sequence - 1
    it.step(Nack("n3", 1, late, ()), 500)
    it.step(Nack("n4", 1, late, ()), 500)
    it.step(DeadlinePassed(PROBE), PERIOD_NS)
    assert it.multiplier == 3, "both helpers were silent, as far as this probe goes"


def test_helpers_that_answer_say_that_this_node_is_well():
    it = detector("n2", "n3", "n4")
    probe(it, ("n2", "n3", "n4"), 0)
    asked = sent(it.step(DeadlinePassed(PROBE), TIMEOUT_NS))
    for to, message in asked:
        it.step(Nack(to, 1, message.sequence, ()), 500)
    assert shown(it.step(DeadlinePassed(PROBE), PERIOD_NS)) == [("n2", "suspect")]
    assert it.multiplier == 1


def test_one_helper_is_asked_about_a_member_that_is_down_and_told_what_is_held_against_it():
    it = detector("n2", "n3", "n4")
    it.step(Ping("n2", 1, 1, (Rumour("n3", "suspect", 1, "n2"), Rumour("n3", "suspect", 1, "n4"))), 0)
    it.step(DeadlinePassed(SUSPICION), 100 * PERIOD_NS)
    assert it.members.get("n3").opinion == "down"
    probe(it, ("n3", "n2", "n4"), 100 * PERIOD_NS)
    ((_, request),) = sent(it.step(DeadlinePassed(PROBE), 100 * PERIOD_NS + TIMEOUT_NS))
    assert request.target == "n3"
    assert request.rumours.count(Rumour("n3", "down", 1, "n2")) == 1

    # Nor does its silence say anything about this node, or about the helper.
    it.step(DeadlinePassed(PROBE), 101 * PERIOD_NS)
    assert it.multiplier == 1


def test_a_helper_tells_the_suspect_and_brings_back_its_new_incarnation():
    it = detector("n2", "n3")
    accusation = Rumour("n3", "down", 1, "n2")
    ((to, ping),) = sent(it.step(PingRequest("n2", 1, 7, "n3", (accusation,)), 0))
    assert to == "n3"
    assert ping.rumours[0].opinion == "suspect", "nobody is down by hearsay"
    ((origin, answer),) = sent(it.step(Ack("n3", 2, ping.sequence, ()), 10))
    assert (origin, answer.sequence) == ("n2", 7)
    assert answer.rumours.count(Rumour("n3", "active", 2)) == 1

    # However long that is known to the helper.
    for time_ns in range(20, 200, 20):
        it.step(Ping("n2", 1, 9, ()), time_ns)
    assert not it.members.gossip.left
    ((_, ping),) = sent(it.step(PingRequest("n2", 1, 8, "n3", (accusation,)), 300))
    ((_, answer),) = sent(it.step(Ack("n3", 2, ping.sequence, ()), 310))
    assert answer.rumours == (Rumour("n3", "active", 2),)
