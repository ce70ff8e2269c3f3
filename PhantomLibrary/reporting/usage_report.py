"""What nodes have used in a run: for the summary, the metrics, and as a table of all samples for other programs.

Rule: shares are integers, in millionths, and follow from the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from PhantomLibrary.domain import MILLISECOND_NS, NodeId
from PhantomLibrary.domain.usage import NodeUsage
from PhantomLibrary.testbed.run import Run

Resource: TypeAlias = Literal["cpu", "memory", "disk", "network"]
RESOURCES: tuple[Resource, ...] = get_args(Resource)
_LEVELS = "▁▂▃▄▅▆▇█"
_CHART_WIDTH = 40
_PPM_OF_PERCENT = 10_000
_MILLION = 1_000_000
_CSV_HEAD = b"node,time_s,cpu_percent,memory_percent,disk_percent,network_percent,operations_per_s,transactions_per_s\n"


class ResourceUse(Struct, frozen=True):
    """Over the whole run, and the most of a second of it; `chart` has at most 40 shares in the order of time."""

    mean_ppm: int
    max_ppm: int
    chart: tuple[int, ...] = ()


class NodeUse(Struct, frozen=True):
    """What one node has used; the network is None where it has no limit."""

    node: NodeId
    cpu: ResourceUse
    memory: ResourceUse
    disk: ResourceUse
    network: ResourceUse | None


def node_uses(run: Run) -> tuple[NodeUse, ...]:
    """Return what each node has used; nothing of a run that has not lasted a second."""
    uses = []
    for node in run.usage.nodes():
        samples = [usage for _, usage in run.usage.samples(node)]
        if samples:
            total = run.usage.usage(node)
            use = {name: _use(name, total, samples) for name in RESOURCES}
            network = use["network"] if run.host(node).card is not None else None
            uses.append(NodeUse(node, use["cpu"], use["memory"], use["disk"], network))
    return tuple(uses)


def _use(name: Resource, total: NodeUsage, samples: list[NodeUsage]) -> ResourceUse:
    shares: list[int] = [getattr(sample, f"{name}_ppm") for sample in samples]
    mean = sum(shares) // len(shares) if name == "memory" else getattr(total, f"{name}_ppm")
    return ResourceUse(mean, max(shares), tuple(_thinned(shares)) if name == "cpu" else ())


def _thinned(shares: list[int]) -> Iterator[int]:
    """Yield at most 40 shares: the greatest of each of as many equal parts."""
    parts = min(_CHART_WIDTH, len(shares))
    for number in range(parts):
        yield max(shares[len(shares) * number // parts : len(shares) * (number + 1) // parts])


def sparkline(shares: tuple[int, ...]) -> str:
    """Return a chart of one line, a full block for all of a resource."""
    return "".join(_LEVELS[min(len(_LEVELS) - 1, share * len(_LEVELS) // _MILLION)] for share in shares)


def use_lines(uses: tuple[NodeUse, ...], lines_max: int) -> list[str]:
    """Return a line for each of the busiest nodes, busiest first."""
    ordered = sorted(uses, key=lambda each: -each.cpu.mean_ppm)
    lines = [_use_line(each) for each in ordered[:lines_max]]
    rest = len(ordered) - len(lines)
    return [*lines, f"and {rest} less busy"] if rest else lines


def _use_line(use: NodeUse) -> str:
    parts = [("disk", use.disk), ("memory", use.memory), ("network", use.network)]
    others = ", ".join(f"{name} {_percent(each.mean_ppm)}" for name, each in parts if each is not None)
    cpu = f"cpu {_percent(use.cpu.mean_ppm)}, at most {_percent(use.cpu.max_ppm)}"
    return f"{use.node:<4} {cpu} {sparkline(use.cpu.chart)} {others}"


def _percent(ppm: int) -> str:
    return f"{ppm // _PPM_OF_PERCENT}.{ppm % _PPM_OF_PERCENT // 1_000} %"


def usage_table(run: Run) -> Iterator[bytes]:
    """Yield the samples of all nodes as lines of CSV; nothing where there are none."""
    is_begun = False
    for node in run.usage.nodes():
        for time_ns, usage in run.usage.samples(node):
            if not is_begun:
                is_begun = True
                yield _CSV_HEAD
            shares = ",".join(_plain_percent(getattr(usage, f"{name}_ppm")) for name in RESOURCES)
            rates = f"{usage.operations_per_s},{usage.transactions_per_s}"
            time_ms = time_ns // MILLISECOND_NS
            yield f"{node},{time_ms // 1_000}.{time_ms % 1_000:03d},{shares},{rates}\n".encode()


def _plain_percent(ppm: int) -> str:
    return f"{ppm // _PPM_OF_PERCENT}.{ppm % _PPM_OF_PERCENT:04d}"
