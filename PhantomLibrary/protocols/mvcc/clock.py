"""Hybrid logical clocks: timestamps that follow cause and effect and stay near the wall clock.

Source: Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical Physical Clocks" (OPODIS 2014). Theirs is a pair of a wall
time and a counter; here the counter is folded into the nanoseconds, as their section 6 does with the low bits.
"""

from __future__ import annotations

from collections.abc import Callable


class HybridClock:
    """The clock of one node. Times are nanoseconds of virtual time; no two readings are equal."""

    def __init__(self, wall_ns: Callable[[], int]) -> None:
        self._wall_ns = wall_ns
        self._last_ns = 0

    def now_ns(self) -> int:
        """Return a timestamp above all that were returned or observed here before."""
        self._last_ns = now_ns = max(self._wall_ns(), self._last_ns + 1)
        return now_ns

    def observe(self, timestamp_ns: int) -> None:
        """A timestamp came from elsewhere: what is read here from now on is above it."""
        if timestamp_ns > self._last_ns:
            self._last_ns = timestamp_ns
