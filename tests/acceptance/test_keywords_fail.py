"""What a failed check says: its code first, a replay line that works, evidence, and where the artifacts lie."""

import pytest

from tests.acceptance.keyword_runs import DATA, KeywordRun, lines_by_prefix, run_replay_line

GLOBS = 'Too Few [Operations] Are "Really" *Confirmed*?'


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return KeywordRun(tmp_path_factory.mktemp("failed"), DATA / "failing.robot")


def checks(run):
    return {name: test for name, test in run.tests.items() if "refused" not in test.tags}


def test_each_check_fails_with_its_code_in_front(run):
    codes = {name: test.message.partition(":")[0].lower() for name, test in checks(run).items()}
    assert codes == {name: next(iter(test.tags)) for name, test in checks(run).items()}
    assert len(codes) >= 10


def test_message_is_short_plain_text_with_replay_next_and_artifacts_last(run):
    for test in checks(run).values():
        lines = test.message.splitlines()
        assert lines[1].startswith("Replay: robot --test ")
        assert lines[-1].startswith("Artifacts: phantom/")
        assert (run.output / lines[-1].removeprefix("Artifacts: ") / "history.jsonl").is_file()
        assert len(lines) <= 13
        assert not test.message.startswith("*HTML*")


@pytest.mark.parametrize("name", [GLOBS, "Second Cluster Has A Seed Of Its Own", "Planted Defect Is Caught"])
def test_replay_line_gives_the_same_failure_of_the_same_run(run, name, tmp_path):
    message = run.tests[name].message
    lines = lines_by_prefix(message)
    again = run_replay_line(lines["Replay"], tmp_path)
    assert {each: test.message for each, test in again.tests.items()} == {name: message}
    folder = lines["Artifacts"].removeprefix("phantom/").rstrip("/")
    assert again.digests[folder] == run.digests[folder]


def test_another_seed_is_another_run(run, tmp_path):
    folder = "Failing.A_Getter_Finds_Something_Else"
    other = KeywordRun(tmp_path, "--test", "A Getter*", "--variable", "SEED:1", DATA / "failing.robot")
    assert other.digests[folder] != run.digests[folder]
    assert "--variable SEED:1 " in other.tests["A Getter Finds Something Else"].message


def test_replay_line_repeats_the_variables_of_the_command_line(tmp_path):
    (tmp_path / "a mode.yaml").write_text("OPERATIONS: 500", encoding="utf-8")
    options = ("-V", tmp_path / "a mode.yaml", "--variable", "DEFECTS:no-prevote", "--variable", "SEED:5")
    failed = KeywordRun(tmp_path / "first", *options, "--test", "Too Few*", DATA / "failing.robot")
    message = failed.tests[GLOBS].message
    assert "fewer than the 500 asked for" in message
    again = run_replay_line(lines_by_prefix(message)["Replay"], tmp_path / "second")
    assert again.tests[GLOBS].message == message
    assert again.digests == failed.digests


def test_cluster_of_a_suite_is_read_by_its_tests_and_changed_by_none(run):
    message = run.tests["Suite Cluster Cannot Be Changed"].message
    assert message == (
        "the cluster was started in the setup of suite Failing, and its tests may only read it: "
        "start one in this test with Start Cluster"
    )
    assert "Failing" in run.digests
