"""Does each confirmed append stand in its list exactly once, in an order that all reads agree on?

Says the same as linearizability of a list, in words that name the append which was lost, repeated or misplaced; it
does not prove as much, so the exact checker runs after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PhantomLibrary.checking.elements import Finding, KeyOfElements, keys_of_elements, returned, verdict_of
from PhantomLibrary.checking.history import CompletedOperation
from PhantomLibrary.checking.verdict import Verdict, seconds


def check_appends(operations: Sequence[CompletedOperation]) -> Verdict:
    """Judge the operations of an append workload; the wrong read that returned first explains it."""
    keys = keys_of_elements(operations, "list", verb="append", participle="appended")
    findings: list[Finding] = []
    for key in keys:
        findings.extend(key.unexplained(nobody="APP-003", failed="APP-004", twice="APP-002"))
        findings.extend(key.missing(lost="APP-001", vanished="APP-001"))
        findings.extend(_disagreements(key))
        findings.extend(_misplaced(key))
    return verdict_of(findings, operations, cost=sum(key.cost for key in keys))


def _disagreements(key: KeyOfElements) -> Iterator[Finding]:
    """Yield reads that are not the beginning of the longest read before them, nor the other way round."""
    longest: tuple[CompletedOperation, tuple[str, ...]] | None = None
    for read, elements in key.reads:
        if longest is None:
            longest = read, elements
            continue
        other, other_elements = longest
        common = min(len(elements), len(other_elements))
        if elements[:common] != other_elements[:common]:
            at = next(i for i in range(common) if elements[i] != other_elements[i])
            assert other.returned_ns is not None
            words = (
                f"has {elements[at]} where process {other.process} had read {other_elements[at]}"
                f" at {seconds(other.returned_ns)}"
            )
            yield key.finding("APP-005", read, words, other)
            return
        if len(elements) > len(other_elements):
            longest = read, elements


def _misplaced(key: KeyOfElements) -> Iterator[Finding]:
    """Yield reads that show an append before one that had been confirmed when it began.

    From the back: an element may not stand before one whose append returned before its own began.
    """
    for read, elements in key.reads:
        earliest: CompletedOperation | None = None
        for element in reversed(elements):
            puts = key.puts.get(element, ())
            if len(puts) != 1:
                continue
            put = puts[0]
            if earliest is not None and returned(earliest) < put.called:
                words = (
                    f"shows {element} before {earliest.argument}, though the append of {earliest.argument}"
                    f" had been confirmed before that of {element} began"
                )
                yield key.finding("APP-006", read, words, put, earliest)
                return
            if put.is_confirmed and (earliest is None or returned(put) < returned(earliest)):
                earliest = put
