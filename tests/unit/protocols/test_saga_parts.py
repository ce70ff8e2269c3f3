"""The parts of sagas alone: what a definition must be, and what fences remember and forget."""

import msgspec
import pytest

from PhantomLibrary.domain import Act, Append, Change, Increment, Put
from PhantomLibrary.domain.sagas import Definition, Step, decode_definition, encode_definition
from PhantomLibrary.protocols.saga.definition import find_cycle, why_no_saga
from PhantomLibrary.protocols.saga.fences import Fences
from PhantomLibrary.protocols.saga.progress import Move, advanced, steps_to_compensate
from PhantomLibrary.protocols.saga.table import SagaTable
from tests.unit.protocols.saga_harness import Bench, Shard, in_sequence, take


def _with(step, **fields):
    return msgspec.structs.replace(step, **fields)


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        (Definition("", (take("a"),)), "a saga needs a name"),
        (Definition("trip", ()), "saga 'trip' has 0 steps: give it 1 to 64"),
        (Definition("trip", (take("a"), take("a"))), "saga 'trip' has two steps 'a': give each a name of its own"),
        (
            Definition("trip", (_with(take("a"), compensation=None),)),
            "step 'a' has no compensation: say how its action is undone, or that it needs none (compensation: none)",
        ),
        (
            Definition("trip", (_with(take("a"), compensation=Change(Put("b", "1"))),)),
            "step 'a' changes key 'a', its compensation 'b': a compensation undoes the same key",
        ),
        (
            Definition("trip", (take("a", after=(2,)), take("b", after=(0,)), take("c", after=(1,)))),
            "its steps wait for each other: a after c after b after a",
        ),
        (Definition("trip", (take("a", after=(0,)),)), "its steps wait for each other: a after a"),
        (Definition("trip", (take("a", after=(4,)),)), "saga 'trip': a step comes after one that there is not"),
        (Definition("trip", (take("a", retries=-1),)), "step 'a': retries must be 0 or more"),
        (Definition("trip", (take("a", timeout_ns=0),)), "step 'a': back-off and timeout must be longer than nothing"),
        (
            Definition("trip", (Step("a", Change(Put("a", "1"), at_least=1), None, uncompensated="none"),)),
            "step 'a': only an increment can ask for a number of at least 1",
        ),
        (
            Definition("trip", (Step("a", Change(Append("a", "x y")), None, uncompensated="none"),)),
            "step 'a': 'x y' is no element: write one word",
        ),
    ],
)
def test_what_is_no_saga_is_refused_with_a_reason(definition, reason):
    assert why_no_saga(definition) == reason


def test_definition_survives_its_encoding():
    definition = in_sequence(take("a"), Step("b", Change(Append("b", "x")), None, uncompensated="none"))
    assert why_no_saga(definition) == ""
    assert decode_definition(encode_definition(definition)) == definition


def test_diamond_is_no_cycle():
    assert find_cycle([(), (0,), (0,), (1, 2)]) == ()


def test_cycle_behind_other_steps_is_found():
    assert find_cycle([(), (0, 3), (1,), (2,)]) == (1, 3, 2, 1)
    assert find_cycle([(1,), (2,), (1,)]) == (1, 2, 1)


def _act(phase, *, saga=1, step=0, key="seats", amount=-1):
    return Act(key, saga, step, phase, Change(Increment(key, amount if phase == "action" else -amount), at_least=0))


@pytest.fixture
def shard():
    return Shard(seats=1)


def test_action_is_done_once_and_its_answer_remembered(shard):
    assert [shard.act(_act("action")) for _ in range(3)] == ["", "", ""]
    assert shard.values == {"seats": 0}


def test_rejection_is_remembered_too(shard):
    shard.act(_act("action"))
    assert shard.act(_act("action", saga=2)) == "seats would be -1"
    shard.values["seats"] = 5
    assert shard.act(_act("action", saga=2)) == "seats would be -1"


def test_compensation_without_action_leaves_a_fence_and_no_effect(shard):
    assert shard.act(_act("compensation")) == ""
    assert "too late" in shard.act(_act("action"))
    assert shard.values == {"seats": 1}


def test_compensation_of_a_rejected_action_does_nothing(shard):
    shard.values["seats"] = 0
    shard.act(_act("action"))
    assert shard.act(_act("compensation")) == ""
    assert shard.values == {"seats": 0}


def test_compensation_that_was_rejected_may_be_tried_again(shard):
    shard.act(_act("action", amount=3))
    shard.values["seats"] = 0
    assert shard.act(_act("compensation", amount=3)) == "seats would be -3"
    shard.values["seats"] = 4
    assert shard.act(_act("compensation", amount=3)) == ""
    assert shard.act(_act("compensation", amount=3)) == ""
    assert shard.values == {"seats": 1}


def test_what_comes_for_an_ended_saga_comes_too_late(shard):
    shard.act(_act("action", saga=3))
    shard.fences.forget(5, (2, 4))
    assert len(shard.fences) == 0
    assert "has ended" in shard.act(_act("action", saga=1))
    assert "has ended" in shard.act(_act("compensation", saga=3))
    assert shard.act(_act("action", saga=6, amount=1)) == ""
    assert shard.act(_act("action", saga=4, amount=1)) == ""


def test_old_news_of_ended_sagas_takes_nothing_back():
    fences = Fences()
    fences.forget(10, (8,))
    fences.forget(5, (3,))
    assert [fences._is_open(saga) for saga in (3, 5, 7, 8, 10, 11)] == [False, False, False, True, False, True]
    fences.forget(12, (8, 9, 12))
    assert [fences._is_open(saga) for saga in (8, 9, 11, 12, 13)] == [True, False, False, True, True]


def test_fences_survive_a_snapshot(shard):
    shard.act(_act("action"))
    shard.act(_act("compensation", saga=2))
    shard.fences.forget(7, (1, 2))
    copy = Fences()
    copy.load(shard.fences.dump())
    assert copy.dump() == shard.fences.dump()
    assert copy.act(_act("action", saga=2), lambda _: "done anew").startswith("this step was compensated")


def test_table_survives_a_snapshot_and_keeps_few_of_the_ended(monkeypatch):
    monkeypatch.setattr("PhantomLibrary.protocols.saga.table._ENDED_MAX", 3)
    bench = Bench(seats=9)
    for number in range(6):
        bench.begin(in_sequence(take("seats")), f"trip{number}")
        bench.settle()
    bench.begin(in_sequence(take("seats")), "open")
    assert [saga.name for saga in bench.table.by_number.values()] == ["trip3", "trip4", "trip5", "open"]
    copy = SagaTable()
    copy.load(bench.table.dump())
    assert copy.dump() == bench.table.dump()
    assert (copy.last, [saga.name for saga in copy.open()]) == (7, ["open"])
    assert copy.named("trip0") is None


def test_nothing_moves_a_saga_that_has_ended():
    bench = Bench(seats=1)
    bench.begin(in_sequence(take("seats")))
    bench.settle()
    saga = bench.table.named("trip")
    assert advanced(saga, saga.revision, [Move("cancelled")]) is saga


def test_saga_is_cancelled_once():
    bench = Bench(seats=1)
    bench.begin(in_sequence(take("seats")))
    bench.commit()
    bench.cancel("trip")
    saga = bench.table.named("trip")
    assert bench.cancel("trip") == ""
    assert bench.table.named("trip") is saga


def test_table_takes_no_more_sagas_than_it_can_hold(monkeypatch):
    monkeypatch.setattr("PhantomLibrary.protocols.saga.table._OPEN_MAX", 2)
    bench = Bench(seats=9)
    assert [bench.begin(in_sequence(take("seats")), name) for name in ("a", "b")] == ["", ""]
    assert bench.begin(in_sequence(take("seats")), "c") == "2 sagas have not ended yet: wait until some have"
    bench.settle()
    assert bench.begin(in_sequence(take("seats")), "c") == ""


def test_steps_are_undone_in_reverse_order_of_completion():
    bench = Bench(a=1, b=1, c=0)
    bench.begin(Definition("trip", (take("a"), take("b"), take("c", after=(0, 1)))))
    bench.commit()
    for which in (1, 0):
        bench.deliver(which)
    bench.answer()
    bench.commit()
    bench.answer()
    bench.commit()
    assert steps_to_compensate(bench.table.named("trip")) == [2, 0, 1]


def test_a_shard_that_takes_over_another_one_knows_all_steps_of_both():
    left, right = Fences(), Fences()
    for fences in (left, right):  # They were one shard, and both remember.
        assert fences.act(_act("action", saga=5), lambda _: "") == ""
    right.act(_act("compensation", saga=5), lambda _: "")
    right.act(_act("action", saga=6), lambda _: "full")
    left.forget(3, (2,))
    right.forget(4, (2, 4))
    left.absorb(right.dump())
    assert left.act(_act("compensation", saga=5), lambda _: "done anew") == ""
    assert left.act(_act("action", saga=6), lambda _: "done anew") == "full"
    assert [left._is_open(saga) for saga in (1, 2, 3, 4, 5)] == [False, True, False, True, True]
