"""The orchestrator of sagas, event by event: what it writes down before what it sends, and what it does in trouble."""

from itertools import pairwise

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, Change, Increment
from PhantomLibrary.domain.sagas import Definition, Step
from PhantomLibrary.protocols.saga.effects import Recorded
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


def test_late_failure_of_an_earlier_attempt_says_nothing_of_the_present_one(bench):
    bench.begin(in_sequence(take("flight", retries=1, timeout_ns=SECOND_NS)))
    bench.commit()
    (late,) = bench.acts
    bench.pass_ms(1_150)  # It timed out, and the pause is over.
    bench.commit()
    bench.acts.reverse()
    assert bench.acts[1] == late
    bench.unknown(1)
    bench.pass_ms(500)
    assert not bench.records  # The second attempt has half a second left.
    bench.deliver()
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
    assert saga.steps[0].undoings in (2, 3)  # One retry before it failed, and perhaps one since.
    assert "debt would be -4" in saga.reason
    bench.shard.values["debt"] = 10
    bench.settle(10)
    assert bench.states()[0] == "COMPENSATED"
    assert bench.shard.values["debt"] == 5


def _stuck(bench, *steps):
    """Bring a saga to where a compensation is out of retries, and return it."""
    bench.begin(in_sequence(*steps, _stubborn(retries=1), take("car")))
    bench.shard.values["car"] = 0
    for _ in range(400):
        if bench.table.named("trip").state == "FAILED":
            break
        if bench.records:
            bench.commit()
        elif bench.acts:
            bench.deliver()
        elif bench.answers:
            bench.answer()
        else:
            bench.pass_ms(10)
    return bench.table.named("trip")


def test_compensation_is_tried_once_more_than_it_has_retries(bench):
    assert _stuck(bench).steps[0].undoings == 2


def test_stuck_compensation_is_tried_every_five_seconds(bench):
    _stuck(bench)
    times = []
    for _ in range(2_500):
        if bench.records:
            times.append(bench.now_ns // MILLISECOND_NS)
            bench.commit()
        elif bench.acts:
            bench.deliver()
        elif bench.answers:
            bench.answer()
        else:
            bench.pass_ms(10)
    later = [b - a for a, b in pairwise(times[1:])]
    assert len(later) >= 2
    assert all(4_990 <= each <= 5_020 for each in later)


def test_saga_is_active_again_once_the_stuck_step_is_undone(bench):
    _stuck(bench, take("flight"))
    bench.shard.values["debt"] = 10
    while bench.table.named("trip").steps[1].state != "COMPENSATED":
        for kind, happen in ((bench.records, bench.commit), (bench.acts, bench.deliver), (bench.answers, bench.answer)):
            if kind:
                happen()
                break
        else:
            bench.pass_ms(100)
    assert bench.states() == ("ACTIVE", ["COMPLETED", "COMPENSATED", "COMPENSATED"])


def test_old_news_of_a_saga_changes_nothing(bench):
    bench.begin(TRIP)
    old = bench.table.named("trip")
    bench.commit()
    assert bench.orchestrator.step(Recorded(old), bench.now_ns) == []


def test_answer_that_comes_while_the_next_attempt_is_written_down_counts(bench):
    bench.begin(in_sequence(take("flight", timeout_ns=SECOND_NS)))
    bench.commit()
    bench.deliver()
    bench.pass_ms(1_150)  # It timed out, and the next attempt is on its way to the log.
    bench.answer()
    assert bench.records[0].moves[0].kind == "tried"
    bench.commit()
    assert not bench.acts
    assert bench.records[0].moves[0].kind == "done"


def test_one_record_of_a_saga_is_under_way_at_a_time():
    bench = Bench(flight=1, hotel=1)
    bench.begin(Definition("trip", (take("flight"), take("hotel"))))
    bench.commit()
    bench.deliver()
    bench.deliver()
    bench.answer()
    bench.answer()
    assert len(bench.records) == 1
    bench.commit()
    assert [[move.step for move in record.moves] for record in bench.records] == [[1]]


def test_successor_tells_shards_what_its_predecessor_had_no_time_to_tell(bench):
    bench.begin(in_sequence(take("flight")))
    bench.settle()
    bench.crash()
    bench.pass_ms(6_000)
    assert [(each.last, each.open) for each in bench.forgets] == [(1, ())]


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
