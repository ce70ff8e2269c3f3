"""Random regions are accounted for, whatever happens to them; broken ones are found out, with codes that fit."""

import pytest
from hypothesis import Phase, find, given, settings

from PhantomLibrary.checking.divergence import Diverged, check_divergence
from PhantomLibrary.checking.history import pair
from PhantomLibrary.checking.region_ends import RegionEnd
from PhantomLibrary.domain import HistoryEvent, Increment, Put
from PhantomLibrary.domain.regions import RegionWrote, WriteSuperseded
from PhantomLibrary.zoo import region_defects
from tests.unit.protocols.replication_harness import REGIONS, STRATEGIES
from tests.unit.protocols.test_replication_random import SCRIPT, Play


class UncheckedPlay(Play):
    """A play that nobody compares with the model."""

    def do(self, step):
        verb, *arguments = step
        getattr(self, verb)(*arguments)


def _history(changes):
    """All writes as operations that were confirmed."""
    events = []
    for process, change in enumerate(changes):
        operation = change.operation
        value = getattr(operation, "element", None)
        if isinstance(operation, Put):
            value = operation.value
        elif isinstance(operation, Increment):
            value = operation.amount
        for kind in ("invoke", "ok"):
            word = type(operation).__name__.lower()
            events.append(HistoryEvent(len(events), len(events), process, kind, word, operation.key, value))
    return pair(events)


def judged(play):
    """The verdict on what became of a play's writes, those of a region that is gone included."""
    members = [region for region in REGIONS if region != play.gone]
    tables = [play.it[region] for region in members]
    told = [
        WriteSuperseded("n1", 1, table.region, "a", each.loser.operation.key, each.loser, each.winner, each.reason)
        for table in tables
        for each in table.news
    ]
    ends = [
        RegionEnd(
            table.region,
            (("a", table.applied),),
            table.visible(),
            {key: table.versions(key) for key in table.visible()},
        )
        for table in tables
    ]
    wrote = [(0, RegionWrote("n1", 1, "a", change)) for change in play.it.changes]
    given_up = [play.gone] if play.gone else []
    history = _history(play.it.changes)
    return check_divergence(Diverged(wrote, told, ends, history, given_up, conflicts=play.it.conflicts))


def _heard_of_all(play):
    members = [region for region in REGIONS if region != play.gone]
    for _ in range(4):
        for sender in members:
            for receiver in members:
                play.send(sender, receiver, REGIONS, 10_000, False)


@pytest.mark.parametrize("conflicts", STRATEGIES)
def test_random_regions_are_accounted_for(conflicts):
    @settings(max_examples=50)
    @given(SCRIPT)
    def check(script):
        play = UncheckedPlay(conflicts)
        for step in script:
            play.do(step)
            assert judged(play).outcome != "invalid"
        _heard_of_all(play)
        found = judged(play)
        assert found.outcome == ("valid" if play.it.changes else "unknown"), found

    check()


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (region_defects.GoesByWallClocks, {"DIV-002"}),
        (region_defects.CollectsTombstonesEarly, {"DIV-003", "DIV-004"}),
        (region_defects.KeepsTheLastToCome, {"DIV-001", "DIV-003", "DIV-004"}),
        (region_defects.AppliesAgain, {"DIV-001"}),
    ],
)
def test_broken_regions_are_found_out(kind, codes):
    def is_found_out(script):
        play = UncheckedPlay("last writer wins", kind)
        for step in script:
            play.do(step)
        _heard_of_all(play)
        return judged(play).code in codes

    find(SCRIPT, is_found_out, settings=settings(max_examples=2000, phases=[Phase.generate]))
