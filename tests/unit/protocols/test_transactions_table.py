"""What a shard replicates of transactions: late, doubled and reordered commands, and a model that is naive."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.domain import Append, Delete, Increment, Put
from PhantomLibrary.protocols.mvcc.versions import VersionedStore
from PhantomLibrary.protocols.transactions.table import TransactionTable
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Decide,
    Done,
    Ended,
    Forget,
    Inquire,
    Prepare,
    Prepared,
    RaiseFence,
    Resolve,
    Span,
    TransactionId,
    Undecided,
    span_of,
)

RETENTION, PATIENCE = 1000, 100
T1, T2 = TransactionId(1, "n1", 1), TransactionId(2, "n2", 1)
ABORTED = Ended(False, 0)


class Shard:
    """A table over a store, with a clock that the test turns."""

    def __init__(self, retention=RETENTION):
        self.store = VersionedStore()
        self.table = TransactionTable(self.store, retention_ns=retention, patience_ns=PATIENCE)
        self.now = 10

    def put(self, key, value, at=None):
        self.store.put(key.encode(), value.encode(), at_ns=at or self.now, horizon_ns=0)

    def value(self, key):
        value = self.store.latest(key.encode())
        return None if value is None else value.decode()

    def do(self, command, at=None):
        self.now = at if at is not None else self.now + 1
        return self.table.apply(command, self.now)

    def prepare(self, transaction=T1, *writes, reads=(), level="serializable", snapshot=5, **more):
        spans = tuple(span_of(each) if isinstance(each, str) else each for each in reads)
        return self.do(prepare(transaction, *writes, reads=spans, level=level, snapshot=snapshot, **more))


def prepare(transaction, *writes, reads=(), level="serializable", snapshot=5, participants=(), one_phase=False):
    return Prepare(transaction, level, snapshot, writes, reads, 1, participants, one_phase)


@pytest.fixture
def shard():
    return Shard()


def restored(shard):
    """Return another shard that took over what this one holds."""
    copy = Shard()
    copy.store, copy.now = shard.store, shard.now
    copy.table.load(shard.table.dump(), shard.store)
    return copy


# --- the way of one transaction ---------------------------------------------------------------------------------------


def test_what_is_prepared_is_seen_only_when_it_is_committed_and_at_the_time_of_the_commit(shard):
    answer = shard.prepare(T1, Put("a", "1"), Put("b", "2"), participants=(1, 2))
    assert isinstance(answer, Prepared) and shard.value("a") is None
    assert shard.table.records[T1].state == "ACTIVE"
    assert shard.do(Decide(T1, True, 500, (1, 2))) == Ended(True, 500)
    assert (shard.value("a"), shard.store.latest_ns(b"a"), shard.store.latest_promised_ns(b"b")) == (
        "1",
        500,
        answer.at_ns,
    )
    assert not shard.table.parts and shard.table.holder_of("a") is None
    assert shard.store.next_ns(0) == 501


def test_what_is_rolled_back_was_never_there(shard):
    shard.prepare(T1, Put("a", "1"), reads=("b",))
    assert shard.do(Resolve(T1, False, 0)) == Done()
    assert shard.value("a") is None and shard.table.holder_of("a") is None and shard.table.holder_of("b") is None


def test_writes_come_to_values_when_they_are_prepared(shard):
    shard.put("list", "x")
    shard.put("gone", "1")
    shard.prepare(T1, Append("list", "y"), Append("list", "z"), Increment("n", 2), Increment("n", 3), Delete("gone"),
                  level="read committed")  # fmt: skip
    shard.do(Resolve(T1, True, 99))
    assert [shard.value(key) for key in ("list", "n", "gone")] == ["x y z", "5", None]


def test_one_phase_commits_at_once_and_is_remembered(shard):
    first = shard.prepare(T1, Increment("n", 1), one_phase=True)
    again = shard.prepare(T1, Increment("n", 1), one_phase=True)
    assert first == again and first.committed and shard.value("n") == "1"
    assert not shard.table.records and not shard.table.parts


def test_a_prepare_gets_a_timestamp_above_its_snapshot_and_all_that_was_written(shard):
    shard.put("other", "1", at=800)
    assert shard.prepare(T1, Put("a", "1"), snapshot=900).at_ns == 901
    assert shard.prepare(T2, Put("b", "1"), snapshot=5).at_ns == 902


def test_adding_to_what_is_no_number_is_a_conflict_and_nothing_else(shard):
    shard.put("a", "pear")
    answer = shard.prepare(T1, Increment("a", 1), level="read committed")
    assert isinstance(answer, Conflict) and "'pear', which is no whole number" in answer.reason
    assert shard.value("a") == "pear" and not shard.table.parts
    assert isinstance(shard.prepare(T1, Put("a", "-4"), Increment("a", 1), level="read committed"), Prepared)


# --- who stands against whom ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "is_refused"), [("read committed", False), ("snapshot", True), ("serializable", True)]
)
def test_the_first_updater_wins_above_read_committed(shard, level, is_refused):
    shard.put("a", "0", at=20)
    answer = shard.prepare(T1, Increment("a", 1), level=level, snapshot=19)
    assert isinstance(answer, Conflict) is is_refused
    if is_refused:
        assert answer.holder is None and "written by another transaction after" in answer.reason


def test_a_snapshot_at_the_very_time_of_a_version_sees_it(shard):
    shard.put("a", "0", at=20)
    assert isinstance(shard.prepare(T1, Increment("a", 1), reads=("a",), snapshot=20), Prepared)


@pytest.mark.parametrize("level", ["read committed", "snapshot", "serializable"])
def test_nobody_writes_what_another_is_prepared_to_write(shard, level):
    shard.prepare(T1, Put("a", "1"))
    assert shard.prepare(T2, Put("a", "2"), level=level).holder == T1


@pytest.mark.parametrize("read", ["a", Span("a", "c"), Span("", "")])
def test_nobody_writes_what_another_has_read_and_is_prepared(shard, read):
    shard.prepare(T1, Put("x", "1"), reads=(read,))
    assert shard.table.reader_of("a") == T1 and shard.table.reader_of("a", but=T1) is None
    assert shard.prepare(T2, Put("a", "2"), level="read committed").holder == T1
    shard.do(Resolve(T1, True, 200))
    assert shard.table.reader_of("a") is None
    later = shard.prepare(TransactionId(3, "n3", 1), Put("a", "2"), level="read committed")
    assert later.at_ns > 200  # After whoever read what was there before.


def test_readers_do_not_stand_against_readers(shard):
    shard.prepare(T1, Put("x", "1"), reads=("a", Span("m", "o")))
    assert isinstance(shard.prepare(T2, Put("y", "1"), reads=("a", Span("m", "o"))), Prepared)


def test_who_read_and_writes_the_same_key_is_not_in_his_own_way(shard):
    assert isinstance(shard.prepare(T1, Increment("a", 1), reads=("a",)), Prepared)


@pytest.mark.parametrize("span", [span_of("a"), Span("a", "c"), Span("", "")])
def test_what_was_read_and_has_changed_is_a_conflict_new_keys_too(shard, span):
    shard.put("a", "1", at=20)
    answer = shard.prepare(T1, Put("x", "1"), reads=(span,), snapshot=19)
    assert isinstance(answer, Conflict) and "a was read" in answer.reason
    assert isinstance(shard.prepare(T2, Put("x", "1"), reads=(Span("b", "c"),), snapshot=19), Prepared)


def test_what_was_read_and_another_is_prepared_to_write_is_a_conflict(shard):
    shard.prepare(T1, Put("b", "1"))
    assert shard.prepare(T2, Put("x", "1"), reads=(Span("a", "c"),)).holder == T1
    assert isinstance(shard.prepare(T2, Put("x", "1"), reads=(Span("c", "d"),)), Prepared)


@pytest.mark.parametrize("span", [span_of("a"), Span("a", "b")])
def test_a_read_is_in_doubt_from_the_time_of_the_promise_on(shard, span):
    promised = shard.prepare(T1, Put("a", "1")).at_ns
    assert shard.table.in_doubt(span, promised - 1) is None
    assert shard.table.in_doubt(span, promised) == T1
    assert shard.table.in_doubt(span_of("b"), 1 << 62) is None and shard.table.in_doubt(Span("b", ""), 1 << 62) is None


# --- late, doubled, reordered -----------------------------------------------------------------------------------------


def test_a_prepare_that_comes_twice_is_answered_alike(shard):
    first = shard.prepare(T1, Increment("a", 1), participants=(1, 2))
    assert shard.prepare(T1, Increment("a", 1), participants=(1, 2)) == first
    shard.do(Decide(T1, True, 50, (1, 2)))
    assert shard.prepare(T1, Increment("a", 1), participants=(1, 2)) == Ended(True, 50)
    assert shard.value("a") == "1" and not shard.table.parts


@pytest.mark.parametrize("end", [Resolve(T1, False, 0), Decide(T1, False, 0, (1, 2)), Inquire(T1)])
def test_a_prepare_that_comes_after_the_abort_holds_nothing(shard, end):
    shard.do(end)
    assert shard.prepare(T1, Put("a", "1")) == ABORTED
    assert not shard.table.parts


def test_a_refused_one_phase_commit_stays_refused_though_the_way_is_free_by_then(shard):
    shard.prepare(T2, Put("a", "2"))
    assert isinstance(shard.prepare(T1, Put("a", "1"), one_phase=True), Conflict)
    shard.do(Resolve(T2, False, 0))
    assert shard.prepare(T1, Put("a", "1"), one_phase=True) == ABORTED  # Its client was told so.
    assert shard.value("a") is None


def test_a_refused_prepare_of_many_may_be_tried_again(shard):
    shard.prepare(T2, Put("a", "2"))
    assert isinstance(shard.prepare(T1, Put("a", "1")), Conflict)
    shard.do(Resolve(T2, False, 0))
    assert isinstance(shard.prepare(T1, Put("a", "1")), Prepared)


def test_the_first_decision_stands(shard):
    shard.prepare(T1, Put("a", "1"), participants=(1, 2))
    assert shard.do(Decide(T1, False, 0, (1, 2))) == ABORTED
    assert shard.do(Decide(T1, True, 90, (1, 2))) == ABORTED
    assert shard.do(Inquire(T1)) == ABORTED
    assert shard.value("a") is None and shard.table.records[T1].state == "ABORTED"


def test_a_record_is_aborted_by_an_inquiry_only_when_patience_is_over(shard):
    shard.prepare(T1, Put("a", "1"), participants=(1, 2))
    assert shard.do(Inquire(T1), at=shard.now + PATIENCE - 1) == Undecided()
    assert shard.do(Inquire(T1), at=shard.now + 1) == ABORTED
    assert shard.table.records[T1].participants == (1, 2)  # All of them are to hear of it.


def test_an_inquiry_about_the_unknown_aborts_it_for_good(shard):
    assert shard.do(Inquire(T1)) == ABORTED
    assert shard.prepare(T1, Put("a", "1"), participants=(1, 2)) == ABORTED
    assert shard.do(Decide(T1, True, 90, (1, 2))) == ABORTED


def test_nobody_knows_of_a_commit_that_is_neither_prepared_nor_remembered(shard):
    assert shard.do(Decide(T1, True, 90, (1, 2))) == Undecided()
    assert not shard.table.records


def test_a_decision_is_remembered_after_its_record_is_forgotten(shard):
    shard.prepare(T1, Put("a", "1"), participants=(1, 2))
    shard.do(Decide(T1, True, 50, (1, 2)))
    assert shard.do(Forget((T1, T2))) == Done()
    assert not shard.table.records
    assert shard.do(Inquire(T1)) == Ended(True, 50) == shard.do(Decide(T1, True, 50, (1, 2)))


def test_a_record_that_is_not_decided_is_never_forgotten(shard):
    shard.prepare(T1, Put("a", "1"), participants=(1, 2))
    shard.do(Forget((T1,)))
    assert shard.table.records[T1].state == "ACTIVE"


def test_a_decided_record_outlives_its_tombstone(shard):
    shard.prepare(T1, Put("a", "1"), participants=(1, 2))
    shard.do(Decide(T1, True, 50, (1, 2)))
    shard.do(RaiseFence(1), at=shard.now + 2 * RETENTION)
    assert shard.do(Inquire(T1)) == Ended(True, 50)


@pytest.mark.parametrize("one_phase", [False, True])
def test_a_prepare_that_comes_when_its_end_is_forgotten_is_refused(shard, one_phase):
    begun = TransactionId(7000, "n1", 9)  # Its gateway's clock is far ahead of this shard's.
    shard.prepare(begun, Increment("a", 1), one_phase=True)
    shard.do(RaiseFence(1), at=shard.now + RETENTION + 1)
    assert shard.table.ending(begun) is None
    answer = shard.prepare(begun, Increment("a", 1), one_phase=one_phase)
    assert isinstance(answer, Conflict) and "so long ago" in answer.reason
    assert shard.value("a") == "1" and not shard.table.parts
    assert shard.do(Inquire(begun)) == ABORTED and not shard.table.records


def test_who_began_later_than_all_that_is_forgotten_is_welcome(shard):
    shard.prepare(T1, Put("a", "1"), one_phase=True)
    shard.do(RaiseFence(1), at=shard.now + RETENTION + 1)
    assert isinstance(shard.prepare(T2, Put("b", "1")), Prepared)


def test_a_fence_never_sinks(shard):
    shard.do(RaiseFence(50))
    shard.do(RaiseFence(40))
    assert shard.table.fence_ns == 50


def test_another_replica_takes_over_all_of_it(shard):
    shard.prepare(T1, Put("a", "1"), reads=("r", Span("s", "u")), participants=(1, 2))
    shard.prepare(T2, Put("b", "1"), level="snapshot")
    shard.do(Resolve(T2, True, 60))
    shard.do(RaiseFence(70))
    copy = restored(shard)
    assert copy.table.dump() == shard.table.dump()
    assert [copy.table.holder_of(key) for key in "arsb"] == [T1, T1, T1, None]
    assert copy.do(Resolve(T1, True, 80)) == Done() and copy.value("a") == "1"
    assert copy.table.holder_of("s") is None
    assert copy.do(Inquire(T2)) == Ended(True, 60) and copy.table.fence_ns == 70


# --- a naive model ----------------------------------------------------------------------------------------------------


class Model:
    """The same, by looking at everything that ever happened. It forgets nothing."""

    def __init__(self):
        self.versions, self.parts, self.records, self.ends, self.last = {}, {}, {}, {}, 0

    def apply(self, command, at):
        return getattr(self, type(command).__name__.lower())(command, at)

    def newest(self, key):
        return max(self.versions.get(key, [(0, None)]))

    def prepare(self, command, at):
        who = command.transaction
        if who in self.ends:
            return self.ends[who]
        if who in self.parts:
            return Prepared(self.parts[who][0])
        if self.stands_against(command):
            if command.one_phase:
                self.ends[who] = ABORTED
            return "conflict"
        self.last = at_ns = max(at, command.snapshot_ns + 1, self.last + 1)
        values = {}
        for write in command.writes:
            before = values.get(write.key, self.newest(write.key)[1])
            values[write.key] = {
                Put: lambda w, b: w.value,
                Append: lambda w, b: f"{b} {w.element}" if b else w.element,
                Delete: lambda w, b: None,
            }[type(write)](write, before)
        if command.one_phase:
            return self.end(who, (at_ns, values, command.reads), Ended(True, at_ns))
        self.parts[who] = (at_ns, values, command.reads)
        if command.participants:
            self.records[who] = ("ACTIVE", at)
        return Prepared(at_ns)

    def stands_against(self, command):
        for other, (_, values, reads) in self.parts.items():
            assert other != command.transaction
            for write in command.writes:
                if write.key in values or any(span.contains(write.key) for span in reads):
                    return True
            if any(span.contains(key) for span in command.reads for key in values):
                return True
        changed = [key for key in self.versions if self.newest(key)[0] > command.snapshot_ns]
        if command.isolation != "read committed" and any(write.key in changed for write in command.writes):
            return True
        return any(span.contains(key) for span in command.reads for key in changed)

    def end(self, who, part, ended):
        self.parts.pop(who, None)
        self.ends[who] = ended
        if part is not None and ended.committed:
            for key, value in part[1].items():
                self.versions.setdefault(key, []).append((ended.commit_ns, value))
            self.last = max(self.last, ended.commit_ns)
        return ended

    def decide(self, command, at):
        who = command.transaction
        if who in self.ends:
            return self.ends[who]
        if command.commits and who not in self.records:
            return Undecided()
        self.records[who] = ("DECIDED", at)
        return self.end(who, self.parts.get(who), Ended(command.commits, command.commit_ns))

    def inquire(self, command, at):
        who = command.transaction
        state, since = self.records.get(who, ("", 0))
        if who not in self.ends and state == "ACTIVE" and at - since < PATIENCE:
            return Undecided()
        return self.decide(Decide(who, False, 0, ()), at)

    def resolve(self, command, at):
        self.end(command.transaction, self.parts.get(command.transaction), Ended(command.commits, command.commit_ns))
        return Done()

    def forget(self, command, at):
        for who in command.transactions:
            if who in self.ends:
                self.records.pop(who, None)
        return Done()


KEYS = st.sampled_from(["a", "b", "c"])
WRITES = st.one_of(st.builds(Put, KEYS, st.sampled_from("xyz")), st.builds(Append, KEYS, st.sampled_from("12")),
                   st.builds(Delete, KEYS))  # fmt: skip
SPANS = KEYS.map(span_of) | st.sampled_from([Span("a", "c"), Span("", "")])
IDS = st.integers(1, 5).map(lambda number: TransactionId(number, "n1", number))


@st.composite
def stories(draw):
    """Commands of a few transactions, in any order, any of them again: but a transaction asks for one thing, and is
    decided one way, when all have promised; a commit is above each promise.
    """
    asked = {}
    commands = []
    for _ in range(draw(st.integers(1, 25))):
        who = draw(IDS)
        if who not in asked:
            asked[who] = prepare(
                who,
                *draw(st.lists(WRITES, max_size=3)),
                reads=tuple(draw(st.lists(SPANS, max_size=2))),
                level=draw(st.sampled_from(["read committed", "snapshot", "serializable"])),
                snapshot=draw(st.integers(0, 60)),
                participants=draw(st.sampled_from([(), (1, 2)])),
                one_phase=draw(st.integers(0, 4)) == 0,
            )
        kind = draw(
            st.sampled_from(["prepare", "prepare", "commit", "abort", "resolve", "inquire", "forget", "restore"])
        )
        commands.append((kind, who, asked[who], draw(st.integers(0, 40))))
    return commands


@given(stories())
@settings(max_examples=150, deadline=None)
def test_the_table_does_what_a_naive_model_does(story):
    shard, model, now, verdicts = Shard(retention=1 << 40), Model(), 10, {}
    for kind, who, asked, pause in story:
        now += pause
        promised = shard.table.parts.get(who)
        if kind == "restore":
            shard = restored(shard)
            continue
        command = {
            "prepare": lambda who=who, asked=asked: asked,
            "inquire": lambda who=who, asked=asked: Inquire(who),
            "forget": lambda who=who, asked=asked: Forget((who,)),
        }.get(kind, lambda: None)()
        if command is None:
            commits = kind != "abort" and promised is not None and not asked.one_phase
            verdict = verdicts.setdefault(who, Ended(commits, promised.prepared_ns + pause if commits else 0))
            known = shard.table.ending(who)
            if known is not None and known != verdict:
                continue  # Somebody in doubt had it aborted, or it was over in one phase.
            if kind == "resolve":
                command = Resolve(who, verdict.committed, verdict.commit_ns)
            else:
                command = Decide(who, verdict.committed, verdict.commit_ns, (1, 2))
        answer, expected = shard.do(command, at=now), model.apply(command, now)
        assert ("conflict" if isinstance(answer, Conflict) else answer) == expected
        assert {key: part.prepared_ns for key, part in shard.table.parts.items()} == {
            key: part[0] for key, part in model.parts.items()
        }
        for key in "abc":
            assert (shard.store.latest_ns(key.encode()), shard.value(key)) == model.newest(key)
            holders = [who for who, part in model.parts.items()
                       if key in part[1] or any(span.contains(key) for span in part[2])]  # fmt: skip
            assert (shard.table.holder_of(key) in holders) if holders else shard.table.holder_of(key) is None
    assert set(shard.table.records) == set(model.records)
