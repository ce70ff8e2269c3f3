"""What a leader does for transactions, one question at a time."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.messages import NotLeader, StaleRoute
from PhantomLibrary.database.transactions.desk import TransactionDesk
from PhantomLibrary.database.transactions.messages import (
    CheckUnchanged,
    Locked,
    LockGranted,
    LockKeys,
    ReleaseLocks,
    Rows,
    TooOld,
    Uncertain,
    WrittenSince,
)
from PhantomLibrary.domain import Get, Put, TransactionEnded, TransactionPrepared
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Decide,
    Done,
    Ended,
    Forget,
    Inquire,
    RaiseFence,
    Resolve,
    TransactionId,
    Undecided,
    span_of,
)
from tests.unit.database.transactions_host import CONFIG, FAR, T1, T2, T3, Host, prepare, read


@pytest.fixture
def host():
    return Host()


# --- reads at a time --------------------------------------------------------------------------------------------------


def test_a_read_waits_until_its_fence_is_replicated_and_later_writes_are_above_it(host):
    call = host.take(read("a", 5_000))
    assert call not in host.answers and [type(command) for _, command, _ in host.log] == [RaiseFence]
    assert host.clock.now_ns() > 5_000
    host.commit()
    assert isinstance(host.answers[call], Rows)
    again = host.take(read("a", 6_000))
    assert isinstance(host.answers[again], Rows)  # The fence was raised ahead of the first one.


def test_a_fence_that_was_not_taken_up_is_proposed_again(host):
    call = host.take(read("a", 5_000))
    host.log.clear()
    host.desk.refused()
    host.pass_time(CONFIG.doubt_interval_ns)
    host.commit()
    assert isinstance(host.answers[call], Rows)


def test_a_read_waits_for_what_is_under_way_when_it_comes(host):
    host.apply(RaiseFence(FAR))
    host.replicate(None, prepare(T2, Put("a", "1")))
    call = host.take(read("a", 5_000))
    assert call not in host.answers
    host.commit()
    assert call not in host.answers  # In doubt now.
    promised = host.machine.transactions.parts[T2].prepared_ns
    host.apply(Resolve(T2, True, promised))
    assert host.answers[call].rows == (("a", "1"),)


def test_a_read_waits_for_proposals_that_have_their_timestamps_and_are_in_no_log(host):
    host.apply(RaiseFence(FAR))
    host.holds_proposals = True
    at_ns = host.clock.now_ns()
    call = host.take(read("a", 5_000))
    assert call not in host.answers
    host.holds_proposals = False
    host.write("a", "held", at_ns)
    assert host.answers[call].rows == (("a", "held"),)


@pytest.mark.parametrize(("promised_after", "is_seen"), [(False, True), (True, False)])
def test_what_was_promised_before_the_transaction_came_may_be_older_whatever_its_timestamp(
    host, promised_after, is_seen
):
    host.apply(RaiseFence(FAR))
    if not promised_after:
        host.apply(prepare(T2, Put("a", "1")))
    first = host.take(read("b", 2_000, limit=9_000))
    met = host.answers[first].term, host.answers[first].clock_ns
    if promised_after:
        host.apply(prepare(T2, Put("a", "1"), snapshot=met[1]))
    call = host.take(read("a", 2_000, limit=9_000, met=met))
    assert (call in host.answers) is promised_after  # In doubt, if it may have committed before.
    host.apply(Resolve(T2, True, 8_000))
    assert isinstance(host.answers[call], Uncertain if is_seen else Rows)
    if is_seen:
        assert host.answers[call].at_ns >= 8_000


def test_what_was_promised_and_committed_after_the_transaction_came_is_not_older(host):
    host.apply(RaiseFence(FAR))
    first = host.take(read("b", 2_000, limit=9_000))
    met = host.answers[first].term, host.answers[first].clock_ns
    host.apply(prepare(T2, Put("a", "1"), snapshot=met[1]))
    host.apply(Resolve(T2, True, 8_000))
    assert host.answers[host.take(read("a", 2_000, limit=9_000, met=met))].rows == ()


def test_a_new_leader_begins_above_the_fence(host):
    host.apply(RaiseFence(50_000))
    host.clock = HybridClock(lambda: host.now)
    host.desk = TransactionDesk(host, CONFIG)
    host.desk.begin()
    assert host.clock.now_ns() > 50_000


def test_a_single_write_that_comes_while_its_key_is_prepared_or_read_is_turned_away(host):
    host.apply(prepare(T1, Put("a", "1"), reads=(span_of("b"),), level="serializable"))
    for key in "abc":
        host.write(key, "9", at=8_000)
    assert host.machine.rows(span_of("a"), FAR) == host.machine.rows(span_of("b"), FAR) == ()
    assert host.machine.rows(span_of("c"), FAR) == (("c", "9"),)


def test_what_another_leader_met_does_not_count(host):
    host.apply(RaiseFence(FAR))
    host.write("a", "1", at=3_000)
    call = host.take(read("a", 2_000, limit=9_000, met=(3, 2_500)))
    assert isinstance(host.answers[call], Uncertain)


def test_a_leader_is_never_behind_what_it_has_applied(host):
    host.apply(RaiseFence(FAR))
    host.write("a", "1", at=700_000)
    call = host.take(read("b", 2_000))
    assert host.answers[call].clock_ns > 700_000


def test_versions_that_may_be_gone_are_not_read(host):
    host.apply(RaiseFence(1 << 61))
    host.write("a", "1", at=CONFIG.version_retention_ns + 5_000)
    call = host.take(read("a", 4_000))
    assert host.answers[call] == TooOld()


def test_a_check_says_whether_something_has_changed_in_between(host):
    host.apply(RaiseFence(FAR))
    host.write("a", "1", at=3_000)
    changed = host.take(CheckUnchanged(T1, (span_of("a"),), 2_999, 4_000))
    same = host.take(CheckUnchanged(T1, (span_of("a"),), 3_000, 4_000))
    assert isinstance(host.answers[changed], Conflict) and host.answers[same] == Done()


def test_whoever_waits_is_sent_to_the_next_leader(host):
    call = host.take(read("a", 5_000))
    host.desk.end("n2")
    assert host.answers[call] == NotLeader("n2", may_happen=False)


# --- locks, and who waits ---------------------------------------------------------------------------------------------


def lock(transaction, key="a", *, level="snapshot", snapshot=900):
    return LockKeys(transaction, (key,), level, snapshot)


def test_a_lock_passes_on_and_the_heir_is_told(host):
    calls = [host.take(lock(each)) for each in (T1, T2)]
    assert isinstance(host.answers[calls[0]], Locked) and host.answers[calls[1]].holders == (T1,)
    host.take(ReleaseLocks(T1))
    assert host.told == [("n2", LockGranted(T2, 1, "a"))]


def test_a_lock_on_what_was_written_since_says_when_and_when_that_was_promised(host):
    host.apply(prepare(T2, Put("a", "1")))
    promised = host.machine.transactions.parts[T2].prepared_ns
    host.apply(Resolve(T2, True, 8_000))
    answer = host.answers[host.take(lock(T1))]
    assert isinstance(answer, WrittenSince) and (answer.at_ns, answer.promised_ns) == (8_000, promised)
    assert isinstance(host.answers[host.take(lock(T3, "b"))], Locked)


def test_locks_at_read_committed_say_how_late_the_latest_of_what_they_are_on_was_written(host):
    for number, (key, at_ns) in enumerate((("a", 6_000), ("b", 9_000), ("c", 7_000)), 1):
        writer = TransactionId(number, "n5", 7)
        host.apply(prepare(writer, Put(key, "1")))
        host.apply(Resolve(writer, True, at_ns))
    answers = [
        host.answers[host.take(LockKeys(T1, keys, "read committed", snapshot))]
        for keys, snapshot in ((("a", "b", "c"), 900), (("a", "c"), 900), (("a", "b", "c"), 9_000), (("d",), 900))
    ]
    assert [answer.written_ns for answer in answers] == [9_000, 7_000, 0, 0]


def test_a_prepare_that_is_refused_is_not_shown_as_one(host):
    host.apply(prepare(T2, Put("a", "1")))
    host.apply(Resolve(T2, True, 8_000))
    host.shown.clear()
    host.apply(prepare(T1, Put("a", "2")))
    assert host.shown == []


def test_what_was_locked_at_an_earlier_leader_is_waited_for(host):
    host.apply(prepare(T2, Put("a", "1")))
    assert host.answers[host.take(lock(T1))].holders == (T2,)


def test_an_inquiry_that_is_not_answered_leaves_locks_as_they_are(host):
    host.take(lock(T1))
    host.take(lock(T2))
    host.apply(prepare(T1, Put("a", "1"), participants=(1, 2)))
    host.apply(Inquire(T1))
    assert host.told == []


def test_a_single_write_waits_for_the_lock_and_each_heir_of_it(host):
    host.take(lock(T1))
    host.take(lock(T2))
    request = host.request(Put("a", "9"))
    assert not host.desk.admits(request, "a")
    host.take(ReleaseLocks(T1))
    assert request.call in {key[1] for key in host.desk._held}
    host.take(ReleaseLocks(T2))
    assert not host.desk._held


def test_a_single_read_waits_for_what_is_in_doubt_and_for_nothing_else(host):
    host.apply(prepare(T1, Put("a", "1"), reads=(span_of("b"),), participants=(1, 2)))
    assert host.desk.shows(host.request(Get("b")), "b")
    assert not host.desk.shows(host.request(Get("a")), "a")
    assert host.shown_reads == []
    host.apply(Resolve(T1, True, 5_000))
    assert host.shown_reads == [True]


def test_an_older_prepare_waits_for_a_younger_one_and_a_younger_one_does_not(host):
    host.apply(prepare(T2, Put("a", "1")))
    older, younger = host.take(prepare(T1, Put("a", "2"))), host.take(prepare(T3, Put("a", "3")))
    host.commit()
    assert isinstance(host.answers[younger], Conflict) and older not in host.answers
    host.apply(Resolve(T2, False, 0))
    host.commit()
    assert host.machine.transactions.writer_of("a") == T1


def test_locks_of_the_dead_go_when_somebody_wants_them(host):
    host.take(lock(T1))
    host.pass_time(CONFIG.doubt_after_ns + 1)
    host.take(lock(T2))
    host.pass_time(1)
    assert host.told == [("n1", LockGranted(T1, 1, "a"))]  # Is it still there?
    host.gone = ["n1"]
    host.pass_time(1)
    assert host.told[-1] == ("n2", LockGranted(T2, 1, "a"))


def test_no_lock_is_older_than_a_transaction(host):
    host.take(lock(T1))
    host.pass_time(CONFIG.transaction_lifetime_ns)
    assert [age for _, _, age in host.desk.lock_ages_ns] == [CONFIG.transaction_lifetime_ns]
    host.pass_time(1)
    assert host.desk.lock_ages_ns == []


# --- recovery ---------------------------------------------------------------------------------------------------------


def test_a_decision_is_told_until_all_have_acted_and_forgotten_only_then(host):
    host.apply(prepare(T1, Put("a", "1"), participants=(1, 2, 3)))
    host.apply(Decide(T1, True, 5_000, (1, 2, 3)))
    assert [(shard, command) for shard, command, _ in host.asked] == [
        (2, Resolve(T1, True, 5_000)),
        (3, Resolve(T1, True, 5_000)),
    ]
    host.asked[0][2](Done())
    host.asked[1][2](NotLeader("", may_happen=False))
    host.pass_time(1)
    assert host.log == [] and host.asked[2][:2] == (3, Resolve(T1, True, 5_000))
    host.asked[2][2](Done())
    host.asked[0][2](Done())
    host.pass_time(1)
    assert [command for _, command, _ in host.log] == [Forget((T1,))]
    host.commit()
    assert not host.machine.transactions.records
    assert host.shown == [TransactionPrepared("n1", 1, T1, 1), TransactionEnded("n1", 1, T1, 5_000, 2)]


def test_a_new_leader_tells_what_an_earlier_one_may_not_have_told(host):
    host.apply(prepare(T1, Put("a", "1"), participants=(1, 2)))
    host.apply(Decide(T1, True, 5_000, (1, 2)))
    host.asked.clear()
    host.desk = TransactionDesk(host, CONFIG)
    host.desk.begin()
    assert [(shard, command) for shard, command, _ in host.asked] == [(2, Resolve(T1, True, 5_000))]


def test_whoever_is_in_doubt_for_long_asks_the_anchor_and_acts_on_the_answer(host):
    host.apply(prepare(T1, Put("a", "1"), anchor=2))
    host.pass_time(CONFIG.doubt_after_ns - 1)
    assert host.asked == []
    host.pass_time(1)
    host.pass_time(1)
    assert [(shard, command) for shard, command, _ in host.asked] == [(2, Inquire(T1))]
    host.asked[0][2](Undecided())
    assert host.log == []
    host.pass_time(1)
    host.asked[1][2](Ended(True, 7_000))
    host.commit()
    assert host.machine.rows(span_of("a"), 7_000) == (("a", "1"),)


def test_an_anchor_in_doubt_about_its_own_record_has_it_aborted_when_patience_is_over(host):
    host.apply(prepare(T1, Put("a", "1"), participants=(1,)))
    host.pass_time(CONFIG.doubt_after_ns)
    host.commit()
    assert T1 in host.machine.transactions.parts
    host.pass_time(CONFIG.undecided_max_ns)
    host.commit()
    assert not host.machine.transactions.parts


# --- splits and merges ------------------------------------------------------------------------------------------------


def reshape(host, **range_):
    machine = host.machine
    machine._become(replace(machine.descriptor, **range_), machine.shape)
    host.desk.reshaped()


def test_locks_of_keys_that_were_given_away_are_gone_and_others_stay(host):
    for key in ("a", "z"):
        assert isinstance(host.answers[host.take(LockKeys(T1, (key,), "snapshot", 900))], Locked)
    reshape(host, end="m")
    assert [key for _, key, _ in host.desk.lock_ages_ns] == ["a"]


def test_a_leader_is_as_late_as_the_shard_that_it_took_over(host):
    reshape(host, end="m")
    host.machine.transactions.fence_ns = 900_000
    reshape(host, end="")
    assert host.clock.now_ns() > 900_000


def test_another_configuration_disturbs_nobody(host):
    host.take(LockKeys(T1, ("z",), "snapshot", 900))
    host.machine.transactions.fence_ns = 900_000
    reshape(host, epoch=9)
    assert [key for _, key, _ in host.desk.lock_ages_ns] == ["z"] and host.clock.now_ns() < 900_000


def test_a_read_whose_shard_has_changed_meanwhile_is_answered_once(host):
    """Leadership is confirmed for two attempts at it: one of them is answered."""
    host.machine.transactions.fence_ns = 900_000
    request = host.request(read("z", 900))
    host.confirm = lambda _request: None
    host.desk.take(request)
    reshape(host, epoch=9)
    host.desk.serve(request)
    assert type(host.answers[request.call]) is StaleRoute
    host.desk.serve(request)
