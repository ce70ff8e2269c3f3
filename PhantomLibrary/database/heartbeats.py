"""Heartbeats of a node for all the shards that it leads quietly: one message to each node concerned, and one
answer, unless that node sends heartbeats as well.

A node that says nothing for an election timeout is suspected, by whoever relies on it: replicas that follow it quietly
wake and soon stand for election, and quiet leaders with a replica there ask for their quorum again. A node with no
quiet replica sends nothing and sets no timer.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

from PhantomLibrary.database.config import ClusterLayout
from PhantomLibrary.database.messages import NEVER, NodeHeartbeat, NodeHeartbeatReply
from PhantomLibrary.database.replica import ShardReplica
from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.kernel.process import Env
from PhantomLibrary.protocols.raft.effects import Awaken, LeaderSuspected, Quiesce

DEADLINE = "quiet/heartbeat"

Line: TypeAlias = tuple[ShardId, int, int]  # (shard, term, last index), as in NodeHeartbeat


class HeartbeatOwner(Protocol):
    """The node that the heartbeats speak for."""

    env: Env
    layout: ClusterLayout
    replicas: dict[ShardId, ShardReplica]


class Heartbeats:
    """Knows which replicas here are quiet because of which node. Groups are asked again each time: they wake alone."""

    def __init__(self, owner: HeartbeatOwner) -> None:
        config = owner.layout.config
        self._owner = owner
        self._env = owner.env
        self._timeout_ns = config.election_timeout_ns
        self._interval_ns = max(config.heartbeat_ns, self._timeout_ns * 2 // 5)  # So that one may be lost.
        self._led: dict[ShardId, None] = {}
        self._followed: dict[NodeId, tuple[ShardId, ...]] = {}  # As its latest heartbeat says.
        self._obeyed: dict[NodeId, tuple[Line, ...]] = {}  # What it says, while all of that is so here.
        self._lines: dict[NodeId, tuple[Line, ...]] | None = None  # What to say to whom, None when it has to be asked.
        self._told: dict[NodeId, None] = {}  # Whose latest heartbeat from here named any shard.
        self._heard_ns: dict[NodeId, int] = {}
        self._answered_ns: dict[NodeId, int] = {}  # When it was last known that it hears this node.
        self._set_ns = 0  # When it will look again, 0 for never.

    def lead(self, shard: ShardId) -> None:
        """A replica here has become a quiet leader."""
        self._led[shard] = None
        self._lines = None
        self._set_deadline(self._env.monotonic_ns() + self._interval_ns // 4)

    def woken(self) -> None:
        """A replica here has woken: all are to be asked again."""
        self._lines = None
        self._obeyed.clear()

    def heard(self, message: NodeHeartbeat) -> None:
        """A node leads these shards quietly: let the replicas here fall quiet, and say which are not as it thinks."""
        source = message.source
        self._heard_ns[source] = now_ns = self._env.monotonic_ns()
        if message.silent_ns != NEVER:
            self._answered_ns[source] = max(self._answered_ns.get(source, 0), now_ns - message.silent_ns)
        awake = () if self._obeyed.get(source) == message.shards else self._obey(source, message.shards)
        if not message.shards:
            return
        if awake or source not in self._told:  # Else the heartbeats that go there say that this node is alive.
            self._env.send(source, NodeHeartbeatReply(self._env.node, awake))
        self._set_deadline(now_ns + self._timeout_ns)

    def _obey(self, source: NodeId, lines: tuple[Line, ...]) -> tuple[ShardId, ...]:
        """Let the replicas here fall quiet, as far as they can; return the others."""
        replicas = self._owner.replicas
        awake = []
        for shard, term, index in lines:
            replica = replicas.get(shard)
            if replica is None:
                awake.append(shard)
            elif not _follows_quietly(replica, source, term):
                replica.step(Quiesce(source, term, index))
                if not _follows_quietly(replica, source, term):
                    awake.append(shard)
        self._note_followed(source, tuple(shard for shard, _, _ in lines))
        if not awake:
            self._obeyed[source] = lines
        return tuple(awake)

    def _note_followed(self, source: NodeId, shards: tuple[ShardId, ...]) -> None:
        before = self._followed.pop(source, ())
        if shards:
            self._followed[source] = shards
        if before != shards:
            for shard in before:
                if shard not in shards:
                    self._wake_follower(shard, source, Awaken())

    def answered(self, message: NodeHeartbeatReply) -> None:
        """A node has heard; the replicas that are awake there need their leaders."""
        self._heard_ns[message.source] = self._answered_ns[message.source] = self._env.monotonic_ns()
        for shard in message.awake:
            self._wake_leader(shard)

    def fire(self) -> None:
        """Send the heartbeats that are due, and look who has been silent for too long."""
        env, now_ns = self._env, self._env.monotonic_ns()
        if self._lines is None:
            self._lines = self._ask()
        lines = self._lines
        for peer, shards in lines.items():
            env.send(peer, NodeHeartbeat(env.node, self._silent_ns(peer, now_ns), shards))
        if self._told.keys() != lines.keys():
            for peer in self._told:
                if peer not in lines:
                    env.send(peer, NodeHeartbeat(env.node, self._silent_ns(peer, now_ns), ()))
            self._told = dict.fromkeys(lines)
        self._look_for_silence(now_ns)
        self._set_ns = 0
        if self._led or self._told:
            self._set_deadline(now_ns + self._interval_ns)
        elif self._followed:
            self._set_deadline(min(self._heard_ns[peer] for peer in self._followed) + self._timeout_ns)

    def _silent_ns(self, peer: NodeId, now_ns: int) -> int:
        heard_ns = self._heard_ns.get(peer)
        return NEVER if heard_ns is None else now_ns - heard_ns

    def _look_for_silence(self, now_ns: int) -> None:
        """Suspect whom a replica here follows and who says nothing; wake leaders earlier, before they are missed."""
        if self._answered_ns.keys() != self._told.keys():
            new_ns = now_ns - self._interval_ns  # Who is told for the first time has to answer before the next time.
            self._answered_ns = {peer: self._answered_ns.get(peer, new_ns) for peer in self._told}
        if self._heard_ns.keys() != self._told.keys() | self._followed.keys():
            self._heard_ns = {peer: self._heard_ns.get(peer, now_ns) for peer in (*self._told, *self._followed)}
        for peer in list(self._followed):
            if now_ns - self._heard_ns[peer] >= self._timeout_ns:
                self.suspect(peer)
        for peer, answered_ns in list(self._answered_ns.items()):
            if now_ns - answered_ns >= self._timeout_ns - self._interval_ns:
                self._wake_leaders(peer)

    def _ask(self) -> dict[NodeId, tuple[Line, ...]]:
        """Return what to say to whom, of the leaders that are still quiet."""
        lines: dict[NodeId, list[Line]] = {}
        for shard in list(self._led):
            replica = self._owner.replicas.get(shard)
            if replica is None or not _leads_quietly(replica):
                del self._led[shard]
                continue
            group = replica.group
            line = (shard, group.term, group.log.last_index)
            for peer in group.configuration.members:
                if peer != self._env.node:
                    lines.setdefault(peer, []).append(line)
        return {peer: tuple(each) for peer, each in lines.items()}

    def suspect(self, node: NodeId) -> None:
        """Wake all that relies on a node which may be dead."""
        for shard in self._followed.pop(node, ()):
            self._wake_follower(shard, node, LeaderSuspected())
        self._wake_leaders(node)

    def _wake_leaders(self, node: NodeId) -> None:
        """Wake the leaders here that have a replica there."""
        for shard in list(self._led):
            replica = self._owner.replicas.get(shard)
            if replica is not None and node in replica.group.configuration.members:
                self._wake_leader(shard)

    def _wake_follower(self, shard: ShardId, leader: NodeId, event: Awaken | LeaderSuspected) -> None:
        replica = self._owner.replicas.get(shard)
        if replica is not None and _follows_quietly(replica, leader, replica.group.term):
            replica.step(event)

    def _wake_leader(self, shard: ShardId) -> None:
        replica = self._owner.replicas.get(shard)
        if replica is not None and _leads_quietly(replica):
            replica.step(Awaken())

    def _set_deadline(self, at_ns: int) -> None:
        if not self._set_ns or at_ns < self._set_ns:
            self._set_ns = at_ns
            self._env.set_deadline(DEADLINE, at_ns)


def _leads_quietly(replica: ShardReplica) -> bool:
    return replica.group.is_quiet and replica.group.is_leader


def _follows_quietly(replica: ShardReplica, leader: NodeId, term: int) -> bool:
    group = replica.group
    return group.is_quiet and group.term == term and group.leader == leader and not group.is_leader
