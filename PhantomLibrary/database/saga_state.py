"""The part of a shard's replicated state that is about sagas: on shard 0 all of them, on every shard what was done for
their steps.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from PhantomLibrary.domain import (
    Act,
    Cas,
    Change,
    ForgetSagas,
    Increment,
    NodeId,
    SagaActed,
    ShardId,
)
from PhantomLibrary.protocols.mvcc.writes import written
from PhantomLibrary.protocols.saga.fences import Fences, FencesImage
from PhantomLibrary.protocols.saga.progress import Saga
from PhantomLibrary.protocols.saga.table import SagaTable

Read = Callable[[str], str | None]
Write = Callable[[str, str], None]


class SagaImage(Struct, frozen=True, array_like=True):
    """All of it, as it stands in a snapshot."""

    sagas: list[Saga]
    fences: FencesImage


class SagaState:
    """`table` holds sagas, `fences` what this shard did for them."""

    def __init__(self, fences: Fences) -> None:
        self.table = SagaTable()
        self.effects: list[Act] = []  # What has changed data since somebody looked.
        self.fences = fences

    def act(self, operation: Act | ForgetSagas, read: Read, write: Write) -> str:
        """Do what an orchestrator asks for; return "" or why it was rejected, and so had no effect."""
        if isinstance(operation, ForgetSagas):
            self.fences.forget(operation.last, operation.open)
            return ""

        def perform(change: Change) -> str:
            after, reason = changed(change, read(change.operation.key))
            if after is not None:
                write(change.operation.key, after)
                self.effects.append(operation)
            return reason

        return self.fences.act(operation, perform)

    def take_effects(self, node: NodeId, shard: ShardId, index: int) -> list[SagaActed]:
        """Return what has changed data since somebody asked, as it is shown; all of it was applied at this index."""
        effects = [
            SagaActed(node, shard, index, each.saga, each.step, each.phase, *_amount(each)) for each in self.effects
        ]
        self.effects.clear()
        return effects

    def dump(self) -> SagaImage:
        return SagaImage(self.table.dump(), self.fences.dump())

    def load(self, image: SagaImage) -> None:
        """Take over what `dump` returned."""
        self.table.load(image.sagas)
        self.fences.load(image.fences)
        self.effects.clear()


def _amount(act: Act) -> tuple[str, int]:
    operation = act.change.operation if act.change is not None else None
    return act.key, operation.amount if isinstance(operation, Increment) else 0


def changed(change: Change, before: str | None) -> tuple[str | None, str]:
    """Return what a key holds after a change, and ""; or None, and why the change is rejected."""
    operation = change.operation
    match operation:
        case Cas():
            is_held = before == operation.expected
            return (operation.value, "") if is_held else (None, f"{operation.key} holds {_shown(before)}")
        case Increment():
            return _incremented(operation, change.at_least, before)
        case _:
            return written(operation, before), ""


def _incremented(operation: Increment, at_least: int | None, before: str | None) -> tuple[str | None, str]:
    try:
        number = int(before or "0") + operation.amount
    except ValueError:
        return None, f"{operation.key} holds {_shown(before)}, which is no number"
    if at_least is not None and number < at_least:
        return None, f"{operation.key} would be {number}, less than {at_least}"
    return str(number), ""


def _shown(value: str | None) -> str:
    return "nothing" if value is None else repr(value)
