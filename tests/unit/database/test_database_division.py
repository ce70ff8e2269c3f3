"""What a shard hands over when it splits, what it stops to do when it is frozen, and what it has when it took over."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.database.config import DatabaseConfig, make_layout
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import (
    Absorb,
    Done,
    Execute,
    Freeze,
    Frozen,
    OpenSession,
    RefuseTask,
    SessionExpired,
    SplitOff,
    StaleRoute,
    Told,
    Transact,
)
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.domain import Append, Configuration, Get, Put
from PhantomLibrary.domain.rows import CATALOG_KEY, global_key, position_start, row_key
from PhantomLibrary.protocols.transactions.values import Prepare, RaiseFence, Resolve, Span, TransactionId, span_of

LAYOUT = make_layout(["n1", "n2", "n3"], shards=1, replicas=3, config=DatabaseConfig(snapshot_chunk_bytes=60))
T1 = TransactionId(1, "n1", 1)
RIGHT = 7


class Script:
    """Applies commands one after the other, always at the epoch of the shard."""

    def __init__(self, machine=None):
        self.machine = machine or ShardMachine(LAYOUT, LAYOUT.shards[1], SessionTable(1_000))
        self.opened = {}

    def apply(self, command):
        return self.machine.apply(self.machine.applied_index + 1, command)

    def open(self):
        return int(self.apply(OpenSession("n1", 1)).value)

    def do(self, session, sequence, operation, *, at_ns=0, epoch=None):
        epoch = self.machine.epoch if epoch is None else epoch
        return self.apply(Execute("n1", 1, epoch, session, sequence, at_ns, operation))

    def put(self, *keys):
        session = self.open()
        for number, key in enumerate(keys):
            assert self.do(session, number + 1, Put(key, key.upper())) == Done(None)
        return session

    def read(self, key):
        outcome = self.machine.read(Get(key), self.machine.epoch)
        return outcome.value if isinstance(outcome, Done) else outcome

    def split(self, key="m", task=5):
        """Split at a key; return the right half, begun from what was handed over."""
        self.apply(SplitOff(task, self.machine.epoch, key, RIGHT))
        return begin(self.machine)

    def absorb(self, chunks, task=9):
        for number, chunk in enumerate(chunks):
            self.apply(Absorb(task, number, len(chunks), chunk))

    @property
    def keys(self):
        return [key.decode() for key, _ in self.machine._store.items()]


def begin(machine):
    offspring, machine.offspring = machine.offspring, None
    right = ShardMachine(LAYOUT, offspring.descriptor, SessionTable(1_000))
    right.restore(offspring.chunks)
    return Script(right)


def frozen(script, task=9):
    script.apply(Freeze(task))
    return script.machine.frozen_chunks()


@pytest.fixture
def script():
    return Script()


# --- splits -----------------------------------------------------------------------------------------------------------


def test_each_half_has_its_keys_and_serves_them_alone(script):
    script.put("a", "m", "z")
    right = script.split()
    left, right_side = script.machine.descriptor, right.machine.descriptor

    assert (left.start, left.end, left.epoch) == ("", "m", script.machine.applied_index)
    assert (right_side.shard, right_side.start, right_side.end) == (RIGHT, "m", "")
    assert right_side.epoch == left.epoch == right.machine.applied_index and right_side.voters == left.voters
    assert script.keys == ["a"] and right.keys == ["m", "z"]
    assert (script.read("a"), right.read("m"), right.read("z")) == ("A", "M", "Z")


def test_whoever_knows_the_whole_shard_is_told_of_both_halves(script):
    session, epoch = script.put("a", "z"), script.machine.epoch
    right = script.split()
    stale = StaleRoute(script.machine.descriptor, right.machine.descriptor)

    assert script.do(session, 3, Put("z", "lost"), epoch=epoch) == stale
    assert script.machine.read(Get("z"), epoch) == stale


def test_retries_are_known_in_both_halves(script):
    session, epoch = script.open(), script.machine.epoch
    script.do(session, 1, Append("z", "x"))
    right = script.split()

    assert right.do(session, 1, Append("z", "x")) == Done(None) and right.read("z") == "x"
    assert script.do(session, 1, Append("z", "x"), epoch=epoch) == Done(None)
    assert right.do(session, 2, Append("z", "y")) == Done(None) and right.read("z") == "x y"
    assert right.do(12345, 1, Append("z", "y")) == SessionExpired()


def test_sessions_that_are_opened_later_are_no_other_ones(script):
    script.put("a", "z")
    right = script.split()
    assert len({script.open(), script.open(), right.open(), right.open()}) == 4


def test_the_right_half_gives_no_timestamps_that_were_served(script):
    script.apply(Transact("n1", 1, 0, 10, RaiseFence(900)))
    script.do(script.open(), 1, Put("a", "x"), at_ns=1_000)
    right = script.split()

    assert right.machine.last_timestamp_ns == 1_000 and right.machine.transactions.fence_ns == 900


def test_a_split_of_another_epoch_or_of_a_task_that_is_over_does_nothing(script):
    script.put("a", "z")
    before = script.machine.digest()
    script.apply(SplitOff(5, script.machine.epoch + 1, "m", RIGHT))
    script.apply(RefuseTask(5, "it was cancelled"))
    script.apply(SplitOff(5, script.machine.epoch, "m", RIGHT))
    assert script.machine.offspring is None and script.keys == ["a", "z"]
    assert script.machine.shape.refusal == "it was cancelled" and script.machine.digest() != before


def test_a_shard_does_not_split_while_its_members_change(script):
    script.put("a", "z")
    epoch = script.machine.epoch
    script.apply(Configuration(("n1", "n2"), ("n1", "n2", "n3")))
    script.apply(SplitOff(5, epoch, "m", RIGHT))
    assert script.machine.offspring is None
    script.apply(Configuration(("n1", "n2")))
    assert script.split().machine.descriptor.voters == ("n1", "n2")


def test_a_second_command_for_the_same_split_does_nothing(script):
    script.put("a", "z")
    script.split()
    script.apply(SplitOff(5, script.machine.epoch, "a", RIGHT))
    assert script.machine.offspring is None and script.machine.descriptor.end == "m"


def test_the_middle_is_the_key_with_as_many_on_either_side(script):
    assert script.machine.middle() == ""
    script.put("a")
    assert script.machine.middle() == ""
    script.put("b", "c", "d", "e")
    assert script.machine.middle() == "c"


def test_a_part_that_is_prepared_is_there_in_both_halves(script):
    script.put("a", "z")
    work = Prepare(T1, "snapshot", 2_000, (Put("a", "1"), Put("z", "2")), (), 2)
    script.apply(Transact("n1", 1, script.machine.epoch, 3_000, work))
    right = script.split()

    assert script.machine.transactions.holder_of("a") == right.machine.transactions.holder_of("z") == T1
    for half in (script, right):
        half.apply(Transact("n1", 1, 0, 4_000, Resolve(T1, True, 3_500)))
    assert (script.read("a"), right.read("z")) == ("1", "2")


def test_a_prepare_that_was_answered_before_the_split_is_answered_so_after_it(script):
    work = Prepare(T1, "snapshot", 2_000, (Put("a", "1"),), (), 2)
    before = script.machine.epoch
    answer = script.apply(Transact("n1", 1, before, 3_000, work))
    script.split()

    assert script.apply(Transact("n1", 2, before, 3_100, work)) == answer and isinstance(answer, Told)
    other = Prepare(TransactionId(2, "n1", 2), "snapshot", 2_000, (Put("b", "1"),), (), 2)
    assert isinstance(script.apply(Transact("n1", 3, before, 3_200, other)), StaleRoute)


# --- merges -----------------------------------------------------------------------------------------------------------


def test_a_frozen_shard_does_nothing_and_tells_nothing(script):
    session, epoch = script.put("a"), script.machine.epoch
    script.apply(Freeze(9))
    digest = script.machine.digest()

    assert script.do(session, 2, Put("b", "x"), epoch=epoch) == Frozen()
    assert script.machine.read(Get("a"), epoch) == Frozen()
    assert script.apply(OpenSession("n1", 1)) == Frozen()
    assert script.apply(Transact("n1", 1, epoch, 99, RaiseFence(500))) == Frozen()
    assert script.machine.digest() == digest


def test_a_shard_that_thaws_serves_again_and_freezes_no_more_for_that_task(script):
    session, epoch = script.put("a"), script.machine.epoch
    script.apply(Freeze(9))
    script.apply(RefuseTask(9, "it was cancelled"))
    script.apply(Freeze(9))

    assert script.machine.epoch == epoch
    assert script.do(session, 2, Put("a", "again")) == Done(None)


def test_a_shard_has_all_of_the_one_that_it_took_over(script):
    session = script.put("a", "m", "z")
    right = script.split()
    right.do(session, 4, Append("m", "more"), at_ns=5_000)
    right.apply(Transact("n1", 1, 0, 10, RaiseFence(900)))
    script.absorb(frozen(right))
    machine = script.machine

    assert script.keys == ["a", "m", "z"] and script.read("m") == "M more"
    assert (machine.descriptor.end, machine.descriptor.epoch) == ("", machine.applied_index)
    assert machine.last_timestamp_ns == 5_000 and machine.transactions.fence_ns == 900
    assert script.do(session, 4, Append("m", "more")) == Done(None) and script.read("m") == "M more"


def test_a_session_that_went_two_ways_remembers_what_came_last(script):
    session = script.put("a", "z")
    right = script.split()
    right.do(session, 3, Append("z", "x"))
    script.do(session, 4, Append("a", "y"))
    script.absorb(frozen(right))

    assert script.do(session, 4, Append("a", "y")) == Done(None) and script.read("a") == "A y"
    assert script.do(session, 3, Append("z", "x")) == SessionExpired()


def test_chunks_count_once_and_in_order(script):
    script.put("a", "b", "m", "n", "o", "z")
    right = script.split()
    chunks = frozen(right)
    assert len(chunks) > 2
    for number in (1, 0, 0, 2, 1, *range(2, len(chunks)), len(chunks) - 1):
        script.apply(Absorb(9, number, len(chunks), chunks[number]))

    assert script.keys == ["a", "b", "m", "n", "o", "z"] and script.machine.shape.absorbing is None


def test_a_merge_that_was_refused_leaves_nothing_behind(script):
    script.put("a", "m", "z")
    right = script.split()
    chunks = frozen(right)
    script.apply(Absorb(9, 0, len(chunks), chunks[0]))
    script.apply(RefuseTask(9, "it was cancelled"))
    script.absorb(chunks)

    assert script.keys == ["a"] and script.machine.shape.absorbing is None and script.machine.descriptor.end == "m"


def test_what_is_frozen_is_the_same_on_each_replica_whoever_its_members_are(script):
    script.put("a", "m", "z")
    right = script.split()
    chunks = frozen(right)
    right.apply(Configuration(("n1", "n2"), ("n1", "n2", "n3")))
    right.apply(Configuration(("n1", "n2")))
    copy = ShardMachine(LAYOUT, right.machine.descriptor, SessionTable(1_000))
    copy.restore(right.machine.snapshot())

    assert right.machine.frozen_chunks() == copy.frozen_chunks() == chunks


def test_a_snapshot_in_the_midst_of_a_merge_goes_on_with_it(script):
    script.put("a", "m", "z")
    chunks = frozen(script.split())
    script.apply(Absorb(9, 0, len(chunks), chunks[0]))
    copy = Script(ShardMachine(LAYOUT, script.machine.descriptor, SessionTable(1_000)))
    copy.machine.restore(script.machine.snapshot())
    for each in (script, copy):
        for number in range(1, len(chunks)):
            each.apply(Absorb(9, number, len(chunks), chunks[number]))

    assert copy.machine.digest() == script.machine.digest() and copy.keys == ["a", "m", "z"]


_WRITES = st.lists(st.tuples(st.sampled_from("abmz"), st.sampled_from("xyz")), max_size=12)


@settings(max_examples=40)
@given(_WRITES, _WRITES, _WRITES, st.sampled_from("bmn"))
def test_writes_before_within_and_after_are_all_there_once(before, within, after, key):
    script, expected = Script(), {}
    session, sequence = script.open(), 0

    def write(to, writes):
        nonlocal sequence
        for name, element in writes:
            sequence += 1
            holder = next(each for each in to if each.machine.descriptor.holds(name))
            assert holder.do(session, sequence, Append(name, element)) == Done(None)
            expected.setdefault(name, []).append(element)

    write([script], before)
    right = script.split(key)
    write([script, right], within)
    script.absorb(frozen(right))
    write([script], after)

    assert {name: script.read(name).split() for name in script.keys} == expected


# --- what every shard has a copy of -----------------------------------------------------------------------------------

COPY = global_key(3, "[1]")


def write_everywhere(script, transaction, key, value, *, resolve=True):
    """Write a key as two-phase commit does."""
    prepare = Prepare(transaction, "read committed", 1, (Put(key, value),), (), 1, (1, 2))
    assert type(script.apply(Transact("n1", 1, script.machine.epoch, 50, prepare)).answer).__name__ == "Prepared"
    if resolve:
        script.apply(
            Transact("n1", 1, script.machine.epoch, 60, Resolve(transaction, True, 60 + script.machine.applied_index))
        )


def test_both_halves_of_a_split_have_it(script):
    write_everywhere(script, T1, COPY, "[1]")
    script.put("a", "z")
    right = script.split()
    assert script.keys == [COPY, "a"] and right.keys == [COPY, "z"]
    assert script.read(COPY) == right.read(COPY) == "[1]"


def test_a_merge_keeps_one_copy(script):
    write_everywhere(script, T1, COPY, "[1]")
    script.put("a", "z")
    right = script.split()
    size = script.machine.bytes
    write_everywhere(right, TransactionId(2, "n1", 2), COPY, "[2]")
    script.absorb(frozen(right))
    assert script.keys == [COPY, "a", "z"] and script.read(COPY) == "[1]" and script.machine.bytes > size


def test_it_does_not_count_where_a_shard_is_to_be_split(script):
    for number in range(4):
        write_everywhere(script, TransactionId(number + 1, "n1", number + 1), global_key(3, f"[{number}]"), "1")
    script.put("a")
    assert script.machine.middle() == ""
    script.put("z")
    assert script.machine.middle() == "z"


def test_a_span_of_a_table_has_its_rows_alone(script):
    mine, other = row_key(5, 3, "[1]"), row_key(5, 4, "[1]")
    script.put(mine, other, "k5")
    write_everywhere(script, T1, COPY, "[1]")

    def found(span):
        return [key for key, _ in script.machine.rows(span, 1 << 60)]

    assert found(Span("", "")) == [mine, other, "k5"]
    assert found(Span("", "", 3)) == [mine] and found(Span("", "", 5)) == []
    assert found(Span("*#", "*$")) == [COPY] and found(span_of(CATALOG_KEY)) == []


def test_rows_of_one_position_are_not_divided(script):
    rows = [row_key(position, table, f"[{table}]") for position in (5, 9) for table in (1, 2, 3)]
    script.put(*rows[:3])
    assert script.machine.middle() == ""
    script.put(*rows[3:])
    assert script.machine.middle() == position_start(9)
    assert script.machine.descriptor.token(rows[1]) == position_start(5)
