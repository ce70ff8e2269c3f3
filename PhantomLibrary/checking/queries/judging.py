"""The verdict on one answer of a query, with the rows that are missing and those that are too many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PhantomLibrary.checking.queries.answers import Difference, compare
from PhantomLibrary.checking.queries.oracle import Oracle
from PhantomLibrary.checking.queries.values import FoundAnswer, OracleError, Value
from PhantomLibrary.checking.verdict import Verdict

_ROWS_SHOWN = 3


def judge_answer(found: FoundAnswer, oracle: Oracle, query: str, parameters: Sequence[Value] = ()) -> Verdict:
    """Judge an answer. `unknown` where the oracle has none to compare with; `operations` counts the rows."""
    try:
        right = oracle.answer(query, parameters)
    except OracleError as error:
        return Verdict("unknown", "QRY-004", f"no right answer to compare with: {error}")
    difference = compare(found, right)
    if difference is None:
        return Verdict("valid", operations=len(found.rows), confirmed=len(found.rows))
    code = "QRY-002" if difference.is_order else "QRY-001"
    message = f"the answer is not that of a single node over the same rows: {difference.sentence}"
    return Verdict("invalid", code, message, _evidence(difference), len(found.rows))


def _evidence(difference: Difference) -> tuple[str, ...]:
    first, second = ("expected there", "found there") if difference.is_order else ("missing", "surplus")
    return (*_shown(first, difference.missing), *_shown(second, difference.surplus))


def _shown(word: str, rows: Sequence[Sequence[Any]]) -> list[str]:
    lines = [f"{word}: {', '.join(map(shown_value, row))}" for row in rows[:_ROWS_SHOWN]]
    return lines + ([f"{word}: {len(rows) - _ROWS_SHOWN} more rows"] if len(rows) > _ROWS_SHOWN else [])


def shown_value(value: Any) -> str:
    """Return a value as SQL writes it, so that a NULL is no text."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return f"x'{value.hex()}'" if isinstance(value, bytes) else str(value)
