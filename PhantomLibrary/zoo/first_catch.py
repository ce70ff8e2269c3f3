"""A listener for Robot that ends a run at the first failure that gives a defect away: what follows proves no more.

robot --listener PhantomLibrary.zoo.first_catch.FirstCatch:LIN-001:INV-003 --variable DEFECTS:… suites
"""

from __future__ import annotations

from typing import Any


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
        if result.failed and result.message.partition(":")[0] in self._codes:
            self._is_caught = True
            del data.parent.tests[data.parent.tests.index(data) + 1 :]
