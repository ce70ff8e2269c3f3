"""Times as Robot users write them (`1.5s`, `2 minutes`, `00:01:30`, a number of seconds), exact to the nanosecond.

Rule: no float decides anything. A number with a point is read digit by digit, and what is finer than a nanosecond is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from msgspec import Struct

from PhantomLibrary.errors import InvalidInput, nearest

_MICROSECOND_NS = 1_000
_MILLISECOND_NS = 1_000_000
_SECOND_NS = 1_000_000_000
_MINUTE_NS = 60 * _SECOND_NS
_HOUR_NS = 60 * _MINUTE_NS
_DAY_NS = 24 * _HOUR_NS

_UNITS_NS: Mapping[str, int] = {
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1),
    **dict.fromkeys(("us", "µs", "μs", "microsecond", "microseconds"), _MICROSECOND_NS),
    **dict.fromkeys(("ms", "msec", "millis", "millisec", "millisecond", "milliseconds"), _MILLISECOND_NS),
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), _SECOND_NS),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), _MINUTE_NS),
    **dict.fromkeys(("h", "hour", "hours"), _HOUR_NS),
    **dict.fromkeys(("d", "day", "days"), _DAY_NS),
    **dict.fromkeys(("w", "week", "weeks"), 7 * _DAY_NS),
}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([^\d\s.:+-]*)\s*", re.ASCII)
_TIMER = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:\.(\d+))?", re.ASCII)
_EXAMPLES = "such as 500 ms, 1.5s, 2 minutes or 00:01:30"


class VirtualTime(Struct, frozen=True):
    """A virtual time or duration. `text` is how it was written; `ns` is None for a word such as `now`."""

    text: str
    ns: int | None

    def __str__(self) -> str:
        return self.text

    def or_none(self, word: VirtualTime) -> int | None:
        """Return the nanoseconds, or None where the default word stands. Raises InvalidInput for another word."""
        if self.ns is None and self.text != word.text:
            raise InvalidInput(f"{self.text!r} is no time here: write a time, {_EXAMPLES}, or {word.text!r}")
        return self.ns


NOW = VirtualTime("now", None)
UNTIL_HEALED = VirtualTime("until healed", None)
UNCHANGED = VirtualTime("unchanged", None)
WHOLE_TEST = VirtualTime("whole test", None)
NEVER = VirtualTime("never", None)
AS_TOPOLOGY = VirtualTime("as topology", None)
_WORDS = {each.text: each for each in (NOW, UNTIL_HEALED, UNCHANGED, WHOLE_TEST, NEVER, AS_TOPOLOGY)}


class WallTime(Struct, frozen=True):
    """How long something may take in reality. Decides nothing in a run, only when to give up on one."""

    text: str
    ns: int

    def __str__(self) -> str:
        return self.text


class ClockOffset(Struct, frozen=True):
    """How far a wall clock is ahead, or behind where negative."""

    text: str
    ns: int

    def __str__(self) -> str:
        return self.text


def to_virtual_time(value: str | int | float | timedelta) -> VirtualTime:
    """A virtual time: a Robot time string or a number of seconds.

    ``5s``, ``300 ms``, ``2 minutes``, ``1 min 30 s``, ``00:01:30`` and ``1.5`` are virtual times. Virtual time is
    that of the simulation: it stands still between keywords and has nothing to do with the time that a test takes.
    With ``at=`` it counts from the start of the cluster, as the log shows it (``t=12.400s``). Where the default is
    a word (``now``, ``until healed``, ``unchanged``, ``whole test``), that word may be written too.
    """
    text = _text_of(value)
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    ns = read_time_ns(text.removeprefix("t="))
    if ns < 0:
        raise InvalidInput(f"{text!r} is negative: virtual time does not run backwards")
    return VirtualTime(text, ns)


def to_wall_time(value: str | int | float | timedelta) -> WallTime:
    """A wall time: what a clock on the wall shows, as ``10s`` or ``2 minutes``; above 0. Most times are virtual."""
    text = _text_of(value)
    ns = read_time_ns(text)
    if ns <= 0:
        what = "negative" if ns < 0 else "no time at all"
        raise InvalidInput(f"{text!r} is {what}: write a wall time above 0, {_EXAMPLES}")
    return WallTime(text, ns)


def to_clock_offset(value: str | int | float | timedelta) -> ClockOffset:
    """An offset of a clock: a time that may be negative, such as ``200 ms`` or ``-1.5s``."""
    text = _text_of(value)
    return ClockOffset(text, read_time_ns(text))


def read_time_ns(text: str) -> int:
    """Return the nanoseconds that a text means. Raises InvalidInput with a reason for anything else."""
    plain = text.strip().lower().replace("_", " ")
    sign = -1 if plain.startswith("-") else 1
    plain = plain.lstrip("+-").strip() if plain[:1] in ("+", "-") else plain
    if match := _TIMER.fullmatch(plain):
        hours, minutes, seconds, fraction = match.groups()
        whole = int(hours or 0) * _HOUR_NS + int(minutes) * _MINUTE_NS
        return sign * (whole + _scaled(f"{seconds}.{fraction or 0}", _SECOND_NS, text))
    total, position = 0, 0
    units: set[int] = set()
    while match := _PART.match(plain, position):
        number, unit = match.groups()
        unit_ns = _unit_ns(unit, text)
        if unit_ns in units or (unit == "" and (units or match.end() < len(plain))):
            break
        units.add(unit_ns)
        total += _scaled(number, unit_ns, text)
        position = match.end()
    if position < len(plain) or not units:
        raise InvalidInput(f"{text!r} is no time: write a number and a unit, {_EXAMPLES}")
    return sign * total


def in_seconds(ns: int) -> str:
    """Return a virtual time as the log shows it: `12.400s`."""
    milliseconds = ns // _MILLISECOND_NS
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}s"


def _unit_ns(unit: str, text: str) -> int:
    if unit not in _UNITS_NS:
        raise InvalidInput(
            f"{text!r} is no time: no unit {unit!r}, write ns, us, ms, s, min, h or d{nearest(unit, _UNITS_NS)}"
        )
    return _UNITS_NS[unit]


def _scaled(number: str, unit_ns: int, text: str) -> int:
    whole, _, fraction = number.partition(".")
    scaled, rest = divmod(int(whole + fraction) * unit_ns, int("1" + "0" * len(fraction)))
    if rest:
        raise InvalidInput(f"{text!r} is finer than a nanosecond, which is the smallest step of virtual time")
    return scaled


def _text_of(value: str | int | float | timedelta) -> str:
    if isinstance(value, bool):
        raise InvalidInput(f"{value} is no time: write a number and a unit, {_EXAMPLES}")
    if isinstance(value, timedelta):
        return f"{(value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds} us"
    return plain_number(value) if isinstance(value, (int, float)) else " ".join(value.split())


def plain_number(value: int | float) -> str:
    """Return the shortest decimal text that means this number. Raises InvalidInput for infinity and for no number."""
    if isinstance(value, int):
        return str(value)
    exact = Decimal(repr(value))
    if not exact.is_finite():
        raise InvalidInput(f"{value} is no number that could be meant")
    return format(exact, "f")
