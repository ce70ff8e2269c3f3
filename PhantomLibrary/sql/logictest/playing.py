"""Plays the records of a script on a database, and says of each whether it did what it was to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.sql.logictest.records import HaltRecord, QueryRecord, Record, StatementRecord, ThresholdRecord
from PhantomLibrary.sql.logictest.results import Value, difference, expected_hash, hashed, rendered

Outcome: TypeAlias = Literal["passed", "failed", "skipped"]


class Answered(Struct, frozen=True):
    """What a database said: the rows of a result, or why it refused."""

    rows: Sequence[Sequence[Value]] = ()
    width: int | None = None  # How many columns there are; None for what is no query.
    refusal: str = ""


Execute: TypeAlias = Callable[[str], Answered]


class RecordVerdict(Struct, frozen=True):
    """What came of one statement or query; `reason` says why it failed or was skipped."""

    line: int
    kind: Literal["statement", "query"]
    text: str
    outcome: Outcome
    reason: str = ""


class Player:
    """Plays one script. `execute` sends a text to the database and waits for what it says."""

    def __init__(self, execute: Execute, *, engine: str, threshold: int = 0) -> None:
        self._execute = execute
        self._engine = engine
        self._threshold = threshold
        self._hashes: dict[str, tuple[int, str]] = {}  # Label to the line that had it first, and that one's hash.

    def play(self, records: Iterable[Record]) -> Iterator[RecordVerdict]:
        """Yield the verdict of each statement and query in turn, up to a `halt`."""
        for record in records:
            counts = record.conditions.hold(self._engine)
            if isinstance(record, HaltRecord):
                if counts:
                    return
            elif isinstance(record, ThresholdRecord):
                self._threshold = record.values_max if counts else self._threshold
            elif isinstance(record, StatementRecord):
                yield self._verdict(record, "statement", self._statement(record) if counts else None)
            else:
                yield self._verdict(record, "query", self._query(record) if counts else self._skipped_query(record))

    def _verdict(
        self, record: StatementRecord | QueryRecord, kind: Literal["statement", "query"], wrong: str | None
    ) -> RecordVerdict:
        if wrong is None:
            return RecordVerdict(record.line, kind, record.text, "skipped", f"not meant for {self._engine}")
        return RecordVerdict(record.line, kind, record.text, "failed" if wrong else "passed", wrong)

    def _statement(self, record: StatementRecord) -> str:
        answered = self._execute(record.text)
        if record.succeeds:
            return answered.refusal
        return "" if answered.refusal else "it succeeded, and was to fail"

    def _query(self, record: QueryRecord) -> str:
        answered = self._execute(record.text)
        if answered.refusal:
            return answered.refusal
        if answered.width != len(record.types):
            return f"found {answered.width} columns, expected {len(record.types)}"
        values = rendered(answered.rows, record.types, record.sort)
        wrong = difference(values, record.expected, len(record.types), self._threshold)
        return wrong or self._label(record, hashed(values))

    def _skipped_query(self, record: QueryRecord) -> str | None:
        """Its result may still contradict that of another one with its label."""
        return self._label(record, expected_hash(record.expected)) or None

    def _label(self, record: QueryRecord, found: str) -> str:
        if not record.label:
            return ""
        line, first = self._hashes.setdefault(record.label, (record.line, found))
        return "" if first == found else f"its result is not that of line {line}, which is also labelled {record.label}"
