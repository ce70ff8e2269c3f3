"""Sagas end all or nothing, whatever crashes, comes twice, late or never; and each planted defect of theirs shows."""

import pytest

from PhantomLibrary.zoo import saga_defects
from tests.unit.protocols.saga_harness import Chaos


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_sagas_are_all_or_nothing_under_chaos(first):
    for seed in range(first, first + 100):
        Chaos(seed).run()


_DEFECTS = {
    "late action": {"fences": saga_defects.LetsLateActionsIn},
    "undone though never done": {"fences": saga_defects.UndoesWhatWasNeverDone},
    "undone twice": {"fences": saga_defects.UndoesAgain},
    "failed step spared": {"orchestrator": saga_defects.SparesTheStepThatFailed},
    "first undone first": {"orchestrator": saga_defects.UndoesTheFirstFirst},
    "progress in memory": {"orchestrator": saga_defects.WritesDownTheEndOnly},
}


@pytest.mark.parametrize("defect", _DEFECTS)
def test_chaos_shows_each_planted_defect(defect):
    with pytest.raises(AssertionError):
        for seed in range(300):
            Chaos(seed, **_DEFECTS[defect]).run()
