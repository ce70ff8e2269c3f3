"""How deep statements may be nested: the same on every machine, however deep the stack is on which one is read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from PhantomLibrary.sql.errors import TOO_COMPLEX, SqlError

NESTED_MAX = 40
"""Levels of brackets and CASE, and signs and NOTs in a row."""

_FRAMES = 3000  # sqlglot takes up to 25 of them a level; Python's bound of 1000 would depend on who called.


@contextmanager
def room_for_nesting() -> Iterator[None]:
    """Let as deep a recursion happen as reading and binding of a statement may take."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES))
    try:
        yield
    except RecursionError:
        raise SqlError(TOO_COMPLEX, "the statement is nested too deeply") from None
    finally:
        sys.setrecursionlimit(before)
