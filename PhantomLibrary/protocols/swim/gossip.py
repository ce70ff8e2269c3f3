"""Rumours that wait for a message to ride on, each for a bounded number of times.

Rule: a new rumour about a member replaces the older ones about it, but for accusations of one incarnation by several
accusers, which stand beside each other. So there are never more than a few for each member.

Source: SWIM (2002), 4.1: those go first that were sent least, and none goes more often than about log n times.
"""

from __future__ import annotations

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.swim.messages import Rumour

NO_RUMOURS: tuple[Rumour, ...] = ()


class Gossip:
    """A queue of rumours: `left` says how often each is yet to be sent. One message carries up to `rumours_max`."""

    def __init__(self, rumours_max: int) -> None:
        self._rumours_max = rumours_max
        self.left: dict[Rumour, int] = {}

    def __len__(self) -> int:
        return len(self.left)

    def add(self, rumour: Rumour, copies: int) -> None:
        """Spread a rumour so many times, and no longer what it replaces."""
        self.forget(rumour.member, but=rumour)
        self.left[rumour] = copies

    def forget(self, member: NodeId, *, but: Rumour | None = None) -> None:
        """Drop what is said of a member, except accusations that stand beside this one."""
        for each in [each for each in self.left if each.member == member]:
            if but is None or each.opinion != but.opinion or each.incarnation != but.incarnation or each == but:
                del self.left[each]

    def take(self) -> tuple[Rumour, ...]:
        """Return what the next message carries: the rumours that were sent least, in the order of their coming."""
        if not self.left:
            return NO_RUMOURS
        chosen = sorted(self.left, key=self.left.__getitem__, reverse=True)[: self._rumours_max]
        for each in chosen:
            self.left[each] -= 1
            if not self.left[each]:
                del self.left[each]
        return tuple(chosen)
