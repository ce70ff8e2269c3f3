"""What became of the writes of regions: as rows for a table in the log, and as a file for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from PhantomLibrary.checking.divergence import FATES, WriteFate
from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.reporting.row_table import csv_lines
from PhantomLibrary.testbed.divergence_judge import divergence_report
from PhantomLibrary.testbed.run import Run

COLUMNS = ("key", "region", "number", "taken_ms", "write", "confirmed", "fate", "by_region", "by", "why")
TYPES = ("TEXT", "TEXT", "INTEGER", "INTEGER", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT")


def divergence_rows(fates: Sequence[WriteFate]) -> list[tuple[Any, ...]]:
    """Return a row for each write."""
    return [
        (
            each.change.operation.key,
            each.change.dot.region,
            each.change.dot.count,
            each.taken_ns // MILLISECOND_NS,
            each.words,
            "yes" if each.is_confirmed else "no",
            each.fate,
            each.by.dot.region if each.by is not None else "",
            each.by_words,
            each.why,
        )
        for each in fates
    ]


def divergent(fates: Sequence[WriteFate]) -> list[WriteFate]:
    """Return the writes that were neither kept nor knowingly overwritten."""
    return [each for each in fates if each.fate not in ("visible", "overwritten")]


def divergence_csv(run: Run) -> Iterator[bytes]:
    """Yield all writes that regions took, and what became of them, as CSV."""
    return csv_lines(COLUMNS, divergence_rows(divergence_report(run)))


def counted(fates: Sequence[WriteFate]) -> str:
    """Return how many confirmed writes met which fate, in words."""
    counts = {fate: sum(each.fate == fate and each.is_confirmed for each in fates) for fate in FATES}
    return ", ".join(f"{count} {fate}" for fate, count in counts.items() if count) or "none"
