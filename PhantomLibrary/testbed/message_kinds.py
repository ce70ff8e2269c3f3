"""The names of the messages that nodes send each other, for faults that lose some of them.

A question to a shard, and its answer, go by the name of what they carry as well: `prepare`, `prepared`, `commit`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from PhantomLibrary.database.messages import ShardReply, ShardRequest, Told
from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.protocols.transactions.values import Decide
from PhantomLibrary.world.wire import kinds_of

_DECISIONS = {True: "commit", False: "abort"}


def names_of(message: Any) -> tuple[str, ...]:
    """Return the names by which a fault may pick a message."""
    names = kinds_of(message)
    if type(message) is ShardRequest:
        work = message.operation
        carried = _DECISIONS[work.commits] if type(work) is Decide else _tag(type(work))
        return (*names, carried)
    if type(message) is ShardReply and type(message.outcome) is Told:
        return (*names, _tag(type(message.outcome.answer)))
    return names


def _tag(kind: type) -> str:
    config = getattr(kind, "__struct_config__", None)
    return "" if config is None else str(config.tag)


def check_kind(kind: str) -> None:
    """Raise InvalidInput unless some message goes by this name."""
    from PhantomLibrary.world.wire import same_kind

    known = message_kinds()
    if not any(same_kind(kind, (name,)) for name in known):
        raise InvalidInput(f"no message {kind!r}: there are all, {', '.join(known)}{nearest(kind, ['all', *known])}")


def message_kinds() -> list[str]:
    """Return the names of all messages between nodes, in words: `append entries`, `request vote`."""
    from PhantomLibrary.database.census import (
        Announcement,
        ChunkRequest,
        FrozenChunk,
        HandOver,
        Noted,
        Order,
        Report,
        TaskOrder,
    )
    from PhantomLibrary.database.messages import ClientReply, ClientRequest, NodeHeartbeat, NodeHeartbeatReply
    from PhantomLibrary.database.metering import AskMeters, Meters
    from PhantomLibrary.database.sql.messages import Chunk, CloseCursors, Deliver, Delivered, FetchChunk, RunFragment
    from PhantomLibrary.database.transactions.messages import (
        CheckUnchanged,
        Locked,
        LockGranted,
        LockKeys,
        Meet,
        Met,
        ReadAt,
        ReleaseLocks,
        Rows,
        Waiting,
    )
    from PhantomLibrary.protocols.raft.messages import (
        AppendEntries,
        AppendReply,
        Invitation,
        RepairBound,
        RepairRequest,
        RequestVote,
        SnapshotChunk,
        SnapshotReply,
        TimeoutNow,
        Vote,
    )
    from PhantomLibrary.protocols.swim.messages import Ack, Nack, Ping, PingRequest
    from PhantomLibrary.protocols.transactions.deadlocks import Probe, Victim
    from PhantomLibrary.protocols.transactions.values import Conflict, Done, Ended, Inquire, Prepare, Prepared, Resolve

    kinds: list[type[Struct]] = [RequestVote, Vote, TimeoutNow, AppendEntries, AppendReply, Invitation]
    kinds += [SnapshotChunk, SnapshotReply, RepairRequest, RepairBound]
    kinds += [ClientRequest, ClientReply, ShardRequest, ShardReply, Ping, PingRequest, Ack, Nack]
    kinds += [NodeHeartbeat, NodeHeartbeatReply]
    kinds += [Report, Noted, Announcement, Order, HandOver, AskMeters, Meters]
    kinds += [TaskOrder, ChunkRequest, FrozenChunk]
    kinds += [ReadAt, CheckUnchanged, LockKeys, ReleaseLocks, Prepare, Resolve, Inquire]
    kinds += [Rows, Locked, Waiting, Prepared, Conflict, Ended, Done, LockGranted, Probe, Victim, Meet, Met]
    kinds += [RunFragment, FetchChunk, CloseCursors, Chunk, Deliver, Delivered]
    return [*(_tag(kind) for kind in kinds), *_DECISIONS.values()]
