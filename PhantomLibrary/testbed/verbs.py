"""What each verb of a schedule does to a cluster.

A verb receives the cluster and the command, does its work in the present instant and returns what the caller may want
to know. It fills in `command.resolved`; where that is given already, as in a replay, it is not resolved anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from PhantomLibrary.domain import Answer, Get, NodeId, Put
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.armed import ArmedFault
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.core import choose_core
from PhantomLibrary.testbed.disks import disk_faults
from PhantomLibrary.testbed.liveness import RangeProbes
from PhantomLibrary.testbed.loading import load_rows, load_table
from PhantomLibrary.testbed.loads import replay_load, set_load, start_workload, stop_workload
from PhantomLibrary.testbed.members import add_node, decommission_node, remove_node
from PhantomLibrary.testbed.moves import cancel_moves, move_shard
from PhantomLibrary.testbed.queries import ask_query
from PhantomLibrary.testbed.rebalancing import rebalance
from PhantomLibrary.testbed.regional_verbs import change_key, fail_over, forget_region, gateway_of
from PhantomLibrary.testbed.reshaping import cancel_reshape, merge_shards, split_shard
from PhantomLibrary.testbed.sagas import cancel_saga, start_saga
from PhantomLibrary.testbed.scaling import scale_cluster, set_scaling_policy
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.testbed.targets import Partition, check_target, resolve_nodes, resolve_sides
from PhantomLibrary.testbed.transactions import (
    begin_transaction,
    commit_transaction,
    delete_key,
    execute_sql,
    read_key,
    read_range,
    roll_back_transaction,
    update_range,
    write_key,
)
from PhantomLibrary.world import shapes
from PhantomLibrary.world.faults import CrashNode, Fault, PauseNode, SkewClock
from PhantomLibrary.world.latency import constant
from PhantomLibrary.world.link_faults import Cut, DelayMessages, DropMessages, Flapping, LinkChange
from PhantomLibrary.world.link_properties import LinkOverlay
from PhantomLibrary.world.network import Pair
from PhantomLibrary.world.node import NodeState
from PhantomLibrary.world.units import MILLION

Verb: TypeAlias = Callable[[Cluster, Command], Any]


# --- nodes ----------------------------------------------------------------------------------------------------------


def _nodes(cluster: Cluster, command: Command) -> list[NodeId]:
    if command.resolved is None:
        command.resolved = resolve_nodes(command.target, cluster)
    for node in command.resolved:
        cluster.host(node)
    return command.resolved


def _apply(cluster: Cluster, command: Command, fault: Fault) -> None:
    applied = cluster.faults.apply(fault, command)
    if command.until_ns is not None:
        cluster.plan(command.until_ns, applied.fault.heal)


def _each_node(make: Callable[[NodeId, Command], Fault]) -> Verb:
    def verb(cluster: Cluster, command: Command) -> list[NodeId]:
        nodes = _nodes(cluster, command)
        for node in nodes:
            _apply(cluster, command, make(node, command))
        return nodes

    return verb


def _crash(cluster: Cluster, command: Command) -> list[NodeId]:
    nodes = _nodes(cluster, command)
    for node in nodes:
        if cluster.host(node).is_down:
            raise InvalidState(f"{node} is down already: restart it first")
    for node in nodes:
        _apply(cluster, command, CrashNode(node))
    return nodes


def _restart(cluster: Cluster, command: Command) -> list[NodeId]:
    nodes = _nodes(cluster, command)
    wiped = command.arguments.get("disk", "kept") == "wiped"
    for node in nodes:
        if not cluster.host(node).is_down:
            state = cluster.host(node).state
            hint = "resume it" if state is NodeState.PAUSED else "crash it first"
            raise InvalidState(f"{node} runs: only a node that is down can be restarted; {hint}")
    for node in nodes:
        cluster.world.restart(node, wiped)
        for applied in cluster.faults.active_on(node, CrashNode):
            applied.fault.heal()
    return nodes


def _pause(cluster: Cluster, command: Command) -> list[NodeId]:
    nodes = _nodes(cluster, command)
    for node in nodes:
        if cluster.host(node).is_down:
            raise InvalidState(f"{node} is down: only a node that runs can be paused")
    for node in nodes:
        _apply(cluster, command, PauseNode(node))
    return nodes


def _resume(cluster: Cluster, command: Command) -> list[NodeId]:
    nodes = _nodes(cluster, command)
    for node in nodes:
        if cluster.host(node).state is not NodeState.PAUSED:
            raise InvalidState(f"{node} is not paused: only a paused node can be resumed")
    for node in nodes:
        for applied in cluster.faults.active_on(node, PauseNode):
            applied.fault.heal()
    return nodes


def _transfer(cluster: Cluster, command: Command) -> NodeId:
    """Ask the node that leads, as an operator would ask it."""
    shard = command.arguments["shard"]
    resolve_nodes(f"followers of shard {shard}", cluster)  # Refuses a shard that there is not.
    nodes = _nodes(cluster, command)
    if len(nodes) != 1:
        raise InvalidInput(f"{command.target}: leadership goes to one node")
    leader = cluster.leader(shard)
    if not leader or cluster.host(leader).state is not NodeState.UP:
        raise InvalidState(f"shard {shard} has no leader that could hand over: let time go on, or heal it first")
    reason = cluster.processes[leader].transfer_leadership(shard, nodes[0])
    if reason:
        raise InvalidState(reason)
    return nodes[0]


def _fail_disk(cluster: Cluster, command: Command) -> list[NodeId]:
    nodes = _nodes(cluster, command)
    faults = disk_faults(cluster, nodes, command.arguments)
    for fault in faults:
        _apply(cluster, command, fault)
    return nodes


def _clock_fault(node: NodeId, command: Command) -> Fault:
    arguments = command.arguments
    return SkewClock(node, offset_ns=arguments.get("offset_ns", 0), drift_ppm=arguments.get("drift_ppm", 0))


# --- network --------------------------------------------------------------------------------------------------------


def _pairs_text(pairs: Sequence[Pair]) -> list[str]:
    return [f"{source}>{target}" for source, target in pairs]


def _pairs_of(texts: Sequence[str]) -> list[Pair]:
    return [(source, target) for source, _, target in (text.partition(">") for text in texts)]


def _partition(cluster: Cluster, command: Command) -> Partition:
    arguments = command.arguments
    if command.resolved is None:
        partition = resolve_sides(command.target, arguments.get("direction", "both"), cluster)
    else:
        sides = tuple(tuple(side.split(",")) for side in arguments.get("sides", ()))
        partition = Partition(tuple(_pairs_of(command.resolved)), sides)
    period_ns = arguments.get("flapping_ns", 0)
    fault: Fault = Flapping(partition.pairs, period_ns) if period_ns else Cut(partition.pairs)
    _apply(cluster, command, fault)
    command.resolved = _pairs_text(partition.pairs)
    if partition.sides:
        arguments["sides"] = [",".join(side) for side in partition.sides]
        cluster.sides = partition.sides
    return partition


def _isolate(cluster: Cluster, command: Command) -> list[NodeId]:
    nodes = _nodes(cluster, command)
    names = cluster.node_names
    for node in nodes:
        pairs = shapes.isolate(node, names, direction=command.arguments.get("direction", "both"))
        _apply(cluster, command, Cut(pairs))
    cluster.sides = (tuple(nodes), tuple(each for each in names if each not in nodes))
    return nodes


def _link_pairs(cluster: Cluster, command: Command) -> list[Pair]:
    if command.resolved is not None:
        return _pairs_of(command.resolved)
    arguments = command.arguments
    sources = resolve_nodes(arguments.get("source", "all"), cluster)
    targets = resolve_nodes(arguments.get("target", "all"), cluster)
    pairs = list(shapes.between(sources, targets))
    if not pairs:
        raise InvalidInput(f"{', '.join(sources)} to {', '.join(targets)}: no network lies between a node and itself")
    command.resolved = _pairs_text(pairs)
    return pairs


def _drop(cluster: Cluster, command: Command) -> list[Pair]:
    arguments = command.arguments
    pairs = _link_pairs(cluster, command)
    _apply(
        cluster, command, DropMessages(arguments.get("kind", "all"), pairs, arguments.get("probability_ppm", MILLION))
    )
    return pairs


def _delay(cluster: Cluster, command: Command) -> list[Pair]:
    arguments = command.arguments
    pairs = _link_pairs(cluster, command)
    share, doubles = arguments.get("probability_ppm", MILLION), arguments.get("doubles", False)
    fault = DelayMessages(arguments.get("kind", "all"), pairs, arguments["delay_ns"], share, doubles=doubles)
    _apply(cluster, command, fault)
    return pairs


def _set_link(cluster: Cluster, command: Command) -> list[Pair]:
    arguments = command.arguments
    latency_ns = arguments.get("latency_ns")
    overlay = LinkOverlay(
        latency=None if latency_ns is None else constant(latency_ns),
        jitter_ns=arguments.get("jitter_ns"),
        loss_ppm=arguments.get("loss_ppm"),
        duplicate_ppm=arguments.get("duplicate_ppm"),
        reorder_ppm=arguments.get("reorder_ppm"),
        bandwidth=arguments.get("bandwidth"),
    )
    pairs = _link_pairs(cluster, command)
    _apply(cluster, command, LinkChange(pairs, overlay))
    return pairs


def _heal(cluster: Cluster, command: Command) -> int:
    if not command.target:
        return cluster.faults.heal_all() + cluster.armed.disarm()
    if command.resolved is None:  # A node that is meant twice is healed once.
        parts = (resolve_nodes(part, cluster) for part in command.target.split(","))
        command.resolved = list(dict.fromkeys(node for part in parts for node in part))
    return sum(cluster.faults.heal_node(node) for node in _nodes(cluster, command))


def _heal_core(cluster: Cluster, command: Command) -> list[str]:
    if command.target:
        raise InvalidInput(f"'heal core' takes no target, but {command.target!r} is given: the core is chosen")
    if command.resolved is None:
        command.resolved = choose_core(cluster)
    return cluster.faults.heal_core(_nodes(cluster, command))


def _probe_ranges(cluster: Cluster, command: Command) -> RangeProbes:
    within_ns = command.arguments["within_ns"]
    if within_ns < 0:
        raise InvalidInput("ranges are probed for some time, not for less than nothing")
    return RangeProbes(cluster, _nodes(cluster, command), cluster.now_ns + within_ns)


def _heal_network(cluster: Cluster, command: Command) -> int:
    return cluster.faults.heal_network()


# --- armed faults ---------------------------------------------------------------------------------------------------


def _arm(cluster: Cluster, command: Command) -> ArmedFault:
    arguments = command.arguments
    check_target(command.target, cluster)
    on = arguments.get("on", "any")
    nodes: list[NodeId] | None = None
    if on != "any":
        nodes = arguments.get("on_nodes") or resolve_nodes(on, cluster)
    armed = cluster.armed.arm(command, nodes)
    if nodes is not None:
        arguments["on_nodes"] = nodes
    return armed


# --- single keys -----------------------------------------------------------------------------------------------------


def _get_value(cluster: Cluster, command: Command) -> Task[Answer]:
    as_written = command.arguments.get("siblings", False) and cluster.layout.regions is not None
    return cluster.operator.begin(Get(command.arguments["key"]), gateway_of(cluster, command), as_written=as_written)


def _put_value(cluster: Cluster, command: Command) -> Task[Answer]:
    put = Put(command.arguments["key"], command.arguments["value"])
    return cluster.operator.begin(put, gateway_of(cluster, command))


FAULT_VERBS = (
    "crash node",
    "pause node",
    "fail disk",
    "skew clock",
    "partition network",
    "isolate node",
    "drop messages",
    "delay messages",
    "set link",
)

VERBS: dict[str, Verb] = {
    "crash node": _crash,
    "restart node": _restart,
    "pause node": _pause,
    "resume node": _resume,
    "transfer leadership": _transfer,
    "add node": add_node,
    "decommission node": decommission_node,
    "remove node": remove_node,
    "move shard": move_shard,
    "cancel moves": cancel_moves,
    "set scaling policy": set_scaling_policy,
    "scale cluster": scale_cluster,
    "rebalance": rebalance,
    "split shard": split_shard,
    "merge shards": merge_shards,
    "cancel reshape": cancel_reshape,
    "fail disk": _fail_disk,
    "skew clock": _each_node(_clock_fault),
    "partition network": _partition,
    "isolate node": _isolate,
    "drop messages": _drop,
    "delay messages": _delay,
    "set link": _set_link,
    "arm fault": _arm,
    "heal faults": _heal,
    "heal core": _heal_core,
    "heal network": _heal_network,
    "probe ranges": _probe_ranges,
    "start workload": start_workload,
    "set load": set_load,
    "replay load": replay_load,
    "stop workload": stop_workload,
    "get value": _get_value,
    "put value": _put_value,
    "change key": change_key,
    "fail over": fail_over,
    "forget region": forget_region,
    "start saga": start_saga,
    "cancel saga": cancel_saga,
    "begin transaction": begin_transaction,
    "read key": read_key,
    "write key": write_key,
    "delete key": delete_key,
    "read range": read_range,
    "update range": update_range,
    "execute sql": execute_sql,
    "query": execute_sql,
    "query at snapshot": ask_query,
    "load table": load_table,
    "load rows": load_rows,
    "commit transaction": commit_transaction,
    "roll back transaction": roll_back_transaction,
}
