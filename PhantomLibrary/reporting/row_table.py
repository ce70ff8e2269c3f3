"""Rows of an answer for Robot's log: a table of the first ones, and all of them as CSV for a file beside it.

A NULL is no text: it stands in the table as a word of another kind, and in the file as nothing, where an empty text is
two quotes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

ROWS_SHOWN = 20
_CHARACTERS_SHOWN = 120
_NUMBERS = ("INTEGER", "DECIMAL", "REAL")
_TYPE = "opacity:.6;font-weight:normal"
_CELL = "padding:2px 8px;border-top:1px solid rgba(128,128,128,.4);vertical-align:top"


def render_rows(columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[Any]], link: str = "") -> str:
    """Return the first rows as an HTML table; `link` leads to all of them, where some are left out."""
    aligned = [f"{_CELL};text-align:{'right' if is_number(each) else 'left'}" for each in types]
    head = "".join(
        f'<th style="{style}">{escape(name)}<br><small style="{_TYPE}">{escape(kind)}</small></th>'
        for name, kind, style in zip(columns, types, aligned, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, aligned)}</tr>" for row in rows[:ROWS_SHOWN])
    return f'<table style="border-collapse:collapse"><tr>{head}</tr>{body}{_rest(rows, len(columns), link)}</table>'


def _cells(row: Sequence[Any], aligned: Sequence[str]) -> str:
    return "".join(f'<td style="{style}">{_cell(value)}</td>' for value, style in zip(row, aligned, strict=True))


def _cell(value: Any) -> str:
    if value is None:
        return '<i style="opacity:.55">NULL</i>'
    text = shown(value)
    if len(text) > _CHARACTERS_SHOWN:
        text = f"{text[:_CHARACTERS_SHOWN]}… ({len(text)} characters)"
    return f'<span style="white-space:pre-wrap">{escape(text)}</span>'


def _rest(rows: Sequence[Sequence[Any]], width: int, link: str) -> str:
    if not rows:
        note = "no rows"
    elif len(rows) <= ROWS_SHOWN:
        return ""
    else:
        more = f"{len(rows) - ROWS_SHOWN} more rows"
        note = f'<a href="{escape(link)}">{more}</a>' if link else more
    return f'<tr><td colspan="{width}" style="{_CELL};opacity:.8">{note}</td></tr>'


def is_number(kind: str) -> bool:
    return kind.partition("(")[0] in _NUMBERS


def shown(value: Any) -> str:
    """Return a value as people read it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def csv_lines(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[bytes]:
    """Yield rows as lines of CSV, the names of the columns first. Source: RFC 4180."""
    yield (",".join(map(_field, columns)) + "\r\n").encode()
    for row in rows:
        yield (",".join(map(_field, row)) + "\r\n").encode()


def _field(value: Any) -> str:
    if value is None:
        return ""
    text = shown(value)
    if isinstance(value, str) and (not text or any(mark in text for mark in ',"\r\n')):
        return '"' + text.replace('"', '""') + '"'
    return text
