"""When a gateway looks after its calls: one deadline of the node for the attempts of all."""

from __future__ import annotations

from collections.abc import Container
from heapq import heappop, heappush

from PhantomLibrary.kernel.process import Env

DEADLINE = "gateway"


class CallTimers:
    """The times at which attempts are looked after, earliest first. Those that were answered lie there till then."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self._heap: list[tuple[int, int, int]] = []  # (due, call, attempt)
        self._set_ns = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, due_ns: int, call: int, attempt: int) -> None:
        heappush(self._heap, (due_ns, call, attempt))
        if not self._set_ns or due_ns < self._set_ns:
            self._set_ns = due_ns
            self._env.set_deadline(DEADLINE, due_ns)

    def begin(self) -> None:
        """The deadline has passed: `take_due` until nothing is, then `end`."""
        self._set_ns = 0

    def take_due(self, now_ns: int) -> tuple[int, int] | None:
        """Return the next call that is due, with its attempt, or None."""
        if not self._heap or self._heap[0][0] > now_ns:
            return None
        _, call, attempt = heappop(self._heap)
        return call, attempt

    def end(self, calls: Container[int]) -> None:
        """Set the deadline of the next call that has not ended."""
        heap = self._heap
        while heap and heap[0][1] not in calls:
            heappop(heap)
        if heap and (not self._set_ns or heap[0][0] < self._set_ns):
            self._set_ns = heap[0][0]
            self._env.set_deadline(DEADLINE, self._set_ns)
