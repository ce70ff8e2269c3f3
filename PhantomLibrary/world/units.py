"""Quantities as people write them (`0.5 ms`, `0.1 %`, `10 MB`, `1 GB/s`), read exactly into integers.

Rule: no float. `0.1 %` is 1,000 millionths, and what does not fit a whole number of the smallest unit is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from PhantomLibrary.errors import InvalidInput, nearest

MILLION = 1_000_000

_DURATIONS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}
_SHARES = {"%": 10**4, "ppm": 1}
_SIZES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_RATES = {f"{unit}/s": factor for unit, factor in _SIZES.items()}
_FREQUENCIES = {"/s": 1}
_NUMBER = re.compile(r"([+-]?)(\d+)(?:\.(\d+))?\s*(\D*)", re.ASCII)


class Nanoseconds(int):
    """A duration that is not negative."""


class SignedNanoseconds(int):
    """An offset of a clock."""


class Millionths(int):
    """A share that is not negative; 100 % is 1,000,000."""


class SignedMillionths(int):
    """A drift of a clock."""


class Bytes(int):
    """An amount of memory or disk."""


class BytesPerSecond(int):
    """A bandwidth."""


class PerSecond(int):
    """How often in a second."""


_KINDS: dict[type, tuple[str, str, Mapping[str, int], bool]] = {
    Nanoseconds: ("a duration", "0.5 ms", _DURATIONS, False),
    SignedNanoseconds: ("a duration", "-20 ms", _DURATIONS, True),
    Millionths: ("a share", "0.1 %", _SHARES, False),
    SignedMillionths: ("a share", "-50 ppm", _SHARES, True),
    Bytes: ("a size", "10 MB", _SIZES, False),
    BytesPerSecond: ("a bandwidth", "1 GB/s", _RATES, False),
    PerSecond: ("a rate", "500/s", _FREQUENCIES, False),
}


def decode(kind: type, found: Any) -> Any:
    """Read a quantity of one of the types above; the hook for `msgspec.convert`. Raises InvalidInput (a ValueError)."""
    what, example, units, signed = _KINDS[kind]
    if found == 0 and type(found) is int:
        return kind(0)
    if not isinstance(found, str):
        raise InvalidInput(f"{found!r} is not {what}: write a number and a unit, such as '{example}'")
    match = _NUMBER.fullmatch(found.strip())
    if match is None:
        raise InvalidInput(f"{found!r} is not {what}: write a number and a unit, such as '{example}'")
    sign, whole, fraction, unit = match[1], match[2], match[3] or "", match[4].strip()
    if unit not in units and not (unit == "" and int(whole + fraction) == 0):
        raise InvalidInput(f"{found!r} is not {what}: its unit is one of {', '.join(units)}{nearest(unit, units)}")
    if sign == "-" and not signed:
        raise InvalidInput(f"{found!r} is negative: {what} here is zero or more, such as '{example}'")
    value, rest = divmod(int(whole + fraction) * units.get(unit, 0), 10 ** len(fraction))
    if rest:
        raise InvalidInput(
            f"{found!r} is finer than the smallest unit, which is 1 {min(units, key=lambda each: units[each])}"
        )
    return kind(-value if sign == "-" else value)
