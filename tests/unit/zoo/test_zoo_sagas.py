"""Each planted defect of sagas is given away by what it leaves behind, and the same stories without it are clean."""

from pathlib import Path

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.saga_file import read_saga
from PhantomLibrary.testbed.saga_judge import judge_sagas, open_sagas
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.zoo.defects import DEFECTS, plant

SAGAS = Path(__file__).resolve().parents[3] / "resources" / "sagas"


class Agency:
    """A cluster whose orchestrator leads no other shard, and has something to book."""

    def __init__(self, defect, *, seed=1, cars=2):
        defects = (defect,) if defect else ()
        self.run = Run(RunSpec(seed=seed, shards=2, defects=defects), parts=plant(defects))
        run = self.run
        assert self.go_ms(5000, lambda: all(run.leader(shard) for shard in run.shard_ids))
        for shard in (1, 2):
            if run.leader(shard) == run.leader(0):
                self.give("transfer leadership", "follower of shard 0", shard=shard)
                assert self.go_ms(2000, lambda led=shard: run.leader(led) not in ("", run.leader(0)))
        for key, left in (("flight", 2), ("room", 2), ("car", cars)):
            task = self.give("put value", key=f"{key}.left", value=str(left))
            assert self.go_ms(2000, lambda put=task: put.is_done)

    def give(self, verb, target="", **arguments):
        return self.run.perform(Command(verb, self.run.now_ns, self.run.now_ns, target, None, None, arguments))

    def go_ms(self, milliseconds, condition=None):
        return self.run.advance(self.run.now_ns + milliseconds * 1_000_000, condition)

    def start(self, saga="travel-booking"):
        path = SAGAS / f"{saga}.yaml"
        return self.give("start saga", definition=read_saga(str(path) if path.exists() else saga)).name

    def code(self):
        """Let all sagas end, and return the code of what is wrong with them, "" if nothing is."""
        self.give("heal faults")
        self.run.advance(self.run.now_ns + 30 * SECOND_NS, lambda: not open_sagas(self.run))
        self.go_ms(2000)
        return judge_sagas(self.run).code


def _cancelled_early(agency):
    """The first action is lost, and is sent again when the saga has been undone."""
    agency.give("drop messages", kind="shard request", source="leader of shard 0")
    name = agency.start()
    agency.go_ms(60)
    agency.give("heal faults")
    agency.give("cancel saga", saga=name)


def _without_a_car(agency):
    agency.start()


def _lost_answers(agency):
    agency.give("drop messages", kind="shard reply", source="leader of shard 1", probability_ppm=600_000)
    agency.start()
    agency.go_ms(6000)


def _silent_shard(agency):
    """Its answers are lost, so nobody knows that the flight was taken."""
    agency.give("drop messages", kind="shard reply", source="leader of shard 1")
    agency.start("hasty-trip")
    agency.go_ms(3000)


def _cancelled_on_the_way(agency):
    name = agency.start()
    agency.go_ms(15)
    agency.give("cancel saga", saga=name)


def _unpayable_debt(agency):
    agency.start("loan")
    agency.go_ms(5000)


_STORIES = {
    "late-action-after-compensation": (_cancelled_early, {}, ""),
    "compensation-of-nothing": (_without_a_car, {"cars": 0}, ""),
    "double-compensation": (_lost_answers, {"cars": 0}, ""),
    "failed-step-not-compensated": (_silent_shard, {}, ""),
    "compensation-out-of-order": (_without_a_car, {"cars": 0}, ""),
    "saga-progress-in-memory": (_cancelled_on_the_way, {}, ""),
    "compensation-error-swallowed": (_unpayable_debt, {}, "SGA-007"),  # It says itself that something is left.
}
SCENARIOS = tuple(_STORIES)


@pytest.mark.parametrize("defect", _STORIES)
def test_a_planted_defect_of_sagas_is_caught_and_the_clean_run_is_not(defect):
    story, fields, clean = _STORIES[defect]
    codes = []
    for seed in range(4):
        agency = Agency(defect, seed=seed, **fields)
        story(agency)
        codes.append(agency.code())
        if codes[-1] in DEFECTS[defect].codes:
            break
    else:
        pytest.fail(f"not caught: {codes}")
    without = Agency("", seed=seed, **fields)
    story(without)
    assert without.code() == clean
