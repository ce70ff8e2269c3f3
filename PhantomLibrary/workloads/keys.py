"""Which key an operation goes to: all alike, by Zipf's law, or most of them to a few hot ones.

Rule: integers only, and one stream. A draw takes 32 random bits and is exact to one part in four billion.

Source of `zipf`: Gray, Sundaresan, Englert, Baclawski, Weinberger, "Quickly Generating Billion-Record Synthetic
Databases" (SIGMOD 1994), as in YCSB (Cooper et al., SoCC 2010). Both use the exponent 0.99 because Gray's closed
formula fails at 1; a table has no such limit, so the key of rank r has the weight 1/r here. Source of `hot`: YCSB's
hotspot distribution.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import TypeAlias

from PhantomLibrary.domain.operations import LEFT_SUFFIX
from PhantomLibrary.kernel.streams import Stream

SlotChoice: TypeAlias = Callable[[], int]
"""Draws a slot, 0 to keys - 1; slot 0 is the most popular one."""

HOT_OPERATIONS_PERCENT = 90
HOT_KEYS_PERCENT = 10

_GO_ON = ("set", "append", "saga")  # To further keys, when a list is full.
_BITS = 32
_WHOLE = 1 << _BITS


def is_key_of(key: str, pattern: str, keys: int, kind: str) -> bool:
    """Whether a key is one of those that a kind of workload may write, with keys of this form."""
    head, _, tail = pattern.partition("{}")
    key = key.removesuffix(LEFT_SUFFIX) if kind == "saga" else key
    number = key.removeprefix(head).removesuffix(tail)
    if f"{head}{number}{tail}" != key or not (number.isascii() and number.isdecimal()):
        return False
    return kind in _GO_ON or int(number) < keys


def zipf_bounds(keys: int) -> list[int]:
    """Return where the share of each key but the last ends, in parts of 2**32."""
    sums = list(accumulate((_WHOLE << _BITS) // rank for rank in range(1, keys + 1)))
    return [_WHOLE * each // sums[-1] for each in sums[:-1]]


SKEWS = ("uniform", "zipf", "hot")


class Skews:
    """How unequally keys are chosen."""

    def choice(self, skew: str, keys: int, stream: Stream) -> SlotChoice:
        """Return the choice of that name."""
        made: SlotChoice = getattr(self, skew)(keys, stream)
        return made

    def uniform(self, keys: int, stream: Stream) -> SlotChoice:
        """All keys are equally likely."""
        bits = stream.bits
        return lambda: bits(_BITS) * keys >> _BITS

    def zipf(self, keys: int, stream: Stream) -> SlotChoice:
        """The key of rank r is chosen r times less often than the first."""
        bounds = zipf_bounds(keys)
        bits = stream.bits
        return lambda: bisect_right(bounds, bits(_BITS))

    def hot(self, keys: int, stream: Stream) -> SlotChoice:
        """Nine of ten operations go to the first tenth of the keys, which is one key at least."""
        hot = max(1, keys * HOT_KEYS_PERCENT // 100)
        cold = keys - hot
        bits, limit = stream.bits, _WHOLE * HOT_OPERATIONS_PERCENT // 100

        def choose() -> int:
            if bits(_BITS) < limit or not cold:
                return bits(_BITS) * hot >> _BITS
            return hot + (bits(_BITS) * cold >> _BITS)

        return choose


class Keyspace:
    """The keys of one workload, `k0` to `k99` for a hundred slots, and which of them were written.

    With `writes_max`, a key that has had so many writes is left alone, and its slot goes on with the next free
    number: lists that only grow would make reads, and the history, grow with the square of the run's length.
    """

    __slots__ = ("_next", "_pattern", "_retired", "_writes", "_writes_max", "names")

    def __init__(self, keys: int, pattern: str = "k{}", writes_max: int = 0) -> None:
        self.names = [pattern.format(slot) for slot in range(keys)]
        self._pattern = pattern
        self._next = keys
        self._writes = [0] * keys
        self._writes_max = writes_max
        self._retired: list[str] = []

    def write(self, slot: int) -> str:
        """Return the key to write to, and count that."""
        writes = self._writes[slot]
        if writes and writes == self._writes_max:
            self._retired.append(self.names[slot])
            self.names[slot] = self._pattern.format(self._next)
            self._next += 1
            writes = 0
        self._writes[slot] = writes + 1
        return self.names[slot]

    def written(self) -> list[str]:
        """Return every key that was given out for writing."""
        return [*self._retired, *(name for name, writes in zip(self.names, self._writes, strict=True) if writes)]
