"""Judges where data is: each key on each replica in the shard that the strategy gives it, each shard on the nodes that
the strategy gives it, no shard with more replicas in a zone or region than it must have.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Verdict
from PhantomLibrary.database.config import SYSTEM_SHARD, ShardDescriptor
from PhantomLibrary.domain import ShardId
from PhantomLibrary.domain.rows import is_global
from PhantomLibrary.errors import InvalidState
from PhantomLibrary.placement.replicas import Places
from PhantomLibrary.placement.sharding import HASHING, token_of
from PhantomLibrary.placement.snapshot import PlacedNode
from PhantomLibrary.placement.strategies import Ring
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.setup import placed_nodes


def judge_placement(run: Run) -> Verdict:
    """Compare where all keys and all shards are with where they belong; `operations` counts the keys on replicas."""
    if run.layout.regions is not None:
        raise InvalidState("each region has a copy of its own here, and nothing moves: there is no placement to judge")
    shards = sorted(
        (each for each in run.directory().shards if each.shard != SYSTEM_SHARD), key=lambda each: each.start
    )
    keys = [(node, shard, key) for node, shard, key in _keys(run)]
    is_hashed = run.layout.config.placement in HASHING
    starts = [each.start for each in shards]
    lost = []
    for node, shard, key in keys:
        home = shards[bisect_right(starts, token_of(key) if is_hashed else key) - 1]
        if home.shard != shard:
            lost.append(f"{key!r} is in the replica of shard {shard} on {node}, and belongs to shard {home.shard}")
    if lost:
        return Verdict("invalid", "PLC-001", lost[0], tuple(lost[:EVIDENCE_LINES_MAX]), len(keys))
    wrong = list(_misplaced(run, shards))
    if wrong:
        return Verdict("invalid", "PLC-002", wrong[0], tuple(wrong[:EVIDENCE_LINES_MAX]), len(keys))
    return Verdict("valid" if keys else "unknown", operations=len(keys), confirmed=len(keys))


def shard_of(run: Run, key: str) -> ShardId:
    """Return the shard that holds a key by the newest directory."""
    return next(each.shard for each in run.directory().shards if each.shard != SYSTEM_SHARD and each.holds(key))


def _keys(run: Run) -> Iterator[tuple[str, ShardId, str]]:
    """Yield each key of each replica on a live node, but for what is everywhere."""
    for node in run.live_nodes():
        for shard, replica in run.processes[node].replicas.items():
            if shard != SYSTEM_SHARD:
                for key in replica.machine.held_keys():
                    if not is_global(key):
                        yield node, shard, key


def _misplaced(run: Run, shards: list[ShardDescriptor]) -> Iterator[str]:
    """Yield what is wrong with the nodes of shards, those aside that are being changed."""
    directory, config = run.directory(), run.layout.config
    nodes = [each for each in placed_nodes(run.world.topology) if directory.standing(each.node) == "active"]
    places, ring = Places(nodes), Ring(nodes, virtual_nodes=config.virtual_nodes)
    first = {each.shard: each.voters for each in run.layout.shards}
    for shard in shards:
        holders = [node for node in shard.voters if directory.standing(node) == "active"]
        if shard.learners or len(holders) < len(shard.voters):
            continue
        wanted = sorted(holders)
        if config.placement == "consistent-hash":
            wanted = sorted(ring.holders(shard.shard, len(holders)))
        elif config.placement == "directory":
            wanted = sorted(first.get(shard.shard, holders))
        if sorted(holders) != wanted:
            yield f"shard {shard.shard} is on {', '.join(sorted(holders))}, and belongs on {', '.join(wanted)}"
        crowded = _crowded(places, nodes, holders)
        if crowded and config.placement != "directory":
            yield f"of shard {shard.shard}, {crowded} are too near to each other"


def _crowded(places: Places, nodes: list[PlacedNode], holders: list[str]) -> str:
    found = places.crowded(sum(1 << index for index, node in enumerate(nodes) if node.node in holders))
    return ", ".join(node.node for index, node in enumerate(nodes) if found >> index & 1)
