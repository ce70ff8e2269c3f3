"""The files with those chunks of a snapshot that a shard has so far, a frame each, in order.

What is cut short or damaged ends them. That loses nothing but time: the leader is told how much is here.
"""

from __future__ import annotations

import msgspec

from PhantomLibrary.database.frames import HEAD_BYTES, Framing
from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.kernel.process import Disk, ReadError
from PhantomLibrary.protocols.raft.messages import SnapshotPart

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SnapshotPart).decode


def parts_file(shard: ShardId) -> str:
    """Return the name of the file. Any replica of the shard may use what is there: equal checksums, equal snapshots."""
    return f"snapshot-{shard}-parts"


class SnapshotParts:
    """Writes parts, durable with the next sync of the node's log, and reads them back."""

    def __init__(self, disk: Disk, node: NodeId, framing: type[Framing]) -> None:
        self._disk = disk
        self._node = node
        self._framing = framing
        self._bytes: dict[ShardId, int] = {}

    def write(self, shard: ShardId, part: SnapshotPart) -> None:
        """Write a part behind those before it. The first one takes the place of those of another snapshot."""
        place = self._bytes.get(shard, 0) if part.chunk else 0
        frame = self._framing(self._node, parts_file(shard)).pack(_encode(part), place, part.chunk + 1, 0)
        self._bytes[shard] = place + len(frame)
        if part.chunk:
            self._disk.append(parts_file(shard), frame)
        else:
            self._disk.replace(parts_file(shard), frame)

    def read(self, shard: ShardId) -> tuple[SnapshotPart, ...]:
        """Return the parts that are there, and cut off what is behind them. To be called before any is written."""
        file = parts_file(shard)
        try:
            content = self._disk.read(file)
        except ReadError:
            return ()
        if not content:
            return ()
        scan = self._framing(self._node, file).read(content)
        self._bytes[shard] = intact = sum(HEAD_BYTES + len(body) for body in scan.bodies)
        if intact < len(content):
            self._disk.replace(file, content[:intact])
        return tuple(map(_decode, scan.bodies))

    def remove(self, shard: ShardId) -> None:
        """Forget them: the snapshot is there as a whole, or the replica is gone."""
        self._bytes.pop(shard, None)
        self._disk.remove(parts_file(shard))
