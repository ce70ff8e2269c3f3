"""Keywords of transactions: the messages stand in `data/bad_transactions.robot`; here, what else is left."""

import json

import pytest

from tests.acceptance.keyword_runs import DATA, KeywordRun


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return KeywordRun(tmp_path_factory.mktemp("transactions"), DATA / "bad_transactions.robot")


def test_bad_input_is_refused_with_exact_sentences(run):
    assert {name: test.message for name, test in run.tests.items() if not test.passed} == {}
    assert len(run.tests) >= 9


def test_what_is_left_open_is_rolled_back_with_a_warning(run):
    warning = "Left Open has left transactions open, rolled back now: t1, t2"
    assert run.console.count("has left transactions open") == 1 and warning in run.console
    history = run.output / "phantom" / "Bad_Transactions.Left_Open" / "history.jsonl"
    events = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    ended = [(each["type"], each["value"]) for each in events if each["function"] == "txn" and each["type"] != "invoke"]
    assert ended == [("fail", [["w", "k1", "1"]]), ("fail", [["w", "k1", "2"]])]


def test_rehearsed_cases_leave_no_evidence_but_the_one_that_failed(run):
    folders = [each.name for each in (run.output / "phantom").iterdir() if "Case_That_Fails" in each.name]
    assert len(folders) == 2  # The cluster of the setup, and that of the crash.
    schedules = [run.output / "phantom" / name / "schedule.yaml" for name in folders]
    assert sum("transaction step" in each.read_text(encoding="utf-8") for each in schedules) == 1
