"""What set and append workloads have in common: elements that are put in once, and reads that show all of them.

Rule: facts of real time only. An element must be in a read if its putting-in was confirmed, or if another read had
shown it, before the read began; it may be there if somebody began to put it in before the read ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from msgspec import Struct

from PhantomLibrary.checking.history import CompletedOperation, around, by_key
from PhantomLibrary.checking.models import list_text
from PhantomLibrary.checking.verdict import Verdict, seconds
from PhantomLibrary.errors import InvalidInput, nearest


class Finding(Struct, frozen=True):
    """What is wrong with one operation: the message, and the operations that it speaks of."""

    code: str
    message: str
    blamed: CompletedOperation
    concerned: tuple[CompletedOperation, ...]


def verdict_of(findings: Sequence[Finding], operations: Sequence[CompletedOperation], *, cost: int) -> Verdict:
    """Return the verdict that the finding which was complete first gives."""
    confirmed = sum(operation.is_confirmed for operation in operations)
    if not findings:
        return Verdict("valid", operations=len(operations), confirmed=confirmed, cost=cost)
    first = min(findings, key=lambda finding: returned(finding.blamed))
    part = [operation for operation in operations if operation.key == first.blamed.key]
    evidence = around(part, (first.blamed, *first.concerned))
    return Verdict("invalid", first.code, first.message, evidence, len(operations), confirmed, cost)


def returned(operation: CompletedOperation) -> int:
    """Return the position where a confirmed or failed operation returned."""
    assert operation.returned is not None
    return operation.returned


def elements_of(read: CompletedOperation) -> tuple[str, ...]:
    """Return the elements that a read showed, as text."""
    return tuple(list_text(read.result).split())


class KeyOfElements:
    """One key: who put in which element, and what the reads showed, by their return.

    `subject` begins every message, as in `list k3`; `verb` and `participle` say how elements come in.
    """

    def __init__(
        self, name: str, key: str | None, operations: Sequence[CompletedOperation], *, verb: str, participle: str
    ) -> None:
        self.subject = name if key is None else f"{name} {key}"
        self.verb = verb
        self.participle = participle
        self.puts: dict[str, list[CompletedOperation]] = {}
        self.reads: list[tuple[CompletedOperation, tuple[str, ...]]] = []
        for operation in operations:
            if operation.function == verb:
                self.puts.setdefault(str(operation.argument), []).append(operation)
            elif operation.function != "read":
                known = ("read", verb)
                guess = nearest(operation.function, known)
                raise InvalidInput(f"a {name} has no {operation.function!r}: it knows read, {verb}{guess}")
            elif operation.is_confirmed:
                self.reads.append((operation, elements_of(operation)))
        self.reads.sort(key=lambda read: returned(read[0]))
        self.cost = sum(len(elements) + 1 for _, elements in self.reads) + len(operations)

    def reads_by_call(self) -> list[tuple[CompletedOperation, tuple[str, ...]]]:
        """Return the reads by the order of their calls."""
        return sorted(self.reads, key=lambda read: read[0].called)

    def finding(self, code: str, read: CompletedOperation, words: str, *concerned: CompletedOperation) -> Finding:
        """Return a finding about a read; `words` go on after who read when."""
        assert read.returned_ns is not None
        message = f"{self.subject}: the read of process {read.process} at {seconds(read.returned_ns)} {words}"
        return Finding(code, message, read, concerned)

    def unexplained(self, *, nobody: str, failed: str, twice: str) -> Iterator[Finding]:
        """Yield what reads show and nobody can have put in: codes for never tried, only failed, too often."""
        for read, elements in self.reads:
            counts: dict[str, int] = {}
            for element in elements:
                counts[element] = counts.get(element, 0) + 1
            for element, count in counts.items():
                puts = [put for put in self.puts.get(element, ()) if put.called < returned(read)]
                possible = sum(put.may_have_happened for put in puts)
                if not puts:
                    yield self.finding(nobody, read, f"shows {element}, which nobody had tried to {self.verb}")
                elif not possible:
                    text = f"shows {element}, whose {self.verb} had failed at {_end(puts[-1])}"
                    yield self.finding(failed, read, text, puts[-1])
                elif count > possible:
                    text = f"shows {element} {count} times, which was {self.participle} {_times(possible)}"
                    yield self.finding(twice, read, text, *puts[-2:])

    def missing(self, *, lost: str, vanished: str) -> Iterator[Finding]:
        """Yield what reads should show and do not: codes for confirmed before, and for read before.

        Goes through calls and returns in time; `due` maps each element that must be there to what makes it so.
        """
        due: dict[str, CompletedOperation] = {}
        arriving: list[tuple[int, str, int, CompletedOperation]] = []
        for element, puts in self.puts.items():
            for put in puts:
                if put.is_confirmed:
                    heappush(arriving, (returned(put), element, put.position, put))
        shown: set[str] = set()
        ended = iter(self.reads)
        ended_read = next(ended, None)
        for read, elements in self.reads_by_call():
            while arriving and arriving[0][0] < read.called:
                _, element, _, put = heappop(arriving)
                due.setdefault(element, put)
            while ended_read is not None and returned(ended_read[0]) < read.called:
                for element in ended_read[1]:
                    if element not in shown:
                        shown.add(element)
                        if element in self.puts:
                            due.setdefault(element, ended_read[0])
                ended_read = next(ended, None)
            if len(due) <= len(elements) and due.keys() <= set(elements):
                continue
            present = set(elements)
            for element, witness in due.items():
                if element not in present:
                    yield self._missing(read, element, witness, lost if witness.function == self.verb else vanished)
                    break

    def _missing(self, read: CompletedOperation, element: str, witness: CompletedOperation, code: str) -> Finding:
        if witness.function == self.verb:
            words = f"lacks {element}, whose {self.verb} had been confirmed at {_end(witness)}"
        else:
            words = f"lacks {element}, which process {witness.process} had read at {_end(witness)}"
        return self.finding(code, read, words, witness)


def keys_of_elements(
    operations: Sequence[CompletedOperation], name: str, *, verb: str, participle: str
) -> list[KeyOfElements]:
    """Return the keys of a set or append workload, by first appearance."""
    return [
        KeyOfElements(name, key, part, verb=verb, participle=participle) for key, part in by_key(operations).items()
    ]


def _end(operation: CompletedOperation) -> str:
    assert operation.returned_ns is not None
    return seconds(operation.returned_ns)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
