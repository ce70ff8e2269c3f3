"""What a PhantomDB cluster is told when it is set up: its knobs, its shards and who holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, NodeId, ShardId

SYSTEM_SHARD: ShardId = 0
_FRACTION_DIGITS = 6


class DatabaseConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The knobs of a cluster. Times are nanoseconds of virtual time.

    `reads`: with `index`, a leader confirms by a round of messages that it still leads before it answers a read; with
    `lease`, the rounds of its heartbeats do so for a while, which holds as long as no clock runs more than
    `clock_drift_ppm_max` too fast or too slow. `idle_shards`: where nothing happens, a shard falls `quiet`, and nodes
    send each other one heartbeat for all of those; or each stays `awake`, with heartbeats of its own.
    `transaction_lifetime_ns` is how long a transaction may stay open; versions are kept for longer than that, so that
    each can read its snapshot to its end. A record that is undecided for `undecided_max_ns` is aborted when somebody
    in doubt asks, who does so after `doubt_after_ns`. `clock_offset_max_ns` is how far wall clocks may be apart.
    """

    election_timeout_ns: int = 500 * MILLISECOND_NS
    heartbeat_ns: int = 100 * MILLISECOND_NS
    append_entries_max: int = 64
    append_bytes_max: int = 64 * 1024
    unacknowledged_max: int = 512
    uncommitted_bytes_max: int = 1024 * 1024
    snapshot_entries: int = 2_000
    snapshot_chunk_bytes: int = 16 * 1024
    kept_entries_max: int = 200
    log_bytes_max: int = 512 * 1024
    sessions_max: int = 1_000
    reads: Literal["index", "lease"] = "index"
    clock_drift_ppm_max: int = 50_000
    idle_shards: Literal["quiet", "awake"] = "quiet"
    version_retention_ns: int = 10 * SECOND_NS
    transaction_lifetime_ns: int = 8 * SECOND_NS
    undecided_max_ns: int = 3 * SECOND_NS
    doubt_after_ns: int = SECOND_NS
    doubt_interval_ns: int = 100 * MILLISECOND_NS
    deadlock_probe_ns: int = 50 * MILLISECOND_NS
    clock_offset_max_ns: int = 250 * MILLISECOND_NS
    fence_ahead_ns: int = 250 * MILLISECOND_NS
    attempt_timeout_ns: int = 300 * MILLISECOND_NS
    operation_timeout_ns: int = 2 * SECOND_NS
    retry_delay_ns: int = 20 * MILLISECOND_NS
    scrub_interval_ns: int = SECOND_NS
    probe_period_ns: int = 400 * MILLISECOND_NS
    probe_timeout_ns: int = 200 * MILLISECOND_NS
    probe_rest_ns: int = 600 * MILLISECOND_NS


class ShardDescriptor(Struct, frozen=True, array_like=True):
    """A key range [start, end) with its replicas; `end` "" means no end.

    `epoch` grows with every change: it is the index of the command in the shard's log that made it.
    """

    shard: ShardId
    start: str
    end: str
    epoch: int
    voters: tuple[NodeId, ...]
    learners: tuple[NodeId, ...] = ()

    @property
    def members(self) -> tuple[NodeId, ...]:
        return (*self.voters, *self.learners)

    def holds(self, key: str) -> bool:
        return self.start <= key and (self.end == "" or key < self.end)


class ClusterLayout(Struct, frozen=True):
    """The cluster as it was formatted: shard 0 first, then the data shards in the order of their ranges."""

    nodes: tuple[NodeId, ...]
    shards: tuple[ShardDescriptor, ...]
    config: DatabaseConfig


def make_layout(nodes: Sequence[NodeId], *, shards: int, replicas: int, config: DatabaseConfig) -> ClusterLayout:
    """Spread `shards` data shards and shard 0 over the nodes in turn, each with `replicas` replicas.

    The first shard begins at the smallest key, the last one has no end, and the boundaries between divide the keys
    k0 to k99… evenly, their digits read as a decimal fraction: for four shards k25, k5 and k75.
    """
    assert 1 <= replicas <= len(nodes) and shards >= 0

    def voters(position: int) -> tuple[NodeId, ...]:
        return tuple(nodes[(position + offset) % len(nodes)] for offset in range(replicas))

    descriptors = [ShardDescriptor(SYSTEM_SHARD, "", "", 1, voters(0))]
    for number in range(1, shards + 1):
        start, end = _boundary(number - 1, shards), _boundary(number, shards)
        descriptors.append(ShardDescriptor(number, start, end, 1, voters(number - 1)))
    return ClusterLayout(tuple(nodes), tuple(descriptors), config)


def _boundary(number: int, shards: int) -> str:
    if number in (0, shards):
        return ""
    fraction = f"{number * 10**_FRACTION_DIGITS // shards:0{_FRACTION_DIGITS}d}"
    return "k" + fraction.rstrip("0")
