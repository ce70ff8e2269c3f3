"""Clients beside a node: how they reach it, and how they learn that it is gone.

A client stands next to one node and talks to it over a short link of constant latency that no partition cuts. It may
talk to other nodes too, over the way its own node would take: that way is as long as the median of the link and is cut
with it.

A connection behaves like TCP. It opens with the first request. When the node crashes, or is down when a request
arrives, the client is told once by `ConnectionLost`; requests of before are gone, and the next one opens a new
connection.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from msgspec import Struct

from PhantomLibrary.domain import NodeId
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.world.card import NetworkCard
from PhantomLibrary.world.link import Link
from PhantomLibrary.world.wire import Parcel, Wire, route_prefix

Receive = Callable[[str, Any], object]


class ConnectionLost(Struct, frozen=True, gc=False):
    """The connection to a node broke. What was asked over it may have happened or not.

    `refused`: it never stood, for the node was down, so nothing that was asked over it has reached anybody.
    """

    node: NodeId
    refused: bool = False


class Machine(Protocol):
    """What a connection has to know of the node at its other end."""

    name: NodeId
    is_down: bool
    card: NetworkCard | None

    def arrive(self, sender: str, message: Any, cost_ns: int) -> None: ...


class _State(Enum):
    CLOSED = "closed"
    OPEN = "open"
    RESETTING = "resetting"  # Broken, and the client has not heard of it yet.


_CLOSED, _OPEN, _RESETTING = _State  # Looked up once, not at each message.


class Connection:
    """One client's connection to one node. The node's side is `send`, as a link has it; the client's is `request`."""

    def __init__(
        self,
        client: str,
        machine: Machine,
        receive: Receive,
        *,
        latency_ns: int,
        over: tuple[Link, Link] | None,
        wire: Wire,
        scheduler: Scheduler,
    ) -> None:
        self.node = machine.name
        self.client = client
        self._machine = machine
        self._receive: Receive | None = receive
        self._latency_ns = latency_ns
        self._over = over
        self._wire = wire
        self._scheduler = scheduler
        self._add_record = wire.add_record
        self._card = machine.card
        self._there = route_prefix(client, machine.name)
        self._back = route_prefix(machine.name, client)
        self._way_there, self._way_back = f"{client}>{machine.name}", f"{machine.name}>{client}"
        self._state = _CLOSED
        self._generation = 0
        self._reset_ns = 0
        self.requests = self.replies = self.lost = 0

    def request(self, message: Any) -> None:
        """Send a message from the client to the node."""
        parcel = self._wire.pack(message)
        self.requests += 1
        if self._state is _RESETTING:
            self._lose(self._there, parcel, "down")
        elif self._over is not None and self._over[0].cuts:
            self._lose(self._there, parcel, "cut")
        else:
            self._state = _OPEN
            scheduler = self._scheduler
            scheduler.at(
                scheduler.now_ns + self._latency_ns, self._reach_node, (parcel, self._generation), self._way_there
            )

    def send(self, message: Any) -> None:
        """Send a message from the node to the client, now."""
        self.send_late(message, 0)

    def send_late(self, message: Any, lag_ns: int) -> None:
        """Send a message from the node to the client, when the node's processor is through with its handler."""
        parcel = self._wire.pack(message)
        self.replies += 1
        if self._state is not _OPEN:
            self._lose(self._back, parcel, "down")
        elif self._over is not None and self._over[1].cuts:
            self._lose(self._back, parcel, "cut")
        else:
            scheduler = self._scheduler
            leave_ns = scheduler.now_ns + lag_ns
            if self._card is not None:
                sent_ns = self._card.transmit(len(parcel[1]), leave_ns, scheduler.now_ns)
                if sent_ns is None:
                    self._lose(self._back, parcel, "buffer")
                    return
                leave_ns = sent_ns
            scheduler.at(
                leave_ns + self._latency_ns, self._reach_client, (parcel, self._generation, leave_ns), self._way_back
            )

    def node_crashed(self) -> None:
        """Break the connection, if there is one."""
        if self._state is _OPEN:
            self._reset()

    def lose_arrived(self, message: Any, cause: str) -> None:
        """Count a request that the node could not take."""
        self._lose(self._there, self._pack(message), cause)

    def close(self) -> None:
        """Forget the client: it is told nothing any more."""
        self._receive = None

    def _reach_node(self, sent: tuple[Parcel, int]) -> None:
        parcel, generation = sent
        if generation != self._generation:
            self._lose(self._there, parcel, "down")  # The reset is on its way, or has arrived.
        elif self._over is not None and self._over[0].cuts:
            self._lose(self._there, parcel, "cut")
        elif self._machine.is_down:
            self._lose(self._there, parcel, "down")
            self._reset(refused=True)  # No crash since it was opened, so nobody was ever there to open it to.
        else:
            if self._add_record is not None:
                self._add_record((self._scheduler.now_ns, self._there, parcel[1]))
            self._machine.arrive(self.client, parcel[0], parcel[3])

    def _reach_client(self, sent: tuple[Parcel, int, int]) -> None:
        parcel, generation, leave_ns = sent
        if generation != self._generation and leave_ns > self._reset_ns:
            self._lose(self._back, parcel, "down")  # The node crashed before it could send this.
        elif self._over is not None and self._over[1].cuts:
            self._lose(self._back, parcel, "cut")
        elif self._receive is not None:
            if self._add_record is not None:
                self._add_record((self._scheduler.now_ns, self._back, parcel[1]))
            self._receive(self.node, parcel[0])

    def _reset(self, *, refused: bool = False) -> None:
        self._state = _RESETTING
        self._generation += 1
        self._reset_ns = self._scheduler.now_ns
        self._scheduler.at(self._reset_ns + self._latency_ns, self._tell_client, refused, self._way_back)

    def _tell_client(self, refused: bool) -> None:
        self._state = _CLOSED
        if self._receive is not None:
            self._receive(self.node, ConnectionLost(self.node, refused))

    def _pack(self, message: Any) -> Parcel:
        last = self._wire.last
        return last if last[0] is message else self._wire.pack(message)

    def _lose(self, prefix: bytes, parcel: Parcel, cause: str) -> None:
        self.lost += 1
        self._wire.record_loss(prefix, parcel, cause)
