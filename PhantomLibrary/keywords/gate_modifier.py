"""The quality gate for results that are already there, as a result modifier of `rebot` and `pabot`.

    robot --nostatusrc suites
    rebot --prerebotmodifier PhantomLibrary.keywords.gate_modifier.GateModifier output.xml

    pabot --prerebotmodifier PhantomLibrary.keywords.gate_modifier.GateModifier suites

When enough of priorities 2 and 3 passed, their failures are shown as skipped; otherwise they stay red. A run that does
not pass although no test of it is red gets one red test, `Quality Gate`, that says why. So exit code and report agree.
Results that went through a gate before, by listener or modifier, are judged anew, as when parts of a run are merged.

Not `robot --prerebotmodifier`: there the exit code ignores what a modifier changes (use gate_listener.py).
"""

from __future__ import annotations

from robot.api import ResultVisitor
from robot.result import TestCase, TestSuite

from PhantomLibrary.keywords.gate_listener import excuse, metadata_text
from PhantomLibrary.reporting.gate import (
    EXCUSE,
    EXCUSED_TAG,
    GATE_NAME,
    GATE_TAG,
    gated_test,
    judge,
    priority_of,
)


class GateModifier(ResultVisitor):
    """Rewrites a result so that its failed tests say what the gate decides."""

    def visit_suite(self, suite: TestSuite) -> None:
        _remove_gate_tests(suite)
        tests = list(suite.all_tests)
        decision = judge(
            [gated_test(test.name, test.status, test.tags) for test in tests],
            cut_short=any("robot:exit" in test.tags for test in tests),
        )
        for test in tests:
            _show(test, excused=decision.share_holds)
        if not decision.passed and not any(test.failed for test in tests):
            _add_gate_test(suite, decision.message)
        suite.metadata[GATE_NAME] = metadata_text(decision)


def _show(test: TestCase, *, excused: bool) -> None:
    """Bring a failed test of priority 2 or 3 into the form that the decision asks for, whatever form it had."""
    if EXCUSED_TAG in test.tags and not excused:
        test.status = "FAIL"
        test.message = test.message.replace(EXCUSE, "").rstrip()
        test.tags.remove(EXCUSED_TAG)
    elif test.failed and excused and priority_of(test.tags) != 1:
        excuse(test)


def _remove_gate_tests(suite: TestSuite) -> None:
    for child in suite.suites:
        _remove_gate_tests(child)
    suite.suites = [child for child in suite.suites if child.test_count or child.name != GATE_NAME]
    suite.tests = [test for test in suite.tests if GATE_TAG not in test.tags]


def _add_gate_test(root: TestSuite, message: str) -> None:
    suite = root if root.tests else root.suites.create(name=GATE_NAME)
    suite.tests.create(name=GATE_NAME, tags=[GATE_TAG], status="FAIL", message=message)
