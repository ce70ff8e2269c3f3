"""All that single replicas can be and do, each computed once.

A replica here is its group, its disk, and what waits for the disk. Groups are pure, so whatever a replica does on an
event is a fact about the two: it is worked out the first time it is asked for and remembered. A search over whole
clusters thus handles small integers, and steps a group some thousand times less often than it visits a state.

Time is abstract. Every replica stands at the same instant for ever, and has always just heard of its leader; where it
matters that it has not, both cases are explored. So clocks run at any rate, and no promise may depend on them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from PhantomLibrary.domain import LogEntry, NodeId
from PhantomLibrary.exploration.values import clone, frozen, renamed, renamed_group
from PhantomLibrary.protocols.raft.effects import (
    DeadlinePassed,
    Effect,
    Event,
    Persist,
    Persisted,
    Propose,
    Send,
    SendEarly,
)
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import Entries, HardState, RaftMessage, Record, Recovered, RequestVote
from PhantomLibrary.protocols.raft.replica import ELECTION, HEARTBEAT, GroupConfig

_ELECTION_TIMEOUT_NS = 1_000
_HEARTBEAT_NS = 100
_NOW_NS = 10 * _ELECTION_TIMEOUT_NS
_COMMAND = "x"  # One is enough: index and term tell entries apart.


class Replica(Struct, frozen=True):
    """`waiting` holds what the disk holds up: a Persist first, then whatever stands behind it."""

    group: Group
    waiting: tuple[Persist | Send, ...]
    durable: Recovered

    def records_under_way(self) -> list[Record]:
        return [record for each in self.waiting if isinstance(each, Persist) for record in each.records]


class Step(NamedTuple):
    """What came of an event. Replicas and messages are told by number; `elected` is a term, 0 for none."""

    after: int
    sent: tuple[int, ...]
    elected: int
    commits: tuple[LogEntry, ...]
    fault: str


class Move(NamedTuple):
    """What a replica may do by itself. `kept` counts the records under way that survive a crash."""

    kind: str
    kept: int
    step: Step


class Limits(Struct, frozen=True):
    """Replicas beyond these are not looked at. An append carries at most `entries_per_append`."""

    term_max: int
    log_entries_max: int
    entries_per_append: int


class Replicas:
    """Numbers replicas and messages in the order in which they are met, and knows what each can do."""

    def __init__(self, names: tuple[NodeId, ...], group_class: type[Group], limits: Limits) -> None:
        self.names = names
        self.group_class = group_class
        self.limits = limits
        self.all: list[Replica] = []
        self.messages: list[tuple[NodeId, RaftMessage]] = []
        self.receivers: list[int] = []  # By position among the names.
        self.logs: list[tuple[LogEntry, ...]] = []
        self.log_numbers: list[int] = []
        self.is_leader: list[bool] = []
        self.is_pending: list[bool] = []  # Waits for its disk.
        self.alike: list[int] = []  # Equal for replicas that differ in nothing but names.
        self._numbers: dict[Hashable, int] = {}
        self._log_numbers: dict[tuple[LogEntry, ...], int] = {}
        self._message_numbers: dict[tuple[NodeId, RaftMessage], int] = {}
        self._likeness: dict[Hashable, int] = {}
        self._moves: dict[int, tuple[Move, ...]] = {}
        self._receptions: dict[tuple[int, int], tuple[Step, ...]] = {}

    # --- numbers ----------------------------------------------------------------------------------------------------

    def boot(self, node: NodeId, durable: Recovered) -> int:
        """Return a replica that starts with this disk."""
        return self._number(Replica(self._boot(node, durable), (), durable))

    def rename(self, number: int, names: Mapping[NodeId, NodeId]) -> int:
        return self._number(_renamed(self.all[number], names))

    def rename_message(self, number: int, names: Mapping[NodeId, NodeId]) -> int:
        return self._message_number(*renamed(self.messages[number], names))

    def _boot(self, node: NodeId, durable: Recovered) -> Group:
        limits = self.limits
        config = GroupConfig(
            1, node, self.names, _ELECTION_TIMEOUT_NS, _HEARTBEAT_NS, append_entries_max=limits.entries_per_append
        )
        group = self.group_class(config, durable, _NOW_NS)
        group.start()
        return group

    def _number(self, replica: Replica) -> int:
        group = replica.group
        _forget_what_cannot_matter(group)
        first = group._persists[0][0] if group._persists else group._token + 1
        if first != 1:  # Tokens count from the oldest Persist under way, or they would grow for ever.
            replica = _with_tokens_lowered(replica, by=first - 1)
            group = replica.group
        key = _key(replica)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.all)
            self.all.append(replica)
            log = group.log.all_entries()
            self.logs.append(log)
            self.log_numbers.append(self._log_numbers.setdefault(log, number))
            self.is_leader.append(group.is_leader)
            self.is_pending.append(bool(replica.waiting))
            self.alike.append(self._like(replica))
        return number

    def _like(self, replica: Replica) -> int:
        own, *others = self.names
        node = replica.group.config.node
        peers = [name for name in self.names if name != node]
        orders = (peers, peers[::-1])  # All there are, for three nodes.
        keys = [_key(_renamed(replica, {node: own, **dict(zip(order, others, strict=True))})) for order in orders]
        for each in keys:
            if each in self._likeness:
                return self._likeness[each]
        return self._likeness.setdefault(keys[0], len(self._likeness))

    def _message_number(self, to: NodeId, message: RaftMessage) -> int:
        key = (to, message)
        number = self._message_numbers.get(key)
        if number is None:
            number = self._message_numbers[key] = len(self.messages)
            self.messages.append(key)
            self.receivers.append(self.names.index(to))
        return number

    # --- what a replica can do --------------------------------------------------------------------------------------

    def moves(self, number: int) -> tuple[Move, ...]:
        """Return what it may do without a message: all that changes anything."""
        known = self._moves.get(number)
        if known is None:
            moves = [*self._disk_moves(number), *self._timed_moves(number)]
            known = tuple(each for each in moves if self._matters(number, each.step))
            self._moves[number] = known
        return known

    def receptions(self, number: int, message: int) -> tuple[Step, ...]:
        """Return what may come of a message, which is nothing when it changes nothing."""
        known = self._receptions.get((number, message))
        if known is None:
            event = self.messages[message][1]
            steps = [self._step(number, event)]
            if type(event) is RequestVote:  # Its leader may be silent for long.
                steps.append(self._step(number, event, hears_leader=False))
            known = tuple(dict.fromkeys(each for each in steps if self._matters(number, each)))
            self._receptions[number, message] = known
        return known

    def _matters(self, number: int, step: Step) -> bool:
        if step.fault:
            return True
        group, limits = self.all[step.after].group, self.limits
        if group.term > limits.term_max or group.log.last_index > limits.log_entries_max:
            return False
        return step.after != number or bool(step.sent)

    def _timed_moves(self, number: int) -> list[Move]:
        timeout = Move("timeout", 0, self._step(number, DeadlinePassed(ELECTION), hears_leader=False))
        if not self.all[number].group.is_leader:
            return [timeout]
        heartbeat = Move("heartbeat", 0, self._step(number, DeadlinePassed(HEARTBEAT)))
        return [timeout, heartbeat, Move("propose", 0, self._step(number, Propose(0, _COMMAND)))]

    def _disk_moves(self, number: int) -> list[Move]:
        replica = self.all[number]
        records = replica.records_under_way()
        moves = [Move("crash", kept, self._crash(replica, records[:kept])) for kept in range(len(records) + 1)]
        if replica.waiting:
            moves.append(Move("persist", 0, self._persist(number)))
        return moves

    def _crash(self, replica: Replica, kept: Sequence[Record]) -> Step:
        """Start again with what is durable. To be down for long differs from being slow in nothing that matters."""
        return Step(self.boot(replica.group.config.node, _written(replica.durable, kept)), (), 0, (), "")

    def _persist(self, number: int) -> Step:
        replica = self.all[number]
        persist = replica.waiting[0]
        assert isinstance(persist, Persist)
        durable = _written(replica.durable, persist.records)
        return self._step(number, Persisted(persist.token), waiting=replica.waiting[1:], durable=durable)

    # --- one step ---------------------------------------------------------------------------------------------------

    def _step(
        self,
        number: int,
        event: Event,
        *,
        hears_leader: bool = True,
        waiting: tuple[Persist | Send, ...] | None = None,
        durable: Recovered | None = None,
    ) -> Step:
        before = self.all[number]
        group = clone(before.group)
        if not hears_leader:
            group._heard_ns = _NOW_NS - _ELECTION_TIMEOUT_NS
        was_leader, commit_index = group.is_leader, group.commit_index
        try:
            effects = group.step(event, _NOW_NS)
        except AssertionError as error:
            return Step(number, (), 0, (), f"Assertion: {group.config.node}: {str(error) or 'without words'}")
        sent, waiting = self._perform(before.waiting if waiting is None else waiting, effects)
        after = self._number(Replica(group, waiting, durable or before.durable))
        if group.commit_index < commit_index:
            fault = f"CommitIsMonotone: {group.config.node} committed {commit_index}, then {group.commit_index}"
        elif group.commit_index > group.log.last_index:
            fault = f"CommitIsHeld: {group.config.node} lost entries that it knows to be committed"
        else:
            fault = ""
        commits = () if fault else group.log.entries_from(commit_index + 1, group.commit_index - commit_index)
        elected = group.term if group.is_leader and not was_leader else 0
        return Step(after, sent, elected, commits, fault)

    def _perform(
        self, waiting: tuple[Persist | Send, ...], effects: Sequence[Effect]
    ) -> tuple[tuple[int, ...], tuple[Persist | Send, ...]]:
        """Return the messages that leave now, and what waits for the disk."""
        queue = list(waiting)
        sent = []
        for effect in effects:
            if isinstance(effect, SendEarly):
                sent.append(self._message_number(effect.to, effect.message))
            elif isinstance(effect, Persist | Send):
                queue.append(effect)
        while queue and isinstance(queue[0], Send):
            send = queue.pop(0)
            assert isinstance(send, Send)
            sent.append(self._message_number(send.to, send.message))
        return tuple(sent), _in_order(queue)


def _written(durable: Recovered, records: Sequence[Record]) -> Recovered:
    for record in records:
        if isinstance(record, HardState):
            durable = replace(durable, term=record.term, vote=record.vote)
        else:
            assert isinstance(record, Entries), "nobody takes snapshots here"
            durable = replace(durable, entries=durable.entries[: record.entries[0].index - 1] + record.entries)
    return durable


def _forget_what_cannot_matter(group: Group) -> None:
    """Make replicas equal that no event can tell apart."""
    group._heard_ns = _NOW_NS
    group._granted_ns = _NOW_NS - _ELECTION_TIMEOUT_NS
    if group.role != "candidate":
        group._granted, group._pre_voting = {}, False  # Set anew by whoever stands.


def _with_tokens_lowered(replica: Replica, *, by: int) -> Replica:
    group = replica.group
    group._token -= by
    persists = group._persists
    for position, (token, time_ns, last_index) in enumerate(persists):
        persists[position] = (token - by, time_ns, last_index)
    waiting = tuple(
        replace(each, token=each.token - by) if isinstance(each, Persist) else each for each in replica.waiting
    )
    return Replica(group, waiting, replica.durable)


def _renamed(replica: Replica, names: Mapping[NodeId, NodeId]) -> Replica:
    waiting, durable = renamed((replica.waiting, replica.durable), names)
    return Replica(renamed_group(replica.group, names), _in_order(waiting), durable)


def _key(replica: Replica) -> Hashable:
    return (frozen(replica.group), replica.waiting, replica.durable)


def _in_order(waiting: Sequence[Persist | Send]) -> tuple[Persist | Send, ...]:
    """Sort by receiver what leaves together."""
    runs: list[list[Persist | Send]] = [[]]
    for each in waiting:
        if isinstance(each, Persist):
            runs += [[each], []]
        else:
            runs[-1].append(each)
    return tuple(each for run in runs for each in sorted(run, key=lambda effect: getattr(effect, "to", "")))
