"""What the verbs of a schedule do that start workloads, set their load and stop them."""

from __future__ import annotations

from functools import partial

from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.kernel.tasks import Future
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.workloads.workload import Workload, WorkloadSpec

REGIONAL_KINDS = ("register", "set", "counter")
"""The workloads of clusters whose regions have copies of their own."""


def start_workload(cluster: Cluster, command: Command) -> Workload:
    name = command.arguments.get("name") or command.arguments["kind"]
    arguments = {"key_pattern": _key_pattern(cluster, name), **command.arguments}
    running = cluster.workloads.get(name)
    if running is not None and running.is_running:
        raise InvalidState(f"workload {name!r} runs already: give this one a name= of its own, or stop the other first")
    spec = WorkloadSpec(**arguments)
    is_regional = cluster.layout.regions is not None
    if is_regional and spec.kind not in REGIONAL_KINDS:
        raise InvalidInput(
            f"a workload of kind {spec.kind} needs one order of all writes, which regions that have copies of their "
            f"own do not keep: there are {', '.join(REGIONAL_KINDS)}"
        )
    workload = Workload(
        spec,
        cluster.scheduler,
        cluster.streams,
        partial(cluster.sessions.open, balancing=spec.balancing),
        cluster.recorder,
        cluster.parts.of_workloads(),
        has_one_order=not is_regional,
    )
    workload.start()
    cluster.workloads[name] = workload
    return workload


def _key_pattern(cluster: Cluster, name: str) -> str:
    """The first workload of a run has the keys k0, k1 and so on; each further name has keys of its own beside them."""
    is_first = not cluster.workloads or name == next(iter(cluster.workloads))
    return "k{}" if is_first else "k{}." + name.replace("{", "(").replace("}", ")")


def chosen_workloads(cluster: Cluster, name: str) -> list[Workload]:
    """Return the workload of that name, or all. Raises InvalidInput when there is none."""
    if name == "all":
        return list(cluster.workloads.values())
    if name not in cluster.workloads:
        known = f"there is {', '.join(cluster.workloads)}" if cluster.workloads else "none was started"
        raise InvalidInput(f"no workload {name!r}: {known}{nearest(name, cluster.workloads)}")
    return [cluster.workloads[name]]


def set_load(cluster: Cluster, command: Command) -> None:
    arguments = command.arguments
    load = (arguments["rate"], arguments.get("shape", "step"), arguments["period_ns"])
    chosen = _loaded(cluster, command)
    for workload in chosen:
        workload.check_load(*load)
    for workload in chosen:
        workload.set_rate(*load)


def replay_load(cluster: Cluster, command: Command) -> None:
    for workload in _loaded(cluster, command):
        workload.replay(command.arguments["curve"])


def _loaded(cluster: Cluster, command: Command) -> list[Workload]:
    """Return the workloads whose load is to be set."""
    chosen = [each for each in chosen_workloads(cluster, command.arguments.get("workload", "all")) if each.is_running]
    if not chosen:
        raise InvalidState("no workload runs whose load could be set: begin with Start Workload")
    return chosen


def stop_workload(cluster: Cluster, command: Command) -> list[Future[None]]:
    arguments = command.arguments
    chosen = [each for each in chosen_workloads(cluster, arguments.get("workload", "all")) if each.is_running]
    if not chosen:
        raise InvalidState("no workload runs that could be stopped: begin with Start Workload")
    return [workload.stop(arguments["drain_ns"]) for workload in chosen]
