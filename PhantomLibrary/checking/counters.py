"""Does every read of a counter lie between what was surely added and what may have been added by then?

One counter a key; `add` and `increment` add a whole number, which may be negative. A read is at least what was
confirmed to be added before it began, less all that may have been taken away before it ended; it is at most what may
have been added before it ended, less what was confirmed to be taken away before it began. Where nothing negative is
added, a read is also at least what any earlier read returned.

Source: Jepsen's counter test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from PhantomLibrary.checking.elements import Finding, verdict_of
from PhantomLibrary.checking.history import CompletedOperation, by_key, shown
from PhantomLibrary.checking.verdict import Verdict, seconds
from PhantomLibrary.errors import InvalidInput, nearest

_ADDITIONS = ("add", "increment")


def check_counter(operations: Sequence[CompletedOperation]) -> Verdict:
    """Judge the operations of a counter workload; the wrong read that returned first explains it."""
    findings: list[Finding] = []
    for key, part in by_key(operations).items():
        findings.extend(_Counter("counter" if key is None else f"counter {key}", part).judge())
    return verdict_of(findings, operations, cost=len(operations))


class _Begun(Struct, frozen=True, gc=False):
    """What was known when a read began."""

    added: int
    taken: int
    highest: CompletedOperation | None


class _Counter:
    """One counter, as calls and returns go by: amounts that may count (`tried`) and that do (`confirmed`)."""

    def __init__(self, subject: str, operations: Sequence[CompletedOperation]) -> None:
        self._subject = subject
        self._operations = operations
        self._added_tried = self._added_confirmed = 0
        self._taken_tried = self._taken_confirmed = 0
        self._begun: dict[int, _Begun] = {}
        self._highest: CompletedOperation | None = None
        self._only_grows = True

    def judge(self) -> Iterator[Finding]:
        """Yield what is wrong, by time."""
        events: list[tuple[int, CompletedOperation]] = []
        for operation in self._operations:
            if self._is_relevant(operation):
                events.append((operation.called, operation))
                if operation.returned is not None:
                    events.append((operation.returned, operation))
        events.sort(key=lambda event: event[0])
        for at, operation in events:
            is_call = at == operation.called
            if operation.function != "read":
                self._count(_amount(operation), is_call=is_call)
            elif is_call:
                self._begun[operation.position] = _Begun(self._added_confirmed, self._taken_confirmed, self._highest)
            else:
                yield from self._judge_read(operation, self._begun.pop(operation.position))

    def _is_relevant(self, operation: CompletedOperation) -> bool:
        """Tell whether an operation counts: a failed addition had no effect, and a read needs an answer."""
        if operation.function == "read":
            return operation.is_confirmed
        if operation.function not in _ADDITIONS:
            guess = nearest(operation.function, (*_ADDITIONS, "read"))
            raise InvalidInput(f"a counter has no {operation.function!r}: it knows read, add, increment{guess}")
        if operation.may_have_happened and _amount(operation) < 0:
            self._only_grows = False
        return operation.may_have_happened

    def _count(self, amount: int, *, is_call: bool) -> None:
        added, taken = max(amount, 0), max(-amount, 0)
        if is_call:
            self._added_tried += added
            self._taken_tried += taken
        else:
            self._added_confirmed += added
            self._taken_confirmed += taken

    def _judge_read(self, read: CompletedOperation, begun: _Begun) -> Iterator[Finding]:
        value = whole_number(read.result)
        if value is None:
            yield self._finding("CNT-004", read, "which is no whole number")
            return
        low, high = begun.added - self._taken_tried, self._added_tried - begun.taken
        before = begun.highest
        if value < low:
            yield self._finding("CNT-001", read, f"though it cannot be less than {low} by what had been confirmed")
        elif value > high:
            yield self._finding("CNT-002", read, f"though it cannot be more than {high} by all that had been tried")
        elif before is not None and self._only_grows and value < (whole_number(before.result) or 0):
            assert before.returned_ns is not None
            words = f"after process {before.process} had read {before.result} at {seconds(before.returned_ns)}"
            yield self._finding("CNT-003", read, words, before)
        if self._highest is None or value > (whole_number(self._highest.result) or 0):
            self._highest = read

    def _finding(self, code: str, read: CompletedOperation, words: str, *others: CompletedOperation) -> Finding:
        assert read.returned_ns is not None
        message = (
            f"{self._subject}: process {read.process} read {shown(read.result)} at {seconds(read.returned_ns)}, {words}"
        )
        return Finding(code, message, read, others)


def _amount(operation: CompletedOperation) -> int:
    amount = whole_number(operation.argument)
    if amount is None or operation.argument is None:
        raise InvalidInput(f"a counter takes whole numbers, not {operation.argument!r}")
    return amount


def whole_number(value: Any) -> int | None:
    """Return a whole number that a history holds as number or text; a counter never written, None, is 0."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        return int(value)
    except ValueError:
        return None
