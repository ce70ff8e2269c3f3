"""From the events of a history to its operations, with the rules that every history keeps.

An operation spans from its call to its return, both given as positions in the history. Positions, not times, say
what came before what: two events of one instant keep the order in which they were recorded. An `info` operation has
no return: it may take effect at any later time, or never; so has one that was still running at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NoReturn, TypeAlias

from msgspec import Struct

from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, seconds
from PhantomLibrary.domain import HistoryEvent
from PhantomLibrary.errors import InvalidInput

MISMATCH = "not equal"
"""The `error` of a failed cas that is known to have failed because the key did not hold what was expected.

Without it a failed cas says only that nothing was written.
"""

Ending: TypeAlias = Literal["ok", "fail", "info", "open"]


class MalformedHistory(InvalidInput):
    """A history that breaks the rules of its form."""


class CompletedOperation(Struct, frozen=True, gc=False):
    """One operation of a client: what it asked, what it learnt, and when.

    `called` and `returned` are positions in the history; `returned` is None when the end is unknown (`info`, `open`).
    `position` is its place among the operations, by call.
    """

    position: int
    process: int
    function: str
    key: str | None
    argument: Any
    result: Any
    ending: Ending
    called: int
    returned: int | None
    called_ns: int
    returned_ns: int | None
    error: str = ""
    node: str = ""

    @property
    def is_confirmed(self) -> bool:
        """Tell whether the client was told that it happened."""
        return self.ending == "ok"

    @property
    def may_have_happened(self) -> bool:
        """Tell whether it happened or may have happened."""
        return self.ending != "fail"


class OutcomeCounts(Struct, frozen=True, gc=False):
    """How the operations of a history ended."""

    ok: int = 0
    fail: int = 0
    info: int = 0
    open: int = 0

    @property
    def total(self) -> int:
        """Return how many operations were called."""
        return self.ok + self.fail + self.info + self.open


def pair(events: Iterable[HistoryEvent]) -> list[CompletedOperation]:
    """Return the operations of a history by order of their calls.

    Raises MalformedHistory when the history breaks a rule of its form; the text names the event.
    """
    pairing = _Pairing()
    for event in events:
        pairing.add(event)
    return pairing.finish()


def count_endings(operations: Iterable[CompletedOperation]) -> OutcomeCounts:
    """Return how many operations ended in each way."""
    counts = {"ok": 0, "fail": 0, "info": 0, "open": 0}
    for operation in operations:
        counts[operation.ending] += 1
    return OutcomeCounts(**counts)


def by_key(operations: Iterable[CompletedOperation]) -> dict[str | None, list[CompletedOperation]]:
    """Return the operations of each key, keys by first appearance."""
    parts: dict[str | None, list[CompletedOperation]] = {}
    for operation in operations:
        parts.setdefault(operation.key, []).append(operation)
    return parts


def by_workload(events: Iterable[HistoryEvent]) -> dict[str, list[HistoryEvent]]:
    """Return the events of each workload, workloads by first appearance."""
    parts: dict[str, list[HistoryEvent]] = {}
    for event in events:
        parts.setdefault(event.workload, []).append(event)
    return parts


def describe(operation: CompletedOperation) -> str:
    """Return one line of evidence: who asked what when, and how it ended."""
    asked = operation.function
    if operation.argument is not None:
        asked += f" {shown(operation.argument)}"
    span = f"{seconds(operation.called_ns)} to "
    if operation.returned_ns is None:
        ended, span = "outcome unknown", span + "?"
    else:
        span += seconds(operation.returned_ns)
        ended = f"{operation.ending} {operation.error}".rstrip()
        if operation.ending == "ok" and operation.argument is None:
            ended = f"ok {shown(operation.result)}"
    at_node = f" at {operation.node}" if operation.node else ""
    return f"{span}  process {operation.process}{at_node}  {asked}  {ended}"


def shown(value: Any, *, characters_max: int = 60) -> str:
    """Return a value as people write it: None as `nothing`, and long ones by their end, where news stand."""
    if value is None:
        return "nothing"
    text = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    if text == "":
        return "''"
    return text if len(text) <= characters_max else f"…{text[-characters_max:]}"


def around(operations: Sequence[CompletedOperation], concerned: Iterable[CompletedOperation]) -> tuple[str, ...]:
    """Return up to ten lines: the operations concerned and those called nearest before the last of them, by call."""
    chosen = {operation.position: operation for operation in list(concerned)[:EVIDENCE_LINES_MAX]}
    last = max(chosen.values(), key=_end_of, default=None)
    if last is not None:
        for operation in reversed(operations):
            if len(chosen) >= EVIDENCE_LINES_MAX:
                break
            if operation.called < _end_of(last):
                chosen.setdefault(operation.position, operation)
    return tuple(describe(chosen[position]) for position in sorted(chosen))


def _end_of(operation: CompletedOperation) -> int:
    return operation.called if operation.returned is None else operation.returned


class _Pairing:
    """Matches each event to the operation of its process, and refuses what no client can have done."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[int, int, HistoryEvent]] = {}  # process -> operation, event position, invoke
        self._gone: set[int] = set()
        self._operations: list[CompletedOperation | None] = []
        self._position = 0
        self._last: HistoryEvent | None = None

    def add(self, event: HistoryEvent) -> None:
        self._check_order(event)
        if event.type == "invoke":
            self._invoke(event)
        else:
            self._complete(event)
        self._last = event
        self._position += 1

    def finish(self) -> list[CompletedOperation]:
        for operation, called, invoke in self._open.values():
            self._operations[operation] = _operation(operation, called, invoke, None, None)
        finished = [operation for operation in self._operations if operation is not None]
        assert len(finished) == len(self._operations)
        return finished

    def _check_order(self, event: HistoryEvent) -> None:
        last = self._last
        if last is None:
            return
        if event.time_ns < last.time_ns:
            _refuse(event, f"its time lies before {seconds(last.time_ns)}, the time of the event before it")
        if event.index <= last.index:
            _refuse(event, f"its index does not follow {last.index}, the index of the event before it")

    def _invoke(self, event: HistoryEvent) -> None:
        process = event.process
        if process in self._open:
            _refuse(event, f"process {process} has not finished its {self._open[process][2].function}")
        if process in self._gone:
            _refuse(event, f"process {process} ended with `info`; its client must go on as a new process")
        self._open[process] = (len(self._operations), self._position, event)
        self._operations.append(None)

    def _complete(self, event: HistoryEvent) -> None:
        started = self._open.pop(event.process, None)
        if started is None:
            _refuse(event, f"process {event.process} has no operation that could end")
        operation, called, invoke = started
        if (invoke.function, invoke.key) != (event.function, event.key):
            _refuse(event, f"process {event.process} had asked for {_asked(invoke)}, not {_asked(event)}")
        if event.type == "info":
            self._gone.add(event.process)
        self._operations[operation] = _operation(operation, called, invoke, event, self._position)


def _refuse(event: HistoryEvent, reason: str) -> NoReturn:
    raise MalformedHistory(f"event {event.index} ({event.type} {event.function} at {seconds(event.time_ns)}): {reason}")


def _asked(event: HistoryEvent) -> str:
    return event.function if event.key is None else f"{event.function} of {event.key}"


def _operation(
    position: int, called: int, invoke: HistoryEvent, end: HistoryEvent | None, returned: int | None
) -> CompletedOperation:
    known = end is not None and end.type in ("ok", "fail")
    ending: Ending = "open" if end is None or end.type == "invoke" else end.type
    return CompletedOperation(
        position=position,
        process=invoke.process,
        function=invoke.function,
        key=invoke.key,
        argument=invoke.value,
        result=end.value if end is not None else None,
        ending=ending,
        called=called,
        returned=returned if known else None,
        called_ns=invoke.time_ns,
        returned_ns=end.time_ns if end is not None and known else None,
        error=end.error if end is not None else "",
        node=invoke.node,
    )
