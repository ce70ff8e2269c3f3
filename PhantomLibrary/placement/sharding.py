"""How keys become shards: each key has a routing token, and each shard a range of tokens.

By `range` the token of a key is the key itself, so neighbours stay together and a span of keys is a span of tokens.
By hash it is a fingerprint of the key, so keys that grow, or are named alike, spread over all shards; but a span of
keys is everywhere then. Rows of tables have positions, which are spread already: these are their tokens. What every
shard has a copy of is looked up in the first one. Tokens are text, and are compared as text.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal, TypeAlias, get_args

from PhantomLibrary.domain.rows import is_global, position_of

Strategy: TypeAlias = Literal["range", "hash", "consistent-hash", "directory"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
HASHING = ("hash", "consistent-hash")
"""The strategies by which the token of a key is its hash."""

_TOKEN_BYTES = 8
_FRACTION_DIGITS = 6


def token_of(key: str) -> str:
    """Return the hash of a key, 16 hexadecimal digits: the same everywhere and always (BLAKE2b, RFC 7693).

    Of a row it is its position, of what is everywhere "".
    """
    if "#" in key:
        position = position_of(key)
        if position is not None:
            return position_token(position)
        if is_global(key):
            return ""
    return blake2b(key.encode(), digest_size=_TOKEN_BYTES).hexdigest()


def position_token(position: int) -> str:
    """Return the token of all rows at a position, where keys are hashed."""
    return f"{position:0{2 * _TOKEN_BYTES}x}"


def boundaries(shards: int, *, is_hashed: bool) -> list[str]:
    """Return where each of some shards begins, the first at "", so that each has as much as the others.

    Hashes are spread evenly. Of keys, those named k0 to k99… are divided evenly, their digits read as a decimal
    fraction: for four shards at k25, k5 and k75.
    """
    return [_boundary(number, shards, is_hashed=is_hashed) for number in range(shards)]


def _boundary(number: int, shards: int, *, is_hashed: bool) -> str:
    if number == 0:
        return ""
    if is_hashed:
        return f"{(number << 8 * _TOKEN_BYTES) // shards:0{2 * _TOKEN_BYTES}x}"
    fraction = f"{number * 10**_FRACTION_DIGITS // shards:0{_FRACTION_DIGITS}d}"
    return "k" + fraction.rstrip("0")


def key_with_token(stem: str, start: str, end: str) -> str:
    """Return the first of k0`stem`, k1`stem`, … whose hash lies in [start, end), `end` "" meaning no end.

    The range may not be empty. The narrower it is, the longer that takes: as many tries, on average, as there could be
    such ranges.
    """
    assert not end or start < end
    number = 0
    while True:
        key = f"k{number}{stem}"
        token = token_of(key)
        if start <= token and (not end or token < end):
            return key
        number += 1
