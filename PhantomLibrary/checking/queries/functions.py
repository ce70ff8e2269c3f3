"""Functions of text and time that SQLite lacks, or has otherwise: days and times are ISO 8601 texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PhantomLibrary.checking.queries.values import OracleError

_DAY = 86_400
_INTERVALS = {"week": 7 * _DAY, "day": _DAY, "hour": 3_600, "minute": 60, "second": 1}
_CUTS = {"year": 4, "month": 7, "day": 10, "hour": 13, "minute": 16, "second": 19}
_REST = "0000-01-01 00:00:00"


def strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is NULL where any argument is."""
    return lambda *arguments: None if any(each is None for each in arguments) else function(*arguments)


# --- text -------------------------------------------------------------------------------------------------------------


def left(text: str, count: int) -> str:
    return text[:count] if count >= 0 else text[:count] if -count < len(text) else ""


def right(text: str, count: int) -> str:
    if count >= 0:
        return text[-count:] if count else ""
    return text[-count:]


def substring(text: str, first: int, count: int | None = None) -> str:
    """Return a part of a text: places before its first character count, and have none."""
    end = len(text) if count is None else first - 1 + count
    return text[max(0, first - 1) : max(0, end)]


def pad_left(text: str, size: int, fill: str = " ") -> str:
    missing = size - len(text)
    return text[: max(0, size)] if missing <= 0 or not fill else (fill * missing)[:missing] + text


def pad_right(text: str, size: int, fill: str = " ") -> str:
    missing = size - len(text)
    return text[: max(0, size)] if missing <= 0 or not fill else text + (fill * missing)[:missing]


def to_boolean(value: Any) -> int:
    text = str(value).strip().lower()
    if text in ("1", "t", "true", "y", "yes", "on") or (isinstance(value, int | float) and value):
        return 1
    if text in ("0", "f", "false", "n", "no", "off") or value == 0:
        return 0
    raise OracleError(f"{value!r} is no BOOLEAN")


class SortedTexts:
    """Texts joined in their order: GROUP_CONCAT, of which SQLite takes the order in which rows come."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._mark = ","

    def step(self, value: Any, mark: str = ",") -> None:
        if value is not None:
            self._texts.append(str(value))
            self._mark = mark

    def final(self) -> str | None:
        return self._mark.join(sorted(self._texts)) if self._texts else None


# --- time -------------------------------------------------------------------------------------------------------------


def day_number(text: str) -> int:
    """Return the days from 1970 on to a date. Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"."""
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    year -= month <= 2
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + of_year - 719_468


def date_text(number: int) -> str:
    """Return the date so many days from 1970 on."""
    number += 719_468
    era, of_era = divmod(number, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return f"{year + era * 400 + (month <= 2):04d}-{month:02d}-{of_year - (153 * shifted + 2) // 5 + 1:02d}"


def part(name: str, moment: str) -> int:
    """Return EXTRACT(name FROM moment)."""
    clock = moment[11:] or "00:00:00"
    number = day_number(moment)
    parts = {
        "year": int(moment[:4]),
        "quarter": (int(moment[5:7]) + 2) // 3,
        "month": int(moment[5:7]),
        "day": int(moment[8:10]),
        "dow": (number + 4) % 7,
        "isodow": (number + 3) % 7 + 1,
        "doy": number - day_number(f"{moment[:4]}-01-01") + 1,
        "hour": int(clock[:2]),
        "minute": int(clock[3:5]),
        "second": int(clock[6:8]),
    }
    if name.lower() not in parts:
        raise OracleError(f"EXTRACT of {name} is not judged")
    return parts[name.lower()]


def truncate(name: str, moment: str) -> str:
    """Return DATE_TRUNC(name, moment), with a time where the moment has one."""
    if name.lower() not in _CUTS:
        raise OracleError(f"DATE_TRUNC by {name} is not judged")
    cut = min(_CUTS[name.lower()], len(moment))
    return moment[:cut] + _REST[cut : max(len(moment), 10)]


def shift(moment: str, count: int, unit: str) -> str:
    """Return a moment so many units later; a date stays one as long as whole days are added."""
    unit = unit.lower().rstrip("s")
    if unit in ("year", "quarter", "month"):
        return _later_months(moment, count * {"year": 12, "quarter": 3, "month": 1}[unit])
    if unit not in _INTERVALS:
        raise OracleError(f"an INTERVAL in {unit} is not judged")
    clock = moment[11:] or "00:00:00"
    seconds = day_number(moment) * _DAY + int(clock[:2]) * 3_600 + int(clock[3:5]) * 60 + int(clock[6:8])
    days, rest = divmod(seconds + count * _INTERVALS[unit], _DAY)
    if len(moment) == 10 and _INTERVALS[unit] % _DAY == 0:
        return date_text(days)
    return f"{date_text(days)} {rest // 3_600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"


def _later_months(moment: str, months: int) -> str:
    """Return a moment later by months; the last day of its month where that has fewer days."""
    year, month = divmod(int(moment[:4]) * 12 + int(moment[5:7]) - 1 + months, 12)
    next_year, next_month = divmod(year * 12 + month + 1, 12)
    first, after = (f"{y:04d}-{m + 1:02d}-01" for y, m in ((year, month), (next_year, next_month)))
    day = min(int(moment[8:10]), day_number(after) - day_number(first))
    return f"{first[:8]}{day:02d}{moment[10:]}"


FUNCTIONS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("left", left),
    ("right", right),
    ("reverse", lambda text: text[::-1]),
    ("repeat", lambda text, count: text * max(0, count)),
    ("lpad", pad_left),
    ("rpad", pad_right),
    ("sql_substring", substring),
    ("to_boolean", to_boolean),
    ("date_trunc", truncate),
    ("moment_part", part),
    ("moment_shift", shift),
)
