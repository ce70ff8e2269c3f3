"""How long a rebalancing plan takes for 1,000 shards of three replicas on 50 nodes, some of which are new and empty."""

from __future__ import annotations

from time import process_time

from PhantomLibrary.placement.rebalancing import plan
from PhantomLibrary.placement.snapshot import PlacedNode, PlacedShard, Snapshot

_NODES = 50
_SHARDS = 1_000
_ROUNDS = 5


def measure_plan(new_nodes: int) -> tuple[int, float]:
    """Return how many replicas such a plan moves, and how many milliseconds of CPU it takes at best."""
    nodes = tuple(PlacedNode(f"n{number}", "abcde"[number % 5], "eu") for number in range(_NODES))
    old = _NODES - new_nodes
    shards = []
    for number in range(_SHARDS):
        replicas = tuple(nodes[(number + offset) % old].node for offset in range(3))
        shards.append(PlacedShard(number + 1, replicas, replicas[0], 1_000_000 + number))
    snapshot, best_s, moves = Snapshot(1, nodes, tuple(shards)), float("inf"), 0
    for _ in range(_ROUNDS):
        started = process_time()
        moves = len(plan(snapshot).moves)
        best_s = min(best_s, process_time() - started)
    return moves, best_s * 1000


if __name__ == "__main__":
    for new_nodes in (1, 5, 25):
        moves, taken_ms = measure_plan(new_nodes)
        print(f"{new_nodes} new nodes: {moves} moves, {taken_ms:.0f} ms")
