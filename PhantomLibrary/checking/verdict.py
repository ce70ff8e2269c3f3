"""What a checker answers: a verdict on a history, or a violation at a moment of the run. Values, never errors.

Rule: three outcomes. `unknown` is an answer of its own (the budget ran out, or nothing was there to judge); whoever
asks must treat it as a failure of the test, not of the database.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Outcome: TypeAlias = Literal["valid", "invalid", "unknown"]

EVIDENCE_LINES_MAX = 10


class Verdict(Struct, frozen=True):
    """The answer of one checker about one history.

    `message` is one sentence in plain words without the code, empty when valid. `operations` counts what was judged,
    `confirmed` those that ended `ok`, `cost` the steps explored (equal in every run: no clock decides anything).
    """

    outcome: Outcome
    code: str = ""
    message: str = ""
    evidence: tuple[str, ...] = ()
    operations: int = 0
    confirmed: int = 0
    cost: int = 0

    @property
    def headline(self) -> str:
        """Return code and message as the first line of a failure, or the counts when nothing is wrong."""
        if not self.code:
            return f"{self.outcome}: {self.operations} operations, {self.confirmed} confirmed"
        return f"{self.code}: {self.message}"


class Violation(Struct, frozen=True):
    """A rule that was broken at one moment of the run."""

    code: str
    message: str
    time_ns: int
    evidence: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """Return code and message as the first line of a failure."""
        return f"{self.code}: {self.message}"


class Budget(Struct, frozen=True):
    """How much a search may cost before it answers `unknown`."""

    steps_max: int = 2_000_000
    entries_max: int = 500_000


def seconds(time_ns: int) -> str:
    """Return a virtual time in the form of every message, `12.400 s`, rounded down."""
    milliseconds = time_ns // 1_000_000
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d} s"
