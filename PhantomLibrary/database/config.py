"""What a PhantomDB cluster is told when it is set up: its knobs, its shards and who holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, NodeId, ShardId
from PhantomLibrary.domain.region_policy import RegionPolicy
from PhantomLibrary.domain.rows import is_global, undivided
from PhantomLibrary.placement.sharding import HASHING, Strategy, boundaries, key_with_token, token_of
from PhantomLibrary.placement.snapshot import PlacedNode
from PhantomLibrary.placement.strategies import VIRTUAL_NODES, Ring, in_turn

SYSTEM_SHARD: ShardId = 0


class DatabaseConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The knobs of a cluster. Times are nanoseconds of virtual time.

    `reads`: with `index`, a leader confirms by a round of messages that it still leads before it answers a read; with
    `lease`, the rounds of its heartbeats do so for a while, which holds as long as no clock runs more than
    `clock_drift_ppm_max` too fast or too slow. `idle_shards`: where nothing happens, a shard falls `quiet`, and nodes
    send each other one heartbeat for all of those; or each stays `awake`, with heartbeats of its own.
    `batch_interval_ns`, unless 0: a shard's leader begins at most one batch of writes and reads in such a time.
    `transaction_lifetime_ns` is how long a transaction may stay open; versions are kept for longer than that, so that
    each can read its snapshot to its end. A record that is undecided for `undecided_max_ns` is aborted when somebody
    in doubt asks, who does so after `doubt_after_ns`. `clock_offset_max_ns` is how far wall clocks may be apart.
    `split_bytes`, `split_load` in operations per second, and `merge_bytes` have shards split and merged by themselves
    (see placement/resizing.py), one each `resize_interval_ns`; 0 means never.
    `placement`: by `range`, shards are ranges of keys; by `hash`, ranges of their hashes; both are on nodes in turn. By
    `consistent-hash` they are ranges of hashes, too, and on those nodes that come next on a ring, on which each node
    has `virtual_nodes` places. By `directory`, a table of the topology says both.
    `leaders`, unless "", is the region where leaders of shards are to stand as long as replicas there are well.
    A statement of SQL may take `statement_timeout_ns` and, at each place where it runs, `query_memory_bytes`; its rows
    come in chunks of `chunk_bytes`, and what nobody has taken for `cursor_idle_ns` is dropped.
    Planners go by statistics that are `statistics_age_ns` old at most.
    While all requests of `queue_delay_interval_ns` have waited longer than `queue_delay_target_ns` for a node's
    processor, it refuses those that have waited more than twice as long.
    """

    election_timeout_ns: int = 500 * MILLISECOND_NS
    heartbeat_ns: int = 100 * MILLISECOND_NS
    append_entries_max: int = 64
    append_bytes_max: int = 64 * 1024
    unacknowledged_max: int = 512
    uncommitted_bytes_max: int = 1024 * 1024
    batch_interval_ns: int = 0
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
    queue_delay_target_ns: int = 5 * MILLISECOND_NS
    queue_delay_interval_ns: int = 100 * MILLISECOND_NS
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
    split_bytes: int = 0
    split_load: int = 0
    merge_bytes: int = 0
    resize_interval_ns: int = SECOND_NS
    chunk_bytes: int = 64 * 1024
    query_memory_bytes: int = 64 * 1024 * 1024
    statement_timeout_ns: int = 4 * SECOND_NS
    cursor_idle_ns: int = 5 * SECOND_NS
    statistics_age_ns: int = SECOND_NS
    placement: Strategy = "range"
    virtual_nodes: int = VIRTUAL_NODES
    leaders: str = ""


class ShardDescriptor(Struct, frozen=True, array_like=True):
    """A key range [start, end) with its replicas; `end` "" means no end. If it `is_hashed`, a range of keys' hashes.

    `epoch` grows with every change: it is the index of the command in the shard's log that made it. With a `region` it
    is that region's copy of the range, and all its replicas stand there.
    """

    shard: ShardId
    start: str
    end: str
    epoch: int
    voters: tuple[NodeId, ...]
    learners: tuple[NodeId, ...] = ()
    is_hashed: bool = False
    region: str = ""

    @property
    def members(self) -> tuple[NodeId, ...]:
        return (*self.voters, *self.learners)

    def holds(self, key: str) -> bool:
        """Return whether a key is here; what is everywhere is."""
        token = token_of(key) if self.is_hashed else key
        if is_global(key):
            return True
        return self.start <= token and (self.end == "" or token < self.end)

    def token(self, key: str) -> str:
        """Return where a key stands in the range: all rows of a position at one place, for they stay together."""
        return token_of(key) if self.is_hashed else undivided(key)

    def can_split_at(self, token: str) -> bool:
        """Return whether there is a range on both sides."""
        return self.start < token and (self.end == "" or token < self.end)

    def some_key(self, stem: str) -> str:
        """Return a key that the shard holds and that ends with the stem."""
        return key_with_token(stem, self.start, self.end) if self.is_hashed else f"{self.start}{stem}"


def is_same_range(left: ShardDescriptor, right: ShardDescriptor) -> bool:
    """Return whether two descriptors of a shard speak of the same keys, on whichever nodes."""
    return (left.start, left.end) == (right.start, right.end)


class ClusterLayout(Struct, frozen=True):
    """The cluster as it was formatted: shard 0 first, then the data shards in the order of their ranges; all of one
    region, then all of the next, where each has a copy of its own, as `regions` says.
    """

    places: tuple[PlacedNode, ...]
    shards: tuple[ShardDescriptor, ...]
    config: DatabaseConfig
    regions: RegionPolicy | None = None

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        return tuple(each.node for each in self.places)


def make_layout(
    nodes: Sequence[NodeId | PlacedNode],
    *,
    shards: int,
    replicas: int,
    config: DatabaseConfig,
    table: Mapping[str, Sequence[NodeId]] | None = None,
) -> ClusterLayout:
    """Spread `shards` data shards and shard 0 over the nodes, each with `replicas` replicas, as the config's placement
    says; of nodes that are only names, none is in a zone with another.

    With placement by directory, the table says where each shard begins, the first at "", and who holds it.
    """
    assert 1 <= replicas <= len(nodes) and shards >= 0
    placed = [PlacedNode(node, zone=node) if isinstance(node, str) else node for node in nodes]
    is_hashed = config.placement in HASHING
    starts = boundaries(shards, is_hashed=is_hashed)
    voters: Sequence[Sequence[NodeId]]
    if config.placement == "directory":
        assert table is not None and min(table, default="") == ""
        starts, voters = sorted(table), [table[start] for start in sorted(table)]
    elif config.placement == "consistent-hash":
        ring = Ring(placed, virtual_nodes=config.virtual_nodes)
        voters = [ring.holders(number, replicas) for number in range(1, shards + 1)]
    else:
        voters = in_turn(placed, shards, replicas)
    descriptors = [ShardDescriptor(SYSTEM_SHARD, "", "", 1, in_turn(placed, 1, replicas)[0])]
    ends = [*starts[1:], ""] if starts else []
    for number, (start, end, holders) in enumerate(zip(starts, ends, voters, strict=True), start=1):
        descriptors.append(ShardDescriptor(number, start, end, 1, tuple(holders), is_hashed=is_hashed))
    return ClusterLayout(tuple(placed), tuple(descriptors), config)


def make_regional_layout(
    nodes: Sequence[PlacedNode], *, shards: int, replicas: int, config: DatabaseConfig, policy: RegionPolicy
) -> ClusterLayout:
    """Give each region of the policy a copy of all `shards` ranges, each on `replicas` of its own nodes; shard 0 is
    spread over all nodes.
    """
    is_hashed = config.placement in HASHING
    starts = boundaries(shards, is_hashed=is_hashed)
    ends = [*starts[1:], ""]
    descriptors = [ShardDescriptor(SYSTEM_SHARD, "", "", 1, in_turn(nodes, 1, replicas)[0])]
    for region in policy.members:
        own = [each for each in nodes if each.region == region]
        for start, end, holders in zip(starts, ends, in_turn(own, shards, replicas), strict=True):
            number = len(descriptors)
            descriptors.append(ShardDescriptor(number, start, end, 1, holders, is_hashed=is_hashed, region=region))
    return ClusterLayout(tuple(nodes), tuple(descriptors), config, policy)
