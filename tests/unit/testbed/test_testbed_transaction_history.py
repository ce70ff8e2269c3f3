"""Transactions that a test holds open are judged by the level that is asked for, or by that which was promised."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.judge import judge_history, promised_level
from tests.unit.testbed.two_accounts import Bank


@pytest.fixture
def bank(drive):
    return Bank(drive)


def judged(bank, level, **given):
    verdict = judge_history(bank.run, level, **given)
    return verdict.code or verdict.outcome


def skew(bank, isolation):
    """Two transactions read what the other one writes."""
    bank.begin("t1", isolation)
    bank.begin("t2", isolation)
    for name, key in (("t1", "k6"), ("t2", "k1")):
        assert bank.do("read key", name, key=key).value == "10"
    bank.write("t1", "k1", "1")
    bank.write("t2", "k6", "2")
    return bank.commit("t1"), bank.commit("t2")


def test_what_a_level_allows_is_judged_by_the_level_that_is_asked_for(bank):
    assert skew(bank, "snapshot") == ("done", "done")
    assert judged(bank, "snapshot", confirmed=4) == "valid"
    assert judged(bank, "snapshot", workload="transactions", confirmed=4) == "valid"
    assert judged(bank, "linearizable") == "TXN-008"
    assert judged(bank, "serializable") == "valid"  # One before the writes of the other key: real time is not asked.
    assert judged(bank, "promised") == "valid"


def test_what_is_promised_is_what_the_weakest_was_begun_with(bank):
    assert skew(bank, "serializable") == ("done", "aborted")
    assert judged(bank, "promised") == judged(bank, "serializable") == "valid"
    events = bank.run.recorder.events
    refused = next(each for each in events if each.workload == "transactions" and each.type == "fail")
    steps = [["r", "k1", "10"], ["w", "k6", "2"]]
    events[refused.index] = replace(refused, type="ok", value=steps)  # As if it had been let through.
    assert judged(bank, "promised") == "TXN-008"
    bank.begin("t3", "snapshot")
    assert judged(bank, "promised") == "valid"


def test_single_operations_on_the_same_keys_are_judged_with_them(bank):
    bank.begin("t1", "snapshot")
    bank.write("t1", "k1", "11")
    assert bank.commit("t1") == "done"
    assert bank.it.get("k1").value == "11"
    assert judged(bank, "linearizable", confirmed=4) == "valid"
    events = bank.run.recorder.events
    events[-1] = replace(events[-1], value="12")
    assert judged(bank, "snapshot") == "TXN-011"


def test_keys_of_which_answers_tell_too_little_are_left_out_and_named(bank):
    for key in ("k2", "k3", "k4"):
        bank.it.put(key, "5")
    bank.begin("t1")
    bank.do("update range", "t1", start="k2", end="k3", change="add", value="1")
    bank.do("delete key", "t1", key="k3")
    bank.write("t1", "k4", "5")
    bank.write("t1", "k1", "11")
    for key in ("k1", "k2", "k3", "k4", "k6"):
        bank.do("read key", "t1", key=key)
    assert bank.commit("t1") == "done"
    verdict = judge_history(bank.run, "serializable")
    assert verdict.outcome == "valid"
    assert verdict.evidence == (
        "k3 was left out: it was deleted, and reads as if it had never been written",
        "k4 was left out: one value was written twice, so reads do not tell whose they saw",
        "k2 was left out: a whole range was updated, and no answer tells to what",
    )


def test_where_no_key_is_left_nothing_is_proved(drive):
    bank = Bank(drive)
    bank.begin("t1")
    bank.write("t1", "k1", "10")
    assert bank.commit("t1") == "done"
    verdict = judge_history(bank.run, "serializable", workload="transactions")
    assert (verdict.code, len(verdict.evidence)) == ("HIS-001", 1)
    assert judge_history(bank.run, "serializable").code == "HIS-001"  # Of k6 nobody read anything.


def test_keys_of_workloads_that_a_transaction_only_reads_are_left_out(drive):
    bank = Bank(drive, shards=1)
    bank.it.give("start workload", kind="register", name="load", clients=2, rate=50_000, keys=5, key_pattern="x{}")
    bank.it.go(1)
    bank.it.stop_load()
    bank.begin("t1")
    bank.do("read key", "t1", key="x1")
    bank.do("read key", "t1", key="k1")
    bank.write("t1", "k6", "7")
    assert bank.commit("t1") == "done"
    verdict = judge_history(bank.run, "promised", confirmed=20)
    assert (verdict.outcome, verdict.evidence) == ("valid", ("x1 was left out: it belongs to a workload",))


def test_a_workload_is_asked_for_what_its_level_promises(drive):
    it = drive(shards=2).elect()
    it.load("write-skew", isolation="snapshot", rate=200_000, keys=3)
    it.go(2)
    it.stop_load()
    assert judge_history(it.run, "linearizable").code == "SKW-001"
    assert judge_history(it.run, "promised", confirmed=50).outcome == "valid"


def test_real_time_on_each_key_is_promised_as_long_as_nobody_touches_clocks(drive):
    it = drive(shards=2).elect()
    for name, kind, isolation in (
        ("a", "bank", "serializable"),
        ("b", "bank", "read committed"),
        ("c", "register", "serializable"),
    ):
        it.load(kind, name=name, isolation=isolation)
    levels = ["per-key serializable", "read committed", "linearizable"]
    assert [promised_level(it.run, name) for name in "abc"] == levels
    it.give("skew clock", "n1", duration_s=1, offset_ns=SECOND_NS)
    assert [promised_level(it.run, name) for name in "abc"] == ["serializable", *levels[1:]]
