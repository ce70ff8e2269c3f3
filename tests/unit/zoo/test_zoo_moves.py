"""Each planted defect of moves is seen in a short story; the same run without it is as it should be."""

import pytest

from PhantomLibrary.domain import SECOND_NS, Ok
from PhantomLibrary.domain.placement import ChangePlacement, MoveWish
from PhantomLibrary.testbed.judge import judge_agreement, judge_history
from PhantomLibrary.testbed.membership_judge import missing_replica
from PhantomLibrary.testbed.moves import outcomes, progress
from PhantomLibrary.zoo.defects import plant
from tests.unit.testbed.conftest import Driver

SMALL_LOGS = {"snapshot_entries": 30, "kept_entries_max": 5, "snapshot_chunk_bytes": 400}


def _started(defect):
    it = Driver(nodes=5, shards=1, knobs=SMALL_LOGS, parts=plant([defect] if defect else [])).elect()
    return it.load(rate=100_000, keys=10)


def _deletes(it):
    """A key that was written and deleted is in the copy as it is in the shard."""
    it.put("k.gone", "1")
    it.give("begin transaction", transaction="t", isolation="serializable")
    it.go(0.1)
    it.give("delete key", transaction="t", key="k.gone")
    it.go(0.1)
    it.give("commit transaction", transaction="t")
    it.go(1)
    it.give("move shard", "n4", shard=1, source="follower of shard 1")
    it.go(3)
    it.stop_load()
    return judge_agreement(it.run).outcome == "valid"


def _old_plan(it):
    """A plan from before another move is refused by shard 0."""
    version = it.run.directory().version
    it.give("move shard", "n4", shard=1)
    it.go(2)
    source = it.run.directory().shard(1).voters[0]
    task = it.run.operator.ask(ChangePlacement("late", version, (MoveWish(1, source, "n5"),)))
    it.go(2)
    return isinstance(task.result, Ok) and task.result.value != ""


def _stale_routes(it):
    """Gateways that hear of no split still send writes where they belong."""
    it.give("drop messages", kind="announcement", source="all", target="n4, n5", probability_ppm=1_000_000)
    it.go(0.5)
    it.give("split shard", shard=1, key="middle")
    it.go(3)
    it.stop_load()
    return judge_history(it.run, "linearizable").outcome == "valid"


def _taken_back(it):
    """A move that is cancelled leaves no replica where it was to go."""
    it.give("pause node", "n4")
    it.give("move shard", "n4", shard=1, source="n3")
    it.go(0.3)
    it.give("cancel moves", shard=1)
    it.go(1)
    it.give("resume node", "n4")
    it.go(4)
    return not missing_replica(it.run)


def _early_vote(it):
    """Nobody votes who has not got everything."""
    it.go(2)
    wish = it.give("move shard", "n4", shard=1, source="follower of shard 1", throttle=200)
    size = wish.plan.moves[0].bytes
    it.go(size / 200 / 3)
    return not outcomes(it.run, wish.plan.key) and progress(it.run).percent("bytes") < 80


SCENARIOS = {
    "delta-misses-deletes": _deletes,
    "stale-plan-overwrites": _old_plan,
    "donor-serves-after-cutover": _stale_routes,
    "aborted-move-leaves-second-placement": _taken_back,
    "learner-votes-before-it-caught-up": _early_vote,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_defect_of_moves_is_seen(name):
    clean = _started("")
    assert SCENARIOS[name](clean)
    assert clean.run.now_ns > SECOND_NS
    assert not SCENARIOS[name](_started(name))
