"""The changes of all origins that some region may still lack, each origin's in their order and without gaps."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from hashlib import blake2b
from itertools import islice

import msgspec
from msgspec import Struct

from PhantomLibrary.domain.region_policy import Vector
from PhantomLibrary.domain.regions import Change

_encode = msgspec.msgpack.Encoder().encode


class OriginLog(Struct, array_like=True):
    """Changes base + 1 ... of one origin. `chain` is a hash of all that it ever had."""

    origin: str
    base: int = 0
    chain: int = 0
    changes: list[Change] = []


class ChangeLog:
    """The logs of all origins. `bytes` is what their changes take when they are sent."""

    def __init__(self) -> None:
        self.bytes = 0
        self._bases: dict[str, int] = {}
        self._chains: dict[str, int] = {}
        self._changes: dict[str, deque[tuple[Change, int]]] = {}  # With their sizes.

    def add(self, change: Change) -> None:
        """Add the next change of its origin."""
        origin = change.dot.region
        encoded = _encode(change)
        if origin not in self._changes:
            self._bases[origin] = self._chains[origin] = 0
            self._changes[origin] = deque()
        before = self._chains[origin].to_bytes(8, "big")
        self._chains[origin] = int.from_bytes(blake2b(encoded, digest_size=8, key=before).digest(), "big")
        self._changes[origin].append((change, len(encoded)))
        self.bytes += len(encoded)

    def cut(self, stable: Mapping[str, int]) -> None:
        """Forget changes that everybody has."""
        for origin, changes in self._changes.items():
            count = stable.get(origin, 0)
            while changes and self._bases[origin] < count:
                self.bytes -= changes.popleft()[1]
                self._bases[origin] += 1

    def after(self, origin: str, count: int, bytes_max: int) -> tuple[list[Change], int]:
        """Return changes of an origin after the first `count`, and their bytes: at most so many, and one at least.

        None where the next one is not here any more, or not yet.
        """
        base = self._bases.get(origin, 0)
        found: list[Change] = []
        taken = 0
        if count >= base:
            for change, size in islice(self._changes.get(origin, ()), count - base, None):
                if taken and taken + size > bytes_max:
                    break
                found.append(change)
                taken += size
        return found, taken

    def dump(self) -> list[OriginLog]:
        """Return the logs by the names of their origins."""
        return [
            OriginLog(origin, base, chain, [change for change, _ in self._changes[origin]])
            for origin, base, chain in self.summary()
        ]

    def load(self, logs: list[OriginLog]) -> None:
        """Take over what `dump` returned."""
        self.bytes = 0
        for log in logs:
            self._bases[log.origin], self._chains[log.origin] = log.base, log.chain
            sized = [(change, len(_encode(change))) for change in log.changes]
            self._changes[log.origin] = deque(sized)
            self.bytes += sum(size for _, size in sized)

    def summary(self) -> list[tuple[str, int, int]]:
        """Return (origin, how many were cut, hash of all there were), which stand for the logs in a digest."""
        return [(origin, self._bases[origin], self._chains[origin]) for origin in sorted(self._changes)]

    def kept(self) -> Vector:
        """Return how many changes of each origin are here."""
        return tuple((origin, len(self._changes[origin])) for origin in sorted(self._changes))
