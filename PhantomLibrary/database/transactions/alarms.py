"""What is to be done at some time, in the order of times: one deadline of the node for all of it."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from PhantomLibrary.kernel.process import Env


class Alarms:
    """Actions by time; those of one time in the order in which they were asked for."""

    def __init__(self, env: Env, deadline: str) -> None:
        self._env = env
        self._deadline = deadline
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._number = 0

    def call_at(self, at_ns: int, action: Callable[[], object]) -> None:
        self._number += 1
        heappush(self._heap, (at_ns, self._number, action))
        if self._heap[0][1] == self._number:
            self._env.set_deadline(self._deadline, at_ns)

    def fire(self) -> None:
        """Do what is due."""
        heap, now_ns = self._heap, self._env.monotonic_ns()
        while heap and heap[0][0] <= now_ns:
            heappop(heap)[2]()
        if heap:
            self._env.set_deadline(self._deadline, heap[0][0])
