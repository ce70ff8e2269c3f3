"""Which worker gets a row of a shuffle: the one that gets all rows with equal values."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from PhantomLibrary.sql.catalog import Stored


def worker_of(values: Sequence[Stored], workers: int) -> int:
    """Return the number of a worker, below `workers`. Numbers that are equal get the same, whatever their type."""
    hashed = blake2b("\0".join(map(_text, values)).encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "big") % workers


def _text(value: Stored) -> str:
    if value is None:
        return "n"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return f"i{int(value)}"
    if isinstance(value, float):
        return f"f{value!r}"
    return f"t{value}" if isinstance(value, str) else f"b{value.hex()}"
