"""Reads recorded loads from CSV: a header `time,rate`, then rows of a time in seconds and operations a second.

Each rate holds from its time until that of the next row, and the last one stays. The first time is 0. Numbers are read
digit by digit: times to the nanosecond, rates to the thousandth. Every mistake is refused with the file and the line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.workloads.load import CURVE_POINTS_MAX, RATE_TIME_S, Point, why_no_point

COLUMNS = ("time", "rate")
_NUMBER = re.compile(r"([+-]?)(\d+)(?:\.(\d+))?", re.ASCII)


def read_load(path: str) -> list[Point]:
    """Return the load that a CSV file holds. Raises InvalidInput."""
    file = Path(path)
    if not file.is_file():
        raise InvalidInput(f"no file {path!r}: give the path of a CSV file with the columns {' and '.join(COLUMNS)}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: cannot be read as UTF-8 text: {error}") from error
    return parse_load(text, path)


def parse_load(text: str, origin: str) -> list[Point]:
    """Return the load that a CSV text holds; `origin` names its source in errors."""
    rows = _rows(text, origin)
    line, header = next(rows, (1, []))
    _check_header(header, f"{origin}, line {line}")
    curve: list[Point] = []
    before_ns = -1
    for line, cells in rows:
        place = f"{origin}, line {line}"
        if len(cells) != len(COLUMNS):
            raise InvalidInput(f"{place}: {len(cells)} cells, but a row has {len(COLUMNS)}: {', '.join(COLUMNS)}")
        at_ns = _scaled(cells[0], SECOND_NS, f"{place}: time", "seconds, such as 0 or 1.5")
        rate = _scaled(cells[1], RATE_TIME_S, f"{place}: rate", "operations a second, such as 400 or 0.5")
        why = why_no_point(at_ns, rate, before_ns)
        if why:
            raise InvalidInput(f"{place}: {why}")
        if len(curve) == CURVE_POINTS_MAX:
            raise InvalidInput(f"{place}: a recorded load has at most {CURVE_POINTS_MAX} rows")
        curve.append((at_ns, rate))
        before_ns = at_ns
    if not curve:
        raise InvalidInput(f"{origin}: there is no row below the header, so nothing would ever arrive")
    return curve


def _rows(text: str, origin: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that hold anything, with the lines where they end."""
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield reader.line_num, stripped
    except csv.Error as error:
        raise InvalidInput(f"{origin}, line {reader.line_num}: no CSV: {error}") from None


def _check_header(cells: list[str], place: str) -> None:
    names = [cell.lower() for cell in cells]
    if names == list(COLUMNS):
        return
    known = ",".join(COLUMNS)
    hints = [nearest(name, COLUMNS) for name in names if name not in COLUMNS]
    found = f"{','.join(cells)!r}" if cells else "nothing"
    raise InvalidInput(f"{place}: the header has to be {known!r}, but there is {found}{next(filter(None, hints), '')}")


def _scaled(cell: str, unit: int, place: str, form: str) -> int:
    """Return a number in parts of its unit, exactly."""
    match = _NUMBER.fullmatch(cell)
    if match is None:
        raise InvalidInput(f"{place}: {cell!r} is no number: write {form}")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    scaled, rest = divmod(int(whole + fraction) * unit, int("1" + "0" * len(fraction)))
    if rest:
        raise InvalidInput(f"{place}: {cell!r} is too fine: it cannot be counted exactly")
    return -scaled if sign == "-" else scaled
