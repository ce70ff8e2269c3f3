"""What a region keeps of one key: versions of a register, elements of a set, sums of a counter.

A change is *covered* by a vector that counts it. Each part of an entry is a function of the changes that were applied,
whatever their order: a version or an element's add is there unless some other change to the same covers it. So what
covers is kept for as long as something that it covers is still to come, which here is almost never: only where a
change overtakes, on its way over another region, one that its writer knew.

Sources: Shapiro, Preguiça, Baquero, Zawirski, "A comprehensive study of convergent and commutative replicated data
types" (INRIA RR-7506, 2011), for multi-value registers, counters and observed-remove sets; Preguiça et al., "Dotted
version vectors" (2010), for dots beside contexts; Bieniusa et al., "An optimized conflict-free replicated set" (INRIA
RR-8083, 2012), for adds that take the place of those they know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct, field

from PhantomLibrary.domain import MILLISECOND_NS, Append, Increment, Put, Remove
from PhantomLibrary.domain.region_policy import Seen, Vector, joined, joined_seen
from PhantomLibrary.domain.regions import Change, Dot

Kind: TypeAlias = Literal["register", "set", "counter"]


class Element(Struct, array_like=True):
    """The adds of one element of a set, each with its time; no add that is covered is among them."""

    adds: list[tuple[int, Dot]]
    covered: Vector = ()  # Of adds that are still to come.


class Entry(Struct, array_like=True):
    """One key. `written` counts the changes that were applied to it; `deps` is what writers of set and counter saw.

    `covered` is about versions of the register that are still to come, `cleared` about adds of all elements.
    """

    versions: list[Change] = field(default_factory=list)
    elements: dict[str, Element] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    covered: Vector = ()
    cleared: Vector = ()
    written: Vector = ()
    deps: Seen = ()

    @property
    def is_bare(self) -> bool:
        """Tell whether nothing is left but what was written once."""
        return not (self.versions or self.elements or self.sums or self.covered or self.cleared)

    @property
    def live(self) -> list[Change]:
        """The versions of the register that have a value, oldest first."""
        return [version for version in self.versions if isinstance(version.operation, Put)]

    @property
    def shown_elements(self) -> list[str]:
        """The elements that are in the set, by their first add."""
        firsts = [(min(element.adds), text) for text, element in self.elements.items() if element.adds]
        return [text for _, text in sorted(firsts)]


class Superseded(Struct, frozen=True, gc=False):
    """Two writes knew nothing of each other, and one of them was dropped."""

    loser: Change
    winner: Change
    reason: str


def kind_of(entry: Entry | None) -> Kind | None:
    """Return as what a key is shown, None for one that has nothing.

    Where types meet that different regions gave it, a register comes before a set, and a set before a counter: what can
    be deleted hides what cannot.
    """
    if entry is None:
        return None
    if entry.live:
        return "register"
    if any(element.adds for element in entry.elements.values()):
        return "set"
    return "counter" if entry.sums else None


def values_of(entry: Entry) -> tuple[str, ...]:
    """Return what a key is shown as: several texts where siblings are kept, the later ones last; () for nothing."""
    kind = kind_of(entry)
    if kind == "register":
        return tuple(version.operation.value for version in entry.live if isinstance(version.operation, Put))
    if kind == "set":
        return (" ".join(entry.shown_elements),)
    return (str(sum(entry.sums.values())),) if kind == "counter" else ()


def dots_of(entry: Entry) -> tuple[Dot, ...]:
    """Return which changes the texts and elements of a key are from, hidden ones included."""
    adds = (dot for element in entry.elements.values() for _, dot in element.adds)
    return tuple(sorted([*(version.dot for version in entry.live), *adds]))


def deps_of(entry: Entry) -> Seen:
    """Return what those had seen whose writes make up a key."""
    deps = entry.deps
    for version in entry.versions:
        deps = joined_seen(deps, version.deps)
    return deps


def counts_dot(vector: Vector, dot: Dot) -> bool:
    """Return whether a vector covers a change."""
    return any(region == dot.region and count >= dot.count for region, count in vector)


def beyond(vector: Vector, applied: Mapping[str, int]) -> Vector:
    """Return what a vector counts that is not applied yet."""
    return tuple((region, count) for region, count in vector if count > applied.get(region, 0))


def add_amount(entry: Entry, change: Change) -> None:
    """Let a counter grow."""
    assert isinstance(change.operation, Increment)
    region = change.dot.region
    entry.sums[region] = entry.sums.get(region, 0) + change.operation.amount


def change_element(entry: Entry, change: Change, applied: Mapping[str, int]) -> None:
    """Add an element to a set, or remove it: adds that the change knows go, also such as come later."""
    operation = change.operation
    assert isinstance(operation, (Append, Remove))
    element = entry.elements.get(operation.element) or Element([])
    element.adds = _uncovered(element.adds, change.context)
    if isinstance(operation, Append) and not _is_covered(entry, element, change.dot):
        element.adds.append((change.at_ns, change.dot))
    element.covered = beyond(joined(element.covered, change.context), applied)
    if element.adds or element.covered:
        entry.elements[operation.element] = element
    else:
        entry.elements.pop(operation.element, None)


def clear_elements(entry: Entry, change: Change, applied: Mapping[str, int]) -> None:
    """Remove all elements that a change knows, also such as come later."""
    for text, element in list(entry.elements.items()):
        element.adds = _uncovered(element.adds, change.context)
        if not (element.adds or element.covered):
            del entry.elements[text]
    entry.cleared = beyond(joined(entry.cleared, change.context), applied)


def keep_siblings(entry: Entry, change: Change, applied: Mapping[str, int]) -> bool:
    """Put a version beside those that it does not know, unless it is covered; return whether it met one."""
    entry.versions = [version for version in entry.versions if not counts_dot(change.context, version.dot)]
    is_obsolete = counts_dot(entry.covered, change.dot)
    is_met = not is_obsolete and bool(entry.versions)
    if not is_obsolete:
        entry.versions.append(change)
        entry.versions.sort(key=_order)
    entry.covered = beyond(joined(entry.covered, change.context), applied)
    return is_met


def keep_last(
    entry: Entry, change: Change, applied: Mapping[str, int], wins: Callable[[Change, Change], bool]
) -> Superseded | None:
    """Keep the version that wins; return the two where they knew nothing of each other.

    Who wins does not depend on what writers knew: hybrid logical timestamps are in the order of that anyway.
    """
    is_known = counts_dot(entry.covered, change.dot)
    entry.covered = beyond(joined(entry.covered, change.context), applied)
    if not entry.versions:
        entry.versions = [change]
        return None
    [there] = entry.versions
    winner, loser = (change, there) if wins(change, there) else (there, change)
    entry.versions = [winner]
    if counts_dot(winner.context, loser.dot) or (is_known and loser is change):
        return None
    return Superseded(loser, winner, _reason(loser, winner))


def _reason(loser: Change, winner: Change) -> str:
    if winner.at_ns != loser.at_ns:
        by_ns = winner.at_ns - loser.at_ns
        by = f"{by_ns} ns" if by_ns < MILLISECOND_NS else f"{by_ns // MILLISECOND_NS} ms"
        return f"last writer wins: written {by} later"
    return f"last writer wins: written at the same time, and {winner.dot.region} comes after {loser.dot.region}"


def trim(entry: Entry, is_to_come: Callable[[str, int], bool]) -> None:
    """Forget what covers nothing that is still to come, by origin and count."""

    def trimmed(vector: Vector) -> Vector:
        return tuple((origin, count) for origin, count in vector if is_to_come(origin, count))

    entry.covered = trimmed(entry.covered)
    entry.cleared = trimmed(entry.cleared)
    for text, element in list(entry.elements.items()):
        element.covered = trimmed(element.covered)
        if not (element.adds or element.covered):
            del entry.elements[text]


def without_tombstones(entry: Entry, is_collectable: Callable[[Dot], bool]) -> list[Change]:
    """Return the versions of a key but for tombstones that may go."""
    return [
        version for version in entry.versions if isinstance(version.operation, Put) or not is_collectable(version.dot)
    ]


def is_ahead(entry: Entry) -> bool:
    """Tell whether something is still to come that is covered already."""
    return bool(entry.covered or entry.cleared or any(element.covered for element in entry.elements.values()))


def _is_covered(entry: Entry, element: Element, dot: Dot) -> bool:
    return counts_dot(element.covered, dot) or counts_dot(entry.cleared, dot)


def _uncovered(adds: list[tuple[int, Dot]], context: Vector) -> list[tuple[int, Dot]]:
    return [add for add in adds if not counts_dot(context, add[1])]


def _order(version: Change) -> tuple[int, str, int]:
    return version.at_ns, version.dot.region, version.dot.count
