"""For how long clients were served by nobody."""

from __future__ import annotations

from collections.abc import Iterable

from PhantomLibrary.domain import HistoryEvent


def longest_outage(events: Iterable[HistoryEvent], since_ns: int, until_ns: int) -> tuple[int, int]:
    """Return the longest time within these bounds in which no operation was confirmed, and when it began."""
    longest_ns, began_ns, last_ns = 0, since_ns, since_ns
    times_ns = [event.time_ns for event in events if event.type == "ok" and since_ns <= event.time_ns <= until_ns]
    for time_ns in (*times_ns, until_ns):
        if time_ns - last_ns > longest_ns:
            longest_ns, began_ns = time_ns - last_ns, last_ns
        last_ns = time_ns
    return longest_ns, began_ns
