"""How nodes know of each other's usage: whoever needs it asks, and gets readings of meters.

Readings are cumulative, and a node that is asked keeps nothing for it, so questions and answers may be lost, late or
doubled, and may come from several who ask. Nobody asks unless something is to be decided: nodes of a cluster at rest
say nothing about themselves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeAlias

from msgspec import Struct

from PhantomLibrary.database.replica import ShardReplica
from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.domain.usage import NodeUsage, Reading
from PhantomLibrary.kernel.process import Env

_READINGS_MAX = 128  # Of each node. Whoever asks each second has those of two minutes.


class AskMeters(Struct, frozen=True, gc=False, array_like=True, tag="ask meters"):
    """Read your meters."""


class ShardLoad(Struct, frozen=True, gc=False, array_like=True):
    """What the leader of a shard has in it: the bytes of one replica, and the attempts at operations taken so far."""

    shard: ShardId
    term: int
    bytes: int
    operations: int


class Meters(Struct, frozen=True, gc=False, array_like=True, tag="meters"):
    """The meters of a node, and the loads of the shards that it leads."""

    node: NodeId
    reading: Reading
    shards: tuple[ShardLoad, ...]


MeterMessage: TypeAlias = AskMeters | Meters
METER_MESSAGES = frozenset((AskMeters, Meters))


class MeteringParts(Protocol):
    """What a metering needs of the parts; see parts.py."""

    @property
    def usage(self) -> Callable[[Reading, Reading], NodeUsage]: ...


class MeteringHost(Protocol):
    """The node."""

    env: Env

    @property
    def parts(self) -> MeteringParts: ...
    @property
    def replicas(self) -> Mapping[ShardId, ShardReplica]: ...


class Metering:
    """One node's: it answers, and keeps what others have answered, with the time at which that came."""

    def __init__(self, host: MeteringHost) -> None:
        self._host = host
        self._env = host.env
        self._known: dict[NodeId, deque[tuple[int, Meters]]] = {}

    def receive(self, sender: NodeId, message: MeterMessage) -> None:
        if type(message) is AskMeters:
            self._env.send(sender, self.read())
        else:
            assert type(message) is Meters
            self._learn(message)

    def ask(self, nodes: Iterable[NodeId]) -> None:
        """Let nodes send their meters, this one its own at once."""
        for node in nodes:
            if node == self._env.node:
                self._learn(self.read())
            else:
                self._env.send(node, AskMeters())

    def read(self) -> Meters:
        """Return this node's own."""
        loads = [
            ShardLoad(replica.shard, replica.group.term, replica.machine.bytes, replica.service.operations)
            for replica in self._host.replicas.values()
            if replica.group.is_leader
        ]
        return Meters(self._env.node, self._env.reading(), tuple(loads))

    def latest(self, node: NodeId) -> Meters | None:
        """Return the newest meters of a node that have come, None if none have."""
        known = self._known.get(node)
        return known[-1][1] if known else None

    def now_ns(self) -> int:
        """Return the time by this node's own meters."""
        return self._env.reading().elapsed_ns

    def taken_ns(self, node: NodeId) -> int:
        """Return when the newest meters of a node were read, which must have come."""
        return self._known[node][-1][1].reading.elapsed_ns

    def age_ns(self, node: NodeId) -> int | None:
        """Return how long ago the newest meters of a node came, None if none have."""
        known = self._known.get(node)
        return self._env.monotonic_ns() - known[-1][0] if known else None

    def usage(self, node: NodeId, window_ns: int, until_ns: int | None = None) -> NodeUsage | None:
        """Return the usage of a node over so much time before its newest reading, or its newest one until a time, or a
        little more; over less if less is known, and None where there are not two readings.
        """
        readings = [meters.reading for _, meters in self._known.get(node, ())]
        if until_ns is not None:
            readings = [each for each in readings if each.elapsed_ns <= until_ns]
        if len(readings) < 2:
            return None
        newest = before = readings[-1]
        for reading in reversed(readings[:-1]):
            before = reading
            if newest.elapsed_ns - reading.elapsed_ns >= window_ns:
                break
        return self._host.parts.usage(before, newest)

    def forget(self) -> None:
        """Forget what others have answered: what is asked next is to be decided by what comes then."""
        self._known.clear()

    def _learn(self, meters: Meters) -> None:
        known = self._known.setdefault(meters.node, deque(maxlen=_READINGS_MAX))
        if not known or known[-1][1].reading.elapsed_ns < meters.reading.elapsed_ns:
            known.append((self._env.monotonic_ns(), meters))
