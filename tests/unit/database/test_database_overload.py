"""Nodes that are asked for more than they can do: what is refused has not happened, and it is over when the load is."""

from __future__ import annotations

import pytest

from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.database.messages import ClientRequest, Done, Overloaded, ShardRequest
from PhantomLibrary.domain import (
    SECOND_NS,
    Begin,
    ChangeMember,
    Commit,
    Get,
    Ok,
    OutcomeUnknown,
    Put,
    Refused,
    Rollback,
    Within,
)
from PhantomLibrary.domain.operations import GetSaga
from PhantomLibrary.protocols.transactions.values import Decide, TransactionId
from PhantomLibrary.testbed.judge import judge_history
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec

# --- the gateway, alone -----------------------------------------------------------------------------------------------


def opened(bench):
    """Let a client of the bench write once, so that map and session are there."""
    return bench.with_session()


def test_an_attempt_that_was_refused_is_tried_again_later_and_later(bench):
    opened(bench)
    bench.ask(Put("k1", "a"), request=2)
    first = bench.attempt()
    bench.reply(first, Overloaded("n1 is overloaded"))
    assert not bench.attempts(), "not at once"
    bench.pass_ms(20)
    second = bench.attempt()
    assert (second.session, second.sequence) == (first.session, first.sequence)
    bench.reply(second, Overloaded("n1 is overloaded"))
    bench.pass_ms(19)
    assert not bench.attempts()
    bench.pass_ms(21)
    bench.reply(bench.attempt(), Overloaded("n1 is overloaded"))
    bench.pass_ms(500)
    assert not bench.attempts() and bench.answers()[-1] == Refused("n1 is overloaded")


def test_what_may_have_happened_before_is_not_called_refused(bench):
    opened(bench)
    bench.ask(Put("k1", "a"), request=2)
    bench.attempt()
    bench.pass_ms(300)  # No answer: it may have been taken up.
    for _ in range(3):
        bench.reply(bench.attempt(), Overloaded("n1 is overloaded"))
        bench.pass_ms(50)
    assert bench.answers()[-1] == OutcomeUnknown("n1 is overloaded")


def test_a_read_that_was_refused_has_certainly_not_happened(bench):
    opened(bench)
    bench.ask(Get("k1"), request=2)
    bench.attempt()
    bench.pass_ms(300)
    for _ in range(3):
        bench.reply(bench.attempt(), Overloaded("n1 is overloaded"))
        bench.pass_ms(50)
    assert type(bench.answers()[-1]) is Refused


def test_a_late_refusal_of_an_earlier_attempt_says_nothing(bench):
    opened(bench)
    bench.ask(Put("k1", "a"), request=2)
    first = bench.attempt()
    bench.pass_ms(300)
    second = bench.attempt()
    bench.reply(first, Overloaded("n1 is overloaded"))
    bench.reply(second, Done(None))
    assert [type(answer) for answer in bench.answers()] == [Ok]


def test_retries_of_a_gateway_come_to_an_end_when_all_are_refused(bench):
    opened(bench)
    attempts = 0
    for number in range(60):
        bench.ask(Put("k1", str(number)), request=2 + number)
        for _ in range(3):
            found = bench.attempts()
            attempts += len(found)
            for each in found:
                bench.reply(each, Overloaded("n1 is overloaded"))
            bench.pass_ms(50)
    assert 60 + 10 <= attempts <= 60 + 10 + 8, "a reserve of ten, and a tenth"


# --- a cluster --------------------------------------------------------------------------------------------------------


def loaded(rate: int, clients: int = 150, seed: int = 1) -> Run:
    run = Run(RunSpec(seed=seed, topology="three-small-nodes", shards=3))
    run.advance(SECOND_NS)
    given = {"kind": "register", "clients": clients, "rate": rate * 1000, "reads_percent": 50}
    run.perform(Command("start workload", run.now_ns, run.now_ns, arguments=given))
    return run


def set_load(run: Run, rate: int) -> None:
    run.perform(Command("set load", run.now_ns, run.now_ns, arguments={"rate": rate * 1000, "period_ns": 0}))


def outcomes(run: Run, since_ns: int, until_ns: int) -> dict[str, int]:
    counts = {"ok": 0, "fail": 0, "info": 0}
    for event in run.recorder.events:
        if event.type in counts and since_ns <= event.time_ns < until_ns:
            counts[event.type] += 1
    return counts


def judged(run: Run) -> Verdict:
    run.perform(Command("stop workload", run.now_ns, run.now_ns, arguments={"drain_ns": 5 * SECOND_NS}))
    run.advance(run.now_ns + 5 * SECOND_NS)
    return judge_history(run, "linearizable")


def test_a_cluster_that_has_enough_to_do_refuses_nothing():
    run = loaded(250)
    run.advance(4 * SECOND_NS)
    assert sum(process.admission.shed for process in run.processes.values()) == 0


def test_an_overloaded_cluster_serves_what_it_can_refuses_the_rest_and_recovers():
    run = loaded(100)
    run.advance(3 * SECOND_NS)
    set_load(run, 1500)
    run.advance(6 * SECOND_NS)
    during = outcomes(run, 4 * SECOND_NS, 6 * SECOND_NS)
    assert during["ok"] > 2 * 300 and during["fail"] > 200 and during["info"] == 0
    assert sum(process.admission.shed for process in run.processes.values()) > 200
    set_load(run, 100)
    run.advance(10 * SECOND_NS)
    after = outcomes(run, 9 * SECOND_NS, 10 * SECOND_NS)
    assert 95 <= after["ok"] + after["fail"] <= 105
    latencies = [*run.workloads["register"].latencies["read"].between(9 * SECOND_NS, 10 * SECOND_NS)]
    assert max(latencies) < SECOND_NS // 10
    assert judged(run).outcome == "valid"
    assert not run.watch.violations and len(run.watch.leader_changes) == 4, "no leader was lost to the load"


def test_what_was_refused_was_never_applied():
    run = loaded(1500, seed=3)
    run.advance(3 * SECOND_NS)
    refused = set()
    for event in run.recorder.events:
        if event.type == "fail" and event.function == "write" and "overloaded" in (event.error or ""):
            refused.add((event.key, event.value))
    assert len(refused) > 50
    assert judged(run).outcome == "valid"
    written = {
        (entry.command.operation.key, int(entry.command.operation.value))
        for process in run.processes.values()
        for replica in process.replicas.values()
        for entry in replica.group.log.all_entries()
        if type(getattr(entry.command, "operation", None)) is Put
    }
    assert written and not refused & written


@pytest.mark.parametrize(
    "operation",
    [
        ChangeMember("n4", "joining"),
        Within(Get("k1")),
        Commit(),
        Rollback(),
        GetSaga("trip"),
        Decide(TransactionId(1, "n1", 1), True, 1, (1,)),
    ],
)
def test_what_ends_something_is_never_turned_away(operation):
    admission = loaded(100).processes["n1"].admission
    admission._waited_ns, admission._turn_away = lambda: SECOND_NS, lambda sender, reply: None
    admission._delay.is_overloaded, admission._delay._ends_ns = True, 1 << 62
    assert admission.takes("client", ClientRequest(1, 1, operation))
    assert admission.serves(ShardRequest(1, "n2", 1, 1, 1, 1, 0, 0, operation))
    assert not admission.serves(ShardRequest(1, "n2", 1, 1, 1, 1, 0, 0, Get("k1")))
    assert not admission.takes("client", ClientRequest(1, 1, Begin("snapshot")))
    assert admission.transactions == 1, "what is turned away was asked for"


def test_a_request_that_did_not_wait_shows_that_there_is_no_queue():
    admission = loaded(100).processes["n1"].admission
    waited_ns = [SECOND_NS]
    admission._waited_ns, admission._turn_away = lambda: waited_ns[0], lambda sender, reply: None
    admission.takes("client", ClientRequest(1, 1, Get("k1")))
    assert admission._delay.least_ns == SECOND_NS
    waited_ns[0] = 0
    admission.takes("client", ClientRequest(1, 2, Get("k1")))
    assert admission._delay.least_ns == 0
    admission._delay.least_ns = SECOND_NS
    admission.serves(ShardRequest(1, "n2", 1, 1, 1, 1, 0, 0, Get("k1")))
    assert admission._delay.least_ns == 0
