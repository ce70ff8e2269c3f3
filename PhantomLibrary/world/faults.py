"""Faults of nodes and clocks, and what all faults have in common.

A fault is applied once and healed once. It knows how much it bit: how much would have gone otherwise without it. Faults
compose: any number may be in force on one place, and each is healed without touching the others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from PhantomLibrary.domain import MILLISECOND_NS, NodeId
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.world.node import NodeState
from PhantomLibrary.world.topology_decoder import DRIFT_PPM_MAX
from PhantomLibrary.world.units import MILLION
from PhantomLibrary.world.world import World


class Fault(ABC):
    """Something that is wrong with the world from `apply` to `heal`."""

    def __init__(self) -> None:
        self._world: World | None = None
        self.is_healed = False

    @property
    def is_applied(self) -> bool:
        """Whether it is in force."""
        return self._world is not None and not self.is_healed

    @property
    def world(self) -> World:
        assert self._world is not None, "the fault was never applied"
        return self._world

    def apply(self, world: World) -> None:
        """Put it into force. Raises InvalidInput, and changes nothing, when it makes no sense in this world."""
        assert self._world is None, "a fault is applied once"
        self.check(world)
        self._world = world
        self._begin(world)

    def heal(self) -> None:
        """Take it back, and nothing else. Does nothing when it is not in force."""
        if self.is_applied:
            self.is_healed = True
            self._end(self.world)

    @abstractmethod
    def check(self, world: World) -> None:
        """Raise InvalidInput when it makes no sense in this world."""

    @property
    @abstractmethod
    def bites(self) -> int:
        """How much it has done so far: messages lost or delayed, bytes lost, nodes stopped. 0: nothing at all."""

    @abstractmethod
    def describe(self) -> str:
        """Say in a few words what it does."""

    @abstractmethod
    def _begin(self, world: World) -> None: ...

    @abstractmethod
    def _end(self, world: World) -> None: ...


class NodeFault(Fault):
    """A fault of one node."""

    def __init__(self, node: NodeId) -> None:
        super().__init__()
        self.node = node

    def check(self, world: World) -> None:
        world.node(self.node)


class CrashNode(NodeFault):
    """Crashes a node that is not down already; healed, it restarts, unless somebody restarted it before."""

    def __init__(self, node: NodeId, *, wiped: bool = False) -> None:
        super().__init__(node)
        self.bytes_lost = 0
        self._wiped = wiped
        self._incarnation = 0
        self._lost_before = 0
        self._messages_lost = 0

    @property
    def bites(self) -> int:
        """The messages that were lost because the node was down, plus the unsynced bytes that it lost."""
        if not self._incarnation:
            return 0
        lost = self._messages_lost if self.is_healed else self._lost_so_far() - self._lost_before
        return lost + self.bytes_lost

    def describe(self) -> str:
        return f"crash {self.node}" + (" and wipe its disk" if self._wiped else "")

    def _begin(self, world: World) -> None:
        host = world.node(self.node)
        if not host.is_down:
            self._incarnation = host.incarnation
            self._lost_before = self._lost_so_far()
            self.bytes_lost = world.crash(self.node)

    def _lost_so_far(self) -> int:
        return self.world.network.lost_at(self.node)

    def _end(self, world: World) -> None:
        self._messages_lost = self._lost_so_far() - self._lost_before
        host = world.node(self.node)
        if host.is_down and host.incarnation == self._incarnation:
            world.restart(self.node, self._wiped)


class PauseNode(NodeFault):
    """Lets a node handle nothing; healed, it goes on with all that has arrived meanwhile."""

    def __init__(self, node: NodeId) -> None:
        super().__init__(node)
        self._incarnation = 0
        self._held_up = 0

    @property
    def bites(self) -> int:
        """How many messages, deadlines and syncs have waited for the node to go on."""
        if self._world is None or not self._incarnation:
            return 0
        host = self.world.node(self.node)
        if host.is_down or host.incarnation != self._incarnation:
            return max(1, self._held_up)  # It crashed before it could go on, and what waited was lost.
        return self._held_up if self.is_healed else host.queue_length

    def describe(self) -> str:
        return f"pause {self.node}"

    def _begin(self, world: World) -> None:
        host = world.node(self.node)
        if not host.is_down:
            self._incarnation = host.incarnation
            world.pause(self.node)

    def _end(self, world: World) -> None:
        host = world.node(self.node)
        if host.state is NodeState.PAUSED and host.incarnation == self._incarnation:
            self._held_up = host.queue_length
            world.resume(self.node)


class SkewClock(NodeFault):
    """Steps a node's wall clock by an offset and lets both its clocks drift.

    Healed, the wall clock is set right again, what the drift has added included; the monotonic clock, which never
    jumps, keeps what it gained or lost and runs as before.
    """

    def __init__(self, node: NodeId, *, offset_ns: int = 0, drift_ppm: int = 0) -> None:
        super().__init__(node)
        if abs(drift_ppm) > DRIFT_PPM_MAX:
            raise InvalidInput(f"a drift of {drift_ppm / 10_000:g} % is too much: between -50 % and 50 %")
        self.offset_ns = offset_ns
        self.drift_ppm = drift_ppm
        self._since_ns = 0
        self._until_ns: int | None = None

    @property
    def bites(self) -> int:
        """By how many milliseconds a clock was wrong at worst."""
        if self._world is None:
            return 0
        until_ns = self.world.scheduler.now_ns if self._until_ns is None else self._until_ns
        gained_ns = (until_ns - self._since_ns) * abs(self.drift_ppm) // MILLION
        return (abs(self.offset_ns) + gained_ns) // MILLISECOND_NS

    def describe(self) -> str:
        parts = [f"by {self.offset_ns / MILLISECOND_NS:+g} ms"] if self.offset_ns else []
        parts += [f"drifting {self.drift_ppm / 10_000:+g} %"] if self.drift_ppm else []
        return f"skew the clock of {self.node} {' and '.join(parts) or 'by nothing'}"

    def _begin(self, world: World) -> None:
        host = world.node(self.node)
        self._since_ns = world.scheduler.now_ns
        host.clock.step(self.offset_ns)
        host.change_drift(self.drift_ppm)

    def _end(self, world: World) -> None:
        host = world.node(self.node)
        self._until_ns = world.scheduler.now_ns
        gained_ns = (self._until_ns - self._since_ns) * self.drift_ppm // MILLION
        host.change_drift(-self.drift_ppm)
        host.clock.step(-self.offset_ns - gained_ns)
