"""The gate's decision, at and around its boundaries."""

import pytest

from PhantomLibrary.reporting.gate import EXCUSED_TAG, GateDecision, GatedTest, gated_test, judge, priority_of


def of_priority(priority, passed=0, failed=0, skipped=0):
    kinds = [(True, True)] * passed + [(True, False)] * failed + [(False, False)] * skipped
    return [
        GatedTest(f"p{priority}-{number}", priority, executed=executed, passed=good)
        for number, (executed, good) in enumerate(kinds)
    ]


def codes(decision: GateDecision):
    return [complaint.partition(":")[0] for complaint in decision.complaints]


def test_gate_passes_when_everything_passes():
    assert judge(of_priority(1, passed=2) + of_priority(2, passed=10)).passed


def test_gate_tells_how_many_were_not_executed():
    for skipped, words in ((0, "0 tests"), (1, "1 test"), (2, "2 tests")):
        assert judge(of_priority(1, passed=2, skipped=skipped)).tally.endswith(f"; {words} not executed")


def test_gate_fails_when_one_test_of_priority_1_fails():
    decision = judge(of_priority(1, passed=99, failed=1) + of_priority(2, passed=10))
    assert codes(decision) == ["GATE-001"]
    assert "p1-99" in decision.complaints[0]


@pytest.mark.parametrize(
    ("passed", "failed", "holds"),
    [
        (0, 0, True),  # Nothing of these priorities was executed: nothing of them can fail the run.
        (4, 1, True),
        (3, 1, False),
        (8, 2, True),
        (7, 3, False),
        (799, 201, False),  # 79.9 %
        (800, 200, True),
        (0, 1, False),
        (1, 0, True),
    ],
)
def test_gate_needs_four_fifths_of_priorities_2_and_3(passed, failed, holds):
    decision = judge(of_priority(1, passed=1) + of_priority(2, passed=passed, failed=failed))
    assert decision.share_holds == holds
    assert codes(decision) == ([] if holds else ["GATE-003"])


def test_gate_takes_priorities_2_and_3_together():
    assert judge(of_priority(2, failed=1) + of_priority(3, passed=4)).passed


def test_gate_does_not_count_skipped_tests():
    assert judge(of_priority(1, passed=1, skipped=5) + of_priority(2, passed=4, failed=1, skipped=9)).passed
    assert not judge(of_priority(1, passed=1) + of_priority(2, passed=3, failed=1, skipped=9)).passed


def test_gate_fails_when_priority_1_was_selected_and_none_was_executed():
    assert codes(judge(of_priority(1, skipped=1) + of_priority(2, passed=5))) == ["GATE-002"]


def test_gate_passes_without_priority_1_when_none_was_selected():
    assert judge(of_priority(3, passed=1)).passed


@pytest.mark.parametrize("tests", [[], of_priority(2, skipped=3)])
def test_gate_fails_when_nothing_was_executed(tests):
    assert codes(judge(tests)) == ["GATE-004"]


def test_gate_fails_when_the_run_was_cut_short():
    assert codes(judge(of_priority(1, passed=1), cut_short=True)) == ["GATE-006"]


def test_gate_names_every_reason_and_few_tests():
    decision = judge(of_priority(1, failed=7) + of_priority(2, failed=1))
    assert codes(decision) == ["GATE-001", "GATE-003"]
    assert decision.complaints[0].endswith("p1-4 and 2 more")
    assert not decision.share_holds


@pytest.mark.parametrize(
    ("tags", "priority"),
    [
        ([], 1),
        (["partition", "smoke"], 1),
        (["priority-4"], 1),
        (["priority-2"], 2),
        (["Priority-3"], 3),
        (["priority_-_3"], 3),
        (["priority-3", "priority-2"], 2),
        (["priority-3", "priority-1"], 1),
    ],
)
def test_priority_is_the_strictest_tag_and_1_without_any(tags, priority):
    assert priority_of(tags) == priority


@pytest.mark.parametrize(
    ("status", "executed", "passed"),
    [
        ("PASS", True, True),
        ("FAIL", True, False),
        ("SKIP", False, False),
        ("NOT RUN", False, False),
        ("NOT SET", True, False),
    ],
)
def test_status_of_robot_is_translated(status, executed, passed):
    assert gated_test("any", status, ["priority-2"]) == GatedTest("any", 2, executed=executed, passed=passed)


def test_excused_failure_still_counts_as_a_failure():
    test = gated_test("any", "SKIP", ["priority-2", EXCUSED_TAG])
    assert test.executed
    assert not test.passed
