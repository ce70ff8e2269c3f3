"""What a region's shard replicates: writes once, batches under the right policy, all of it in a snapshot."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.config import DatabaseConfig, make_regional_layout
from PhantomLibrary.database.messages import Execute, OpenSession, SessionExpired, StaleRoute
from PhantomLibrary.database.regions.machine import RegionMachine
from PhantomLibrary.database.regions.messages import AdoptPolicy, Declined, DoneHere, NotWritable, ReceiveBatch
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.domain import Increment, Put, RegionWrote, WriteSuperseded
from PhantomLibrary.domain.operations import RegionalWrite
from PhantomLibrary.domain.region_policy import RegionPolicy
from PhantomLibrary.placement.snapshot import PlacedNode

POLICY = RegionPolicy(0, ("eu", "us"), ("eu", "us"))
NODES = [PlacedNode(f"n{number}", f"z{number}", region) for number, region in enumerate(("eu", "us"), 1)]


def make_machine(region="eu", policy=POLICY):
    config = DatabaseConfig(snapshot_chunk_bytes=100)
    layout = make_regional_layout(NODES, shards=1, replicas=1, config=config, policy=policy)
    descriptor = next(each for each in layout.shards if each.region == region)
    return RegionMachine(layout, descriptor, SessionTable(9))


class Script:
    def __init__(self, region="eu", policy=POLICY):
        self.machine = make_machine(region, policy)
        self.session = int(self.apply(OpenSession("n1", 1)).value)
        self.sequence = 0

    def apply(self, command):
        return self.machine.apply(self.machine.applied_index + 1, command)

    def write(self, operation, *, at_ns=100, sequence=0, epoch=None, seen=()):
        self.sequence = sequence or self.sequence + 1
        write = RegionalWrite(operation.key, operation, seen)
        epoch = self.machine.epoch if epoch is None else epoch
        return self.apply(Execute("n1", 1, epoch, self.session, self.sequence, at_ns, write))

    def batch(self, acked=()):
        return self.machine.table.batch_for("other", acked, at_ns=1)

    def take(self, other, acked=()):
        return self.apply(ReceiveBatch("n1", 1, other.batch(acked))).answer

    def read(self, key):
        return self.machine.read_here(key).value


@pytest.fixture
def eu():
    return Script()


@pytest.fixture
def us():
    return Script("us")


def test_a_write_is_told_with_what_its_client_has_seen_now(eu):
    assert eu.write(Put("a", "1")) == DoneHere(None, (("", (("eu", 1),)),), (("eu", 1),))
    assert eu.read("a") == "1"


def test_a_write_that_is_tried_again_happens_once_and_is_told_as_the_same_one(eu):
    first = eu.write(Increment("a", 1))
    eu.write(Increment("b", 1), sequence=2)
    eu.write(Increment("b", 1), sequence=2)
    assert (eu.read("a"), eu.read("b")) == ("1", "1")
    assert eu.write(Increment("b", 1), sequence=2).seen == (("", (("eu", 2),)),)
    assert type(eu.write(Increment("a", 1), sequence=1)) is SessionExpired
    assert first.seen == (("", (("eu", 1),)),)


def test_what_others_have_written_comes_once_however_often_it_is_sent(eu, us):
    us.write(Increment("a", 5))
    for _ in range(3):
        assert eu.take(us).vector == (("us", 1),)
    assert eu.read("a") == "5"


def test_what_makes_no_sense_is_declined_and_may_be_followed_by_what_does(eu):
    eu.write(Put("a", "1"))
    assert type(eu.write(Increment("a", 1))) is Declined
    assert type(eu.write(Put("a", "2"))) is DoneHere


def test_a_region_that_is_not_writable_refuses_in_its_log_and_remembers_nothing():
    script = Script(policy=replace(POLICY, writable=("us",)))
    assert script.write(Put("a", "1"), sequence=1) == NotWritable(script.machine.policy)
    script.apply(AdoptPolicy(replace(POLICY, epoch=1)))
    assert type(script.write(Put("a", "1"), sequence=1)) is DoneHere


def test_with_another_policy_attempts_from_before_are_refused(eu):
    before = eu.machine.epoch
    eu.apply(AdoptPolicy(replace(POLICY, epoch=1, writable=("us",))))
    assert type(eu.write(Put("a", "1"), epoch=before)) is StaleRoute
    assert eu.machine.descriptor.epoch == eu.machine.applied_index - 1
    assert eu.read("a") is None


def test_an_older_policy_is_not_taken_up(eu):
    newer = replace(POLICY, epoch=2, writable=("us",))
    eu.apply(AdoptPolicy(newer))
    eu.apply(AdoptPolicy(replace(POLICY, epoch=1)))
    assert eu.machine.policy == newer


def test_a_batch_under_an_older_policy_is_not_applied_and_answered_with_the_newer_one(eu, us):
    us.write(Put("a", "old"))
    newer = replace(POLICY, epoch=1, writable=("eu",))
    eu.apply(AdoptPolicy(newer))
    told = eu.take(us)
    assert (told.vector, told.policy, eu.read("a")) == ((), newer, None)
    us.apply(AdoptPolicy(told.policy))
    assert eu.take(us).vector == (("us", 1),)  # It is not lost: it comes again, under the policy that holds.


def test_a_batch_under_the_policy_that_holds_leaves_the_epoch(eu, us):
    us.write(Put("a", "1"))
    before = eu.machine.epoch
    eu.take(us)
    assert eu.machine.epoch == before


def test_a_batch_without_changes_teaches_what_its_sender_has_once_all_is_here_that_it_wrote(eu, us):
    empty = replace(us.batch(), changes=())
    assert not eu.machine.learns_from(empty)

    us.write(Put("a", "1"))
    assert not eu.machine.learns_from(replace(us.batch(), changes=()))  # Nobody may go by it before the change is here.
    eu.take(us)
    eu.write(Put("b", "1"))
    us.take(eu)
    assert eu.machine.learns_from(replace(us.batch(), changes=()))
    eu.take(us)
    assert not eu.machine.learns_from(replace(us.batch(), changes=()))


def test_a_batch_brings_a_newer_policy_along(eu, us):
    newer = replace(POLICY, epoch=1, writable=("us",))
    us.apply(AdoptPolicy(newer))
    eu.take(us)
    assert eu.machine.policy == newer
    assert type(eu.write(Put("a", "1"))) is NotWritable


def test_a_region_that_was_forgotten_answers_no_reads(eu):
    eu.apply(AdoptPolicy(replace(POLICY, epoch=1, members=("us",), writable=("us",))))
    assert "forgotten" in eu.machine.read_here("a").reason


def test_a_read_says_what_its_value_depends_on(eu):
    eu.write(Put("a", "1"), seen=(("k5", (("us", 7),)),))
    assert eu.machine.read_here("a").seen == (("", (("eu", 1),)), ("k5", (("us", 7),)))


def test_what_is_missing_of_what_a_client_has_seen_is_said_of_this_slot_and_of_members_alone(eu):
    eu.write(Put("a", "1"))
    seen = (("", (("eu", 1), ("us", 3), ("xx", 9))), ("k5", (("us", 8),)))
    assert eu.machine.why_behind(seen) == "region eu lacks 3 writes of region us that this client has seen"
    assert eu.machine.why_behind((("", (("eu", 1),)),)) == ""


def test_writes_and_what_was_dropped_for_others_are_shown_once(eu, us):
    eu.write(Put("a", "1"), at_ns=100)
    us.write(Put("a", "2"), at_ns=200)
    eu.take(us)
    wrote, dropped = eu.machine.take_news("n1", 1, 0)
    assert (type(wrote), wrote.node, wrote.shard, wrote.change.operation) == (RegionWrote, "n1", 1, Put("a", "1"))
    assert (type(dropped), dropped.region, dropped.key) == (WriteSuperseded, "eu", "a")
    assert (dropped.loser.operation.value, dropped.winner.operation.value) == ("1", "2")
    assert eu.machine.take_news("n1", 1, 0) == [] and not eu.machine.news


def test_a_snapshot_holds_all_of_it_in_chunks(eu, us):
    for number in range(20):
        us.write(Put(f"k{number:02}", str(number)))
    eu.take(us)
    eu.write(Put("own", "1"))
    eu.apply(AdoptPolicy(replace(POLICY, epoch=4, writable=("us",))))
    chunks = eu.machine.snapshot()
    assert len(chunks) > 4

    copy = make_machine()
    copy.restore(chunks)
    assert copy.digest() == eu.machine.digest()
    assert (copy.policy, copy.epoch, copy.table.visible()) == (
        eu.machine.policy,
        eu.machine.epoch,
        eu.machine.table.visible(),
    )
    assert copy.bytes == eu.machine.bytes
    assert copy.snapshot() == chunks


def test_machines_that_differ_in_one_key_differ_in_their_digests(eu):
    other = Script()
    eu.write(Put("a", "1"))
    other.write(Put("a", "2"))
    assert eu.machine.digest() != other.machine.digest()
