"""Files of a node that are written all or nothing, a frame each: votes, snapshots, and small ones of others.

What such a file should hold is known from when it was written, or first read back. A scrub compares: a frame that is
intact, and is the one from before, is damage as well. So is one with more behind it.
"""

from __future__ import annotations

from zlib import crc32

from PhantomLibrary.database.frames import Framing
from PhantomLibrary.domain import NodeId
from PhantomLibrary.kernel.process import Disk, ReadError


class WholeFiles:
    """Writes them, durable with the next sync of the node's log, and reads them back."""

    def __init__(self, disk: Disk, node: NodeId, framing: type[Framing]) -> None:
        self._disk = disk
        self._node = node
        self._framing = framing
        self._checksums: dict[str, int] = {}  # Of the files as they should be.

    def content(self, file: str) -> bytes | None:
        """Return a file, None where the disk cannot read it. Unlike a sync, a read may be tried again."""
        for _ in range(2):
            try:
                return self._disk.read(file)
            except ReadError:
                continue
        return None

    def save(self, file: str, body: bytes) -> None:
        content = self._framed(file, body)
        self._checksums[file] = crc32(content)
        self._disk.replace(file, content)

    def body(self, file: str) -> bytes | None:
        """Return what a file holds, b"" where there is none, None where it cannot be believed."""
        content = self.content(file)
        if content == b"":
            return b""
        scan = self._framing(self._node, file).read(content or b"")
        if content is None or scan.is_damaged or len(scan.bodies) != 1:
            return None
        self._checksums[file] = crc32(self._framed(file, scan.bodies[0]))
        return scan.bodies[0]

    def remove(self, file: str) -> None:
        self._checksums.pop(file, None)
        self._disk.remove(file)

    def is_intact(self, file: str) -> bool:
        """Read a file back, and tell whether it is as it was written: as far as its frame says, where that is all that
        is known.
        """
        content = self.content(file)
        if content is None:
            return False
        if file in self._checksums:
            return crc32(content) == self._checksums[file]
        return not content or self._framing(self._node, file).read(content).is_whole

    def _framed(self, file: str, body: bytes) -> bytes:
        return self._framing(self._node, file).pack(body, 0, 1, 1)
