"""What the codes of regions mean: causal order, and what became of every write."""

from __future__ import annotations

from PhantomLibrary.checking.code_entry import CodeEntry

REGION_ENTRIES = (
    CodeEntry(
        "CAU-001",
        "own write not read",
        "A process read something older than what it had itself written before: read your writes is broken.",
    ),
    CodeEntry(
        "CAU-002",
        "reads ran backwards",
        "A process read something older than what it had read before: monotonic reads is broken.",
    ),
    CodeEntry(
        "CAU-003",
        "effect without its cause",
        "A process read what somebody wrote who knew of a write, and after that something older than that write: writes"
        " follow reads is broken.",
    ),
    CodeEntry(
        "CAU-004",
        "writes out of order",
        "A process read the later one of two writes of one process, and after that something older than the earlier"
        " one: monotonic writes is broken.",
    ),
    CodeEntry(
        "CAU-005",
        "value out of thin air",
        "A read returned a value that nobody had tried to write, or only an operation that had certainly failed.",
    ),
    CodeEntry("CAU-006", "value from the future", "A read returned a value before anybody began to write it."),
    CodeEntry(
        "CAU-007",
        "reads do not tell what they saw",
        "A value was written to a key more than once, so the causal order of the history is not known.",
    ),
    CodeEntry(
        "CAU-008",
        "causal order undecided within the budget",
        "More processes knew of each other than the search follows. Use fewer clients, or a shorter run.",
    ),
)
