"""Sets and counters as each session may see them, where every region has a copy of its own.

A session's reads have all that it has put in or read before, and nothing that nobody had begun to put in; what others
were told of theirs says nothing about when it is seen here. So each session is judged by itself, with the changes of
all others as such that may have happened at any time since they were begun.

Source: Terry et al., "Session guarantees for weakly consistent replicated data" (1994): read your writes and monotonic
reads, for data that only grows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from PhantomLibrary.checking.history import CompletedOperation
from PhantomLibrary.checking.verdict import Verdict


def check_by_session(
    operations: Sequence[CompletedOperation], check: Callable[[Sequence[CompletedOperation]], Verdict]
) -> Verdict:
    """Judge what each session saw by a checker of sets or counters; the first session that saw something wrong explains
    it. Costs as much as the checker for each session that has read anything.
    """
    changes = [each for each in operations if each.function != "read"]
    total, confirmed = len(operations), sum(each.is_confirmed for each in operations)
    cost = 0
    for process in dict.fromkeys(each.process for each in operations if each.function == "read"):
        own = [each for each in operations if each.process == process]
        others = [_as_known(each) for each in changes if each.process != process]
        verdict = check(sorted([*own, *others], key=lambda each: each.position))
        cost += verdict.cost
        if verdict.outcome != "valid":
            return replace(verdict, operations=total, confirmed=confirmed, cost=cost)
    return Verdict("valid", operations=total, confirmed=confirmed, cost=cost)


def _as_known(operation: CompletedOperation) -> CompletedOperation:
    """Return a change as somebody knows it who was not told how it ended."""
    if not operation.may_have_happened:
        return operation
    return replace(operation, ending="info", returned=None, returned_ns=None)
