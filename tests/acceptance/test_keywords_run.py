"""Whole stories by keywords: they pass, and each test is the same run wherever, whenever and with whatever it runs."""

import subprocess
import sys

import pytest

from tests.acceptance.keyword_runs import DATA, ROOT, KeywordRun, summaries

ALONE = "Partition Is Seen From Both Sides"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return KeywordRun(tmp_path_factory.mktemp("stories"), DATA / "stories.robot", hash_seed="1")


def test_stories_pass(run):
    assert {name: test.message for name, test in run.tests.items() if not test.passed} == {}
    assert run.returncode == 0


def test_same_runs_in_any_order_under_any_name_and_alone(run, tmp_path):
    options = ("--randomize", "all:3", "--name", "Renamed")
    shuffled = KeywordRun(tmp_path / "shuffled", *options, DATA / "stories.robot", hash_seed="2")
    alone = KeywordRun(tmp_path / "alone", "--test", ALONE, DATA / "stories.robot")
    assert list(shuffled.tests) != list(run.tests)
    found = {own_name(name): digest for name, digest in shuffled.digests.items()}
    assert found == {own_name(name): digest for name, digest in run.digests.items()}
    assert alone.digests.items() <= run.digests.items()


@pytest.mark.parametrize(
    "story",
    [
        "Faults Heal By Themselves",
        "Lost Messages Are Sent Again",
        "Plan, Nemesis And Armed Fault Together",
        "Members Come And Go",
    ],
)
def test_schedule_of_a_test_replays_without_robot_to_the_same_digest(run, story):
    folder, summary = next(each for each in summaries(run.output) if own_name(each[0].name) == story.replace(" ", "_"))
    command = [sys.executable, "-m", "PhantomLibrary", "replay", str(folder / "schedule.yaml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert summary["trace_digest"] in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_log_tells_each_change_of_the_cluster_in_one_line(run):
    told = [message.message for message in messages_of(run.tests["Crashed Leader Comes Back"])]
    assert any(
        line.startswith("t=0.000s started 5 nodes (three-nodes), 4 shards of 3 replicas, seed ") for line in told
    )
    assert any(line.startswith("t=2.000s crashed n") and "(leader of shard" in line for line in told)
    assert sum(line.startswith("t=") for line in told) <= 12
    assert sum("<table" in line for line in told) == 1


def messages_of(item):
    if getattr(item, "has_setup", False):
        yield from messages_of(item.setup)
    for child in item.body:
        if hasattr(child, "level"):
            yield child
        elif hasattr(child, "body"):
            yield from messages_of(child)


def own_name(folder_name):
    return folder_name.rpartition(".")[2]


def test_schedule_of_a_test_replays_from_robot_to_the_same_digest(run, tmp_path):
    folder, summary = next(summaries(run.output))
    again = KeywordRun(
        tmp_path / "again", "--variable", f"SCHEDULE:{folder / 'schedule.yaml'}", DATA / "replayed.robot"
    )
    assert again.returncode == 0, again.console
    assert list(again.digests.values()) == [summary["trace_digest"]]


def test_replay_of_another_run_fails_with_its_code(run, tmp_path):
    folder, summary = next(summaries(run.output))
    text = (folder / "schedule.yaml").read_text(encoding="utf-8")
    altered = tmp_path / "altered.yaml"
    altered.write_text(text.replace(summary["trace_digest"], "a" * 32), encoding="utf-8")
    again = KeywordRun(tmp_path / "again", "--variable", f"SCHEDULE:{altered}", DATA / "replayed.robot")
    (test,) = again.tests.values()
    assert test.message.startswith("RPY-001: ")
