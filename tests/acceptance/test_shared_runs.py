"""Suites in several processes that share the tests: each runs once, and all is as if one process had run them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from robot.api import ExecutionResult

from PhantomLibrary.keywords.gated_run import may_be_shared

CLUSTER = """\
*** Settings ***
Library    PhantomLibrary

*** Test Cases ***
Cluster Number {number}
    [Tags]    priority-1
    Start Cluster
    Run For    1s

"""
LOCAL = """\
*** Settings ***
Suite Setup    Log    {number}

*** Test Cases ***
Good A
    [Tags]    priority-1
    No Operation

Good B
    [Tags]    priority-1
    No Operation

Bad C
    [Tags]    priority-{priority}
    Fail    LIN-001: it is wrong
"""
SLOW = """\
*** Test Cases ***
First Sleeper
    [Tags]    priority-1
    Sleep    30s

Second Sleeper
    [Tags]    priority-1
    Sleep    30s
"""


class Runs:
    """Runs of the suites in a folder, and what they left there."""

    def __init__(self, folder):
        self.folder = folder
        self.output = folder / "results"
        (folder / "suites" / "inner").mkdir(parents=True)

    def write(self, path, text):
        (self.folder / "suites" / path).write_text(text, encoding="utf-8")

    def start(self, *arguments, processes=2):
        return subprocess.Popen(
            [sys.executable, "-m", "PhantomLibrary.keywords.gated_run", "--outputdir", "results", *arguments, "suites"],
            cwd=self.folder,
            env={**os.environ, "PROCESSES": str(processes), "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def call(self, *arguments, processes=2):
        process = self.start(*arguments, processes=processes)
        self.console, _ = process.communicate(timeout=60)
        return process.returncode

    def statuses(self):
        return [(test.full_name, test.status) for test in ExecutionResult(self.output / "output.xml").suite.all_tests]


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path)


def test_shared_run_leaves_what_one_process_leaves(runs):
    for number in range(3):
        runs.write(f"clusters_{number}.robot", CLUSTER.format(number=number))
    runs.write("inner/local.robot", LOCAL.format(number=1, priority=1))
    left = []
    for processes in (1, 2):
        assert runs.call(processes=processes) == processes % 2 + 1, runs.console  # One process counts the gate as well.
        metrics = [json.loads(line) for line in (runs.output / "metrics.jsonl").read_text().splitlines()]
        values = {
            (m["test"], m["metric"]): m["value"]
            for m in metrics
            if m["cluster"] and not m["metric"].startswith("process")
        }
        assert len({each["run"] for each in metrics}) == 1
        statuses = [each for each in runs.statuses() if "Quality Gate" not in each[0]]
        left.append((statuses, values, sorted(path.name for path in (runs.output / "phantom").iterdir())))
    assert left[0] == left[1]
    assert len(left[1][2]) == 3
    assert sorted(path.name for path in runs.output.iterdir()) == [
        *("log.html", "metrics.jsonl", "output.xml", "phantom", "report.html"),
    ]


def test_console_shows_each_test_once_and_why_it_failed(runs):
    runs.write("local.robot", LOCAL.format(number=1, priority=1))
    runs.call()
    lines = runs.console.splitlines()
    assert sum("Local :: Good A" in line for line in lines) == 1
    failed = next(number for number, line in enumerate(lines) if line.endswith("Local :: Bad C"))
    assert lines[failed].startswith("| FAIL |")
    assert lines[failed + 1] == "    LIN-001: it is wrong"


def test_gate_judges_the_whole_and_not_each_part(runs):
    passing = "".join(f"P2 {number}\n    [Tags]    priority-2\n    No Operation\n" for number in range(9))
    runs.write("local.robot", LOCAL.format(number=1, priority=2))
    runs.write("others.robot", "*** Test Cases ***\n" + passing)
    assert runs.call() == 0, runs.console
    assert ("Suites.Local.Bad C", "SKIP") in runs.statuses()
    assert "passed; priority 1: 2 of 2 passed; priorities 2 and 3: 9 of 10 passed" in runs.console


def test_refused_option_is_refused_once(runs):
    runs.write("local.robot", LOCAL.format(number=1, priority=2))
    assert runs.call("--include", "nothing-has-this") == 252
    assert runs.console.count("nothing-has-this") == 1
    assert not (runs.output / ".shares").exists()


def test_process_that_dies_fails_the_run(runs):
    runs.write("local.robot", LOCAL.format(number=1, priority=3))
    runs.write("dying.robot", "*** Test Cases ***\nDies\n    [Tags]    priority-3\n    Evaluate    os._exit(0)\n")
    assert runs.call() == 255
    assert "1 of 2 processes died" in runs.console


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one group of processes there")
def test_interrupt_ends_all_processes_and_reports_every_test(runs):
    runs.write("slow.robot", SLOW)
    runs.write("local.robot", LOCAL.format(number=1, priority=1))
    process = runs.start()
    deadline = time.monotonic() + 20
    while len(list((runs.output / ".shares").glob("*"))) < 7 and time.monotonic() < deadline:
        time.sleep(0.05)  # Until both sleepers are claimed: five tests, `started`, and at least one part of a result.
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)  # As a terminal does.
    interrupted = time.monotonic()
    process.communicate(timeout=20)
    assert time.monotonic() - interrupted < 5
    assert process.returncode == 3  # With the one that fails in any case.
    statuses = dict(runs.statuses())
    assert len(statuses) == 5
    assert statuses["Suites.Slow.First Sleeper"] == statuses["Suites.Slow.Second Sleeper"] == "FAIL"


@pytest.mark.parametrize(
    ("options", "shared"),
    [
        (["suites"], True),
        (["--variablefile", "resources/modes/quick.yaml", "--include=smoke", "suites/01_node_failure"], True),
        (["-v", "SEED:7", "-t", "Crash*", "suites"], True),
        (["suites/01_node_failure/crashes.robot"], False),
        (["--dryrun", "suites"], False),
        (["--exitonfailure", "suites"], False),
        (["--include", "smoke", "--log", "mine.html", "suites"], False),
    ],
)
def test_only_what_means_the_same_to_all_processes_is_shared(options, shared):
    assert may_be_shared(options) == shared
