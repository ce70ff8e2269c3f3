"""The door of a node: counts what clients ask for, and turns away what has waited too long for its processor.

What is turned away here has gone no further: no session was opened for it, no replica has seen it, and a node takes
each attempt once, so nobody ever will. That is what lets the client be told `Refused`. Only new work is turned away. A
transaction that has begun holds locks, and what a coordinator decided has to reach all: to let these through is the
way out of an overload. Administration comes through as well.

Attempts that come from another gateway have had work done on them, and get twice the patience.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PhantomLibrary.database.config import ClusterLayout
from PhantomLibrary.database.messages import ClientReply, ClientRequest, Overloaded, ShardReply, ShardRequest
from PhantomLibrary.domain import (
    MILLISECOND_NS,
    Append,
    Begin,
    BeginSaga,
    Cas,
    Delete,
    Get,
    Increment,
    NodeId,
    Put,
    Refused,
    Remove,
    Transact,
)
from PhantomLibrary.kernel.process import Env
from PhantomLibrary.protocols.overload.queue_delay import QueueDelay

_BEGIN = frozenset((Begin, Transact))
_NEW_WORK = frozenset((Get, Put, Cas, Append, Remove, Increment, Delete, BeginSaga, type(None))) | _BEGIN
_PATIENCE_WITH_GATEWAYS = 4


class AdmissionHost(Protocol):
    """The node."""

    env: Env
    layout: ClusterLayout


class Admission:
    """What clients have asked this incarnation for: operations, and how many of them began a transaction."""

    def __init__(self, host: AdmissionHost) -> None:
        self._env = env = host.env
        self._waited_ns: Callable[[], int] = env.waited_ns
        config = host.layout.config
        self._delay = QueueDelay(config.queue_delay_target_ns, config.queue_delay_interval_ns)
        self.operations = self.transactions = 0
        self.shed = 0

    def takes(self, client: str, request: ClientRequest) -> bool:
        """Return whether to do what a client asks for; if not, it has been refused."""
        self.operations += 1
        kind = type(request.operation)
        if kind in _BEGIN:
            self.transactions += 1
        waited_ns = self._waited_ns()
        if not waited_ns:
            self._delay.least_ns = 0
            return True
        if kind not in _NEW_WORK or not self._delay.sheds(waited_ns, self._env.monotonic_ns()):
            return True
        self._turn_away(client, ClientReply(request.process, request.request, Refused(self._reason(waited_ns))))
        return False

    def serves(self, request: ShardRequest) -> bool:
        """Return whether to take an attempt of another node's gateway; if not, it has been refused."""
        waited_ns = self._waited_ns()
        if not waited_ns:
            self._delay.least_ns = 0
            return True
        if type(request.operation) not in _NEW_WORK or not self._delay.sheds(
            waited_ns, self._env.monotonic_ns(), patience=_PATIENCE_WITH_GATEWAYS
        ):
            return True
        outcome = Overloaded(self._reason(waited_ns))
        self._turn_away(request.gateway, ShardReply(request.shard, request.call, request.attempt, outcome))
        return False

    def _turn_away(self, sender: NodeId, reply: ClientReply | ShardReply) -> None:
        self.shed += 1
        self._env.turn_away()
        self._env.send(sender, reply)

    def _reason(self, waited_ns: int) -> str:
        return f"{self._env.node} is overloaded: this has waited {waited_ns // MILLISECOND_NS} ms for its processor"
