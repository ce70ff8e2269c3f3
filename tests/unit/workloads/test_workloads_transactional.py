"""Workloads of transactions, against a database of one dictionary: what they ask for, and what they make of answers."""

import json

import pytest

from PhantomLibrary.domain import (
    SECOND_NS,
    Append,
    Begin,
    Commit,
    Get,
    Increment,
    Ok,
    Put,
    Refused,
    Rollback,
    Scan,
    Transact,
    Within,
)
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Streams
from PhantomLibrary.workloads.recorder import HistoryRecorder
from PhantomLibrary.workloads.transactional import BALANCE, MIXED, TRANSACTIONAL
from PhantomLibrary.workloads.workload import Workload, WorkloadSpec


class OneByOne:
    """A session with a database that does one transaction after the other."""

    def __init__(self, values, refuse=()):
        self.values, self.open, self.refuse, self.asked = values, None, refuse, []
        self.node = "n1"

    def close(self):
        pass

    async def call(self, operation):
        self.asked.append(operation)
        if type(operation) in self.refuse:
            return Refused("not now")
        match operation:
            case Begin():
                self.open = dict(self.values)
            case Within():
                return Ok(_do(self.open, operation.statement))
            case Commit():
                self.values.update(self.open)
            case Transact():
                return Ok(json.dumps([_do(self.values, each) for each in operation.statements]))
            case Rollback():
                self.open = None
        return Ok()


def _do(values, statement):
    match statement:
        case Get():
            return values.get(statement.key)
        case Put():
            values[statement.key] = statement.value
        case Append():
            values[statement.key] = f"{values.get(statement.key, '')} {statement.element}".strip()
        case Increment():
            values[statement.key] = str(int(values.get(statement.key, "0")) + statement.amount)
        case Scan():
            inside = sorted(each for each in values.items() if statement.start <= each[0] < statement.end)
            return json.dumps(inside)
    return None


def _history(kind, values, seconds=5, **arguments):
    """Run a workload for a while; return its events."""
    scheduler = Scheduler()
    recorder = HistoryRecorder(scheduler)
    spec = WorkloadSpec(kind, clients=3, rate=100_000, keys=6, **arguments)
    workload = Workload(spec, scheduler, Streams(4), lambda _process: OneByOne(values), recorder)
    workload.start()
    scheduler.run_until(seconds * SECOND_NS)
    workload.stop(SECOND_NS)
    scheduler.run_until((seconds + 2) * SECOND_NS)
    return recorder.events


@pytest.mark.parametrize("kind", sorted(TRANSACTIONAL))
def test_each_kind_reads_and_writes_and_is_read_at_its_end(kind):
    values = {}
    events = _history(kind, values)
    confirmed = [event for event in events if event.type == "ok"]

    assert len(confirmed) > 300
    assert all(event.workload == kind for event in events)
    assert values, "something was written"
    last = [event for event in events if event.type == "invoke"][-1]
    assert last.function in ("txn", "read"), "the last thing asked for is a read"


def test_bank_keeps_its_total_and_gives_no_credit():
    values = {}
    events = _history("bank", values, seconds=40, reads_percent=10)
    reads = [event.value for event in events if event.type == "ok" and event.function == "read"]

    assert {sum(read.values()) for read in reads} == {6 * BALANCE}
    assert min(min(read.values()) for read in reads) >= 0
    assert [event for event in events if event.type == "fail" and "not enough" in event.error]
    assert sum(map(int, values.values())) == 6 * BALANCE


@pytest.mark.parametrize("isolation", ["read committed", "snapshot"])
def test_transfers_are_additions_only_where_another_may_have_written_since(isolation):
    values = {}
    asked = []
    scheduler = Scheduler()

    def open_session(_process):
        session = OneByOne(values)
        session.asked = asked
        return session

    spec = WorkloadSpec("bank", clients=1, rate=100_000, keys=4, reads_percent=0, isolation=isolation)
    workload = Workload(spec, scheduler, Streams(4), open_session, HistoryRecorder(scheduler))
    workload.start()
    scheduler.run_until(SECOND_NS)

    assert {each.isolation for each in asked if isinstance(each, Begin)} == {isolation, "serializable"}
    changes = {type(each.statement) for each in asked[20:] if isinstance(each, Within)}
    assert changes == {Get, Increment if isolation == "read committed" else Put}


def test_a_pair_that_is_not_empty_is_left_alone():
    values = {}
    events = _history("write-skew", values)

    shown = [event.value for event in events if event.type == "ok" and event.function == "read"]
    assert max(map(len, shown)) == 1
    assert {event.error for event in events if event.type == "fail"} == {"the pair is not empty"}


def test_what_fails_before_the_commit_is_certain_not_to_have_happened():
    kind = TRANSACTIONAL["bank"](4, "k{}", _choices(), "serializable")
    session = OneByOne({f"k{number}": "100" for number in range(4)}, refuse=(Within,))
    program = next(drawn[3] for drawn in iter(lambda: kind.draw(None), None) if drawn[0] == "transfer")

    with pytest.raises(StopIteration) as ended:
        program(session).send(None)

    assert ended.value.value == Refused("not now")
    assert Commit() not in session.asked


def _choices():
    from itertools import count

    from PhantomLibrary.workloads.keys import Skews
    from PhantomLibrary.workloads.kinds import Choices

    stream = Streams(1).get("x")
    return Choices(stream, Skews().uniform(4, stream), count(1), reads_percent=50)


def test_registers_are_read_before_they_are_written():
    events = _history("rw-register", {})
    for event in events:
        for number, (function, key, _) in enumerate(event.value or ()):
            assert function == "r" or event.value[number - 1][:2] == ["r", key]


def test_each_key_of_a_fork_is_written_once():
    events = _history("long-fork", {})
    written = [step[1] for event in events if event.type == "ok" for step in event.value if step[0] == "w"]
    assert len(written) == len(set(written)) > 50


def test_additions_are_above_nothing_and_unwritten_counters_are_0():
    events = _history("monotonic", {})
    steps = [step for event in events if event.type == "ok" for step in event.value]
    assert min(step[2] for step in steps if step[0] == "add") >= 1
    assert 0 in [step[2] for step in steps if step[0] == "r"]


def test_mix_has_its_shares_and_single_operations_are_transactions_of_one_step():
    kind = MIXED["list-append"](20, "k{}", _choices(), "serializable", (20, 50, 30))
    drawn = [kind.draw(None) for _ in range(4_000)]
    kinds = [type(each[3]) for each in drawn]
    shares = [kinds.count(each) / 40 for each in (Get, Append, Transact)]
    assert shares == pytest.approx([20, 50, 30], abs=3)
    assert all(function == "txn" and key is None for function, key, *_ in drawn)
    read = next(each for each in drawn if type(each[3]) is Get)
    assert kind.interpret(read, "3 5", None) == ("ok", [["r", read[3].key, [3, 5]]], "")
    assert kind.interpret(read, None, None) == ("ok", [["r", read[3].key, []]], "")
    write = next(each for each in drawn if type(each[3]) is Append)
    assert kind.interpret(write, None, None) == ("ok", write[2], "")
    assert write[2] == [["append", write[3].key, int(write[3].element)]]
    whole = next(each for each in drawn if type(each[3]) is Transact)
    seen = json.dumps([None] * len(whole[2]))
    assert [step[:2] for step in kind.interpret(whole, seen, None)[1]] == [step[:2] for step in whole[2]]
