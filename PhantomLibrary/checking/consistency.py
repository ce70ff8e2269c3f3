"""Do all nodes hold the cluster to be the same: its members, its shards and their epochs? And is it as they hold it?

A crash is no decommission: a member that is down stays a member in everybody's directory, and only those who run are
asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Verdict
from PhantomLibrary.domain import NodeKnowledge, ReplicaState, ShardId


def check_consistency(known: Sequence[NodeKnowledge], leaders: Sequence[ReplicaState]) -> Verdict:
    """Compare what live members know with each other, and with the configurations by which shards are led.

    `operations` of the verdict counts the nodes that were asked.
    """
    asked = len(known)
    if not asked:
        return Verdict("invalid", "MEM-002", "no live member was there to be asked")
    difference = _differing_views(known) or _other_shards(known[0], leaders) or _other_replicas(known, leaders)
    difference = difference or _old_routes(known)
    if difference:
        return Verdict("invalid", "MEM-002", difference, _lines(known), asked)
    return Verdict("valid", operations=asked, confirmed=asked)


def _differing_views(known: Sequence[NodeKnowledge]) -> str:
    newest = max(known, key=lambda each: each.version)
    for each in known:
        if each.version != newest.version:
            return f"{each.node} has version {each.version} of the directory, {newest.node} version {newest.version}"
        if (each.members, each.shards) != (newest.members, newest.shards):
            return f"{each.node} and {newest.node} have version {each.version} of the directory, and not the same one"
    return ""


def _other_shards(node: NodeKnowledge, leaders: Sequence[ReplicaState]) -> str:
    led = {state.shard: state for state in leaders}
    for shard, epoch, voters in node.shards:
        state = led.get(shard)
        if state is None:
            return f"shard {shard} has no leader to be asked"
        configuration = state.configuration
        if configuration.is_joint:
            return f"shard {shard} is between two configurations"
        if configuration.voters != voters:
            return (
                f"shard {shard} has the replicas {', '.join(configuration.voters)}; "
                f"in the directory, at epoch {epoch}, they are {', '.join(voters)}"
            )
    return ""


def _other_replicas(known: Sequence[NodeKnowledge], leaders: Sequence[ReplicaState]) -> str:
    meant: dict[tuple[str, ShardId], int] = {}
    for state in leaders:
        for member in state.configuration.members:
            meant[member, state.shard] = state.configuration.number_of(member)
    for each in known:
        held = dict(each.replicas)
        for shard, number in each.replicas:
            if (each.node, shard) not in meant:
                return f"{each.node} holds a replica of shard {shard}, and is no member of it"
            if number != meant[each.node, shard]:
                return f"{each.node} holds another replica of shard {shard} than its members mean"
        for node, shard in meant:
            if node == each.node and shard not in held:
                return f"{node} is a member of shard {shard}, and holds no replica of it"
    return ""


def _old_routes(known: Sequence[NodeKnowledge]) -> str:
    for each in known:
        epochs = {shard: epoch for shard, epoch, _ in each.shards}
        for shard, epoch in each.routes:
            if epoch != epochs[shard]:
                return f"the gateway on {each.node} knows shard {shard} at epoch {epoch}, not {epochs[shard]}"
    return ""


def _lines(known: Sequence[NodeKnowledge]) -> tuple[str, ...]:
    return tuple(
        f"{each.node}: version {each.version}, members "
        f"{', '.join(f'{node} {standing}' for node, standing, _ in each.members)}; replicas of shards "
        f"{', '.join(str(shard) for shard, _ in each.replicas) or 'none'}"
        for each in known[:EVIDENCE_LINES_MAX]
    )
