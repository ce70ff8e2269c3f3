"""Keywords that explore orders and seeds: most messages stand in `data/bad_orders.robot`; here, what failures leave."""

import gzip
import json

import pytest

from PhantomLibrary.testbed.schedule import read_schedule
from tests.acceptance.keyword_runs import DATA, KeywordRun, run_replay_line

FAILS = {"Case That Needs A Quick Network", "Case That Stops Its Cluster"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return KeywordRun(tmp_path_factory.mktemp("orders"), DATA / "bad_orders.robot")


def folders(run, test):
    return [each for each in sorted((run.output / "phantom").iterdir()) if test.replace(" ", "_") in each.name]


def test_bad_input_is_refused_with_exact_sentences(run):
    assert {name: test.message for name, test in run.tests.items() if not test.passed and name not in FAILS} == {}
    assert len(run.tests) == 8


def test_cases_that_hold_leave_no_evidence_and_one_line_each(run):
    assert folders(run, "Orders That Hold") == []
    keyword = run.tests["Orders That Hold"].body[0]
    texts = [each.message for each in keyword.messages]
    told = "4 random orders of Start Small Cluster, depth 3, "
    assert [each for each in texts if each.startswith(told)] == texts[:1]
    assert texts[0].endswith("channels: 4 different runs, beside the one in the default order")


@pytest.mark.parametrize("test", sorted(FAILS))
def test_the_order_that_fails_is_named_and_only_its_artifacts_are_kept(run, test):
    message = run.tests[test].message

    first = message.splitlines()[0]
    number = int(first.partition("in order ")[2].partition(" of 20")[0])
    assert 1 <= number <= 20 and f"(random:{number}:3:" in first

    (folder,) = folders(run, test)
    schedule = read_schedule((folder / "schedule.yaml").read_text(encoding="utf-8"), "schedule.yaml")
    assert schedule.run.order is not None and schedule.run.order.number == number
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert schedule.digest == summary["trace_digest"] != ""
    with gzip.open(folder / "trace.jsonl.gz") as trace:
        assert sum(1 for _ in trace) > 100


def test_the_order_that_fails_is_run_alone_by_its_variable(run, tmp_path):
    test = "Case That Needs A Quick Network"
    first = run.tests[test].message.splitlines()[0]
    order = first.partition("(")[2].partition(")")[0]
    (folder,) = folders(run, test)
    seed = read_schedule((folder / "schedule.yaml").read_text(encoding="utf-8"), "schedule.yaml").run.seed

    line = (
        f'robot --test "{test}" --variable SEED:{seed} --variable ORDER:{order} tests/acceptance/data/bad_orders.robot'
    )
    again = run_replay_line(line, tmp_path)

    told = again.tests[test].message
    assert told.splitlines()[0] == f"{first.partition(', in order')[0]}, in order {order}"
    assert list(again.digests.values()) == [run.digests[folder.name]]


def test_messages_of_checks_say_how_to_run_the_order_alone(tmp_path):
    test = "Case That Fails In Any Order"
    run = KeywordRun(tmp_path, "--test", test, "--variable", "ORDER:pct:4", DATA / "bad_orders.robot")
    message = run.tests[test].message
    assert "in order pct:4" in message
    assert "--variable ORDER:pct:4:3:10000" in message
