"""Which test is known to catch a planted defect, by the table in docs/defects.md."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

_ROW = re.compile(r"^\| `([^`]+)` \| .* \| \[([^]]+)]\(([^)]+)\), ([A-Z]+-\d+) \|$", re.M)


class Catch(Struct, frozen=True):
    """A row of the table: a defect, the test that catches it, that test's file as it is linked, and the code."""

    defect: str
    test: str
    file: str
    code: str


def read_table(path: Path) -> list[Catch]:
    """Return the rows of the table, none where there is no such file."""
    if not path.is_file():
        return []
    return [Catch(*row) for row in _ROW.findall(path.read_text(encoding="utf-8"))]
