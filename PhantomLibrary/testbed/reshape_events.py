"""Tells of the steps of splits and merges, just before and just after.

*split ordered*, *freeze ordered*, *absorb ordered*: around the coordinator's order to the leader of a shard. An order
that may have been lost is given, and told, again.
*split applied*: around the first replica applying that its shard is two from here on.
*merge frozen*: around the first replica of the right shard applying that it serves no more.
*chunk absorbed*, *merge absorbed*: around the first replica of the left shard applying a chunk of the right one's
state, or the last chunk, with which it has taken that over.
*split finished*, *merge finished*, *merge cancelled*: around the entry by which the directory says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from PhantomLibrary.database.census import TaskOrder
from PhantomLibrary.database.coordinator import Coordinator
from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.messages import Absorb, EndTask, Freeze, SplitOff
from PhantomLibrary.database.repair import Step
from PhantomLibrary.database.reshapes import DONE, Shape, Split
from PhantomLibrary.domain import NodeId

_ORDERS = {"split": "split ordered", "freeze": "freeze ordered", "absorb": "absorb ordered"}
RESHAPE_EVENTS = (
    *_ORDERS.values(),
    "split applied",
    "merge frozen",
    "chunk absorbed",
    "merge absorbed",
    "split finished",
    "merge finished",
    "merge cancelled",
)


class Tap(Protocol):
    """Whoever listens. `tell_of` takes process, event, phase and node; what a crashed process says is not told."""

    def tell_of(self, process: Any, event: str, phase: Any, node: NodeId) -> None: ...


def ordering_coordinator(plain: Any, tap: Tap) -> type[Coordinator]:
    """Return a coordinator whose orders to split and merge can be listened at."""

    class OrderingCoordinator(plain):  # type: ignore[misc]
        def _take(self, step: Step) -> None:
            order = step[1] if isinstance(step, tuple) else None
            event = _ORDERS.get(order.action) if isinstance(order, TaskOrder) else None
            process = getattr(self._host, "process", None)
            if event is not None:
                tap.tell_of(process, event, "before", self._host.node)
            super()._take(step)
            if event is not None:
                tap.tell_of(process, event, "after", self._host.node)

    coordinator: type[Coordinator] = OrderingCoordinator
    return coordinator


def applied_reshapes(shape: Shape, directory: Directory | None, commands: Iterable[Any]) -> list[str]:
    """Return the events that applying these commands is, on a shard of this shape, or on shard 0 with its directory."""
    events = []
    for command in commands:
        if isinstance(command, (SplitOff, Freeze, Absorb)):
            if command.task > shape.task:
                events.append(_step(command))
        elif isinstance(command, EndTask) and directory is not None:
            task = directory.reshapes.numbered(command.number)
            if task is not None and command.outcome == DONE:
                events.append("split finished" if isinstance(task, Split) else "merge finished")
            elif task is not None and not isinstance(task, Split):
                events.append("merge cancelled")
    return events


def _step(command: SplitOff | Freeze | Absorb) -> str:
    if isinstance(command, Absorb):
        return "merge absorbed" if command.chunk + 1 == command.chunks else "chunk absorbed"
    return "split applied" if isinstance(command, SplitOff) else "merge frozen"
