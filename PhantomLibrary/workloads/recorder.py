"""The history of a run, written down as it happens.

Rule: a process has one operation under way at most, and none after `info`; who goes on takes a new number. Every
client of a run, those of keywords included, writes to one recorder, so that indices and process numbers are unique
over the run.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, TypeAlias

import msgspec

from PhantomLibrary.domain import SECOND_NS, EventType, HistoryEvent, NodeId
from PhantomLibrary.kernel.scheduler import Scheduler

Listener: TypeAlias = Callable[[HistoryEvent], object]


_ANSWERED_WITHIN_NS = 10 * SECOND_NS


class HistoryRecorder:
    """Collects the events of all clients.

    `events` is the history so far. `counts` holds how many events of each type there are. `under_way` holds the
    invocation of each process that waits for an answer. `listener`, where there is one, is called with each event
    once it is recorded.
    """

    __slots__ = ("_processes", "_scheduler", "_values", "counts", "events", "listener", "under_way")

    def __init__(self, scheduler: Scheduler, listener: Listener | None = None) -> None:
        self.events: list[HistoryEvent] = []
        self.counts: dict[EventType, int] = {"invoke": 0, "ok": 0, "fail": 0, "info": 0}
        self.under_way: dict[int, HistoryEvent] = {}
        self.listener = listener
        self._scheduler = scheduler
        self._processes = 0  # How many numbers were given out.
        self._values: dict[str, count[int]] = {}

    def new_process(self) -> int:
        """Return a process number that was never given out before: 0, 1, 2, …"""
        return self.reserve(1).start

    def reserve(self, processes: int) -> range:
        """Return as many new process numbers as that, one after the other."""
        first = self._processes
        self._processes += processes
        return range(first, self._processes)

    def values_of(self, workload: str) -> count[int]:
        """Return the workload's values 1, 2, 3, …; they go on where they were when it starts again under its name."""
        return self._values.setdefault(workload, count(1))

    def invoke(
        self, process: int, function: str, key: str | None, argument: Any, workload: str = "", node: NodeId = ""
    ) -> None:
        """Record that a process issues an operation now."""
        events = self.events
        event = HistoryEvent(
            len(events), self._scheduler.now_ns, process, "invoke", function, key, argument, workload, node
        )
        assert process not in self.under_way, f"process {process} has an operation under way"
        self.under_way[process] = event
        events.append(event)
        self.counts["invoke"] += 1
        if self.listener is not None:
            self.listener(event)

    def restate(self, process: int, argument: Any) -> None:
        """Record what it was that a process asked for, where that became known only step by step."""
        event = msgspec.structs.replace(self.under_way[process], value=argument)
        self.under_way[process] = self.events[event.index] = event

    def complete(self, process: int, type_: EventType, value: Any, node: NodeId = "", error: str = "") -> None:
        """Record how the operation that a process has under way ended, now."""
        invoked = self.under_way.pop(process)
        events = self.events
        event = HistoryEvent(
            len(events),
            self._scheduler.now_ns,
            process,
            type_,
            invoked.function,
            invoked.key,
            value,
            invoked.workload,
            node,
            error,
        )
        events.append(event)
        self.counts[type_] += 1
        if self.listener is not None:
            self.listener(event)

    def may_be_late(self, key: str, at_ns: int) -> bool:
        """Return whether an operation on a key, begun not long ago, had no answer at a time: it may get one even now,
        though its client has another one, or has given up.
        """
        since_ns = self._scheduler.now_ns - _ANSWERED_WITHIN_NS
        begun: dict[int, HistoryEvent] = {}
        for event in self.events:
            if event.time_ns > at_ns:
                break
            if event.type == "invoke":
                begun[event.process] = event
            elif event.type == "ok":
                del begun[event.process]
        return any(event.key == key and event.time_ns >= since_ns for event in begun.values())
