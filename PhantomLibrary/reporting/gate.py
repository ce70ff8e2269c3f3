"""The quality gate: whether the run as a whole is good enough, decided from the priorities and statuses of its tests.

A run passes when every test of priority 1 passes (and at least one was executed, where any was selected) and at
least 80 % of the tests of priorities 2 and 3, taken together, do. A test without a priority counts as priority 1, one
with several as the strictest of them. A skipped test was not executed and counts nowhere. A run that was cut short,
or that executed nothing at all, has proved nothing and does not pass.

Rule: `judge` alone decides, from values. Its adapters in keywords/ (gate_listener.py for `robot`, gate_modifier.py for
`rebot` and `pabot`) only translate. Shares are compared as integers, so that 80 % means the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

SHARE_PERCENT_MIN = 80

GATE_NAME = "Quality Gate"
GATE_TAG = "quality-gate"  # Marks the test that carries the gate's decision, so that no later gate judges it.
EXCUSED_TAG = "gate-excused"  # Marks a failure that was turned into SKIP; a later gate counts it as the failure it is.
NOT_EVALUATED = "GATE-000: the quality gate was not evaluated"
EXCUSE = (
    f"GATE-005: this failure does not fail the run by itself: of priorities 2 and 3 {SHARE_PERCENT_MIN} % have to pass."
)

Priority: TypeAlias = Literal[1, 2, 3]

_PRIORITY_BY_TAG: dict[str, Priority] = {"priority-1": 1, "priority-2": 2, "priority-3": 3}


class GatedTest(Struct, frozen=True):
    """What the gate needs to know of one selected test."""

    name: str
    priority: Priority
    executed: bool
    passed: bool


class Tally(Struct, frozen=True):
    """How many tests of some priority were executed, and how many of those passed."""

    passed: int
    executed: int

    def __str__(self) -> str:
        return f"{self.passed} of {self.executed} passed"


class GateDecision(Struct, frozen=True):
    """Whether the run passes, and why not.

    `complaints` are sentences with their code first, empty when the run passes. `share_holds` says whether enough of
    priorities 2 and 3 passed, so that their failures may be excused even where something else fails the run.
    """

    complaints: tuple[str, ...]
    share_holds: bool
    tally: str

    @property
    def passed(self) -> bool:
        return not self.complaints

    @property
    def message(self) -> str:
        return "\n".join((*self.complaints, self.tally))


def judge(tests: Sequence[GatedTest], *, cut_short: bool = False) -> GateDecision:
    """Decide about a run from all its selected tests, in any order. `cut_short`: some tests never had their turn."""
    first = [test for test in tests if test.priority == 1]
    others = _tally(test for test in tests if test.priority != 1)
    share_holds = others.passed * 100 >= SHARE_PERCENT_MIN * others.executed
    complaints = []
    if cut_short:
        complaints.append("GATE-006: the run was cut short, so part of it is not known")
    if not any(test.executed for test in tests):
        complaints.append("GATE-004: no test was executed")
    elif first and not any(test.executed for test in first):
        complaints.append(f"GATE-002: none of the {len(first)} selected tests of priority 1 was executed")
    failed = [test.name for test in first if test.executed and not test.passed]
    if failed:
        complaints.append(f"GATE-001: {_count(len(failed), 'test')} of priority 1 failed: {_some(failed)}")
    if not share_holds:
        complaints.append(
            f"GATE-003: {others.passed} of {others.executed} tests of priorities 2 and 3 passed,"
            f" at least {SHARE_PERCENT_MIN} % are needed"
        )
    return GateDecision(tuple(complaints), share_holds, _summary(tests, _tally(first), others))


def gated_test(name: str, status: str, tags: Iterable[str]) -> GatedTest:
    """Translate one Robot result. Any status but PASS, SKIP and NOT RUN is a failure."""
    normalized = {_normalize(tag) for tag in tags}
    if EXCUSED_TAG in normalized:
        status = "FAIL"
    executed = status not in ("SKIP", "NOT RUN")
    return GatedTest(name, priority_of(normalized), executed, passed=status == "PASS")


def priority_of(tags: Iterable[str]) -> Priority:
    """Return the strictest priority among the tags, and 1 when there is none."""
    found = [_PRIORITY_BY_TAG[tag] for tag in map(_normalize, tags) if tag in _PRIORITY_BY_TAG]
    return min(found, default=1)


def _tally(tests: Iterable[GatedTest]) -> Tally:
    executed = [test for test in tests if test.executed]
    return Tally(passed=sum(test.passed for test in executed), executed=len(executed))


def _summary(tests: Sequence[GatedTest], first: Tally, others: Tally) -> str:
    skipped = len(tests) - first.executed - others.executed
    return (
        f"priority 1: {first}; priorities 2 and 3: {others}, at least {SHARE_PERCENT_MIN} % needed"
        f"; {_count(skipped, 'test')} not executed"
    )


def _normalize(tag: str) -> str:
    """Compare tags as Robot does: without regard to case, spaces and underscores."""
    return tag.casefold().replace(" ", "").replace("_", "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _some(names: Sequence[str], *, names_max: int = 5) -> str:
    rest = len(names) - names_max
    return ", ".join(names[:names_max]) + (f" and {rest} more" if rest > 0 else "")
