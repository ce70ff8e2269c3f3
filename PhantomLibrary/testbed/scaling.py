"""Verbs of scaling: policies, and numbers of nodes that an operator wants.

The operator asks shard 0 through a gateway, as a client does; whatever makes no sense is refused before anything has
happened. With the first policy comes a provider of machines.
"""

from __future__ import annotations

import msgspec

from PhantomLibrary.domain import Answer
from PhantomLibrary.domain.scaling import Decision, Rule, ScaleTo, ScalingPolicy, SetScaling
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.placement.autoscaling import check_nodes, check_policy
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.provider import MachineProvider
from PhantomLibrary.testbed.schedule import Command

encode_policy = msgspec.json.Encoder().encode
_decode_policy = msgspec.json.Decoder(ScalingPolicy).decode


def set_scaling_policy(cluster: Cluster, command: Command) -> Task[Answer]:
    """Ask that the cluster scale by a policy."""
    try:
        policy = _decode_policy(command.arguments["policy"])
    except msgspec.DecodeError as error:
        raise InvalidInput(f"this is no policy of scaling: {error}") from None
    check_policy(policy, cluster.directory().replicas)
    boot_ns = command.arguments.get("boot_ns", 0)
    if boot_ns < 0:
        raise InvalidInput(f"boot_ns={boot_ns} cannot be: a machine starts after some time, or at once")
    if cluster.provider is None:
        cluster.provider = MachineProvider(cluster.world, cluster.sessions, cluster.operator, cluster.recorder, boot_ns)
    cluster.provider.boot_ns = boot_ns
    return cluster.operator.ask(SetScaling(f"policy at {cluster.now_ns}", policy))


def scale_cluster(cluster: Cluster, command: Command) -> Task[Answer]:
    """Ask that the cluster be of so many nodes."""
    nodes, policy = command.arguments["nodes"], cluster.directory().scaling.policy
    if policy is None:
        raise InvalidState("nothing scales this cluster: begin with Set Scaling Policy, which says how far it may")
    check_nodes(policy, nodes)
    return cluster.operator.ask(ScaleTo(f"operator at {cluster.now_ns}", nodes))


def with_rule(policy: ScalingPolicy | None, rule: Rule) -> tuple[Rule, ...]:
    """Return the rules of a policy with another one for its metric."""
    others = [] if policy is None else [each for each in policy.rules if each.metric != rule.metric]
    return (*others, rule)


def latest_decision(cluster: Cluster) -> Decision | None:
    """Return what the autoscaler in office has decided last, None before it has looked."""
    leader = cluster.leader(0)
    autoscaler = cluster.processes[leader].membership.autoscaler if leader else None
    return autoscaler.latest if autoscaler is not None else None


def is_scaled(cluster: Cluster) -> bool:
    """Whether there are as many nodes as there are to be, all of them active."""
    directory = cluster.directory()
    standings = [each.standing for each in directory.members if each.standing != "removed"]
    return standings == ["active"] * directory.scaling.nodes


def why_not_scaled(cluster: Cluster) -> str:
    """Return what is missing to the number of nodes that there are to be."""
    directory = cluster.directory()
    counts = [f"{len(directory.nodes(each))} {each}" for each in ("active", "joining", "decommissioning")]
    leader = cluster.leader(0)
    autoscaler = cluster.processes[leader].membership.autoscaler if leader else None
    problem = f"; {autoscaler.problem}" if autoscaler is not None and autoscaler.problem else ""
    return f"there are to be {directory.scaling.nodes} nodes, and there are {', '.join(counts)}{problem}"
