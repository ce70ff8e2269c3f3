"""A machine's network card: all that leaves it goes through at one bandwidth, in the order in which it is sent.

It is the sending half of a card that works both ways. What a database takes in is less than what it gives out, since a
leader sends each write to all its followers, so the other half is not modelled.
"""

from __future__ import annotations

from collections import deque

from PhantomLibrary.domain import SECOND_NS

SEND_BUFFER_BYTES_MAX = 64 * 1024 * 1024  # What waits for bandwidth beyond this is lost.


class NetworkCard:
    """Keeps when it sends: as few bursts as there are gaps in what has yet to be sent."""

    __slots__ = ("_bursts", "_sent_ns", "bandwidth", "free_ns")

    def __init__(self, bandwidth: int) -> None:
        self.bandwidth = bandwidth
        self.free_ns = 0
        self._sent_ns = 0  # How long it sent in bursts that are over.
        self._bursts: deque[list[int]] = deque()  # [begin, end]

    def transmit(self, size: int, leave_ns: int, now_ns: int) -> int | None:
        """Return when the last byte of what is sent at `leave_ns` is out, or None if the buffer is full."""
        begin_ns = max(leave_ns, self.free_ns)
        if (begin_ns - leave_ns) * self.bandwidth > SEND_BUFFER_BYTES_MAX * SECOND_NS:
            return None
        self.free_ns = end_ns = begin_ns - (-size * SECOND_NS // self.bandwidth)  # Rounded up.
        bursts = self._bursts
        if bursts and bursts[-1][1] == begin_ns:
            bursts[-1][1] = end_ns
        else:
            self._close_bursts(now_ns)
            bursts.append([begin_ns, end_ns])
        return end_ns

    def busy_ns(self, now_ns: int) -> int:
        """Return for how long it has sent so far."""
        self._close_bursts(now_ns)
        return self._sent_ns + sum(max(0, now_ns - begin_ns) for begin_ns, _ in self._bursts)

    def _close_bursts(self, now_ns: int) -> None:
        bursts = self._bursts
        while bursts and bursts[0][1] <= now_ns:
            begin_ns, end_ns = bursts.popleft()
            self._sent_ns += end_ns - begin_ns
