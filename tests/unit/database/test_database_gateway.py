"""What a gateway answers, and when: the truth about what may have happened."""

import pytest

from PhantomLibrary.database.messages import (
    Done,
    NotLeader,
    SessionExpired,
    StaleRoute,
)
from PhantomLibrary.domain import MILLISECOND_NS, Get, Ok, OutcomeUnknown, Put, Refused


def test_the_first_operation_fetches_the_map_then_opens_a_session_then_goes_out(bench, shard_map):
    bench.ask(Put("k1", "v"))
    fetch = bench.attempt()
    assert (fetch.shard, fetch.operation) == (0, Get("directory"))

    bench.reply(fetch, Done(shard_map))
    opening = bench.attempt()
    assert (opening.shard, opening.operation, opening.session) == (1, None, 0)

    bench.reply(opening, Done("12"))
    attempt = bench.attempt()
    assert (attempt.shard, attempt.session, attempt.sequence, attempt.operation) == (1, 12, 1, Put("k1", "v"))

    bench.reply(attempt, Done(None))
    assert bench.answers() == [Ok(None)]


def test_a_read_needs_no_session(bench):
    bench.with_map().ask(Get("k1"))

    assert (bench.attempt().operation, bench.answers()) == (Get("k1"), [])


def test_every_attempt_of_an_operation_has_the_same_session_and_sequence(bench):
    bench.with_session().ask(Put("k1", "v"))
    first = bench.attempt()
    bench.pass_ms(300)
    second = bench.attempt()
    bench.reply(second, NotLeader("n2", may_happen=False))
    bench.pass_ms(20)
    third = bench.attempt()

    assert {(each.session, each.sequence) for each in (first, second, third)} == {(7, 2)}
    assert first.attempt < second.attempt < third.attempt


def test_each_operation_of_a_session_has_a_sequence_of_its_own(bench):
    bench.with_session()
    sequences = []
    for _ in range(3):
        bench.ask(Put("k1", "v"))
        attempt = bench.attempt()
        sequences.append(attempt.sequence)
        bench.reply(attempt, Done(None))

    assert sequences == [2, 3, 4]


def test_a_write_that_only_met_nodes_that_do_not_lead_is_refused_at_its_end(bench):
    bench.with_session().ask(Put("k1", "v"))
    while not bench.answers():
        for attempt in bench.attempts():
            bench.reply(attempt, NotLeader("", may_happen=False))
        bench.pass_ms(10)

    (answer,) = bench.answers()
    assert isinstance(answer, Refused)
    assert 1_990 <= bench.env.now_ns / MILLISECOND_NS <= 2_100


@pytest.mark.parametrize("lost", ["timed out", "taken up"])
def test_a_write_with_one_attempt_of_unknown_fate_is_unknown_at_its_end(bench, lost):
    bench.with_session().ask(Put("k1", "v"))
    first = bench.attempt()
    if lost == "timed out":
        bench.pass_ms(300)
    else:
        bench.reply(first, NotLeader("n2", may_happen=True))
    while not bench.answers():
        for attempt in bench.attempts():
            bench.reply(attempt, NotLeader("", may_happen=False))
        bench.pass_ms(10)

    assert isinstance(bench.answers()[0], OutcomeUnknown)


def test_a_read_that_failed_is_refused_whatever_became_of_its_attempts(bench):
    bench.with_map().ask(Get("k1"))
    bench.pass_ms(2_000)

    assert isinstance(bench.answers()[0], Refused)


def test_no_attempt_leaves_after_the_end_of_an_operation(bench):
    bench.with_session().ask(Put("k1", "v"))
    bench.pass_ms(2_000)
    assert bench.answers()
    bench.attempts()
    bench.pass_ms(5_000)

    assert bench.attempts() == []


def test_a_refusal_speaks_of_its_own_attempt_only(bench):
    bench.with_session().ask(Put("k1", "v"))
    first = bench.attempt()
    bench.pass_ms(300)
    bench.attempt()
    bench.reply(first, NotLeader("n2", may_happen=False))  # Late: the present attempt waits on.
    bench.pass_ms(25)

    assert bench.attempts() == []


def test_a_doubled_refusal_counts_once(bench):
    bench.with_session().ask(Put("k1", "v"))
    first = bench.attempt()
    bench.reply(first, NotLeader("", may_happen=False))
    bench.reply(first, NotLeader("", may_happen=False))
    bench.pass_ms(25)

    assert len(bench.attempts()) == 1


def test_a_late_success_of_an_earlier_attempt_is_success(bench):
    bench.with_session().ask(Put("k1", "v"))
    first = bench.attempt()
    bench.pass_ms(300)
    second = bench.attempt()
    bench.reply(first, Done(None))
    bench.reply(second, Done(None))

    assert bench.answers() == [Ok(None)]


def test_an_answer_to_a_call_that_has_ended_changes_nothing(bench):
    bench.with_session().ask(Put("k1", "v"))
    attempt = bench.attempt()
    bench.reply(attempt, Done(None))
    for outcome in (Done("x"), NotLeader("", may_happen=True), StaleRoute(), SessionExpired()):
        bench.reply(attempt, outcome)

    assert bench.answers() == [Ok(None)]
    assert bench.attempts() == []


@pytest.mark.parametrize("turn", [0, 1])
def test_a_hint_at_the_leader_is_followed_whose_turn_ever_it_is(bench, turn):
    bench.with_map().ask(Get("k1"))
    asked = bench.env.sent[-1][0]
    other = [node for node in ("n1", "n2", "n3") if node != asked][turn]
    bench.reply(bench.attempt(), NotLeader(other, may_happen=False))
    bench.pass_ms(20)

    assert bench.env.sent[-1][0] == other


def test_without_a_hint_the_members_are_asked_in_turn(bench):
    bench.with_map().ask(Get("k1"))
    asked = []
    for _ in range(6):
        asked.append(bench.env.sent[-1][0])
        bench.reply(bench.attempt(), NotLeader("", may_happen=False))
        bench.pass_ms(20)

    assert set(asked[:3]) == set(asked[3:]) == {"n1", "n2", "n3"}
