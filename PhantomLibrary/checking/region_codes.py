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
    CodeEntry(
        "DIV-001",
        "write not accounted for",
        "A confirmed write is neither shown, nor overwritten by somebody who knew of it, nor told by a region as"
        " superseded by a later one, nor lost with a region that was given up, as far as what is promised allows that;"
        " or a counter does not show the sum of what was added.",
    ),
    CodeEntry(
        "DIV-002",
        "write lost to one that it had seen",
        "A write was dropped for another one, although whoever wrote it had seen that: their times are not in the order"
        " of cause and effect, as when clocks of walls are compared.",
    ),
    CodeEntry(
        "DIV-003",
        "deleted version is back",
        "A region shows a version that it had deleted or overwritten: something was forgotten that would have kept it"
        " away.",
    ),
    CodeEntry(
        "DIV-004",
        "regions disagree",
        "Regions show different values of a key. Where all have applied the same writes they always will.",
    ),
    CodeEntry("DIV-005", "nothing to compare", "Fewer than two regions were there, so that they agree proves nothing."),
    CodeEntry(
        "DIV-006", "nothing to account for", "No write was confirmed, so that all are accounted for proves nothing."
    ),
)
