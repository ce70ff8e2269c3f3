"""What a gateway does about sessions, and what it and its nodes remember."""

from msgspec.structs import replace

from PhantomLibrary.database.attempts import Attempts
from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.directory import decode_directory, encode_directory
from PhantomLibrary.database.gateway import Gateway
from PhantomLibrary.database.messages import (
    Done,
    NotLeader,
    SessionExpired,
    ShardRequest,
    StaleRoute,
)
from PhantomLibrary.domain import MILLISECOND_NS, Get, OutcomeUnknown, Put, Refused

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


def test_one_map_serves_all_who_wait_for_it(bench, shard_map):
    for process in range(5):
        bench.ask(Get("k1"), process=process)
    bench.reply(bench.attempt(), Done(shard_map))

    assert len(bench.attempts()) == 5


def stale(bench, **changes):
    """Return the answer of a shard that has come to another epoch."""
    return StaleRoute(replace(bench.gateway.routes.find(1), epoch=9, **changes))


def test_a_shard_with_other_replicas_is_tried_again_at_once_in_the_same_session(bench):
    bench.with_session().ask(Put("k1", "v"))
    first = bench.attempt()
    bench.reply(first, stale(bench, voters=("n3", "n4", "n5")))

    second = bench.attempt()
    assert (second.operation, second.epoch) == (Put("k1", "v"), 9)
    assert (second.session, second.sequence) == (first.session, first.sequence)
    assert bench.gateway.epochs[1] == 9


def test_a_shard_with_other_keys_is_looked_up_anew(bench, shard_map):
    bench.with_session().ask(Put("k1", "v"))
    bench.reply(bench.attempt(), stale(bench, end="k1"))
    fetch = bench.attempt()
    assert fetch.operation == Get("directory")
    bench.reply(fetch, Done(shard_map))  # It does not know yet who has the other keys.
    assert not bench.attempts()

    bench.pass_ms(25)
    directory = decode_directory(shard_map)
    shards = (*directory.shards, ShardDescriptor(2, "k1", "", 9, ("n2",)))
    bench.reply(bench.attempt(), Done(encode_directory(replace(directory, shards=shards)).decode()))
    assert (bench.attempt().shard, bench.answers()) == (2, [])


def test_a_command_goes_along_with_its_key_in_the_session_that_goes_along_too(bench):
    bench.with_session().ask(Put("k1", "v"))
    first = bench.attempt()
    bench.pass_ms(300)
    right = ShardDescriptor(7, "k1", "", 9, ("n2",))
    bench.reply(bench.attempt(), replace(stale(bench, end="k1"), heir=right))

    second = bench.attempt()
    assert (second.shard, second.epoch) == (7, 9)
    assert (second.session, second.sequence) == (first.session, first.sequence)


def test_what_was_refused_in_the_log_never_happened_even_if_an_earlier_attempt_was_not_answered(bench):
    bench.with_session().ask(Put("k1", "v"))
    bench.attempt()
    bench.pass_ms(300)
    bench.reply(bench.attempt(), replace(stale(bench, end="k1"), heir=ShardDescriptor(7, "k1", "", 9, ("n2",))))
    bench.reply(bench.attempt(), SessionExpired())  # It was opened after the split: shard 7 has not heard of it.

    assert bench.attempt().operation is None  # So it is tried again in another one.


def test_a_node_without_a_replica_makes_the_gateway_ask_another_and_look_the_shard_up(bench):
    bench.with_session().ask(Put("k1", "v"))
    first = bench.attempt()
    bench.reply(first, StaleRoute())
    fetch = bench.attempt()
    assert fetch.operation == Get("directory")
    bench.pass_ms(25)

    second = bench.attempt()
    assert second.operation == Put("k1", "v") and second.sequence == first.sequence


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
    assert not gateway._sessions.is_waiting
    assert not gateway._map.is_waited_for


def test_sessions_of_processes_long_gone_are_forgotten(bench):
    bench.with_map()
    for process in range(5_000):
        bench.ask(Put("k1", "v"), process=process)
        bench.reply(bench.attempt(), Done(str(process + 1)))
        bench.reply(bench.attempt(), Done(None))
        bench.env.sent.clear()

    assert len(bench.gateway._sessions) <= 4096


def test_call_numbers_never_come_again_after_a_crash(make_bench):
    numbers = set()
    for incarnation in (1, 2, 3):
        bench = make_bench()
        bench.env.incarnation = incarnation
        bench.gateway = Gateway(bench)
        for process in range(10):
            bench.ask(Get("k1"), process=process)
        numbers.update(bench.gateway._calls)

    assert len(numbers) == 33  # Ten calls and one for the map, each time.


def test_an_attempt_at_the_gateways_own_node_takes_no_message(make_bench):
    bench = make_bench("n1")
    bench.ask(Get("k1"))

    assert bench.env.sent == []
    assert [each.operation for each in bench.local] == [Get("directory")]


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
