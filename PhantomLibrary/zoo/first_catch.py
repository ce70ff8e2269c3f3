"""A listener for Robot that ends a run at the first failure that gives a defect away: what follows proves no more.

robot --listener PhantomLibrary.zoo.first_catch.FirstCatch:LIN-001:INV-003 --variable DEFECTS:… suites
"""

from __future__ import annotations

from typing import Any

_IN_SETUP = "Setup failed:"


def headline(message: str) -> str:
    """Return the first line of what a test failed with: what its setup told counts as much as what it told itself."""
    return message.strip().removeprefix(_IN_SETUP).strip().split("\n", 1)[0]


def code_of(message: str) -> str:
    """Return the code with which a failure begins, or its first words where it has none."""
    return headline(message).partition(":")[0]


class FirstCatch:
    """Takes all further tests out of the run once a test has failed with one of the codes."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, *codes: str) -> None:
        self._codes = codes
        self._is_caught = False

    def start_suite(self, data: Any, result: Any) -> None:
        if self._is_caught:
            data.tests.clear()
            data.suites.clear()

    def end_test(self, data: Any, result: Any) -> None:
        if result.failed and code_of(result.message) in self._codes:
            self._is_caught = True
            del data.parent.tests[data.parent.tests.index(data) + 1 :]
