"""The names of the messages that nodes send each other, for faults that lose some of them."""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.errors import InvalidInput, nearest


def check_kind(kind: str) -> None:
    """Raise InvalidInput unless some message goes by this name."""
    from PhantomLibrary.world.wire import same_kind

    known = message_kinds()
    if not any(same_kind(kind, (name,)) for name in known):
        raise InvalidInput(f"no message {kind!r}: there are all, {', '.join(known)}{nearest(kind, ['all', *known])}")


def message_kinds() -> list[str]:
    """Return the names of all messages between nodes, in words: `append entries`, `request vote`."""
    from PhantomLibrary.database.census import Announcement, HandOver, Noted, Order, Report
    from PhantomLibrary.database.messages import (
        ClientReply,
        ClientRequest,
        NodeHeartbeat,
        NodeHeartbeatReply,
        ShardReply,
        ShardRequest,
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

    kinds: list[type[Struct]] = [RequestVote, Vote, TimeoutNow, AppendEntries, AppendReply, Invitation]
    kinds += [SnapshotChunk, SnapshotReply, RepairRequest, RepairBound]
    kinds += [ClientRequest, ClientReply, ShardRequest, ShardReply, Ping, PingRequest, Ack, Nack]
    kinds += [NodeHeartbeat, NodeHeartbeatReply]
    kinds += [Report, Noted, Announcement, Order, HandOver]
    return [str(kind.__struct_config__.tag) for kind in kinds]
