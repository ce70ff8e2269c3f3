"""Named random streams: each consumer draws from its own, so one more draw in one place shifts nothing elsewhere.

A stream offers integers only, because floating point differs in its last bits between Python versions and machines. The
bits come from CPython's Mersenne Twister seeded with an integer, whose `getrandbits` has been stable since Python 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from random import Random


class Stream:
    """A sequence of random bits, decided by a seed and a name.

    `bits(k)` returns an integer of k random bits, k >= 1.
    """

    __slots__ = ("_twister", "bits")

    bits: Callable[[int], int]

    def __init__(self, seed: int, name: str) -> None:
        self._twister = Random()
        self.bits = self._twister.getrandbits
        self.reseed(seed, name)

    def reseed(self, seed: int, name: str) -> None:
        """Begin anew, as a stream made with this seed and name would."""
        text = f"{seed}/{name}".encode()
        self._twister.seed(int.from_bytes(blake2b(text, digest_size=16).digest(), "big"))

    def below(self, n: int) -> int:
        """Return an integer from 0 to n - 1, all equally likely. `n` must be at least 1."""
        assert n >= 1
        bits = self.bits
        length = n.bit_length()
        drawn = bits(length)
        while drawn >= n:  # Rejection keeps it exact; at least half of all draws are good.
            drawn = bits(length)
        return drawn

    def chance(self, numerator: int, denominator: int) -> bool:
        """Return True in `numerator` of `denominator` cases."""
        return numerator > 0 and self.below(denominator) < numerator


class Streams:
    """All streams of one run, made when first asked for."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._streams: dict[str, Stream] = {}

    def get(self, name: str) -> Stream:
        """Return the stream of that name, the same at each call."""
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = Stream(self.seed, name)
        return stream

    def reseed(self, name: str, seed: int) -> None:
        """Let one stream go on as in a run with another seed."""
        self.get(name).reseed(seed, name)
