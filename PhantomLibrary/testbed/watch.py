"""Watches a run from outside: the latest state of each replica, who led when, what each node holds of the others,
and the invariants, all from observations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PhantomLibrary.checking.health import Sight
from PhantomLibrary.checking.invariants import Invariants
from PhantomLibrary.checking.verdict import Violation
from PhantomLibrary.domain import (
    DamageFound,
    DamageRepaired,
    MemberSeen,
    NodeId,
    NodeStopped,
    Observation,
    QueryRan,
    RegionWrote,
    ReplicaRemoved,
    ReplicaState,
    SagaActed,
    SagaChanged,
    ShardId,
    WriteSuperseded,
)
from PhantomLibrary.domain.regions import Dot
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
        self._judge_state = self.invariants.handlers[ReplicaState]
        self._handlers: dict[type[Observation], Callable[[Any], None]] = {
            **self.invariants.handlers,
            ReplicaState: self._state,
            MemberSeen: self._member_seen,
            ReplicaRemoved: self._removed,
            NodeStopped: self._stopped,
            DamageFound: self._note_damage,
            DamageRepaired: self._note_damage,
            SagaChanged: self._saga_changed,
            SagaActed: self._saga_acted,
            QueryRan: self._query_ran,
            RegionWrote: self._region_wrote,
            WriteSuperseded: self._write_superseded,
        }
        self.states: dict[tuple[ShardId, NodeId], ReplicaState] = {}
        self.leader_changes: list[LeaderChange] = []
        self.views: dict[NodeId, dict[NodeId, MemberSeen]] = {}  # By observer, then member; of nodes that run.
        self.damage: list[DamageFound | DamageRepaired] = []
        self.sagas: dict[str, SagaChanged] = {}  # The latest of each that any node has shown.
        self.saga_effects: dict[tuple[ShardId, int], tuple[int, SagaActed]] = {}  # Each once, with its time.
        self.queries: list[tuple[int, QueryRan]] = []  # Each with its time.
        self.sights: list[Sight] = []  # All changes of views.
        self.region_writes: dict[tuple[str, Dot], tuple[int, RegionWrote]] = {}  # Each once, with its time.
        self.superseded: dict[tuple[str, str, Dot, Dot], tuple[int, WriteSuperseded]] = {}  # Each once in each region.

    def observe(self, observation: Observation) -> None:
        """Take one observation, at the present virtual time."""
        self.invariants.time_ns = self._scheduler.now_ns
        self._handlers[type(observation)](observation)

    def _state(self, state: ReplicaState) -> None:
        self._judge_state(state)
        if state.role == "leader":
            self._note_leader(state)
        self.states[state.shard, state.node] = state

    def _removed(self, removed: ReplicaRemoved) -> None:
        self.invariants.handlers[ReplicaRemoved](removed)
        self.states.pop((removed.shard, removed.node), None)

    def _stopped(self, stopped: NodeStopped) -> None:
        self.invariants.handlers[NodeStopped](stopped)
        for key in [each for each in self.states if each[1] == stopped.node]:
            del self.states[key]
        self.views.pop(stopped.node, None)

    def _member_seen(self, seen: MemberSeen) -> None:
        self.views.setdefault(seen.node, {})[seen.member] = seen
        self.sights.append(Sight(self._scheduler.now_ns, seen))

    def _note_damage(self, seen: DamageFound | DamageRepaired) -> None:
        self.damage.append(seen)

    def _saga_changed(self, seen: SagaChanged) -> None:
        before = self.sagas.get(seen.name)
        if before is None or seen.revision > before.revision:
            self.sagas[seen.name] = seen

    def _saga_acted(self, seen: SagaActed) -> None:
        self.saga_effects.setdefault((seen.shard, seen.index), (self._scheduler.now_ns, seen))

    def _query_ran(self, seen: QueryRan) -> None:
        self.queries.append((self._scheduler.now_ns, seen))

    def _region_wrote(self, seen: RegionWrote) -> None:
        self.region_writes.setdefault((seen.slot, seen.change.dot), (self._scheduler.now_ns, seen))

    def _write_superseded(self, seen: WriteSuperseded) -> None:
        found = (seen.region, seen.slot, seen.loser.dot, seen.winner.dot)
        self.superseded.setdefault(found, (self._scheduler.now_ns, seen))

    def _note_leader(self, state: ReplicaState) -> None:
        before = self.states.get((state.shard, state.node))
        if before is None or before.role != "leader" or before.term != state.term:
            self.leader_changes.append(LeaderChange(self._scheduler.now_ns, state.shard, state.node, state.term))

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
