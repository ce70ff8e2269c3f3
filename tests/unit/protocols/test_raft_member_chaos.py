"""Raft under random faults and changes of its members keeps its promises, and the same runs notice mistakes in them."""

import pytest

from PhantomLibrary.protocols.raft.group import Group
from tests.unit.protocols import raft_defects
from tests.unit.protocols.raft_invariants import Violation
from tests.unit.protocols.raft_member_chaos import run_members

LOST = {"ElectionSafety", "LeaderCompleteness", "CommittedIsFinal", "StateMachineSafety", "QuorumHolds"}


@pytest.mark.parametrize("first_seed", range(0, 60, 10))
def test_raft_keeps_its_invariants_while_members_change(first_seed: int) -> None:
    chaos = [run_members(seed) for seed in range(first_seed, first_seed + 10)]
    assert sum(each.elections for each in chaos) > 10
    assert sum(each.changes for each in chaos) > 30
    assert sum(len(each.confirmed) for each in chaos) > 50


@pytest.mark.parametrize(
    ("defect", "seeds", "invariants"),
    [
        (raft_defects.CountsLearners, 10, {"QuorumHolds"}),
        (raft_defects.LeavesJointEarly, 60, LOST),
        (raft_defects.SwitchesAtOnce, 60, LOST),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_random_runs_with_changes_catch(defect: type[Group], seeds: int, invariants: set[str]) -> None:
    for seed in range(seeds):
        try:
            run_members(seed, defect)
        except Violation as violation:
            if violation.invariant in invariants:
                return
            assert violation.invariant == "Recovers"  # Two halves of a split that is no violation yet.
    pytest.fail(f"{defect.__name__} went unnoticed over {seeds} seeds")
