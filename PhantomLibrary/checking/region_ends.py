"""What regions hold when all is over, as those see it who compare them; and whether they hold the same."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from PhantomLibrary.checking.history import shown
from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Verdict
from PhantomLibrary.domain.region_policy import Seen, count_in
from PhantomLibrary.domain.regions import Dot


class RegionEnd(Struct, frozen=True):
    """One region: what it has applied of each slot, and by key what it shows, and which writes that is from."""

    region: str
    applied: Seen
    values: dict[str, tuple[str, ...]]
    versions: dict[str, tuple[Dot, ...]]

    def has(self, slot: str, dot: Dot) -> bool:
        """Tell whether a write is applied here."""
        return any(name == slot and count_in(vector, dot.region) >= dot.count for name, vector in self.applied)


def check_regions_agree(ends: Sequence[RegionEnd]) -> Verdict:
    """Judge whether all regions show the same; `operations` of the verdict counts keys.

    Where they do not, the message says of a key what each of them shows, and which writes are missing where.
    """
    keys = sorted({key for end in ends for key in end.values})
    if len(ends) < 2:
        names = ", ".join(end.region for end in ends) or "none"
        return Verdict("unknown", "DIV-005", f"there is one region to compare, at most: {names}", (), len(keys))
    differing = [key for key in keys if len({end.values.get(key, ()) for end in ends}) > 1]
    if not differing:
        return Verdict("valid", operations=len(keys), confirmed=len(keys))
    lines = [f"{key}: {_by_region(ends, key)}" for key in differing[1:EVIDENCE_LINES_MAX]]
    message = f"regions disagree about {differing[0]}: {_by_region(ends, differing[0])}"
    if len(differing) > 1:
        message += f" (and about {len(differing) - 1} more of {len(keys)} keys)"
    missing = _missing(ends)
    return Verdict("invalid", "DIV-004", message, tuple((*missing, *lines)[:EVIDENCE_LINES_MAX]), len(keys))


def _by_region(ends: Sequence[RegionEnd], key: str) -> str:
    return "; ".join(
        f"{end.region} shows {' | '.join(map(shown, end.values.get(key, ()))) or 'nothing'}" for end in ends
    )


def _missing(ends: Sequence[RegionEnd]) -> list[str]:
    """Return who lacks writes that another one has: then they may still agree, when they have heard of them."""
    most: dict[tuple[str, str], int] = {}
    for end in ends:
        for slot, vector in end.applied:
            for origin, count in vector:
                most[slot, origin] = max(count, most.get((slot, origin), 0))
    lines = []
    for end in ends:
        applied = dict(end.applied)
        lacking: dict[str, int] = {}
        for (slot, origin), count in sorted(most.items()):
            lack = count - count_in(applied.get(slot, ()), origin)
            if lack:
                lacking[origin] = lacking.get(origin, 0) + lack
        lines += [f"{end.region} lacks {count} writes of {origin}" for origin, count in lacking.items()]
    return lines
