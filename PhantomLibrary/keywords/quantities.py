"""Numbers as Robot users write them: counts, shares, rates, seeds. Read exactly, into integers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.keywords.times import plain_number

_PPM_OF_PERCENT = 10_000
_DRIFT_PERCENT_MAX = 50
_SEED_BITS = 63
_SHARE = re.compile(r"([+-]?)(\d+(?:\.\d+)?)\s*%?", re.ASCII)
_RATE = re.compile(r"([+-]?)(\d+(?:\.\d+)?)\s*([^\d\s/]*)\s*(?:/\s*(\S+))?", re.ASCII)
_SIZE = re.compile(r"([+-]?)(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)
_PART_OF_MIX = re.compile(r"(\d+)\s*%?\s*([^\W\d]+)", re.ASCII)
_MIXED = ("reads", "writes", "transactions")
_BYTES: Mapping[str, int] = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_BITS = {f"{prefix}bit": factor for prefix, factor in (("", 1), ("k", 10**3), ("m", 10**6), ("g", 10**9))}


class Count(Struct, frozen=True):
    """A whole number, one or more. `text` is a word where nobody wrote a number."""

    number: int
    text: str = ""

    def __str__(self) -> str:
        return self.text or str(self.number)


class Percent(Struct, frozen=True):
    """A share from 0 % to 100 %, in millionths."""

    ppm: int | None
    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def whole(self) -> int:
        """The share in whole per cent. Raises InvalidInput when it has a fraction."""
        percent, rest = divmod(self.ppm or 0, _PPM_OF_PERCENT)
        if rest:
            raise InvalidInput(f"{self.text} is not possible here: write whole per cent, such as 50")
        return percent


class Drift(Struct, frozen=True):
    """How much faster a clock runs, or slower where negative, in millionths."""

    ppm: int
    text: str

    def __str__(self) -> str:
        return self.text


class Factor(Struct, frozen=True):
    """How many times as much, in thousandths."""

    permille: int
    text: str

    def __str__(self) -> str:
        return self.text


class Threshold(Struct, frozen=True):
    """How much of a metric is too much or too little: a share in millionths, or so often in a second."""

    text: str
    ppm: int | None = None
    per_s: int | None = None

    def __str__(self) -> str:
        return self.text

    def of(self, metric: str) -> int:
        """Return the amount for a metric. Raises InvalidInput when it is counted in another way."""
        is_rate = metric in ("queries", "transactions")
        amount = self.per_s if is_rate else self.ppm
        if amount is None:
            wanted = "a rate such as 500/s" if is_rate else "a share such as 70%"
            raise InvalidInput(f"{self.text} is no amount of {metric}: write {wanted}")
        return amount


class Rate(Struct, frozen=True):
    """How much in a second: `per_1000_s` operations in 1,000 seconds, or `bytes_per_s`. The other one is None."""

    text: str
    per_1000_s: int | None = None
    bytes_per_s: int | None = None

    def __str__(self) -> str:
        return self.text

    def operations(self) -> int:
        """Return the operations in 1,000 seconds. Raises InvalidInput when it counts bytes."""
        if self.per_1000_s is None:
            raise InvalidInput(f"{self.text} is no rate of operations: write one such as 400/s")
        return self.per_1000_s

    def bandwidth(self) -> int | None:
        """Return the bytes in a second, None where nothing is to change. Raises InvalidInput for operations."""
        if self.per_1000_s is not None:
            raise InvalidInput(f"{self.text} is no bandwidth: write one such as 2MB/s")
        return self.bytes_per_s


class Size(Struct, frozen=True):
    """A number of bytes."""

    bytes: int
    text: str

    def __str__(self) -> str:
        return self.text


class Mix(Struct, frozen=True):
    """How many of a hundred operations are single reads, single writes and transactions; nothing where that is left to
    the kind of workload.
    """

    shares: tuple[int, ...]
    text: str

    def __str__(self) -> str:
        return self.text


class Seed(Struct, frozen=True):
    """A seed; `number` is None for `auto`."""

    number: int | None = None

    def __str__(self) -> str:
        return "auto" if self.number is None else str(self.number)


AS_TOPOLOGY = Count(0, "as topology")
UNCHANGED_SHARE = Percent(None, "unchanged")
UNCHANGED_RATE = Rate("unchanged")
AS_KIND = Mix((), "as kind")
AUTO = Seed()


def to_count(value: str | int | float) -> Count:
    """A whole number, one or more."""
    text = _number_text(value)
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise InvalidInput(f"{text!r} is no count: write a whole number, 1 or more")
    if int(text) < 1:
        raise InvalidInput(f"{text} is too few: write a whole number, 1 or more")
    return Count(int(text))


def to_percent(value: str | int | float) -> Percent:
    """A share from 0 % to 100 %: ``20``, ``20%`` and ``0.1 %`` are shares; the sign may be left out."""
    text = _number_text(value)
    if text.lower() == UNCHANGED_SHARE.text:
        return UNCHANGED_SHARE
    ppm = _share_ppm(text)
    if not 0 <= ppm <= 100 * _PPM_OF_PERCENT:
        raise InvalidInput(f"{text!r} is out of range: a share is 0 % to 100 %")
    return Percent(ppm, text)


def to_drift(value: str | int | float) -> Drift:
    """How much faster a clock runs: ``2 %`` is 2 % fast, ``-2 %`` is 2 % slow; at most 50 % either way."""
    text = _number_text(value)
    ppm = _share_ppm(text)
    if abs(ppm) > _DRIFT_PERCENT_MAX * _PPM_OF_PERCENT:
        raise InvalidInput(f"{text!r} is out of range: a clock drifts by -50 % to 50 %")
    return Drift(ppm, text)


def to_rate(value: str | int | float) -> Rate:
    """A rate: ``400/s`` or ``400`` operations a second, ``2MB/s`` or ``100 Mbit/s`` of data."""
    text = _number_text(value)
    if text.lower() == UNCHANGED_RATE.text:
        return UNCHANGED_RATE
    match = _RATE.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{text!r} is no rate: write one such as 400/s, or 2MB/s for data")
    sign, number, unit, period = match.groups()
    if period not in (None, "s", "sec", "second"):
        raise InvalidInput(f"{text!r} is no rate: rates are for each second, such as 400/s")
    if sign == "-":
        raise InvalidInput(f"{text!r} is negative: a rate is 0 or more")
    if not unit:
        return Rate(text, per_1000_s=_whole(number, 1000, 1, text))
    factors = {**dict.fromkeys(_BYTES, 1), **dict.fromkeys(_BITS, 8)}
    known = {**_BYTES, **_BITS}
    if unit.lower() not in known or period is None:
        raise InvalidInput(
            f"{text!r} is no rate: write one such as 400/s, or 2MB/s for data{nearest(unit, ('kB', 'MB', 'GB'))}"
        )
    return Rate(text, bytes_per_s=_whole(number, known[unit.lower()], factors[unit.lower()], text))


def to_size(value: str | int | float) -> Size:
    """An amount of memory or data: ``5MB``, ``20 kB`` or a number of bytes; a kB is 1,000 of them."""
    text = _number_text(value)
    match = _SIZE.fullmatch(text)
    if match is None or (match[3] or "b").lower() not in _BYTES:
        raise InvalidInput(f"{text!r} is no size: write one such as 5MB or 20kB")
    if match[1] == "-":
        raise InvalidInput(f"{text!r} is negative: a size is 0 or more")
    return Size(_whole(match[2], _BYTES[(match[3] or "b").lower()], 1, text), text)


def to_factor(value: str | int | float) -> Factor:
    """How many times as much: ``150%`` is half as much again."""
    text = _number_text(value)
    ppm = _share_ppm(text)
    if ppm < 0 or ppm % 1_000:
        raise InvalidInput(f"{text!r} is no factor: write per cent, such as 150%, no finer than 0.1 %")
    return Factor(ppm // 1_000, text)


def to_threshold(value: str | int | float) -> Threshold:
    """How much is too much or too little: ``70%`` of what a node has, or ``500/s`` for each node."""
    text = _number_text(value)
    if not text.endswith("/s"):
        return Threshold(text, ppm=to_percent(text).ppm)
    per_1000_s = to_rate(text).operations()
    if per_1000_s % 1_000:
        raise InvalidInput(f"{text!r} is too fine: write whole operations a second, such as 500/s")
    return Threshold(text, per_s=per_1000_s // 1_000)


def to_mix(value: str) -> Mix:
    """What a workload consists of: ``50% reads, 30% writes, 20% transactions``, which have to be 100 % together."""
    text = " ".join(str(value).split())
    if text.lower() == AS_KIND.text:
        return AS_KIND
    shares = dict.fromkeys(_MIXED, 0)
    given = set()
    for part in text.split(","):
        match = _PART_OF_MIX.fullmatch(part.strip())
        if match is None:
            raise InvalidInput(f"{part.strip()!r} is no part of a mix: write one such as 50% reads, 50% writes")
        percent, word = int(match[1]), match[2].lower()
        if word == "queries":
            raise InvalidInput(f"queries are not available yet: a mix has {', '.join(_MIXED)}")
        if word not in shares:
            raise InvalidInput(f"no {word!r} in a mix: there are {', '.join(_MIXED)}{nearest(word, _MIXED)}")
        if word in given:
            raise InvalidInput(f"{text!r} names {word} twice")
        given.add(word)
        shares[word] = percent
    if sum(shares.values()) != 100:
        raise InvalidInput(f"{text!r} is {sum(shares.values())} % together: a mix has to be 100 %")
    return Mix(tuple(shares.values()), text)


def to_seed(value: str | int) -> Seed:
    """The number that decides everything random in a run; ``auto`` is ``${SEED}``, else made from the test's name."""
    text = _number_text(value)
    if text.lower() == "auto":
        return AUTO
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise InvalidInput(f"{text!r} is no seed: write a whole number, such as 7, or auto")
    if not 0 <= int(text) < 1 << _SEED_BITS:
        raise InvalidInput(f"{text} is no seed: write a whole number from 0 to {(1 << _SEED_BITS) - 1}")
    return Seed(int(text))


def _number_text(value: str | int | float) -> str:
    if isinstance(value, bool):
        raise InvalidInput(f"{value} is no number")
    return plain_number(value) if isinstance(value, (int, float)) else " ".join(value.split())


def _share_ppm(text: str) -> int:
    match = _SHARE.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{text!r} is no share: write per cent, such as 20% or 0.1 %")
    return (-1 if match[1] == "-" else 1) * _whole(match[2], _PPM_OF_PERCENT, 1, text)


def _whole(number: str, factor: int, divisor: int, text: str) -> int:
    whole, _, fraction = number.partition(".")
    scaled, rest = divmod(int(whole + fraction) * factor, divisor * int("1" + "0" * len(fraction)))
    if rest:
        raise InvalidInput(f"{text!r} is too fine: it cannot be counted exactly")
    return scaled
