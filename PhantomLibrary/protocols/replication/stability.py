"""What all regions have: the matrix of what each one is known to have applied.

A change is *stable* when every member has it, and everything that members wrote before they had it is applied here:
then nothing that is still to come is concurrent with it. That takes two rules.

- What a member says it has counts once all is here that it had written when it said so.
- When a member is forgotten, only what members say from then on counts, and only once all is here that they have
  of the forgotten one: who forgets a region takes nothing from it any more, so no member gets anything of it that
  another one does not have.

Source: Baquero, Almeida, Shoker, "Pure operation-based replicated data types" (2017), section 6, causal stability;
Wuu and Bernstein, "Efficient solutions to the replicated log and dictionary problems" (1984), for the matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PhantomLibrary.domain.region_policy import Seen, Vector, count_in, joined


class Stability:
    """What the other regions are known to have. `stable` counts, by origin, the changes that are stable."""

    def __init__(self, region: str, members: Sequence[str]) -> None:
        self._region = region
        self._members = tuple(members)
        self.known: dict[str, Vector] = {}
        self.stable: dict[str, int] = {}

    def learn(self, member: str, vector: Vector, applied: Mapping[str, int]) -> bool:
        """Take over what a member has; return whether all that it means is here, and so it was."""
        for origin, count in vector:
            is_awaited = origin == member or origin not in self._members
            if is_awaited and count > applied.get(origin, 0):
                return False
        self.known[member] = joined(self.known.get(member, ()), vector)
        return True

    def become(self, members: Sequence[str]) -> None:
        """Go on with these members. What was known does not count any more if one is missing."""
        if not set(self._members) <= set(members):
            self.known = {}
        self._members = tuple(members)

    def is_over(self, origin: str) -> bool:
        """Tell whether nothing more of an origin can come: it was forgotten, and all that is left of it is here."""
        return origin not in self._members and self.known.keys() >= set(self._members) - {self._region}

    def advance(self, applied: Mapping[str, int]) -> bool:
        """Reckon anew what is stable; return whether that is more than before."""
        others = [self.known.get(member, ()) for member in self._members if member != self._region]
        before, self.stable = self.stable, {}
        for origin, count in applied.items():
            everywhere = min([count, *(count_in(known, origin) for known in others)])
            if everywhere or origin in before:
                self.stable[origin] = max(before.get(origin, 0), everywhere)
        return self.stable != before

    def load(self, known: Seen, stable: Vector) -> None:
        """Take over what was known."""
        self.known, self.stable = dict(known), dict(stable)
