"""Were the nodes' views of each other's health right? Judged from outside, against what really happened.

For each observer and member, three things are asked. A member that is *gone* for longer than the bound is held for down
from then on. One that is *reached* is never held for suspect or down for longer than the bound, whoever accused it. And
nobody accuses a member that it could reach all through its probe, or holds such a one for down.

A probe lasts up to `probe_ns` (a node in trouble takes its time), so what is said soon after a heal may rest on what
was true before it.

Source: the measures are those of SWIM (2002), 5, and Lifeguard (2018), V: detection, and false positives.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from PhantomLibrary.checking.reachability import Pair, Spell, present_relations, spells
from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Verdict, seconds
from PhantomLibrary.domain import Fact, MemberSeen, MemberState, NodeId

_ALARMED = ("suspect", "down")
_GIVEN_UP = ("down", "removed")


class Sight(Struct, frozen=True, gc=False):
    """A change of a view, and when it was shown."""

    time_ns: int
    seen: MemberSeen


class Noticed(Struct, frozen=True):
    """An observer noticed a failure or a recovery, after `took_ns`."""

    at_ns: int
    took_ns: int


class FalseSuspicion(Struct, frozen=True):
    """An observer accused, or held for down, a member that it had been able to reach for long."""

    time_ns: int
    pair: Pair
    state: MemberState
    reached_since_ns: int


class Miss(Struct, frozen=True):
    """A failure or a recovery that an observer did not notice in time."""

    pair: Pair
    spell: Spell
    state: MemberState  # What was held instead, at the end of the bound or later.
    at_ns: int


class HealthReport(Struct, frozen=True):
    """All that was found: of detections and recoveries one for each pair and spell, ordered by time."""

    detections: tuple[Noticed, ...]
    recoveries: tuple[Noticed, ...]
    missed_failures: tuple[Miss, ...]
    missed_recoveries: tuple[Miss, ...]
    false_suspicions: tuple[FalseSuspicion, ...]
    troubles: int  # Spells in which somebody could not reach somebody.


class _Alarm(NamedTuple):
    """A member was held for suspect or down in [start_ns, end_ns), to the end of the spell and beyond where None."""

    start_ns: int
    end_ns: int | None


class _View:
    """What one observer held of one member, in time."""

    def __init__(self, sights: Sequence[Sight]) -> None:
        self.sights = sights
        self._times = [each.time_ns for each in sights]

    def at(self, time_ns: int) -> MemberState | None:
        """Return what was held when all of that instant was over."""
        place = bisect_right(self._times, time_ns)
        return self.sights[place - 1].seen.state if place else None

    def between(self, after_ns: int, until_ns: int) -> Sequence[Sight]:
        """Return the changes in (after_ns, until_ns]."""
        return self.sights[bisect_right(self._times, after_ns) : bisect_right(self._times, until_ns)]


def examine_health(
    facts: Sequence[Fact], sights: Sequence[Sight], *, now_ns: int, within_ns: int, probe_ns: int
) -> HealthReport:
    """Compare what nodes held of each other with what was so. `sights` are all changes of all views, by time."""
    views: dict[Pair, list[Sight]] = {}
    for sight in sights:
        views.setdefault((sight.seen.node, sight.seen.member), []).append(sight)
    detections: list[Noticed] = []
    recoveries: list[Noticed] = []
    missed_failures: list[Miss] = []
    missed_recoveries: list[Miss] = []
    false_suspicions: list[FalseSuspicion] = []
    troubles = 0
    for pair, of_pair in spells(facts, now_ns).items():
        view = _View(views.get(pair, []))
        for spell in of_pair:
            if spell.relation == "gone":
                troubles += 1
                detections += _detection(view, spell)
                missed_failures += _missed_failure(pair, view, spell, within_ns)
            elif spell.relation == "parted":
                troubles += 1
            elif spell.relation == "reached":
                alarms = _alarms(view, spell)
                recoveries += _recovery(spell, alarms)
                missed_recoveries += _missed_recoveries(pair, view, spell, alarms, within_ns)
                false_suspicions += _false_suspicions(pair, view, spell, probe_ns)
    return HealthReport(
        tuple(sorted(detections, key=lambda each: each.at_ns)),
        tuple(sorted(recoveries, key=lambda each: each.at_ns)),
        tuple(sorted(missed_failures, key=lambda each: each.spell.start_ns)),
        tuple(sorted(missed_recoveries, key=lambda each: each.spell.start_ns)),
        tuple(sorted(false_suspicions, key=lambda each: each.time_ns)),
        troubles,
    )


def _last_ns(spell: Spell) -> int:
    """Return the last instant that is judged: at the end of a spell that is over, views may change already."""
    return spell.end_ns - 1 if spell.is_over else spell.end_ns


def _detection(view: _View, spell: Spell) -> list[Noticed]:
    if view.at(spell.start_ns - 1) in _GIVEN_UP:
        return []
    found = (each for each in view.between(spell.start_ns - 1, _last_ns(spell)) if each.seen.state == "down")
    return [Noticed(each.time_ns, each.time_ns - spell.start_ns) for each in found][:1]


def _alarms(view: _View, spell: Spell) -> list[_Alarm]:
    """Return when the member was held for suspect or down within the spell, an alarm from before it included.

    An observer that stood still works off in one instant all that waited for it, its own late probe among that. So
    an alarm may as well come up in the very instant with which the spell begins.
    """
    alarms: list[_Alarm] = []
    since_ns = spell.start_ns if view.at(spell.start_ns - 1) in _ALARMED else None
    for sight in view.between(spell.start_ns - 1, _last_ns(spell)):
        if sight.seen.state in _ALARMED:
            since_ns = sight.time_ns if since_ns is None else since_ns
        elif since_ns is not None:
            alarms.append(_Alarm(since_ns, sight.time_ns))
            since_ns = None
    return alarms if since_ns is None else [*alarms, _Alarm(since_ns, None)]


def _recovery(spell: Spell, alarms: Sequence[_Alarm]) -> list[Noticed]:
    """Return the end of the alarm with which the spell began.

    One that ends in that same instant was not ended by what the observer heard, but by its own start.
    """
    end_ns = alarms[0].end_ns if alarms and alarms[0].start_ns == spell.start_ns else None
    return [] if end_ns is None or end_ns == spell.start_ns else [Noticed(end_ns, end_ns - spell.start_ns)]


def _missed_failure(pair: Pair, view: _View, spell: Spell, within_ns: int) -> Iterator[Miss]:
    due_ns = spell.start_ns + within_ns
    if due_ns > _last_ns(spell):
        return
    held = view.at(due_ns)
    if held is None:
        return  # It does not know of that member yet.
    if held not in _GIVEN_UP:
        yield Miss(pair, spell, held, due_ns)
        return
    later = [each for each in view.between(due_ns, _last_ns(spell)) if each.seen.state not in _GIVEN_UP]
    if later:
        yield Miss(pair, spell, later[0].seen.state, later[0].time_ns)


def _missed_recoveries(
    pair: Pair, view: _View, spell: Spell, alarms: Sequence[_Alarm], within_ns: int
) -> Iterator[Miss]:
    """Whoever can be reached is held for alive again in time, however the alarm came up: by hearsay too."""
    for alarm in alarms:
        due_ns = alarm.start_ns + within_ns
        if due_ns > _last_ns(spell) or (alarm.end_ns is not None and alarm.end_ns <= due_ns):
            continue
        held = view.at(due_ns)
        assert held is not None
        yield Miss(pair, Spell("reached", alarm.start_ns, spell.end_ns, spell.is_over), held, due_ns)


def _false_suspicions(pair: Pair, view: _View, spell: Spell, probe_ns: int) -> Iterator[FalseSuspicion]:
    """Each time that a view left the state of the living for no reason counts once, as suspicion or as death."""
    counted = False
    for sight in view.between(spell.start_ns, _last_ns(spell)):
        seen = sight.seen
        if seen.state not in _ALARMED:
            counted = False
            continue
        is_own = seen.state == "down" or seen.accuser == seen.node
        if is_own and not counted and sight.time_ns - spell.start_ns > probe_ns:
            counted = True
            yield FalseSuspicion(sight.time_ns, pair, seen.state, spell.start_ns)


def check_health(report: HealthReport, *, within_ns: int, false_suspicions: int, broke_anything: bool) -> Verdict:
    """Return the verdict on a report. `broke_anything`: whether the run had any fault at all."""
    judged = len(report.detections) + len(report.recoveries)
    if not report.troubles and not broke_anything:
        message = "nothing failed and no fault was in force, so nobody's view of anybody's health was put to a test"
        return Verdict("invalid", "HLT-004", message)
    code, message, lines = "", "", []
    if report.missed_failures:
        code, message = "HLT-001", _failure_headline(report.missed_failures[0], within_ns)
        lines = [_failure_line(each) for each in report.missed_failures]
    elif report.missed_recoveries:
        code, message = "HLT-002", _recovery_headline(report.missed_recoveries[0], within_ns)
        lines = [_recovery_line(each) for each in report.missed_recoveries]
    elif len(report.false_suspicions) > false_suspicions:
        code, message = "HLT-003", _suspicion_headline(report.false_suspicions, false_suspicions)
        lines = [_suspicion_line(each) for each in report.false_suspicions]
    if code:
        return Verdict("invalid", code, message, tuple(lines[:EVIDENCE_LINES_MAX]), judged)
    return Verdict("valid", operations=judged, confirmed=judged)


def is_settled(facts: Sequence[Fact], views: Mapping[NodeId, Mapping[NodeId, MemberSeen]]) -> bool:
    """Return whether all views are right at this moment, as far as anybody can be asked for that."""
    for (observer, member), relation in present_relations(facts):
        seen = views.get(observer, {}).get(member)
        if seen is None:
            continue
        if relation == "gone" and seen.state not in _GIVEN_UP:
            return False
        if relation == "reached" and seen.state in _ALARMED:
            return False
    return True


def _failure_headline(miss: Miss, within_ns: int) -> str:
    observer, member = miss.pair
    return (
        f"{observer} held {member} for {miss.state} at {seconds(miss.at_ns)}, although it could not be reached from"
        f" {seconds(miss.spell.start_ns)} on, more than {seconds(within_ns)} before"
    )


def _failure_line(miss: Miss) -> str:
    observer, member = miss.pair
    end = f"to {seconds(miss.spell.end_ns)}" if miss.spell.is_over else "on"
    start, at = seconds(miss.spell.start_ns), seconds(miss.at_ns)
    return f"{member} could not be reached from {start} {end}; {observer} held it for {miss.state} at {at}"


def _recovery_headline(miss: Miss, within_ns: int) -> str:
    observer, member = miss.pair
    return (
        f"{observer} still held {member} for {miss.state} at {seconds(miss.at_ns)}, although it could be reached from"
        f" {seconds(miss.spell.start_ns)} on, for {seconds(within_ns)}"
    )


def _recovery_line(miss: Miss) -> str:
    observer, member = miss.pair
    return (
        f"{member} could be reached from {seconds(miss.spell.start_ns)} on;"
        f" {observer} held it for {miss.state} until {seconds(miss.at_ns)} and longer"
    )


def _suspicion_headline(found: Sequence[FalseSuspicion], allowed: int) -> str:
    first = found[0]
    observer, member = first.pair
    word = "suspected" if first.state == "suspect" else "held for down"
    number = "1 false suspicion" if len(found) == 1 else f"{len(found)} false suspicions"
    limit = "none is allowed" if not allowed else f"{allowed} are allowed"
    return (
        f"{number}, and {limit}: {observer} {word} {member} at {seconds(first.time_ns)}, which ran and could be reached"
    )


def _suspicion_line(found: FalseSuspicion) -> str:
    observer, member = found.pair
    word = "accused" if found.state == "suspect" else "held for down"
    since = "all the time" if not found.reached_since_ns else f"since {seconds(found.reached_since_ns)}"
    return f"{seconds(found.time_ns)}: {observer} {word} {member}, which it could reach {since}"
