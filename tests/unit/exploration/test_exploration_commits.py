"""Every run of a small two-phase commit keeps its promises, and a broken one is found by a shortest run."""

import pytest

from PhantomLibrary.exploration.commits import CommitBounds, search_commits
from PhantomLibrary.zoo import transaction_defects

ONE_PHASE = CommitBounds(shards=1, rival=1, duplicates=2)
COORDINATOR_CRASHES = CommitBounds(give_ups=0, inquiries=1, hours=1)
GIVEN_UP = CommitBounds(duplicates=0, crashes=0, inquiries=1, hours=1)
TOMBSTONES_END = CommitBounds(give_ups=0, crashes=0, inquiries=0)
RIVAL = CommitBounds(rival=2, duplicates=0, inquiries=1, hours=1)
THREE_SHARDS = CommitBounds(shards=3, duplicates=0, give_ups=0, inquiries=1, hours=1)


@pytest.mark.parametrize(
    "bounds",
    [ONE_PHASE, COORDINATOR_CRASHES, GIVEN_UP, TOMBSTONES_END, RIVAL, THREE_SHARDS],
    ids=str,
)
def test_two_phase_commit_breaks_nothing_within_bounds(bounds):
    result = search_commits(bounds)
    assert result.exhausted and result.counterexample == ()
    assert result.states > 500


@pytest.mark.parametrize(
    ("part", "defect", "bounds", "wrong"),
    [
        ("committer", transaction_defects.TellsBeforeItIsDecided, COORDINATOR_CRASHES, "was told that it committed"),
        ("table", transaction_defects.RollsBackBesideTheCoordinator, COORDINATOR_CRASHES, "and was rolled back at"),
        ("table", transaction_defects.PreparesAgain, ONE_PHASE, "committed twice"),
        ("table", transaction_defects.PutsUpNoTombstones, ONE_PHASE, "was told that it was rolled back"),
        ("committer", transaction_defects.TakesSilenceForRefusal, ONE_PHASE, "was told that it was rolled back"),
        ("committer", transaction_defects.TakesSilenceForRefusal, GIVEN_UP, "was told that it was rolled back"),
        ("table", transaction_defects.ForgetsAtOnce, COORDINATOR_CRASHES, "and was rolled back at"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_defect_is_found_and_told(part, defect, bounds, wrong):
    result = search_commits(bounds, **{f"{part}_class": defect})
    assert not result.exhausted and wrong in result.counterexample[-1]
    assert len(result.counterexample) > 3


def test_a_search_ends_when_it_is_told_to():
    result = search_commits(CommitBounds(), states_max=2_000)
    assert not result.exhausted and result.counterexample == () and result.states < 20_000
    assert search_commits(CommitBounds(), is_over=lambda: True).states == 1
