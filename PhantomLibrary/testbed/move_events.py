"""Tells of the steps of a move on the node that coordinates them, just before and just after.

*move started*: around the order that lets the target begin to catch up, and *move cut over*: around the order that
gives the target its vote and takes the source's. An order that may have been lost is given, and told, again.
*learner caught up*: around taking in that a target holds all.
*move finished* and *rebalancing finished*: around the entry by which a move, or the last of them, is over.
"""

from __future__ import annotations

from typing import Any, Protocol

from PhantomLibrary.database.census import Order, Report
from PhantomLibrary.database.coordinator import Coordinator
from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.messages import Record
from PhantomLibrary.database.moves import Moves
from PhantomLibrary.database.repair import Step
from PhantomLibrary.domain import NodeId

MOVE_EVENTS = ("move started", "learner caught up", "move cut over", "move finished", "rebalancing finished")


class Tap(Protocol):
    """Whoever listens. `tell_of` takes process, event, phase and node; what a crashed process says is not told."""

    def tell_of(self, process: Any, event: str, phase: Any, node: NodeId) -> None: ...


def tapped_coordinator(plain: Any, tap: Tap) -> type[Coordinator]:
    """Return a coordinator that can be listened at."""

    class TappedCoordinator(plain):  # type: ignore[misc]
        def __init__(self, host: Any, term: int, directory: Directory) -> None:
            super().__init__(host, term, directory)
            self._process = getattr(host, "process", None)

        def _told(self, events: list[str], phase: str) -> None:
            for event in events:
                tap.tell_of(self._process, event, phase, self._host.node)

        def report(self, report: Report) -> None:
            events = _newly_caught_up(self._directory.moves, self._led, report)
            self._told(events, "before")
            super().report(report)
            self._told(events, "after")

        def _take(self, step: Step) -> None:
            events = _ordered(self._directory.moves, step)
            self._told(events, "before")
            super()._take(step)
            self._told(events, "after")

    coordinator: type[Coordinator] = TappedCoordinator
    return coordinator


def _newly_caught_up(moves: Moves, led: Any, report: Report) -> list[str]:
    """Return an event for each target of a move that this report is the first to say has caught up."""
    events = []
    for each in report.shards:
        move, before = moves.of(each.shard), led.get(each.shard)
        known = before is not None and before.report.term == each.term and before.report.caught_up
        if move is not None and move.target in each.caught_up and not (known and move.target in known):
            events.append("learner caught up")
    return events


def _ordered(moves: Moves, step: Step) -> list[str]:
    if not isinstance(step, tuple) or not isinstance(step[1], Order):
        return []
    move, change = moves.of(step[1].shard), step[1].change
    if move is None:
        return []
    if move.target in change.learners:
        return ["move started"]
    return ["move cut over"] if move.target in change.promoted else []


def applied_moves(moves: Moves, commands: list[Any]) -> list[str]:
    """Return the events that applying these commands is on shard 0, which knows of such moves before."""
    events: list[str] = []
    for command in commands:
        if type(command) is Record and (command.ended or command.led):
            after = moves.with_ended(command.ended, command.led)
            events += ["move finished"] * (len(moves.under_way) - len(after.under_way))
            if moves.is_busy and not after.is_busy:
                events.append("rebalancing finished")
            moves = after
    return events
