"""The simulated world: machines, the network between them and the clients beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from PhantomLibrary.domain import SECOND_NS, Fact, LinkTurned, NodeId, NodeTurned
from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.kernel.process import Process
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Stream, Streams
from PhantomLibrary.kernel.trace import Trace
from PhantomLibrary.world.card import NetworkCard
from PhantomLibrary.world.clock import Clock
from PhantomLibrary.world.endpoint import Receive
from PhantomLibrary.world.link_properties import LinkProperties
from PhantomLibrary.world.network import Network
from PhantomLibrary.world.node import NodeHost, NodeState
from PhantomLibrary.world.platter import Platter
from PhantomLibrary.world.topology import NodeSpec, Topology
from PhantomLibrary.world.wire import Kinds, Wire, kinds_of

# A process that ends itself is started again by its machine's supervisor, as systemd's RestartSec would have it.
SUPERVISOR_DELAY_NS = SECOND_NS


class World:
    """Builds a topology's machines and network; starts, crashes and pauses nodes.

    `spawn(node)` makes a new process for each start. `encode(message)` gives its canonical JSON. `cost_ns(message,
    size)` is the time that a core of full speed takes to handle it, and `cost_ns(None, 0)` that of a deadline or of
    a sync that comes back, and that of a `TurnedAway` is of a message that was refused unread; None makes
    everything free. `kinds(message)` are the names by which a fault may pick a message. Without a trace nothing is
    recorded.

    `facts` tells when which node ran and which link was open. At first no node runs, and all links are open.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        scheduler: Scheduler,
        streams: Streams,
        trace: Trace | None,
        encode: Callable[[Any], bytes],
        cost_ns: Callable[[Any, int], int] | None,
        spawn: Callable[[NodeId], Process],
        kinds: Kinds = kinds_of,
    ) -> None:
        self.topology = topology
        self.scheduler = scheduler
        self.streams = streams
        self.wire = Wire(scheduler, trace, encode, cost_ns)
        if trace is not None:
            scheduler.between_chunks = trace.flush_batch
        self.kinds = kinds
        self.facts: list[Fact] = []
        self._spawn = spawn
        self.nodes: dict[NodeId, NodeHost] = {}
        for spec in topology.nodes:
            self.nodes[spec.name] = self._build(spec, spawn)
        self.halts = dict.fromkeys(self.nodes, 0)
        self.network = Network(
            self.nodes,
            properties=self._link_properties,
            client_latency_ns=int(topology.client_latency),
            wire=self.wire,
            scheduler=scheduler,
            streams=streams,
            turned=self._link_turned,
        )

    def _link_properties(self, source: NodeId, target: NodeId) -> LinkProperties:
        return self.topology.link_properties(source, target)  # Which may have grown.

    def _build(self, spec: NodeSpec, spawn: Callable[[NodeId], Process]) -> NodeHost:
        size = self.topology.sizes[spec.size]
        return NodeHost(
            spec.name,
            spawn=spawn,
            scheduler=self.scheduler,
            streams=self.streams,
            wire=self.wire,
            clock=self._clock(spec),
            platter=Platter(
                size.disk.latency,
                size.disk.bandwidth,
                self.streams.get(f"disk {spec.name}"),
                self.streams.get(f"disk faults {spec.name}"),
            ),
            cores=size.cores,
            speed_ppm=int(size.speed),
            memory_bytes=int(size.memory),
            card=None if size.network is None else NetworkCard(int(size.network)),
            overflow=self._overflow,
            halted=self._halted,
        )

    def _overflow(self, sender: str, node: NodeId, message: Any) -> None:
        self.network.overflow(sender, node, message)  # The network is made after the nodes.

    def _clock(self, spec: NodeSpec) -> Clock:
        """A clock as the topology gives it, or with an error drawn within the topology's bounds."""
        stream, bounds = self.streams.get(f"clock {spec.name}"), self.topology.clocks
        offset_ns, drift_ppm = _within(stream, bounds.offset_max), _within(stream, bounds.drift_max)
        if spec.clock is not None:
            offset_ns, drift_ppm = int(spec.clock.offset), int(spec.clock.drift)
        return Clock(self.scheduler, offset_ns=offset_ns, drift_ppm=drift_ppm)

    # --- nodes ----------------------------------------------------------------------------------------------------

    def node(self, name: NodeId) -> NodeHost:
        """Return a machine by name. Raises InvalidInput for an unknown one."""
        if name not in self.nodes:
            raise InvalidInput(f"no node {name!r}: there are {', '.join(self.nodes)}{nearest(name, self.nodes)}")
        return self.nodes[name]

    def add_node(self, spec: NodeSpec) -> None:
        """Put a machine with an empty disk into the world; it is down. Faults in force do not touch its links."""
        if spec.name in self.nodes:
            raise InvalidInput(f"there is a node {spec.name!r} already: give the new one another name")
        self.topology = replace(self.topology, nodes=(*self.topology.nodes, spec))
        self.nodes[spec.name] = self._build(spec, self._spawn)
        self.halts[spec.name] = 0
        self.network.add_node(spec.name, self.streams)

    def start(self) -> None:
        """Start all nodes, in the topology's order."""
        for name in self.nodes:  # First of all, so that what the first node sends at once reaches the last.
            self.network.node_started(name)
        for host in self.nodes.values():
            self._node_turned(host.name, is_up=True)
            host.start()

    def crash(self, node: NodeId) -> int:
        """Crash a node that is up or paused; return the unsynced bytes that were lost."""
        host = self.node(node)
        if host.is_down:
            raise InvalidState(f"{node} is down already: restart it first")
        if _runs(host):
            self._node_turned(node, is_up=False)
        bytes_lost = host.crash()
        self.network.node_crashed(node)
        return bytes_lost

    def restart(self, node: NodeId, wiped: bool = False) -> None:
        """Start a node that is down, on its disk or on an empty one."""
        host = self.node(node)
        if not host.is_down:
            raise InvalidState(f"{node} is {host.state.value}: only a node that is down can be restarted")
        if wiped:
            host.wipe()
        self.network.node_started(node)
        self._node_turned(node, is_up=True)
        host.start()

    def _halted(self, node: NodeId) -> None:
        """A process has ended itself: that is a crash, after which its supervisor starts it again."""
        self.crash(node)
        self.halts[node] += 1
        self.scheduler.after(SUPERVISOR_DELAY_NS, self._supervise, (node, self.nodes[node].incarnation))

    def _supervise(self, halted: tuple[NodeId, int]) -> None:
        node, incarnation = halted
        host = self.nodes[node]
        if host.is_down and host.incarnation == incarnation:  # Nobody was faster.
            self.restart(node)

    def pause(self, node: NodeId) -> None:
        """Let a node handle nothing until it is resumed, as often as it was paused."""
        host = self.node(node)
        if host.is_down:
            raise InvalidState(f"{node} is down: only a node that runs can be paused")
        if _runs(host):
            self._node_turned(node, is_up=False)
        host.pause()

    def resume(self, node: NodeId) -> None:
        host = self.node(node)
        if host.state is not NodeState.PAUSED:
            raise InvalidState(f"{node} is {host.state.value}: only a paused node can be resumed")
        host.resume()
        if _runs(host):
            self._node_turned(node, is_up=True)

    # --- facts ----------------------------------------------------------------------------------------------------

    def _node_turned(self, node: NodeId, *, is_up: bool) -> None:
        self.facts.append(NodeTurned(self.scheduler.now_ns, node, is_up))

    def _link_turned(self, source: str, target: str, is_open: bool) -> None:
        self.facts.append(LinkTurned(self.scheduler.now_ns, source, target, is_open))

    # --- clients --------------------------------------------------------------------------------------------------

    def add_endpoint(self, name: str, beside: NodeId, receive: Receive) -> None:
        """Place a client beside a node: `receive(node, message)` is called with what nodes send to that name."""
        self.node(beside)
        self.network.add_endpoint(name, beside, receive)

    def remove_endpoint(self, name: str) -> None:
        self.network.remove_endpoint(name)

    def send_from(self, endpoint: str, to: NodeId, message: Any) -> None:
        """Send a message from a client to a node."""
        self.network.send_from(endpoint, to, message)


def _runs(host: NodeHost) -> bool:
    return host.state is NodeState.UP


def _within(stream: Stream, bound: int) -> int:
    """Draw a whole number between minus the bound and the bound."""
    return stream.below(2 * bound + 1) - bound
