"""What is to be done next, so that each shard has all its replicas on nodes that stay.

A pure function of what is known: the directory, and what leaders report of their shards. It remembers nothing, so a new
coordinator goes on where the last one stopped, and an order that was lost is simply given again. One step a shard at a
time; each is safe by itself, because each is a change of a Raft configuration.

Replicas of removed nodes and of lost disks go first, for they make quorums larger and hold nothing. A node that is
being decommissioned hands its leadership over and keeps its replicas until others have caught up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.database.census import HandOver, Order, ShardReport
from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.directory import Directory, Member, descriptor_of
from PhantomLibrary.database.messages import Record
from PhantomLibrary.domain import NodeId
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
    at the same plan, so that another successor is tried.
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


Step: TypeAlias = tuple[NodeId, Order | HandOver] | Record


def plan(known: Known) -> list[Step]:
    """Return the steps to take now, none when everything is as it should be or has to be waited for."""
    steps: list[Step] = []
    learners = sum(len(each.report.configuration.learners) for each in known.led.values())
    for descriptor in known.directory.shards:
        led = known.led.get(descriptor.shard)
        if led is None or not led.report.settled:
            continue
        if led.report.since > descriptor.epoch:
            steps.append(Record(descriptor_of(descriptor, led.report.configuration, led.report.since)))
            continue
        step = _step(known, descriptor, led, may_add=learners < LEARNERS_MAX)
        if step is not None:
            learners += bool(isinstance(step, Order) and step.change.learners)
            steps.append((led.leader, step))
    members = _members_that_have_come_or_gone(known)
    if members:
        steps.append(Record(None, members))
    return steps


def _step(known: Known, descriptor: ShardDescriptor, led: Led, *, may_add: bool) -> Order | HandOver | None:
    report, directory = led.report, known.directory
    configuration = report.configuration
    staying = set(directory.nodes("active", "joining"))
    leaving = set(directory.nodes("decommissioning"))
    gone = [node for node in configuration.members if node in report.lost or node not in staying | leaving]
    voters = [node for node in configuration.voters if node not in gone]
    if gone and voters:
        return _order(known, report, Change(removed=tuple(gone)))
    good = [node for node in voters if node in staying]
    learners = [node for node in configuration.learners if node in staying]
    useless = [node for node in configuration.learners if node in leaving or (report.shard, node) in known.stuck]
    wanted = directory.replicas - len(good)
    if wanted <= 0:
        useless += [node for node in learners if node not in useless]
    elif not useless and _candidate(known, descriptor, configuration.members):
        # Another node can begin at once: that is sooner than one that is down can go on.
        useless = [node for node in learners if node in known.absent and node not in report.caught_up]
    if useless:
        return _order(known, report, Change(removed=tuple(useless)))
    caught_up = [node for node in learners if node in report.caught_up][: max(wanted, 0)]
    departing = [node for node in voters if node in leaving]
    if caught_up or (departing and wanted <= 0):
        return _replace(known, led, good, caught_up, departing)
    if wanted > len(learners) and may_add:
        candidate = _candidate(known, descriptor, configuration.members)
        if candidate:
            return _order(known, report, Change(learners=(candidate,)))
    return None


def _replace(
    known: Known, led: Led, good: list[NodeId], caught_up: list[NodeId], departing: list[NodeId]
) -> Order | HandOver:
    """Give learners their votes and let as many leave whose places they take; the leader hands over first."""
    surplus = len(good) + len(caught_up) + len(departing) - known.directory.replicas
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

    One whose replica lost its disk gets it back.
    """
    directory = known.directory
    fit = [
        node
        for node in directory.nodes("active")
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
    return reported.union(known.directory.shards_on(node))


def _members_that_have_come_or_gone(known: Known) -> tuple[Member, ...]:
    found = []
    for member in known.directory.members:
        if member.standing == "joining" and known.present.get(member.node) == member.number:
            found.append(Member(member.node, "active", member.number))
        elif member.standing == "decommissioning" and not _shards_on(known, member.node):
            found.append(Member(member.node, "removed", member.number))
    return tuple(found)
