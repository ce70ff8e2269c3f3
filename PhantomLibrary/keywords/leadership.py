"""Who can lead: a leader that runs and has two-way links to a majority of its shard's voters."""

from __future__ import annotations

from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.world.node import NodeState


def has_able_leader(run: Run, shard: ShardId) -> bool:
    """Return whether a shard has a leader that could get an entry committed."""
    leader = run.leader(shard)
    if not leader:
        return False
    voters = run.voters(shard)
    return 2 * sum(_reaches(run, leader, node) for node in voters) > len(voters)


def explain_leadership(run: Run, shard: ShardId) -> list[str]:
    """Return a line on each voter of a shard: its state, role and term."""
    lines = []
    for node in run.voters(shard):
        state = run.watch.states.get((shard, node))
        host = run.host(node).state.value
        role = f"{state.role} in term {state.term}" if state is not None else "no replica"
        lines.append(f"{node}: {host}, {role}")
    return lines


def _reaches(run: Run, leader: NodeId, node: NodeId) -> bool:
    if run.host(node).state is not NodeState.UP:
        return False
    if node == leader:
        return True
    network = run.world.network
    return not network.link(leader, node).cuts and not network.link(node, leader).cuts
