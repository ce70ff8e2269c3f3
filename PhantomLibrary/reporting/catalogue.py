"""The page that explains every failure code, made from the catalogue.

    python -m PhantomLibrary.reporting.catalogue docs/failure-codes.md

Rule: the page is never edited by hand; a test compares it with what is made here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from PhantomLibrary.checking.code_entry import CodeEntry
from PhantomLibrary.reporting.codes import CATALOGUE

_FAMILIES = {
    "HIS": "The history itself",
    "LIN": "Linearizability",
    "SET": "Sets",
    "CNT": "Counters",
    "APP": "Appends",
    "TXN": "Transactions",
    "BNK": "Banks",
    "CAU": "Causal order",
    "DIV": "Divergence of regions",
    "MON": "Counters that only grow, read several at a time",
    "SKW": "Write skew in pairs",
    "ATM": "Atomicity of transactions over shards",
    "SGA": "Sagas",
    "INV": "Invariants of the protocol, watched all through the run",
    "RPL": "Agreement of replicas",
    "FLT": "Faults",
    "ORD": "Other orders and seeds",
    "RGN": "Regions",
    "RPY": "Replays",
    "EXP": "Expectations of getters",
    "EVT": "Events",
    "LDR": "Leaders",
    "REC": "Recovery",
    "DSK": "Disks",
    "OPR": "Single operations",
    "GATE": "The quality gate",
}

_INTRODUCTION = """\
# Failure codes

The first line of a failed check begins with a code. It never changes its meaning, so it may be searched for, counted
and expected in tests. After it come what was seen, a line that replays the run, and evidence; the folder named under
`Artifacts:` holds the whole history, the schedule and the trace.

This page is made by `python -m PhantomLibrary.reporting.catalogue docs/failure-codes.md`.
"""


def render_catalogue(entries: Iterable[CodeEntry]) -> str:
    """Return the page: one table for each family of codes, families and codes in the order of the catalogue."""
    return "\n".join([_INTRODUCTION, *_tables(entries)])


def _tables(entries: Iterable[CodeEntry]) -> Iterator[str]:
    for family, members in groupby(entries, key=lambda entry: entry.code.partition("-")[0]):
        yield f"## {_FAMILIES.get(family, family)}\n\n| code | means | explanation |\n|---|---|---|"
        yield from (f"| `{each.code}` | {_cell(each.title)} | {_cell(each.explanation)} |" for each in members)
        yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_catalogue(CATALOGUE.values()), encoding="utf-8", newline="\n")
