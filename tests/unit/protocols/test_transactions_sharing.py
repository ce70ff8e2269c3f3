"""What becomes of transactions when a shard is divided, and when two become one."""

from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.domain import Append, Put
from PhantomLibrary.domain.rows import CATALOG_KEY, global_key, is_global
from PhantomLibrary.protocols.transactions.sharing import divide, unite
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Decide,
    Done,
    Ended,
    Forget,
    Inquire,
    Prepared,
    Resolve,
    Span,
    Undecided,
    span_of,
)
from tests.unit.protocols.transactions_harness import T1, T2, Shard, prepare

LEFT, RIGHT = 1, 7


def load(shard, dump):
    shard.table.load(dump, shard.store)
    return shard


def split(shard, key="m"):
    """Divide a shard; return its right half, which has the versions of its keys as well."""
    kept, given_away = divide(shard.table.dump(), RIGHT, lambda name: name >= key, from_key=key)
    right = Shard()
    right.now = shard.now
    copies = [(each, versions) for each, versions in shard.store.items() if is_global(each.decode())]
    gone = [(each, versions) for each, versions in shard.store.items() if each.decode() >= key]
    for each, versions in (*copies, *gone):
        right.store.load(each, versions)
    right.store.reserve(shard.store.last_timestamp_ns)
    load(right, given_away)
    shard.store.drop([each for each, _ in gone])
    load(shard, kept)
    return right


def merge(left, right):
    """Let the left one take over the right one."""
    for key, versions in right.store.items():
        if not is_global(key.decode()):
            left.store.load(key, versions)
    left.store.reserve(right.store.last_timestamp_ns)
    load(left, unite(left.table.dump(), right.table.dump(), LEFT, RIGHT))
    left.table.settle_all()
    return left


def test_each_half_has_the_writes_and_reads_of_its_keys():
    shard = Shard()
    shard.prepare(T1, Put("a", "1"), Put("z", "2"), reads=("b", Span("c", "")), participants=(1, 2))
    kept, given_away = divide(shard.table.dump(), RIGHT, lambda name: name >= "m", from_key="m")
    (_, below), (_, above) = kept.parts[0], given_away.parts[0]

    assert below.values == (("a", "1"),) and below.reads == (span_of("b"), Span("c", "m"))
    assert above.values == (("z", "2"),) and above.reads == (Span("m", ""),)
    assert below.prepared_ns == above.prepared_ns and below.anchor == above.anchor == 1


def test_who_has_nothing_in_the_right_half_is_not_there():
    shard = Shard()
    shard.prepare(T1, Put("a", "1"), participants=(1, 2))
    shard.prepare(T2, Put("z", "1"), participants=(1, 2))
    kept, given_away = divide(shard.table.dump(), RIGHT, lambda name: name >= "m", from_key="m")

    assert [who for who, _ in kept.parts] == [T1, T2] and [who for who, _ in given_away.parts] == [T2]
    assert kept.parts[1][1].values == ()
    assert dict(kept.records)[T1].participants == (1, 2)
    assert dict(kept.records)[T2].participants == (1, 2, RIGHT)
    assert given_away.records == []


def test_a_record_learns_of_the_shard_that_took_a_part_along():
    shard = Shard()
    shard.prepare(T1, Put("a", "1"), Put("z", "2"), participants=(1, 2))
    right = split(shard)
    shard.do(Decide(T1, True, 50, (1, 2)))

    assert shard.table.records[T1].participants == (1, 2, RIGHT)
    assert shard.value("a") == "1" and right.value("z") is None
    assert right.do(Resolve(T1, True, 50)) == Done() and right.value("z") == "2"


def test_a_participant_has_acted_when_its_other_half_has():
    shard = Shard()
    shard.prepare(T1, Put("a", "1"), Put("z", "2"))  # Its record is elsewhere.
    right = split(shard)
    assert shard.do(Resolve(T1, True, 50)) == Undecided()
    assert shard.value("a") == "1" and shard.table.records[T1].participants == (RIGHT,)

    right.do(Resolve(T1, True, 50))
    assert shard.do(Resolve(T1, True, 50)) == Undecided()  # It has not heard of that.
    shard.do(Forget((T1,)))
    assert shard.do(Resolve(T1, True, 50)) == Done()


def test_a_participant_that_gave_all_away_passes_the_decision_on():
    shard = Shard()
    shard.prepare(T1, Put("z", "2"))
    split(shard)
    assert list(shard.table.parts) == [T1] and shard.table.holder_of("z") is None  # It asks if nobody tells it.
    assert shard.do(Resolve(T1, False, 0)) == Undecided()
    record = shard.table.records[T1]
    assert (record.state, record.participants) == ("ABORTED", (RIGHT,))


def test_both_halves_know_how_transactions_ended():
    shard = Shard()
    shard.prepare(T1, Put("z", "2"), one_phase=True)
    right = split(shard)
    again = prepare(T1, Put("z", "2"), one_phase=True)

    assert right.do(again) == shard.do(again) == Ended(True, 11)


def test_what_was_forgotten_on_one_side_is_too_late_on_both():
    left, right = Shard(), Shard()
    right.do(Resolve(T2, False, 0))
    right.do(Resolve(T1, False, 0), at=5_000)
    assert right.table.dump().forgotten_ns == T2.begun_ns
    merge(left, right)
    assert left.do(prepare(T2, Put("a", "1"))) == Undecided()


def test_two_parts_become_one_that_keeps_the_promises_of_both():
    left, right = Shard(), Shard()
    left.prepare(T1, Put("a", "1"), participants=(LEFT, RIGHT))
    right.now = 40
    right.prepare(T1, Put("z", "1"), reads=("y",))
    merge(left, right)
    part = left.table.parts[T1]

    assert (part.prepared_ns, part.promised_ns) == (41, 11)
    assert left.table.in_doubt(span_of("a"), 40) is None  # It commits at 41 at the earliest.
    left.do(Decide(T1, True, 41, (LEFT, RIGHT)))
    assert left.store.latest_promised_ns(b"z") == 11  # Whoever came here at 12 came after that, for all that is known.
    assert left.table.records[T1].participants == (LEFT, RIGHT)
    assert left.do(Resolve(T1, True, 41)) == Done() and left.value("z") == "1"


def test_a_decision_of_one_shard_ends_the_part_of_the_other():
    for commits, value in ((True, "2"), (False, None)):
        anchor, other = Shard(), Shard()
        anchor.prepare(T1, Put("a", "1"), participants=(LEFT, RIGHT))
        other.prepare(T1, Put("z", "2"), reads=("y",))
        anchor.do(Decide(T1, commits, 50 if commits else 0, (LEFT, RIGHT)))
        merged = merge(anchor, other)

        assert merged.value("z") == value
        assert not merged.table.parts and merged.table.holder_of("y") is None


def test_what_nobody_has_decided_stays_in_doubt_in_one_shard():
    anchor, other = Shard(), Shard()
    anchor.prepare(T1, Put("a", "1"), participants=(LEFT, RIGHT))
    other.prepare(T1, Put("z", "2"))
    merged = merge(anchor, other)

    assert list(merged.table.parts) == [T1] and merged.value("z") is None


def test_participants_that_have_become_one_are_told_once():
    left, right = Shard(), Shard()
    left.prepare(T1, Put("a", "1"), participants=(LEFT, 2, RIGHT))
    merge(left, right)
    assert left.table.records[T1].participants == (LEFT, 2)


def test_a_late_prepare_is_not_answered_with_what_another_shard_promised():
    left, right = Shard(), Shard()
    right.prepare(T1, Put("z", "1"))
    merge(left, right)

    assert isinstance(left.do(prepare(T1, Put("a", "1"))), Conflict)
    assert isinstance(left.do(prepare(T1, Put("z", "1"), reads=(span_of("b"),))), Conflict)
    assert isinstance(left.do(prepare(T1, Put("z", "1"))), Prepared)


def test_tombstones_end_in_the_order_in_which_they_were_put_up():
    left, right = Shard(), Shard()
    left.do(Inquire(T1), at=500)
    right.do(Inquire(T2), at=100)
    merge(left, right)
    left.do(Inquire(T1), at=1_300)  # The retention is 1000.

    assert [who for who, _, _ in left.table.dump().ended] == [T1]


# --- what every shard has a copy of -----------------------------------------------------------------------------------

COPY = global_key(4, "[1]")


def test_both_halves_have_what_is_to_be_written_everywhere():
    shard = Shard()
    shard.prepare(T1, Put(COPY, "1"), Put("z", "2"), reads=(CATALOG_KEY,), participants=(1, 2))
    right = split(shard)

    assert shard.table.writer_of(COPY) == right.table.writer_of(COPY) == T1
    assert shard.table.reader_of(CATALOG_KEY) == right.table.reader_of(CATALOG_KEY) == T1
    shard.do(Decide(T1, True, 50, (1, 2)))
    assert right.value(COPY) is None and right.do(Resolve(T1, True, 50)) == Done()
    assert shard.value(COPY) == right.value(COPY) == "1"


def test_a_merge_keeps_the_copy_of_the_shard_that_takes_over():
    left, right = Shard(), Shard()
    for shard in (left, right):  # Its record is elsewhere.
        shard.prepare(T1, Put(COPY, "1"))
    right.do(Resolve(T1, True, 50))
    merge(left, right)

    assert left.value(COPY) == "1" and left.table.writer_of(COPY) is None  # The decision is known here now.
    assert left.do(Resolve(T1, True, 50)) == Done()
    assert left.value(COPY) == "1" and left.table.writer_of(COPY) is None


def test_two_promises_of_one_copy_become_one():
    left, right = Shard(), Shard()
    left.prepare(T1, Put(COPY, "1"), participants=(LEFT, RIGHT))
    right.prepare(T1, Put(COPY, "1"), Put("z", "2"))
    merge(left, right)

    assert sorted(left.table.parts[T1].values) == [(COPY, "1"), ("z", "2")]
    assert isinstance(left.do(prepare(T1, Put(COPY, "1"), Put("z", "2"))), Prepared)
    left.do(Decide(T1, True, 50, (LEFT,)))
    assert left.value(COPY) == "1" and left.value("z") == "2" and left.table.holder_of(COPY) is None


def test_what_one_of_two_shards_promised_is_not_promised_for_the_other():
    """T2 has read at the right one what T1 is to write there as well: had T1 come there, it would have been refused."""
    left, right = Shard(), Shard()
    left.prepare(T1, Put(COPY, "1"), participants=(LEFT, RIGHT))
    right.prepare(T2, Put("z", "1"), reads=(COPY,))
    merge(left, right)

    assert isinstance(left.do(prepare(T1, Put(COPY, "1"))), Conflict)
    assert left.table.reader_of(COPY) == T2


def test_a_copy_that_was_promised_by_the_shard_that_is_gone_alone_is_promised_no_more():
    left, right = Shard(), Shard()
    right.prepare(T1, Put(COPY, "1"), Put("z", "1"))
    merge(left, right)

    assert left.table.writer_of(COPY) is None and left.table.writer_of("z") == T1
    assert isinstance(left.do(prepare(T1, Put(COPY, "1"))), Conflict)


_KEYS = st.sampled_from(["a", "b", "c", "m", "n", "z", COPY])
_PARTS = st.lists(
    st.tuples(st.lists(_KEYS, min_size=1, max_size=4, unique=True), st.lists(_KEYS, max_size=3)), max_size=3
)


@given(_PARTS, st.sampled_from("bmn"))
def test_what_was_divided_and_united_again_is_what_it_was(parts, key):
    shard = Shard()
    for number, (writes, reads) in enumerate(parts):
        transaction = type(T1)(number + 1, "n1", number + 1)
        shard.prepare(transaction, *(Append(each, "x") for each in writes), reads=tuple(reads), participants=(1, 2))
    before = shard.table
    keys = [*"abcmnz", COPY]
    held = {each: before.writer_of(each) for each in keys}
    read = {each: before.reader_of(each) for each in keys}
    merge(shard, split(shard, key))

    assert {each: shard.table.writer_of(each) for each in keys} == held
    assert {each: shard.table.reader_of(each) for each in keys} == read
    assert {each: set(part.values) for each, part in shard.table.parts.items()} == {
        each: set(part.values) for each, part in before.parts.items()
    }
