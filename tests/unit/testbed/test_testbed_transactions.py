"""Transactions that a test holds open: what their clients learn, what stands in the history, what replays."""

import pytest

from PhantomLibrary.checking.dispatch import check_history
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, Ok, Refused
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.testbed.client_transaction import WORKLOAD
from PhantomLibrary.testbed.judge import judge_history
from PhantomLibrary.testbed.left_open import open_transactions, roll_back
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.schedule import read_schedule, write_schedule
from tests.unit.testbed.two_accounts import Bank


@pytest.fixture
def bank(drive):
    return Bank(drive)


def test_a_committed_transaction_is_one_operation_of_the_history(bank):
    bank.begin("t1")
    assert bank.do("read key", "t1", key="k1").value == "10"
    bank.write("t1", "k6", "20")
    assert bank.do("read range", "t1", start="k1", end="k7").value == '[["k1","10"],["k6","20"]]'
    assert bank.commit("t1") == "done"
    steps = [["r", "k1", "10"], ["w", "k6", "20"], ["r", "k1", "10"], ["r", "k6", "20"]]
    assert bank.ended() == [("ok", steps)]
    asked = next(each for each in bank.run.recorder.events if each.workload == WORKLOAD)
    assert asked.type == "invoke" and asked.value == [["r", "k1", None], steps[1], ["r", "k1", None], ["r", "k6", None]]
    assert (bank.state("t1"), bank.it.get("k6").value) == ("committed", "20")


def test_histories_of_transactions_can_be_judged(bank):
    for number in range(3):
        bank.begin("t")
        bank.do("read key", "t", key="k2")
        bank.write("t", "k2", f"value {number}")
        bank.commit("t")
    events = [each for each in bank.run.recorder.events if each.workload == WORKLOAD]
    assert check_history(events, "rw-register", level="serializable", confirmed=3).outcome == "valid"


def test_keys_that_transactions_write_are_no_registers_of_the_operator(bank):
    bank.begin("t1")
    bank.write("t1", "k1", "11")
    bank.do("update range", "t1", start="k6", end="k7", change="add", value="1")
    bank.commit("t1")
    assert (bank.it.get("k1").value, bank.it.get("k6").value) == ("11", "11")
    verdict = judge_history(bank.run, "linearizable", workload="transactions")
    assert (verdict.outcome, verdict.confirmed) == ("valid", 3)  # With the first write and the read of k1.
    bank.it.put("k2", "x")
    bank.it.get("k2")
    assert judge_history(bank.run, "linearizable").outcome == "valid"


def test_several_are_open_at_once_and_the_second_writer_waits(bank):
    bank.begin("t1", "read committed")
    bank.begin("t2", "read committed")
    bank.write("t1", "k1", "11")
    assert bank.write("t2", "k1", "12", may_block=True).word == "blocked"
    assert (bank.state("t1"), bank.state("t2")) == ("active", "blocked")
    with pytest.raises(InvalidState, match="transaction 't2' waits for an answer still: let time go on"):
        bank.it.give("commit transaction", transaction="t2")
    assert bank.commit("t1") == "done"
    assert bank.wait("t2").word == "done"
    assert bank.commit("t2") == "done"
    assert bank.it.get("k1").value == "12"


def test_a_refused_statement_ends_the_transaction_for_good(bank):
    bank.begin("t1", "snapshot")
    bank.begin("t2", "snapshot")
    bank.do("read key", "t2", key="k1")
    bank.write("t1", "k1", "11")
    bank.commit("t1")
    refused = bank.write("t2", "k1", "12")
    assert refused.word == "aborted" and "was written by another transaction" in refused.reason
    with pytest.raises(InvalidState, match="transaction 't2' is rolled back, for k1 was written by another"):
        bank.it.give("commit transaction", transaction="t2")
    assert bank.ended()[-1] == ("fail", [["r", "k1", None], ["w", "k1", "12"]])
    assert bank.it.get("k1").value == "11"


def test_rollback_frees_what_was_blocked_and_what_blocks(bank):
    bank.begin("t1")
    bank.begin("t2")
    bank.begin("t3")
    bank.write("t1", "k1", "11")
    bank.write("t2", "k1", "12", may_block=True)
    blocked_ns = bank.run.now_ns
    assert bank.do("roll back transaction", "t2").word == "done"
    assert bank.run.now_ns - blocked_ns < 5 * MILLISECOND_NS
    assert bank.write("t3", "k1", "13", may_block=True).word == "blocked"
    bank.do("roll back transaction", "t1")
    assert bank.wait("t3").word == "done"
    assert bank.commit("t3") == "done"
    assert [bank.state(name) for name in ("t1", "t2", "t3")] == ["aborted", "aborted", "committed"]
    assert [how for how, _ in bank.ended()] == ["fail", "fail", "ok"]


def test_a_lost_gateway_means_that_nothing_happened_unless_commit_was_asked_for(bank):
    bank.begin("t1", gateway="n2")
    bank.write("t1", "k1", "11")
    bank.it.give("crash node", "n2")
    assert bank.state("t1") == "aborted"
    bank.it.give("restart node", "n2")
    assert bank.state("t1") == "aborted"
    assert bank.do("read key", "t1", key="k1").word == "aborted"
    bank.begin("t2", gateway="n3")
    bank.write("t2", "k6", "11")
    bank.it.give("arm fault", "n3", event="entry committed", fault="crash node", phase="before")
    bank.it.give("commit transaction", transaction="t2")
    ended = bank.wait("t2")
    assert ended.word == "unknown" and bank.ended()[-1][0] == "info"
    with pytest.raises(InvalidState, match="nobody knows what became of transaction 't2'"):
        bank.it.give("roll back transaction", transaction="t2")


@pytest.mark.parametrize(
    ("verb", "message"),
    [
        ("commit transaction", "transaction 't1' is committed: begin another one"),
        ("roll back transaction", "transaction 't1' is committed: begin another one"),
    ],
)
def test_what_is_committed_is_over(bank, verb, message):
    bank.begin("t1")
    bank.write("t1", "k1", "11")
    bank.commit("t1")
    with pytest.raises(InvalidState, match=message):
        bank.it.give(verb, transaction="t1")


def test_names_are_refused_with_what_exists(bank):
    with pytest.raises(InvalidInput, match="no transaction 't1': none was begun"):
        bank.it.give("commit transaction", transaction="t1")
    bank.begin("t1")
    with pytest.raises(InvalidInput, match=r"no transaction 't2': there is t1 \(did you mean t1\?\)"):
        bank.it.give("commit transaction", transaction="t2")
    with pytest.raises(InvalidState, match="transaction 't1' is open already: commit it or roll it back"):
        bank.begin("t1")
    levels = r"there are read committed, snapshot, serializable \(did you mean serializable\?\)"
    with pytest.raises(InvalidInput, match=f"no isolation level 'serialisable': {levels}"):
        bank.begin("t2", "serialisable")


def test_a_commit_under_way_cannot_be_rolled_back(bank):
    bank.begin("t1")
    bank.write("t1", "k1", "11")
    bank.it.give("commit transaction", transaction="t1")
    with pytest.raises(InvalidState, match="transaction 't1' is being committed"):
        bank.it.give("roll back transaction", transaction="t1")
    assert bank.wait("t1").word == "done"


def test_what_is_left_open_is_rolled_back_and_named(bank):
    bank.begin("t1")
    bank.begin("t2")
    bank.write("t1", "k1", "11")
    bank.write("t2", "k1", "12", may_block=True)
    left = open_transactions(bank.run)
    roll_back(bank.run, left)
    assert left == ["t1", "t2"] and open_transactions(bank.run) == []
    assert bank.it.get("k1").value == "10"


def test_ranges_are_picked_by_value_and_texts_are_no_numbers(bank):
    bank.it.put("k2", "on call")
    bank.begin("t1")
    assert bank.do("read range", "t1", start="k1", end="k7", where="multiple", number=5).value == (
        '[["k1","10"],["k6","10"]]'
    )
    assert bank.do("update range", "t1", start="k1", end="k7", where="equals", number=10, change="delete").value == "2"
    assert bank.do("read range", "t1", start="k1", end="k7").value == '[["k2","on call"]]'
    assert bank.commit("t1") == "done"
    assert bank.it.get("k6").value is None


def test_runs_with_transactions_replay_from_their_schedule(bank):
    bank.begin("t1")
    bank.begin("t2", gateway="n2")
    bank.write("t1", "k1", "11")
    bank.write("t2", "k1", "12", may_block=True)
    bank.write("t1", "k6", "11")
    bank.it.give("crash node", "n1", at_s=bank.run.now_ns / SECOND_NS + 0.001, duration_s=1)
    bank.commit("t1")
    bank.wait("t2")
    bank.run.advance(bank.run.now_ns + 300 * MILLISECOND_NS)
    schedule = bank.run.finish()
    again = replay(read_schedule(write_schedule(schedule), "here"))
    assert again.finish().digest == schedule.digest
    assert again.recorder.events == bank.run.recorder.events


def test_an_answer_that_nobody_waits_for_any_more_changes_nothing(bank):
    transaction_task = bank.it.give("begin transaction", transaction="t1", isolation="snapshot").task
    bank.run.advance(bank.run.now_ns + SECOND_NS, lambda: transaction_task.is_done)
    writing = bank.it.give("write key", transaction="t1", key="k1", value="11")
    rolling = bank.it.give("roll back transaction", transaction="t1")
    bank.it.go(1)
    assert isinstance(writing.result, Refused) and isinstance(rolling.result, Ok)
    assert [how for how, _ in bank.ended()] == ["fail"]
