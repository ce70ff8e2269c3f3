"""Schedules that once raised an alarm, done again: none may raise one any more.

They are replayed loosely, because a change of the system may let a run go another way; each file says what it is about.
"""

from pathlib import Path

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.health import judge_health
from PhantomLibrary.testbed.judge import Recovery, judge_agreement, judge_history, judge_invariants, replicas_agree
from PhantomLibrary.testbed.replay import replay_loosely
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import read_schedule
from PhantomLibrary.zoo.defects import plant

FILES = sorted(Path(__file__).with_name("regressions").glob("*.yaml"))


def test_there_are_schedules_to_do_again():
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_schedule_that_raised_an_alarm_raises_none(file):
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# "), "say what it is about"
    schedule = read_schedule(text, str(file))
    run = Run(schedule.run, parts=plant(schedule.run.defects))
    assert replay_loosely(run, schedule) < len(schedule.commands) / 2
    run.faults.heal_all()

    assert run.advance(run.now_ns + 20 * SECOND_NS, Recovery(run))
    run.advance(run.now_ns + 10 * SECOND_NS, replicas_agree(run))
    assert judge_invariants(run) is None
    assert judge_history(run, "linearizable").outcome == "valid"
    assert judge_agreement(run).outcome == "valid"
    # As in the runs of random faults, where lost messages give reason for false suspicions.
    assert judge_health(run, within_ns=12 * SECOND_NS, false_suspicions=1_000_000).headline.startswith("valid")
