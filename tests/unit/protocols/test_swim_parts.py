"""The small parts of the failure detector: how long a suspicion lasts, and how often a rumour is told."""

from PhantomLibrary.protocols.swim.gossip import Gossip
from PhantomLibrary.protocols.swim.messages import Rumour
from PhantomLibrary.protocols.swim.suspicion import Suspicion


def suspicion(witnesses: str) -> Suspicion:
    return Suspicion("a", witnesses.split(), 1_000, timeout_min_ns=100, timeout_max_ns=600)


def test_a_suspicion_gets_shorter_with_each_confirmation():
    suspected = suspicion("b c d e")
    ends = [suspected.ends_ns]
    for witness in "bcd":
        assert suspected.confirm(witness)
        ends.append(suspected.ends_ns)
    assert ends == [1_600, 1_350, 1_204, 1_100]
    assert not suspected.confirm("e"), "three are enough"


def test_the_same_accuser_confirms_nothing():
    suspected = suspicion("a b")
    assert not suspected.confirm("a")
    assert suspected.confirm("b")
    assert not suspected.confirm("b")
    assert suspected.ends_ns == 1_100


def test_nobody_waits_for_a_confirmation_that_cannot_come():
    assert suspicion("").ends_ns == 1_100
    suspected = suspicion("b c")
    suspected.confirm("b")
    assert suspected.ends_ns > 1_100
    suspected.excuse("c")
    assert suspected.ends_ns == 1_100


def test_a_suspicion_that_is_over_elsewhere_lasts_the_shortest_time_once_this_node_accuses_too():
    suspected = suspicion("b c d")
    assert suspected.end("b")
    assert not suspected.end("b")
    assert suspected.ends_ns == 1_600
    suspected.confirm("b")
    assert suspected.ends_ns == 1_100


def test_a_rumour_is_told_so_often_and_no_more():
    gossip = Gossip(rumours_max=6)
    rumour = Rumour("n1", "active", 2)
    gossip.add(rumour, 2)
    assert [gossip.take() for _ in range(3)] == [(rumour,), (rumour,), ()]


def test_rumours_that_were_told_least_go_first():
    gossip = Gossip(rumours_max=1)
    first, second = Rumour("n1", "active", 2), Rumour("n2", "active", 2)
    gossip.add(first, 2)
    gossip.add(second, 2)
    assert [gossip.take() for _ in range(4)] == [(first,), (second,), (first,), (second,)]


def test_a_new_rumour_replaces_what_was_said_of_the_member_but_not_another_accusation():
    gossip = Gossip(rumours_max=6)
    gossip.add(Rumour("n1", "suspect", 2, "n2"), 5)
    gossip.add(Rumour("n1", "suspect", 2, "n3"), 5)
    assert len(gossip) == 2
    gossip.add(Rumour("n1", "suspect", 3, "n4"), 5)
    assert len(gossip) == 1, "what was said of an earlier incarnation is of no interest"
    gossip.add(Rumour("n1", "active", 4), 5)
    assert gossip.take() == (Rumour("n1", "active", 4),)
