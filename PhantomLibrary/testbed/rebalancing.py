"""Rebalancing as an operator does it: look at the cluster, have a plan made, hand it in, follow it.

A plan is made from a version of the directory, and shard 0 takes it up only while that is the latest: a plan that has
lain about is refused. As text, a plan is a line for its version, one for each move, and one for each shard that
another is to lead; so it stands in schedules, and may be kept and handed in later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any

from msgspec.structs import replace

from PhantomLibrary.database.config import SYSTEM_SHARD, ShardDescriptor
from PhantomLibrary.domain import MILLISECOND_NS, Answer, NodeId, Ok
from PhantomLibrary.domain.placement import ANY_VERSION, ChangePlacement, MoveWish
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.kernel.tasks import sleep
from PhantomLibrary.placement.rebalancing import plan
from PhantomLibrary.placement.snapshot import (
    LeaderTransfer,
    PlacedNode,
    PlacedShard,
    Plan,
    ReplicaMove,
    Snapshot,
)
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.moves import PlacementWish, asked, bytes_of, check_plan, next_name
from PhantomLibrary.testbed.schedule import Command

_PLANS_MAX = 8
_PAUSE_NS = 50 * MILLISECOND_NS  # For the directory to be known.
_VERSION = re.compile(r"version (\d+)")
_MOVE = re.compile(r"move shard (\d+) from (\S+) to (\S+): (\d+) bytes(?:; (.*))?")
_LEAD = re.compile(r"let (\S+) lead shard (\d+)(?: after (\S+))?(?:; (.*))?")


def snapshot_of(cluster: Cluster) -> Snapshot:
    """Return how the cluster stands: the directory, who leads, and what leaders hold. Shard 0 stays where it is.

    A node counts by its cores. One that does not run is neither given anything nor has it taken from it, as one that is
    still joining, and shards that are being changed stay as they are. One that was removed by force is there until all
    that it held is elsewhere.
    """
    directory = cluster.directory()
    shards = [each for each in directory.shards if each.shard != SYSTEM_SHARD]
    holders = {node for each in shards for node in each.members}
    specs = {each.name: each for each in cluster.topology.nodes}
    live = cluster.live_nodes()
    powers = {node: _power(cluster, node) for node in specs}
    common = gcd(*powers.values())
    nodes = tuple(
        PlacedNode(
            each.node,
            specs[each.node].zone,
            specs[each.node].region,
            powers[each.node] // common,
            each.standing if each.node in live or each.standing == "removed" else "joining",
        )
        for each in directory.members
        if each.standing != "removed" or each.node in holders
    )
    return Snapshot(directory.version, nodes, tuple(_placed(cluster, each) for each in shards))


def _power(cluster: Cluster, node: NodeId) -> int:
    size = cluster.topology.sizes[cluster.topology.node(node).size]
    return size.cores * size.speed


def _placed(cluster: Cluster, descriptor: ShardDescriptor) -> PlacedShard:
    shard, leader, directory = descriptor.shard, cluster.leader(descriptor.shard), cluster.directory()
    leads = leader in descriptor.voters
    replica = cluster.processes[leader].replicas.get(shard) if leads else None
    is_settled = replica is not None and replica.group.is_settled and not descriptor.learners
    return PlacedShard(
        shard,
        descriptor.voters,
        leader if leads else "",
        bytes_of(cluster, shard),
        is_fixed=not is_settled or directory.moves.of(shard) is not None or directory.reshapes.of(shard) is not None,
    )


def make_plan(cluster: Cluster, by: str) -> Plan:
    """Return what would be done to spread `replicas`, or the `bytes` that they hold, evenly. Changes nothing."""
    made = plan(snapshot_of(cluster), "bytes" if by == "bytes" else "replicas")
    # Where leaders are wanted in one region they would go back there at once.
    return replace(made, transfers=()) if cluster.layout.config.leaders else made


def rebalance(cluster: Cluster, command: Command) -> PlacementWish | None:
    """Hand a plan in: the one that is given, else one that is made now. None when nothing is to be done."""
    arguments = command.arguments
    if command.resolved is None:
        given = arguments.get("plan")
        command.resolved = list(given) if given else lines_of(make_plan(cluster, arguments.get("by", "replicas")))
    chosen = plan_of(command.resolved)
    if chosen.is_empty:
        return None
    by = "" if arguments.get("plan") else arguments.get("by", "replicas")
    plan = _asked_for(chosen, next_name(cluster, "rebalancing"), arguments)
    check_plan(cluster, plan)
    rebalancing = _Rebalancing(cluster, by, arguments)
    rebalancing.wish = wish = asked(cluster, plan, rebalancing.hand_in(plan))
    return wish


def _asked_for(chosen: Plan, name: str, arguments: Mapping[str, Any]) -> ChangePlacement:
    return ChangePlacement(
        name,
        chosen.version,
        tuple(MoveWish(each.shard, each.source, each.target, each.bytes) for each in chosen.moves),
        tuple((each.shard, each.target) for each in chosen.transfers),
        arguments.get("throttle", 0),
        arguments.get("at_once", 2),
    )


class _Rebalancing:
    """Hands plans in until one is taken up. `by` "" means that no other plan is wanted than the first one."""

    wish: PlacementWish

    def __init__(self, cluster: Cluster, by: str, arguments: Mapping[str, Any]) -> None:
        self._cluster = cluster
        self._by = by
        self._arguments = arguments

    async def hand_in(self, plan: ChangePlacement) -> Answer:
        """Return the answer to the last plan: the directory may have changed under those before."""
        cluster = self._cluster
        for _ in range(_PLANS_MAX):
            answer = await cluster.operator.answer(plan)
            if not self._by or not isinstance(answer, Ok) or not answer.value:
                break
            await sleep(_PAUSE_NS)
            if cluster.directory().version == plan.version:
                break  # It was refused for another reason.
            chosen = make_plan(cluster, self._by)
            self.wish.plan = plan = _asked_for(chosen, plan.key, self._arguments)
            if chosen.is_empty:
                return Ok("")
        return answer


# --- plans as text ----------------------------------------------------------------------------------------------------


def lines_of(chosen: Plan) -> list[str]:
    moves = [
        f"move shard {each.shard} from {each.source} to {each.target}: {each.bytes} bytes; {each.reason}"
        for each in chosen.moves
    ]
    transfers = [
        f"let {each.target} lead shard {each.shard}{f' after {each.source}' if each.source else ''}; {each.reason}"
        for each in chosen.transfers
    ]
    return [f"version {chosen.version}", *moves, *transfers]


def plan_of(lines: Sequence[str]) -> Plan:
    """Return the plan that these lines are. Raises InvalidInput for the first that is none of a plan."""
    version, moves, transfers = ANY_VERSION, [], []
    for number, line in enumerate(lines):
        if number == 0 and (match := _VERSION.fullmatch(line)):
            version = int(match[1])
        elif match := _MOVE.fullmatch(line):
            moves.append(ReplicaMove(int(match[1]), match[2], match[3], int(match[4]), match[5] or ""))
        elif match := _LEAD.fullmatch(line):
            transfers.append(LeaderTransfer(int(match[2]), match[3] or "", match[1], match[4] or ""))
        else:
            raise InvalidInput(
                f"{line!r} is no line of a plan: write version 12 first, then move shard 1 from n1 to n4: 9 bytes, or "
                "let n2 lead shard 1"
            )
    if version == ANY_VERSION:
        raise InvalidInput("a plan begins with the version of the directory that it was made from, such as version 12")
    return Plan(version, tuple(moves), tuple(transfers))
