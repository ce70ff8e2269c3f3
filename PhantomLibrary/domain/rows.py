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
_SCALE: int = 10**_DIGITS
_EVERYWHERE = "*#"
CATALOG_KEY = "*#catalog/"


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
    mark = key.find("#")
    if mark != _DIGITS + 1 or key[0] != "k":
        return None
    return int(key[1:mark]) * POSITIONS // _SCALE


def table_of(key: str) -> int | None:
    """Return the number of the table that a key is a row of, None for other keys."""
    _, mark, rest = key.partition("#t")
    number, slash, _ = rest.partition("/")
    return int(number) if mark and slash and number.isdecimal() else None
