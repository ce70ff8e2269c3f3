"""What stands in the body of a frame: records of Raft as bytes, each with its shard."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from PhantomLibrary.database.messages import Command
from PhantomLibrary.domain import Configuration, NodeId, ShardId
from PhantomLibrary.protocols.raft.messages import Damaged, Record, Repaired, Snapshot, SnapshotRecord

encode = msgspec.msgpack.Encoder().encode


class SnapshotMark(msgspec.Struct, array_like=True, tag="snapshot"):
    """The state up to `index` stands in the snapshot file. Without `keeps_tail` it replaced the log here."""

    keeps_tail: bool
    index: int


class Existence(msgspec.Struct, frozen=True, array_like=True, tag="existence"):
    """A replica of this number begins here, empty; or it is gone, and none with this number or a lower one may come."""

    number: int
    holds: bool


class StoredEntry(msgspec.Struct, array_like=True):
    """A LogEntry with its command's type, which that one leaves open."""

    index: int
    term: int
    command: Command | Configuration | None


class StoredEntries(msgspec.Struct, array_like=True, tag="entries"):
    entries: list[StoredEntry]


class StoredState(msgspec.Struct, array_like=True, tag="hard state"):
    term: int
    vote: NodeId


Stored: TypeAlias = StoredEntries | StoredState | SnapshotMark | Existence | Damaged | Repaired

decode_record = msgspec.msgpack.Decoder(tuple[ShardId, Stored]).decode
decode_snapshot = msgspec.msgpack.Decoder(Snapshot).decode
decode_vote = msgspec.msgpack.Decoder(StoredState).decode


def encode_record(shard: ShardId, record: Record | Existence) -> bytes:
    if type(record) is SnapshotRecord:
        return encode((shard, SnapshotMark(record.keeps_tail, record.snapshot.index)))
    return encode((shard, record))
