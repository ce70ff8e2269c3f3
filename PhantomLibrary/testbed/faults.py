"""The faults of one run: which are in force, how each is healed, and whether it ever bit."""

from __future__ import annotations

from collections.abc import Collection

from PhantomLibrary.domain import NodeId
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.world.faults import CrashNode, Fault, NodeFault
from PhantomLibrary.world.link_faults import LinkFault
from PhantomLibrary.world.world import World


class AppliedFault:
    """A fault with the command that brought it."""

    __slots__ = ("command", "fault", "since_ns")

    def __init__(self, fault: Fault, command: Command, since_ns: int) -> None:
        self.fault = fault
        self.command = command
        self.since_ns = since_ns


class FaultBook:
    """Applies faults to a world and remembers them all."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.all: list[AppliedFault] = []

    def apply(self, fault: Fault, command: Command) -> AppliedFault:
        """Put a fault into force. Raises InvalidInput, and remembers nothing, when it makes no sense."""
        fault.apply(self._world)
        applied = AppliedFault(fault, command, self._world.scheduler.now_ns)
        self.all.append(applied)
        return applied

    @property
    def active(self) -> list[AppliedFault]:
        return [each for each in self.all if each.fault.is_applied]

    def active_on(self, node: NodeId, *kinds: type[NodeFault]) -> list[AppliedFault]:
        """Return the faults of these kinds that are in force on a node."""
        return [each for each in self.active if isinstance(each.fault, kinds) and each.fault.node == node]

    def heal_network(self) -> int:
        """Heal all faults of links; return how many."""
        return self._heal([each for each in self.active if isinstance(each.fault, LinkFault)])

    def heal_node(self, node: NodeId) -> int:
        """Heal all faults of a node, and those of the network that touch it."""
        return self._heal([each for each in self.active if _touches(each.fault, node)])

    def heal_core(self, core: Collection[NodeId]) -> list[str]:
        """Heal what is wrong with these nodes and with the links among them, and nothing else; return what that was."""
        inside = {(source, target) for source in core for target in core}
        healed = []
        for each in sorted(self.active, key=lambda applied: isinstance(applied.fault, CrashNode)):
            fault = each.fault
            if isinstance(fault, LinkFault):
                if any(pair in inside for pair in fault.pairs):
                    healed.append(f"{fault.describe()}, among them")
                    fault.release(inside)
            elif isinstance(fault, NodeFault) and fault.node in core:
                healed.append(fault.describe())
                fault.heal()
        return healed

    def heal_all(self) -> int:
        return self._heal(self.active)

    def _heal(self, faults: list[AppliedFault]) -> int:
        # Crashes last, so that a node that comes back finds the world as it should be.
        for each in sorted(faults, key=lambda applied: isinstance(applied.fault, CrashNode)):
            each.fault.heal()
        return len(faults)

    def without_bite(self) -> list[AppliedFault]:
        """Return the faults that changed nothing that happened, nor did any other of the same command.

        When power fails everywhere, the last node to go loses no message, for nobody is left to send one. And of the
        random faults of one nemesis, some may change nothing as long as others do.
        """
        biting = {_source(each.command) for each in self.all if each.fault.bites}
        return [each for each in self.all if _source(each.command) not in biting]


def _source(command: Command) -> str | int:
    """What has to bite at least once: a command, or all that a nemesis did."""
    return command.by or id(command)


def _touches(fault: Fault, node: NodeId) -> bool:
    if isinstance(fault, NodeFault):
        return fault.node == node
    return isinstance(fault, LinkFault) and any(node in pair for pair in fault.pairs)
