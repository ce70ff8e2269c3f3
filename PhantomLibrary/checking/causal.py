"""Did every client see a world in which causes come before their effects?

For registers whose writes are all of different values, each read tells which write it saw. A write comes causally
before what its process does next, before each read of it, and before all that follows. What a read shows may not be
older than what came before it in that order. Real time says nothing else here: processes that do not know of each
other may see different things for as long as it takes.

Wrong is one of these, named by the promise to a session that it breaks:

    read your writes     it shows something older than what its own process wrote
    monotonic reads      ... than what its own process had read
    monotonic writes     ... than what somebody wrote before something else that its own process had read
    writes follow reads  ... than what somebody had read, or learnt of, before such a write

and a read of what nobody wrote, or had begun to write by then. That is all that can be wrong: whatever order the
causes are in (causal consistency, CC), the bad patterns are WriteCOInitRead and WriteCORead, which are the four above,
ThinAirRead, and CyclicCO, which takes a read from the future.

A key may show several values, where regions keep writes that knew nothing of each other. Then a value is older than
a write only if whoever wrote that had read the value before: who writes without having read adds one.

Sources: Bouajjani, Enea, Guerraoui, Hamza, "On verifying causal consistency" (POPL 2017); Terry et al., "Session
guarantees for weakly consistent replicated data" (1994).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from PhantomLibrary.checking.causality import Causality
from PhantomLibrary.checking.elements import Finding
from PhantomLibrary.checking.history import CompletedOperation, describe, shown
from PhantomLibrary.checking.models import hashable
from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Budget, Verdict, seconds
from PhantomLibrary.domain.region_policy import Conflicts
from PhantomLibrary.errors import InvalidInput, nearest

_WRITES = frozenset(("write", "put", "delete"))
_READS = frozenset(("read", "get"))
_KNOWN = ("read", "get", "write", "put", "delete", "cas")

_PROMISES = {
    "CAU-001": "read your writes",
    "CAU-002": "monotonic reads",
    "CAU-003": "writes follow reads",
    "CAU-004": "monotonic writes",
}


def check_causal(
    operations: Sequence[CompletedOperation], budget: Budget, *, conflicts: Conflicts = "last writer wins"
) -> Verdict:
    """Judge the operations of registers; the wrong read that returned first explains it.

    `conflicts` is what becomes of writes that knew nothing of each other. Where a function merges them, reads of
    values that nobody wrote are not judged. Raises InvalidInput for functions that a register does not have. Costs
    O(n * p) for n operations of p processes; unknown where clocks would hold more than the budget.
    """
    history = _Registers(operations, conflicts)
    total, confirmed = len(operations), sum(operation.is_confirmed for operation in operations)
    if history.twice is not None:
        key, value = history.twice
        message = f"register {key}: {shown(value)} was written twice, so reads do not tell which write they saw"
        return Verdict("unknown", "CAU-007", message, (), total, confirmed)
    finding = next(history.findings(budget), None)
    if finding is None and history.cost > budget.steps_max:
        message = f"more processes knew of each other than {budget.steps_max} steps of the search can follow"
        return Verdict("unknown", "CAU-008", message, (), total, confirmed, history.cost)
    if finding is None:
        return Verdict("valid", operations=total, confirmed=confirmed, cost=history.cost)
    concerned = sorted({each.position: each for each in (*finding.concerned, finding.blamed)}.items())
    evidence = tuple(f"{each.key}  {describe(each)}" for _, each in concerned[-EVIDENCE_LINES_MAX:])
    return Verdict("invalid", finding.code, finding.message, evidence, total, confirmed, history.cost)


class _Registers:
    """All registers of a history: who wrote what, who read which writes, and what was known when."""

    def __init__(self, operations: Sequence[CompletedOperation], conflicts: Conflicts) -> None:
        self.twice: tuple[str | None, Hashable] | None = None
        self.cost = len(operations)
        self._conflicts = conflicts
        self._operations = [each for each in operations if self._counts(each)]
        self._writers: dict[tuple[str | None, Hashable], CompletedOperation] = {}
        self._failed: dict[tuple[str | None, Hashable], CompletedOperation] = {}
        self._deletes: dict[str | None, list[CompletedOperation]] = {}
        self._first_reads: dict[tuple[int, int], int] = {}  # Process and write -> the number of its first read of it.
        self._keeps_siblings = conflicts != "last writer wins"
        for operation in operations:
            self._learn(operation)

    def _counts(self, operation: CompletedOperation) -> bool:
        """Tell whether an operation happened or may have, and says something."""
        if operation.function in _READS:
            return operation.is_confirmed
        if operation.function in _WRITES:
            return operation.may_have_happened
        if operation.function != "cas":
            guess = nearest(operation.function, _KNOWN)
            raise InvalidInput(f"a register has no {operation.function!r}: it knows {', '.join(_KNOWN)}{guess}")
        if operation.may_have_happened:
            raise InvalidInput("a cas tells of one order of all writes: ask for linearizable where there is one")
        return False

    def _learn(self, operation: CompletedOperation) -> None:
        if operation.function in _READS:
            self._keeps_siblings |= isinstance(operation.result, (list, tuple)) and len(operation.result) > 1
        elif operation.function == "delete":
            if operation.may_have_happened:
                self._deletes.setdefault(operation.key, []).append(operation)
        elif operation.function != "cas":
            value = operation.key, hashable(operation.argument)
            if not operation.may_have_happened:
                self._failed.setdefault(value, operation)
            elif value in self._writers:
                self.twice = self.twice or value
            else:
                self._writers[value] = operation

    # --- what was read ------------------------------------------------------------------------------------------------

    def _values(self, read: CompletedOperation) -> tuple[Hashable, ...]:
        result = hashable(read.result)
        if result is None:
            return ()
        return result if isinstance(result, tuple) else (result,)

    def _sources(self, operation: CompletedOperation) -> list[CompletedOperation]:
        """Return the writes that a read shows, as far as they can have been there."""
        if operation.function in _WRITES:
            return []
        assert operation.returned is not None
        writers = (self._writers.get((operation.key, value)) for value in self._values(operation))
        return [each for each in writers if each is not None and each.called < operation.returned]

    def findings(self, budget: Budget) -> Iterator[Finding]:
        """Yield what is wrong, by the return of the read."""
        reads = sorted((each for each in self._operations if each.function in _READS), key=_returned)
        causality = Causality(self._operations, _WRITES, self._sources)
        self.cost += causality.cost
        for read in reads:
            for source in self._sources(read):
                self._first_reads.setdefault((read.process, source.position), causality.number(read))
        for read in reads:
            if self.cost > budget.steps_max:
                return
            sources = self._sources(read)
            is_told = len(sources) == len(self._values(read))
            if not is_told and self._conflicts != "custom":
                yield self._unwritten(read)
            elif is_told:
                newer = self._newer(causality, read, sources)
                if newer is not None:
                    yield _stale(causality, read, sources, newer)

    def _unwritten(self, read: CompletedOperation) -> Finding:
        values = self._values(read)
        value = next(each for each in values if self._is_unexplained(read, each))
        key = read.key, value
        subject = f"{_read_words(read)}, "
        if key in self._writers:
            write = self._writers[key]
            text = f"{subject}before process {write.process} began to write that at {seconds(write.called_ns)}"
            return Finding("CAU-006", text, read, (write,))
        if key in self._failed:
            write = self._failed[key]
            assert write.returned_ns is not None
            text = f"{subject}though its write by process {write.process} had failed at {seconds(write.returned_ns)}"
            return Finding("CAU-005", text, read, (write,))
        return Finding("CAU-005", f"{subject}and nobody ever tried to write {shown(value)}", read, ())

    def _is_unexplained(self, read: CompletedOperation, value: Hashable) -> bool:
        write = self._writers.get((read.key, value))
        return write is None or write.called >= _returned(read)

    # --- what should have been read ---------------------------------------------------------------------------------

    def _newer(
        self, causality: Causality, read: CompletedOperation, sources: Sequence[CompletedOperation]
    ) -> CompletedOperation | None:
        """Return a write before a read that is newer than something it shows, or than the nothing that it shows."""
        for writes, count in causality.writes_before(read):
            self.cost += 1
            last = writes[count - 1]  # It comes after all that the others of its process come after.
            if self._is_newer(causality, last, read, sources):
                return last
        return None

    def _is_newer(
        self,
        causality: Causality,
        write: CompletedOperation,
        read: CompletedOperation,
        sources: Sequence[CompletedOperation],
    ) -> bool:
        if self._keeps_siblings and any(self._was_read_before(causality, source, write) for source in sources):
            return True
        if write.function == "delete":
            return bool(sources) and not self._keeps_siblings and causality.is_before(sources[0], write)
        if sources and not self._keeps_siblings:
            return causality.is_before(sources[0], write)
        if sources and self._conflicts == "custom":
            return False  # A function may make one value of several that is that of one of them.
        is_there = any(each is write or causality.is_before(write, each) for each in sources)
        return not is_there and not self._may_be_deleted(causality, write, read)

    def _was_read_before(self, causality: Causality, source: CompletedOperation, write: CompletedOperation) -> bool:
        """Tell whether whoever wrote had read some other write before, and so has taken its place."""
        first = self._first_reads.get((write.process, source.position))
        return first is not None and first < causality.number(write) and source is not write

    def _may_be_deleted(self, causality: Causality, write: CompletedOperation, read: CompletedOperation) -> bool:
        """Tell whether some delete can have come after a write and before a read."""
        return any(
            delete.called < _returned(read) and not causality.is_before(delete, write)
            for delete in reversed(self._deletes.get(read.key, ()))
        )


def _stale(
    causality: Causality, read: CompletedOperation, sources: Sequence[CompletedOperation], newer: CompletedOperation
) -> Finding:
    """Return which promise is broken by a read that shows something older than a write before it."""
    code, link, brought = _broken(causality, read, newer)
    wrote = f"{_did(newer)} at {seconds(newer.called_ns)}"
    if code == "CAU-001":
        why = f"after it had itself {wrote}"
    elif code == "CAU-002":
        why = f"after it had read {shown(link.result)} at {_end(link)}, which is newer"
    else:
        how = "after it had" if code == "CAU-004" else f"knowing that process {newer.process} had"
        what = f"{shown(brought.argument)} of {link.key} at {_end(link)}, which process {brought.process} wrote"
        why = f"after it had read {what} {how} {wrote}"
    message = f"{_read_words(read)}, {why}: {_PROMISES[code]} is broken"
    return Finding(code, message, read, (*sources, newer, link, brought))


def _broken(
    causality: Causality, read: CompletedOperation, newer: CompletedOperation
) -> tuple[str, CompletedOperation, CompletedOperation]:
    """Return the code, the operation by which the process learnt of the newer write, and the write seen there."""
    if newer.process == read.process:
        return "CAU-001", newer, newer
    link = causality.link(newer, read)
    if link.key == read.key:  # Perhaps this very read, which shows both.
        return "CAU-002", link, newer
    brought = causality.brought(link, newer)
    return ("CAU-004" if brought.process == newer.process else "CAU-003"), link, brought


def _read_words(read: CompletedOperation) -> str:
    return f"register {read.key}: process {read.process} read {shown(read.result)} at {_end(read)}"


def _did(write: CompletedOperation) -> str:
    return f"deleted {write.key}" if write.function == "delete" else f"written {shown(write.argument)} to {write.key}"


def _end(operation: CompletedOperation) -> str:
    assert operation.returned_ns is not None
    return seconds(operation.returned_ns)


def _returned(operation: CompletedOperation) -> int:
    assert operation.returned is not None
    return operation.returned
