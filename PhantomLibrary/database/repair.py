"""What is to be done next, so that each shard has all its replicas on nodes that stay.

A pure function of what is known: the directory, and what leaders report of their shards. It remembers nothing, so a new
coordinator goes on where the last one stopped, and an order that was lost is simply given again. One step a shard at a
time; each is safe by itself, because each is a change of a Raft configuration.

Replicas of removed nodes and of lost disks go first, for they make quorums larger and hold nothing. A node that is
being decommissioned hands its leadership over and keeps its replicas until others have caught up. So does the source
of a move, whose place only the move's target takes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.database.census import HandOver, Order, ShardReport, TaskOrder
from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.directory import Directory, Member
from PhantomLibrary.database.messages import EndTask, Record
from PhantomLibrary.database.moves import Move
from PhantomLibrary.database.moving import ends_of, may_go_on, outcome_of
from PhantomLibrary.database.reshapes import Split
from PhantomLibrary.database.reshaping import task_steps
from PhantomLibrary.domain import Configuration, NodeId, ShardId
from PhantomLibrary.placement.preference import LedShard, preferred_leaders
from PhantomLibrary.protocols.raft.configuration import Change

LEARNERS_MAX = 4
"""How many replicas catch up at one time, over all shards: each costs its leader a snapshot."""


class Led(Struct, frozen=True):
    """A shard as its leader reports it, and who that is."""

    leader: NodeId
    report: ShardReport


class Known(Struct, frozen=True):
    """All that a plan is made of.

    `present` are the nodes that have reported, by the number of their membership, and `unavailable` those of them that
    are not to be given anything, of which `absent` have been so for a while. `stuck` are replicas that took too long to
    catch up. `waiting` are the shards of which a node has a replica that lost its disk. `turn` grows with each attempt
    at the same plan, so that another successor is tried. `overdue` are targets of moves that took too long to catch up,
    `missing` are unavailable nodes that have been so for longer than anybody waits for them. `leaders` is the region
    where leaders are to stand, "" for anywhere.
    """

    term: int
    directory: Directory
    led: Mapping[int, Led]
    present: Mapping[NodeId, int]
    unavailable: Collection[NodeId] = ()
    stuck: Collection[tuple[int, NodeId]] = ()
    turn: int = 0
    waiting: Mapping[NodeId, Collection[int]] = {}
    absent: Collection[NodeId] = ()
    overdue: Collection[tuple[int, NodeId]] = ()
    missing: Collection[NodeId] = ()
    leaders: str = ""


Step: TypeAlias = tuple[NodeId, Order | HandOver | TaskOrder] | Record | EndTask


def plan(known: Known) -> list[Step]:
    """Return the steps to take now, none when everything is as it should be or has to be waited for."""
    steps: list[Step] = []
    ended: list[tuple[int, str]] = []
    room = _Room(known)
    for descriptor in known.directory.shards:
        led = known.led.get(descriptor.shard)
        if led is None or not led.report.settled:
            continue
        if isinstance(known.directory.reshapes.of(descriptor.shard), Split):
            continue  # One thing at a time.
        reported = led.report.descriptor
        if reported is not None and reported.epoch > descriptor.epoch:
            steps.append(Record(reported))
            continue
        move = known.directory.moves.of(descriptor.shard)
        outcome = _outcome(known, move, led) if move is not None else ""
        if move is not None and outcome:
            ended.append((move.number, outcome))
            continue
        step = _step(known, descriptor, led, move, room)
        if step is not None:
            room.take(step)
            steps.append((led.leader, step))
    steps += _preferred_leaders(known, busy=[step[1].shard for step in steps if isinstance(step, tuple)])
    members = _members_that_have_come_or_gone(known)
    if members:
        steps.append(Record(None, members))
    return steps + _settled_moves(known, ended) + task_steps(known.directory, known.term, known.led)


class _Room:
    """What holds for all shards: who stays and who leaves, how many more replicas may begin to catch up, and which
    moves may.
    """

    def __init__(self, known: Known) -> None:
        self.staying = frozenset(known.directory.nodes("active", "joining"))
        self.leaving = frozenset(known.directory.nodes("decommissioning"))
        self._left = LEARNERS_MAX - sum(len(each.report.configuration.learners) for each in known.led.values())
        self._moves = may_go_on(known.directory.moves, known.unavailable)

    def has_place(self, move: Move | None = None) -> bool:
        return self._left > 0 and (move is None or move.number in self._moves)

    def is_complete(self, configuration: Configuration, replicas: int) -> bool:
        """Whether as many as there are to be vote, all of whom stay, and nobody else is on the way in or out."""
        if configuration.learners or configuration.outgoing or len(configuration.voters) != replicas:
            return False
        return self.staying.issuperset(configuration.voters)

    def take(self, step: Order | HandOver) -> None:
        self._left -= bool(isinstance(step, Order) and step.change.learners)


def _outcome(known: Known, move: Move, led: Led) -> str:
    configuration = led.report.configuration
    return outcome_of(known.directory, move, configuration, overdue=known.overdue, missing=known.missing)


def _step(
    known: Known, descriptor: ShardDescriptor, led: Led, move: Move | None, room: _Room
) -> Order | HandOver | None:
    report, directory = led.report, known.directory
    configuration = report.configuration
    staying, leaving = room.staying, room.leaving
    if move is None and not report.lost and room.is_complete(configuration, directory.replicas):
        return None  # Nearly always.
    members = configuration.members
    gone = [node for node in members if node in report.lost or not (node in staying or node in leaving)]
    voters = [node for node in configuration.voters if node not in gone]
    if gone and voters:
        return _order(known, report, Change(removed=tuple(gone)))
    source, target = ends_of(move, configuration)
    good = [node for node in voters if node in staying and node != source]
    learners = [node for node in configuration.learners if node in staying and node != target]
    # The place of a move's source is its target's alone.
    wanted = directory.replicas - len(good) - bool(target)
    useless = _useless(known, descriptor, led, learners, wanted, target) if configuration.learners else []
    if useless:
        return _order(known, report, Change(removed=tuple(useless)))
    if source and (not target or target in report.caught_up):
        return _replace(known, led, good, [target] if target else [], [source], surplus=1)
    caught_up = [node for node in learners if node in report.caught_up][: max(wanted, 0)]
    departing = [node for node in voters if node in leaving and node != source]
    if caught_up or (departing and wanted <= 0):
        surplus = len(good) + len(caught_up) + len(departing) + bool(source) - directory.replicas
        return _replace(known, led, good, caught_up, departing, surplus)
    return _addition(known, descriptor, led, move if target else None, room, is_short=wanted > len(learners))


def _addition(
    known: Known, descriptor: ShardDescriptor, led: Led, move: Move | None, room: _Room, *, is_short: bool
) -> Order | None:
    """Let another node begin to catch up: the target of a move, or one that the shard is short of."""
    report, members = led.report, led.report.configuration.members
    target = move.target if move is not None else ""
    fits = target in known.present and target not in known.unavailable and target not in members
    if fits and room.has_place(move):
        # Not before the leader knows of the move, and so how fast it may go.
        return Order(report.shard, known.term, report.since, Change(learners=(target,)), known.directory.version)
    if is_short and room.has_place():
        candidate = _candidate(known, descriptor, (*members, target))
        if candidate:
            return _order(known, report, Change(learners=(candidate,)))
    return None


def _useless(
    known: Known, descriptor: ShardDescriptor, led: Led, learners: list[NodeId], wanted: int, target: NodeId
) -> list[NodeId]:
    """Return the learners that are to go, for they are not wanted, or do not come along."""
    report, configuration = led.report, led.report.configuration
    leaving = known.directory.nodes("decommissioning")
    useless = [
        node
        for node in configuration.learners
        if node in leaving or ((report.shard, node) in known.stuck and node != target)
    ]
    if wanted <= 0:
        useless += [node for node in learners if node not in useless]
    elif not useless and _candidate(known, descriptor, (*configuration.members, target)):
        # Another node can begin at once: that is sooner than one that is down can go on.
        useless = [node for node in learners if node in known.absent and node not in report.caught_up]
    return useless


def _replace(
    known: Known, led: Led, good: list[NodeId], caught_up: list[NodeId], departing: list[NodeId], surplus: int
) -> Order | HandOver:
    """Give learners their votes and let as many leave whose places they take; the leader hands over first."""
    removed = departing[: max(surplus, 0)]
    if led.leader in removed:
        heirs = [node for node in good if node not in known.unavailable]
        if heirs:
            return HandOver(led.report.shard, known.term, heirs[known.turn % len(heirs)])
        removed = [node for node in removed if node != led.leader] if caught_up else removed
    return _order(known, led.report, Change(promoted=tuple(caught_up), removed=tuple(removed)))


def _order(known: Known, report: ShardReport, change: Change) -> Order:
    return Order(report.shard, known.term, report.since, change)


def _candidate(known: Known, descriptor: ShardDescriptor, members: Collection[NodeId]) -> NodeId:
    """Return the node with the fewest replicas that could take one more, "" when there is none.

    One whose replica lost its disk gets it back. A region's shard stays in its region.
    """
    directory = known.directory
    fit = [
        node
        for node in directory.nodes("active", region=descriptor.region)
        if node in known.present
        and node not in members
        and node not in known.unavailable
        and (descriptor.shard, node) not in known.stuck
    ]
    shard = descriptor.shard

    def cost(node: NodeId) -> tuple[bool, int]:
        return shard not in known.waiting.get(node, ()), len(_shards_on(known, node))

    return min(fit, key=cost, default="")


def _shards_on(known: Known, node: NodeId) -> set[int]:
    """The shards with a replica on a node, those included that are under way to it or from it."""
    reported = {shard for shard, led in known.led.items() if node in led.report.configuration.members}
    return reported.union(known.directory.shards_on(node), known.directory.moves.to(node))


def _settled_moves(known: Known, ended: list[tuple[int, str]]) -> list[Step]:
    """Write down which moves have ended; when all have, see to it that those lead who are to."""
    moves = known.directory.moves
    steps: list[Step] = []
    led: list[ShardId] = []
    for shard, heir in moves.leaders if not moves.under_way else ():
        leading = known.led.get(shard)
        if shard not in [each.shard for each in known.directory.shards]:
            led.append(shard)  # Another one has taken it over.
        elif leading is None or not leading.report.settled:
            continue
        elif leading.leader == heir or heir not in leading.report.configuration.voters or heir in known.unavailable:
            led.append(shard)
        else:
            steps.append((leading.leader, HandOver(shard, known.term, heir)))
    if ended or led:
        steps.append(Record(ended=tuple(ended), led=tuple(led)))
    return steps


def _preferred_leaders(known: Known, busy: Collection[ShardId]) -> list[Step]:
    """Let leaders stand in the region where they are wanted, where a shard has nothing more urgent to do."""
    directory = known.directory
    if not known.leaders or directory.moves.under_way or directory.moves.leaders:
        return []
    settled = [
        LedShard(shard, led.leader, led.report.configuration.voters)
        for shard, led in sorted(known.led.items())
        if led.report.settled and shard not in busy and directory.reshapes.of(shard) is None
    ]
    preferred = directory.nodes("active", region=known.leaders)
    well = [node for node in preferred if node in known.present and node not in known.unavailable]
    heirs = preferred_leaders(settled, preferred, well, [led.leader for led in known.led.values()])
    return [(known.led[shard].leader, HandOver(shard, known.term, heir, False)) for shard, heir in heirs.items()]


def _members_that_have_come_or_gone(known: Known) -> tuple[Member, ...]:
    found = []
    for member in known.directory.members:
        if member.standing == "joining" and known.present.get(member.node) == member.number:
            found.append(Member(member.node, "active", member.number))
        elif member.standing == "decommissioning" and not _shards_on(known, member.node):
            found.append(Member(member.node, "removed", member.number))
    return tuple(found)
