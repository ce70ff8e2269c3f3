"""Do all replicas of each shard hold the same data, once they have applied the same entries?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Verdict
from PhantomLibrary.domain import ReplicaDigest


def check_agreement(digests: Iterable[ReplicaDigest]) -> Verdict:
    """Compare the live replicas of each shard; different data counts before different progress.

    `operations` of the verdict counts the replicas that were compared.
    """
    shards: dict[int, list[ReplicaDigest]] = {}
    for digest in sorted(digests, key=lambda each: (each.shard, each.node)):
        shards.setdefault(digest.shard, []).append(digest)
    compared = sum(len(replicas) for replicas in shards.values())
    if not compared:
        return Verdict("invalid", "RPL-003", "no live replica was there to compare")
    for differing in filter(None, map(_different_data, shards.values())):
        left, right = differing
        message = (
            f"shard {left.shard}: {left.node} and {right.node} hold different data"
            f" although both applied entries up to {left.applied_index}"
        )
        return Verdict("invalid", "RPL-001", message, _lines(shards[left.shard]), compared)
    for replicas in shards.values():
        slowest = min(replicas, key=lambda each: each.applied_index)
        fastest = max(replicas, key=lambda each: each.applied_index)
        if slowest.applied_index != fastest.applied_index:
            message = (
                f"shard {slowest.shard}: {slowest.node} applied entries up to {slowest.applied_index}"
                f" only, {fastest.node} up to {fastest.applied_index}"
            )
            return Verdict("invalid", "RPL-002", message, _lines(replicas), compared)
    return Verdict("valid", operations=compared, confirmed=compared)


def _different_data(replicas: Sequence[ReplicaDigest]) -> tuple[ReplicaDigest, ReplicaDigest] | None:
    """Return two replicas that applied the same entries and differ."""
    first_at: dict[int, ReplicaDigest] = {}
    for replica in replicas:
        first = first_at.setdefault(replica.applied_index, replica)
        if first.digest != replica.digest:
            return first, replica
    return None


def _lines(replicas: Sequence[ReplicaDigest]) -> tuple[str, ...]:
    return tuple(
        f"shard {each.shard} on {each.node}: applied {each.applied_index}, digest {each.digest:016x}"
        for each in replicas[:EVIDENCE_LINES_MAX]
    )
