"""Combines the results of processes that shared the tests of one run into the result that one process would leave.

The parts have the same suites, and each test stands in one part. So nothing is renamed, and a link in the log leads
where it led before.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from robot.api import ExecutionResult
from robot.result import Result, TestSuite


def combine(paths: Sequence[Path]) -> Result:
    """Return the tests of all parts as one result. Raises robot.errors.DataError when a part cannot be read."""
    first, *others = (ExecutionResult(path) for path in paths)
    for other in others:
        _add_suite(first.suite, other.suite)
        known = {message.message for message in first.errors}
        for message in other.errors:
            if message.message not in known:  # A file with a mistake in it was read by every process.
                first.errors.messages.append(message)
    return first


def _add_suite(suite: TestSuite, other: TestSuite) -> None:
    _add_own_steps(suite, other)
    for test in other.tests:
        suite.tests.append(test)
    suite.tests = sorted(suite.tests, key=lambda test: test.lineno or 0)
    own = {(child.name, child.source): child for child in suite.suites}
    for child in other.suites:
        if (child.name, child.source) in own:
            _add_suite(own[child.name, child.source], child)
        else:
            suite.suites.append(child)


def _add_own_steps(suite: TestSuite, other: TestSuite) -> None:
    """Let the setup and teardown of the suite be those that failed, or else those that ran, if any did."""
    for name in ("setup", "teardown"):
        mine, theirs = getattr(suite, name), getattr(other, name)
        if theirs and (not mine or (theirs.failed and not mine.failed)):
            setattr(suite, name, theirs)
    suite.message = suite.message or other.message
    times = [(each.start_time, each.end_time) for each in (suite, other) if each.start_time and each.end_time]
    if times:
        suite.start_time = min(start for start, _ in times)
        suite.end_time = max(end for _, end in times)
        suite.elapsed_time = None  # Of the processes together: from the first start to the last end.
