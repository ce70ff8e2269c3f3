"""Time-outs and Ctrl-C end a running simulation at once; artifacts are written, and the library stays usable."""

import json
import signal
import subprocess
import sys
import time

import pytest

from tests.acceptance.keyword_runs import DATA, ROOT, KeywordRun, read_tests, robot_command, summaries

AT_ONCE_S = 1.0
FILES = {"history.jsonl", "schedule.yaml", "summary.json", "trace.jsonl.gz", "usage.csv"}


@pytest.fixture(scope="module")
def timed_out(tmp_path_factory):
    return KeywordRun(tmp_path_factory.mktemp("timeout"), DATA / "endings.robot")


def test_timeout_ends_the_run_within_a_second(timed_out):
    test = timed_out.tests["Time Is Up"]
    assert test.message == "Test timeout 3 seconds exceeded."  # Long enough for a busy machine to start a cluster.
    assert test.elapsedtime / 1000 < 3.0 + AT_ONCE_S


def test_library_is_usable_after_a_timeout(timed_out):
    test = timed_out.tests["Library Is Usable"]
    assert test.passed, test.message


def test_artifacts_of_a_run_that_was_cut_short_are_written_and_say_so(timed_out):
    left = dict(summaries(timed_out.output))
    assert all({file.name for file in folder.iterdir()} >= FILES - {"trace.jsonl.gz"} for folder in left)
    assert {folder.name: summary["ended"][:16] for folder, summary in left.items()} == {
        "Endings.Time_Is_Up": "it was cut short",
        "Endings.Keyword_Runs_Too_Long": "it was cut short",
        "Endings.Keyword_Runs_Too_Long-2": "",
        "Endings.Library_Is_Usable": "",
    }
    assert all(folder.joinpath("trace.jsonl.gz").is_file() for folder, summary in left.items() if summary["virtual_ns"])


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_interrupt_ends_the_run_within_a_second(tmp_path):
    command = robot_command(tmp_path, DATA / "interrupted.robot")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if "running" in line:
                break
        time.sleep(0.3)  # Wall time, for the run to be under way; nothing else here depends on it.
        child.send_signal(signal.SIGINT)
        interrupted_s = time.monotonic()
        child.communicate(timeout=30)
        assert time.monotonic() - interrupted_s < 3 * AT_ONCE_S  # Robot's own end included.
    tests = read_tests(tmp_path)
    assert tests["Long Run"].message == "Execution terminated by signal"
    assert not tests["Never Begun"].passed
    left = dict(summaries(tmp_path))
    assert [summary["ended"][:16] for summary in left.values()] == ["it was cut short", ""]
    for folder in left:
        assert {file.name for file in folder.iterdir()} == FILES


def test_metrics_of_all_clusters_stand_beside_the_output(timed_out):
    lines = (timed_out.output / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    found = {(each["test"], each["cluster"]) for each in map(json.loads, lines) if each["cluster"]}
    name = "Keyword Runs Too Long"
    assert found == {("Time Is Up", 1), (name, 1), (name, 2), ("Library Is Usable", 1)}
    assert len({json.loads(each)["run"] for each in lines}) == 1
    assert json.loads(lines[0])["run"] not in ("", "None")
