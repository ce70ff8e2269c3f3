"""What an orchestrator asks of its host, and the events that come from the host.

An orchestrator owns no clock: times are the node's monotonic nanoseconds.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import SagaPhase
from PhantomLibrary.protocols.saga.progress import Move, Saga

# --- effects --------------------------------------------------------------------------------------------------------


class Record(Struct, frozen=True, gc=False):
    """Write moves into the log. Once they are applied, or others at this revision, `Recorded` comes back; it may also
    happen that they are lost.
    """

    number: int
    revision: int
    moves: tuple[Move, ...]


class Execute(Struct, frozen=True, gc=False):
    """Do an action or a compensation at the shard of its key. `Answered` comes back, or never."""

    saga: Saga
    step: int
    phase: SagaPhase
    attempt: int


class Forget(Struct, frozen=True, gc=False):
    """Tell all shards that every saga up to number `last` has ended but for the `open` ones."""

    last: int
    open: tuple[int, ...]


class SetDeadline(Struct, frozen=True, gc=False):
    """Send `DeadlinePassed` at this time, and no more at the one that was set before."""

    at_ns: int


Effect: TypeAlias = Record | Execute | Forget | SetDeadline

# --- events ---------------------------------------------------------------------------------------------------------

Outcome: TypeAlias = Literal["done", "rejected", "unknown"]


class TookOver(Struct, frozen=True, gc=False):
    """This orchestrator is in office now: all sagas that have not ended, and the number of the last one begun."""

    sagas: tuple[Saga, ...]
    last: int


class Recorded(Struct, frozen=True, gc=False):
    """A saga has begun, or has moved: this is durable."""

    saga: Saga


class Answered(Struct, frozen=True, gc=False):
    """What became of an `Execute`: *rejected* means that it had no effect, and `reason` says why."""

    number: int
    step: int
    phase: SagaPhase
    attempt: int
    outcome: Outcome
    reason: str = ""


class DeadlinePassed(Struct, frozen=True, gc=False):
    pass


Event: TypeAlias = TookOver | Recorded | Answered | DeadlinePassed
