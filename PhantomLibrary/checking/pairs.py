"""Was of each pair at most one put in, although each of two transactions saw neither before it put in its own?

For each `key` two clients try to `insert` one element each, in transactions that first look whether the pair is empty
and give up where it is not. A `read` shows the elements that are there. A level that forbids write skew lets one of
two such transactions commit; a snapshot allows both, as they write different rows.

Source: Adya (1999), G2; Jepsen's g2 test; Hermitage, case 14.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PhantomLibrary.checking.elements import Finding, KeyOfElements, keys_of_elements, returned, verdict_of
from PhantomLibrary.checking.history import CompletedOperation
from PhantomLibrary.checking.verdict import Verdict, seconds


def check_pairs(operations: Sequence[CompletedOperation], *, both_allowed: bool = False) -> Verdict:
    """Judge the operations of a write-skew workload; the pair that was wrong first explains it.

    With `both_allowed`, as in a snapshot, only elements that nobody put in, or that failed, are wrong.
    """
    keys = keys_of_elements(operations, "pair", verb="insert", participle="inserted")
    findings: list[Finding] = []
    for key in keys:
        findings.extend(key.unexplained(nobody="SKW-003", failed="SKW-004", twice="SKW-004"))
        if not both_allowed:
            findings.extend(_both_in(key))
    return verdict_of(findings, operations, cost=sum(key.cost for key in keys))


def _both_in(key: KeyOfElements) -> Iterator[Finding]:
    confirmed = [put for puts in key.puts.values() for put in puts if put.is_confirmed]
    if len(confirmed) > 1:
        first, second = sorted(confirmed, key=returned)[:2]
        assert second.returned_ns is not None
        message = (
            f"{key.subject}: both {first.argument} (process {first.process}) and {second.argument} (process"
            f" {second.process}) were confirmed by {seconds(second.returned_ns)}, though each had to find it empty"
        )
        yield Finding("SKW-001", message, second, (first,))
    for read, elements in key.reads:
        if len(set(elements)) > 1:
            yield key.finding("SKW-002", read, f"shows {' and '.join(elements[:2])}, though each had to find it empty")
            return
