"""What makes a majority of a configuration, and how one configuration becomes another.

Rule: whoever counts votes, acknowledgements or answers asks here. While a configuration is joint, each question needs a
majority of the voters and a majority of the outgoing ones; learners count nowhere.

A replica has a number beside its node's name, as replicas in CockroachDB have, and voters in KRaft by the identity of
their directory (KIP-853): whatever a replica did that was lost with its disk, or removed, does not count for the next
one on the same node.

Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014), section 6; Ongaro,
"Consensus: Bridging Theory and Practice" (2014), chapter 4.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from PhantomLibrary.domain import Configuration, LogEntry, NodeId

LOST = -1
"""The number of a replica that lost its disk: it takes data, and counts nowhere."""

ABSENT = -2
"""What a node answers that holds no replica of the shard."""

UNBORN = -3
"""What a node answers that never held a replica of the shard, as far as its disk goes back, and so promised nothing."""


class Change(Struct, frozen=True, gc=False):
    """What to make of a configuration: nodes that come as learners, learners that get a vote, members that go."""

    learners: tuple[NodeId, ...] = ()
    promoted: tuple[NodeId, ...] = ()
    removed: tuple[NodeId, ...] = ()


# --- majorities -----------------------------------------------------------------------------------------------------


def quorum_index(configuration: Configuration, indexes: Mapping[NodeId, int]) -> int:
    """Return the largest index that a quorum has reached, given how far each member is."""
    index = _majority_index(configuration.voters, indexes)
    if configuration.outgoing:
        return min(index, _majority_index(configuration.outgoing, indexes))
    return index


def _majority_index(voters: Sequence[NodeId], indexes: Mapping[NodeId, int]) -> int:
    return sorted([indexes[node] for node in voters])[(len(voters) - 1) // 2]


def has_quorum(configuration: Configuration, nodes: Collection[NodeId]) -> bool:
    """Return whether these nodes can decide anything."""
    outgoing = configuration.outgoing
    return _is_majority(nodes, configuration.voters) and (not outgoing or _is_majority(nodes, outgoing))


def _is_majority(nodes: Collection[NodeId], voters: Sequence[NodeId]) -> bool:
    return 2 * len([node for node in voters if node in nodes]) > len(voters)


def has_won(configuration: Configuration, granted: Mapping[NodeId, bool]) -> bool:
    """Return whether these answers elect a candidate."""
    return has_quorum(configuration, [node for node, yes in granted.items() if yes])


def has_lost(configuration: Configuration, granted: Mapping[NodeId, bool]) -> bool:
    """Return whether these answers leave a candidate no hope."""
    refused = {node for node, yes in granted.items() if not yes}
    return not has_quorum(configuration, [node for node in configuration.electorate if node not in refused])


# --- changes --------------------------------------------------------------------------------------------------------


def why_not(configuration: Configuration, change: Change) -> str:
    """Return why a configuration cannot be changed so, "" when it can."""
    if configuration.is_joint:
        return "a change of its members is under way"
    members, learners = configuration.members, configuration.learners
    for node in change.learners:
        if node in members:
            return f"{node} is a member already"
    for node in change.promoted:
        if node not in learners:
            return f"{node} is no learner: there are {', '.join(learners) or 'none'}"
    for node in change.removed:
        if node not in members:
            return f"{node} is no member: there are {', '.join(members)}"
        if node in change.promoted:
            return f"{node} cannot be promoted and removed at once"
    if not _voters_after(configuration, change):
        return f"no voter would be left of {', '.join(configuration.voters)}"
    if not (change.learners or change.promoted or change.removed):
        return "nothing would change"
    return ""


def changed(configuration: Configuration, change: Change, index: int) -> Configuration:
    """Return the configuration that an entry at `index` brings in force; joint if the voters change."""
    voters = _voters_after(configuration, change)
    outgoing = configuration.voters if set(voters) != set(configuration.voters) else ()
    gone = (*change.promoted, *change.removed)
    learners = (*(node for node in configuration.learners if node not in gone), *change.learners)
    numbers = (*configuration.numbers, *((node, index) for node in change.learners))
    return _with_numbers(Configuration(voters, outgoing, learners), numbers)


def left_joint(configuration: Configuration) -> Configuration:
    """Return what a joint configuration leads to."""
    return _with_numbers(Configuration(configuration.voters, (), configuration.learners), configuration.numbers)


def _voters_after(configuration: Configuration, change: Change) -> tuple[NodeId, ...]:
    return (*(node for node in configuration.voters if node not in change.removed), *change.promoted)


def _with_numbers(configuration: Configuration, numbers: Sequence[tuple[NodeId, int]]) -> Configuration:
    members = configuration.members
    kept = tuple(each for each in numbers if each[0] in members)
    return Configuration(configuration.voters, configuration.outgoing, configuration.learners, kept)


# --- the log --------------------------------------------------------------------------------------------------------


class ConfigurationHistory:
    """The configurations that a log holds. The latest one is in force, committed or not."""

    __slots__ = ("_history", "index", "latest")

    def __init__(self, index: int, configuration: Configuration, entries: Sequence[LogEntry] = ()) -> None:
        self._history = [(index, configuration)]
        self.index, self.latest = index, configuration
        self.append(entries)

    def append(self, entries: Sequence[LogEntry]) -> bool:
        """Take notice of entries that follow; return whether one of them changes the configuration."""
        found = [(entry.index, entry.command) for entry in entries if type(entry.command) is Configuration]
        if found:
            self._history += found
            self.index, self.latest = found[-1]
        return bool(found)

    def cut(self, last_index: int) -> bool:
        """Forget what the log no longer holds after `last_index`; return whether another configuration is in force."""
        if self.index <= last_index:
            return False
        while self._history[-1][0] > last_index:
            self._history.pop()
        self.index, self.latest = self._history[-1]
        return True

    def at(self, index: int) -> tuple[int, Configuration]:
        """Return the configuration that was in force at an index that is still held, and where it stands."""
        return next(each for each in reversed(self._history) if each[0] <= index)

    def forget(self, index: int) -> None:
        """Forget what is older than the configuration at `index`."""
        while len(self._history) > 1 and self._history[1][0] <= index:
            del self._history[0]

    def reset(self, index: int, configuration: Configuration) -> None:
        """A snapshot stands for all that was."""
        self._history = [(index, configuration)]
        self.index, self.latest = index, configuration
