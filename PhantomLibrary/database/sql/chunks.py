"""Rows in pieces of bounded size, for messages."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from PhantomLibrary.sql.engine import Row

_encode = msgspec.json.Encoder().encode


def bytes_of(rows: Sequence[Row]) -> int:
    """Return how many bytes rows take in a message."""
    return len(_encode(rows))


def chunked(rows: Sequence[Row], bytes_max: int) -> list[tuple[tuple[Row, ...], int]]:
    """Return rows in chunks, at least one, each with its bytes: at most so many, or a single row."""
    size = bytes_of(rows)
    if size <= bytes_max or len(rows) <= 1:
        return [(tuple(rows), size)]
    step = max(1, len(rows) * bytes_max // size)
    chunks: list[tuple[tuple[Row, ...], int]] = []
    for start in range(0, len(rows), step):
        chunks += _halved(rows[start : start + step], bytes_max)
    return chunks


def _halved(rows: Sequence[Row], bytes_max: int) -> list[tuple[tuple[Row, ...], int]]:
    size = bytes_of(rows)
    if size <= bytes_max or len(rows) == 1:
        return [(tuple(rows), size)]
    middle = len(rows) // 2
    return _halved(rows[:middle], bytes_max) + _halved(rows[middle:], bytes_max)
