"""Why a history has no order, in one sentence: the operation that does not fit, and what it contradicts.

Rule: this file decides nothing. The search has proved that the history of the key up to the return of one operation
has no order; here the recognisable causes are looked for, and what fits none of them is said in general words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from PhantomLibrary.checking.history import MISMATCH, CompletedOperation, around, shown
from PhantomLibrary.checking.models import hashable, list_text
from PhantomLibrary.checking.verdict import seconds

Explanation: TypeAlias = tuple[str, str, tuple[str, ...]]
"""Code, message, evidence."""


class _Cause(Struct, frozen=True):
    """A code, how the sentence goes on, and the operations that it speaks of."""

    code: str
    text: str
    concerned: tuple[CompletedOperation, ...] = ()


def explain(name: str, blocked: CompletedOperation, operations: Sequence[CompletedOperation]) -> Explanation:
    """Return why `blocked` cannot have returned as it did, given all operations of its key by call."""
    find_cause, found = _CAUSES[name](blocked)
    cause = find_cause(blocked, operations)
    subject = name if blocked.key is None else f"{name} {blocked.key}"
    message = f"{subject}: process {blocked.process} {found} at {_end(blocked)}{cause.text}"
    return cause.code, message, around(operations, (blocked, *cause.concerned))


_FindCause: TypeAlias = Callable[[CompletedOperation, Sequence[CompletedOperation]], _Cause]


def _end(operation: CompletedOperation) -> str:
    assert operation.returned_ns is not None
    return seconds(operation.returned_ns)


# --- register -------------------------------------------------------------------------------------------------------


def _register_cause(blocked: CompletedOperation) -> tuple[_FindCause, str]:
    if blocked.function == "read":
        return _cause_of_read, f"read {shown(blocked.result)}"
    expected, new = blocked.argument
    if blocked.ending == "ok":
        return _cause_of_cas, f"had its cas from {shown(expected)} to {shown(new)} confirmed"
    return _cause_of_mismatch, f"was told that the register did not hold {shown(expected)}"


def _cause_of_cas(blocked: CompletedOperation, operations: Sequence[CompletedOperation]) -> _Cause:
    expected = blocked.argument[0]
    cause = _cause_of_value(hashable(expected), blocked, operations)
    if cause is None:
        return _Cause("LIN-006", f", though it cannot have held {shown(expected)} then")
    return _Cause("LIN-006", cause.text, cause.concerned)


def _cause_of_mismatch(blocked: CompletedOperation, _operations: Sequence[CompletedOperation]) -> _Cause:
    return _Cause("LIN-006", ", though it must have held it then")


def _cause_of_read(blocked: CompletedOperation, operations: Sequence[CompletedOperation]) -> _Cause:
    cause = _cause_of_value(hashable(blocked.result), blocked, operations)
    return cause or _Cause("LIN-009", ", which no order of the operations within real time explains")


def _cause_of_value(value: Any, blocked: CompletedOperation, operations: Sequence[CompletedOperation]) -> _Cause | None:
    """Return why the register cannot have held `value` at any time between call and return of `blocked`."""
    writers = [operation for operation in operations if operation is not blocked and _value_of(operation) == (value,)]
    in_time = [writer for writer in writers if writer.called < _returned(blocked)]
    if value is not None and not in_time:
        when = f", which nobody wrote before {_called(writers[0])}" if writers else ", which nobody wrote"
        return _Cause("LIN-003", when, tuple(writers[:1]))
    possible = [writer for writer in in_time if writer.may_have_happened]
    if value is not None and not possible:
        failed = in_time[-1]
        text = f", which only an operation that failed wrote (process {failed.process}, failed at {_end(failed)})"
        return _Cause("LIN-004", text, (failed,))
    return _overwritten(value, blocked, possible, operations)


def _overwritten(
    value: Any,
    blocked: CompletedOperation,
    writers: Sequence[CompletedOperation],
    operations: Sequence[CompletedOperation],
) -> _Cause | None:
    """Return what had taken the place of `value` before `blocked` began, where that is plain to see."""
    written = _written_until(value, writers, operations)
    others = [each for each in operations if _value_of(each) not in (None, (value,)) and each.may_have_happened]
    later = [each for each in others if each.called > written]
    earlier_values = {_value_of(each) for each in others if each.called <= written}
    reads = [each for each in operations if each.function == "read" and each.is_confirmed and each is not blocked]
    seen = {(hashable(read.result),) for read in reads}
    confirmed = [each for each in later if each.is_confirmed and _returned(each) < blocked.called]
    visible = [each for each in confirmed if _value_of(each) in seen]
    if visible or confirmed:
        newest = max(visible or confirmed, key=_returned)
        text = f", after {shown(_value(newest))} had been confirmed at {_end(newest)}"
        if visible:
            return _Cause("LIN-001", text, (newest, *writers[-1:]))
        return _Cause("LIN-002", f"{text}, which no read ever showed", (newest, *writers[-1:]))
    for read in reversed(reads):
        read_value = (hashable(read.result),)
        sources = [each for each in later if _value_of(each) == read_value]
        if _returned(read) < blocked.called and sources and read_value not in earlier_values:
            text = f", after process {read.process} had read {shown(read.result)} at {_end(read)}"
            return _Cause("LIN-001", text, (read, *sources[-1:], *writers[-1:]))
    return None


def _written_until(value: Any, writers: Sequence[CompletedOperation], operations: Sequence[CompletedOperation]) -> int:
    """Return the position by which every write of `value` has taken effect for sure.

    A single write has when it returns, or when somebody has read its value, whichever is first.
    """
    if not writers:
        return -1  # The initial value.
    ends = [_NEVER if writer.returned is None else writer.returned for writer in writers]
    if len(writers) == 1:
        reads = [each for each in operations if each.function == "read" and each.is_confirmed]
        ends.extend([_returned(read) for read in reads if hashable(read.result) == value])
        return min(ends)
    return max(ends)


_NEVER = 1 << 62


def _value_of(operation: CompletedOperation) -> tuple[Any] | None:
    """Return what an operation writes to a register, in a tuple, since that may be None."""
    if operation.function == "write":
        return (hashable(operation.argument),)
    if operation.function == "cas" and operation.error != MISMATCH:
        return (hashable(operation.argument[1]),)
    return None


def _value(operation: CompletedOperation) -> Any:
    return operation.argument if operation.function == "write" else operation.argument[1]


def _returned(operation: CompletedOperation) -> int:
    return _NEVER if operation.returned is None else operation.returned


def _called(operation: CompletedOperation) -> str:
    return seconds(operation.called_ns)


# --- list of elements -----------------------------------------------------------------------------------------------


def _list_cause(blocked: CompletedOperation) -> tuple[_FindCause, str]:
    return _cause_of_list, f"read {shown(list_text(blocked.result))!s}"


def _cause_of_list(blocked: CompletedOperation, operations: Sequence[CompletedOperation]) -> _Cause:
    elements = list_text(blocked.result).split()
    appends: dict[str, list[CompletedOperation]] = {}
    for operation in operations:
        if operation.function == "append" and operation.called < _returned(blocked):
            appends.setdefault(str(operation.argument), []).append(operation)
    counts: dict[str, int] = {}
    for element in elements:
        counts[element] = counts.get(element, 0) + 1
        of_element = appends.get(element, [])
        possible = [append for append in of_element if append.may_have_happened]
        if not of_element:
            return _Cause("LIN-003", f" with {element}, which nobody had appended by then")
        if not possible:
            failed = of_element[-1]
            return _Cause("LIN-004", f" with {element}, whose append had failed at {_end(failed)}", (failed,))
        if counts[element] > len(possible):
            return _Cause("LIN-005", f" with {element} {counts[element]} times", tuple(of_element[-1:]))
    return _missing(blocked, operations, appends, set(elements)) or _Cause(
        "LIN-009", ", which no order of the appends within real time explains"
    )


def _missing(
    blocked: CompletedOperation,
    operations: Sequence[CompletedOperation],
    appends: dict[str, list[CompletedOperation]],
    present: set[str],
) -> _Cause | None:
    reads = [each for each in operations if each.function == "read" and each.is_confirmed]
    for element, of_element in appends.items():
        if element in present:
            continue
        for append in of_element:
            if append.is_confirmed and _returned(append) < blocked.called:
                text = f" without {element}, whose append had been confirmed at {_end(append)}"
                if any(element in list_text(read.result).split() for read in reads):
                    return _Cause("LIN-001", text, (append,))
                return _Cause("LIN-002", f"{text} and which no read ever showed", (append,))
    for read in reversed(reads):
        if _returned(read) < blocked.called:
            for element in list_text(read.result).split():
                if element not in present:
                    text = f" without {element}, which process {read.process} had read at {_end(read)}"
                    return _Cause("LIN-001", text, (read,))
    return None


# --- map of texts ---------------------------------------------------------------------------------------------------


def _map_cause(blocked: CompletedOperation) -> tuple[_FindCause, str]:
    return _cause_of_text, f"got {shown(blocked.result or None)}"


def _cause_of_text(blocked: CompletedOperation, operations: Sequence[CompletedOperation]) -> _Cause:
    """Look for lost and repeated appends, which is only plain to see where nobody puts."""
    text = str(blocked.result or "")
    generic = _Cause("LIN-009", ", which no order of the operations within real time explains")
    if any(operation.function == "put" for operation in operations):
        return generic
    appends = [each for each in operations if each.function == "append" and each.called < _returned(blocked)]
    for append in appends:
        part = str(append.argument)
        if append.is_confirmed and _returned(append) < blocked.called and part not in text:
            later = any(part in str(each.result) for each in operations if each.function == "get" and each.is_confirmed)
            words = f" without {part!r}, whose append had been confirmed at {_end(append)}"
            return _Cause("LIN-001" if later else "LIN-002", words, (append,))
    for append in appends:
        part = str(append.argument)
        tried = sum(str(each.argument) == part for each in appends if each.may_have_happened)
        alone = not any(part in str(each.argument) for each in appends if str(each.argument) != part)
        if part and alone and text.count(part) > tried:
            return _Cause("LIN-005", f" with {part!r} {text.count(part)} times", (append,))
    return generic


_CAUSES: dict[str, Callable[[CompletedOperation], tuple[_FindCause, str]]] = {
    "register": _register_cause,
    "list": _list_cause,
    "key": _map_cause,
}
