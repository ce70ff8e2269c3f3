"""The entries of a table by key, with a digest and a size that are brought up to date by what changed."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from PhantomLibrary.protocols.replication.entries import Entry

_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_DIGEST_MASK = (1 << 64) - 1


class EntryStore:
    """Entries by key. Whoever changes one says so with `touch`."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._changed: dict[str, None] = {}
        self._hashes: dict[str, tuple[int, int]] = {}  # Of each key, and its bytes.
        self._digest = self._bytes = 0

    def __getitem__(self, key: str) -> Entry:
        return self._entries[key]

    def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def touch(self, key: str) -> Entry:
        """Return the entry of a key, a new one if need be, that is about to change."""
        self._changed[key] = None
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = Entry()
        return entry

    def put(self, key: str, entry: Entry) -> None:
        self._changed[key] = None
        self._entries[key] = entry

    def drop(self, key: str) -> None:
        self._changed[key] = None
        del self._entries[key]

    def items(self) -> Iterator[tuple[str, Entry]]:
        """Yield keys in their order, with their entries."""
        for key in sorted(self._entries):
            yield key, self._entries[key]

    def digest(self) -> int:
        """Return a number of 64 bits that two stores share when they hold the same."""
        self._reckon()
        return self._digest

    @property
    def bytes(self) -> int:
        """What keys and entries take when they are encoded."""
        self._reckon()
        return self._bytes

    def _reckon(self) -> None:
        for key in self._changed:
            before, before_bytes = self._hashes.pop(key, (0, 0))
            fresh = fresh_bytes = 0
            if key in self._entries:
                encoded = _encode((key, self._entries[key]))
                fresh = int.from_bytes(blake2b(encoded, digest_size=8).digest(), "big")
                fresh_bytes = len(encoded)
                self._hashes[key] = fresh, fresh_bytes
            self._digest = (self._digest - before + fresh) & _DIGEST_MASK
            self._bytes += fresh_bytes - before_bytes
        self._changed.clear()
