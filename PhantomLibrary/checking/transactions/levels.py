"""Which isolation level forbids which anomaly.

A level is an isolation, and an order that it keeps beside: `snapshot`, `session snapshot`, `strict serializable`. The
order adds dependencies (first what came before, then what came after) to the graph in which cycles are forbidden:

    (none)     the isolation alone
    session    transactions of one process come after each other
    per-key    a transaction that began when one had been confirmed comes after it, if both use a key that one wrote
    strict     a transaction that began when one had been confirmed comes after it

Cycles are classed by their anti-dependencies (rw), as in Adya and Elle: G0 has only ww; G1c has wr too; G-single has
one rw; G-nonadjacent more, but never two in a row; G2-item has two in a row. PhantomDB's repeatable read is snapshot.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.errors import InvalidInput, nearest

Order: TypeAlias = Literal["", "session", "per-key", "strict"]
ORDERS: tuple[Order, ...] = ("", "session", "per-key", "strict")

_READ_UNCOMMITTED = ("unwritten value", "duplicate element", "incompatible order", "G0")
_READ_COMMITTED = (*_READ_UNCOMMITTED, "G1a", "dirty update", "G1b", "own write missed", "G1c")
_SNAPSHOT = (*_READ_COMMITTED, "unrepeatable read", "lost update", "G-single", "G-nonadjacent")
_SERIALIZABLE = (*_SNAPSHOT, "G2-item")

ISOLATIONS: dict[str, tuple[str, ...]] = {
    "read uncommitted": _READ_UNCOMMITTED,
    "read committed": _READ_COMMITTED,
    "snapshot": _SNAPSHOT,
    "repeatable read": _SNAPSHOT,
    "serializable": _SERIALIZABLE,
}

CYCLES = ("G0", "G1c", "G-single", "G-nonadjacent", "G2-item")
"""Classes of cycles, the worst first."""

CODES = {
    "G0": "TXN-001",
    "G1a": "TXN-002",
    "dirty update": "TXN-002",
    "G1b": "TXN-003",
    "G1c": "TXN-004",
    "lost update": "TXN-005",
    "G-single": "TXN-006",
    "G-nonadjacent": "TXN-007",
    "G2-item": "TXN-008",
    "own write missed": "TXN-009",
    "unrepeatable read": "TXN-010",
    "unwritten value": "TXN-011",
    "duplicate element": "TXN-012",
    "incompatible order": "TXN-013",
}

PLAIN_NAMES = {
    "G0": "dirty write (G0)",
    "G1a": "aborted read (G1a)",
    "G1b": "intermediate read (G1b)",
    "G1c": "circular information flow (G1c)",
    "G-single": "read skew (G-single)",
    "G-nonadjacent": "long fork (G-nonadjacent)",
    "G2-item": "write skew (G2-item)",
}

ORDERS_BROKEN = {
    "-session": "by the order of a session",
    "-key": "by real time on one key",
    "-realtime": "by real time",
}
"""What the suffix of a class of cycles says: which order some step of the cycle is."""


class Level(Struct, frozen=True):
    """What is asked of a history: anomalies that it may not have, and the order that it keeps."""

    name: str
    forbidden: tuple[str, ...]
    order: Order = ""

    def forbids(self, anomaly: str) -> bool:
        return anomaly in self.forbidden


def level_of(name: str) -> Level:
    """Return the level of this name; raises InvalidInput for one that does not exist."""
    level = _LEVELS.get(name.replace("-", " ").replace("per key", "per-key"))
    if level is None:
        raise InvalidInput(f"no isolation level {name!r}: there are {', '.join(_LEVELS)}{nearest(name, _LEVELS)}")
    return level


_LEVELS = {
    f"{order} {name}".strip(): Level(f"{order} {name}".strip(), forbidden, order)
    for order in ORDERS
    for name, forbidden in ISOLATIONS.items()
}
LEVELS = tuple(_LEVELS)
