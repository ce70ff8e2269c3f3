"""What is under way between nodes: the probe of this period, and what this node asks for others."""

from __future__ import annotations

from PhantomLibrary.domain import NodeId


class Probe:
    """One member is asked whether it lives in this incarnation, until `ends_ns`. Helpers have `indirect_ns` of that;
    `nacks` are those that heard nothing either.
    """

    __slots__ = ("ends_ns", "helpers", "incarnation", "indirect_ns", "is_indirect", "nacks", "sequence", "target")

    def __init__(self, target: NodeId, incarnation: int, sequence: int, ends_ns: int, indirect_ns: int) -> None:
        self.target = target
        self.incarnation = incarnation
        self.sequence = sequence
        self.ends_ns = ends_ns
        self.indirect_ns = indirect_ns
        self.is_indirect = False
        self.helpers: tuple[NodeId, ...] = ()
        self.nacks: dict[NodeId, None] = {}


class Relay:
    """Somebody else's probe that goes through this node. `sequence` is the origin's own number for it."""

    __slots__ = ("ends_ns", "origin", "sequence")

    def __init__(self, origin: NodeId, sequence: int, ends_ns: int) -> None:
        self.origin = origin
        self.sequence = sequence
        self.ends_ns = ends_ns


class Relays:
    """All relays `under_way`, in the order in which they end. Each lasts `patience_ns`, so there are never many."""

    def __init__(self, patience_ns: int) -> None:
        self.patience_ns = patience_ns
        self.under_way: dict[int, Relay] = {}  # By the number under which this node asks.

    def add(self, number: int, origin: NodeId, sequence: int, now_ns: int) -> bool:
        """Begin a relay; return whether it is the only one, so that a deadline has to be set for it."""
        self.under_way[number] = Relay(origin, sequence, now_ns + self.patience_ns)
        return len(self.under_way) == 1

    def take(self, number: int) -> Relay | None:
        """Return the relay of this number, if it is under way, and end it."""
        return self.under_way.pop(number, None)

    def take_expired(self, now_ns: int) -> list[Relay]:
        """Return the relays that got no answer in time, and end them."""
        expired = [number for number, each in self.under_way.items() if each.ends_ns <= now_ns]
        return [self.under_way.pop(number) for number in expired]

    def first_end_ns(self) -> int | None:
        """Return when the next relay ends, None when there is none."""
        return next((each.ends_ns for each in self.under_way.values()), None)
