"""Real threads under Robot: what is refused, and how they end with their test, by Ctrl-C and by a kill."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.acceptance.keyword_runs import DATA, ROOT, KeywordRun, read_tests, robot_command, summaries

AT_ONCE_S = 1.0
FILES = {"history.jsonl", "schedule.yaml", "summary.json", "trace.jsonl.gz", "usage.csv"}
POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent to one process")


def test_bad_input_is_refused_in_one_sentence_and_the_cluster_goes_on(tmp_path):
    run = KeywordRun(tmp_path, DATA / "bad_threads.robot")
    assert {name: test.message for name, test in run.tests.items() if not test.passed} == {}
    assert len(run.tests) == 5


def test_a_timeout_ends_all_threads_within_a_second(tmp_path):
    run = KeywordRun(tmp_path, DATA / "threads_end.robot")
    test = run.tests["Time Is Up In Threads"]
    assert test.message == "Test timeout 3 seconds exceeded."
    assert test.elapsedtime / 1000 < 3.0 + 2 * AT_ONCE_S  # Its teardown starts and stops another cluster.
    assert run.tests["Library Is Usable"].passed, run.tests["Library Is Usable"].message
    stood = run.tests["Virtual Time Stands Still"]
    assert stood.passed, stood.message
    ended = {folder.name: summary["ended"] for folder, summary in summaries(tmp_path)}
    assert "its threads were interrupted" in ended["Threads_End.Time_Is_Up_In_Threads"]


def started_and_running(tmp_path, suite):
    """Start robot in a folder for temporary files of its own; return it when the test has said that it runs."""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    child = subprocess.Popen(
        robot_command(tmp_path, suite),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    for line in child.stdout:
        if "running" in line:
            break
    time.sleep(0.3)  # Wall time, for the threads to be under way; nothing else here depends on it.
    return child


def left_in_session(session):
    """Return the processes of a session that run still."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.name())
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue
    return found


@POSIX_ONLY
def test_a_kill_leaves_what_was_ended_before_and_nothing_that_runs(tmp_path):
    child = started_and_running(tmp_path, DATA / "killed.robot")
    assert left_in_session(child.pid)
    child.kill()
    child.communicate(timeout=30)
    assert left_in_session(child.pid) == []
    folder, summary = next(summaries(tmp_path))
    assert folder.name == "Killed.Ended_Before" and summary["ended"] == ""
    assert {file.name for file in folder.iterdir()} == FILES
    assert len((folder / "history.jsonl").read_text().splitlines()) > 100
    with gzip.open(folder / "trace.jsonl.gz", "rt") as trace:
        assert sum(1 for _ in trace) > 100
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert {json.loads(each)["test"] for each in lines} == {"Ended Before"}
    assert list((tmp_path / "tmp").iterdir()) == []


@POSIX_ONLY
def test_an_interrupt_ends_all_threads_and_leaves_a_proper_log(tmp_path):
    child = started_and_running(tmp_path, DATA / "killed.robot")
    child.send_signal(signal.SIGINT)
    interrupted_s = time.monotonic()
    child.communicate(timeout=30)
    assert time.monotonic() - interrupted_s < 3 * AT_ONCE_S  # Robot's own end included.
    assert left_in_session(child.pid) == [] and list((tmp_path / "tmp").iterdir()) == []
    tests = read_tests(tmp_path)
    assert tests["Ended Before"].passed
    assert tests["Killed"].message == "Execution terminated by signal"
    ended = {folder.name: summary["ended"] for folder, summary in summaries(tmp_path)}
    assert "cut short" in ended["Killed.Killed"] and ended["Killed.Ended_Before"] == ""


def test_what_a_test_has_cost_stands_among_the_metrics(tmp_path):
    run = KeywordRun(tmp_path, "--test", "Library*", DATA / "threads_end.robot")
    lines = [json.loads(each) for each in (run.output / "metrics.jsonl").read_text().splitlines()]
    found = {each["metric"]: each["value"] for each in lines if each["cluster"] == 0}
    assert set(found) == {
        "test_wall_time",
        "test_cpu_time",
        "test_memory_peak",
        "test_memory_growth",
        "test_threads_left",
        "test_files_left",
        "test_temporary_files_left",
    }
    assert found["test_threads_left"] == found["test_files_left"] == found["test_temporary_files_left"] == 0
    assert 0 < found["test_cpu_time"] < 30 and found["test_memory_peak"] > 10_000_000
