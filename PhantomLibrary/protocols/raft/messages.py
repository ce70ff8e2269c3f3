"""What replicas of one shard say to each other, and what they write down.

Messages and records are immutable. Terms and indexes start at 1; 0 means none. `source` is the sending node, so that a
message is also the event with which it arrives.

Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014), Figures 2 and 13; Ongaro,
"Consensus: Bridging Theory and Practice" (2014), 3.10 (transfer), 6.4 (read index) and 9.6 (pre-vote).
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import Configuration, LogEntry, NodeId, ShardId


class RequestVote(Struct, frozen=True, gc=False, array_like=True, tag="request vote"):
    """Asks for a vote in `term`; with `pre`, asks only whether one would be given, which changes nobody's term.

    With `transfer` the leader itself wants to be replaced by the sender, so that hearing a leader is no reason to
    refuse.
    """

    shard: ShardId
    source: NodeId
    term: int
    last_index: int
    last_term: int
    pre: bool
    transfer: bool = False


class Vote(Struct, frozen=True, gc=False, array_like=True, tag="vote"):
    """Answers RequestVote. `term` is the term asked about when granted, else the voter's own.

    `number` is the voter's, by which a candidate knows whether it is the replica that its configuration means.
    """

    shard: ShardId
    source: NodeId
    term: int
    granted: bool
    pre: bool
    number: int


class TimeoutNow(Struct, frozen=True, gc=False, array_like=True, tag="timeout now"):
    """A leader asks a follower, whose log is like its own, to stand for election at once."""

    shard: ShardId
    source: NodeId
    term: int


class AppendEntries(Struct, frozen=True, gc=False, array_like=True, tag="append entries"):
    """Entries that follow (prev_index, prev_term); without entries, a heartbeat. `round` numbers read confirmations."""

    shard: ShardId
    source: NodeId
    term: int
    prev_index: int
    prev_term: int
    entries: tuple[LogEntry, ...]
    commit_index: int
    round: int


class AppendReply(Struct, frozen=True, gc=False, array_like=True, tag="append reply"):
    """Answers AppendEntries, and a snapshot as a whole.

    Accepted: the follower's log equals the leader's up to `index`, durably. Refused: its log does not hold the previous
    entry; it may match at `index`, where it holds an entry of `index_term`. `number` is the follower's: it counts in a
    quorum only if the configuration means this replica, and not one that its node had before.
    """

    shard: ShardId
    source: NodeId
    term: int
    accepted: bool
    index: int
    index_term: int
    round: int
    number: int


class Invitation(Struct, frozen=True, gc=False, array_like=True, tag="invitation"):
    """Asks a node to begin an empty replica of this number, in place of an older one it may have."""

    shard: ShardId
    source: NodeId
    term: int
    number: int


class Snapshot(Struct, frozen=True, gc=False, array_like=True):
    """The state machine's content after applying entries up to (index, term), in chunks of bytes.

    `configuration` was in force then, since the entry at `configuration_index`; None is that of the beginning.
    """

    index: int
    term: int
    chunks: tuple[bytes, ...]
    configuration: Configuration | None = None
    configuration_index: int = 0


class SnapshotChunk(Struct, frozen=True, gc=False, array_like=True, tag="snapshot"):
    """One of the `chunks` of a snapshot up to (index, index_term), counted from 0, for a follower that is far behind.

    Snapshots of equal `checksum` there are the same, whoever sends them. `configuration` is the snapshot's.
    """

    shard: ShardId
    source: NodeId
    term: int
    index: int
    index_term: int
    checksum: int
    chunk: int
    chunks: int
    content: bytes
    configuration: Configuration | None
    configuration_index: int
    round: int


class SnapshotReply(Struct, frozen=True, gc=False, array_like=True, tag="snapshot reply"):
    """Answers SnapshotChunk, except the last one missing, which AppendReply answers: the snapshot is in place then.

    The follower holds the first `received` chunks of that snapshot, durably. `number` is as in AppendReply.
    """

    shard: ShardId
    source: NodeId
    term: int
    index: int
    checksum: int
    received: int
    round: int
    number: int


class RepairRequest(Struct, frozen=True, gc=False, array_like=True, tag="repair request"):
    """A damaged replica, whose log ends at `last_index`, asks the leader for the bound of its repair."""

    shard: ShardId
    source: NodeId
    term: int
    last_index: int
    token: int


class RepairBound(Struct, frozen=True, gc=False, array_like=True, tag="repair bound"):
    """Answers RepairRequest with its token: who holds all up to `index`, committed, has lost nothing."""

    shard: ShardId
    source: NodeId
    term: int
    index: int
    token: int


RaftMessage: TypeAlias = (
    RequestVote
    | Vote
    | TimeoutNow
    | AppendEntries
    | AppendReply
    | Invitation
    | SnapshotChunk
    | SnapshotReply
    | RepairRequest
    | RepairBound
)


# --- records, in the order in which a log holds them ----------------------------------------------------------------


class HardState(Struct, frozen=True, gc=False, array_like=True, tag="hard state"):
    """The term a replica has reached and whom it voted for in it ("" for nobody)."""

    term: int
    vote: NodeId


class Entries(Struct, frozen=True, gc=False, array_like=True, tag="entries"):
    """Consecutive entries. Whatever the log held from the first one's index on is gone."""

    entries: tuple[LogEntry, ...]


class SnapshotRecord(Struct, frozen=True, gc=False, array_like=True, tag="snapshot record"):
    """A snapshot replaces the log up to its index; entries after it stay if `keeps_tail`."""

    snapshot: Snapshot
    keeps_tail: bool


class Damaged(Struct, frozen=True, gc=False, array_like=True, tag="damaged"):
    """Some of what this replica had written is lost, nobody knows what."""


class Repaired(Struct, frozen=True, gc=False, array_like=True, tag="repaired"):
    """Whatever was lost is here again."""


class SnapshotPart(Struct, frozen=True, gc=False, array_like=True, tag="snapshot part"):
    """A chunk of a snapshot that has not arrived as a whole. Chunk 0 replaces all parts that were there before.

    Parts change nothing of the log; SnapshotRecord, which comes instead of the last one, puts an end to them.
    """

    index: int
    term: int
    checksum: int
    chunk: int
    content: bytes


Record: TypeAlias = HardState | Entries | SnapshotPart | SnapshotRecord | Damaged | Repaired


class Recovered(Struct, frozen=True, gc=False):
    """What a replica finds on its disk when it starts.

    `number` is LOST after the disk was lost, or the replica's term and vote. `damaged`: these are right, but some
    entries or the snapshot may be missing.
    """

    term: int = 0
    vote: NodeId = ""
    snapshot: Snapshot | None = None
    entries: tuple[LogEntry, ...] = ()
    number: int = 0
    damaged: bool = False
    parts: tuple[SnapshotPart, ...] = ()
