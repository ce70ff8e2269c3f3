"""Each planted defect of splits and merges is seen in a short story; the same run without it is as it should be."""

import pytest

from PhantomLibrary.domain import SECOND_NS, Ok
from PhantomLibrary.testbed import reshaping
from PhantomLibrary.testbed.judge import judge_agreement, judge_history, judge_invariants
from PhantomLibrary.testbed.ownership_judge import judge_ownership
from PhantomLibrary.zoo.defects import plant
from PhantomLibrary.zoo.reshape_catalogue import RESHAPE_DEFECTS
from tests.unit.testbed.conftest import Driver
from tests.unit.testbed.two_accounts import Bank


def _started(defect, **fields):
    return Driver(parts=plant([defect] if defect else []), **fields).elect()


def _done(it, verb, **arguments):
    wish = it.give(verb, **arguments)
    assert it.go(10, lambda: reshaping.ended(it.run, wish) is not None)
    new = reshaping.new_shard(reshaping.ended(it.run, wish))
    assert not new or it.go(3, lambda: new in it.run.shard_ids)
    return new


def _code(it):
    """Let all come to rest, and return the code of the first judge who objects, "" if none does."""
    it.give("heal faults")
    it.stop_load()
    it.go(3)
    violation = judge_invariants(it.run)
    if violation is not None:
        return violation.code
    judges = (judge_history(it.run, "linearizable"), judge_ownership(it.run), judge_agreement(it.run))
    return next((each.code for each in judges if each.outcome != "valid"), "")


def _lost_lock(defect):
    """A lock dies with the split; another transaction takes it, and commits: the first one must not."""
    bank = Bank(_started_at, defect=defect, shards=1)
    bank.begin("first", "read committed")
    bank.write("first", "k6", "1")
    _done(bank.it, "split shard", shard=1, key="k5")
    bank.begin("second", "read committed")
    bank.write("second", "k6", "2")
    assert bank.commit("second") == "done"
    return "OPR-001" if bank.commit("first") == "done" else ""


def _started_at(defect="", **fields):
    return Driver(parts=plant([defect] if defect else []), **fields)


def _divided(defect):
    """A transaction is decided, its coordinator is gone, and a shard splits between the keys it has prepared."""
    bank = Bank(_started_at, defect=defect, nodes=5)
    gateway = next(node for node in bank.run.node_names if node not in map(bank.run.leader, (0, 1, 2)))
    bank.it.give("begin transaction", gateway, transaction="both", isolation="serializable")
    bank.wait("both")
    for key in ("k1", "k55", "k9"):
        bank.write("both", key, "2")
    bank.it.give("arm fault", event="decision sent", fault="crash node", phase="before", duration_ns=2 * SECOND_NS)
    bank.it.give("commit transaction", transaction="both")
    bank.it.go(0.3)
    _done(bank.it, "split shard", shard=2, key="k7")
    bank.it.go(5)
    return "" if [bank.it.get(key) for key in ("k1", "k55", "k9")] == [Ok("2")] * 3 else "ATM-001"


def _decided(defect):
    """A shard has decided, and takes the other one over before that has heard of it; then its leader crashes."""
    bank = Bank(_started_at, defect=defect)
    bank.begin("both")
    for key in ("k1", "k9"):
        bank.write("both", key, "2")
    bank.it.give("delay messages", kind="resolve", delay_ns=20 * SECOND_NS)
    assert bank.commit("both") == "done"
    _done(bank.it, "merge shards", left=1, right=2)
    bank.it.give("crash node", "leader of shard 1")
    bank.it.go(3)
    return "" if bank.it.get("k9") == Ok("2") else "OPR-001"


def _lost_answers(defect):
    """Answers are lost until a split is done, so that clients ask the new half for what the old one did."""
    it = _started(defect, shards=1).load("append", rate=200_000, clients=40, keys=20)
    it.go(1)
    it.give("drop messages", duration_s=0.4, kind="shard reply", probability_ppm=1_000_000)
    it.go(0.25)
    _done(it, "split shard", shard=1, key="middle")
    it.go(1)
    return _code(it)


def _busy_merges(defect):
    """Clients write while a shard splits and is merged again, to and fro."""
    it = _started(defect, shards=1).load("append", rate=400_000, clients=12, keys=12)
    it.go(0.3)
    for _ in range(4):
        new = _done(it, "split shard", shard=1, key="middle")
        it.go(0.3)
        _done(it, "merge shards", left=1, right=new)
        it.go(0.3)
    return _code(it)


def _hasty_merge(defect):
    """The clock of the right shard's leader is ahead by far."""
    it = _started(defect, nodes=6, shards=4)
    it.give("skew clock", "leader of shard 2", offset_ns=20 * SECOND_NS)
    it.load("append", rate=200_000, clients=6)
    it.go(1)
    _done(it, "merge shards", left=1, right=2)
    it.go(1)
    return _code(it)


def _applied_again(defect):
    """All nodes lose power when both halves have been written to, and apply the split again."""
    it = _started(defect, shards=1).load("append", rate=200_000, clients=6)
    it.go(0.5)
    _done(it, "split shard", shard=1, key="middle")
    it.go(1)
    it.give("crash node", "all", duration_s=0.5)
    it.go(3)
    return _code(it)


STORIES = {
    "in-memory-locks-lost-on-split": _lost_lock,
    "prepared-parts-stay-behind": _divided,
    "own-decision-left-open-in-merge": _decided,
    "session-table-not-divided": _lost_answers,
    "source-serves-during-merge": _busy_merges,
    "times-left-behind-in-merge": _hasty_merge,
    "split-begins-twice": _applied_again,
}


def test_each_has_a_story():
    assert set(STORIES) == set(RESHAPE_DEFECTS)


@pytest.mark.parametrize("name", STORIES)
def test_a_defect_of_splits_and_merges_is_seen(name):
    assert STORIES[name]("") == ""
    assert STORIES[name](name) in RESHAPE_DEFECTS[name].codes
