"""The gate in real runs of `robot`, `rebot` and `pabot`: exit code and report have to agree.

The suites here use BuiltIn alone, and each test of theirs is one line: a name, tags, and one keyword.
"""

import subprocess
import sys

import pytest
from robot.api import ExecutionResult

LISTENER = "PhantomLibrary.keywords.gate_listener.GateListener"
MODIFIER = "PhantomLibrary.keywords.gate_modifier.GateModifier"
QUIET = ("--log", "NONE", "--report", "NONE", "--consolecolors", "off")
# Two processes of this very interpreter, whatever `robot` is on PATH.
PABOT = ("--processes", "2", "--no-pabotlib", "--command", sys.executable, "-m", "robot", "--end-command")

FAIL = "Fail    LIN-001: it is wrong"


def rows(priority, passed=0, failed=0, skipped=0):
    """Return lines of a suite: tests of one priority, None meaning a test without any tag."""
    tags = f"    [Tags]    priority-{priority}\n" if priority else ""
    bodies = ["No Operation"] * passed + [FAIL] * failed + ["Skip    not here"] * skipped
    return "".join(f"P{priority} Number {number}\n{tags}    {body}\n" for number, body in enumerate(bodies))


CASE_A = rows(1, passed=2) + rows(2, passed=9, failed=1)
CASE_B = rows(1, passed=2) + rows(2, passed=7, failed=3)
CASE_C = rows(1, passed=1, failed=1) + rows(2, passed=10)


class Runs:
    """Child processes in a folder of their own, and what they left there."""

    def __init__(self, folder):
        self.folder = folder

    def write(self, tests, *, path="suites/first.robot", settings=""):
        target = self.folder / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(f"*** Settings ***\n{settings}\n*** Test Cases ***\n{tests}", encoding="utf-8")

    def call(self, tool, *arguments):
        done = subprocess.run(
            [sys.executable, "-m", tool, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.console = done.stdout + done.stderr
        return done.returncode

    def robot(self, *arguments, source="suites"):
        return self.call("robot", *QUIET, "--listener", LISTENER, *arguments, source)

    def rebot(self, *arguments, sources=("output.xml",)):
        return self.call("robot.rebot", *QUIET, "--prerebotmodifier", MODIFIER, "-o", "gated.xml", *arguments, *sources)

    def tests(self, name="output.xml"):
        return {test.name: test for test in ExecutionResult(self.folder / name).suite.all_tests}

    def statuses(self, name="output.xml"):
        statuses = [test.status for test in self.tests(name).values()]
        return {status: statuses.count(status) for status in set(statuses)}


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path)


# --- plain robot, with the listener -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["suites", "suites/first.robot"], ids=["folder", "file"])
@pytest.mark.parametrize(
    ("tests", "status", "failed", "complaint"),
    [
        (CASE_A, "PASS", 0, "priority 1: 2 of 2 passed; priorities 2 and 3: 9 of 10 passed"),
        (CASE_B, "FAIL", 1, "GATE-003: 7 of 10 tests of priorities 2 and 3 passed"),
        (CASE_C, "FAIL", 2, "GATE-001: 1 test of priority 1 failed: P1 Number 1"),
    ],
    ids=["A", "B", "C"],
)
def test_robot_exits_as_the_gate_decides(runs, source, tests, status, failed, complaint):
    runs.write(tests)
    assert runs.robot(source=source) == failed
    left = runs.tests()
    assert list(left)[-1] == "Quality Gate"
    assert left["Quality Gate"].status == status
    assert left["Quality Gate"].message.startswith(complaint)
    assert sum(test.status == "FAIL" for test in left.values()) == failed


def test_excused_failure_keeps_its_message_in_front(runs):
    runs.write(rows(1, passed=1) + rows(3, passed=4, failed=1))
    assert runs.robot() == 0
    excused = runs.tests()["P3 Number 4"]
    assert excused.status == "SKIP"
    assert excused.message.startswith("LIN-001: it is wrong\n\nGATE-005: ")


def test_report_shows_the_decision_at_its_top(runs):
    runs.write(CASE_C)
    runs.robot()
    metadata = ExecutionResult(runs.folder / "output.xml").suite.metadata
    assert metadata["Quality Gate"].startswith("FAILED; GATE-001: ")


def test_gate_is_last_of_several_files_in_any_order(runs):
    runs.write(CASE_A)
    runs.write(rows(None, passed=1), path="suites/zz_last.robot")
    assert runs.robot("--randomize", "all") == 0
    assert list(runs.tests())[-1] == "Quality Gate"


def test_test_without_priority_counts_as_priority_1(runs):
    runs.write(rows(None, passed=9, failed=1))
    assert runs.robot() == 2
    assert runs.statuses() == {"PASS": 9, "FAIL": 2}


def test_run_that_executed_nothing_of_priority_1_fails(runs):
    runs.write(rows(1, skipped=2) + rows(2, passed=5))
    assert runs.robot() == 1
    assert runs.tests()["Quality Gate"].message.startswith("GATE-002: ")


def test_run_of_priority_2_alone_is_judged_by_its_share(runs):
    runs.write(rows(1, failed=1) + rows(2, passed=4, failed=1))
    assert runs.robot("--include", "priority-2 OR priority-3") == 0
    assert runs.statuses() == {"PASS": 5, "SKIP": 1}


def test_failed_suite_teardown_counts_against_the_run(runs):
    runs.write(rows(2, passed=9), settings=f"Suite Teardown    {FAIL}")
    runs.write(rows(1, passed=1), path="suites/second.robot")
    assert runs.robot() == 10
    assert runs.tests()["Quality Gate"].message.startswith("GATE-003: 0 of 9")


def test_run_that_was_cut_short_fails(runs):
    runs.write(rows(2, passed=8) + "Fatal\n    [Tags]    priority-2\n    Fatal Error\n")
    assert runs.robot() == 1
    assert runs.tests()["Quality Gate"].message.startswith("GATE-006: ")


def test_dry_run_tells_the_plain_truth(runs):
    runs.write(rows(1, passed=1) + "Typo\n    [Tags]    priority-2\n    No Such Keyword\n")
    assert runs.robot("--dryrun") == 1
    assert runs.statuses() == {"PASS": 1, "FAIL": 1}


BREAKING_LISTENER = """
from PhantomLibrary.keywords import gate_listener
del gate_listener.{name}
class Breaking(gate_listener.GateListener): pass
"""


@pytest.mark.parametrize(
    ("name", "message", "failed"),
    [
        ("judge", "GATE-000: the quality gate was not evaluated", 1),
        ("gated_test", "GATE-000: the quality gate was not evaluated", 1),
        ("excuse", "priority 1: 2 of 2 passed", 1),  # The gate passes, but the failure that it speaks for stays red.
        ("_add_gate_test", None, 1),
    ],
)
def test_run_fails_when_the_listener_breaks_in_it(runs, name, message, failed):
    runs.write(rows(1, passed=2) + rows(2, passed=4, failed=1))
    (runs.folder / "breaking.py").write_text(BREAKING_LISTENER.format(name=name), encoding="utf-8")
    assert runs.call("robot", *QUIET, "--pythonpath", ".", "--listener", "breaking.Breaking", "suites") == failed
    if message:
        assert runs.tests()["Quality Gate"].message.startswith(message)


def test_failures_stay_red_when_the_listener_cannot_start(runs):
    runs.write(CASE_A)
    assert runs.call("robot", *QUIET, "--listener", LISTENER + "X", "suites") != 0


# --- rebot and pabot, with the result modifier ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tests", "failed", "statuses"),
    [
        (CASE_A, 0, {"PASS": 11, "SKIP": 1}),
        (CASE_B, 3, {"PASS": 9, "FAIL": 3}),
        (CASE_C, 1, {"PASS": 11, "FAIL": 1}),
        (rows(1, skipped=1) + rows(2, passed=4, failed=1), 1, {"PASS": 4, "SKIP": 2, "FAIL": 1}),
    ],
    ids=["A", "B", "C", "nothing-of-priority-1"],
)
def test_rebot_exits_as_the_gate_decides(runs, tests, failed, statuses):
    runs.write(tests)
    assert runs.call("robot", *QUIET, "--nostatusrc", "suites") == 0
    assert runs.rebot() == failed
    assert runs.statuses("gated.xml") == statuses


def test_rebot_judges_gated_parts_anew_when_they_are_merged(runs):
    runs.write(rows(2, passed=3, failed=1))
    assert runs.robot("-o", "first.xml") == 1
    runs.write(rows(3, passed=6))
    assert runs.robot("-o", "second.xml") == 0
    assert runs.rebot(sources=("first.xml", "second.xml")) == 0
    assert runs.statuses("gated.xml") == {"PASS": 9, "SKIP": 1}


def test_rebot_shows_excused_failures_again_when_the_whole_fails(runs):
    runs.write(rows(2, passed=4, failed=1))
    assert runs.robot("-o", "first.xml") == 0
    runs.write(rows(3, failed=1))
    assert runs.robot("-o", "second.xml") == 1
    assert runs.rebot(sources=("first.xml", "second.xml")) == 2
    assert runs.tests("gated.xml")["P2 Number 4"].message == "LIN-001: it is wrong"


@pytest.mark.parametrize(("tests", "failed"), [(CASE_A, 0), (CASE_B, 3), (CASE_C, 1)], ids=["A", "B", "C"])
def test_pabot_exits_as_the_gate_decides(runs, tests, failed):
    runs.write(tests)
    runs.write(rows(1, passed=1), path="suites/second.robot")
    assert runs.call("pabot.pabot", *PABOT, *QUIET, "--prerebotmodifier", MODIFIER, "suites") == failed
    assert runs.statuses().get("FAIL", 0) == failed
