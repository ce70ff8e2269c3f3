"""Regions that have applied the same changes show the same, whatever the order: all histories of three writes.

A history is made by real tables: each write is done in one of three regions, which has heard before of all that some
of the others have. What changes those are, and what an observer shows that gets them in every order in which each
region's own come in theirs, is compared with the model after each step. Some observers get everything again each
time, and go through a snapshot.
"""

from itertools import chain, combinations, product

import pytest

from PhantomLibrary.domain.regions import Batch
from PhantomLibrary.protocols.replication.table import RegionTable
from tests.unit.protocols.replication_harness import REGIONS, policy_of, reloaded
from tests.unit.protocols.replication_model import CheckedRegions, knows, shown_of

TEXTS = (("put k 1", "put k 2", "put k 3"), ("put k 1", "delete k", "put k 2"), ("put k 1", "put k 2", "delete k"))
SETS = (
    ("append k x", "remove k x", "append k x"),
    ("append k x", "append k y", "delete k"),
    ("append k x", "append k x", "remove k x"),
)
COUNTERS = (("increment k 1", "increment k 10", "increment k 100"),)
MIXED = (("put k 1", "append k x", "delete k"), ("increment k 1", "put k 1", "delete k"))
# All clocks stand at the same time; or each is behind the one before.
CLOCKS = ({"ap": 0, "eu": 0, "us": 0}, {"ap": 30, "eu": 20, "us": 10})


def histories(words, conflicts, clocks, *, kind=RegionTable):
    """The changes that these writes become: in all regions, after hearing of all or none of the others."""
    found = {}
    choices = [
        (region, heard) for region in REGIONS for heard in _some_of([each for each in REGIONS if each != region])
    ]
    for first, *rest in product([(region, ()) for region in REGIONS], *[choices] * (len(words) - 1)):
        it = CheckedRegions(conflicts, kind=kind)
        for text, (region, heard) in zip(words, (first, *rest), strict=True):
            for sender in heard:
                it.send(sender, region)
            write = text if it.why_not(region, text) == "" else "put other 1"
            it.write(region, write, at=clocks[region], context=it.read(region, write.split()[1]).context)
        found[tuple(it.changes)] = None
    return list(found)


def _some_of(regions):
    return chain.from_iterable(combinations(regions, count) for count in range(len(regions) + 1))


def orders(changes):
    """All orders in which changes can come: those of each region in theirs."""
    if not changes:
        yield ()
    firsts = {change.dot.region: change for change in reversed(changes)}
    for first in firsts.values():
        for rest in orders([change for change in changes if change != first]):
            yield (first, *rest)


def observe(order, conflicts, *, is_careless, kind=RegionTable):
    """Have an observer get changes in an order; return the first thing that is wrong."""
    policy = policy_of(conflicts, members=(*REGIONS, "zz"))
    table = kind("zz", policy)
    for count in range(1, len(order) + 1):
        changes = order[:count] if is_careless else order[count - 1 : count]
        table.receive(Batch("", "ap", policy, count, (), changes))
        if is_careless:
            table = reloaded(table)
        shown, wanted = table.visible(), shown_of(order[:count], conflicts)
        if shown != wanted:
            return f"{[change.dot for change in order[:count]]}: {shown}, not {wanted}"
    return _why_told_wrongly(table)


def _why_told_wrongly(table):
    for told in table.news:
        if knows(told.loser, told.winner) or knows(told.winner, told.loser):
            return f"told wrongly: {told}"
    return ""


def _wrong(words, conflicts, clocks, *, kind=RegionTable):
    for number, changes in enumerate(histories(words, conflicts, clocks, kind=kind)):
        for place, order in enumerate(orders(changes)):
            is_careless = (number + place) % 5 == 0
            wrong = observe(order, conflicts, is_careless=is_careless, kind=kind)
            if wrong:
                return wrong
    return ""


@pytest.mark.parametrize("clocks", CLOCKS, ids=["equal", "apart"])
@pytest.mark.parametrize("words", TEXTS, ids="; ".join)
def test_the_last_writer_is_the_same_in_every_order(words, clocks):
    assert _wrong(words, "last writer wins", clocks) == ""


@pytest.mark.parametrize("words", (*TEXTS, *MIXED), ids="; ".join)
@pytest.mark.parametrize("conflicts", ["multi value", "custom"])
def test_siblings_are_the_same_in_every_order(words, conflicts):
    assert _wrong(words, conflicts, CLOCKS[1]) == ""


@pytest.mark.parametrize("words", (*SETS, *COUNTERS, *MIXED), ids="; ".join)
def test_sets_and_counters_and_mixtures_come_out_the_same_in_every_order(words):
    assert _wrong(words, "last writer wins", CLOCKS[1]) == ""


def test_there_are_histories_enough():
    some = histories(TEXTS[0], "multi value", CLOCKS[0])
    assert (len(some), sum(len(list(orders(changes))) for changes in some)) == (105, 453)


class _LastToCome(RegionTable):
    def wins(self, version, other):
        return True


class _Twice(RegionTable):
    def is_next(self, change):
        return True


class _RawClock(RegionTable):
    def stamp(self, at_ns):
        return at_ns


@pytest.mark.parametrize(
    ("kind", "words"), [(_LastToCome, TEXTS[0]), (_RawClock, TEXTS[0]), (_Twice, COUNTERS[0])], ids=repr
)
def test_what_depends_on_order_or_clocks_is_found(kind, words):
    assert _wrong(words, "last writer wins", CLOCKS[1], kind=kind) != ""
