"""Tables of regions as they tell each other what they have: duplicates, gaps, relays, what is collected, snapshots."""

import pytest

from PhantomLibrary.domain.regions import Dot
from tests.unit.protocols.replication_harness import REGIONS, STRATEGIES, Regions, policy_of, reloaded

# --- replicating ------------------------------------------------------------------------------------------------------


def test_what_comes_twice_counts_once():
    it = Regions()
    it.write("eu", "increment k 1")
    first = it.send("eu", "us")
    it.write("eu", "increment k 1")
    it.send("eu", "us")
    digest = it["us"].digest()
    it["us"].receive(first)
    assert it.read("us", "k").value == "2"
    assert it["us"].digest() == digest


def test_what_is_beyond_a_gap_waits():
    it = Regions()
    for _ in range(3):
        it.write("eu", "increment k 1")
    it.send("eu", "us", acked=(("eu", 1),), at=7)
    assert it.read("us", "k").value is None
    assert it["us"].heard == {}
    it.send("eu", "us", at=8)
    assert it.read("us", "k").value == "3"
    assert it["us"].heard == {"eu": 8}


def test_batches_are_bounded_and_never_empty_while_something_lacks():
    it = Regions()
    for number in range(5):
        it.write("eu", f"put k{number} {'x' * 100}")
    assert len(it.batch("eu", "us", bytes_max=1).changes) == 1
    assert len(it.batch("eu", "us", bytes_max=350).changes) == 2
    it.send("eu", "us", bytes_max=1, at=5)
    assert it["us"].heard == {}
    assert it["us"].missing("eu", ()) == 1
    assert it["eu"].missing("eu", it["us"].applied) == 4


def test_changes_of_others_are_relayed_for_whom_they_did_not_reach():
    it = Regions()
    it.write("eu", "put k 1")
    it.send("eu", "us")
    assert it.send("us", "ap").changes == ()
    it.send("us", "ap", relayed=("eu", "ap", "us"))
    assert it["ap"].visible() == {"k": ("1",)}
    assert not it["us"].has((("eu", 2),))
    assert it["us"].has((("eu", 1),))


def test_who_goes_by_an_older_policy_is_not_heard_and_a_newer_one_is_adopted():
    it = Regions()
    it.write("us", "put k 1")
    old = it.batch("us", "eu")
    it["eu"].adopt(policy_of(epoch=3, members=("ap", "eu")))
    it["eu"].receive(old)
    assert it["eu"].visible() == {}
    it.send("eu", "ap")
    assert it["ap"].policy.epoch == 3
    it["us"].adopt(it["eu"].policy)
    it.send("us", "eu")
    assert it["eu"].visible() == {}  # It is no member.


# --- collecting -------------------------------------------------------------------------------------------------------


def test_tombstone_stays_until_nothing_can_come_that_it_would_win_over():
    it = Regions()
    it.write("eu", "put k 1", at=1)
    it.meet()
    it.write("us", "put k 2", at=2)  # Which nobody hears of yet.
    it.write("eu", "delete k", at=3)
    it.send("eu", "ap")
    it.send("ap", "eu")
    assert dict(it["eu"].items()) != {}
    it.send("eu", "us")
    it.send("us", "eu")
    assert it["eu"].visible() == {}
    it.meet()
    assert [dict(table.items()) for table in it.tables.values()] == [{}] * 3


def test_removed_sets_and_logs_leave_nothing_behind():
    it = Regions()
    it.write("eu", "append k x")
    it.write("us", "append k y")
    it.meet()
    it.write("ap", "remove k x")
    it.write("ap", "delete k")
    it.meet(rounds=3)
    assert [dict(table.items()) for table in it.tables.values()] == [{}] * 3
    assert [table.bytes for table in it.tables.values()] == [0, 0, 0]


def test_region_that_is_silent_keeps_everything_until_it_is_forgotten():
    it = Regions()
    it.write("eu", "put k 1")
    it.write("eu", "delete k")
    for _ in range(3):
        it.send("eu", "us")
        it.send("us", "eu")
    assert dict(it["eu"].items()) != {}
    for region in ("eu", "us"):
        it[region].adopt(policy_of(epoch=2, members=("eu", "us")))
    assert dict(it["eu"].items()) != {}  # What us said before it forgot ap does not count.
    for _ in range(2):
        it.send("eu", "us")
        it.send("us", "eu")
    assert [it[region].bytes for region in ("eu", "us")] == [0, 0]


def test_last_region_waits_for_nobody():
    it = Regions()
    it["eu"].adopt(policy_of(epoch=2, members=("eu",)))
    it.write("eu", "put k 1")
    it.write("eu", "delete k")
    assert it["eu"].bytes == 0


# --- what sessions carry ----------------------------------------------------------------------------------------------


def test_read_tells_what_its_value_is_made_of_and_what_the_writers_had_seen():
    it = Regions()
    it.write("eu", "put other 1")
    it.write("eu", "put k 1", seen=(("m", (("us", 4),)),))
    it.meet()
    shown = it.read("us", "k")
    assert shown.context == (("eu", 2),)
    assert shown.deps == (("m", (("us", 4),)),)
    it.write("us", "append s x", seen=(("m", (("us", 4),)),))
    it.write("us", "append s y", seen=(("a", (("eu", 2),)), ("m", (("ap", 1),))))
    assert it.read("us", "s").deps == (("a", (("eu", 2),)), ("m", (("ap", 1), ("us", 4))))


def test_deleted_key_tells_of_its_deletion_until_everybody_knows():
    it = Regions()
    it.write("eu", "put k 1")
    it.write("eu", "delete k", seen=(("m", (("us", 4),)),))
    shown = it.read("eu", "k")
    assert (shown.value, shown.context, shown.deps) == (None, (("eu", 2),), (("m", (("us", 4),)),))


# --- snapshots --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conflicts", STRATEGIES)
def test_table_comes_through_a_snapshot(conflicts):
    it = Regions(conflicts)
    for region in REGIONS:
        it.write(region, "put k 1")
        it.write(region, "append s x")
        it.write(region, "increment c 2")
        it.write(region, "put gone 2")
    it.send("eu", "us")
    it.write("us", "delete gone", context=it.read("us", "gone").context)
    it.write("us", "remove s x")
    it.send("us", "ap")
    for region in REGIONS:
        other = reloaded(it[region])
        assert other.digest() == it[region].digest()
        assert other.bytes == it[region].bytes
        assert other.visible() == it[region].visible()
        it.tables[region] = other
    it.meet()
    assert it.visible()["c"] == ("6",)


def test_digest_tells_tables_apart():
    digests = set()
    for words in ("put k 1", "put k 2", "put j 1", "append k 1", "increment k 1"):
        it = Regions()
        it.write("eu", words)
        digests.add(it["eu"].digest())
    assert len(digests) == 5


# --- what hardly ever happens -----------------------------------------------------------------------------------------


def test_region_counts_as_knowing_only_once_all_is_here_that_it_wrote_before():
    it = Regions()
    it.write("eu", "put k 1", at=1)
    it.meet()
    it.write("us", "put other 1", at=2)
    it.write("us", "put k 2", at=2)
    it.write("eu", "delete k", at=9)
    for region in ("ap", "us"):
        it.send("eu", region)
    it.send("ap", "eu")
    it.send("us", "eu", bytes_max=1)  # It has the delete, and only the first of what it wrote before is here.
    assert dict(it["eu"].items())["k"].versions != []
    it.send("us", "eu")
    assert it["eu"].visible() == {"other": ("1",)}


def test_what_a_lost_region_wrote_last_cannot_bring_back_what_is_deleted():
    it = Regions()
    it.write("ap", "put k 1", at=1)
    it.send("ap", "us")  # And ap is lost: eu never hears of it but from us.
    it.write("eu", "put k 2", at=2)
    it.write("eu", "delete k", at=3)
    it.send("eu", "us")
    for region in ("eu", "us"):
        it[region].adopt(policy_of(epoch=2, members=("eu", "us")))
    it.send("us", "eu")  # It has all of eu's, and a write of ap's that eu lacks.
    it.send("us", "eu", relayed=("ap",))
    assert it["eu"].visible() == {}
    it.send("eu", "us")
    it.send("us", "eu")
    assert [it[region].bytes for region in ("eu", "us")] == [0, 0]


def test_nothing_waits_for_what_only_a_lost_region_had():
    it = Regions("multi value")
    context = it["ap"].context_after(it.write("ap", "put k 1"))
    it.write("eu", "delete k", context=context)
    for region in ("eu", "us"):
        it[region].adopt(policy_of("multi value", epoch=2, members=("eu", "us")))
    for _ in range(2):
        it.send("eu", "us")
        it.send("us", "eu")
    assert [it[region].bytes for region in ("eu", "us")] == [0, 0]


def test_older_policy_of_a_member_is_not_gone_by():
    it = Regions()
    it.write("us", "put k 1")
    old = it.batch("us", "eu")
    it["eu"].adopt(policy_of(epoch=2, writable=("eu",)))
    it["eu"].receive(old)
    assert it["eu"].visible() == {}
    it["eu"].adopt(policy_of(epoch=2))
    assert it["eu"].policy.writable == ("eu",)  # Of one epoch there is one policy.


def test_old_batch_does_not_turn_back_the_time_when_all_was_here():
    it = Regions()
    first = it.send("eu", "us", at=5)
    it.send("eu", "us", at=9)
    it["us"].receive(first)
    assert it["us"].heard == {"eu": 9}


def test_nobody_is_told_what_it_wrote_itself():
    it = Regions()
    it.write("ap", "put k 1")
    it.send("ap", "us")
    assert it.batch("us", "ap", acked=(), relayed=REGIONS).changes == ()


def test_context_that_is_ahead_of_its_region_stays_with_the_writer():
    it = Regions("multi value")
    context = it["us"].context_after(it.write("us", "put k 1"))
    context = it["eu"].context_after(it.write("eu", "put k 2", context=context))
    assert context == (("eu", 1), ("us", 1))


@pytest.mark.parametrize("conflicts", STRATEGIES)
def test_add_takes_the_place_of_those_it_knows(conflicts):
    it = Regions(conflicts)
    it.write("eu", "append s x")
    it.write("us", "append s x")
    assert it.send("us", "eu").changes != ()
    assert it["eu"].versions("s") == (Dot("eu", 1), Dot("us", 1))
    it.write("eu", "append s x")
    assert it["eu"].versions("s") == (Dot("eu", 2),)
