"""The trace of a run: one canonical record a happening, and a digest over all of them.

Two runs are the same run when their digests are equal. Records are bytes: a line of text that starts with the
virtual time in nanoseconds. They are written out and hashed a batch at a time, because the simulation's own code leaves
the processor's caches less often so. Records are kept only when a sink asks for them.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import TypeAlias

Sink: TypeAlias = Callable[[list[bytes]], object]
Happening: TypeAlias = tuple[int, bytes, bytes]
"""A virtual time and the rest of a JSON object in two parts: `{"t":time` first part, second part, `}`."""

_BATCH = 1024


class Trace:
    """Collects records. `add` takes one happening; neither part of it may hold a newline.

    It is a list's bound `append`, so whoever drives the run calls `flush_batch` now and then.
    """

    __slots__ = ("_batch", "_hash", "_sink", "add", "records")

    def __init__(self, sink: Sink | None = None) -> None:
        self._batch: list[Happening] = []
        self.add: Callable[[Happening], None] = self._batch.append
        self._hash = blake2b(digest_size=16)
        self._sink = sink
        self.records = 0

    def flush_batch(self) -> None:
        """Bring digest and sink up to date if there is enough to make it worth while."""
        if len(self._batch) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Bring digest and sink up to date."""
        batch = self._batch
        if not batch:
            return
        records = [b'{"t":%d%b%b}' % happening for happening in batch]
        batch.clear()
        self.records += len(records)
        self._hash.update(b"\n".join(records))
        self._hash.update(b"\n")
        if self._sink is not None:
            self._sink(records)

    def digest(self) -> str:
        """Return the digest over all records so far, as 32 hexadecimal digits."""
        self.flush()
        return self._hash.hexdigest()
