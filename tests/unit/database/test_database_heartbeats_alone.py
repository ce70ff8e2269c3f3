"""Heartbeats of one node for its quiet shards, with a clock in hand: what is said when, and who is missed."""

from types import SimpleNamespace

import pytest

from PhantomLibrary.database.heartbeats import DEADLINE, Heartbeats
from PhantomLibrary.database.messages import NEVER, NodeHeartbeat, NodeHeartbeatReply
from PhantomLibrary.protocols.raft.effects import Awaken, LeaderSuspected, Quiesce

TIMEOUT_NS, HEARTBEAT_NS = 1_000, 100
INTERVAL_NS = 400  # Two fifths of the time-out, so that one may be lost.


class FakeReplica:
    """A quiet replica on n1 of a shard of three, which wakes when it is told to."""

    def __init__(self, leader, *, is_quiet=True):
        self.events = []
        self.group = SimpleNamespace(
            is_quiet=is_quiet,
            is_leader=leader == "n1",
            leader=leader,
            term=2,
            log=SimpleNamespace(last_index=7),
            configuration=SimpleNamespace(members=("n1", "n2", "n3")),
        )

    def step(self, event):
        self.events.append(event)
        self.group.is_quiet = type(event) is Quiesce and event.index == self.group.log.last_index


class Bench:
    """The heartbeats of n1, and the replicas of its shards."""

    def __init__(self, *, heartbeat_ns=HEARTBEAT_NS, **replicas):
        self.node = "n1"
        self.now_ns = 0
        self.sent = []
        self.due_ns = None
        self.env = self
        config = SimpleNamespace(election_timeout_ns=TIMEOUT_NS, heartbeat_ns=heartbeat_ns)
        self.layout = SimpleNamespace(config=config)
        self.replicas = {int(name.removeprefix("s")): replica for name, replica in replicas.items()}
        self.heartbeats = Heartbeats(self)

    def monotonic_ns(self):
        return self.now_ns

    def set_deadline(self, name, at_ns):
        assert name == DEADLINE
        self.due_ns = at_ns

    def send(self, to, message):
        self.sent.append((to, message))

    def fire_at(self, *times_ns):
        """Fire at these times, at which it has to be due; return what the last of them sends."""
        for time_ns in times_ns:
            assert self.due_ns == time_ns
            self.now_ns, self.due_ns, self.sent = time_ns, None, []
            self.heartbeats.fire()
        return self.sent

    def hear(self, at_ns, *lines, source="n2", silent_ns=NEVER):
        """Take a heartbeat; return what is answered."""
        self.now_ns, self.sent = at_ns, []
        self.heartbeats.heard(NodeHeartbeat(source, silent_ns, lines))
        return self.sent

    def answer(self, at_ns, *awake, source="n2"):
        self.now_ns = at_ns
        self.heartbeats.answered(NodeHeartbeatReply(source, awake))


def leading(**options):
    """Return n1 as the quiet leader of shard 4, which it becomes at 0."""
    bench = Bench(s4=FakeReplica("n1"), **options)
    bench.heartbeats.lead(4)
    return bench


# --- what is said -----------------------------------------------------------------------------------------------------


def test_a_quiet_leader_is_spoken_for_soon_and_then_in_even_intervals():
    bench = leading()
    line = (4, 2, 7)
    assert bench.fire_at(INTERVAL_NS // 4) == [(peer, NodeHeartbeat("n1", NEVER, (line,))) for peer in ("n2", "n3")]
    for peer in ("n2", "n3"):
        bench.answer(200, source=peer)
    assert bench.fire_at(100 + INTERVAL_NS) == [(peer, NodeHeartbeat("n1", 300, (line,))) for peer in ("n2", "n3")]
    assert bench.due_ns == 100 + 2 * INTERVAL_NS


def test_intervals_are_never_shorter_than_those_of_a_leader_that_is_awake():
    bench = leading(heartbeat_ns=600)
    bench.fire_at(150)
    assert bench.due_ns == 750


def test_one_message_speaks_for_all_shards():
    bench = Bench(s4=FakeReplica("n1"), s5=FakeReplica("n1"), s6=FakeReplica("n1", is_quiet=False))
    for shard in (4, 5, 6):
        bench.heartbeats.lead(shard)
    assert [message.shards for _, message in bench.fire_at(100)] == [((4, 2, 7), (5, 2, 7))] * 2


def test_a_node_whose_shards_have_woken_says_so_once_and_then_nothing():
    bench = leading()
    bench.fire_at(100)
    bench.replicas[4].group.is_quiet = False
    bench.heartbeats.woken()
    assert bench.fire_at(500) == [(peer, NodeHeartbeat("n1", 400, ())) for peer in ("n2", "n3")]
    assert bench.due_ns is None


# --- what is answered -------------------------------------------------------------------------------------------------


def test_a_heartbeat_is_answered_unless_others_go_there_anyway():
    bench = Bench(s4=FakeReplica("n1"), s5=FakeReplica("n2", is_quiet=False))
    assert bench.hear(0, (5, 2, 7)) == [("n2", NodeHeartbeatReply("n1", ()))]
    assert bench.replicas[5].events == [Quiesce("n2", 2, 7)]
    assert bench.hear(10, (5, 2, 7)) == [("n2", NodeHeartbeatReply("n1", ()))]
    assert len(bench.replicas[5].events) == 1, "it is quiet already"
    bench.heartbeats.lead(4)
    bench.fire_at(110)
    assert bench.hear(120, (5, 2, 7)) == []
    assert bench.hear(130, (5, 2, 7), (9, 1, 1)) == [("n2", NodeHeartbeatReply("n1", (9,)))]


def test_what_is_not_here_or_does_not_hold_all_is_awake():
    bench = Bench(s5=FakeReplica("n2", is_quiet=False))
    assert bench.hear(0, (5, 2, 8), (9, 1, 1)) == [("n2", NodeHeartbeatReply("n1", (5, 9)))]
    # It is asked again each time, and says so again.
    assert bench.hear(400, (5, 2, 8), (9, 1, 1)) == [("n2", NodeHeartbeatReply("n1", (5, 9)))]


def test_a_replica_that_has_woken_is_put_to_rest_by_the_next_heartbeat():
    bench = Bench(s5=FakeReplica("n2"))
    bench.hear(0, (5, 2, 7))
    bench.replicas[5].group.is_quiet = False
    bench.heartbeats.woken()
    bench.hear(400, (5, 2, 7))
    assert bench.replicas[5].events == [Quiesce("n2", 2, 7)]


def test_a_heartbeat_without_shards_needs_no_answer_and_no_deadline():
    bench = Bench(s5=FakeReplica("n2"))
    assert bench.hear(0) == [] and bench.due_ns is None


def test_a_shard_that_is_no_longer_spoken_for_wakes():
    bench = Bench(s5=FakeReplica("n2"), s6=FakeReplica("n2"))
    bench.hear(0, (5, 2, 7), (6, 2, 7))
    bench.hear(400, (6, 2, 7))
    assert bench.replicas[5].events == [Awaken()] and bench.replicas[6].events == []
    bench.hear(800)
    assert bench.replicas[6].events == [Awaken()]


def test_a_leader_is_woken_for_a_follower_that_is_awake():
    bench = leading()
    bench.answer(50, 9)
    assert bench.replicas[4].events == []
    bench.answer(60, 4)
    assert bench.replicas[4].events == [Awaken()]


# --- who is missed ----------------------------------------------------------------------------------------------------


def test_a_follower_misses_its_leaders_node_after_one_time_out_to_the_nanosecond():
    bench = Bench(s5=FakeReplica("n2"))
    bench.hear(0, (5, 2, 7))
    bench.hear(1, (5, 2, 7))
    bench.fire_at(TIMEOUT_NS)
    assert bench.replicas[5].events == []
    bench.fire_at(TIMEOUT_NS + 1)
    assert bench.replicas[5].events == [LeaderSuspected()]
    assert bench.due_ns is None


def test_of_two_nodes_only_the_silent_one_is_missed():
    bench = Bench(s5=FakeReplica("n2"), s6=FakeReplica("n3"))
    bench.hear(0, (5, 2, 7), source="n2")
    bench.hear(600, (6, 2, 7), source="n3")
    bench.fire_at(TIMEOUT_NS)
    assert bench.replicas[5].events == [LeaderSuspected()] and bench.replicas[6].events == []
    assert bench.due_ns == 600 + TIMEOUT_NS


def test_a_node_that_never_answers_costs_its_leader_its_rest_with_the_second_heartbeat():
    bench = leading()
    bench.fire_at(100)
    assert bench.replicas[4].events == []
    bench.fire_at(500)
    assert bench.replicas[4].events == [Awaken()]


@pytest.mark.parametrize(("answered_ns", "wakes"), [(300, True), (301, False)])
def test_leaders_wake_before_they_are_missed_to_the_nanosecond(answered_ns, wakes):
    bench = leading()
    bench.fire_at(100)
    for peer in ("n2", "n3"):
        bench.answer(answered_ns, source=peer)
    bench.fire_at(500)
    assert bench.replicas[4].events == []
    bench.fire_at(900)
    assert bench.replicas[4].events == ([Awaken()] if wakes else [])


@pytest.mark.parametrize(("silent_ns", "wakes"), [(50, True), (49, False)])
def test_what_a_node_says_of_when_it_last_heard_this_one_is_an_answer(silent_ns, wakes):
    bench = leading()
    bench.fire_at(100)
    bench.answer(450, source="n3")
    bench.hear(350, source="n2", silent_ns=silent_ns)
    bench.fire_at(500)
    assert bench.replicas[4].events == []
    bench.fire_at(900)
    assert bench.replicas[4].events == ([Awaken()] if wakes else [])


def test_a_node_that_says_that_it_never_heard_this_one_has_not_answered():
    bench = leading()
    bench.fire_at(100)
    bench.answer(450, source="n3")
    bench.hear(450, source="n2", silent_ns=NEVER)
    bench.fire_at(500)
    assert bench.replicas[4].events == [Awaken()]


def test_a_suspicion_from_elsewhere_wakes_only_what_relies_on_that_node():
    bench = Bench(s4=FakeReplica("n1"), s5=FakeReplica("n2"), s6=FakeReplica("n3"))
    bench.heartbeats.lead(4)
    bench.replicas[4].group.configuration.members = ("n1", "n2")
    bench.hear(0, (5, 2, 7), source="n2")
    bench.hear(0, (6, 2, 7), source="n3")
    bench.heartbeats.suspect("n3")
    assert [bench.replicas[shard].events for shard in (4, 5, 6)] == [[], [], [LeaderSuspected()]]
    bench.heartbeats.suspect("n2")
    assert [bench.replicas[shard].events for shard in (4, 5)] == [[Awaken()], [LeaderSuspected()]]
