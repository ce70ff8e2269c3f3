"""The coordinator: what the leader of shard 0 does for the whole cluster while it leads.

It keeps nothing that is not in shard 0's log or reported by the nodes, so a crash of it costs nothing but time. Its
term is that of its leadership: whoever has heard of a later one takes no orders from it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from PhantomLibrary.database.census import Announcement, CensusMessage, Noted, Report, TaskOrder
from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.messages import EndTask, Record
from PhantomLibrary.database.moving import patience_ns
from PhantomLibrary.database.repair import Known, Led, Step, plan
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, NodeId, ShardId

_RETRY_NS = 250 * MILLISECOND_NS
_RETRY_NS_MAX = 2 * SECOND_NS
_LEARNER_PATIENCE_NS = 10 * SECOND_NS  # A move has longer where it may only go slowly.
_AVOIDED_NS = 60 * SECOND_NS
_ABSENCE_NS = 2 * SECOND_NS  # A suspicion may be taken back, and what was learnt would be lost.
_FAREWELLS_MAX = 8  # How often a node is told that it was removed: it asks itself when it comes back.


class CoordinatorHost(Protocol):
    """The node that a coordinator stands on."""

    @property
    def config(self) -> DatabaseConfig: ...
    def monotonic_ns(self) -> int: ...
    def tell(self, node: NodeId, message: CensusMessage) -> None: ...
    def propose(self, command: Record | EndTask) -> None: ...
    def unavailable(self) -> Collection[NodeId]: ...


class _Reader:
    """How far a node is known to be with the directory, and when it is told again."""

    __slots__ = ("due_ns", "number", "sequence", "tries", "version", "waiting")

    def __init__(self) -> None:
        self.number = 0
        self.sequence = 0
        self.version = -1
        self.waiting: tuple[ShardId, ...] = ()
        self.tries = 0
        self.due_ns = 0


class Coordinator:
    """One term of one coordinator."""

    def __init__(self, host: CoordinatorHost, term: int, directory: Directory) -> None:
        self._host = host
        self.term = term
        self._directory = directory
        self._readers: dict[NodeId, _Reader] = {}
        self._led: dict[ShardId, Led] = {}
        self._taken: dict[Any, tuple[int, int]] = {}  # Steps of the present plan: when they are due again, and tries.
        self._learning: dict[tuple[ShardId, NodeId], int] = {}  # Since when a learner has been one.
        self._avoided: dict[tuple[ShardId, NodeId], int] = {}  # Learners that took too long, and until when.
        self._unavailable: dict[NodeId, int] = {}  # Since when a node has been so.

    def report(self, report: Report) -> None:
        """Take in what a node says, unless it has said something later already."""
        reader = self._readers.setdefault(report.node, _Reader())
        if report.sequence < reader.sequence:
            return
        reader.sequence = report.sequence
        reader.number, reader.waiting = report.number, report.waiting
        reader.version = report.version
        if report.version < self._directory.version:
            reader.tries = reader.due_ns = 0  # Here it is again, and wants to know.
        for each in report.shards:
            known = self._led.get(each.shard)
            if known is None or each.term >= known.report.term:
                self._led[each.shard] = Led(report.node, each)
        self._host.tell(report.node, Noted(report.sequence))

    def leaders(self) -> dict[ShardId, NodeId]:
        """Return who leads each shard that was heard of."""
        return {shard: led.leader for shard, led in self._led.items()}

    def look(self, directory: Directory) -> int:
        """Do what is due; return when to look again: soon while anything is under way, else now and then, for what
        stood in the way of a step may be over without anybody saying so.
        """
        now_ns = self._host.monotonic_ns()
        if directory is not self._directory:
            self._directory = directory
            for reader in self._readers.values():
                reader.tries = reader.due_ns = 0
        due = [self._announce(now_ns), self._carry_out(now_ns)]
        return min([now_ns + _RETRY_NS_MAX, *filter(None, due)])

    # --- announcements ----------------------------------------------------------------------------------------------

    def _announce(self, now_ns: int) -> int:
        """Tell the directory to those who do not have it; return when to tell it again, 0 when all have it."""
        directory, next_ns = self._directory, 0
        for member in directory.members:
            reader = self._readers.setdefault(member.node, _Reader())
            is_gone = member.standing == "removed"
            if reader.version >= directory.version or (is_gone and reader.tries >= _FAREWELLS_MAX):
                continue
            if reader.due_ns <= now_ns:
                reader.due_ns = now_ns + min(_RETRY_NS << reader.tries, _RETRY_NS_MAX)
                reader.tries = min(reader.tries + 1, _FAREWELLS_MAX)
                self._host.tell(member.node, Announcement(self.term, directory))
            next_ns = min(next_ns or reader.due_ns, reader.due_ns)
        return next_ns

    # --- the plan ---------------------------------------------------------------------------------------------------

    def _carry_out(self, now_ns: int) -> int:
        steps = plan(self._known(now_ns))
        taken, self._taken = self._taken, {}
        next_ns = 0
        for step in steps:
            due_ns, tries = taken.get(_subject(step), (0, 0))
            if due_ns <= now_ns:
                self._take(step)
                due_ns, tries = now_ns + min(_RETRY_NS << tries, _RETRY_NS_MAX), min(tries + 1, _FAREWELLS_MAX)
            self._taken[_subject(step)] = (due_ns, tries)
            next_ns = min(next_ns or due_ns, due_ns)
        if self._learning:
            patience_ns = min(self._learning.values()) + _LEARNER_PATIENCE_NS
            next_ns = min(next_ns or patience_ns, patience_ns) if patience_ns > now_ns else next_ns
        return next_ns

    def _known(self, now_ns: int) -> Known:
        learning = {
            (shard, node): self._learning.get((shard, node), now_ns)
            for shard, led in self._led.items()
            for node in led.report.configuration.learners
            if node not in led.report.caught_up
        }
        self._learning = learning
        stuck = {key: until_ns for key, until_ns in self._avoided.items() if until_ns > now_ns}
        moving = {(each.shard, each.target): each for each in self._directory.moves.under_way}
        overdue: list[tuple[ShardId, NodeId]] = []
        for key, since_ns in learning.items():
            if key not in moving and now_ns - since_ns >= _LEARNER_PATIENCE_NS:
                stuck[key] = now_ns + _AVOIDED_NS
            elif key in moving:
                more_ns = patience_ns(moving[key])
                if now_ns - since_ns >= _LEARNER_PATIENCE_NS + more_ns:
                    overdue.append(key)
        self._avoided = stuck
        present = {node: each.number for node, each in self._readers.items() if each.number}
        waiting = {node: each.waiting for node, each in self._readers.items() if each.waiting}
        turn = max((tries for _, tries in self._taken.values()), default=0)
        self._unavailable = {node: self._unavailable.get(node, now_ns) for node in self._host.unavailable()}
        late = [node for _, node in overdue]
        away = {node: now_ns - since_ns for node, since_ns in self._unavailable.items()}
        return Known(
            self.term,
            self._directory,
            self._led,
            present,
            self._unavailable,
            stuck,
            turn,
            waiting,
            absent=[node for node, for_ns in away.items() if for_ns >= _ABSENCE_NS],
            overdue=overdue,
            missing=[node for node, for_ns in away.items() if for_ns >= _LEARNER_PATIENCE_NS or node in late],
            leaders=self._host.config.leaders,
        )

    def _take(self, step: Step) -> None:
        if isinstance(step, (Record, EndTask)):
            self._host.propose(step)
        else:
            self._host.tell(*step)


def _subject(step: Step) -> Any:
    """What makes a step the same as one of the plan before: another successor is another try at the same."""
    if isinstance(step, (Record, EndTask)):
        return step
    node, order = step
    if isinstance(order, TaskOrder):
        return (node, order)
    return (node, type(order), order.shard, getattr(order, "since", 0), getattr(order, "change", None))
