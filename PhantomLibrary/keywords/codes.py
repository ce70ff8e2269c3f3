"""The codes of failures that keywords themselves find; those of checkers stand in `checking/codes.py`."""

from __future__ import annotations

from PhantomLibrary.checking.codes import CodeEntry

_ENTRIES = (
    CodeEntry("EXP-001", "not what was expected", "A getter did not find what the test expected, in the time it had."),
    CodeEntry(
        "EVT-001", "event did not happen", "What the test waited for did not happen as often as it asked, in time."
    ),
    CodeEntry(
        "LDR-001",
        "no leader in time",
        "No replica of the shard became a leader that could reach a majority within the time that the test gave.",
    ),
    CodeEntry(
        "REC-001",
        "cluster did not recover",
        "Some shard did not serve again, or some live replica did not follow, within the time that the test gave.",
    ),
    CodeEntry(
        "OPR-001",
        "operation ended otherwise",
        "A read or write of a keyword did not end as the test expected: done, aborted or unknown.",
    ),
)

CATALOGUE = {entry.code: entry for entry in _ENTRIES}
