"""What the scaling of a cluster comes to in its directory: wishes of operators, steps of the autoscaler, who leaves.

Pure functions. A step that goes out from an earlier epoch changes nothing, nor does one by which fewer nodes would stay
than the plan has: two who both believe that they lead cannot let two nodes go where one was to.
"""

from __future__ import annotations

from msgspec.structs import replace

from PhantomLibrary.database.config import SYSTEM_SHARD
from PhantomLibrary.database.directory import Directory, Member, why_not_standing, with_standing
from PhantomLibrary.database.scaling import (
    ScaleStep,
    Scaling,
    why_not_nodes,
    why_not_policy,
    with_nodes,
    with_plan,
    with_policy,
)
from PhantomLibrary.domain import NodeId
from PhantomLibrary.domain.scaling import ScaleTo, SetScaling, Wanted
from PhantomLibrary.placement.snapshot import PlacedNode, PlacedShard, Snapshot


def with_scaling_wish(directory: Directory, wish: SetScaling | ScaleTo, index: int) -> tuple[Directory, str]:
    """Return the directory with what an operator asks for by the command at `index`; or the same one, and why not."""
    scaling = directory.scaling
    if wish.key == scaling.asked:
        return directory, ""  # It is asked again.
    if isinstance(wish, SetScaling):
        reason = why_not_policy(wish.policy, directory.replicas)
        after = with_policy(scaling, wish, nodes=len(staying(directory)), index=index)
    else:
        reason = why_not_nodes(scaling, wish.nodes)
        after = with_nodes(scaling, wish, index=index)
    return (directory, reason) if reason else (_with(directory, after, index), "")


def with_scale_step(directory: Directory, step: ScaleStep, index: int) -> Directory:
    """Return the directory with a step of the autoscaler, the same one when it comes too late."""
    scaling = directory.scaling
    if step.epoch != scaling.epoch:
        return directory
    if not step.leaving:
        return _with(directory, with_plan(scaling, step, index=index), index)
    standing = directory.standing(step.leaving)
    if standing == "joining" and len(staying(directory)) > scaling.nodes:
        return with_standing(directory, step.leaving, "removed", index)
    if standing != "active" or why_not_leave(directory, step.leaving):
        return directory
    return with_standing(directory, step.leaving, "decommissioning", index)


def why_not_leave(directory: Directory, node: NodeId) -> str:
    """Return why an active node cannot be spared now, "" when it can."""
    if len(staying(directory)) <= directory.scaling.nodes:
        return f"no more than {directory.scaling.nodes} nodes stay already"
    leaving = directory.nodes("decommissioning")
    if leaving:
        return f"{leaving[0]} is still being drained"
    weak = next((each for each in directory.shards if len(each.voters) < directory.replicas), None)
    if weak is not None:
        return f"shard {weak.shard} has only {len(weak.voters)} of {directory.replicas} replicas"
    return why_not_standing(directory, node, "decommissioning")


def staying(directory: Directory) -> list[NodeId]:
    """Return the nodes that are to stay, those included that have not reported yet."""
    return directory.nodes("active", "joining")


def wanted(directory: Directory) -> Wanted:
    """Return what a provider of machines has to know."""
    members = tuple((each.node, each.standing) for each in directory.members)
    return Wanted(directory.scaling.epoch, directory.scaling.nodes, members)


def who_leaves(directory: Directory) -> NodeId:
    """Return the node that can be spared best, "" when nobody stays too many.

    One that has not come yet goes before one that has; then one whose zone has the most nodes, so that zones stay even;
    then one without a replica of shard 0, whose moves stop all others; then the one that came last.
    """
    if len(staying(directory)) <= directory.scaling.nodes:
        return ""
    joining = directory.nodes("joining")
    if joining:
        return joining[-1]
    active = [each for each in directory.members if each.standing == "active"]
    zones = [(each.region, each.zone) for each in active]
    system = directory.shard(SYSTEM_SHARD).voters

    def rank(position: int) -> tuple[int, bool, int, int]:
        member = active[position]
        return zones.count(zones[position]), member.node not in system, member.number, position

    return active[max(range(len(active)), key=rank)].node


def snapshot_of(directory: Directory, leaders: dict[int, NodeId], sizes: dict[int, int]) -> Snapshot:
    """Return what a plan of moves is made from. Shard 0 stays where it is."""
    fixed = {each.shard for each in directory.moves.under_way}
    shards = tuple(
        PlacedShard(
            each.shard,
            each.voters,
            leaders.get(each.shard, ""),
            sizes.get(each.shard, 0),
            is_fixed=each.shard in fixed or bool(each.learners),
        )
        for each in directory.shards
        if each.shard != SYSTEM_SHARD
    )
    return Snapshot(directory.version, tuple(map(placed, directory.members)), shards)


def placed(member: Member) -> PlacedNode:
    return PlacedNode(member.node, member.zone, member.region, standing=member.standing)


def _with(directory: Directory, scaling: Scaling, index: int) -> Directory:
    return replace(directory, version=index, scaling=scaling)
