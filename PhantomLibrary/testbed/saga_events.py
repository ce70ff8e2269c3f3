"""Tells of what happens to sagas on the node that orchestrates them, just before and just after.

*saga started*: around writing down its first steps, and *step completed*, *step compensated* and *saga ended* likewise:
`before`, when the orchestrator has decided and the log does not say so; `after`, when it does and nothing has followed.
*step executing* and *compensation begun*: around sending an action, or a compensation.
"""

from __future__ import annotations

from typing import Any, Protocol

from PhantomLibrary.database.saga_host import SagaHost, SagaOwner
from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.saga.effects import Execute, Record
from PhantomLibrary.protocols.saga.progress import Saga, advanced

SAGA_EVENTS = (
    "saga started",
    "step executing",
    "step completed",
    "compensation begun",
    "step compensated",
    "saga ended",
)
_ENDS_OF_STEPS = {"COMPLETED": "step completed", "COMPENSATED": "step compensated"}


class Tap(Protocol):
    """Whoever listens. `tell` takes event, phase and node; what a crashed process says is not told."""

    def tell_of(self, process: Any, event: str, phase: Any, node: NodeId) -> None: ...


def tapped_saga_host(plain: Any, tap: Tap) -> type[SagaHost]:
    """Return the host of an orchestrator that can be listened at."""

    class TappedSagaHost(plain):  # type: ignore[misc]
        def __init__(self, owner: SagaOwner) -> None:
            super().__init__(owner)
            self._seen: dict[int, Saga] = {}

        def _told(self, events: list[str], phase: str) -> None:
            for event in events:
                tap.tell_of(self._owner, event, phase, self._env.node)

        def record(self, effect: Record) -> None:
            replica = self._replica()
            saga = None if replica is None else replica.machine.sagas.table.by_number.get(effect.number)
            if saga is not None:
                self._seen[effect.number] = saga
                self._told(_events(saga, advanced(saga, effect.revision, effect.moves)), "before")
            super().record(effect)

        def recorded(self, saga: Saga) -> None:
            before = self._seen.pop(saga.number, None)
            if before is not None:
                self._told(_events(before, saga), "after")
            super().recorded(saga)

        def execute(self, effect: Execute) -> None:
            event = "step executing" if effect.phase == "action" else "compensation begun"
            self._told([event], "before")
            super().execute(effect)
            self._told([event], "after")

    host: type[SagaHost] = TappedSagaHost
    return host


def _events(before: Saga, after: Saga) -> list[str]:
    """Return what it is that a saga was like this, and then like that."""
    if before is after:
        return []
    events = ["saga started"] if not before.revision else []
    for earlier, later in zip(before.steps, after.steps, strict=True):
        if earlier.state != later.state and later.state in _ENDS_OF_STEPS:
            events.append(_ENDS_OF_STEPS[later.state])
    return [*events, "saga ended"] if after.is_ended else events
