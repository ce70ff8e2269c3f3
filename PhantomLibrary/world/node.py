"""A simulated machine: it hosts one process, charges its work to the processor and owns its clock and disk.

Messages, deadlines and syncs that come back are arrivals. On an idle core an arrival is handled at once, and what the
handler sends leaves when its cost has passed; while all cores are busy or the node is paused, arrivals wait in one
queue, which one wake event works off. An arrival without cost on an idle machine takes no detour at all.

What the processor has worked is counted to the nanosecond: a handler's cost is charged when it begins, and what of it
has yet to come is taken off by whoever reads the meter.

A crash ends an *incarnation*: its Env does nothing from then on, and everything that was owed to its process is
dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from heapq import heapify, heapreplace
from typing import Any, TypeAlias

from PhantomLibrary.domain import NodeId
from PhantomLibrary.domain.usage import Account, Reading
from PhantomLibrary.kernel.process import Disk, Process
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Stream, Streams
from PhantomLibrary.world.card import NetworkCard
from PhantomLibrary.world.clock import Clock
from PhantomLibrary.world.disk import SimDisk
from PhantomLibrary.world.platter import Platter
from PhantomLibrary.world.timers import Timers
from PhantomLibrary.world.units import MILLION
from PhantomLibrary.world.wire import Wire

INBOX_MESSAGES_MAX = 10_000  # As many as a socket's buffer holds; more are lost.
_MEMORY_BYTES = 16_000_000_000

# (handler of the process, its arguments, processor time, is it a message, since when it waits)
_Arrival: TypeAlias = tuple[Callable[..., object], tuple[Any, ...], int, bool, int]


class NodeState(Enum):
    UP = "up"
    PAUSED = "paused"
    DOWN = "down"


class NodeEnv:
    """What one incarnation of a process sees of the world. Dead, it does nothing."""

    __slots__ = (
        "_disk", "_halt", "_links", "_streams", "disk", "incarnation", "lag_ns", "monotonic_ns", "node",
        "reading", "set_deadline", "timers", "turn_away", "waited_ns", "wall_ns", "work",
    )  # fmt: skip

    def __init__(self, machine: NodeHost, incarnation: int) -> None:
        self.node = machine.name
        self.incarnation = incarnation
        self.lag_ns = 0  # How long the present handler takes: what it sends leaves that much later.
        self._streams = machine.streams
        self._links = machine.outgoing
        self._halt = machine.halt
        self.timers = Timers(machine.scheduler, machine.clock, machine.deadline_passed, name=machine.name)
        self._disk = SimDisk(machine.platter, machine.scheduler, machine.sync_came_back, self)
        self.disk: Disk = self._disk
        # Handed out as they are, because they are called at every event.
        self.monotonic_ns = machine.clock.monotonic_ns
        self.wall_ns = machine.clock.wall_ns
        self.set_deadline = self.timers.set
        self.reading = machine.reading
        self.waited_ns = machine.waited_ns
        self.turn_away = machine.turn_away
        self.work = machine.work

    def random(self, name: str) -> Stream:
        return self._streams.get(f"node {self.node} {name}")

    def send(self, to: str, message: Any) -> None:
        link = self._links.get(to)
        if link is not None:
            if self.lag_ns:
                link.send_late(message, self.lag_ns)
            else:
                link.send(message)

    def halt(self, reason: str) -> None:
        self._halt(self.incarnation, reason)

    def die(self) -> int:
        """Do nothing from now on; return the unsynced bytes that were lost."""
        self._links = {}
        self.timers.cancel_all()
        return self._disk.crash()


class NodeHost:
    """One machine. `outgoing` holds what it can send to, by name; a name that is not there swallows what is sent."""

    def __init__(
        self,
        name: NodeId,
        *,
        spawn: Callable[[NodeId], Process],
        scheduler: Scheduler,
        streams: Streams,
        wire: Wire,
        clock: Clock,
        platter: Platter,
        cores: int = 1,
        speed_ppm: int = MILLION,
        memory_bytes: int = _MEMORY_BYTES,
        card: NetworkCard | None = None,
        overflow: Callable[[str, NodeId, Any], object] = lambda _sender, _node, _message: None,
        halted: Callable[[NodeId], object] = lambda _node: None,
    ) -> None:
        self.name = name
        self.scheduler = scheduler
        self.streams = streams
        self.clock = clock
        self.platter = platter
        self.outgoing: dict[str, Any] = {}  # Links and Connections.
        self.state = NodeState.DOWN
        self.incarnation = 0
        self.cores = cores
        self.speed_ppm = speed_ppm
        self.memory_bytes_max = memory_bytes
        self.card = card
        self.inbox_max = INBOX_MESSAGES_MAX
        self.busy_ns = 0  # What was charged: the handlers that run now are in it to their ends.
        self.overflowed = 0
        self.queue_max = 0
        self.halted_because = ""  # Of the latest process that ended itself.
        self.process: Process | None = None
        self.env: NodeEnv | None = None
        self.is_down = True
        self._receive: Callable[[str, Any], object] = _take_nothing
        self._spawn = spawn
        self._wire = wire
        self._overflow = overflow
        self._halted = halted
        self._event_cost_ns = wire.event_cost_ns()
        self._refusal_cost_ns = wire.refusal_cost_ns()
        self._queue: deque[_Arrival] = deque()
        self._messages_queued = 0
        self._waited_ns = 0
        self._takes_at_once = False  # Up, and nothing waits.
        self._is_waking = False
        self._pauses = 0
        self._core_free_ns = [0] * cores  # A heap: the first core to be free comes first.

    # --- arrivals -------------------------------------------------------------------------------------------------

    def arrive(self, sender: str, message: Any, cost_ns: int) -> None:
        """Take a message that came over a link."""
        now_ns = self.scheduler.now_ns
        if self._takes_at_once and self._core_free_ns[0] <= now_ns:
            if cost_ns:  # As in `_charge`, without another call.
                if self.speed_ppm != MILLION:
                    cost_ns = cost_ns * MILLION // self.speed_ppm
                heapreplace(self._core_free_ns, now_ns + cost_ns)
                self.busy_ns += cost_ns
            self.env.lag_ns = cost_ns  # type: ignore[union-attr]
            self._receive(sender, message)
        elif self._messages_queued < self.inbox_max:
            self._messages_queued += 1
            self._wait((self._receive, (sender, message), cost_ns, True, now_ns))
        else:
            self.overflowed += 1
            self._overflow(sender, self.name, message)

    def deadline_passed(self, name: str) -> None:
        now_ns = self.scheduler.now_ns
        if self._takes_at_once and self._core_free_ns[0] <= now_ns:
            self._charge(self._event_cost_ns, now_ns)
            self.process.fire(name)  # type: ignore[union-attr]
        else:
            self.env.timers.wait_for_core(name)  # type: ignore[union-attr]
            self._wait((self._fire, (name,), self._event_cost_ns, False, now_ns))

    def sync_came_back(self, token: int, error: str) -> None:
        now_ns = self.scheduler.now_ns
        if self._takes_at_once and self._core_free_ns[0] <= now_ns:
            self._charge(self._event_cost_ns, now_ns)
            self.process.synced(token, error)  # type: ignore[union-attr]
        else:
            self._wait((self._synced, (token, error), self._event_cost_ns, False, now_ns))

    def _fire(self, name: str) -> None:
        assert self.env is not None and self.process is not None
        if self.env.timers.take(name):  # False: set anew while it waited for the processor.
            self.process.fire(name)

    def _synced(self, token: int, error: str) -> None:
        assert self.process is not None
        self.process.synced(token, error)

    # --- processor ------------------------------------------------------------------------------------------------

    @property
    def queue_length(self) -> int:
        return len(self._queue)

    def waited_ns(self) -> int:
        """Return how long what is handled now has waited for a core."""
        return self._waited_ns

    def turn_away(self) -> None:
        """Charge little for what is handled now: the process has refused it unread."""
        env = self.env
        assert env is not None
        spared_ns = env.lag_ns - self._refusal_cost_ns * MILLION // self.speed_ppm
        if spared_ns > 0:
            ends_ns = self._core_free_ns
            ends_ns[ends_ns.index(self.scheduler.now_ns + env.lag_ns)] -= spared_ns
            heapify(ends_ns)
            env.lag_ns -= spared_ns
            self.busy_ns -= spared_ns

    def work(self, cost_ns: int) -> None:
        """Charge more for what is handled now than was charged for its message."""
        env, ends_ns = self.env, self._core_free_ns
        if env is None or not self._wire.has_costs or not cost_ns:
            return
        cost_ns = cost_ns * MILLION // self.speed_ppm
        ends_at_ns = self.scheduler.now_ns + env.lag_ns
        is_charged = env.lag_ns and ends_at_ns in ends_ns
        core = ends_ns.index(ends_at_ns) if is_charged else 0  # What has cost nothing yet is done by an idle one.
        ends_ns[core] = ends_at_ns + cost_ns
        heapify(ends_ns)
        env.lag_ns += cost_ns
        self.busy_ns += cost_ns

    def reading(self) -> Reading:
        """Read the machine's meters. This changes nothing."""
        now_ns, process = self.scheduler.now_ns, self.process
        account = _NO_ACCOUNT if process is None else process.account()
        return Reading(
            now_ns,
            self.incarnation,
            self.cores,
            self.memory_bytes_max,
            self.busy_ns - self._unworked_ns(),
            self.platter.busy_ns(now_ns),
            0 if self.card is None else self.card.busy_ns(now_ns),
            account.memory_bytes,
            account.operations,
            account.transactions,
        )

    def _unworked_ns(self) -> int:
        """Return how much of what was charged has yet to be worked."""
        now_ns, ends_ns = self.scheduler.now_ns, self._core_free_ns
        if max(ends_ns) <= now_ns:
            return 0
        return sum(end_ns - now_ns for end_ns in ends_ns if end_ns > now_ns)

    def _charge(self, cost_ns: int, now_ns: int) -> None:
        if cost_ns:
            if self.speed_ppm != MILLION:
                cost_ns = cost_ns * MILLION // self.speed_ppm
            heapreplace(self._core_free_ns, now_ns + cost_ns)
            self.busy_ns += cost_ns
        assert self.env is not None
        self.env.lag_ns = cost_ns

    def _wait(self, arrival: _Arrival) -> None:
        queue = self._queue
        queue.append(arrival)
        self._takes_at_once = False
        self.queue_max = max(self.queue_max, len(queue))
        self._wake_later()

    def _wake_later(self) -> None:
        """See to it that the queue is looked at when a core is free."""
        if not self._is_waking and self.state is NodeState.UP:
            self._is_waking = True
            self.scheduler.at(self._core_free_ns[0], self._wake, self.incarnation)

    def _wake(self, incarnation: int) -> None:
        """Handle what waits, as far as there are idle cores."""
        if incarnation != self.incarnation:
            return
        self._is_waking = False
        now_ns = self.scheduler.now_ns
        while self._queue and self.state is NodeState.UP:
            if self._core_free_ns[0] > now_ns:
                self._wake_later()
                return
            handler, arguments, cost_ns, is_message, since_ns = self._queue.popleft()
            self._messages_queued -= is_message
            self._charge(cost_ns, now_ns)
            self._waited_ns = now_ns - since_ns
            handler(*arguments)
            self._waited_ns = 0
        self._takes_at_once = not self._queue and self.state is NodeState.UP

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start a new process on what the disk holds."""
        assert self.is_down
        self.incarnation += 1
        self.state = NodeState.UP
        self.is_down = False
        self._takes_at_once = True
        self._wire.record_node(self.name, "start")
        self.process = self._spawn(self.name)
        self._receive = self.process.receive
        self.env = NodeEnv(self, self.incarnation)
        self.process.start(self.env)

    def crash(self) -> int:
        """Lose the process, what waits for it and what was not synced; return the unsynced bytes lost."""
        assert not self.is_down and self.env is not None
        self.state = NodeState.DOWN
        self.is_down = True
        self._wire.record_node(self.name, "crash")
        bytes_lost = self.env.die()
        self.process = self.env = None
        self._receive = _take_nothing
        self._queue.clear()
        self.busy_ns -= self._unworked_ns()
        self._messages_queued = self._pauses = self._waited_ns = 0
        self._takes_at_once = self._is_waking = False
        self._core_free_ns = [self.scheduler.now_ns] * self.cores
        return bytes_lost

    def halt(self, incarnation: int, reason: str) -> None:
        """A process ends itself, unless it is dead already."""
        if incarnation == self.incarnation and not self.is_down:
            self._wire.record_node(self.name, "halt")
            self.halted_because = reason
            self._halted(self.name)

    def wipe(self) -> None:
        """Empty the disk of a node that is down."""
        assert self.state is NodeState.DOWN
        self._wire.record_node(self.name, "wipe")
        self.platter.wipe()

    def pause(self) -> None:
        """Handle nothing until each pause has been ended. What arrives waits."""
        assert self.state is not NodeState.DOWN
        self._pauses += 1
        self._takes_at_once = False
        if self._pauses == 1:
            self.state = NodeState.PAUSED
            self._wire.record_node(self.name, "pause")

    def resume(self) -> None:
        assert self.state is NodeState.PAUSED
        self._pauses -= 1
        if not self._pauses:
            self.state = NodeState.UP
            self._wire.record_node(self.name, "resume")
            self._takes_at_once = not self._queue
            if self._queue:
                self._wake_later()

    def change_drift(self, by_ppm: int) -> None:
        """Let the clocks run faster or slower from now on."""
        self.clock.change_drift(by_ppm)
        if self.env is not None:
            self.env.timers.reschedule()


_NO_ACCOUNT = Account()


def _take_nothing(_sender: str, _message: Any) -> None:
    """What a machine without a process does with a message."""
    raise AssertionError("a message reached a node that is down")
