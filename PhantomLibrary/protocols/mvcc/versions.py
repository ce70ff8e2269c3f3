"""The versioned store: an ordered map from keys to versions, each with its timestamp.

Part of the replicated state, so it reads no clock: timestamps and the horizon of garbage collection come with commands.

Source: Reed, "Naming and Synchronization in a Decentralized Computer System" (1978), for versions by timestamp;
Bernstein, Hadzilacos, Goodman, "Concurrency Control and Recovery in Database Systems" (1987), chapter 5.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import TypeAlias

import msgspec

Version: TypeAlias = tuple[int, bytes | None, int]
"""When it was written, the value (None where the key was deleted), and when this shard promised to write it.

The two times differ where a transaction over several shards got its timestamp from another one. Whoever came to this
shard before the promise came before the commit, whatever the timestamp says: see `written_between`. CockroachDB has
it as the local timestamp of a value (pull request 83345, 2022), for want of which it read stale values.
"""

VERSION_BYTES = 21  # What a version takes beside its value: two time-stamps, and two lengths.

_encode = msgspec.msgpack.Encoder().encode
_DIGEST_MASK = (1 << 64) - 1
_written_ns = itemgetter(0)


class VersionedStore:
    """`key bytes -> [version]`, oldest version first, at least one a key.

    `horizon_ns` is the time before which versions may be gone.
    """

    def __init__(self) -> None:
        self._versions: dict[bytes, list[Version]] = {}
        self._keys: list[bytes] = []  # In order.
        self._hashes: dict[bytes, int] = {}
        self._changed: dict[bytes, None] = {}
        self._watched: dict[bytes, None] | None = None
        self._digest = 0
        self.last_timestamp_ns = 0
        self.horizon_ns = 0
        self.bytes = 0  # Of all keys and versions.

    # --- reading ----------------------------------------------------------------------------------------------------

    def latest(self, key: bytes) -> bytes | None:
        """Return the newest value of a key, or None when it has none."""
        versions = self._versions.get(key)
        return versions[-1][1] if versions else None

    def latest_ns(self, key: bytes) -> int:
        """Return when a key was last written or deleted, 0 for never."""
        versions = self._versions.get(key)
        return versions[-1][0] if versions else 0

    def at(self, key: bytes, timestamp_ns: int) -> bytes | None:
        """Return the value that a key had at a time, or None."""
        for written_ns, value, _ in reversed(self._versions.get(key, ())):
            if written_ns <= timestamp_ns:
                return value
        return None

    def keys(self, start: bytes, end: bytes) -> list[bytes]:
        """Return the keys in [start, end) that have ever been written, in order; `end` b"" means no end."""
        keys = self._keys
        stop = bisect_left(keys, end) if end else len(keys)
        return keys[bisect_left(keys, start) : stop]

    def versions_of(self, key: bytes) -> Sequence[Version]:
        """Return what is kept of a key, oldest version first."""
        return self._versions.get(key, ())

    def latest_promised_ns(self, key: bytes) -> int:
        """Return when the newest version of a key was promised, 0 where there is none."""
        versions = self._versions.get(key)
        return versions[-1][2] if versions else 0

    def written_between(self, key: bytes, after_ns: int, until_ns: int, promised_ns: int) -> int:
        """Return the time of the newest version in (after, until] that was promised by then, 0 when there is none."""
        for written, _, promised in reversed(self._versions.get(key, ())):
            if written <= after_ns:
                return 0
            if written <= until_ns and promised <= promised_ns:
                return written
        return 0

    # --- writing ----------------------------------------------------------------------------------------------------

    def next_ns(self, at_ns: int) -> int:
        """Return a timestamp for something to be written: `at_ns`, or just after the newest one of all."""
        return max(at_ns, self.last_timestamp_ns + 1)

    def put(self, key: bytes, value: bytes | None, *, at_ns: int, horizon_ns: int) -> None:
        """Add a version at `next_ns(at_ns)`; forget what no reader since the horizon sees."""
        self.last_timestamp_ns = timestamp_ns = max(at_ns, self.last_timestamp_ns + 1)
        self._add(key, (timestamp_ns, value, timestamp_ns), horizon_ns)

    def install(self, key: bytes, version: Version, *, horizon_ns: int) -> None:
        """Add a version, newer than all that the key has; forget what no reader since the horizon sees."""
        self.reserve(version[0])
        self._add(key, version, horizon_ns)

    def _add(self, key: bytes, version: Version, horizon_ns: int) -> None:
        if horizon_ns > self.horizon_ns:
            self.horizon_ns = horizon_ns
        self._changed[key] = None
        if self._watched is not None:
            self._watched[key] = None
        value = version[1]
        self.bytes += VERSION_BYTES if value is None else VERSION_BYTES + len(value)
        versions = self._versions.get(key)
        if versions is None:
            self.bytes += len(key)
            self._versions[key] = [version]
            insort(self._keys, key)
            return
        if versions[-1][0] < version[0]:
            versions.append(version)
        else:  # Locks keep this from happening, unless they are broken: then checkers are to see it, not this store.
            insort(versions, version, key=_written_ns)
        while versions[1][0] <= horizon_ns:
            self.bytes -= VERSION_BYTES + len(versions[0][1] or b"")
            del versions[0]
            if len(versions) == 1:
                break

    def reserve(self, timestamp_ns: int) -> None:
        """Give no timestamp up to this one from now on."""
        if timestamp_ns > self.last_timestamp_ns:
            self.last_timestamp_ns = timestamp_ns

    # --- all of it --------------------------------------------------------------------------------------------------

    def items(self) -> Iterator[tuple[bytes, list[Version]]]:
        """Yield keys in their order, with their versions."""
        for key in self._keys:
            yield key, self._versions[key]

    def load(self, key: bytes, versions: list[Version]) -> None:
        """Put in a key as `items` gave it: after all that are here."""
        self._versions[key] = versions
        insort(self._keys, key)
        self._changed[key] = None
        if self._watched is not None:
            self._watched[key] = None
        self.bytes += key_bytes(key, versions)

    def drop(self, keys: Iterable[bytes]) -> None:
        """Forget keys that are here, with all their versions."""
        for key in keys:
            self.bytes -= key_bytes(key, self._versions.pop(key))
            self._changed.pop(key, None)
            if self._watched is not None:
                self._watched[key] = None
            self._digest = (self._digest - self._hashes.pop(key, 0)) & _DIGEST_MASK
        self._keys = [key for key in self._keys if key in self._versions]

    def watch(self) -> dict[bytes, None]:
        """Return what is to hold the keys that changed from now on: who asked takes them out. There is one who does."""
        self._watched = {}
        return self._watched

    def digest(self) -> int:
        """Return a number that two stores share when they hold the same: a sum, brought up to date by what changed."""
        for key in self._changed:
            encoded = _encode((key, self._versions[key]))
            fresh = int.from_bytes(blake2b(encoded, digest_size=8).digest(), "big")
            self._digest = (self._digest - self._hashes.get(key, 0) + fresh) & _DIGEST_MASK
            self._hashes[key] = fresh
        self._changed.clear()
        return self._digest


def key_bytes(key: bytes, versions: list[Version]) -> int:
    """Return how many bytes a key takes with its versions."""
    return len(key) + sum(len(value or b"") + VERSION_BYTES for _, value, _ in versions)
