"""The gateway alone: a fake node whose clock and network the test holds in its hands."""

import msgspec
import pytest

from PhantomLibrary.database.config import DatabaseConfig, make_layout
from PhantomLibrary.database.gateway import Attempts, Gateway
from PhantomLibrary.database.messages import (
    ClientReply,
    ClientRequest,
    Done,
    NotLeader,
    SessionExpired,
    ShardReply,
    ShardRequest,
    StaleRoute,
)
from PhantomLibrary.domain import MILLISECOND_NS, Get, Ok, OutcomeUnknown, Put, Refused

CONFIG = DatabaseConfig()
LAYOUT = make_layout(["n1", "n2", "n3"], shards=1, replicas=3, config=CONFIG)
SHARD_MAP = msgspec.json.encode(LAYOUT.shards).decode()


class FakeEnv:
    def __init__(self, node, incarnation=1):
        self.node = node
        self.incarnation = incarnation
        self.now_ns = 0
        self.due_ns = None
        self.sent = []

    def monotonic_ns(self):
        return self.now_ns

    def send(self, to, message):
        self.sent.append((to, message))

    def set_deadline(self, name, at_ns):
        assert name == "gateway"
        self.due_ns = at_ns


class Bench:
    """A gateway on n4, which holds no shard, so that all its attempts go over the network."""

    layout = LAYOUT

    def __init__(self, node="n4"):
        self.env = FakeEnv(node)
        self.local = []
        self.gateway = Gateway(self)

    def request(self, request):
        self.local.append(request)

    def ask(self, operation, process=1, request=1):
        self.gateway.request("client", ClientRequest(process, request, operation))

    def attempts(self):
        """Take what was sent to shards since the last look."""
        found = [message for _, message in self.env.sent if type(message) is ShardRequest]
        self.env.sent = [each for each in self.env.sent if type(each[1]) is not ShardRequest]
        return found

    def attempt(self):
        (found,) = self.attempts()
        return found

    def answers(self):
        return [message.answer for _, message in self.env.sent if type(message) is ClientReply]

    def reply(self, attempt, outcome):
        self.gateway.shard_reply(ShardReply(attempt.shard, attempt.call, attempt.attempt, outcome))

    def pass_ms(self, milliseconds):
        """Let time pass, and fire the deadline whenever it is due."""
        end_ns = self.env.now_ns + milliseconds * MILLISECOND_NS
        while self.env.due_ns is not None and self.env.due_ns <= end_ns:
            self.env.now_ns, self.env.due_ns = max(self.env.due_ns, self.env.now_ns), None
            self.gateway.fire()
        self.env.now_ns = end_ns

    def with_map(self):
        self.ask(Get("k1"), process=99)
        self.reply(self.attempt(), Done(SHARD_MAP))
        self.reply(self.attempt(), Done(None))
        self.env.sent.clear()
        return self

    def with_session(self, number=7):
        """Process 1 has written once before."""
        self.with_map()
        self.ask(Put("k1", "first"))
        self.reply(self.attempt(), Done(str(number)))
        self.reply(self.attempt(), Done(None))
        self.env.sent.clear()
        return self


@pytest.fixture
def bench():
    return Bench()


def test_the_first_operation_fetches_the_map_then_opens_a_session_then_goes_out(bench):
    bench.ask(Put("k1", "v"))
    fetch = bench.attempt()
    assert (fetch.shard, fetch.operation) == (0, Get("shards"))

    bench.reply(fetch, Done(SHARD_MAP))
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


def test_a_hint_at_the_leader_is_followed(bench):
    bench.with_map().ask(Get("k1"))
    asked = bench.env.sent[-1][0]
    other = next(node for node in ("n1", "n2", "n3") if node != asked)
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


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_first_attempt_in_an_evicted_session_goes_on_in_a_new_one(bench):
    bench.with_session().ask(Put("k1", "v"))
    bench.reply(bench.attempt(), SessionExpired())
    opening = bench.attempt()
    assert opening.operation is None
    bench.reply(opening, Done("20"))

    again = bench.attempt()
    assert (again.session, again.sequence, again.operation) == (20, 1, Put("k1", "v"))


def test_a_retry_in_an_evicted_session_is_unknown_and_tried_no_more(bench):
    bench.with_session().ask(Put("k1", "v"))
    bench.attempt()
    bench.pass_ms(300)
    bench.reply(bench.attempt(), SessionExpired())

    assert isinstance(bench.answers()[0], OutcomeUnknown)
    bench.pass_ms(5_000)
    assert bench.attempts() == []


def test_the_operation_after_an_eviction_has_a_new_session(bench):
    bench.with_session().ask(Put("k1", "v"))
    bench.attempt()
    bench.pass_ms(300)
    bench.reply(bench.attempt(), SessionExpired())
    bench.ask(Put("k1", "w"))

    assert bench.attempt().operation is None


def test_while_a_new_session_is_opened_the_old_attempt_is_not_repeated(bench):
    bench.with_session().ask(Put("k1", "v"))
    bench.reply(bench.attempt(), SessionExpired())
    bench.attempt()  # The opening, whose answer is slow.
    bench.pass_ms(299)

    assert bench.attempts() == []
    bench.pass_ms(2)
    assert [each.operation for each in bench.attempts()] == [None]


def test_a_write_whose_session_could_not_be_opened_is_refused(bench):
    bench.with_map().ask(Put("k1", "v"))
    bench.pass_ms(2_000)

    assert isinstance(bench.answers()[0], Refused)
    assert all(each.operation is None for each in bench.attempts())


def test_a_session_that_comes_too_late_brings_no_attempt(bench):
    bench.with_session().ask(Put("k1", "v"))
    expired = bench.attempt()
    bench.pass_ms(250)
    bench.reply(expired, SessionExpired())
    opening = bench.attempt()
    for _ in range(100):
        bench.reply(opening, NotLeader("", may_happen=False))
        bench.pass_ms(20)
        found = bench.attempts()
        opening = found[-1] if found else opening
        if bench.env.now_ns >= 2_100 * MILLISECOND_NS:
            break
    bench.reply(opening, Done("30"))

    assert isinstance(bench.answers()[0], Refused)
    assert bench.attempts() == []


def test_an_operation_is_refused_when_no_map_could_be_fetched(bench):
    bench.ask(Put("k1", "v"))
    bench.ask(Get("k2"), process=2)
    bench.pass_ms(2_100)

    assert [type(each) for each in bench.answers()] == [Refused, Refused]


def test_one_map_serves_all_who_wait_for_it(bench):
    for process in range(5):
        bench.ask(Get("k1"), process=process)
    bench.reply(bench.attempt(), Done(SHARD_MAP))

    assert len(bench.attempts()) == 5


def test_a_stale_route_is_looked_up_anew(bench):
    bench.with_session().ask(Put("k1", "v"))
    bench.reply(bench.attempt(), StaleRoute())
    fetch = bench.attempt()
    assert fetch.operation == Get("shards")
    bench.reply(fetch, Done(SHARD_MAP))

    assert bench.attempt().operation == Put("k1", "v")


def test_a_stale_route_after_an_attempt_of_unknown_fate_is_unknown(bench):
    bench.with_session().ask(Put("k1", "v"))
    bench.attempt()
    bench.pass_ms(300)
    bench.reply(bench.attempt(), StaleRoute())

    assert isinstance(bench.answers()[0], OutcomeUnknown)


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_an_idle_gateway_keeps_neither_calls_nor_timers(bench):
    bench.with_map()
    for process in range(500):
        bench.ask(Put("k1", "v"), process=process)
        bench.reply(bench.attempt(), Done(str(process + 1)))
        bench.reply(bench.attempt(), Done(None))
        bench.pass_ms(1)
    bench.pass_ms(5_000)

    gateway = bench.gateway
    assert not gateway._calls
    assert not gateway._timers
    assert not gateway._waiting_for_session
    assert not gateway._waiting_for_map


def test_sessions_of_processes_long_gone_are_forgotten(bench):
    bench.with_map()
    for process in range(5_000):
        bench.ask(Put("k1", "v"), process=process)
        bench.reply(bench.attempt(), Done(str(process + 1)))
        bench.reply(bench.attempt(), Done(None))
        bench.env.sent.clear()

    assert len(bench.gateway._sessions) <= 4096


def test_call_numbers_never_come_again_after_a_crash():
    numbers = set()
    for incarnation in (1, 2, 3):
        bench = Bench()
        bench.env.incarnation = incarnation
        bench.gateway = Gateway(bench)
        for process in range(10):
            bench.ask(Get("k1"), process=process)
        numbers.update(bench.gateway._calls)

    assert len(numbers) == 33  # Ten calls and one for the map, each time.


def test_an_attempt_at_the_gateways_own_node_takes_no_message():
    bench = Bench("n1")
    bench.ask(Get("k1"))

    assert bench.env.sent == []
    assert [each.operation for each in bench.local] == [Get("shards")]


# --- attempts that a node has seen ------------------------------------------------------------------------------------


def attempt(gateway, call, number, oldest_call=1):
    return ShardRequest(1, gateway, call, number, oldest_call, 1, 0, 0, None)


def test_a_second_copy_of_an_attempt_is_not_new():
    attempts = Attempts()

    assert attempts.is_new(attempt("n1", 5, 1))
    assert not attempts.is_new(attempt("n1", 5, 1))
    assert attempts.is_new(attempt("n1", 5, 2))
    assert not attempts.is_new(attempt("n1", 5, 1))
    assert attempts.is_new(attempt("n2", 5, 1))
    assert attempts.is_new(attempt("n1", 4, 1))


def test_an_attempt_of_a_call_that_has_ended_is_not_new():
    attempts = Attempts()
    assert attempts.is_new(attempt("n1", 7, 1, oldest_call=6))

    assert not attempts.is_new(attempt("n1", 5, 1, oldest_call=3))
    assert attempts.is_new(attempt("n1", 6, 1, oldest_call=3))
    assert attempts.is_new(attempt("n2", 5, 1))


def test_only_attempts_of_calls_under_way_are_remembered():
    attempts = Attempts()
    for call in range(10, 5_000):
        assert attempts.is_new(attempt("n1", call, 1, oldest_call=call - 9))

    assert len(attempts._latest["n1"]) == 10
    assert not any(attempts.is_new(attempt("n1", call, 1)) for call in range(1, 5_000))


def test_each_attempt_names_the_oldest_call_that_is_under_way(bench):
    bench.with_map()
    bench.ask(Get("k1"), process=1)
    first = bench.attempt()
    bench.ask(Get("k2"), process=2)
    second = bench.attempt()
    bench.reply(first, Done(None))
    bench.ask(Get("k3"), process=3)
    third = bench.attempt()

    assert [each.oldest_call for each in (first, second, third)] == [first.call, first.call, second.call]
