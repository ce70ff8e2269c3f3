"""Verbs of regions: who takes writes, who is a member, and changes of single keys.

The operator asks a gateway in a region that can do what is asked for, as a client does.
"""

from __future__ import annotations

from PhantomLibrary.database.config import SYSTEM_SHARD
from PhantomLibrary.domain import Answer, Append, Delete, Increment, NodeId, Ok, OutcomeUnknown, Refused, Remove
from PhantomLibrary.domain.region_policy import FailOver, ForgetRegion, RegionPolicy
from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.operator import Change
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.testbed.targets import resolve_nodes
from PhantomLibrary.world.node import NodeState

_TRIES_MAX = 5


def policy_of(cluster: Cluster) -> RegionPolicy:
    """Return the newest policy that any node has. Raises InvalidState where regions have no copies of their own."""
    policy = cluster.directory().regions
    if policy is None:
        raise InvalidState("regions have no copies of their own here: start the cluster with replication=")
    return policy


def check_region(cluster: Cluster, region: str) -> str:
    """Return the region. Raises InvalidInput when there is none of that name."""
    assert cluster.layout.regions is not None
    known = cluster.layout.regions.members
    if region not in known:
        raise InvalidInput(f"no region {region!r}: this cluster has {', '.join(known)}{nearest(region, known)}")
    return region


def check_member(cluster: Cluster, region: str) -> str:
    """Return the region. Raises InvalidInput when there is none of that name, InvalidState when it was forgotten."""
    members = policy_of(cluster).members
    if check_region(cluster, region) not in members:
        raise InvalidState(f"region {region} was forgotten: members are {', '.join(members)}")
    return region


def fail_over(cluster: Cluster, command: Command) -> Task[Answer]:
    """Ask, in the region itself, that it take the writes."""
    region = check_member(cluster, command.arguments["region"])
    wish = FailOver(region, command.arguments.get("force", False))
    return Task(cluster.scheduler, _ask(cluster, wish, _gateway_in(cluster, [region])), "operator")


def forget_region(cluster: Cluster, command: Command) -> Task[Answer]:
    """Ask another region that this one be no member any more."""
    policy, region = policy_of(cluster), check_member(cluster, command.arguments["region"])
    others = [each for each in (*policy.writable, *policy.members) if each != region]
    return Task(cluster.scheduler, _ask(cluster, ForgetRegion(region), _gateway_in(cluster, others)), "operator")


async def _ask(cluster: Cluster, wish: FailOver | ForgetRegion, gateway: NodeId) -> Answer:
    """Ask until it is known whether it was done. Asked again, it does nothing twice."""
    answer: Answer = Refused("nobody was asked")
    for _ in range(_TRIES_MAX):
        session = cluster.sessions.open(cluster.recorder.new_process(), home=gateway, stays=True)
        answer = await session.call(wish)
        session.close()
        if not isinstance(answer, OutcomeUnknown) and not _found_nobody(answer):
            break
    return answer


def _found_nobody(answer: Answer) -> bool:
    """Whether nobody was there to decide, as when shard 0 has just lost its leader."""
    return isinstance(answer, Refused) and answer.reason.startswith(f"shard {SYSTEM_SHARD} did not answer")


def _gateway_in(cluster: Cluster, regions: list[str]) -> NodeId:
    for region in regions:
        for spec in cluster.topology.nodes:
            if spec.region == region and cluster.host(spec.name).state is NodeState.UP:
                return spec.name
    raise InvalidState(f"no node of region {', '.join(regions)} runs that could be asked")


# --- single keys ------------------------------------------------------------------------------------------------------


def gateway_of(cluster: Cluster, command: Command) -> NodeId:
    """Return the gateway that a command names, the first of several that runs; "" where it names none."""
    if not command.target:
        return ""
    if command.resolved is None:
        nodes = resolve_nodes(command.target, cluster)
        running = [node for node in nodes if cluster.host(node).state is NodeState.UP]
        command.resolved = (running or nodes)[:1]
    return command.resolved[0]


def change_key(cluster: Cluster, command: Command) -> Task[Answer]:
    """Delete a key, or change the set or counter that it holds."""
    arguments = command.arguments
    key: str = arguments["key"]
    change: Change
    match arguments["change"]:
        case "append" | "remove" as word:
            element = arguments.get("element", "")
            if not element or len(element.split()) != 1:
                raise InvalidInput(f"{element!r} is no element: write a word without spaces")
            change = Append(key, element) if word == "append" else Remove(key, element)
        case "increment":
            change = Increment(key, arguments.get("amount", 0))
        case _:
            change = Delete(key)
    return cluster.operator.begin(change, gateway_of(cluster, command))


def refusal_of(answer: Answer) -> str:
    """Return why a wish was not granted, "" if it was."""
    if isinstance(answer, Ok):
        return ""
    return answer.reason
