"""Faults that are armed for an event, and strike inside the instant in which it happens.

An armed fault is a command like any other: it names its event, the occurrence and the phase, so in a replay it strikes
at the same point. It strikes once. What it does heals after a while, or when somebody heals it; healing everything
disarms what has not struck.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PhantomLibrary.domain import NodeId
from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.testbed.events import EVENTS, EventTap, Phase
from PhantomLibrary.testbed.faults import FaultBook
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.world import shapes
from PhantomLibrary.world.faults import CrashNode, Fault, PauseNode
from PhantomLibrary.world.link_faults import Cut
from PhantomLibrary.world.world import World


class LoseDisk(CrashNode):
    """Crashes a node and empties its disk at once."""

    def describe(self) -> str:
        return f"crash {self.node} and lose its disk"

    def _begin(self, world: World) -> None:
        super()._begin(world)
        if self._incarnation:  # Of the node that it crashed; one that was down keeps its disk.
            world.node(self.node).wipe()


def _isolation(node: NodeId, world: World) -> Fault:
    return Cut(shapes.isolate(node, list(world.nodes), direction="both"))


STRIKES: dict[str, Callable[[NodeId, World], Fault]] = {
    "crash node": lambda node, _world: CrashNode(node),
    "pause node": lambda node, _world: PauseNode(node),
    "isolate node": _isolation,
    "lose disk": lambda node, _world: LoseDisk(node),
}


class ArmedFault:
    """A fault that waits for its event. `on` are the nodes on which the event counts, None: on any."""

    def __init__(self, command: Command, on: Sequence[NodeId] | None, since_ns: int) -> None:
        arguments = command.arguments
        self.command = command
        self.since_ns = since_ns
        self.event: str = arguments["event"]
        self.phase: Phase = arguments.get("phase", "after")
        self.is_waiting = True
        self.has_struck = False
        self._on = on
        self._left: int = arguments.get("occurrence", 1)

    def is_due(self, event: str, phase: Phase, node: NodeId, number: int) -> bool:
        """Take notice of an event; return whether it is the one."""
        if not self.is_waiting or event != self.event or phase != self.phase:
            return False
        if self._on is not None and node not in self._on:
            return False
        self._left -= number
        return self._left <= 0

    def describe(self) -> str:
        arguments = self.command.arguments
        occurrence = arguments.get("occurrence", 1)
        times = "" if occurrence == 1 else f" (occurrence {occurrence})"
        return f"{arguments['fault']} {self.phase} {self.event}{times}"


class ArmedFaults:
    """All armed faults of a run."""

    def __init__(self, world: World, tap: EventTap, faults: FaultBook, resolve: Callable[[str], list[NodeId]]) -> None:
        self._world = world
        self._tap = tap
        self._faults = faults
        self._resolve = resolve
        self.all: list[ArmedFault] = []

    def arm(self, command: Command, on: Sequence[NodeId] | None) -> ArmedFault:
        """Let a fault wait for its event. Raises InvalidInput for what can never be."""
        arguments = command.arguments
        _check_word("event", arguments["event"], EVENTS)
        _check_word("fault", arguments["fault"], STRIKES)
        if arguments.get("occurrence", 1) < 1:
            raise InvalidInput(f"occurrence={arguments['occurrence']} cannot be: write 1 for the first, or more")
        if arguments.get("duration_ns", 1) < 1:
            raise InvalidInput("a duration must be longer than nothing")
        if not self._waiting():
            self._tap.listen(self._hear)
        armed = ArmedFault(command, on, self._world.scheduler.now_ns)
        self.all.append(armed)
        return armed

    def disarm(self) -> int:
        """Disarm what has not struck; return how many."""
        waiting = self._waiting()
        for each in waiting:
            each.is_waiting = False
        self._tap.leave(self._hear)
        return len(waiting)

    def never_struck(self) -> list[ArmedFault]:
        return [each for each in self.all if not each.has_struck]

    def _waiting(self) -> list[ArmedFault]:
        return [each for each in self.all if each.is_waiting]

    def _hear(self, event: str, phase: Phase, node: NodeId, number: int) -> None:
        for armed in self._waiting():
            if armed.is_due(event, phase, node, number):
                self._strike(armed, node)
        if not self._waiting():
            self._tap.leave(self._hear)

    def _strike(self, armed: ArmedFault, node: NodeId) -> None:
        command, world = armed.command, self._world
        nodes = [node]
        if command.target:
            if command.resolved is None:
                try:
                    command.resolved = self._resolve(command.target)
                except (InvalidInput, InvalidState):
                    return  # The role that it names has nobody just now: it waits for the next occurrence.
            nodes = command.resolved
        armed.is_waiting, armed.has_struck = False, True
        make = STRIKES[command.arguments["fault"]]
        duration_ns = command.arguments.get("duration_ns")
        for each in nodes:
            applied = self._faults.apply(make(each, world), command)
            if duration_ns is not None:
                # Not on the agenda, whose next entry the run may be on its way to already.
                world.scheduler.after(duration_ns, _heal, applied.fault)


def _heal(fault: Any) -> None:
    fault.heal()


def _check_word(what: str, word: str, known: Any) -> None:
    if word not in known:
        raise InvalidInput(f"no {what} {word!r} to arm: there are {', '.join(known)}{nearest(word, known)}")
