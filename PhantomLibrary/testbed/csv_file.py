"""Rows from a CSV file, the first line naming the columns. An empty field is NULL; an empty text stands in quotes.

Source: RFC 4180.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from PhantomLibrary.errors import InvalidInput

BYTES_MAX = 32_000_000


class CsvRows(Struct, frozen=True):
    """The names of columns, and rows of texts, None for NULL."""

    columns: list[str]
    rows: list[list[str | None]]


def read_csv_file(path: str) -> CsvRows:
    """Return the rows of a file. Raises InvalidInput, naming file and line."""
    try:
        size = Path(path).stat().st_size
        if size > BYTES_MAX:
            raise InvalidInput(f"{path} has {size:,} bytes: a file to load has at most {BYTES_MAX:,}")
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: no UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from None
    return read_csv(text, path)


def read_csv(text: str, origin: str = "text") -> CsvRows:
    """Return the rows of a text. Raises InvalidInput, naming `origin` and the line."""
    records = _records(text, origin)
    if not records:
        raise InvalidInput(f"{origin} is empty: its first line has to name the columns")
    _, head = records[0]
    columns = [name or "" for name in head]
    if "" in columns:
        raise InvalidInput(f"{origin}:1: column {columns.index('') + 1} has no name")
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise InvalidInput(f"{origin}:1: two columns are called {twice[0]}")
    for line, fields in records[1:]:
        if len(fields) != len(columns):
            raise InvalidInput(f"{origin}:{line}: {len(fields)} values, and {len(columns)} columns are named")
    return CsvRows(columns, [fields for _, fields in records[1:]])


def _records(text: str, origin: str) -> list[tuple[int, list[str | None]]]:
    """Return the fields of each record with the line on which it begins. Lines with nothing are left out."""
    records = list[tuple[int, list[str | None]]]()
    text = text.replace("\r\n", "\n")
    at, line = 0, 1
    while at < len(text):
        start, fields = line, list[str | None]()
        while True:
            field, at, line = _field(text, at, line, origin)
            fields.append(field)
            mark, at = text[at : at + 1], at + 1
            if mark != ",":
                break
        line += 1
        if fields != [None]:
            records.append((start, fields))
    return records


def _field(text: str, at: int, line: int, origin: str) -> tuple[str | None, int, int]:
    """Return a field, where it ends, and on which line."""
    if text[at : at + 1] != '"':
        end = min((place for mark in ",\n" if (place := text.find(mark, at)) >= 0), default=len(text))
        return text[at:end] or None, end, line
    start, begun, parts = line, at + 1, list[str]()
    while True:
        end = text.find('"', begun)
        if end < 0:
            raise InvalidInput(f"{origin}:{start}: a quote is not closed")
        parts.append(text[begun:end])
        line += text.count("\n", begun, end)
        if text[end + 1 : end + 2] != '"':
            break
        begun = end + 2
    if text[end + 1 : end + 2] not in ("", ",", "\n"):
        raise InvalidInput(f"{origin}:{line}: a comma or the end of the line has to follow the closing quote")
    return '"'.join(parts), end + 1, line
