"""What handling costs a processor of speed 1, in nanoseconds. Coarse, and charged by the simulated world only.

The order of magnitude is that of a request over gRPC and a small write in a well-kept database written in Go: some
tens of microseconds a message, and a little for each kilobyte.
"""

from __future__ import annotations

from typing import Any

from PhantomLibrary.database.messages import ClientRequest, ShardReply, ShardRequest
from PhantomLibrary.domain import MICROSECOND_NS
from PhantomLibrary.kernel.process import TurnedAway
from PhantomLibrary.protocols.raft.messages import AppendEntries, AppendReply, SnapshotChunk

_UNIT_NS = 10 * MICROSECOND_NS  # A thousand steps of SQLite's virtual machine.
_ROW_NS = 200
_WRITE_NS = MICROSECOND_NS
_PER_KIB_NS = 2 * MICROSECOND_NS
_OTHERS_NS = 10 * MICROSECOND_NS
_BASE_NS: dict[type, int] = {
    ClientRequest: 20 * MICROSECOND_NS,
    ShardRequest: 20 * MICROSECOND_NS,
    ShardReply: 10 * MICROSECOND_NS,
    AppendEntries: 15 * MICROSECOND_NS,
    AppendReply: 10 * MICROSECOND_NS,
    SnapshotChunk: 40 * MICROSECOND_NS,
    TurnedAway: 2 * MICROSECOND_NS,
}


def handling_cost_ns(message: Any, size: int) -> int:
    """Return what handling a message of `size` bytes costs; None stands for a timer or a finished sync."""
    return _BASE_NS.get(type(message), _OTHERS_NS) + (size * _PER_KIB_NS >> 10)


def fragment_cost_ns(units: int, rows: int, size: int) -> int:
    """Return what it costs to compute rows of a query, of `size` bytes together, in so many units of the engine."""
    return units * _UNIT_NS + rows * _ROW_NS + (size * _PER_KIB_NS >> 10)


def change_cost_ns(writes: int) -> int:
    """Return what it costs to make so many writes of a statement: rows that are checked, and entries of indexes."""
    return writes * _WRITE_NS


def units_in(time_ns: int) -> int:
    """Return how many units of the engine's work take so much time."""
    return time_ns // _UNIT_NS
