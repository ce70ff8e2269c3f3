"""What one key means, as a few pure functions: the sequential specifications that histories are judged by.

A model says how each operation changes the state of one key, and whether its result fits. Keys are independent, so a
history is linearizable when the history of each key is (Herlihy and Wing, "Linearizability", 1990, locality).

States are plain hashable values, compared by `==`. Register: the value, None at first. List: its text, '' at first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from PhantomLibrary.checking.history import MISMATCH, CompletedOperation
from PhantomLibrary.errors import InvalidInput, nearest

State: TypeAlias = Hashable


class Illegal:
    """The answer of `step` for a result that the state cannot give."""


ILLEGAL = Illegal()


class Step(Struct, frozen=True, gc=False):
    """One operation as a model sees it. `is_query`: it never changes the state, whatever the state is."""

    function: str
    argument: Any
    result: Any
    is_query: bool = False


StepFunction: TypeAlias = Callable[[State, Step], "State | Illegal"]


class Model(Struct, frozen=True):
    """The sequential specification of one key.

    `name` is what messages call the key: `register k7`. `read(operation)` gives the step, or None when the operation
    tells nothing (a failed write, a read without an answer). `step` is pure. `simplify` may drop or merge steps of
    unknown outcome where that cannot change the verdict. `guide`, from all steps of a key, gives a
    condition that each state of every valid order meets: orders that break it need not be tried.
    """

    name: str
    initial: State
    read: Callable[[CompletedOperation], Step | None]
    step: StepFunction
    simplify: Callable[[Sequence[tuple[CompletedOperation, Step]]], Sequence[tuple[CompletedOperation, Step]]]
    guide: Callable[[Sequence[Step]], Callable[[State], bool] | None]


# --- register -------------------------------------------------------------------------------------------------------


def _read_register(operation: CompletedOperation) -> Step | None:
    function = operation.function
    if function == "read":
        return Step("read", None, hashable(operation.result), is_query=True) if operation.is_confirmed else None
    argument = hashable(operation.argument)
    if function == "cas":
        if not isinstance(argument, tuple) or len(argument) != 2:
            raise InvalidInput(f"a cas takes [expected, new], not {operation.argument!r}")
        if operation.ending == "fail":
            return Step("mismatch", argument[0], None, is_query=True) if operation.error == MISMATCH else None
    elif function != "write":
        raise _unknown_function("register", function, ("read", "write", "cas"))
    return Step(function, argument, None) if operation.may_have_happened else None


def _step_register(state: State, step: Step) -> State | Illegal:
    function = step.function
    if function == "read":
        return state if state == step.result else ILLEGAL
    if function == "write":
        value: State = step.argument
        return value
    if function == "cas":
        expected, new = step.argument
        return new if state == expected else ILLEGAL
    return ILLEGAL if state == step.argument else state


class _Unobserved:
    """Stands for all values of one key that no result depends on."""

    def __repr__(self) -> str:
        return "a value that nobody saw"


_UNOBSERVED = _Unobserved()


def _simplify_register(
    steps: Sequence[tuple[CompletedOperation, Step]],
) -> Sequence[tuple[CompletedOperation, Step]]:
    """Merge the values that no result depends on, and drop writes of them that may never have happened.

    No result tells such values apart, so one stands for all. Leaving out such a write takes away a state that no
    read and no cas needs. Only a cas that is known to have failed can need it, to not hold what that cas expected.
    """
    observed: set[Hashable] = {None}
    has_mismatch = False
    for _, step in steps:
        if step.function == "read":
            observed.add(step.result)
        elif step.function == "cas":
            observed.add(step.argument[0])
        elif step.function == "mismatch":
            observed.add(step.argument)
            has_mismatch = True
    simpler = []
    for operation, step in steps:
        new = _written(step)
        if new is None or new in observed:
            simpler.append((operation, step))
        elif operation.is_confirmed or has_mismatch:
            expects_and_new = (step.argument[0], _UNOBSERVED) if step.function == "cas" else _UNOBSERVED
            simpler.append((operation, Step(step.function, expects_and_new, None)))
    return simpler


def _written(step: Step) -> State:
    if step.function == "write":
        value: State = step.argument
        return value
    if step.function == "cas":
        new: State = step.argument[1]
        return new
    return None


# --- lists and maps of text -----------------------------------------------------------------------------------------


def _read_list(operation: CompletedOperation) -> Step | None:
    if operation.function == "read":
        return Step("read", None, list_text(operation.result), is_query=True) if operation.is_confirmed else None
    if operation.function != "append":
        raise _unknown_function("list", operation.function, ("read", "append"))
    return Step("append", str(operation.argument), None) if operation.may_have_happened else None


def _step_list(state: State, step: Step) -> State | Illegal:
    if step.function == "read":
        return state if state == step.result else ILLEGAL
    grown: State = step.argument if state == "" else f"{state} {step.argument}"
    return grown


def list_text(result: Any) -> str:
    """Return a list as text, its elements parted by one space; None, never written, is the empty list."""
    if result is None:
        return ""
    return " ".join(map(str, result)) if isinstance(result, (list, tuple)) else str(result)


def _read_map(operation: CompletedOperation) -> Step | None:
    if operation.function == "get":
        return Step("read", None, operation.result or "", is_query=True) if operation.is_confirmed else None
    if operation.function not in ("put", "append"):
        raise _unknown_function("map", operation.function, ("get", "put", "append"))
    return Step(operation.function, str(operation.argument), None) if operation.may_have_happened else None


def _step_map(state: State, step: Step) -> State | Illegal:
    if step.function == "read":
        return state if state == step.result else ILLEGAL
    return step.argument if step.function == "put" else f"{state}{step.argument}"


def _guide_by_longest_read(steps: Sequence[Step], parting: str) -> Callable[[State], bool] | None:
    """What only grows is, at every time, the beginning of the longest read, or begins with all of it.

    Without this, all orders of appends between two reads would be tried until one gives the second.
    """
    if any(step.function == "put" for step in steps):
        return None
    longest = max((step.result for step in steps if step.is_query), key=len, default="")
    if not longest:
        return None
    parted = longest + parting

    def admits(state: State) -> bool:
        assert isinstance(state, str)
        return not state or parted.startswith(state + parting) or state.startswith(parted)

    return admits


# --- the models -----------------------------------------------------------------------------------------------------


def _unchanged(
    steps: Sequence[tuple[CompletedOperation, Step]],
) -> Sequence[tuple[CompletedOperation, Step]]:
    return steps


REGISTER = Model(
    name="register",
    initial=None,
    read=_read_register,
    step=_step_register,
    simplify=_simplify_register,
    guide=lambda _: None,
)
"""Read, write and compare-and-set of one value, None at first."""

LIST_APPEND = Model(
    name="list",
    initial="",
    read=_read_list,
    step=_step_list,
    simplify=_unchanged,
    guide=lambda steps: _guide_by_longest_read(steps, " "),
)
"""Append of one element to the end of a list, and reads of all of it."""

TEXT_MAP = Model(
    name="key",
    initial="",
    read=_read_map,
    step=_step_map,
    simplify=_unchanged,
    guide=lambda steps: _guide_by_longest_read(steps, ""),
)
"""A map of texts by key: get, put, and append, which joins text without a space."""


def hashable(value: Any) -> Hashable:
    """Return a value of a history as one that can be compared and kept in a set: lists become tuples."""
    if isinstance(value, (list, tuple)):
        return tuple(map(hashable, value))
    if isinstance(value, dict):
        return tuple((hashable(key), hashable(each)) for key, each in value.items())
    assert isinstance(value, Hashable)
    return value


def _unknown_function(model: str, function: str, known: Iterable[str]) -> InvalidInput:
    known = tuple(known)
    return InvalidInput(f"a {model} has no {function!r}: it knows {', '.join(known)}{nearest(function, known)}")
