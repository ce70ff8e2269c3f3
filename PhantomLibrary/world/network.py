"""All links between nodes, and the connections of clients beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from PhantomLibrary.domain import NodeId
from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Streams
from PhantomLibrary.world.endpoint import Connection, ConnectionLost, Receive
from PhantomLibrary.world.latency import median_ns
from PhantomLibrary.world.link import LOSS_CAUSES, Link, Turned
from PhantomLibrary.world.link_properties import LinkProperties
from PhantomLibrary.world.node import NodeHost
from PhantomLibrary.world.wire import Wire

__all__ = ["ConnectionLost", "Network", "NetworkTotals", "Pair"]

Pair: TypeAlias = tuple[NodeId, NodeId]
NetworkTotals: TypeAlias = dict[str, int]


class Network:
    """Links by (source, target), made once for all ordered pairs of nodes, each node with itself included."""

    def __init__(
        self,
        hosts: dict[NodeId, NodeHost],
        *,
        properties: Callable[[NodeId, NodeId], LinkProperties],
        client_latency_ns: int,
        wire: Wire,
        scheduler: Scheduler,
        streams: Streams,
        turned: Turned,
    ) -> None:
        self.links: dict[Pair, Link] = {}
        self.wire = wire
        self._hosts = hosts
        self._scheduler = scheduler
        self._client_latency_ns = client_latency_ns
        self._properties = properties
        self._turned = turned
        self._endpoints: dict[str, tuple[NodeId, Receive]] = {}
        self._connections: dict[Pair, Connection] = {}  # (client, node)
        for source in hosts:
            for target in hosts:
                self._connect(source, target, streams)

    def link(self, source: NodeId, target: NodeId) -> Link:
        """Return the link of this direction. Raises InvalidInput for a name that is no node."""
        for name in (source, target):
            if name not in self._hosts:
                raise InvalidInput(f"no node {name!r}: there are {', '.join(self._hosts)}{nearest(name, self._hosts)}")
        return self.links[source, target]

    def _connect(self, source: NodeId, target: NodeId, streams: Streams) -> None:
        self.links[source, target] = self._hosts[source].outgoing[target] = Link(
            source,
            target,
            properties=self._properties(source, target),
            arrive=self._hosts[target].arrive,
            wire=self.wire,
            scheduler=self._scheduler,
            draws=streams.get(f"link {source}>{target}"),
            odd_draws=streams.get(f"link {source}>{target} odd"),
            turned=self._turned,
            card=self._hosts[source].card if source != target else None,
        )

    def add_node(self, node: NodeId, streams: Streams) -> None:
        """Link a node that is new among the hosts with all others, and with itself. It is down."""
        for other in self._hosts:
            if other != node:
                self._connect(other, node, streams)
            self._connect(node, other, streams)
            if not self._hosts[other].is_down:
                self.links[node, other].target_started()

    # --- life of nodes --------------------------------------------------------------------------------------------

    def node_started(self, node: NodeId) -> None:
        """Let messages reach a node from now on."""
        for link in self._links_to(node):
            link.target_started()

    def node_crashed(self, node: NodeId) -> None:
        """Lose what is under way to a node, and what it had yet to send; break the connections of its clients."""
        for link in self._links_to(node):
            link.target_crashed()
        for link in self._links_from(node):
            if link.target != node:
                link.sender_crashed()
        for (_, at), connection in self._connections.items():
            if at == node:
                connection.node_crashed()

    def overflow(self, sender: str, node: NodeId, message: Any) -> None:
        """Lose a message that found its target's inbox full."""
        carrier = self.links.get((sender, node)) or self._connections.get((sender, node))
        if carrier is not None:
            carrier.lose_arrived(message, "buffer")

    def _links_to(self, node: NodeId) -> Iterator[Link]:
        return (self.links[source, node] for source in self._hosts)

    def _links_from(self, node: NodeId) -> Iterator[Link]:
        return (self.links[node, target] for target in self._hosts)

    # --- clients --------------------------------------------------------------------------------------------------

    def add_endpoint(self, name: str, beside: NodeId, receive: Receive) -> None:
        """Place a client beside a node. Its name must not be taken."""
        if name in self._endpoints or name in self._hosts:
            raise InvalidInput(f"the name {name!r} is taken: give the client another one")
        self.link(beside, beside)
        self._endpoints[name] = (beside, receive)

    def remove_endpoint(self, name: str) -> None:
        """Take a client away. What is under way to it is lost."""
        self._endpoint(name)
        del self._endpoints[name]
        for key in [key for key in self._connections if key[0] == name]:
            self._connections.pop(key).close()
            del self._hosts[key[1]].outgoing[name]

    def send_from(self, endpoint: str, to: NodeId, message: Any) -> None:
        """Send a message from a client to a node."""
        connection = self._connections.get((endpoint, to))
        if connection is None:
            connection = self._open(endpoint, to)
        connection.request(message)

    def _endpoint(self, name: str) -> tuple[NodeId, Receive]:
        if name not in self._endpoints:
            raise InvalidInput(f"no client {name!r} is connected{nearest(name, self._endpoints)}")
        return self._endpoints[name]

    def _open(self, endpoint: str, to: NodeId) -> Connection:
        beside, receive = self._endpoint(endpoint)
        there, back = self.link(beside, to), self.link(to, beside)
        far_ns = 0 if to == beside else median_ns(self._properties(beside, to).latency)
        connection = Connection(
            endpoint,
            self._hosts[to],
            receive,
            latency_ns=self._client_latency_ns + far_ns,
            over=None if to == beside else (there, back),
            wire=self.wire,
            scheduler=self._scheduler,
        )
        self._connections[endpoint, to] = self._hosts[to].outgoing[endpoint] = connection
        return connection

    # --- counters -------------------------------------------------------------------------------------------------

    def lost(self, pairs: Iterable[Pair], *causes: str) -> int:
        """Return how many messages these links have lost so far by these causes, or by any."""
        return sum(self.links[pair].lost[cause] for pair in pairs for cause in causes or LOSS_CAUSES)

    def lost_at(self, node: NodeId) -> int:
        """Return how many messages were lost so far because this node was down: of other nodes and of clients."""
        others = [pair for pair in self.links if node in pair and pair != (node, node)]
        requests = sum(each.lost for (_, at), each in self._connections.items() if at == node)
        return self.lost(others, "down") + requests

    def totals(self) -> NetworkTotals:
        """Return the counters of all links between different nodes, summed."""
        names = ("sent", "delivered", "bytes", "delayed", "duplicated", "reordered")
        between = [link for (source, target), link in self.links.items() if source != target]
        totals = {name: sum(getattr(link, name) for link in between) for name in names}
        for cause in LOSS_CAUSES:
            totals[f"lost_{cause}"] = sum(link.lost[cause] for link in between)
        return totals
