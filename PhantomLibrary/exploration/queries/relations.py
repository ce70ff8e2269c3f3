"""What has to hold between the answers of several queries, without knowing any of them to be right.

Ternary logic partitioning: a condition is true, false or unknown for each row, so the three answers add up to that
without it. Source: Rigger and Su, "Finding Bugs in Database Systems via Query Partitioning" (OOPSLA 2020).

Non-optimizing reference engine construction: as many rows meet a condition as there are for which, computed for each
row of the source, it is true; of which nothing can be pushed down. Source: Rigger and Su, "Detecting Optimization Bugs
in Database Engines via Non-optimizing Reference Engine Construction" (ESEC/FSE 2020).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from PhantomLibrary.exploration.queries.generator import Plain

Rows: TypeAlias = Sequence[Sequence[Any]]


class Relation(Struct, frozen=True):
    """Queries, and what is wrong with their answers together, "" where nothing is."""

    name: str
    queries: tuple[str, ...]
    wrong: Callable[[Sequence[Rows]], str]


def partitions(plain: Plain) -> Relation:
    """Return that the rows with a condition true, false and unknown are all rows."""
    return Relation("TLP", (plain.text(""), *_three(plain)), _adds_up)


def distinct_partitions(plain: Plain) -> Relation:
    """Return the same of different rows: each is in one of the three, at least."""
    distinct = Plain(f"DISTINCT {plain.columns}", plain.source, plain.condition)
    return Relation("TLP of DISTINCT", (distinct.text(""), *_three(distinct)), _covers)


def counted_partitions(plain: Plain) -> Relation:
    """Return the same of their counts."""
    counted = Plain("COUNT(*) AS c0", plain.source, plain.condition)
    return Relation("TLP of COUNT", (counted.text(""), *_three(counted)), _counts_up)


def reference(plain: Plain) -> Relation:
    """Return that a count of rows that meet a condition is that of those for which it is true."""
    counted = Plain("COUNT(*) AS c0", plain.source, plain.condition)
    summed = f"SELECT SUM(CASE WHEN {plain.condition} THEN 1 ELSE 0 END) AS c0 FROM {plain.source}"
    return Relation("NoREC", (counted.text(), summed), _is_same_count)


RELATIONS = (partitions, distinct_partitions, counted_partitions, reference)


def _three(plain: Plain) -> tuple[str, str, str]:
    condition = plain.condition
    return plain.text(condition), plain.text(f"NOT ({condition})"), plain.text(f"({condition}) IS NULL")


def _adds_up(answers: Sequence[Rows]) -> str:
    whole, *parts = answers
    wanted, found = _bag(whole), sum(map(_bag, parts), Counter[tuple[Any, ...]]())
    if wanted == found:
        return ""
    lost, more = (wanted - found).total(), (found - wanted).total()
    return f"{len(whole)} rows without the condition; with it true, false and unknown {lost} of them lack, {more} more"


def _covers(answers: Sequence[Rows]) -> str:
    whole, *parts = answers
    for number, each in enumerate(answers):
        if max(_bag(each).values(), default=1) > 1:
            return f"the answer of query {number + 1} has a row twice, though DISTINCT"
    wanted, found = set(_bag(whole)), {row for part in parts for row in _bag(part)}
    if wanted == found:
        return ""
    return f"{len(wanted)} different rows without the condition, {len(found)} with it true, false and unknown"


def _counts_up(answers: Sequence[Rows]) -> str:
    whole, *parts = map(_count, answers)
    return "" if whole == sum(parts) else f"{whole} rows without the condition, {' + '.join(map(str, parts))} with it"


def _is_same_count(answers: Sequence[Rows]) -> str:
    counted, summed = map(_count, answers)
    return "" if counted == summed else f"{counted} rows meet the condition; computed for each row, {summed} do"


def _count(rows: Rows) -> int:
    return int(rows[0][0] or 0) if rows else 0


def _bag(rows: Rows) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(_plain(value) for value in row) for row in rows)


def _plain(value: Any) -> Any:
    # A REAL is compared as it is: each row computes it in the same way, whichever condition it meets.
    return str(value) if isinstance(value, list) else value
