"""Watches a run from outside: the latest state of each replica, who led when, and the invariants, all from
observations.
"""

from __future__ import annotations

from PhantomLibrary.checking.invariants import Invariants
from PhantomLibrary.checking.verdict import Violation
from PhantomLibrary.domain import NodeId, NodeStopped, Observation, ReplicaState, ShardId
from PhantomLibrary.kernel.scheduler import Scheduler


class LeaderChange:
    """A replica became leader of a shard."""

    __slots__ = ("node", "shard", "term", "time_ns")

    def __init__(self, time_ns: int, shard: ShardId, node: NodeId, term: int) -> None:
        self.time_ns = time_ns
        self.shard = shard
        self.node = node
        self.term = term


class Watch:
    """The sink of all observations of a run."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.invariants = Invariants()
        self.states: dict[tuple[ShardId, NodeId], ReplicaState] = {}
        self.leader_changes: list[LeaderChange] = []
        self.observations = 0

    def observe(self, observation: Observation) -> None:
        """Take one observation, at the present virtual time."""
        self.observations += 1
        now_ns = self._scheduler.now_ns
        self.invariants.observe(observation, now_ns)
        if isinstance(observation, ReplicaState):
            key = (observation.shard, observation.node)
            before = self.states.get(key)
            self.states[key] = observation
            if observation.role == "leader" and (
                before is None or before.role != "leader" or before.term != observation.term
            ):
                self.leader_changes.append(LeaderChange(now_ns, observation.shard, observation.node, observation.term))
        elif isinstance(observation, NodeStopped):
            for key in [each for each in self.states if each[1] == observation.node]:
                del self.states[key]

    @property
    def violations(self) -> tuple[Violation, ...]:
        return tuple(self.invariants.violations)

    def leader(self, shard: ShardId) -> NodeId:
        """Return the replica that leads in the highest term, "" when none does."""
        leaders = [state for (of, _), state in self.states.items() if of == shard and state.role == "leader"]
        return max(leaders, key=lambda each: each.term).node if leaders else ""

    def followers(self, shard: ShardId) -> list[NodeId]:
        """Return the replicas that do not lead, in the order in which they were first seen."""
        leader = self.leader(shard)
        return [node for of, node in self.states if of == shard and node != leader]

    def elections(self) -> int:
        return len(self.leader_changes)
