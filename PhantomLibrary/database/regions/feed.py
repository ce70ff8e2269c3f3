"""The change feed of one region's shard: its leader tells the shards of the same range in other regions what was
written here, and what it has heard of elsewhere when they do not hear of that by themselves.

Each peer is sent one batch after the other, and what it lacks is known from its answers, so nothing is kept here that a
new leader would miss.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from PhantomLibrary.database.config import ClusterLayout
from PhantomLibrary.database.regions.messages import Position
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, ShardId
from PhantomLibrary.domain.region_policy import RegionPolicy, Vector, count_in
from PhantomLibrary.domain.regions import Batch
from PhantomLibrary.protocols.mvcc.clock import HybridClock

if TYPE_CHECKING:
    from PhantomLibrary.database.regions.machine import RegionMachine

BEAT_NS = 500 * MILLISECOND_NS
"""How often a peer hears from here, whether or not there is anything new."""

RELAY_AFTER_NS = SECOND_NS
"""How long a peer lacks what another region has written before it is told from here."""

_RETRY_NS = 100 * MILLISECOND_NS
_BATCH_BYTES = 64 * 1024


class FeedStatus(Struct, frozen=True):
    """How another region stands, as seen here. `position` is up to which of this region's writes it has all, `missing`
    how many it lacks, and `lag_ns` how long ago it last lacked none.
    """

    region: str
    is_connected: bool
    position: int
    missing: int
    lag_ns: int


class FeedHost(Protocol):
    """The service that a feed belongs to."""

    clock: HybridClock
    machine: RegionMachine
    monotonic_ns: Callable[[], int]

    def send(self, shard: ShardId, batch: Batch, finish: Callable[[Any], object]) -> None: ...
    def release(self) -> None: ...
    def learn_policy(self, policy: RegionPolicy | None) -> None: ...
    def wake_at(self, at_ns: int) -> None: ...


class Peer:
    """The same range in another region."""

    __slots__ = ("acked", "is_connected", "is_waiting", "lacking", "level_ns", "region", "sent_ns", "shard")

    def __init__(self, region: str, shard: ShardId, now_ns: int) -> None:
        self.region = region
        self.shard = shard
        self.acked: Vector | None = None  # What it has, None while that is not known.
        self.is_waiting = False  # For its answer.
        self.is_connected = False
        self.sent_ns = now_ns - BEAT_NS
        self.level_ns = now_ns  # When it last had all that this region has written.
        self.lacking: dict[str, tuple[int, int]] = {}  # Of another origin: up to where it had all, and since when.


class Feed:
    """One term of one leader."""

    def __init__(self, host: FeedHost, layout: ClusterLayout) -> None:
        self._host = host
        machine = host.machine
        self._is_closed = False
        now_ns = host.monotonic_ns()
        self.peers = {
            each.region: Peer(each.region, each.shard, now_ns)
            for each in layout.shards
            if each.region and each.start == machine.slot and each.region != machine.region
        }

    def close(self) -> None:
        self._is_closed = True

    def look(self) -> None:
        """Tell each peer what it lacks, or that there is nothing new; and see to it that this is looked at again."""
        now_ns, machine = self._host.monotonic_ns(), self._host.machine
        members = machine.policy.members
        if machine.region not in members:
            return
        due_ns = now_ns + BEAT_NS
        for peer in self.peers.values():
            if peer.region not in members:
                continue
            self._note_level(peer, now_ns)
            if peer.is_waiting:
                continue
            if now_ns >= peer.sent_ns + self._pause_ns(peer):
                self._send(peer, now_ns)
            else:
                due_ns = min(due_ns, peer.sent_ns + self._pause_ns(peer))
        self._host.wake_at(due_ns)

    def _note_level(self, peer: Peer, now_ns: int) -> None:
        if self.acknowledged(peer.region) >= self._host.machine.own_count:
            peer.level_ns = now_ns

    def _pause_ns(self, peer: Peer) -> int:
        """Return how long after the last batch the next one goes out."""
        if not peer.is_connected:
            return _RETRY_NS
        return 0 if self.acknowledged(peer.region) < self._host.machine.own_count else BEAT_NS

    def _send(self, peer: Peer, now_ns: int) -> None:
        host, table = self._host, self._host.machine.table
        acked = table.applied if peer.acked is None else peer.acked  # Ask first, where nothing is known.
        relayed = [origin for origin, (_, since_ns) in peer.lacking.items() if now_ns >= since_ns + RELAY_AFTER_NS]
        at_ns = host.clock.now_ns()
        batch = table.batch_for(peer.region, acked, at_ns=at_ns, relayed=relayed, bytes_max=_BATCH_BYTES)
        peer.is_waiting, peer.sent_ns = True, now_ns
        host.send(peer.shard, batch, partial(self._answered, peer))

    def _answered(self, peer: Peer, answer: Any) -> None:
        if self._is_closed:
            return
        peer.is_waiting = False
        peer.is_connected = type(answer) is Position
        if type(answer) is Position:
            now_ns = self._host.monotonic_ns()
            peer.acked = answer.vector
            self._note_lacking(peer, now_ns)
            self._host.learn_policy(answer.policy)
            self._host.release()
        self.look()

    def _note_lacking(self, peer: Peer, now_ns: int) -> None:
        """Note since when a peer lacks what another region has written and this one has."""
        machine, acked = self._host.machine, peer.acked or ()
        for origin, count in machine.table.applied:
            if origin in (machine.region, peer.region):
                continue
            has = count_in(acked, origin)
            if has >= count:
                peer.lacking.pop(origin, None)
            elif origin not in peer.lacking or peer.lacking[origin][0] < has:
                peer.lacking[origin] = (has, now_ns)

    def acknowledged(self, region: str) -> int:
        """Return up to which of this region's writes a peer is known to have all."""
        return count_in(self.peers[region].acked or (), self._host.machine.region)

    def status(self) -> list[FeedStatus]:
        """Return how each member stands."""
        machine, now_ns = self._host.machine, self._host.monotonic_ns()
        found = []
        for peer in self.peers.values():
            if peer.region in machine.policy.members:
                self._note_level(peer, now_ns)
                position = self.acknowledged(peer.region)
                missing = max(0, machine.own_count - position)
                found.append(FeedStatus(peer.region, peer.is_connected, position, missing, now_ns - peer.level_ns))
        return found
