"""Lets several processes of Robot share the tests of one run: each test is run by whoever comes to it first.

    robot --listener PhantomLibrary.keywords.share_listener.ShareListener:FOLDER --console quiet suites

All processes are given the same command line, walk through the same tests, and claim the next one by creating a file
in FOLDER, which only one of them can; tests that others have claimed are taken out of the suite. So all are busy until
no test is left, however long each takes. Suite setups and teardowns run in every process that has a test of theirs.

Since the consoles of several processes would mix, this prints one line a test. gated_run.py starts the processes and
combines what they leave.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from robot import result, running
from robot.api import logger

STARTED = "started"  # Appears in the folder when a process has accepted its command line and begins with the tests.

_COLOURS = {"PASS": "32", "FAIL": "31", "SKIP": "33"}


class ShareListener:
    """Takes out of each suite what other processes have claimed."""

    ROBOT_LISTENER_API_VERSION = 3
    # The last to be called, so that it prints how each test really ended.
    ROBOT_LISTENER_PRIORITY = -1000

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def start_suite(self, data: running.TestSuite, suite: result.TestSuite) -> None:
        if data.parent is None:
            self._create(STARTED)
        self._claim_first(data, 0)

    def end_test(self, data: running.TestCase, test: result.TestCase) -> None:
        logger.console(line_of(test, in_colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
        # Robot looks up the next test only when this one is over, so it may still be taken out.
        self._claim_first(data.parent, data.parent.tests.index(data) + 1)

    def _claim_first(self, suite: running.TestSuite, position: int) -> None:
        """Make sure that the test at this position, if there is one, is ours."""
        while position < len(suite.tests) and not self._create(claim_of(suite.tests[position])):
            del suite.tests[position]

    def _create(self, name: str) -> bool:
        try:
            os.close(os.open(self._folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True


def claim_of(test: running.TestCase) -> str:
    """Return a file name that belongs to this test alone, even where two tests of a suite have one name."""
    return hashlib.sha256(f"{test.source}\n{test.lineno}\n{test.full_name}".encode()).hexdigest()


def line_of(test: result.TestCase, *, in_colour: bool = False) -> str:
    """Return what the console shows of a test: one line, and why it failed or was skipped below it."""
    status = f"\033[{_COLOURS[test.status]}m{test.status}\033[0m" if in_colour else test.status
    suite = test.parent.full_name.partition(".")[2] or test.parent.full_name
    line = f"| {status} | {test.elapsed_time.total_seconds():5.1f} s | {suite} :: {test.name}"
    message = "" if test.passed else test.message.rstrip()
    return "\n    ".join([line, *message.splitlines()])
