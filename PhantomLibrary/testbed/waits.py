"""Who waits for what: threads for their turn, transactions for locks, clients for answers.

For the message of a run that gets no further. Nothing is decided by it.
"""

from __future__ import annotations

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.transaction_judge import waits_for_locks

_EACH_MAX = 3
_PATIENCE_S = 0.5  # A thread that lets virtual time go on gives way within milliseconds.


def describe_waits(cluster: Cluster) -> list[str]:
    """Return a line for each thread that has or awaits its turn, and for the longest waits inside the cluster.

    These may be looked at only while nobody changes them: where a thread does not give way, that is the line.
    """
    lines = cluster.lock.describe()
    with cluster.lock.asked_for(_PATIENCE_S) as has_come:
        if not has_come:
            return [*lines, "nobody gives way: what waits inside the cluster cannot be told"]
        return [*lines, *_lock_waits(cluster), *_open_operations(cluster)]


def _lock_waits(cluster: Cluster) -> list[str]:
    waits = list(waits_for_locks(cluster))
    lines = [f"{who} waits for {key} (shard {shard}) behind {ahead}" for who, shard, key, ahead in waits]
    return _shortened(lines, "transactions that wait for locks")


def _open_operations(cluster: Cluster) -> list[str]:
    lines = [
        f"client {each.process} ({each.workload}) waits since t={each.time_ns / SECOND_NS:.3f}s for an answer to "
        f"{each.function} {each.key or ''}".rstrip()
        for each in cluster.recorder.under_way.values()
    ]
    return _shortened(lines, "clients that wait for answers")


def _shortened(lines: list[str], what: str) -> list[str]:
    more = len(lines) - _EACH_MAX
    return [*lines[:_EACH_MAX], f"and {more} more {what}"] if more > 0 else lines
