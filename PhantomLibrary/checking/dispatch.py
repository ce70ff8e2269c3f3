"""One question for every kind of workload: is this history what the database promises?

Rule: fails closed. A history that is empty, too thin, malformed or without anything read back is never valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from PhantomLibrary.checking.appends import check_appends
from PhantomLibrary.checking.bank import NO_TERMS, BankTerms, check_bank
from PhantomLibrary.checking.bookings import check_trips
from PhantomLibrary.checking.causal import check_causal
from PhantomLibrary.checking.counters import check_counter
from PhantomLibrary.checking.history import MISMATCH, CompletedOperation, MalformedHistory, pair
from PhantomLibrary.checking.linearizability import DEFAULT_BUDGET, check_linearizable
from PhantomLibrary.checking.models import LIST_APPEND, REGISTER, TEXT_MAP
from PhantomLibrary.checking.monotonic import check_monotonic
from PhantomLibrary.checking.pairs import check_pairs
from PhantomLibrary.checking.session_views import check_by_session
from PhantomLibrary.checking.sets import check_set
from PhantomLibrary.checking.transactions.check import check_appends_of, check_registers_of
from PhantomLibrary.checking.transactions.form import FUNCTION
from PhantomLibrary.checking.transactions.levels import LEVELS as ISOLATION_LEVELS
from PhantomLibrary.checking.transactions.levels import Level, level_of
from PhantomLibrary.checking.verdict import Budget, Verdict
from PhantomLibrary.domain import HistoryEvent
from PhantomLibrary.domain.region_policy import Conflicts
from PhantomLibrary.errors import InvalidInput, nearest

LINEARIZABLE = "linearizable"
CAUSAL = "causal"
LEVELS = (LINEARIZABLE, CAUSAL, *ISOLATION_LEVELS)


def check_history(
    events: Iterable[HistoryEvent],
    kind: str,
    *,
    level: str = LINEARIZABLE,
    confirmed: int = 1,
    budget: Budget = DEFAULT_BUDGET,
    terms: BankTerms = NO_TERMS,
    conflicts: Conflicts = "last writer wins",
) -> Verdict:
    """Judge the history of one workload by its kind.

    Workloads of single operations (register, set, counter, append, map), and sagas, are linearizable or wrong,
    whatever the level, since no level promises them less; but registers, sets and counters may be asked for `causal`,
    where each region has a copy of its own, which keeps `conflicts` like this. Those of transactions (list-append,
    rw-register, long-fork, monotonic, write-skew, bank) are judged by the level; linearizable means strict
    serializable there. `confirmed` operations at least must have ended `ok`. Whoever asks must fail on `unknown` too.
    Raises InvalidInput for a kind, a level, or a function of an operation, that no checker knows.
    """
    kinds = (*_CHECKS, *_TRANSACTION_CHECKS)
    if kind not in kinds:
        raise InvalidInput(f"no checker for {kind!r}: there are {', '.join(kinds)}{nearest(kind, kinds)}")
    if level == CAUSAL and kind not in _CAUSAL_KINDS:
        raise InvalidInput(f"no causal order in a workload of kind {kind}: there is one of {', '.join(_CAUSAL_KINDS)}")
    isolation = level_of("strict serializable" if level in (LINEARIZABLE, CAUSAL) else level)
    try:
        operations = pair(events)
    except MalformedHistory as error:
        return Verdict("invalid", "HIS-003", f"the history cannot be judged: {error}")
    if level == CAUSAL:
        found = _check_causal(kind, operations, budget, conflicts)
    elif kind in _CHECKS:
        found = _CHECKS[kind](operations, budget)
    else:
        found = _TRANSACTION_CHECKS[kind](operations, isolation, terms)
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
    if operation.function == FUNCTION:
        return operation.is_confirmed and any(step[0] == "r" for step in operation.result or ())
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
    "saga": lambda operations, _: check_trips(operations),
    "map": lambda operations, budget: check_linearizable(operations, TEXT_MAP, budget),
}


_CAUSAL_KINDS = ("register", "set", "counter")


def _check_causal(kind: str, operations: Sequence[CompletedOperation], budget: Budget, conflicts: Conflicts) -> Verdict:
    if kind == "register":
        return check_causal(operations, budget, conflicts=conflicts)
    return check_by_session(operations, check_set if kind == "set" else check_counter)


def _check_bank(operations: Sequence[CompletedOperation], level: Level, terms: BankTerms) -> Verdict:
    in_real_time = terms.in_real_time or level.order in ("per-key", "strict")
    return check_bank(operations, replace(terms, in_real_time=in_real_time))


_TRANSACTION_CHECKS: dict[str, Callable[[Sequence[CompletedOperation], Level, BankTerms], Verdict]] = {
    "list-append": lambda operations, level, _: check_appends_of(operations, level.name),
    "rw-register": lambda operations, level, _: check_registers_of(operations, level.name),
    "long-fork": lambda operations, level, _: check_registers_of(operations, level.name),
    "monotonic": lambda operations, level, _: check_monotonic(operations, level.name),
    "write-skew": lambda operations, level, _: check_pairs(operations, both_allowed=not level.forbids("G2-item")),
    "bank": _check_bank,
}
