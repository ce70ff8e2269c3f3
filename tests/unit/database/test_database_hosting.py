"""What a leader does for fragments: what it lets in, what it keeps, and for how long."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.sql.messages import (
    Chunk,
    CloseCursors,
    CursorGone,
    CursorId,
    Deliver,
    Expected,
    FetchChunk,
    FragmentFailed,
    InputsGone,
    NotHere,
    RunFragment,
    Source,
    StillWorking,
    Taken,
)
from PhantomLibrary.database.transactions.messages import TooOld, Uncertain
from PhantomLibrary.domain import SECOND_NS, Put
from PhantomLibrary.domain.rows import CATALOG_KEY, ROWS_END, position_start
from PhantomLibrary.protocols.transactions.values import Done, Span
from PhantomLibrary.sql.catalog import Index, encode_catalog
from PhantomLibrary.sql.rows import encode_row, key_of_row
from tests.unit.database.sql_cluster import CATALOG, ORDERS, all_of, fragment
from tests.unit.database.transactions_host import T1, Host, prepare

ALL = Span(position_start(0), ROWS_END, 2)
BEGIN, BEHIND = 1_000, 100_000


@pytest.fixture
def host():
    return filled(Host())


def filled(made):
    made.write(CATALOG_KEY, encode_catalog(CATALOG), BEGIN)
    for number in range(6):
        made.write(key_of_row(ORDERS, (number, 0, 0)), encode_row((number, 0, number)), BEGIN + number)
    return made


def run(number=1, wanted=None, spans=(ALL,), at=BEHIND, limit=0, **more):
    wanted = wanted or all_of(ORDERS)
    return RunFragment(T1, CursorId("n9", number), wanted, spans, at, limit or at, 0, 0, **more)


def ask(host, work):
    call = host.take(work)
    host.commit()
    host.desk.settled()
    return host.answers[call]


def small(host, chunk_bytes):
    """Let chunks be small."""
    host.desk.fragments._config = replace(host.desk.fragments._config, chunk_bytes=chunk_bytes)
    return host


def fetch(host, chunk, number=1):
    return ask(host, FetchChunk(CursorId("n9", number), chunk))


def test_a_fragment_reads_what_was_there_at_its_time(host):
    assert len(ask(host, run()).rows) == 6
    assert len(ask(host, run(2, at=BEGIN + 2)).rows) in (2, 3)


def test_chunks_come_as_they_are_asked_for_and_again(host):
    small(host, 20)
    first = ask(host, run())
    assert first.number == 0 and not first.is_last and first.rows_total == 6
    rows, number = list(first.rows), 0
    while not first.is_last:
        number += 1
        again = fetch(host, number)
        first = fetch(host, number)
        assert again.rows == first.rows
        rows += first.rows
    assert sorted(rows) == [(each, 0, each) for each in range(6)]
    assert host.desk.fragments.bytes > 0
    assert ask(host, CloseCursors((CursorId("n9", 1),))) == Done()
    assert fetch(host, 0) == CursorGone() and host.desk.fragments.bytes == 0


def test_what_comes_late_for_a_cursor_that_was_closed_is_not_taken_up(host):
    ask(host, CloseCursors((CursorId("n9", 1), CursorId("n9", 2))))
    assert ask(host, run()) == CursorGone()
    assert ask(host, Deliver(CursorId("n9", 2), 1, Source(CursorId("n8", 1), 1, 1), 0, ((1,),), 3)) == CursorGone()
    assert not host.desk.fragments.is_busy


def test_nobody_keeps_a_cursor_for_whom_nobody_asks(host):
    small(host, 20)
    ask(host, run())
    host.pass_time(6 * SECOND_NS)
    assert not host.desk.fragments.is_busy and fetch(host, 1) == CursorGone()


def test_a_span_that_is_not_here_is_not_answered(host):
    host.machine.descriptor = host.desk._host.machine.descriptor.__class__(1, "", position_start(1 << 62), 1, ("n1",))
    assert ask(host, run()) == NotHere()
    assert isinstance(ask(host, run(2, spans=(Span(ALL.start, position_start(1 << 62), 2),))), Chunk)


def test_what_may_have_been_before_the_transaction_is_uncertain(host):
    assert isinstance(ask(host, run(at=BEGIN + 2, limit=BEHIND)), Uncertain)
    assert isinstance(ask(host, run(2, wanted=all_of(CATALOG.tables[0]), at=BEGIN + 2, limit=BEHIND)), Chunk)


def test_who_is_in_doubt_is_waited_for(host):
    key = key_of_row(ORDERS, (77, 0, 0))
    host.apply(prepare(T1, Put(key, encode_row((77, 7, 7)))), at=BEGIN + 50)
    call = host.take(run())
    host.commit()
    host.desk.settled()
    assert call not in host.answers


def test_versions_that_may_be_gone_are_not_read(host):
    host.machine.store.horizon_ns = BEHIND + 1
    assert ask(host, run()) == TooOld()


def test_long_work_is_paid_for_in_slices(host):
    text = "SELECT count(*) AS n FROM t2 a, t2 b, t2 c, t2 d, t2 e, t2 f, t2 g"
    answer = ask(host, run(wanted=fragment(0, text, "n", (2,))))
    polls = 0
    while isinstance(answer, StillWorking):
        answer, polls = fetch(host, 0), polls + 1
    assert answer.rows == ((6**7,),) and polls > 1


def test_what_the_image_takes_over_is_paid_for_once_indexes_included():
    paid = []
    for indexes in ((), (Index("by_person", ("person",)), Index("by_sum", ("sum",)))):
        made = filled(Host())
        catalog = replace(CATALOG, tables=(CATALOG.tables[0], replace(ORDERS, indexes=indexes)))
        made.write(CATALOG_KEY, encode_catalog(catalog), BEGIN + 10)
        for number in range(100, 500):
            made.write(key_of_row(ORDERS, (number, 0, 0)), encode_row((number, number % 7, number)), BEGIN + 20)
        one = fragment(0, "SELECT id FROM t2 WHERE id = 100", "id", (2,))
        spent = []
        for number in (1, 2):
            before_ns = made.worked_ns
            answer = ask(made, run(number, one))
            while isinstance(answer, StillWorking):
                answer = fetch(made, 0, number)
            assert answer.rows == ((100,),) and answer.units <= 1
            spent.append(made.worked_ns - before_ns)
        paid.append(spent)
    (plain, plain_again), (indexed, indexed_again) = paid
    assert indexed > plain * 5 // 4 > plain_again * 5 and abs(indexed_again - plain_again) <= 10_000


def test_work_without_end_is_ended(host):
    text = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT count(*) AS c FROM n"
    config = host.desk.fragments._config
    host.desk.fragments._config = replace(config, statement_timeout_ns=SECOND_NS // 100)
    answer = ask(host, run(wanted=fragment(0, text, "c", ())))
    assert isinstance(answer, FragmentFailed) and answer.state == "57014"


def test_inputs_are_taken_whole_or_not_at_all(host):
    inbox, source = CursorId("n9", 5), Source(CursorId("n8", 1), 4, 1)
    other = Source(CursorId("n8", 1), 5, 1)
    wanted = fragment(3, "SELECT a FROM in1 ORDER BY a", "a", (), inputs=(1,), place="workers")

    def taking(number, source, chunks):
        expected = (Expected(1, ("a",), (), source, chunks),)
        return ask(host, run(number, wanted, (), inbox=inbox, expected=expected))

    assert ask(host, Deliver(inbox, 1, source, 0, ((1,), (2,)), 9)) == Taken()
    assert ask(host, Deliver(inbox, 1, source, 0, ((1,), (2,)), 9)) == Taken()
    assert host.desk.fragments.bytes == 9
    assert taking(10, source, 2) == InputsGone()
    assert ask(host, Deliver(inbox, 1, other, 1, ((9,),), 4)) == Taken()
    assert taking(11, source, 2) == InputsGone()
    assert ask(host, Deliver(inbox, 1, source, 1, ((3,),), 4)) == Taken()
    assert taking(12, source, 2).rows == ((1,), (2,), (3,))


def test_who_begins_anew_delivers_as_another_source(host):
    wanted = all_of(ORDERS, 4, movement="shuffle", shuffled_by=(0,))
    sources = []
    for _ in range(2):
        host.take(run(1, wanted, workers=((1, CursorId("n9", 8)),)))
        host.commit()
        host.desk.settled()
        (_, deliver, finish), *_ = host.asked
        host.asked.clear()
        sources.append(deliver.source)
        finish(Taken())
        host.desk.fragments._cursors.clear()
    assert sources[0] != sources[1]
