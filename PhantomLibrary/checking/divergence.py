"""What became of every write that was confirmed where several regions take writes?

Each one has a fate, the first of these that it meets:

    visible      it is in what regions show, or, of counters and deletes, it was done in all that is shown
    overwritten  somebody wrote the same key later who knew of it
    superseded   it met a write that it knew nothing of, and was dropped for it by the rule, by a region that said so
    lost         only regions had it that were given up, as what was promised allows
    unaccounted  none of these

Wrong is a confirmed write that is unaccounted for, or told as superseded by one that is not later (DIV-001); one that
was dropped for another that its writer had seen (DIV-002); a version that is shown though it was overwritten or deleted
(DIV-003); regions that have applied the same and show different things (DIV-004).

Rule: watches from outside. It knows what regions told of their writes, what they show at the end, and what clients
were told; not how conflicts are resolved, but which of two writes is later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.checking.history import CompletedOperation, describe, shown
from PhantomLibrary.checking.region_ends import RegionEnd, check_regions_agree
from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Verdict, seconds
from PhantomLibrary.domain import Append, Delete, Increment, Put, Remove
from PhantomLibrary.domain.region_policy import Conflicts, Replication, count_in
from PhantomLibrary.domain.regions import Change, Dot, RegionWrote, WriteSuperseded

Fate: TypeAlias = Literal["visible", "overwritten", "superseded", "lost", "unaccounted"]
FATES: tuple[Fate, ...] = ("visible", "overwritten", "superseded", "lost", "unaccounted")

_READS = ("read", "get")


class Diverged(Struct, frozen=True):
    """All that is known of regions when a run is over.

    `wrote` and `superseded` are what replicas showed, with the times of virtual time when that was first seen; `ends`
    the regions that are left, `given_up` those that are not.
    """

    wrote: Sequence[tuple[int, RegionWrote]]
    superseded: Sequence[WriteSuperseded]
    ends: Sequence[RegionEnd]
    operations: Sequence[CompletedOperation]
    given_up: Sequence[str] = ()
    conflicts: Conflicts = "last writer wins"
    replication: Replication = "asynchronous"


class WriteFate(Struct, frozen=True):
    """What became of one write; `by` is the one that took its place, and `why` says why in plain words.

    `words` and `by_words` name the two writes for people; `taken_ns` is when it was seen that a region had taken it.
    """

    slot: str
    change: Change
    taken_ns: int
    is_confirmed: bool
    fate: Fate
    by: Change | None = None
    why: str = ""
    words: str = ""
    by_words: str = ""

    @property
    def line(self) -> str:
        """Return one line of evidence."""
        by = f" by {self.by_words}" if self.by_words else ""
        confirmed = "confirmed" if self.is_confirmed else "not confirmed"
        return f"{self.words}, {confirmed}: {self.fate}{by}" + (f" ({self.why})" if self.why else "")


def account(diverged: Diverged) -> list[WriteFate]:
    """Return what became of every write that a region took, by slot, region and number."""
    return list(_Accounts(diverged).fates())


def check_divergence(diverged: Diverged) -> Verdict:
    """Judge whether every confirmed write is accounted for; `cost` counts the writes that regions took."""
    accounts = _Accounts(diverged)
    fates = list(accounts.fates())
    confirmed = sum(operation.is_confirmed for operation in accounts.writes)
    findings = (accounts.wrongly_told(), accounts.returned(), accounts.unaccounted(fates), accounts.disagreement())
    for code, message, evidence in (each for found in findings for each in found):
        lines = tuple(evidence[:EVIDENCE_LINES_MAX])
        return Verdict("invalid", code, message, lines, len(accounts.writes), confirmed, len(fates))
    if not confirmed:
        return Verdict("unknown", "DIV-006", "no write was confirmed", (), len(accounts.writes), 0, len(fates))
    return Verdict("valid", operations=len(accounts.writes), confirmed=confirmed, cost=len(fates))


_Finding: TypeAlias = tuple[str, str, list[str]]


class _Accounts:
    def __init__(self, diverged: Diverged) -> None:
        self._diverged = diverged
        self._changes: dict[tuple[str, Dot], Change] = {}
        self._taken_ns: dict[tuple[str, Dot], int] = {}
        for taken_ns, wrote in diverged.wrote:
            self._changes.setdefault((wrote.slot, wrote.change.dot), wrote.change)
            self._taken_ns.setdefault((wrote.slot, wrote.change.dot), taken_ns)
        self._told: dict[tuple[str, Dot], WriteSuperseded] = {}
        for told in diverged.superseded:
            self._told.setdefault((told.slot, told.loser.dot), told)
        self._by_key: dict[str, list[tuple[str, Change]]] = {}
        for (slot, _), change in sorted(self._changes.items(), key=lambda each: _stamp(each[1])):
            self._by_key.setdefault(change.operation.key, []).append((slot, change))
        self._places = {
            (slot, change.dot): place
            for changes in self._by_key.values()
            for place, (slot, change) in enumerate(changes)
        }
        self.writes = [each for each in diverged.operations if each.function not in _READS]
        self._confirmed: dict[tuple[str, str], list[CompletedOperation]] = {}
        for each in self.writes:
            if each.is_confirmed:
                self._confirmed.setdefault((str(each.key), _argument(each)), []).append(each)

    # --- what became of each ----------------------------------------------------------------------------------------

    def fates(self) -> Iterator[WriteFate]:
        """Yield the fate of each write that some region took."""
        for (slot, dot), change in sorted(self._changes.items()):
            is_confirmed = (change.operation.key, _text(change)) in self._confirmed
            fate, by, why = self._fate(slot, change)
            words, by_words = self._words(slot, change), self._words(slot, by) if by is not None else ""
            yield WriteFate(slot, change, self._taken_ns[slot, dot], is_confirmed, fate, by, why, words, by_words)

    def _fate(self, slot: str, change: Change) -> tuple[Fate, Change | None, str]:
        ends = [end for end in self._diverged.ends if end.has(slot, change.dot)]
        if not ends:
            return self._fate_elsewhere(change)
        is_kept = isinstance(change.operation, (Put, Append))
        if is_kept and any(change.dot in end.versions.get(change.operation.key, ()) for end in ends):
            return "visible", None, ""
        by = self._overwriter(slot, change) if is_kept else None
        if by is not None:
            return "overwritten", by, "who wrote that knew of it"
        told = self._told.get((slot, change.dot))
        if told is not None:
            return "superseded", told.winner, told.reason
        if not is_kept:
            return "visible", None, ""
        return "unaccounted", None, f"{_names(ends)} applied it and does not show it"

    def _fate_elsewhere(self, change: Change) -> tuple[Fate, Change | None, str]:
        origin, given_up = change.dot.region, self._diverged.given_up
        if origin not in given_up:
            return "unaccounted", None, "no region that is left has it"
        if self._diverged.replication == "synchronous":
            return "unaccounted", None, f"{origin} was given up, and synchronous means that all had it"
        if self._diverged.replication == "semi-synchronous" and len(given_up) < 2:
            return "unaccounted", None, f"{origin} was given up, and semi-synchronous means that another region had it"
        return "lost", None, f"only {origin} had it, which was given up"

    def _overwriter(self, slot: str, change: Change) -> Change | None:
        """Return a write that took the place of another one knowingly, and that some region has which is left."""
        all_of_key = self._by_key[change.operation.key]
        place = self._places[slot, change.dot]
        for where, other in chain(all_of_key[place + 1 :], all_of_key[:place]):  # It is later, if times are right.
            is_left = where == slot and any(end.has(slot, other.dot) for end in self._diverged.ends)
            if is_left and _replaces(other, change):
                return other
        return None

    def _words(self, slot: str, change: Change) -> str:
        """Name a write for people, with the time when its region took it."""
        text = _text(change)
        what = f" of {shown(text)}" if text else ""
        taken = f"at {seconds(self._taken_ns.get((slot, change.dot), 0))} ({change.dot.region} {change.dot.count})"
        return f"the {_VERBS[type(change.operation)]}{what} to {change.operation.key} {taken}"

    # --- what is wrong ----------------------------------------------------------------------------------------------

    def wrongly_told(self) -> Iterator[_Finding]:
        """Yield writes that were dropped for others that were not later, or that their writers had seen."""
        for told in self._told.values():
            loser, winner = told.loser, told.winner
            lost, won = self._words(told.slot, loser), self._words(told.slot, winner)
            evidence = [f"loser: {lost}", f"winner: {won}", f"{told.region} said: {told.reason}"]
            if _had_seen(told.slot, loser, winner):
                yield "DIV-002", f"{lost}, was dropped for {won}, which its writer had seen", evidence
            elif _stamp(loser) > _stamp(winner):
                yield "DIV-001", f"{lost}, was dropped for {won}, which is not later", evidence

    def returned(self) -> Iterator[_Finding]:
        """Yield versions that are shown though a region has applied what took their place, or deleted them."""
        for end in self._diverged.ends:
            for key, dots in sorted(end.versions.items()):
                here = [(slot, each) for slot, each in self._by_key.get(key, ()) if end.has(slot, each.dot)]
                for slot, change in here:
                    if change.dot in dots:
                        yield from self._returned(end, slot, change, [each for where, each in here if where == slot])

    def _returned(self, end: RegionEnd, slot: str, change: Change, others: Iterable[Change]) -> Iterator[_Finding]:
        for other in others:
            is_over = _replaces(other, change)
            if self._diverged.conflicts == "last writer wins" and isinstance(change.operation, Put):
                is_over = isinstance(other.operation, (Put, Delete)) and _stamp(other) > _stamp(change)
            if is_over:
                how = "was deleted" if isinstance(other.operation, (Delete, Remove)) else "was overwritten"
                here, there = self._words(slot, change), self._words(slot, other)
                text = f"{end.region} shows {here}, again: it {how} by {there}, which {end.region} has"
                yield "DIV-003", text, [f"shown: {here}", f"after: {there}"]

    def unaccounted(self, fates: Iterable[WriteFate]) -> Iterator[_Finding]:
        """Yield confirmed writes of which nobody knows what became, and counters that do not add up."""
        taken: dict[tuple[str, str], list[WriteFate]] = {}
        for fate in fates:
            taken.setdefault((fate.change.operation.key, _text(fate.change)), []).append(fate)
        for write, operations in sorted(self._confirmed.items()):
            found = taken.get(write, [])
            if len(found) < len(operations):
                last = operations[-1]
                text = f"{_asked(last)} was confirmed at {_end(last)}, and no region ever took it"
                if found:
                    text = (
                        f"{_asked(last)} was confirmed {len(operations)} times, and regions took it {len(found)} times"
                    )
                yield "DIV-001", text, [describe(each) for each in operations]
            # Of writes that are alike, those may be missing that were not confirmed.
            missing = [fate for fate in found if fate.fate == "unaccounted"]
            if len(missing) > max(0, len(found) - len(operations)):
                text = f"{missing[0].words}, was confirmed and is not accounted for: {missing[0].why}"
                yield "DIV-001", text, [fate.line for fate in missing] + [describe(each) for each in operations]
        yield from self._wrong_sums()

    def _wrong_sums(self) -> Iterator[_Finding]:
        for end in self._diverged.ends:
            for key, changes in self._by_key.items():
                if all(isinstance(change.operation, Increment) for _, change in changes):
                    here = [(slot, change) for slot, change in changes if end.has(slot, change.dot)]
                    total = sum(each.operation.amount for _, each in here if isinstance(each.operation, Increment))
                    value = end.values.get(key, ())
                    if here and value != (str(total),):
                        text = f"{end.region} shows {_values(value)} for counter {key}, to which it has added {total}"
                        yield "DIV-001", text, [self._words(slot, each) for slot, each in here]

    def disagreement(self) -> Iterator[_Finding]:
        """Yield what regions disagree about that have applied the same."""
        alike: dict[object, list[RegionEnd]] = {}
        for end in self._diverged.ends:
            alike.setdefault(end.applied, []).append(end)
        for ends in alike.values():
            found = check_regions_agree(ends)
            if found.outcome == "invalid":
                yield found.code, f"{found.message}, though they have applied the same writes", list(found.evidence)


def _replaces(change: Change, other: Change) -> bool:
    """Tell whether a write takes the place of another one of its key, knowingly."""
    if count_in(change.context, other.dot.region) < other.dot.count or change.dot == other.dot:
        return False
    mine, theirs = change.operation, other.operation
    if isinstance(theirs, Put):
        return isinstance(mine, (Put, Delete))
    if isinstance(theirs, Append):
        return isinstance(mine, Delete) or (isinstance(mine, (Append, Remove)) and mine.element == theirs.element)
    return False


def _had_seen(slot: str, change: Change, other: Change) -> bool:
    """Tell whether a writer had seen another write, by what it knew of the key or by its session."""
    seen: Mapping[str, tuple[tuple[str, int], ...]] = dict(change.deps)
    dot = other.dot
    return max(count_in(change.context, dot.region), count_in(seen.get(slot, ()), dot.region)) >= dot.count


def _stamp(change: Change) -> tuple[int, Dot]:
    return change.at_ns, change.dot


def _text(change: Change) -> str:
    operation = change.operation
    if isinstance(operation, Put):
        return operation.value
    if isinstance(operation, Increment):
        return str(operation.amount)
    return "" if isinstance(operation, Delete) else operation.element


def _argument(operation: CompletedOperation) -> str:
    return "" if operation.argument is None else str(operation.argument)


_VERBS = {Put: "write", Delete: "delete", Append: "add", Remove: "removal", Increment: "increment"}


def _asked(operation: CompletedOperation) -> str:
    what = f" {shown(operation.argument)}" if operation.argument is not None else ""
    return f"{operation.function}{what} to {operation.key} by process {operation.process}"


def _end(operation: CompletedOperation) -> str:
    assert operation.returned_ns is not None
    return seconds(operation.returned_ns)


def _names(ends: Sequence[RegionEnd]) -> str:
    return ", ".join(end.region for end in ends)


def _values(values: tuple[str, ...]) -> str:
    return " | ".join(map(shown, values)) or "nothing"
