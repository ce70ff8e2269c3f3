"""The host of the orchestrator of sagas: on the node that leads shard 0, for as long as it does.

The orchestrator keeps nothing that is not in shard 0's log, so a crash costs nothing but time. Its records are commands
there; actions and compensations go to their shards through this node's gateway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from PhantomLibrary.database.config import SYSTEM_SHARD
from PhantomLibrary.database.gateway import Gateway
from PhantomLibrary.database.messages import MoveSaga
from PhantomLibrary.database.replica import ShardReplica
from PhantomLibrary.database.replicas import ReplicaSet
from PhantomLibrary.domain import Act, Answer, ForgetSagas, Ok, SagaChanged
from PhantomLibrary.kernel.process import Env
from PhantomLibrary.protocols.saga.effects import (
    Answered,
    DeadlinePassed,
    Event,
    Execute,
    Forget,
    Outcome,
    Record,
    Recorded,
    SetDeadline,
    TookOver,
)
from PhantomLibrary.protocols.saga.orchestrator import Orchestrator
from PhantomLibrary.protocols.saga.progress import Saga

DEADLINES = "sagas"


class SagaParts(Protocol):
    """The constructors that the host needs; see parts.py."""

    @property
    def orchestrator(self) -> type[Orchestrator]: ...


class SagaOwner(Protocol):
    """The node on which sagas may be orchestrated."""

    env: Env
    replica_set: ReplicaSet
    gateway: Gateway

    @property
    def parts(self) -> SagaParts: ...


class SagaHost:
    """Feeds an orchestrator, if there is one here, and carries out what it asks for."""

    def __init__(self, owner: SagaOwner) -> None:
        self._owner = owner
        self._env = owner.env
        self._orchestrator: Orchestrator | None = None
        self._term = 0
        self._changed: list[Saga] = []
        self._performers: dict[type, Callable[[Any], None]] = {
            Record: self.record,
            Execute: self.execute,
            Forget: self._forget,
            SetDeadline: self._set_deadline,
        }

    # --- events -----------------------------------------------------------------------------------------------------

    def note(self, saga: Saga) -> None:
        """Shard 0 has applied something here that changed a saga."""
        if self._orchestrator is not None:
            self._changed.append(saga)

    def look(self) -> None:
        """Something has changed at shard 0: take office, go on, or leave."""
        replica = self._replica()
        if replica is None or not replica.is_current():
            self._orchestrator = None
            return
        changed, self._changed = self._changed, []
        if self._orchestrator is None or self._term != replica.group.term:
            self._orchestrator, self._term = self._owner.parts.orchestrator(), replica.group.term
            table = replica.machine.sagas.table
            self._step(TookOver(table.open(), table.last))
        else:
            for saga in changed:
                self.recorded(saga)

    def recorded(self, saga: Saga) -> None:
        """A saga has begun, or has moved, and the log says so."""
        self._step(Recorded(saga))

    def fire(self) -> None:
        self._step(DeadlinePassed())

    def _step(self, event: Event) -> None:
        if self._orchestrator is not None:
            for effect in self._orchestrator.step(event, self._env.monotonic_ns()):
                self._performers[type(effect)](effect)

    # --- effects ----------------------------------------------------------------------------------------------------

    def record(self, effect: Record) -> None:
        """Propose moves to shard 0; whether they become part of its log shows later."""
        replica = self._replica()
        if replica is not None:
            replica.propose(MoveSaga(effect.number, effect.revision, effect.moves))

    def execute(self, effect: Execute) -> None:
        """Send an action or a compensation to the shard of its key."""
        saga, step = effect.saga, effect.saga.definition.steps[effect.step]
        change = step.action if effect.phase == "action" else step.compensation
        orchestrator = self._orchestrator

        def finish(answer: Answer) -> None:
            if orchestrator is self._orchestrator:  # Else whoever asked is not in office any more.
                outcome, reason = _outcome(answer)
                self._step(Answered(saga.number, effect.step, effect.phase, effect.attempt, outcome, reason))

        self._owner.gateway.perform(Act(step.key, saga.number, effect.step, effect.phase, change), finish)

    def _forget(self, effect: Forget) -> None:
        """Tell each shard of data, once: if it is not heard, the next one will be."""
        replica = self._replica()
        directory = replica.machine.directory if replica is not None else None
        for shard in directory.shards if directory is not None else ():
            if shard.shard != SYSTEM_SHARD:
                self._owner.gateway.perform(ForgetSagas(shard.some_key(""), effect.last, effect.open), _ignore)

    def _set_deadline(self, effect: SetDeadline) -> None:
        self._env.set_deadline(DEADLINES, effect.at_ns)

    def _replica(self) -> ShardReplica | None:
        return self._owner.replica_set.by_shard.get(SYSTEM_SHARD)


def shown(node: str, saga: Saga) -> SagaChanged:
    """Return a saga as those see it who watch a node."""
    steps = tuple((step.name, each.state) for step, each in zip(saga.definition.steps, saga.steps, strict=True))
    return SagaChanged(node, saga.number, saga.name, saga.revision, saga.state, steps, saga.reason)


def _outcome(answer: Answer) -> tuple[Outcome, str]:
    if not isinstance(answer, Ok):
        return "unknown", answer.reason
    return ("rejected", answer.value) if answer.value else ("done", "")


def _ignore(_answer: Answer) -> None:
    """Nobody waits for it."""
