"""What became of every write: each fate, and each thing that can be wrong, by hand; then tables as they are."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.checking.divergence import Diverged, account, check_divergence
from PhantomLibrary.checking.history import pair
from PhantomLibrary.checking.region_ends import RegionEnd, check_regions_agree
from PhantomLibrary.domain import MILLISECOND_NS, Append, Delete, HistoryEvent, Increment, Put, Remove
from PhantomLibrary.domain.regions import Change, Dot, RegionWrote, WriteSuperseded

_MAKERS = {"put": Put, "append": Append, "remove": Remove}


def _operation(words):
    verb, key, *text = words.split()
    if verb == "delete":
        return Delete(key)
    return Increment(key, int(text[0])) if verb == "increment" else _MAKERS[verb](key, text[0])


def change(region, count, words, *, at=0, knows="", deps=()):
    """A change at so many milliseconds; `knows` is its context, as in `eu 1, us 2`."""
    return Change(Dot(region, count), at * MILLISECOND_NS, _operation(words), vector(knows), deps)


def vector(words):
    pairs = (pair.split() for pair in words.split(",") if pair.strip())
    return tuple((region, int(count)) for region, count in pairs)


def end(region, applied, values=None, versions=None):
    """A region at the end: what it shows by key, and which writes that is from, as in `eu 1, us 2`."""
    dots = {key: tuple(Dot(*pair) for pair in vector(words)) for key, words in (versions or {}).items()}
    shown = {key: value if isinstance(value, tuple) else (value,) for key, value in (values or {}).items()}
    return RegionEnd(region, (("a", vector(applied)),), shown, dots)


def told(loser, winner, reason="it was later"):
    return WriteSuperseded("n1", 1, "eu", "a", loser.operation.key, loser, winner, reason)


def operations_of(*lines):
    """Operations `function key argument`, each confirmed unless a word more says how it ended."""
    events = []
    for process, line in enumerate(lines):
        function, key, argument, *ending = line.split()
        value = None if argument == "-" else argument
        for kind in ("invoke", *(ending or ["ok"])):
            events.append(HistoryEvent(len(events), len(events), process, kind, function, key, value))
    return pair(events)


def diverged(changes, ends, *operations, superseded=(), **fields):
    wrote = [(each.at_ns, RegionWrote(node, 1, "a", each)) for each in changes for node in ("n1", "n2")]
    return Diverged(wrote, superseded, ends, operations_of(*operations), **fields)


def both(applied, values=None, versions=None):
    return [end(region, applied, values, versions) for region in ("eu", "us")]


def fates(all_of_it):
    return {(each.change.dot.region, each.change.dot.count): each.fate for each in account(all_of_it)}


def test_write_that_is_shown_is_visible():
    it = diverged([change("eu", 1, "put k 1")], both("eu 1", {"k": "1"}, {"k": "eu 1"}), "write k 1")
    assert fates(it) == {("eu", 1): "visible"}
    assert check_divergence(it).headline == "valid: 1 operations, 1 confirmed"


def test_write_that_was_known_to_the_next_is_overwritten():
    changes = [change("eu", 1, "put k 1", at=1), change("us", 1, "put k 2", at=2, knows="eu 1")]
    ends = both("eu 1, us 1", {"k": "2"}, {"k": "us 1"})
    it = diverged(changes, ends, "write k 1", "write k 2")
    assert fates(it) == {("eu", 1): "overwritten", ("us", 1): "visible"}
    assert check_divergence(it).outcome == "valid"
    assert account(it)[0].line == (
        "the write of 1 to k at 0.001 s (eu 1), confirmed: overwritten by the write of 2 to k at 0.002 s (us 1)"
        " (who wrote that knew of it)"
    )
    unknowing = diverged([changes[0], replace(changes[1], context=())], ends, "write k 1", "write k 2")
    found = check_divergence(unknowing)
    assert found.headline == (
        "DIV-001: the write of 1 to k at 0.001 s (eu 1), was confirmed and is not accounted for:"
        " eu, us applied it and does not show it"
    )


def test_write_is_not_overwritten_by_one_that_nobody_has():
    changes = [change("eu", 1, "put k 1", at=1), change("us", 1, "put k 2", at=2, knows="eu 1")]
    it = diverged(changes, [end("eu", "eu 1")], "write k 1", given_up=["us"])
    assert check_divergence(it).code == "DIV-001"


def test_write_that_was_told_is_superseded():
    loser, winner = change("eu", 1, "put k 1", at=1), change("us", 1, "put k 2", at=2)
    ends = both("eu 1, us 1", {"k": "2"}, {"k": "us 1"})
    it = diverged([loser, winner], ends, "write k 1", "write k 2", superseded=[told(loser, winner)] * 2)
    [fate, _] = account(it)
    assert (fate.fate, fate.by, fate.why, fate.is_confirmed) == ("superseded", winner, "it was later", True)
    assert check_divergence(it).outcome == "valid"
    assert check_divergence(replace(it, superseded=[])).code == "DIV-001"


def test_write_cannot_be_superseded_by_one_that_is_not_later():
    loser, winner = change("eu", 1, "put k 1", at=3), change("us", 1, "put k 2", at=2)
    ends = both("eu 1, us 1", {"k": "2"}, {"k": "us 1"})
    found = check_divergence(diverged([loser, winner], ends, "write k 1", superseded=[told(loser, winner)]))
    assert found.code == "DIV-001"
    assert found.message.endswith("was dropped for the write of 2 to k at 0.002 s (us 1), which is not later")
    same = [told(change("us", 1, "put k 1", at=2), change("eu", 1, "put k 2", at=2))]
    assert check_divergence(diverged([loser, winner], ends, "write k 1", superseded=same)).code == "DIV-001"


@pytest.mark.parametrize("knowledge", [{"knows": "us 1"}, {"deps": (("a", (("us", 1),)),)}])
def test_write_cannot_be_lost_to_one_that_it_had_seen(knowledge):
    loser, winner = change("eu", 1, "put k 1", at=1, **knowledge), change("us", 1, "put k 2", at=2)
    ends = both("eu 1, us 1", {"k": "2"}, {"k": "us 1"})
    found = check_divergence(diverged([loser, winner], ends, "write k 1", superseded=[told(loser, winner)]))
    assert found.headline == (
        "DIV-002: the write of 1 to k at 0.001 s (eu 1), was dropped for the write of 2 to k at 0.002 s (us 1),"
        " which its writer had seen"
    )
    elsewhere = replace(loser, context=(), deps=(("m", (("us", 1),)),))
    assert (
        check_divergence(diverged([elsewhere, winner], ends, "write k 1", superseded=[told(elsewhere, winner)])).outcome
        == "valid"
    )


def test_write_that_no_region_ever_took():
    it = diverged([change("eu", 1, "put k 1")], both("eu 1", {"k": "1"}, {"k": "eu 1"}), "write k 1", "write k 2")
    assert check_divergence(it).headline == (
        "DIV-001: write 2 to k by process 1 was confirmed at 0.000 s, and no region ever took it"
    )
    unknown = diverged(
        [change("eu", 1, "put k 1")], both("eu 1", {"k": "1"}, {"k": "eu 1"}), "write k 1", "write k 2 info"
    )
    assert check_divergence(unknown).outcome == "valid"


def test_unconfirmed_write_may_vanish():
    it = diverged([change("eu", 1, "put k 1"), change("eu", 2, "put j 2")], both("eu 2", {"j": "2"}, {"j": "eu 2"}))
    assert check_divergence(it).code == "DIV-006"
    it = replace(it, operations=operations_of("write k 1 info", "write j 2"))
    assert check_divergence(it).outcome == "valid"
    assert fates(it) == {("eu", 1): "unaccounted", ("eu", 2): "visible"}


def test_of_writes_that_are_alike_so_many_may_vanish_as_were_not_confirmed():
    changes = [change("eu", 1, "append k x"), change("us", 1, "append k x")]
    ends = both("eu 1, us 1", {"k": "x"}, {"k": "us 1"})
    assert check_divergence(diverged(changes, ends, "add k x", "add k x info")).outcome == "valid"
    assert check_divergence(diverged(changes, ends, "add k x", "add k x")).code == "DIV-001"
    assert (
        "confirmed 3 times, and regions took it 2 times"
        in check_divergence(diverged(changes, ends, *["add k x"] * 3)).message
    )


def test_write_may_be_lost_with_a_region_as_far_as_the_promise_goes():
    changes = [change("eu", 1, "put k 1"), change("us", 1, "put k 2")]
    it = diverged(changes, [end("eu", "eu 1", {"k": "1"}, {"k": "eu 1"})], "write k 1", "write k 2")
    assert "no region that is left has it" in check_divergence(it).message
    lost = replace(it, given_up=["us"])
    assert check_divergence(lost).outcome == "valid"
    assert fates(lost) == {("eu", 1): "visible", ("us", 1): "lost"}
    assert "synchronous means that all had it" in check_divergence(replace(lost, replication="synchronous")).message
    semi = replace(lost, replication="semi-synchronous")
    assert "semi-synchronous means that another region had it" in check_divergence(semi).message
    assert check_divergence(replace(semi, given_up=["ap", "us"])).outcome == "valid"


def test_deleted_version_cannot_come_back():
    changes = [change("eu", 1, "put k 1", at=1), change("us", 1, "delete k", at=2, knows="eu 1")]
    gone = diverged(changes, both("eu 1, us 1"), "write k 1", "delete k -")
    assert check_divergence(gone).outcome == "valid"
    assert fates(gone) == {("eu", 1): "overwritten", ("us", 1): "visible"}
    found = check_divergence(diverged(changes, both("eu 1, us 1", {"k": "1"}, {"k": "eu 1"}), "write k 1"))
    assert found.headline == (
        "DIV-003: eu shows the write of 1 to k at 0.001 s (eu 1), again: it was deleted by the delete to k at 0.002 s"
        " (us 1), which eu has"
    )
    not_yet = diverged(changes, [end("eu", "eu 1", {"k": "1"}, {"k": "eu 1"}), end("us", "us 1")], "write k 1")
    assert check_divergence(not_yet).outcome == "valid"


def test_version_that_a_later_delete_did_not_know_stays_where_siblings_do():
    changes = [change("eu", 1, "put k 1", at=1), change("us", 1, "delete k", at=2)]
    it = diverged(changes, both("eu 1, us 1", {"k": "1"}, {"k": "eu 1"}), "write k 1")
    assert check_divergence(it).code == "DIV-003"  # The last writer deleted it.
    assert check_divergence(replace(it, conflicts="multi value")).outcome == "valid"
    earlier = diverged([changes[0], change("us", 1, "delete k", at=0)], it.ends, "write k 1")
    assert check_divergence(earlier).outcome == "valid"


def test_elements_come_back_only_if_they_were_not_known():
    add, removal = change("eu", 1, "append k x", at=1), change("us", 1, "remove k x", at=2, knows="eu 1")
    ends = both("eu 1, us 1", {"k": "x"}, {"k": "eu 1"})
    assert check_divergence(diverged([add, removal], ends, "add k x")).code == "DIV-003"
    assert (
        check_divergence(diverged([add, change("us", 1, "remove k y", at=2, knows="eu 1")], ends, "add k x")).code == ""
    )
    assert check_divergence(diverged([add, replace(removal, context=())], ends, "add k x")).code == ""
    assert check_divergence(diverged([add, removal], both("eu 1, us 1"), "add k x", "remove k x")).code == ""
    assert (
        check_divergence(diverged([add, change("us", 1, "remove k y")], both("eu 1, us 1"), "add k x")).code
        == "DIV-001"
    )


def test_counter_shows_what_was_added():
    changes = [change("eu", 1, "increment c 2"), change("us", 1, "increment c 3")]
    right = diverged(changes, both("eu 1, us 1", {"c": "5"}), "increment c 2", "increment c 3")
    assert check_divergence(right).outcome == "valid"
    found = check_divergence(replace(right, ends=both("eu 1, us 1", {"c": "7"})))
    assert found.headline == "DIV-001: eu shows 7 for counter c, to which it has added 5"
    partly = [end("eu", "eu 1", {"c": "2"}), end("us", "eu 1, us 1", {"c": "5"})]
    assert check_divergence(replace(right, ends=partly)).outcome == "valid"


def test_regions_that_have_applied_the_same_show_the_same():
    changes = [change("eu", 1, "put k 1", at=1), change("us", 1, "put k 2", at=2)]
    ends = [
        end("eu", "eu 1, us 1", {"k": "2"}, {"k": "us 1"}),
        end("us", "eu 1, us 1", {"k": ("1", "2")}, {"k": "eu 1, us 1"}),
    ]
    found = check_divergence(diverged(changes, ends, "write k 1", conflicts="multi value"))
    assert found.headline == (
        "DIV-004: regions disagree about k: eu shows 2; us shows 1 | 2, though they have applied the same writes"
    )


def test_writes_of_another_slot_are_not_here():
    here = end("eu", "eu 2")
    assert here.has("a", Dot("eu", 2))
    assert not here.has("m", Dot("eu", 1))


def test_agreement_is_about_every_key():
    ends = both("eu 1", {"k": "1", "j": "2"})
    assert check_regions_agree(ends).headline == "valid: 2 operations, 2 confirmed"
    ends.append(end("ap", "", {"k": "3"}))
    found = check_regions_agree(ends)
    assert found.headline == (
        "DIV-004: regions disagree about j: eu shows 2; us shows 2; ap shows nothing (and about 1 more of 2 keys)"
    )
    assert found.evidence == ("ap lacks 1 writes of eu", "k: eu shows 1; us shows 1; ap shows 3")
    assert check_regions_agree(ends[:1]).code == "DIV-005"
