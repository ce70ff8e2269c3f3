"""Functions of days and times, as texts."""

from __future__ import annotations

from PhantomLibrary.sql import calendar
from PhantomLibrary.sql.errors import OUT_OF_RANGE, SqlError
from PhantomLibrary.sql.numbers import whole


def _days(text: str) -> int:
    days = calendar.read_date(text)
    assert days is not None
    return days


def _microseconds(text: str) -> int:
    microseconds = calendar.read_timestamp(text)
    assert microseconds is not None
    return microseconds


def _in_range(text: str | None) -> str:
    if text is None:
        raise SqlError(OUT_OF_RANGE, "date out of range: years are 1 to 9999")
    return text


def days_between(later: str, earlier: str) -> int:
    return _days(later) - _days(earlier)


def add_days(day: str, days: int) -> str:
    return _in_range(calendar.date_text(_days(day) + whole(days)))


def add_to_date(day: str, months: int, days: int) -> str:
    return _in_range(calendar.date_text(calendar.add_months(_days(day), months) + days))


def add_to_timestamp(moment: str, months: int, seconds: int) -> str:
    days, rest = divmod(_microseconds(moment), calendar.DAY_US)
    moved = calendar.add_months(days, months) * calendar.DAY_US + rest + seconds * 1_000_000
    return _in_range(calendar.timestamp_text(moved))


def date_part(part: str, moment: str) -> int:
    days, rest = divmod(_microseconds(moment), calendar.DAY_US)
    return calendar.part(part, days, rest // 1_000_000)


def truncate_date(part: str, day: str) -> str:
    return _in_range(calendar.date_text(calendar.truncated(part, _days(day) * calendar.DAY_US) // calendar.DAY_US))


def truncate_timestamp(part: str, moment: str) -> str:
    return _in_range(calendar.timestamp_text(calendar.truncated(part, _microseconds(moment))))
