"""How evenly load, data and leadership are spread over the nodes that share them."""

from __future__ import annotations

from typing import Literal, TypeAlias

from PhantomLibrary.checking.balance import check_balance
from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.database.config import SYSTEM_SHARD
from PhantomLibrary.domain import SECOND_NS, NodeId
from PhantomLibrary.testbed.run import Run

Measure: TypeAlias = Literal["cpu", "data", "queries", "leaders"]
WINDOW_NS = 10 * SECOND_NS  # Over which what nodes do is measured.

# What it is called, its unit, and how many decimal places of that an amount has.
_WORDS: dict[Measure, tuple[str, str, int]] = {
    "cpu": ("CPU usage", "%", 1),
    "data": ("data", "bytes", 0),
    "queries": ("the rate of queries", "/s", 0),
    "leaders": ("leadership", "shards", 0),
}


def judge_balance(run: Run, measure: Measure, spread_ppm: int) -> Verdict:
    """Judge whether the coefficient of variation over nodes is at most so many millionths."""
    name, unit, digits = _WORDS[measure]
    return check_balance(amounts_of(run, measure), name, unit, spread_ppm=spread_ppm, digits=digits)


def amounts_of(run: Run, measure: Measure) -> dict[NodeId, int]:
    """Return how much each active node that runs has: over the last ten seconds, or of what it holds now."""
    nodes = [node for node in run.live_nodes() if run.directory().standing(node) == "active"]
    match measure:
        case "cpu":
            return {node: run.usage.usage(node, WINDOW_NS).cpu_ppm // 1_000 for node in nodes}
        case "queries":
            return {node: run.usage.usage(node, WINDOW_NS).operations_per_s for node in nodes}
        case "data":
            return {node: data_bytes(run, node) for node in nodes}
        case "leaders":
            leaders = [run.leader(shard) for shard in run.shard_ids if shard != SYSTEM_SHARD]
            return {node: leaders.count(node) for node in nodes}


def data_bytes(run: Run, node: NodeId) -> int:
    """Return how many bytes the replicas of a node hold, those of shard 0 aside."""
    replicas = run.processes[node].replicas.items()
    return sum(replica.machine.bytes for shard, replica in replicas if shard != SYSTEM_SHARD)
