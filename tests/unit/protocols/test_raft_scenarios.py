"""Golden scenarios. `REWRITE=1 pytest tests/unit/protocols` writes them anew; the commit explains each change."""

import os
from pathlib import Path

import pytest

from PhantomLibrary.protocols.raft.group import Group
from tests.unit.protocols import raft_defects
from tests.unit.protocols.raft_scenario import play

SCENARIOS = Path(__file__).parent / "scenarios"
NAMES = sorted(path.stem for path in SCENARIOS.glob("*.txt"))


@pytest.mark.parametrize("name", NAMES)
def test_scenario(name: str) -> None:
    path = SCENARIOS / f"{name}.txt"
    expected = path.read_text(encoding="utf-8")
    actual = play(expected)
    if os.environ.get("REWRITE"):
        path.write_text(actual, encoding="utf-8", newline="\n")
    else:
        assert actual == expected


@pytest.mark.parametrize(
    ("defect", "name"),
    [
        (raft_defects.CommitsPriorTermsByCounting, "figure_8"),
        (raft_defects.CommitsWithoutMajority, "four_voters"),
        (raft_defects.ForgetsVotes, "vote_is_durable"),
        (raft_defects.AnswersBeforeItIsDurable, "vote_is_durable"),
        (raft_defects.TruncatesBlindly, "delayed_append"),
        (raft_defects.AcknowledgesItsWholeLog, "conflicting_tail"),
        (raft_defects.ReadsWithoutQuorum, "read_index"),
        (raft_defects.ReadsBeforeItsTermCommits, "read_index"),
        (raft_defects.CountsEarlierRounds, "read_index"),
        (raft_defects.AsksForNoPreVote, "pre_vote_rejoin"),
        (raft_defects.KeepsAnyTail, "snapshot_over_conflict"),
        (raft_defects.LeadsWithoutQuorum, "check_quorum"),
        (raft_defects.LeadsWithHungDisk, "stalled_disk"),
        (raft_defects.TakesRefusalForConsent, "lost_append"),
        (raft_defects.TakesAnyMessageForAHeartbeat, "busy"),
        (raft_defects.SwitchesAtOnce, "figure_10"),
        (raft_defects.LeavesJointEarly, "joint_crash"),
        (raft_defects.CountsLearners, "learner"),
        (raft_defects.ChangesBeforeItsTermCommits, "change_before_own_commit"),
        (raft_defects.TakesAnyReplicaOfANode, "unformatted"),
        (raft_defects.LeadsOnWhenRemoved, "remove_leader"),
        (raft_defects.AsksForNoPreVote, "disruptive_server"),
        (raft_defects.VotesSoonAfterRestart, "lease"),
        (raft_defects.CountsLeaseFromAnswer, "lease"),
        (raft_defects.VotesThoughDamaged, "damaged"),
        (raft_defects.IsWholeAtOnce, "repair_bound"),
        (raft_defects.TrustsAnEarlierBound, "repair_bound_of_before"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_scenario_catches(defect: type[Group], name: str) -> None:
    text = (SCENARIOS / f"{name}.txt").read_text(encoding="utf-8")
    assert play(text, defect) != text
