"""The orchestrator of sagas, event by event: what it writes down before what it sends, and what it does in trouble."""

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, Change, Increment
from PhantomLibrary.domain.sagas import Definition, Step
from tests.unit.protocols.saga_harness import Bench, book, in_sequence, take

TRIP = in_sequence(take("flight"), take("hotel"), take("car"))


@pytest.fixture
def bench():
    return Bench(flight=1, hotel=1, car=1)


def test_saga_completes_step_by_step(bench):
    bench.begin(TRIP)
    bench.settle()
    assert bench.states() == ("COMPLETED", ["COMPLETED"] * 3)
    assert bench.shard.values == {"flight": 0, "hotel": 0, "car": 0}


def test_nothing_is_sent_before_the_log_says_so(bench):
    bench.begin(TRIP)
    assert not bench.acts
    bench.commit()
    assert [(act.key, act.phase) for act, _ in bench.acts] == [("flight", "action")]
    bench.deliver()
    bench.answer()
    assert not bench.acts  # That the next one begins is not written down yet.
    bench.commit()
    assert [act.key for act, _ in bench.acts] == ["hotel"]


def test_rejected_step_rolls_back_in_reverse_order(bench):
    bench.shard.values["car"] = 0
    bench.begin(TRIP)
    bench.settle()
    assert bench.states() == ("COMPENSATED", ["COMPENSATED"] * 3)
    assert bench.shard.values == {"flight": 1, "hotel": 1, "car": 0}
    assert [step for _, step, phase in bench.shard.done if phase == "compensation"] == [1, 0]
    assert bench.table.named("trip").reason == "car would be -1"


def test_no_compensation_is_sent_before_the_rollback_is_written_down(bench):
    bench.shard.values["hotel"] = 0
    bench.begin(TRIP)
    bench.commit()
    bench.deliver()
    bench.answer()
    bench.commit()
    bench.deliver()
    bench.answer()
    assert not bench.acts
    assert [move.kind for move in bench.records[0].moves] == ["failed", "tried"]
    bench.commit()
    assert [(act.key, act.phase) for act, _ in bench.acts] == [("hotel", "compensation")]


def test_successor_sends_again_what_was_under_way_and_it_happens_once(bench):
    bench.begin(TRIP)
    bench.commit()
    bench.deliver()
    bench.crash()  # Before the answer.
    assert [act.key for act, _ in bench.acts] == ["flight"]
    bench.settle()
    assert bench.states()[0] == "COMPLETED"
    assert bench.shard.values["flight"] == 0


def test_late_action_after_its_compensation_is_rejected(bench):
    bench.begin(TRIP)
    bench.commit()
    late = bench.acts.pop()
    bench.cancel("trip")
    bench.settle()
    assert bench.states()[0] == "COMPENSATED"
    bench.acts.append(late)
    bench.deliver()
    assert bench.shard.values["flight"] == 1
    assert "too late" in bench.answers[-1].reason


def test_action_that_nobody_answers_is_tried_again_with_growing_pauses(bench):
    bench.begin(in_sequence(take("flight", retries=2, back_off_ns=100 * MILLISECOND_NS)))
    times = []
    for _ in range(3):
        bench.commit()
        times.append(bench.now_ns // MILLISECOND_NS)
        bench.unknown()
        bench.acts.clear()
        while not bench.records:
            bench.pass_ms(10)
    assert times == [0, 100, 300]
    assert [move.kind for move in bench.records[0].moves] == ["failed", "tried"]
    assert "in 3 attempts" in bench.records[0].moves[0].reason


def test_attempt_times_out_without_any_answer(bench):
    bench.begin(in_sequence(take("flight", retries=0, timeout_ns=SECOND_NS)))
    bench.commit()
    bench.pass_ms(990)
    assert not bench.records
    bench.pass_ms(20)
    assert bench.records[0].moves[0].kind == "failed"


def test_late_success_of_an_earlier_attempt_counts(bench):
    bench.begin(in_sequence(take("flight")))
    bench.commit()
    bench.deliver()
    bench.pass_ms(1150)  # It timed out, and the pause is over.
    bench.answer()
    bench.settle()
    assert bench.states()[0] == "COMPLETED"


def test_step_of_unknown_outcome_is_compensated_too(bench):
    bench.begin(in_sequence(take("flight", retries=0)))
    bench.commit()
    bench.deliver()
    bench.answers.clear()
    bench.pass_ms(1100)
    bench.settle()
    assert bench.states() == ("COMPENSATED", ["COMPENSATED"])
    assert bench.shard.values["flight"] == 1


def test_saga_that_takes_too_long_is_rolled_back(bench):
    bench.begin(in_sequence(take("flight", timeout_ns=60 * SECOND_NS), timeout_ns=5 * SECOND_NS))
    bench.commit()
    bench.pass_ms(5_100)
    bench.settle()
    assert bench.states()[0] == "COMPENSATED"
    assert bench.table.named("trip").reason == "its time was up"


def _stubborn(retries=1):
    """A step whose compensation is rejected as long as `debt` is not paid."""
    return Step(
        "debt",
        Change(Increment("debt", 1)),
        Change(Increment("debt", -5), at_least=0),
        compensation_retries=retries,
    )


def test_compensation_out_of_retries_makes_the_saga_failed_and_goes_on_slowly(bench):
    bench.begin(in_sequence(_stubborn(), take("car")))
    bench.shard.values["car"] = 0
    bench.settle(2)
    saga = bench.table.named("trip")
    assert saga.state == "FAILED"
    assert "debt would be -4" in saga.reason
    bench.shard.values["debt"] = 10
    bench.settle(10)
    assert bench.states()[0] == "COMPENSATED"
    assert bench.shard.values["debt"] == 5


def test_steps_without_order_run_at_once_and_the_unfinished_are_undone_first():
    bench = Bench(flight=1, hotel=1, car=0)
    bench.begin(Definition("trip", (take("flight"), take("hotel"), take("car"))))
    bench.commit()
    assert [act.key for act, _ in bench.acts] == ["flight", "hotel", "car"]
    bench.deliver(1)
    bench.answer()
    bench.commit()
    bench.deliver(1)  # The car, of which there is none; the flight is still on its way.
    bench.answer()
    undone = []
    for _ in range(3):
        bench.commit()
        undone.append(bench.acts[-1][0].key)
        bench.deliver(len(bench.acts) - 1)
        bench.answer()
    bench.commit()
    assert bench.states()[0] == "COMPENSATED"
    assert undone == ["car", "flight", "hotel"]


def test_record_that_was_lost_is_written_again_and_a_copy_of_it_does_nothing(bench):
    bench.begin(TRIP)
    lost = bench.records.pop()
    bench.pass_ms(600)
    assert bench.records == [lost]
    bench.records.append(lost)
    bench.commit()
    bench.commit()
    assert bench.table.named("trip").steps[0].attempts == 1
    assert len(bench.acts) == 1


def test_shards_are_told_which_sagas_are_open_when_one_has_ended(bench):
    bench.begin(in_sequence(take("flight")))
    bench.settle()
    bench.begin(in_sequence(take("hotel")), "second")
    bench.pass_ms(6_000)
    assert [(each.last, each.open) for each in bench.forgets] == [(2, (2,))]


def test_completed_saga_cannot_be_cancelled_and_a_cancelled_one_may_be_again(bench):
    bench.begin(in_sequence(take("flight")))
    assert bench.cancel("trip") == ""
    assert bench.cancel("trip") == ""
    bench.begin(in_sequence(take("hotel")), "second")
    bench.settle()
    assert "completed" in bench.cancel("second")
    assert "no saga 'third'" in bench.cancel("third")


def test_begin_under_a_known_name_is_the_same_saga_or_refused(bench):
    assert bench.begin(TRIP) == ""
    assert bench.begin(TRIP) == ""
    assert len(bench.table.by_number) == 1
    assert "defined otherwise" in bench.begin(in_sequence(book("flights", "trip")), "trip")
