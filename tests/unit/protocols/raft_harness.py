"""A host for the pure Raft: performs the effects of a group as the design says, on a disk that forgets nothing durable.

Rule: what a replica comes back with after a crash is built from durable records alone, by the replay that is written
here and shares nothing with the code under test.

One queue a group, in order. `SendEarly` and `SetDeadline` do not wait; a `Persist` holds up what stands behind it until
`release` makes it durable, and a crash keeps any beginning of the records that were under way.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any

from PhantomLibrary.domain import Configuration, LogEntry, NodeId
from PhantomLibrary.protocols.raft.configuration import ABSENT, LOST
from PhantomLibrary.protocols.raft.effects import (
    Apply,
    Effect,
    Event,
    GoneQuiet,
    InstallSnapshot,
    Persist,
    Persisted,
    ReadReady,
    Refuse,
    RefuseChange,
    Send,
    SendEarly,
    SetDeadline,
    SnapshotTaken,
    TransferFailed,
    Woken,
)
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import (
    AppendEntries,
    AppendReply,
    Damaged,
    Entries,
    HardState,
    Invitation,
    RaftMessage,
    Record,
    Recovered,
    Repaired,
    Snapshot,
    SnapshotChunk,
    SnapshotPart,
    SnapshotRecord,
)
from PhantomLibrary.protocols.raft.replica import GroupConfig, View


def told(configuration: Configuration) -> str:
    """Return a configuration in one word: voters, those before while it is joint, and learners in brackets."""
    voters = "+".join(configuration.voters)
    before = "&" + "+".join(configuration.outgoing) if configuration.outgoing else ""
    learners = "(" + "+".join(configuration.learners) + ")" if configuration.learners else ""
    return f"{voters}{before}{learners}"


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0


class WrittenLog:
    """What a sequence of records amounts to."""

    def __init__(self) -> None:
        self.term = 0
        self.vote: NodeId = ""
        self.snapshot: Snapshot | None = None
        self.entries: dict[int, LogEntry] = {}
        self.last_index = 0
        self.damaged = False
        self.parts: list[SnapshotPart] = []

    def copy(self) -> WrittenLog:
        copy = WrittenLog()
        copy.term, copy.vote, copy.snapshot, copy.last_index = self.term, self.vote, self.snapshot, self.last_index
        copy.entries = dict(self.entries)
        copy.damaged = self.damaged
        copy.parts = list(self.parts)
        return copy

    @property
    def snapshot_index(self) -> int:
        return self.snapshot.index if self.snapshot else 0

    def term_at(self, index: int) -> int | None:
        if self.snapshot is not None and index == self.snapshot.index:
            return self.snapshot.term
        entry = self.entries.get(index)
        return entry.term if entry is not None else (0 if index == 0 else None)

    def write(self, record: Record) -> None:
        if isinstance(record, HardState):
            self.term, self.vote = record.term, record.vote
        elif isinstance(record, Entries):
            for index in range(record.entries[0].index, self.last_index + 1):
                self.entries.pop(index, None)
            self.entries.update((entry.index, entry) for entry in record.entries)
            self.last_index = record.entries[-1].index
        elif isinstance(record, Damaged | Repaired):
            self.damaged = isinstance(record, Damaged)
        elif isinstance(record, SnapshotPart):
            self.parts = [*self.parts, record] if record.chunk else [record]
        else:
            self._write_snapshot(record)

    def _write_snapshot(self, record: SnapshotRecord) -> None:
        self.snapshot = record.snapshot
        self.parts = []
        for index in list(self.entries):
            if index <= record.snapshot.index or not record.keeps_tail:
                del self.entries[index]
        self.last_index = max([record.snapshot.index, *self.entries])

    def recovered(self, *, number: int = 0) -> Recovered:
        entries = tuple(self.entries[index] for index in sorted(self.entries))
        return Recovered(self.term, self.vote, self.snapshot, entries, number, self.damaged, tuple(self.parts))

    def lose(self, index: int) -> None:
        """Damage: all entries from this one on are lost, and if a snapshot covers it, everything."""
        if index <= self.snapshot_index:
            self.snapshot, index = None, 1
        self.entries = {at: entry for at, entry in self.entries.items() if at < index}
        self.last_index = max([self.snapshot_index, *self.entries])
        self.write(Damaged())


class Machine:
    """A state machine that remembers every command, so that any difference shows."""

    def __init__(self, snapshot: Snapshot | None, chunk_bytes: int = 0) -> None:
        self.chunk_bytes = chunk_bytes  # Of its snapshots, 0 for one chunk.
        self.commands: list[Any] = []
        if snapshot is not None:
            self.restore(snapshot)

    @property
    def applied_index(self) -> int:
        return len(self.commands)

    def restore(self, snapshot: Snapshot) -> None:
        self.commands = json.loads(b"".join(snapshot.chunks))

    def save(self, term: int, configuration: Configuration, since: int) -> Snapshot:
        content = json.dumps(self.commands).encode()
        size = self.chunk_bytes or len(content)
        chunks = tuple(content[start : start + size] for start in range(0, len(content), size))
        return Snapshot(self.applied_index, term, chunks, configuration, since)


class Watch:
    """Told of everything that a host does. Does nothing itself."""

    def sent(self, host: Host, to: NodeId, message: RaftMessage) -> None: ...
    def emitted(self, host: Host, record: Record) -> None: ...
    def started(self, host: Host) -> None: ...
    def stepped(self, host: Host, before: View) -> None: ...
    def performed(self, host: Host, effect: Effect) -> None: ...


class Host:
    """One node with one group, its disk and its state machine."""

    def __init__(
        self,
        config: GroupConfig,
        clock: Clock,
        watch: Watch,
        draw: Callable[[int], int],
        group_class: type[Group] = Group,
    ) -> None:
        self.config = config
        self.name = config.node
        self.clock = clock
        self.watch = watch
        self.draw = draw
        self.group_class = group_class
        self.durable = WrittenLog()
        self.number = 0
        self.has_replica = config.node in config.voters
        self.lost: dict[int, LogEntry] = {}
        self.holds_persists = False
        self.chunk_bytes = 0
        self.incarnation = 0
        self.is_on = False
        self.group: Group
        self.written: WrittenLog
        self.machine: Machine
        self.queue: deque[Effect] = deque()
        self.deadlines: dict[str, int] = {}
        self._draining = False

    @property
    def is_up(self) -> bool:
        """Whether a replica runs here."""
        return self.is_on and self.has_replica

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.incarnation += 1
        self.is_on = True
        if not self.has_replica:
            return
        self.written = self.durable.copy()
        self.machine = Machine(self.durable.snapshot, self.chunk_bytes)
        recovered = self.durable.recovered(number=self.number)
        self.group = self.group_class(self.config, recovered, self.clock.now_ns)
        self.watch.started(self)
        self._accept(self.group.start())
        self._drain()

    def crash(self, *, kept_records: int = 0) -> None:
        """Stop; of the records under way, the first `kept_records` made it to the disk."""
        for record in self.records_under_way()[:kept_records]:
            self.durable.write(record)
        self.is_on = False
        self.queue.clear()
        self.deadlines.clear()

    def damage(self, index: int) -> None:
        """Lose all entries from this one on, and find that out at the next start."""
        assert not self.is_up
        self.lost = {**self.lost, **self.durable.entries}
        self.durable.lose(index)

    def wipe(self) -> None:
        """Lose the disk. What was there from the beginning is begun again; a replica that was invited is no more."""
        self.durable = WrittenLog()
        self.has_replica = self.number == 0
        self.number = LOST

    @property
    def formatted(self) -> bool:
        return self.number != LOST

    def receive(self, message: RaftMessage) -> None:
        """Take a message, as a node does that may have to begin a replica first, or has none."""
        if isinstance(message, Invitation) and message.number > self.number:
            self._begin(message.number)
        if self.has_replica:
            self.step(message)
        elif isinstance(message, AppendEntries | SnapshotChunk):
            reply = AppendReply(1, self.name, message.term, False, 0, 0, 0, ABSENT)
            self.watch.sent(self, message.source, reply)

    def _begin(self, number: int) -> None:
        """Begin an empty replica, durably, in place of the one that was here."""
        self.queue.clear()
        self.deadlines.clear()
        self.durable, self.number, self.has_replica = WrittenLog(), number, True
        self.start()

    def records_under_way(self) -> list[Record]:
        return [record for effect in self.queue if isinstance(effect, Persist) for record in effect.records]

    # --- events -----------------------------------------------------------------------------------------------------

    def step(self, event: Event) -> None:
        before = self.group.view
        effects = self.group.step(event, self.clock.now_ns)
        self._accept(effects)
        if self.group.view is not before:
            self.watch.stepped(self, before)
        self._drain()

    def take_snapshot(self) -> None:
        """Save the state machine, and tell the group once the disk has it."""
        index = self.machine.applied_index
        term = self.durable.term_at(index)
        if term is None or index <= self.durable.snapshot_index:
            return
        since, configuration = self.group.configurations.at(index)
        snapshot = self.machine.save(term, configuration, since)
        record = SnapshotRecord(snapshot, keeps_tail=True)
        self.durable.write(record)
        if self.written.snapshot_index < index:
            self.written.write(record)
        self.step(SnapshotTaken(snapshot))

    def release(self) -> bool:
        """Make the oldest Persist durable and perform what waited for it alone; return whether there was one."""
        if not self.queue:
            return False
        persist = self.queue.popleft()
        assert isinstance(persist, Persist)
        self._make_durable(persist)
        self._drain()
        return True

    # --- effects ----------------------------------------------------------------------------------------------------

    def _accept(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, SetDeadline):
                self.deadlines[effect.name] = self.clock.now_ns + effect.after_ns + self.draw(effect.spread_ns)
            elif isinstance(effect, SendEarly):
                self.watch.sent(self, effect.to, effect.message)
            else:
                self.queue.append(effect)
                if isinstance(effect, Persist):
                    for record in effect.records:
                        self.watch.emitted(self, record)
                        self.written.write(record)

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        while self.queue:
            effect = self.queue[0]
            if isinstance(effect, Persist):
                if self.holds_persists:
                    break
                self.queue.popleft()
                self._make_durable(effect)
            else:
                self.queue.popleft()
                self._perform(effect)
        self._draining = False

    def _make_durable(self, persist: Persist) -> None:
        for record in persist.records:
            self.durable.write(record)
        self.watch.performed(self, persist)
        self.step(Persisted(persist.token))

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, Send):
            self.watch.sent(self, effect.to, effect.message)
            return
        if isinstance(effect, Apply):
            for entry in effect.entries:
                assert entry.index == self.machine.applied_index + 1, "a gap in what is applied"
                command = entry.command
                self.machine.commands.append(told(command) if type(command) is Configuration else command)
        elif isinstance(effect, InstallSnapshot):
            self.machine.restore(effect.snapshot)
        else:
            assert isinstance(effect, ReadReady | Refuse | GoneQuiet | Woken | RefuseChange | TransferFailed)
        self.watch.performed(self, effect)
