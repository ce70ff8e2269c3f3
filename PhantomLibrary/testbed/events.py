"""Tells of what happens inside an instant: votes, snapshots, elections, commits, just before and just after.

It listens at the performers of effects and at the observations, and only while somebody asks: with no listener nothing
is replaced anywhere, so a run that arms nothing pays nothing.

An event is told `before` its effect, when the node has decided and nobody else knows, and `after` it:
*leader elected*: before the new leader has written or sent anything; after it has shown that it leads.
*vote persisted*: before the vote is handed to the disk; after it is durable, and before it is answered.
*learner added*: before and after a replica writes down that another one is to catch up.
*voters changing*: before and after a replica writes down a step by which other replicas come to vote.
*snapshot sent*: before and after a leader sends the last chunk of one.
*entry committed*: before and after the first replica applies the entry, which answers its client.
Those of sagas: see saga_events.py; those of transactions: transaction_events.py; of moves: move_events.py; of
splits and merges: reshape_events.py; of queries: query_events.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.messages import Transact
from PhantomLibrary.database.node import DatabaseNode
from PhantomLibrary.database.performer import Performer
from PhantomLibrary.database.replica import Sink
from PhantomLibrary.database.reshapes import Shape
from PhantomLibrary.domain import Configuration, NodeId, Observation, ReplicaState, ShardId
from PhantomLibrary.protocols.raft.effects import Apply, Effect, Persist, Send, SendEarly
from PhantomLibrary.protocols.raft.messages import Entries, HardState, Record, SnapshotChunk
from PhantomLibrary.testbed.move_events import MOVE_EVENTS, applied_moves, tapped_coordinator
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.testbed.query_events import QUERY_EVENTS, tapped_fragments
from PhantomLibrary.testbed.reshape_events import RESHAPE_EVENTS, applied_reshapes, ordering_coordinator
from PhantomLibrary.testbed.saga_events import SAGA_EVENTS, tapped_saga_host
from PhantomLibrary.testbed.transaction_events import (
    STEP,
    TRANSACTION_EVENTS,
    applied_events,
    concerns_transactions,
    tapped_gateway,
    tapped_manager,
    telling_reply,
)
from PhantomLibrary.testbed.watch import Watch

EVENTS = (
    "leader elected",
    "snapshot sent",
    "vote persisted",
    "entry committed",
    "learner added",
    "voters changing",
    *MOVE_EVENTS,
    *RESHAPE_EVENTS,
    *SAGA_EVENTS,
    *TRANSACTION_EVENTS,
    *QUERY_EVENTS,
)

Phase: TypeAlias = Literal["before", "after"]
Listener: TypeAlias = Callable[[str, Phase, NodeId, int], None]  # (event, phase, node, how many at once)


class _Group(Protocol):
    term: int

    @property
    def is_leader(self) -> bool: ...


class _Machine(Protocol):
    applied_index: int
    directory: Directory | None
    shape: Shape


class TappedReplica(Protocol):
    """What is asked of a replica, beside what a performer asks."""

    node: NodeId
    shard: ShardId
    group: _Group
    machine: _Machine


class EventTap:
    """All listeners of one run, and the replicas of the present incarnations."""

    def __init__(self, watch: Watch, processes: dict[NodeId, DatabaseNode]) -> None:
        self._watch = watch
        self._processes = processes
        self._listeners: list[Listener] = []
        self._replicas: dict[tuple[NodeId, ShardId], _ReplicaTap] = {}
        self._applied: dict[ShardId, int] = {}

    @property
    def sink(self) -> Sink:
        """Where a process that starts now is to send its observations."""
        return self._observe if self._listeners else self._watch.observe

    @property
    def is_open(self) -> bool:
        return bool(self._listeners)

    def tapped(self, parts: Parts) -> Parts:
        """Return parts whose performers can be listened at."""
        plain: Any = parts.performer
        tap = self

        class TappedPerformer(plain):  # type: ignore[misc]
            def __init__(self, host: Any) -> None:
                super().__init__(host)
                tap.add(self, self._handlers, host)

        performer: type[Performer] = TappedPerformer
        return msgspec.structs.replace(
            parts,
            performer=performer,
            coordinator=ordering_coordinator(tapped_coordinator(parts.coordinator, self), self),
            saga_host=tapped_saga_host(parts.saga_host, self),
            gateway=tapped_gateway(parts.gateway, self),
            manager=tapped_manager(parts.manager, self),
            fragments=tapped_fragments(parts.fragments, self),
        )

    def attend(self, process: DatabaseNode) -> None:
        """Note a process that is about to start."""
        if self._listeners:
            vars(process)["reply"] = telling_reply(process, self)

    def add(self, performer: Performer, handlers: dict[type, Callable[[Any], None]], replica: TappedReplica) -> None:
        """Note the performer of a replica that starts."""
        added = _ReplicaTap(self, performer, handlers, replica)
        self._replicas[replica.node, replica.shard] = added
        if self._listeners:
            added.open()

    def listen(self, listener: Listener) -> None:
        """Tell a listener of all events from now on."""
        self._listeners.append(listener)
        if len(self._listeners) == 1:
            self._applied.clear()
            for each in self._replicas.values():
                each.open()
            for process in self._processes.values():
                self.attend(process)
            self._turn_sinks(self._watch.observe, self._observe)

    def leave(self, listener: Listener) -> None:
        """Tell that listener no more. Does nothing for one that does not listen."""
        if listener not in self._listeners:
            return
        self._listeners.remove(listener)
        if not self._listeners:
            for each in self._replicas.values():
                each.close()
            for process in self._processes.values():
                vars(process).pop("reply", None)
            self._turn_sinks(self._observe, self._watch.observe)

    @contextmanager
    def counted(self, event: str, nodes: Collection[NodeId] | None) -> Iterator[Callable[[], int]]:
        """Count how often an event has happened on these nodes, None for any, for as long as this is entered."""
        number = 0

        def count(told: str, phase: Phase, node: NodeId, times: int) -> None:
            nonlocal number
            if told == event and phase == "after" and (nodes is None or node in nodes):
                number += times

        self.listen(count)
        try:
            yield lambda: number
        finally:
            self.leave(count)

    def tell(self, event: str, phase: Phase, node: NodeId, number: int = 1) -> None:
        for listener in tuple(self._listeners):
            listener(event, phase, node, number)

    def tell_of(self, process: DatabaseNode, event: str, phase: Phase, node: NodeId) -> None:
        """Tell of something that a process does, unless that process has crashed."""
        if self._listeners and self._processes.get(node) is process and self._has_sink(process):
            self.tell(event, phase, node)

    def _has_sink(self, process: DatabaseNode) -> bool:
        return process.sink in (self._observe, self._watch.observe)

    def is_current(self, replica: _ReplicaTap) -> bool:
        """Whether a replica's process still runs: what the rest of a crashed one's handler does happens nowhere."""
        node, shard = replica.replica.node, replica.replica.shard
        process = self._processes.get(node)
        # The process of a node that starts is told of before it has its sink: so ask for the sink of the dead.
        return self._replicas.get((node, shard)) is replica and (process is None or self._has_sink(process))

    def newly_applied(self, shard: ShardId, last_index: int) -> int:
        """Note what a replica applies; return how many of these entries no replica of the shard has applied before."""
        before = self._applied.get(shard)
        if before is None:
            before = self._applied_before(shard)
        self._applied[shard] = max(before, last_index)
        return max(0, last_index - before)

    def _applied_before(self, shard: ShardId) -> int:
        return max((each.replica.machine.applied_index for (_, of), each in self._replicas.items() if of == shard))

    def _turn_sinks(self, old: Sink, new: Sink) -> None:
        for process in self._processes.values():
            if process.sink == old:
                process.sink = new

    def _observe(self, observation: Observation) -> None:
        changes = self._watch.leader_changes
        elections = len(changes)
        self._watch.observe(observation)
        if len(changes) > elections:
            assert type(observation) is ReplicaState
            self.tell("leader elected", "after", observation.node)


class _ReplicaTap:
    """Listens at the performer of one replica of one incarnation, while it is open."""

    def __init__(
        self,
        events: EventTap,
        performer: Performer,
        handlers: dict[type, Callable[[Any], None]],
        replica: TappedReplica,
    ) -> None:
        self.replica = replica
        self._events = events
        self._performer: Any = performer
        self._handlers = handlers
        self._plain = dict(handlers)
        self._led_term = 0
        self._vote: tuple[int, NodeId] = (0, "")
        self._vote_token: int | None = None

    def open(self) -> None:
        group = self.replica.group
        self._led_term = group.term if group.is_leader else 0
        self._plain = dict(self._handlers)
        self._handlers[Send] = self._wrapped(self._send, Send)
        self._handlers[SendEarly] = self._wrapped(self._send, SendEarly)
        self._handlers[Persist] = self._wrapped(self._persist, Persist)
        self._handlers[Apply] = self._wrapped(self._apply, Apply)
        # On the object, not in the class, so that nothing stands in the way while nobody listens.
        vars(self._performer)["persisted"] = self._persisted

    def close(self) -> None:
        self._handlers.update(self._plain)
        vars(self._performer).pop("persisted", None)

    def _wrapped(self, listen: Callable[[Any, Callable[[Any], None]], None], kind: type) -> Callable[[Any], None]:
        plain = self._plain[kind]

        def perform(effect: Effect) -> None:
            if self._events.is_current(self):
                self._note_leadership()
            listen(effect, plain)

        return perform

    def _tell(self, event: str, phase: Phase, number: int = 1) -> None:
        if self._events.is_current(self):
            self._events.tell(event, phase, self.replica.node, number)

    def _note_leadership(self) -> None:
        group = self.replica.group
        if group.is_leader and group.term != self._led_term:
            self._led_term = group.term
            self._tell("leader elected", "before")

    def _send(self, effect: Send | SendEarly, perform: Callable[[Any], None]) -> None:
        message = effect.message
        events = ["snapshot sent"] if type(message) is SnapshotChunk and message.chunk == message.chunks - 1 else []
        if concerns_transactions(message):
            events.append(STEP)
        self._tell_around(events, effect, perform)

    def _persist(self, effect: Persist, perform: Callable[[Any], None]) -> None:
        votes = [(each.term, each.vote) for each in effect.records if type(each) is HardState and each.vote]
        if votes and votes[-1] != self._vote:
            self._vote, self._vote_token = votes[-1], effect.token
            self._tell("vote persisted", "before")
        events = [event for record in effect.records for event in _changes_of_members(record)]
        if any(map(concerns_transactions, effect.records)):
            events.append(STEP)
        self._tell_around(events, effect, perform)

    def _persisted(self, token: int) -> None:
        if self._vote_token is not None and token >= self._vote_token:
            self._vote_token = None
            self._tell("vote persisted", "after")
        type(self._performer).persisted(self._performer, token)

    def _apply(self, effect: Apply, perform: Callable[[Any], None]) -> None:
        new = self._events.newly_applied(self.replica.shard, effect.entries[-1].index)
        events = applied_events(effect.entries[-new:]) if new else []
        if any(type(entry.command) is Transact for entry in effect.entries):
            events.append(STEP)
        directory = self.replica.machine.directory
        if new:
            commands = [entry.command for entry in effect.entries[-new:]]
            events += applied_reshapes(self.replica.machine.shape, directory, commands)
            if directory is not None:
                events += applied_moves(directory.moves, commands)
        if new:
            self._tell("entry committed", "before", new)
        self._tell_around(events, effect, perform)
        if new:
            self._tell("entry committed", "after", new)

    def _tell_around(self, events: Sequence[str], effect: Effect, perform: Callable[[Any], None]) -> None:
        """Perform an effect, and tell what it is before and after it."""
        for event in events:
            self._tell(event, "before")
        perform(effect)
        for event in events:
            self._tell(event, "after")


def _changes_of_members(record: Record) -> list[str]:
    """Return the events that writing this record is."""
    if type(record) is not Entries:
        return []
    configurations = [entry.command for entry in record.entries if type(entry.command) is Configuration]
    return ["learner added" if each.learners and not each.is_joint else "voters changing" for each in configurations]
