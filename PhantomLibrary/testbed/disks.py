"""Faults of disks as a run gives them: what they are aimed at, and how much damage a cluster can bear.

A shard survives damage in principle as long as a majority of its voters hold all that they ever acknowledged, or can
tell that they do not. So damage to what a majority holds is refused, unless it is asked for: no database could pass.
A node counts as harmed from the fault on until its bytes were written anew and its replicas were repaired.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from PhantomLibrary.database.frames import Framing
from PhantomLibrary.database.wal import FORMAT_FILE, LOG_FILE
from PhantomLibrary.domain import NodeId
from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.protocols.raft.configuration import LOST
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.world.disk_faults import BitRot, DiskFault
from PhantomLibrary.world.platter import ANY, STRIKES, Aim, DiskFaultKind, DiskOperation, Platter

_DAMAGES: tuple[DiskFaultKind, ...] = ("bit rot", "misdirected write", "lost fsync")
_HINDERS: tuple[DiskFaultKind, ...] = ("stall", "slow", "io error", "full")


def disk_faults(cluster: Cluster, nodes: Sequence[NodeId], arguments: dict[str, Any]) -> list[DiskFault]:
    """Return the faults that a command means, one for each node. Raises InvalidInput and InvalidState."""
    kind, aim = check_disk_fault(arguments)
    record, onto = arguments.get("record"), arguments.get("onto", ANY)
    is_at_once = kind == "bit rot" and aim == Aim(file=aim.file)
    for node in nodes:
        check_file(cluster, node, aim.file)
        check_file(cluster, node, onto)
    if is_at_once:
        faults: list[DiskFault] = [_rot(cluster, node, aim.file, record) for node in nodes]
    else:
        delay_ns = arguments.get("delay_ns", 0)
        faults = [DiskFault(node, kind, aim, delay_ns=delay_ns, onto=onto) for node in nodes]
    for fault in faults:
        fault.check(cluster.world)
    if arguments.get("survivable", True) and _does_damage(kind, aim):
        check_survivable(cluster, nodes, f"{kind} on the disk of {', '.join(nodes)}")
    return faults


def check_disk_fault(arguments: dict[str, Any]) -> tuple[DiskFaultKind, Aim]:
    """Return the kind and aim of a disk's fault. Raises InvalidInput for what makes no sense in any cluster."""
    kind = _kind(arguments["fault"])
    aim = Aim(
        _operation(arguments.get("operation", ANY)),
        arguments.get("file", ANY),
        arguments.get("occurrence", 1),
        arguments.get("probability_ppm"),
    )
    DiskFault("", kind, aim, delay_ns=arguments.get("delay_ns", 0), onto=arguments.get("onto", ANY))
    if arguments.get("record") is not None and not (kind == "bit rot" and aim == Aim(file=aim.file)):
        raise InvalidInput("record= picks the record of a file that rots at once: give it with bit rot and file= alone")
    return kind, aim


def _rot(cluster: Cluster, node: NodeId, file: str, record: int | None) -> DiskFault:
    platter = cluster.host(node).platter
    if file == ANY and record is not None:
        file = LOG_FILE
    if file == ANY:
        files = [each for each in cluster.processes[node].file_names() if platter.size(each)]
        file = files[platter.draws.below(len(files))] if files else ANY
    if record is None:
        return BitRot(node, file)
    places = records_of(cluster, node, file)
    if not 1 <= record <= len(places):
        raise InvalidInput(f"record={record} cannot rot: {file} on {node} has {len(places)} of them")
    return BitRot(node, file, places[record - 1])


def records_of(cluster: Cluster, node: NodeId, file: str) -> list[range]:
    """Return where the records of a file lie, among its durable bytes."""
    return Framing(node, file).places(b"".join(cluster.host(node).platter.files.get(file, ())))


def _kind(word: str) -> DiskFaultKind:
    if word not in STRIKES:
        raise InvalidInput(f"no disk fault {word!r}: there are {', '.join(STRIKES)}{nearest(word, STRIKES)}")
    return word


def _operation(word: str) -> Any:
    known = (ANY, *get_args(DiskOperation))
    if word not in known:
        raise InvalidInput(f"no operation {word!r} of a disk: there are {', '.join(known)}{nearest(word, known)}")
    return word


def check_file(cluster: Cluster, node: NodeId, file: str) -> None:
    """Raise InvalidInput unless a node has, or may come to have, a file of that name."""
    if file == ANY:
        return
    known = cluster.processes[node].file_names()
    if file not in known:
        raise InvalidInput(f"no file {file!r} on {node}: there are {', '.join(known)}{nearest(file, known)}")


def _does_damage(kind: DiskFaultKind, aim: Aim) -> bool:
    return kind in _DAMAGES or (kind == "io error" and aim.operation == "read")


def check_survivable(cluster: Cluster, nodes: Sequence[NodeId], what: str) -> None:
    """Raise InvalidState if damage to these nodes could leave a shard without a majority that is whole."""
    for shard in cluster.shard_ids:
        voters = cluster.voters(shard)
        harmed = [voter for voter in voters if voter in nodes or harm_of(cluster, voter)]
        if not any(voter in nodes for voter in voters) or 2 * len(harmed) < len(voters):
            continue
        others = [f"{voter}: {harm_of(cluster, voter)}" for voter in harmed if voter not in nodes]
        because = f" ({'; '.join(others)})" if others else ""
        raise InvalidState(
            f"{what} is more than shard {shard} could survive: {', '.join(harmed)} of {', '.join(voters)} would be "
            f"harmed{because}; give survivable=no if that is what you want"
        )


def harm_of(cluster: Cluster, node: NodeId) -> str:
    """Say why a node cannot be relied upon to hold what it acknowledged, "" where it can."""
    host = cluster.host(node)
    platter = host.platter
    damaged = [file for file in sorted(platter.damage) if not file.endswith("-parts")]  # Which are sent once more.
    if damaged:
        return f"damage in {', '.join(damaged)}"
    if platter.forgot:
        return "it has forgotten what a sync called durable"
    in_force = platter.of_kind(*_DAMAGES, "io error")
    threats = [each.kind for each in in_force if not each.is_spent and _does_damage(each.kind, each.aim)]
    if threats:
        return f"{threats[0]} in force"
    if host.is_down and FORMAT_FILE not in platter.files:
        return "its disk was lost"
    # Of a node that is down: as it was when it crashed, which its log says still.
    replicas = cluster.processes[node].replicas
    for shard in cluster.shard_ids:
        replica = replicas.get(shard)
        if node not in cluster.voters(shard):
            continue
        if replica is None or replica.number == LOST:
            return f"it has lost its replica of shard {shard}"
        if replica.group.damaged:
            return f"its replica of shard {shard} is damaged"
    return ""


def disk_gap(cluster: Cluster) -> str:
    """Return which node does not hold what it should, and why, "" when all that run do."""
    for node in cluster.live_nodes():
        harm = harm_of(cluster, node)
        if harm:
            return f"{node}: {harm}"
    return ""


def is_hindered(platter: Platter) -> bool:
    """Whether a disk may hold its node up."""
    return any(not each.is_spent for each in platter.of_kind(*_HINDERS))
