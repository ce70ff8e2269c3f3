"""Days and times of the Gregorian calendar as whole numbers, and their one text each, in years 1 to 9999.

DATE is `2024-02-29`, TIMESTAMP `2024-02-29 13:05:00`, with a fraction of at most six digits where it is not zero, and
without trailing zeros: so texts sort as the times do. There are no time zones.

Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
"""

from __future__ import annotations

import re

DAY_US = 86_400_000_000
_ERA_DAYS = 146_097
_TO_EPOCH = 719_468
_DATE = re.compile(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})\s*", re.ASCII)
_TIMESTAMP = re.compile(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?\s*", re.ASCII
)
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def days_in_month(year: int, month: int) -> int:
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and is_leap else _MONTH_DAYS[month - 1]


def is_day(year: int, month: int, day: int) -> bool:
    return 1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= days_in_month(year, month)


def day_number(year: int, month: int, day: int) -> int:
    """Return how many days after 1970-01-01 a day is."""
    shifted = year - (month <= 2)
    era, year_of_era = divmod(shifted, 400)
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * _ERA_DAYS + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - _TO_EPOCH


def civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a number of days after 1970-01-01."""
    era, day_of_era = divmod(days + _TO_EPOCH, _ERA_DAYS)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    month = shifted_month + (3 if shifted_month < 10 else -9)
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted_month + 2) // 5 + 1


def date_text(days: int) -> str | None:
    """Return the text of a day, None beyond years 1 to 9999."""
    year, month, day = civil(days)
    return f"{year:04d}-{month:02d}-{day:02d}" if 1 <= year <= 9999 else None


def timestamp_text(microseconds: int) -> str | None:
    """Return the text of a time after the start of 1970, None beyond years 1 to 9999."""
    days, rest = divmod(microseconds, DAY_US)
    day = date_text(days)
    if day is None:
        return None
    seconds, fraction = divmod(rest, 1_000_000)
    text = f"{day} {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{fraction:06d}".rstrip("0") if fraction else text


def read_date(text: str) -> int | None:
    """Return the day that a text says, None where it says none. The time of a timestamp is left out."""
    found = _DATE.fullmatch(text)
    if found is None:
        microseconds = read_timestamp(text)
        return None if microseconds is None else microseconds // DAY_US
    year, month, day = (int(each) for each in found.groups())
    return day_number(year, month, day) if is_day(year, month, day) else None


def read_timestamp(text: str) -> int | None:
    """Return the microseconds after the start of 1970 that a text says, None where it says no time."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(each or 0) for each in found.groups()[:6])
    if not is_day(year, month, day) or hour > 23 or minute > 59 or second > 59:
        return None
    fraction = int((found[7] or "").ljust(6, "0"))
    return day_number(year, month, day) * DAY_US + ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction


def add_months(days: int, months: int) -> int:
    """Return the same day of another month, its last day where it is shorter."""
    year, month, day = civil(days)
    year, month0 = divmod(year * 12 + month - 1 + months, 12)
    return day_number(year, month0 + 1, min(day, days_in_month(year, month0 + 1)))


def part(name: str, days: int, seconds: int) -> int:
    """Return a part of a time: EXTRACT's words. Weeks are those of ISO 8601; dow 0 is Sunday, isodow 7."""
    year, month, day = civil(days)
    weekday = (days + 4) % 7
    match name:
        case "year":
            return year
        case "quarter":
            return (month + 2) // 3
        case "month":
            return month
        case "day":
            return day
        case "dow":
            return weekday
        case "isodow":
            return weekday or 7
        case "doy":
            return days - day_number(year, 1, 1) + 1
        case "week":
            thursday = days + 4 - (weekday or 7)
            return (thursday - day_number(civil(thursday)[0], 1, 1)) // 7 + 1
        case "hour":
            return seconds // 3600
        case "minute":
            return seconds // 60 % 60
    return seconds % 60


def truncated(name: str, microseconds: int) -> int:
    """Return the start of the year, month … that a time is in."""
    days = microseconds // DAY_US
    year, month, _ = civil(days)
    match name:
        case "year":
            return day_number(year, 1, 1) * DAY_US
        case "quarter":
            return day_number(year, (month - 1) // 3 * 3 + 1, 1) * DAY_US
        case "month":
            return day_number(year, month, 1) * DAY_US
        case "week":
            return (days - (days + 3) % 7) * DAY_US
    step = {"day": DAY_US, "hour": 3_600_000_000, "minute": 60_000_000}.get(name, 1_000_000)
    return microseconds // step * step
