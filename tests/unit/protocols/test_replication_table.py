"""A region's table: what each strategy makes of writes that knew nothing of each other, and what is told of it."""

import pytest

from PhantomLibrary.domain import Cas
from PhantomLibrary.domain.operations import RegionalWrite
from PhantomLibrary.domain.regions import Dot
from tests.unit.protocols.replication_harness import REGIONS, Regions, policy_of, reloaded

STRATEGIES = ("last writer wins", "multi value", "custom")


# --- last writer wins -------------------------------------------------------------------------------------------------


def test_later_write_wins_in_all_regions_and_the_loser_is_told():
    it = Regions()
    lost = it.write("us", "put k 1", at=10)
    won = it.write("eu", "put k 2", at=11)
    it.meet()
    assert it.visible() == {"k": ("2",)}
    for region in ("us", "eu", "ap"):
        [told] = it[region].news
        assert (told.loser, told.winner) == (lost, won)
        assert told.reason == "last writer wins: written 1 ns later"
        assert it[region].counts == {"last writer wins": 1}


def test_of_writes_at_one_time_the_region_that_is_later_by_name_wins():
    it = Regions()
    it.write("us", "put k 1", at=10)
    it.write("eu", "put k 2", at=10)
    it.meet()
    assert it.visible() == {"k": ("1",)}
    assert it["eu"].news[0].reason == "last writer wins: written at the same time, and us comes after eu"


def test_write_that_knew_the_other_is_later_however_wrong_its_clock():
    it = Regions()
    first = it.write("eu", "put k 1", at=1_000)
    it.send("eu", "us")
    second = it.write("us", "put k 2", at=5)
    assert second.at_ns == first.at_ns + 1
    it.meet()
    assert it.visible() == {"k": ("2",)}
    assert [it[region].news for region in REGIONS] == [[], [], []]


def test_delete_wins_over_earlier_writes_and_loses_to_later_ones():
    it = Regions()
    it.write("eu", "put k 1", at=10)
    it.write("us", "delete k", at=20)
    it.write("eu", "put j 1", at=30)
    it.write("us", "delete j", at=21)
    it.meet()
    assert it.visible() == {"j": ("1",)}
    assert it.read("ap", "k").value is None


def test_change_that_comes_after_one_that_knew_it_is_no_conflict():
    it = Regions()
    it.write("eu", "put k 1")
    it.send("eu", "us")
    it.write("us", "put k 2")
    it.send("us", "ap")  # Before eu's.
    it.send("eu", "ap")
    assert it["ap"].visible() == {"k": ("2",)}
    assert it["ap"].news == []
    assert it["ap"].counts == {}


# --- siblings ---------------------------------------------------------------------------------------------------------


def test_multi_value_keeps_both_until_somebody_who_has_read_both_writes():
    it = Regions("multi value")
    it.write("eu", "put k 1", at=1)
    it.write("us", "put k 2", at=2)
    it.meet()
    assert it.visible() == {"k": ("1", "2")}
    shown = it.read("ap", "k")
    assert (shown.value, shown.values) == ("2", ("1", "2"))
    it.write("ap", "put k 3", context=shown.context)
    it.meet()
    assert it.visible() == {"k": ("3",)}
    assert [it[region].counts for region in REGIONS] == [{"multi value": 1}] * 3


def test_blind_writes_of_one_region_are_siblings():
    it = Regions("multi value")
    it.write("eu", "put k 1")
    it.write("eu", "put k 2")
    assert it["eu"].visible() == {"k": ("1", "2")}
    assert it["eu"].versions("k") == (Dot("eu", 1), Dot("eu", 2))


def test_writer_goes_on_from_its_own_write():
    it = Regions("multi value")
    context = it["eu"].context_after(it.write("eu", "put k 1"))
    context = it["eu"].context_after(it.write("eu", "put k 2", context=context))
    assert it["eu"].visible() == {"k": ("2",)}
    it.write("us", "put k 3")
    it.send("us", "eu")
    context = it["eu"].context_after(it.write("eu", "put k 4", context=context))
    it.write("eu", "put k 5", context=context)
    assert it["eu"].visible() == {"k": ("3", "5")}


def test_writer_never_covers_a_sibling_that_it_has_not_read():
    it = Regions("multi value")
    it.write("eu", "put k other")
    context = it["eu"].context_after(it.write("eu", "put k 1"))
    assert context == ()
    it.write("eu", "put k 2", context=context)
    assert it["eu"].visible() == {"k": ("other", "1", "2")}


def test_version_that_comes_after_one_that_covers_it_stays_away():
    it = Regions("multi value")
    it.write("eu", "put k 1")
    it.send("eu", "us")
    it.write("us", "put k 2", context=it.read("us", "k").context)
    it.send("us", "ap")
    it.send("eu", "ap")
    assert it["ap"].visible() == {"k": ("2",)}
    assert it["ap"].counts == {}


def test_delete_leaves_siblings_that_it_did_not_know():
    it = Regions("multi value")
    it.write("eu", "put k 1")
    it.meet()
    it.write("us", "put k 2", context=it.read("us", "k").context)
    it.write("eu", "delete k", context=it.read("eu", "k").context)
    it.meet()
    assert it.visible() == {"k": ("2",)}


def test_merge_function_makes_one_value_when_it_is_read():
    it = Regions("custom", merge=lambda values: "+".join(values))
    it.write("eu", "put k 1", at=2)
    it.write("us", "put k 2", at=1)
    it.write("us", "put j 3")
    it.meet()
    assert {it.read(region, "k").value for region in REGIONS} == {"2+1"}
    assert it.read("ap", "k").values == ("2+1",)
    assert it.read("ap", "j").value == "3"
    assert it.visible()["k"] == ("2", "1")


def _raises(values):
    raise KeyError("no rule for " + values[0])


@pytest.mark.parametrize(
    ("merge", "said"),
    [
        (_raises, "merge function shop:merge raised KeyError for k: 'no rule for 1'"),
        (lambda values: len(values), "merge function shop:merge returned int, no str, for k: 2"),
        (None, "k has 2 values, and no merge function is there to make one of them"),
    ],
)
def test_merge_function_that_fails_refuses_the_read_and_harms_nothing(merge, said):
    it = Regions("custom", merge=merge, name="shop:merge")
    it.write("eu", "put k 1")
    it.write("us", "put k 2")
    it.meet()
    shown = it.read("ap", "k")
    assert (shown.value, shown.values, shown.refusal) == (None, (), said)
    it.write("ap", "put k 3", context=shown.context)
    it.meet()
    assert it.read("eu", "k").value == "3"


def test_merge_function_cannot_change_what_is_kept():
    it = Regions("custom", merge=lambda values: values.pop())
    it.write("eu", "put k 1")
    it.write("us", "put k 2")
    it.meet()
    assert [it.read("ap", "k").value for _ in range(2)] == ["2", "2"]


# --- sets and counters ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conflicts", STRATEGIES)
def test_counters_add_up(conflicts):
    it = Regions(conflicts)
    it.write("eu", "increment k 5")
    it.write("us", "increment k -2")
    it.write("us", "increment k 1")
    it.meet()
    assert it.visible() == {"k": ("4",)}


@pytest.mark.parametrize("conflicts", STRATEGIES)
def test_add_survives_a_removal_that_did_not_know_it(conflicts):
    it = Regions(conflicts)
    for element in ("x", "y", "z"):
        it.write("eu", f"append k {element}")
    it.meet()
    it.write("eu", "append k x")
    it.write("us", "remove k x")
    it.write("us", "remove k y")
    it.meet()
    assert it.visible() == {"k": ("z x",)}


def test_removal_holds_for_adds_that_come_after_it():
    it = Regions()
    it.write("eu", "append k x")
    it.send("eu", "us")
    it.write("us", "remove k x")
    it.write("us", "delete j")
    it.send("us", "ap")
    it.send("eu", "ap")
    assert it["ap"].visible() == {}


@pytest.mark.parametrize("conflicts", STRATEGIES)
def test_delete_of_a_set_removes_what_its_region_has(conflicts):
    it = Regions(conflicts)
    it.write("eu", "append k x")
    it.meet()
    it.write("us", "append k y")
    it.write("eu", "delete k")
    it.meet()
    assert it.visible() == {"k": ("y",)}


# --- types ------------------------------------------------------------------------------------------------------------


def test_key_has_the_type_of_its_first_write():
    it = Regions()
    it.write("eu", "put t 1")
    it.write("eu", "append s x")
    it.write("eu", "increment c 1")
    assert it.why_not("eu", "append t x") == "t is a register: append is for a set"
    assert it.why_not("eu", "put s x") == "s is a set: put is for a register"
    assert it.why_not("eu", "remove c x") == "c is a counter: remove is for a set"
    assert it.why_not("eu", "delete c") == "c is a counter: a counter is not deleted"
    it.write("eu", "delete t")
    it.write("eu", "append t x")


def test_types_that_meet_are_kept_and_the_counter_comes_to_light_when_it_can():
    it = Regions()
    it.write("ap", "put k text")
    it.write("eu", "append k x")
    it.write("us", "increment k 1")
    it.meet()
    assert it.visible() == {"k": ("text",)}
    it.write("us", "delete k")
    it.meet()
    assert it.visible() == {"k": ("1",)}  # A delete takes what is there, and counters stay.


def test_cas_needs_one_order():
    why = Regions()["eu"].why_not(RegionalWrite("k", Cas("k", None, "1")))
    assert why == "cas needs one order of all writes, which regions that write on their own do not have"


def test_who_may_not_write_says_who_may():
    it = Regions(writable=("eu",))
    assert it.why_not("us", "put k 1") == "region us takes no writes: eu does at present"
    it["us"].adopt(policy_of(epoch=2, members=("eu", "ap")))
    assert it.why_not("us", "put k 1") == "region us is no member any more: eu, ap hold the data"
    it["eu"].adopt(policy_of(epoch=2, writable=()))
    assert it.why_not("eu", "put k 1") == "region eu takes no writes: no region does at present"


def test_counter_stays_in_its_range():
    it = Regions()
    it.write("eu", f"increment c {1 << 60}")
    assert "leave its range" in it.why_not("eu", "increment c 1")
    assert it.why_not("eu", "increment c -1") == ""


def test_context_cannot_name_what_the_region_has_not_taken():
    it = Regions("multi value")
    assert it.why_not("eu", "put k 1", context=(("eu", 1),)).startswith("the context of this write to k names writes")
    assert it.why_not("eu", "put k 1", context=(("us", 1),)) == ""  # What eu has not heard of yet.


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
