"""How a place in the text of a statement is shown: by line and column, and the line with a mark under it."""

from __future__ import annotations

from PhantomLibrary.sql.errors import SYNTAX_ERROR, SqlError

_WIDTH = 72


def syntax_error(text: str, start: int, reason: str, state: str = SYNTAX_ERROR) -> SqlError:
    """Return an error that shows the place `start`, counted in characters."""
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line = text[line_start : len(text) if line_end < 0 else line_end].replace("\t", " ")
    column = start - line_start
    cut = max(0, column - _WIDTH // 2)
    shown = line[cut : cut + _WIDTH]
    dots = "…" if cut else ""
    mark = " " * (len(dots) + column - cut) + "^"
    number = text.count("\n", 0, start) + 1
    return SqlError(state, f"{reason}\n  line {number}, column {column + 1}:\n  {dots}{shown}\n  {mark}")
