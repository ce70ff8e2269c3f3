"""Verbs of membership: nodes that come and go while the cluster runs.

The operator asks shard 0 through a gateway, as a client does; what follows the database does by itself. A wish that
makes no sense, or would cost a quorum, is refused before anything has happened.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from PhantomLibrary.database.directory import why_not_standing
from PhantomLibrary.domain import Answer, ChangeMember, NodeId, ShardId
from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.testbed.targets import resolve_node
from PhantomLibrary.world.topology import NodeSpec

NEXT = "next"
ANY_ZONE = "any"
_SIZE = "medium"


class Wish(Struct, frozen=True):
    """What an operator has asked for: the node, and the answer to come."""

    node: NodeId
    task: Task[Answer]


def add_node(cluster: Cluster, command: Command) -> Wish:
    """Start a machine that is new, or one whose membership has ended, and ask for its admission."""
    if command.resolved is None:
        node = _next_name(cluster) if command.target == NEXT else command.target
        _check_may_join(cluster, node)
        command.resolved = [node]
    node = command.resolved[0]
    if node not in cluster.world.nodes:
        spec = _spec(cluster, node, command)
        command.arguments = {"zone": spec.zone, "size": spec.size}
        cluster.world.add_node(spec)
    if cluster.host(node).is_down:
        cluster.world.restart(node)
    cluster.sessions.admit(node)
    place = cluster.topology.node(node)
    return Wish(node, cluster.operator.ask(ChangeMember(node, "joining", place.zone, place.region)))


def decommission_node(cluster: Cluster, command: Command) -> Wish:
    node = _leaving(cluster, command)
    standing = cluster.directory().standing(node)
    if standing == "decommissioning":
        raise InvalidState(f"{node} is being decommissioned already")
    reason = why_not_standing(cluster.directory(), node, "decommissioning")
    if reason:
        raise InvalidState(reason)
    if cluster.host(node).is_down:
        raise InvalidState(f"{node} is down, so it cannot be drained: restart it first, or remove it")
    _check_quorums(cluster, node, "decommissioned")
    cluster.sessions.retire(node)
    return _ask(cluster, node, "decommissioning")


def remove_node(cluster: Cluster, command: Command) -> Wish:
    node = _leaving(cluster, command)
    reason = why_not_standing(cluster.directory(), node, "removed")
    if reason:
        raise InvalidState(reason)
    _check_quorums(cluster, node, "removed")
    cluster.sessions.retire(node)
    return _ask(cluster, node, "removed")


def _ask(cluster: Cluster, node: NodeId, standing: str) -> Wish:
    return Wish(node, cluster.operator.ask(ChangeMember(node, standing)))  # type: ignore[arg-type]


def _leaving(cluster: Cluster, command: Command) -> NodeId:
    if command.resolved is None:
        command.resolved = [resolve_node(command.target, cluster)]
    node = command.resolved[0]
    cluster.host(node)
    standing = cluster.directory().standing(node)
    if standing in (None, "removed"):
        raise InvalidState(f"{node} is no member of the cluster: it {'was removed' if standing else 'never joined'}")
    return node


# --- a new machine ----------------------------------------------------------------------------------------------------


def _next_name(cluster: Cluster) -> NodeId:
    number = 1
    while f"n{number}" in cluster.world.nodes:
        number += 1
    return f"n{number}"


def _check_may_join(cluster: Cluster, node: NodeId) -> None:
    reason = why_not_standing(cluster.directory(), node, "joining")
    if reason or cluster.directory().standing(node) == "joining":
        raise InvalidInput(f"{reason or f'{node} is joining already'}; node=next takes a name that is free")


def _spec(cluster: Cluster, node: NodeId, command: Command) -> NodeSpec:
    topology, arguments = cluster.topology, command.arguments
    zone, size = arguments.get("zone", ANY_ZONE), arguments.get("size", _SIZE)
    regions = {each.zone: each.region for each in topology.nodes}
    if zone == ANY_ZONE:
        zones = [each.zone for each in topology.nodes if each.name not in cluster.removed_nodes()]
        zone = min(regions, key=zones.count)
    if zone not in regions:
        raise InvalidInput(f"no zone {zone!r}: this cluster has {', '.join(regions)}{nearest(zone, regions)}")
    if size == _SIZE and size not in topology.sizes:
        size = topology.nodes[0].size  # Nobody asked for another one.
    if size not in topology.sizes:
        raise InvalidInput(f"no size {size!r}: there are {', '.join(topology.sizes)}{nearest(size, topology.sizes)}")
    return NodeSpec(node, zone, regions[zone], size)


# --- quorums ----------------------------------------------------------------------------------------------------------


def _check_quorums(cluster: Cluster, node: NodeId, what: str) -> None:
    """Raise InvalidState if some shard could not decide this, or nothing any more afterwards."""
    live = [each for each in cluster.live_nodes() if cluster.host(each).state.value == "up"]
    for shard in cluster.shard_ids:
        voters = cluster.voters(shard)
        if node not in voters:
            continue
        voting = [each for each in voters if each in live and _votes(cluster, shard, each)]
        _check_majority(voters, voting, f"{node} cannot be {what}: shard {shard} has no quorum to decide it with")
        left = [each for each in voters if each != node]
        _check_majority(left, voting, f"{node} cannot be {what}: shard {shard} would lose its quorum")


def _votes(cluster: Cluster, shard: ShardId, node: NodeId) -> bool:
    """Whether the replica on a node that runs votes: one that lost its disk does not."""
    state = cluster.watch.states.get((shard, node))
    return state is not None and state.role != "learner"


def _check_majority(voters: Sequence[NodeId], voting: Sequence[NodeId], problem: str) -> None:
    able = [each for each in voters if each in voting]
    if 2 * len(able) <= len(voters):
        raise InvalidState(f"{problem}: of {', '.join(voters) or 'nobody'} only {', '.join(able) or 'nobody'} can vote")
