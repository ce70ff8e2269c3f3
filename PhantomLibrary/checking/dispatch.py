"""One question for every kind of workload: is this history what the database promises?

Rule: fails closed. A history that is empty, too thin, malformed or without anything read back is never valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PhantomLibrary.checking.appends import check_appends
from PhantomLibrary.checking.counters import check_counter
from PhantomLibrary.checking.history import MISMATCH, CompletedOperation, MalformedHistory, pair
from PhantomLibrary.checking.linearizability import DEFAULT_BUDGET, check_linearizable
from PhantomLibrary.checking.models import LIST_APPEND, REGISTER, TEXT_MAP
from PhantomLibrary.checking.sets import check_set
from PhantomLibrary.checking.verdict import Budget, Verdict
from PhantomLibrary.domain import HistoryEvent
from PhantomLibrary.errors import InvalidInput, nearest


def check_history(
    events: Iterable[HistoryEvent], kind: str, *, confirmed: int = 1, budget: Budget = DEFAULT_BUDGET
) -> Verdict:
    """Judge the history of one workload by its kind: register, set, counter, append or map.

    `confirmed` operations at least must have ended `ok`. Whoever asks must fail on `unknown` too. Raises InvalidInput
    for a kind, or a function of an operation, that no checker knows.
    """
    check = _CHECKS.get(kind)
    if check is None:
        raise InvalidInput(f"no checker for {kind!r}: there are {', '.join(_CHECKS)}{nearest(kind, _CHECKS)}")
    try:
        operations = pair(events)
    except MalformedHistory as error:
        return Verdict("invalid", "HIS-003", f"the history cannot be judged: {error}")
    found = check(operations, budget)
    if found.outcome == "invalid":
        return found
    return _too_thin(operations, confirmed) or found


def _too_thin(operations: Sequence[CompletedOperation], asked: int) -> Verdict | None:
    """Return what a history without a contradiction lacks to prove anything."""
    total, confirmed = len(operations), sum(operation.is_confirmed for operation in operations)
    if not operations:
        return Verdict("invalid", "HIS-001", "no operation was recorded")
    if confirmed < asked:
        message = f"{confirmed} of {total} operations were confirmed, fewer than the {asked} asked for"
        return Verdict("invalid", "HIS-002", message, (), total, confirmed)
    if not any(_tells_something(operation) for operation in operations):
        return Verdict(
            "unknown", "HIS-004", f"none of {confirmed} confirmed operations read anything back", (), total, confirmed
        )
    return None


def _tells_something(operation: CompletedOperation) -> bool:
    if operation.function == "cas":
        return operation.is_confirmed or operation.error == MISMATCH
    return operation.is_confirmed and operation.function in ("read", "get")


def _check_append(operations: Sequence[CompletedOperation], budget: Budget) -> Verdict:
    """Look for what has a plain name first, then for everything."""
    found = check_appends(operations)
    return found if found.outcome == "invalid" else check_linearizable(operations, LIST_APPEND, budget)


_CHECKS: dict[str, Callable[[Sequence[CompletedOperation], Budget], Verdict]] = {
    "register": lambda operations, budget: check_linearizable(operations, REGISTER, budget),
    "set": lambda operations, _: check_set(operations),
    "counter": lambda operations, _: check_counter(operations),
    "append": _check_append,
    "map": lambda operations, budget: check_linearizable(operations, TEXT_MAP, budget),
}
