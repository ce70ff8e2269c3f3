"""The versioned store: an ordered map from keys to versions, each with its timestamp.

Part of the replicated state, so it reads no clock: timestamps and the horizon of garbage collection come with commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

_encode = msgspec.msgpack.Encoder().encode
_DIGEST_MASK = (1 << 64) - 1


class VersionedStore:
    """`key bytes -> [(timestamp_ns, value bytes)]`, oldest version first, at least one a key."""

    def __init__(self) -> None:
        self._versions: dict[bytes, list[tuple[int, bytes]]] = {}
        self._hashes: dict[bytes, int] = {}
        self._changed: dict[bytes, None] = {}
        self._digest = 0
        self.last_timestamp_ns = 0

    def latest(self, key: bytes) -> bytes | None:
        """Return the newest value of a key, or None when it has none."""
        versions = self._versions.get(key)
        return versions[-1][1] if versions else None

    def at(self, key: bytes, timestamp_ns: int) -> bytes | None:
        """Return the value that a key had at a time, or None."""
        for written_ns, value in reversed(self._versions.get(key, ())):
            if written_ns <= timestamp_ns:
                return value
        return None

    def put(self, key: bytes, value: bytes, *, at_ns: int, horizon_ns: int) -> None:
        """Add a version, at `at_ns` or just after the newest one of all; forget what no reader since the
        horizon sees.
        """
        self.last_timestamp_ns = timestamp_ns = max(at_ns, self.last_timestamp_ns + 1)
        versions = self._versions.get(key)
        if versions is None:
            self._versions[key] = [(timestamp_ns, value)]
        else:
            versions.append((timestamp_ns, value))
            while versions[1][0] <= horizon_ns:
                del versions[0]
                if len(versions) == 1:
                    break
        self._changed[key] = None

    def items(self) -> Iterator[tuple[bytes, list[tuple[int, bytes]]]]:
        """Yield keys in their order, with their versions."""
        for key in sorted(self._versions):
            yield key, self._versions[key]

    def load(self, key: bytes, versions: list[tuple[int, bytes]]) -> None:
        """Put in a key as `items` gave it."""
        self._versions[key] = versions
        self._changed[key] = None

    def digest(self) -> int:
        """Return a number that two stores share when they hold the same: a sum, brought up to date by what changed."""
        for key in self._changed:
            encoded = _encode((key, self._versions[key]))
            fresh = int.from_bytes(blake2b(encoded, digest_size=8).digest(), "big")
            self._digest = (self._digest - self._hashes.get(key, 0) + fresh) & _DIGEST_MASK
            self._hashes[key] = fresh
        self._changed.clear()
        return self._digest
