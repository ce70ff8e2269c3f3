"""How a row of a SQL table is a key of the versioned store.

A row stands at a *position*, a whole number below 2**64 that its table's sharding gives it: the hash of its shard key,
or where that lies in the order of all values. Rows of one position are always in one shard, of whichever tables they
are. So tables that are sharded by equal values are co-located: as with the hash tags of Redis Cluster.

The position leads the key as a decimal fraction, `k` and twenty digits, for so the ranges of keys, which divide k0 to
k99… evenly, divide positions evenly too. What every shard keeps a copy of, the catalog and tables that are replicated
everywhere, begins with a star instead.
"""

from __future__ import annotations

POSITIONS = 1 << 64
_DIGITS = 20
_MARK = 1 + _DIGITS  # Where the number of the table begins.
ROWS_END = "k:"
"""Behind the keys of all rows."""
_SCALE: int = 10**_DIGITS
_EVERYWHERE = "*#"
CATALOG_KEY = "*#catalog/"
GLOBAL_SPAN = (_EVERYWHERE, "*$")
"""Between which keys all is that every shard has."""


def row_key(position: int, table: int, row: str) -> str:
    """Return the key of a row; `row` is its primary key as text, table its number in the catalog."""
    return f"{position_start(position)}#t{table}/{row}"


def global_key(table: int, row: str) -> str:
    """Return the key of a row that every shard has."""
    return f"{_EVERYWHERE}t{table}/{row}"


def is_global(key: str) -> bool:
    """Return whether every shard has a copy of a key."""
    return key.startswith(_EVERYWHERE)


def position_start(position: int) -> str:
    """Return the least key of all rows at a position; rows further on have greater ones."""
    return f"k{-(-position * _SCALE // POSITIONS):0{_DIGITS}d}"


def position_of(key: str) -> int | None:
    """Return the position in the key of a row, None where a key is none of a row or is everywhere."""
    return _leading_position(key) if key.find("#") == _MARK else None


def undivided(key: str) -> str:
    """Return where ranges of keys may be divided in place of a key: of a row, before all rows of its position."""
    return key if position_of(key) is None else key[:_MARK]


def _leading_position(key: str) -> int | None:
    digits = key[1:_MARK]
    if key[:1] != "k" or len(digits) != _DIGITS or not (digits.isascii() and digits.isdecimal()):
        return None
    return int(digits) * POSITIONS // _SCALE


def positions_between(start: str, end: str) -> tuple[int, int]:
    """Return the first and the last position at which rows may stand whose keys are in [start, end)."""
    first, last = _leading_position(start) or 0, _leading_position(end)
    if last is None:
        return first, POSITIONS - 1
    return first, max(first, last - (len(end) == _MARK))


def table_of(key: str) -> int | None:
    """Return the number of the table that a key is a row of, None for other keys."""
    mark = len(_EVERYWHERE) - 1 if is_global(key) else _MARK
    if key[mark : mark + 2] != "#t" or (mark == _MARK and position_of(key) is None):
        return None
    number, slash, _ = key[mark + 2 :].partition("/")
    return int(number) if slash and number.isdecimal() else None


def table_mark(table: int) -> str:
    """Return what stands in the key of each row of a table, and in no other's of that position."""
    return f"#t{table}/"


def global_span(table: int) -> tuple[str, str]:
    """Return between which keys the rows of a table are that every shard has."""
    return f"{_EVERYWHERE}t{table}/", f"{_EVERYWHERE}t{table}0"
