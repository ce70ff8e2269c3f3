"""Raft under random faults keeps its promises, and the same runs notice each of the usual mistakes."""

import pytest

from PhantomLibrary.protocols.raft.group import Group
from tests.unit.protocols import raft_defects
from tests.unit.protocols.raft_chaos import run


@pytest.mark.parametrize("first_seed", range(0, 100, 10))
def test_raft_keeps_its_invariants_and_recovers(first_seed: int) -> None:
    chaos = [run(seed) for seed in range(first_seed, first_seed + 10)]
    assert sum(each.elections for each in chaos) > 10
    assert sum(len(each.confirmed) for each in chaos) > 50
    assert sum(each.reads_answered for each in chaos) > 10
    assert sum(each.damages for each in chaos) > 0


def test_a_run_depends_on_its_seed_alone() -> None:
    first, second, other = run(1), run(1), run(2)
    assert first.commands == second.commands
    assert first.commands != other.commands


@pytest.mark.parametrize(
    ("defect", "seeds", "invariants"),
    [
        (raft_defects.CommitsWithoutMajority, 5, {"QuorumHolds"}),
        (raft_defects.AnswersBeforeItIsDurable, 5, {"QuorumHolds"}),
        (raft_defects.AsksForNoPreVote, 5, {"PreVoteFirst"}),
        (raft_defects.ReadsBeforeItsTermCommits, 10, {"ReadIsFresh"}),
        (raft_defects.TruncatesBlindly, 20, {"QuorumHolds", "LeaderCompleteness", "LogHasNoGap", "an assertion"}),
        (raft_defects.VotesForAnyLog, 20, {"LeaderCompleteness"}),
        (raft_defects.ForgetsVotes, 30, {"OneVoteATerm"}),
        (raft_defects.ReadsWithoutQuorum, 110, {"ReadIsFresh"}),
        (raft_defects.VotesThoughDamaged, 200, {"LeaderCompleteness"}),
        (raft_defects.IsWholeAtOnce, 200, {"LeaderCompleteness"}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_random_runs_catch(defect: type[Group], seeds: int, invariants: set[str]) -> None:
    for seed in range(seeds):
        try:
            run(seed, defect)
        except AssertionError as violation:
            assert getattr(violation, "invariant", "an assertion") in invariants
            return
    pytest.fail(f"{defect.__name__} went unnoticed over {seeds} seeds")
