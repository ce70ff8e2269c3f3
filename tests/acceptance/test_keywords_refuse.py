"""Bad input: the messages stand in `data/bad_input.robot`; here, that nothing else happened."""

import pytest

from tests.acceptance.keyword_runs import DATA, KeywordRun, summaries


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return KeywordRun(tmp_path_factory.mktemp("refused"), DATA / "bad_input.robot")


def test_bad_input_is_refused_with_exact_sentences_and_the_cluster_goes_on(run):
    failed = {name: test.message for name, test in run.tests.items() if not test.passed}
    assert not failed
    assert len(run.tests) >= 11


def test_artifacts_of_every_test_are_written(run):
    left = {folder.name: {file.name for file in folder.iterdir()} for folder, _ in summaries(run.output)}
    assert set(left) == {f"Bad_Input.{name.replace(' ', '_')}" for name in run.tests} | {
        "Bad_Input.Keywords_Without_A_Cluster-2"
    }
    for files in left.values():
        assert files == {"history.jsonl", "schedule.yaml", "summary.json", "trace.jsonl.gz", "usage.csv"}


def test_refused_commands_are_in_no_schedule(run):
    schedule = (run.output / "phantom" / "Bad_Input.Times_That_Mean_Nothing" / "schedule.yaml").read_text()
    assert "start workload" in schedule
    assert "crash node" not in schedule
    assert "partition network" not in schedule


@pytest.mark.parametrize(
    "cell",
    [
        "Run For    -1s",
        "Run For    5 parsecs",
        "Start Cluster    nodes=0",
        "Start Cluster    seed=seven",
        "Crash Node    leeder of shard 1",
        "Partition Network    n1, n2",
        "Fail Disk    n1    brt rot",
        "History Should Be    casual",
        "Run Until    administration finished",
        "Begin Transaction    t1    isolation=chaos",
        "Write Key    t1    k1    1    outcome=perhaps",
        "Transaction Should Be    t1    finished",
        "Run Interleaving    r1(x)    shards=0",
        "Start Workload    orders",
        "Start Workload    list-append    mix=50% reads, 50% queries",
        "Set Load    9/s    shape=saw",
        "Get Leader    1    equals    n1",
        "Set Link    n1    n2    loss=120%",
        "Restart Node    n1    disk=empty",
        "Crash Node    n1    unknown=1",
        "Arm Fault    leader electd    crash node",
        "Arm Fault    leader elected    pause nod",
        "Start Nemesis    every=-1s",
    ],
)
def test_dry_run_refuses(cell, dry_run):
    assert not dry_run[cell].passed


def test_dry_run_accepts_what_is_right(dry_run):
    assert dry_run["fine"].passed


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory, request):
    """Dry-run one suite that has a test for each cell, called like it."""
    marker = next(each for each in test_dry_run_refuses.pytestmark if each.name == "parametrize")
    cells = list(marker.args[1])
    folder = tmp_path_factory.mktemp("dry")
    bodies = [f"Number {number}\n    {cell}\n" for number, cell in enumerate(cells)]
    fine = "fine\n    Start Cluster    ${TOPOLOGY}    nodes=${5}    seed=7\n    Run For    00:01:30\n"
    settings = "*** Settings ***\nLibrary    PhantomLibrary    seed=7\n*** Test Cases ***\n"
    (folder / "cells.robot").write_text(settings + "".join(bodies) + fine, encoding="utf-8")
    tests = KeywordRun(folder / "out", "--dryrun", folder / "cells.robot").tests
    return {"fine": tests["fine"], **{cell: tests[f"Number {number}"] for number, cell in enumerate(cells)}}
