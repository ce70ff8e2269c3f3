"""Runs scripts side by side, for one that waits for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from PhantomLibrary.database.transactions.access import ChangedError
from PhantomLibrary.database.transactions.script import Resume, RolledBackError, Running, Script
from PhantomLibrary.errors import PhantomError


class RestartError(Exception):
    """What was done so far is void, and has to be done anew."""


def together(
    scripts: Sequence[Script], alarm: Callable[[Callable[[Exception], object]], object] | None = None
) -> Script:
    """Run scripts side by side; return their results, in their order.

    The first one that fails ends all of them, and its error is raised here; as does one that `alarm` gives to what it
    is called with. They end as well when this script does.
    """
    group = _Group(scripts)
    if alarm is not None:
        alarm(group.fail)
    try:
        outcome = yield group.start
    finally:
        group.cancel()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


class _Group:
    def __init__(self, scripts: Sequence[Script]) -> None:
        self._results: list[Any] = [None] * len(scripts)
        self._missing = len(scripts)
        self._is_over = False
        self._resume: Resume | None = None
        self._running = [
            Running(_guarded(script), partial(self._ended, number)) for number, script in enumerate(scripts)
        ]

    def start(self, resume: Resume) -> None:
        self._resume = resume
        if not self._running:
            self._end(self._results)
        for each in self._running:
            if not self._is_over:
                each.start()

    def cancel(self) -> None:
        """End those that still run."""
        self._is_over = True
        for each in self._running:
            each.cancel("")

    def fail(self, error: Exception) -> None:
        """End all of them with an error."""
        if not self._is_over:
            self._end(error)

    def _ended(self, number: int, outcome: Any, _reason: str) -> None:
        if self._is_over:
            return
        if isinstance(outcome, Exception):
            self._end(outcome)
            return
        self._results[number] = outcome
        self._missing -= 1
        if not self._missing:
            self._end(self._results)

    def _end(self, outcome: Any) -> None:
        self._is_over = True
        assert self._resume is not None
        self._resume(outcome)


def _guarded(script: Script) -> Script:
    """Return an error as a result, for whoever waits for all to raise."""
    try:
        return (yield from script)
    except (RolledBackError, RestartError, ChangedError, PhantomError) as error:
        return error
