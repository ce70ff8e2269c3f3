"""The quality gate for plain `robot`, as a listener.

    robot --listener PhantomLibrary.keywords.gate_listener.GateListener suites

Adds one last test, `Quality Gate`, whose status is the gate's decision; a failed test of priority 2 or 3 is shown as
skipped, its message kept, because the exit code of `robot` counts failed tests and the decision speaks for them. The
added test's own body fails, and only a decision can turn it green: when this listener breaks, the run fails.

A dry run executes nothing that could be judged, so it is left alone and tells the plain truth. Not for use with
`pabot`, which gives every process a part of the run: there, gate the merged result (gate_modifier.py).
"""

from __future__ import annotations

from robot import result, running
from robot.libraries.BuiltIn import BuiltIn

from PhantomLibrary.reporting.gate import (
    EXCUSE,
    EXCUSED_TAG,
    GATE_NAME,
    GATE_TAG,
    NOT_EVALUATED,
    GateDecision,
    gated_test,
    judge,
    priority_of,
)


class GateListener:
    """Lets one decision, rather than the number of failed tests, be the outcome of a run."""

    ROBOT_LISTENER_API_VERSION = 3
    # The last to be called, so that it sees each test as it really ended and other listeners see it unexcused.
    ROBOT_LISTENER_PRIORITY = -1000

    def __init__(self) -> None:
        self._root: result.TestSuite | None = None  # None until a run begins, and all through a dry run.
        self._decision: GateDecision | None = None

    def start_suite(self, data: running.TestSuite, suite: result.TestSuite) -> None:
        if data.parent is None and not BuiltIn().dry_run_active:
            _add_gate_test(data)
            self._root = suite

    def end_test(self, data: running.TestCase, test: result.TestCase) -> None:
        if self._root is None:
            return
        if GATE_TAG in data.tags:
            self._decide(self._root, test)
        elif test.failed and priority_of(test.tags) != 1:
            excuse(test)

    def end_suite(self, data: running.TestSuite, suite: result.TestSuite) -> None:
        if data.parent is None and self._decision:
            suite.metadata[GATE_NAME] = metadata_text(self._decision)

    def _decide(self, root: result.TestSuite, gate_test: result.TestCase) -> None:
        # Read from the results only now, so that tests failed by a suite's teardown count as failed.
        self._decision = judge(
            [gated_test(test.name, test.status, test.tags) for test in root.all_tests if test is not gate_test],
            cut_short="robot:exit" in gate_test.tags,
        )
        gate_test.status = "PASS" if self._decision.passed else "FAIL"
        gate_test.message = self._decision.message


def excuse(test: result.TestCase) -> None:
    """Show a failure as skipped. Its own message stays in front, where dashboards look for the code of a failure."""
    test.status = "SKIP"
    test.message = f"{test.message}\n\n{EXCUSE}".lstrip()
    test.tags.add(EXCUSED_TAG)


def metadata_text(decision: GateDecision) -> str:
    """Return the decision as one line for the top of the report."""
    return "; ".join(("passed" if decision.passed else "FAILED", *decision.complaints, decision.tally))


def _add_gate_test(root: running.TestSuite) -> None:
    # Suites run before tests of the same suite: under a folder the gate is a suite of its own, in a file a last test.
    suite = root if root.tests else root.suites.create(name=GATE_NAME)
    test = suite.tests.create(
        name=GATE_NAME,
        doc="The decision about the whole run: all of priority 1, and a share of priorities 2 and 3, have to pass.",
        tags=[GATE_TAG],
    )
    test.body.create_keyword(name="BuiltIn.Fail", args=[NOT_EVALUATED])
