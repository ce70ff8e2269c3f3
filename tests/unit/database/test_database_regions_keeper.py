"""What the leader of shard 0 does about regions by itself."""

from msgspec.structs import replace

from PhantomLibrary.database.config import DatabaseConfig, make_regional_layout
from PhantomLibrary.database.directory import Directory, first_directory
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import Execute, OpenSession
from PhantomLibrary.database.regions.administration import RegionKeeper
from PhantomLibrary.database.regions.messages import AdoptPolicy, Position
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.domain import SECOND_NS, Refused
from PhantomLibrary.domain.region_policy import ChangeRegions, RegionPolicy
from PhantomLibrary.placement.snapshot import PlacedNode

POLICY = RegionPolicy(0, ("eu", "us"), ("eu",))
NODES = [PlacedNode(f"n{number}", f"z{number}", region) for number, region in enumerate(("eu", "us"), 1)]


def at(policy=POLICY, heard_s=None, **counts):
    heard = () if heard_s is None else (("eu", heard_s * SECOND_NS),)
    return Position(tuple(sorted(counts.items())), policy, heard)


class Office:
    """A keeper, whose questions and proposals the test sees."""

    def __init__(self, policy):
        layout = make_regional_layout(NODES, shards=1, replicas=1, config=DatabaseConfig(), policy=policy)
        self.directory: Directory = first_directory(layout)
        self.now_ns, self.away = 0, []
        self.asked, self.proposed = [], []
        self.keeper = RegionKeeper(self)

    def monotonic_ns(self):
        return self.now_ns

    def unavailable(self):
        return self.away

    def propose(self, command):
        self.proposed.append(command)

    def ask(self, shard, _work, finish):
        self.asked.append((shard, finish))

    def look(self, seconds=0.0):
        self.now_ns += int(seconds * SECOND_NS)
        return self.keeper.look(self.directory)

    def told(self, *answers):
        """Let shards 1 (eu) and 2 (us) answer."""
        asked, self.asked = self.asked, []
        for shard, finish in asked:
            finish(answers[shard - 1])


AUTOMATIC = replace(POLICY, fail_over_after_ns=3 * SECOND_NS)


def level(policy=AUTOMATIC, heard_s=1):
    return at(policy, heard_s=heard_s, eu=3)


def test_a_region_that_is_down_for_long_enough_is_failed_over():
    office = Office(AUTOMATIC)
    office.away = ["n1"]
    office.look()
    office.look(2.9)
    assert office.asked == []
    office.look(0.1)
    office.told(Refused("silent"), level())
    assert office.proposed == [AdoptPolicy(replace(AUTOMATIC, epoch=1, writable=("us",)))]


def test_a_region_that_came_back_in_between_is_watched_anew():
    office = Office(AUTOMATIC)
    office.away = ["n1"]
    office.look()
    office.away = []
    office.look(2.0)
    office.away = ["n1"]
    office.look(1.0)
    office.look(2.0)
    assert office.asked == []


def test_nothing_is_failed_over_to_a_region_that_is_too_far_behind():
    office = Office(AUTOMATIC)
    office.away = ["n1"]
    office.look()
    office.look(3.0)
    office.told(Refused("silent"), level(heard_s=11))
    assert office.proposed == []


def test_without_a_policy_for_it_nothing_happens_by_itself():
    office = Office(POLICY)
    office.away = ["n1"]
    assert office.look() == 0
    assert office.look(60) == 0
    assert office.asked == []


def test_without_a_policy_for_it_nothing_goes_back_by_itself():
    office = Office(replace(POLICY, epoch=1, writable=("us",), home="eu", fail_over_after_ns=3 * SECOND_NS))
    for seconds in (0, 10, 10):
        office.look(seconds)
    assert office.asked == [] and office.proposed == []


def test_what_was_begun_is_completed_when_the_heir_has_all():
    policy = replace(POLICY, epoch=1, writable=(), heir="us")
    office = Office(policy)
    office.look()
    office.told(at(policy, eu=4), at(policy, eu=3))
    assert office.proposed == []
    office.look(0.2)
    office.told(at(policy, eu=4), at(policy, eu=4))
    assert office.proposed == [AdoptPolicy(replace(policy, epoch=2, writable=("us",), heir=""))]


def test_who_is_down_is_not_waited_for_and_who_is_silent_for_a_while():
    policy = replace(POLICY, epoch=1, writable=(), heir="us")
    for away, seconds, is_done in ((["n1"], 0.2, True), ([], 0.2, False), ([], 5.0, True)):
        office = Office(policy)
        office.away = away
        office.look()
        office.told(Refused("silent"), at(policy))
        office.proposed.clear()
        office.look(seconds)
        office.told(Refused("silent"), at(policy))
        assert bool(office.proposed) is is_done


def test_one_question_is_under_way_at_a_time():
    office = Office(replace(POLICY, epoch=1, writable=(), heir="us"))
    office.look()
    office.look(0.2)
    assert len(office.asked) == 2


def test_what_was_found_out_under_another_policy_changes_nothing():
    policy = replace(POLICY, epoch=1, writable=(), heir="us")
    office = Office(policy)
    office.look()
    asked, office.asked = office.asked, []
    office.directory = replace(office.directory, regions=replace(policy, epoch=2))
    office.look(0.2)
    office.asked = asked
    office.told(at(policy), at(policy))
    assert office.proposed == []


BACK = replace(POLICY, epoch=3, writable=("us",), home="eu", fail_back_after_ns=2 * SECOND_NS)


def behind(policy, seconds):
    return Position((), policy, (("us", int(seconds * SECOND_NS)),))


def test_a_home_that_has_been_whole_and_level_for_a_while_is_handed_back_to():
    office = Office(BACK)
    office.look()
    office.look(1.9)
    assert office.asked == []
    office.look(0.1)
    office.told(behind(BACK, 1), at(BACK))
    assert office.proposed == [AdoptPolicy(replace(BACK, epoch=4, writable=(), heir="eu"))]


def test_a_home_that_is_behind_or_silent_is_not_handed_back_to_yet():
    for answer in (behind(BACK, 1.1), at(BACK), Refused("silent")):
        office = Office(BACK)
        office.look()
        office.look(2.0)
        office.told(answer, at(BACK))
        assert office.proposed == []


def test_a_home_that_is_not_whole_is_waited_for_anew():
    office = Office(BACK)
    office.look()
    office.away = ["n1"]
    office.look(1.0)
    office.away = []
    office.look(1.0)
    office.look(1.0)
    assert office.asked == []


def test_a_home_that_takes_writes_is_left_alone():
    office = Office(replace(BACK, writable=("eu",)))
    office.look()
    office.look(60)
    assert office.asked == []


# --- shard 0 ----------------------------------------------------------------------------------------------------------


def test_of_two_changes_of_the_regions_one_holds_and_the_other_is_told_so():
    layout = make_regional_layout(NODES, shards=1, replicas=1, config=DatabaseConfig(), policy=POLICY)
    machine = ShardMachine(layout, layout.shards[0], SessionTable(9))
    session = int(machine.apply(1, OpenSession("n1", 1)).value)
    first, second = (replace(POLICY, epoch=1, writable=(region,)) for region in ("us", "eu"))
    told = [
        machine.apply(number + 1, Execute("n1", number, 1, session, number, 0, ChangeRegions("regions", policy))).value
        for number, policy in enumerate((first, second, first, replace(second, epoch=2)), 1)
    ]
    assert told == ["", "the regions were changed meanwhile: look, and ask again", "", ""]
    assert machine.directory.regions == replace(second, epoch=2)
