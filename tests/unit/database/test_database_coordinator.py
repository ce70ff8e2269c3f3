"""The coordinator over time: who is told what, how often, and what becomes of those who do not answer."""

import pytest

from PhantomLibrary.database.census import Announcement, Noted, Order, Report, ShardReport
from PhantomLibrary.database.config import DatabaseConfig, make_layout
from PhantomLibrary.database.coordinator import Coordinator
from PhantomLibrary.database.directory import first_directory, with_standing
from PhantomLibrary.database.messages import Record
from PhantomLibrary.database.moving import with_plan
from PhantomLibrary.domain import SECOND_NS, Configuration
from PhantomLibrary.domain.placement import ANY_VERSION, ChangePlacement, MoveWish
from PhantomLibrary.protocols.raft.configuration import Change

NODES = ("n1", "n2", "n3", "n4")
DIRECTORY = first_directory(make_layout(NODES, shards=1, replicas=3, config=DatabaseConfig()))
VERSION = 9
WITHOUT_N4 = with_standing(DIRECTORY, "n4", "removed", VERSION)
SHORT = Configuration(("n1", "n2"))
LEARNING = Configuration(("n1", "n2"), (), ("n4",))


class Host:
    """A node that keeps what the coordinator on it says, and whose clock is set by the test."""

    def __init__(self):
        self.now_ns = 0
        self.said = []
        self.missing = ()
        self.config = DatabaseConfig()

    def monotonic_ns(self):
        return self.now_ns

    def tell(self, node, message):
        self.said.append((node, message))

    def propose(self, command):
        self.said.append(("", command))

    def unavailable(self):
        return self.missing

    def told(self, kind):
        """Return who was told a message of this kind since this was asked last, with the message."""
        found = [each for each in self.said if isinstance(each[1], kind)]
        self.said.clear()
        return found


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def coordinator(host):
    return Coordinator(host, 7, DIRECTORY)


def report(node, *shards, version=0, number=1, sequence=1):
    return Report(node, number, version, sequence, shards)


def shard(configuration, *, term=3, caught_up=()):
    return ShardReport(1, term, 0, configuration, True, caught_up, ())


def everybody_reports(coordinator, *, version=0):
    for node in NODES:
        coordinator.report(report(node, version=version))


def look_every_second(coordinator, host, directory, seconds):
    for _ in range(seconds):
        host.now_ns += SECOND_NS
        coordinator.look(directory)


def test_a_report_is_noted(coordinator, host):
    coordinator.report(report("n2", sequence=5))
    assert host.said == [("n2", Noted(5))]


def test_a_report_that_comes_late_or_again_takes_nothing_back(coordinator, host):
    first, second = shard(SHORT), shard(LEARNING)
    for sequence, told in ((5, first), (7, second), (5, first), (6, first)):
        coordinator.report(report("n1", told, sequence=sequence))
    assert coordinator._led[1].report is second
    coordinator.report(report("n1", first, sequence=1 << 32))  # Of the process that came after it.
    assert coordinator._led[1].report is first
    assert [noted.sequence for _, noted in host.said] == [5, 7, 1 << 32]


def test_a_directory_is_told_to_each_member_until_it_says_that_it_has_it(coordinator, host):
    everybody_reports(coordinator)
    host.said.clear()
    coordinator.look(WITHOUT_N4)
    assert [node for node, _ in host.told(Announcement)] == list(NODES)
    coordinator.report(report("n1", version=VERSION))
    coordinator.report(report("n3", version=VERSION))
    host.now_ns += 5 * SECOND_NS
    coordinator.look(WITHOUT_N4)
    assert [node for node, _ in host.told(Announcement)] == ["n2", "n4"]


def test_who_comes_back_with_an_old_directory_is_told_at_once(coordinator, host):
    coordinator.look(WITHOUT_N4)
    look_every_second(coordinator, host, WITHOUT_N4, 10)  # By now it is told every other second only.
    host.said.clear()
    coordinator.look(WITHOUT_N4)
    assert not host.told(Announcement)
    coordinator.report(report("n2"))
    coordinator.look(WITHOUT_N4)
    assert [node for node, _ in host.told(Announcement)] == ["n2"]


def test_who_was_removed_is_told_a_few_times_and_again_when_it_asks(coordinator, host):
    look_every_second(coordinator, host, WITHOUT_N4, 60)
    assert 3 <= sum(node == "n4" for node, _ in host.told(Announcement)) <= 8
    look_every_second(coordinator, host, WITHOUT_N4, 60)
    assert "n4" not in [node for node, _ in host.told(Announcement)]
    coordinator.report(report("n4"))
    coordinator.look(WITHOUT_N4)
    assert [node for node, _ in host.told(Announcement)] == ["n4"]


def test_a_leader_of_an_earlier_term_is_not_believed(coordinator, host):
    everybody_reports(coordinator)
    coordinator.report(report("n1", shard(SHORT, term=4)))
    coordinator.report(report("n3", shard(LEARNING, term=3)))
    host.said.clear()
    coordinator.look(DIRECTORY)
    assert [node for node, _ in host.told(Order)] == ["n1"]


def test_an_order_is_given_again_but_not_at_once(coordinator, host):
    everybody_reports(coordinator)
    coordinator.report(report("n1", shard(SHORT)))
    host.said.clear()
    given = []
    for _ in range(10):
        coordinator.look(DIRECTORY)
        given.append(len(host.told(Order)))
        host.now_ns += SECOND_NS // 10
    assert given[0] == 1 and 2 <= sum(given) <= 4


def test_a_learner_that_takes_too_long_goes_and_is_not_tried_again_for_a_minute(coordinator, host):
    everybody_reports(coordinator)
    coordinator.report(report("n1", shard(LEARNING)))
    coordinator.look(DIRECTORY)
    look_every_second(coordinator, host, DIRECTORY, 9)
    assert not host.told(Order), "it may take ten seconds"
    look_every_second(coordinator, host, DIRECTORY, 1)
    assert [order.change for _, order in host.told(Order)] == [Change(removed=("n4",))]
    coordinator.report(report("n1", shard(SHORT)))
    look_every_second(coordinator, host, DIRECTORY, 30)
    assert Change(learners=("n4",)) not in [order.change for _, order in host.told(Order)]
    look_every_second(coordinator, host, DIRECTORY, 40)
    assert Change(learners=("n4",)) in [order.change for _, order in host.told(Order)]


def test_a_learner_whose_node_is_missed_for_some_seconds_makes_room(coordinator, host):
    everybody_reports(coordinator)
    coordinator.report(report("n1", shard(LEARNING)))
    host.missing = ("n4",)
    coordinator.look(DIRECTORY)
    look_every_second(coordinator, host, DIRECTORY, 1)
    host.missing = ()
    look_every_second(coordinator, host, DIRECTORY, 1)
    host.missing = ("n4",)
    look_every_second(coordinator, host, DIRECTORY, 2)
    assert not host.told(Order), "it was never missed for long"
    look_every_second(coordinator, host, DIRECTORY, 1)
    assert [order.change for _, order in host.told(Order)] == [Change(removed=("n4",))]


def test_a_learner_that_has_caught_up_is_never_too_late(coordinator, host):
    everybody_reports(coordinator)
    coordinator.report(report("n1", shard(LEARNING, caught_up=("n4",))))
    look_every_second(coordinator, host, DIRECTORY, 30)
    assert {order.change for _, order in host.told(Order)} == {Change(promoted=("n4",))}


# --- moves ------------------------------------------------------------------------------------------------------------

MOVED = Configuration(("n1", "n2", "n3"), (), ("n4",))


def moving(throttle=0):
    """Return the directory in which a replica of 1,000 bytes moves from n3 to n4."""
    plan = ChangePlacement("p", ANY_VERSION, (MoveWish(1, "n3", "n4", 1_000),), throttle=throttle)
    directory, reason = with_plan(DIRECTORY, plan, VERSION)
    assert reason == ""
    return directory


def ended_after(coordinator, host, directory, seconds):
    """Return how the move has ended after so many seconds, "" when it has not."""
    everybody_reports(coordinator, version=VERSION)
    coordinator.report(report("n1", shard(MOVED), version=VERSION))
    host.said.clear()
    coordinator.look(directory)
    look_every_second(coordinator, host, directory, seconds)
    return next((outcome for _, record in host.told(Record) for _, outcome in record.ended), "")


@pytest.mark.parametrize(("throttle", "patience_s"), [(0, 10), (100, 30)])
def test_a_move_may_take_as_long_as_its_throttle_makes_it(coordinator, host, throttle, patience_s):
    assert ended_after(coordinator, host, moving(throttle), patience_s - 1) == ""
    assert ended_after(coordinator, host, moving(throttle), 1) == "n4 has not caught up in time"


def test_a_target_that_is_late_because_it_is_away_is_called_down(coordinator, host):
    assert ended_after(coordinator, host, moving(), 5) == ""
    host.missing = ("n4",)
    assert ended_after(coordinator, host, moving(), 5) == "n4 is down"
