"""Does twice as many nodes do twice as much? Simulated throughput from 5 to 50 saturated nodes, and a picture of it.

    python -m benchmarks.adding_nodes [FILE.svg]

One shard a node, three replicas each, led by another node each, and keys by hash, so that all have as much to do. Four
clients a node ask again as soon as they are answered, half of the time for a read: more than the nodes can do. Machines
are those of three-small-nodes at half their speed, so that few operations saturate them. Each client opens a session at
each shard when it first writes there, which grows with the square of the nodes; that is over before the measurement.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.metrics import metric_value
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec

NODES = (5, 10, 20, 30, 40, 50)
_CLIENTS_OF_A_NODE = 4
_WARM_UP_S = 4
_MEASURED_S = 3
_TOPOLOGY = """
name: saturated
nodes: [{name: n1, zone: a, region: eu, size: slow}]
sizes:
  slow: {cores: 1, speed: 1 %, memory: 1 GB, disk: {latency: 1 ms, bandwidth: 50 MB/s}, network: 12.5 MB/s}
latencies: {same_zone: 0.25 ms, same_region: 0.5 ms}
"""


class Point(Struct, frozen=True):
    """What so many nodes do: confirmed operations in a virtual second, and how busy they are, in per cent."""

    nodes: int
    throughput: float
    cpu: float


def measure(nodes: int) -> Point:
    """Return what a cluster of this size does at most."""
    spec = RunSpec(seed=1, topology="", topology_text=_TOPOLOGY, nodes=nodes, shards=nodes, knobs={"placement": "hash"})
    run = Run(spec)
    run.advance(3 * SECOND_NS)
    _deal_leaders(run)
    arguments = {"kind": "register", "clients": _CLIENTS_OF_A_NODE * nodes, "keys": 100 * nodes, "reads_percent": 50}
    run.perform(Command("start workload", run.now_ns, run.now_ns, arguments=arguments))
    run.advance(run.now_ns + (_WARM_UP_S + nodes // 4) * SECOND_NS)
    run.advance(run.now_ns + _MEASURED_S * SECOND_NS)
    assert not run.watch.violations
    window_ns = _MEASURED_S * SECOND_NS
    return Point(
        nodes, metric_value(run, "throughput", window_ns=window_ns), metric_value(run, "cpu_mean", window_ns=window_ns)
    )


def _deal_leaders(run: Run) -> None:
    """Let each shard be led by the first of its replicas, which is another node for each."""
    for shard in run.shard_ids:
        wanted = run.descriptor(shard).voters[0]
        if shard and run.leader(shard) != wanted:
            arguments = {"shard": shard}
            run.perform(Command("transfer leadership", run.now_ns, run.now_ns, wanted, arguments=arguments))
    run.advance(run.now_ns + 2 * SECOND_NS)


def loss_percent(points: Sequence[Point]) -> float:
    """Return how much less a node of the largest cluster does than one of the smallest, in per cent."""
    small, large = points[0], points[-1]
    return 100 - 100 * (large.throughput / large.nodes) / (small.throughput / small.nodes)


# --- the picture ------------------------------------------------------------------------------------------------------

_WIDTH, _HEIGHT = 640, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 50, 50


def plot(points: Sequence[Point]) -> str:
    """Return a picture of throughput by nodes, beside what would be linear, as SVG."""
    nodes_max = points[-1].nodes
    linear_max = points[0].throughput / points[0].nodes * nodes_max
    step = _round_step(linear_max / 5)
    top = step * (int(linear_max / step) + 1)

    def place(nodes: float, throughput: float) -> str:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * nodes / nodes_max
        y = _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * throughput / top
        return f"{x:.1f},{y:.1f}"

    parts = [_text(_WIDTH / 2, 24, "Operations a virtual second, by saturated nodes", "middle", bold=True)]
    for number in range(int(top / step) + 1):
        y = float(place(0, number * step).split(",")[1])
        parts.append(f'<path d="M{_LEFT},{y}H{_WIDTH - _RIGHT}" stroke="#ccc" stroke-width="1"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{number * step:,.0f}", "end"))
    for each in (0, *(point.nodes for point in points)):
        parts.append(_text(float(place(each, 0).split(",")[0]), _HEIGHT - _BOTTOM + 18, str(each), "middle"))
    parts.append(_text(_WIDTH / 2, _HEIGHT - 10, "nodes, with one shard each", "middle"))
    line = f"M{place(0, 0)}L{place(nodes_max, linear_max)}"
    parts.append(f'<path d="{line}" stroke="#888" stroke-width="1.5" stroke-dasharray="6 4" fill="none"/>')
    measured = " ".join(place(point.nodes, point.throughput) for point in points)
    parts.append(f'<polyline points="{measured}" stroke="#0b66c3" stroke-width="2.5" fill="none"/>')
    for point in points:
        x, y = place(point.nodes, point.throughput).split(",")
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="#0b66c3"/>')
    parts.append(_text(_LEFT + 16, _TOP + 14, "measured", "start", colour="#0b66c3"))
    linear = f"as {points[0].nodes} nodes would have it (dashed)"
    parts.append(_text(_LEFT + 16, _TOP + 32, linear, "start", colour="#666"))
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>', *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str, *, bold: bool = False, colour: str = "#222") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{text}</text>'


def _round_step(step: float) -> int:
    return next(base * 10**power for power in range(9) for base in (1, 2, 5) if base * 10**power >= step)


def main() -> int:
    points = []
    for nodes in NODES:
        points.append(measure(nodes))
        point = points[-1]
        each = point.throughput / nodes
        print(f"{nodes:3} nodes: {point.throughput:7.0f}/s, {each:5.1f}/s a node, cpu {point.cpu:.0f} %", flush=True)
    print(f"a node of {points[-1].nodes} does {loss_percent(points):.1f} % less than one of {points[0].nodes}")
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(plot(points), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
