"""The yardstick of all speed figures: a heap, five pending events, one random draw and one callback an event."""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random
from time import process_time_ns


def run_bare_loop(events: int, *, seed: int = 1) -> int:
    """Return the CPU nanoseconds that `events` events take."""
    bits = Random(seed).getrandbits
    heap: list[tuple[int, int, object, int]] = []
    sequence = 0

    def deliver(node: int) -> None:
        nonlocal sequence
        sequence += 1
        heappush(heap, (now + 100_000 + bits(20), sequence, deliver, (node + 1) % 5))

    now = 0
    for node in range(5):
        deliver(node)
    started = process_time_ns()
    for _ in range(events):
        now, _, callback, argument = heappop(heap)
        callback(argument)  # type: ignore[operator]
    return process_time_ns() - started


if __name__ == "__main__":
    print(f"{min(run_bare_loop(300_000) for _ in range(3)) / 300_000:.0f} ns an event")
