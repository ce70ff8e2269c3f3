"""Is every element that was confirmed to be added still there, and nothing else?

For sets that only grow, one a key: `add` puts in one element, `read` returns all of them, in any order. Every read is
judged by what was known when it began, not only the last one.

Source: Jepsen's set and set-full tests.
"""

from __future__ import annotations

from collections.abc import Sequence

from PhantomLibrary.checking.elements import Finding, keys_of_elements, verdict_of
from PhantomLibrary.checking.history import CompletedOperation
from PhantomLibrary.checking.verdict import Verdict


def check_set(operations: Sequence[CompletedOperation]) -> Verdict:
    """Judge the operations of a set workload; the wrong read that returned first explains it."""
    keys = keys_of_elements(operations, "set", verb="add", participle="added")
    findings: list[Finding] = []
    for key in keys:
        findings.extend(key.unexplained(nobody="SET-002", failed="SET-003", twice="SET-004"))
        findings.extend(key.missing(lost="SET-001", vanished="SET-005"))
    return verdict_of(findings, operations, cost=sum(key.cost for key in keys))
