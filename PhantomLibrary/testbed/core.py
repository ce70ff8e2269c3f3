"""The core of a cluster in trouble: nodes with a quorum of every shard, among which as little as possible is broken.

What is wrong with the core is healed and all else stays as it is; then the cluster has to serve, for nothing that it
was promised is missing. A cluster that needs more than that would wait for ever for machines that never come back.

Source: the liveness mode of TigerBeetle's simulator, VOPR.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from PhantomLibrary.domain import NodeId
from PhantomLibrary.testbed.armed import LoseDisk
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.world.faults import NodeFault
from PhantomLibrary.world.link_faults import LinkFault

_LOST_DISK_COST = 1_000  # To be restarted does not bring back its vote.
_FAULT_COST = 1


def choose_core(run: Cluster) -> list[NodeId]:
    """Return the core of a run, in the order of its nodes."""
    node_costs: dict[NodeId, int] = {}
    broken: set[frozenset[NodeId]] = set()
    for applied in run.faults.active:
        fault = applied.fault
        if isinstance(fault, LinkFault):
            broken.update(frozenset(pair) for pair in fault.pairs)
        elif isinstance(fault, NodeFault):
            cost = _LOST_DISK_COST if isinstance(fault, LoseDisk) else _FAULT_COST
            node_costs[fault.node] = node_costs.get(fault.node, 0) + cost
    configurations = [run.configuration(shard) for shard in run.shard_ids]
    quorums = [voters for each in configurations for voters in (each.voters, each.outgoing) if voters]
    members = run.directory().nodes("active", "joining", "decommissioning")
    return smallest_repair([node for node in run.node_names if node in members], quorums, node_costs, broken)


def smallest_repair(
    nodes: Sequence[NodeId],
    shards: Sequence[Collection[NodeId]],
    node_costs: Mapping[NodeId, int],
    broken: Collection[frozenset[NodeId]],
) -> list[NodeId]:
    """Return nodes that hold a quorum of each shard's voters and cost little to heal, and among such as many as
    there are.

    Leaves out the node that saves most, again and again, the last of several that save as much. Cost O(nodes^2 *
    (shards + broken)).
    """
    core = list(nodes)
    while True:
        savings = {
            node: node_costs.get(node, 0) + sum(node in pair and pair <= set(core) for pair in broken)
            for node in core
            if _can_do_without(node, core, shards)
        }
        most = max(savings.values(), default=0)
        if not most:
            return core
        core.remove([node for node, saved in savings.items() if saved == most][-1])


def _can_do_without(node: NodeId, core: Collection[NodeId], shards: Sequence[Collection[NodeId]]) -> bool:
    """Whether the core keeps a quorum of every shard without this node."""
    return all(2 * sum(each in core and each != node for each in voters) > len(voters) for voters in shards)
