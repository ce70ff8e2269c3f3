"""The table of well-known scenarios names tests that exist."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs"
TABLE = (DOCS / "raft-scenarios.md").read_text(encoding="utf-8")
LINKS = re.findall(r"\[([^]]+)]\(([^)]+)\)", TABLE)
SCENARIOS = {path.stem for path in (Path(__file__).parent / "scenarios").glob("*.txt")}


def test_every_test_of_the_table_exists():
    assert len(LINKS) > 80
    missing = [(name, path) for name, path in LINKS if not (DOCS / path).is_file()]
    missing += [
        (name, path)
        for name, path in LINKS
        if name not in SCENARIOS and name not in (DOCS / path).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_every_row_names_a_test_or_says_what_it_waits_for():
    rows = [line for line in TABLE.splitlines() if line.startswith("| ") and not line.startswith("| Their")]
    assert len(rows) > 50
    assert [row for row in rows if "](" not in row and "waits for" not in row] == []
