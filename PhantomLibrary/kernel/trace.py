"""The trace of a run: one canonical record a happening, and a digest over all of them.

Two runs are the same run when their digests are equal. Records are bytes: a line of text that starts with the
virtual time in nanoseconds. The digest is computed over uncompressed records, a batch at a time, because one call
of the hash function costs as much as many short records. Records are kept only when a sink asks for them.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import TypeAlias

Sink: TypeAlias = Callable[[list[bytes]], object]

_BATCH = 1024


class Trace:
    """Collects records. `add` is the bound method to call; it takes one record."""

    __slots__ = ("_batch", "_hash", "_sink", "records")

    def __init__(self, sink: Sink | None = None) -> None:
        self._batch: list[bytes] = []
        self._hash = blake2b(digest_size=16)
        self._sink = sink
        self.records = 0

    def add(self, record: bytes) -> None:
        """Add one record. It must not hold a newline."""
        batch = self._batch
        batch.append(record)
        if len(batch) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Bring digest and sink up to date."""
        batch = self._batch
        if not batch:
            return
        self.records += len(batch)
        self._hash.update(b"\n".join(batch))
        self._hash.update(b"\n")
        if self._sink is not None:
            self._sink(batch.copy())
        batch.clear()

    def digest(self) -> str:
        """Return the digest over all records so far, as 32 hexadecimal digits."""
        self.flush()
        return self._hash.hexdigest()
