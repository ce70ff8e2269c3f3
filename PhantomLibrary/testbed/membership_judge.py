"""Judges the members of a run: whether all nodes agree on them, and whether every shard has all its replicas."""

from __future__ import annotations

from PhantomLibrary.checking.consistency import check_consistency
from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.domain import NodeId, NodeKnowledge, ShardId
from PhantomLibrary.testbed.run import Run


def judge_consistency(run: Run) -> Verdict:
    """Compare what all live members hold the cluster to be at this moment."""
    directory = run.directory()
    members = [node for node in run.live_nodes() if directory.standing(node) is not None]
    leaders = [(shard, run.leader(shard)) for shard in run.shard_ids]
    states = [run.watch.states[shard, node] for shard, node in leaders if node]
    return check_consistency([_knowledge(run, node) for node in members], states)


def _knowledge(run: Run, node: NodeId) -> NodeKnowledge:
    process = run.processes[node]
    directory = process.membership.directory
    return NodeKnowledge(
        node,
        directory.version,
        tuple((each.node, each.standing, each.number) for each in directory.members),
        tuple((each.shard, each.epoch, each.voters) for each in directory.shards),
        tuple(process.gateway.epochs.items()),
        tuple((shard, replica.number) for shard, replica in process.replicas.items()),
    )


def missing_replica(run: Run) -> str:
    """Return which shard lacks a replica, or has one too many, "" when all are whole.

    A shard is whole when as many nodes that are members and run hold replicas that vote, and no change is under way.
    """
    directory = run.directory()
    active = [node for node in run.live_nodes() if directory.standing(node) == "active"]
    wanted = min(directory.replicas, len(active))
    return next(filter(None, (_gap(run, shard, active, wanted) for shard in run.shard_ids)), "")


def _gap(run: Run, shard: ShardId, active: list[NodeId], wanted: int) -> str:
    leader = run.leader(shard)
    if not leader:
        return f"shard {shard} has no leader"
    configuration = run.configuration(shard)
    if configuration.is_joint or configuration.learners or not run.processes[leader].replicas[shard].group.is_settled:
        return f"shard {shard} is being changed: {', '.join(configuration.members)}"
    good = [node for node in configuration.voters if node in active]
    if len(good) != wanted or len(configuration.voters) != wanted:
        voters = ", ".join(configuration.voters)
        return f"shard {shard} has {len(good)} replicas on active nodes that run, not {wanted}: its voters are {voters}"
    return ""
