"""A region's table: what each strategy makes of writes that knew nothing of each other, and what is told of it."""

import pytest

from PhantomLibrary.domain import Cas
from PhantomLibrary.domain.operations import RegionalWrite
from PhantomLibrary.domain.regions import Dot
from tests.unit.protocols.replication_harness import REGIONS, STRATEGIES, Regions, policy_of

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
    it = Regions("custom", merge="+".join)
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
        (len, "merge function shop:merge returned int, no str, for k: 2"),
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
    raw = it["ap"].read("k", as_written=True)
    assert (raw.values, raw.refusal, raw.context) == (("1", "2"), "", shown.context)
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


@pytest.mark.parametrize(("words", "how"), [("increment k 1", "counter"), ("append k a", "set"), ("remove k a", "set")])
def test_changes_that_knew_nothing_of_each_other_are_counted_others_are_not(words, how):
    it = Regions()
    it.write("eu", words)
    it.meet()
    it.write("us", words, context=it.read("us", "k").context)
    it.meet()
    assert [it[region].counts for region in REGIONS] == [{}] * 3
    it.write("eu", words, context=it.read("eu", "k").context)
    it.write("us", words, context=it.read("us", "k").context)
    it.meet()
    assert it["ap"].counts == {how: 1}


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
