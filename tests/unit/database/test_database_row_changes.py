"""What a statement writes, step by step: keys and entries, and that it looks again when its snapshot has moved."""

import pytest

from PhantomLibrary.database.costs import change_cost_ns
from PhantomLibrary.database.sql.changes import Change, KeyChanges
from PhantomLibrary.database.sql.changing import RowChanges
from PhantomLibrary.database.sql.references import References
from PhantomLibrary.database.transactions.access import ChangedError
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.domain import Delete, Put
from PhantomLibrary.domain.rows import CATALOG_KEY
from PhantomLibrary.protocols.transactions.values import TransactionId, span_of
from PhantomLibrary.sql.catalog import Catalog, Column, Sharding, SqlType, Table, Unique
from PhantomLibrary.sql.errors import SqlError
from PhantomLibrary.sql.rows import encode_row, key_of_row, unique_entry
from PhantomLibrary.sql.statements import BoundInsert

INTEGER, TEXT = SqlType("INTEGER"), SqlType("TEXT")
PEOPLE = Table(
    1,
    "people",
    (Column("id", INTEGER, False), Column("name", TEXT)),
    ("id",),
    Sharding("hash", ("id",)),
    (Unique("people_name_key", ("name",), 2),),
)
ADA, BOB, NOBODY = (1, "ada"), (2, "bob"), (3, None)


def key(row):
    return key_of_row(PEOPLE, row)


def entry(row):
    return unique_entry(PEOPLE, PEOPLE.uniques[0], row)


def changes(*pairs):
    return KeyChanges(PEOPLE, [Change(old, new) for old, new in pairs])


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_new_row_needs_its_key_and_its_entry_to_be_free():
    made = changes((None, ADA), (None, NOBODY))
    assert made.has_to_be_free == [key(ADA), key(NOBODY), entry(ADA)[0]]
    assert made.writes() == [Put(key(ADA), encode_row(ADA)), Put(key(NOBODY), encode_row(NOBODY)), Put(*entry(ADA))]
    for taken in made.has_to_be_free:
        with pytest.raises(SqlError, match="SQL 23505: duplicate key"):
            made.require_free({taken: "[9]"})
    made.require_free({})


def test_a_row_that_goes_takes_its_entry_along():
    assert changes((ADA, None)).writes() == [Delete(key(ADA)), Delete(entry(ADA)[0])]
    assert changes((NOBODY, None)).writes() == [Delete(key(NOBODY))]


def test_a_row_that_stays_has_new_entries_only_where_they_are_others():
    assert changes((ADA, ADA)).writes() == [Put(key(ADA), encode_row(ADA))]
    renamed = (1, "ann")
    made = changes((ADA, renamed))
    assert made.writes() == [Delete(entry(ADA)[0]), Put(key(ADA), encode_row(renamed)), Put(*entry(renamed))]
    assert made.has_to_be_free == [entry(renamed)[0]]
    assert changes((ADA, (1, None))).writes() == [Delete(entry(ADA)[0]), Put(key(ADA), encode_row((1, None)))]


def test_rows_may_exchange_their_keys_and_their_names():
    made = changes((ADA, (2, "ada")), (BOB, (1, "bob")))
    assert made.has_to_be_free == [] and not made.gone and not made.come
    assert made.writes() == [
        Put(key(ADA), encode_row((1, "bob"))),
        Put(key(BOB), encode_row((2, "ada"))),
        Put(*entry((2, "ada"))),
        Put(*entry((1, "bob"))),
    ]


@pytest.mark.parametrize("pairs", [((None, ADA), (None, (1, "ann"))), ((None, ADA), (None, (5, "ada")))])
def test_two_rows_of_one_statement_have_one_key_no_more_than_others(pairs):
    with pytest.raises(SqlError, match="SQL 23505"):
        changes(*pairs)


# --- statements -------------------------------------------------------------------------------------------------------


class Fakes:
    """Rows that are found, and locks that are given, as the test says; the snapshot moves up with the first locks."""

    def __init__(self, moves):
        self.moves, self.found_at, self.source_read, self.worked_ns = moves, [], 0, 0

    def rows(self, transaction, _query, _catalog):
        self.source_read += 1
        yield from ()
        return [list(ADA)]

    def found(self, transaction, keys):
        yield from ()
        if list(keys):
            self.found_at.append(transaction.snapshot_ns)
        return {}

    def work(self, cost_ns):
        self.worked_ns += cost_ns

    def lock(self, transaction, _keys):
        yield from ()
        if self.moves:
            self.moves -= 1
            transaction.snapshot_ns += 5
        return False


def insert(moves):
    fakes, transaction = Fakes(moves), OpenTransaction(TransactionId(1, "n1", 1), "snapshot", 1 << 60)
    transaction.snapshot_ns = 100
    script = RowChanges(fakes, fakes, References(fakes)).perform(
        transaction, BoundInsert(PEOPLE, (0, 1), None), Catalog(1, (PEOPLE,))
    )
    with pytest.raises(StopIteration) as end:
        next(script)
    return fakes, transaction, end.value.value


def test_keys_are_looked_at_again_when_the_snapshot_has_moved_up():
    fakes, transaction, count = insert(2)
    assert count == 1 and fakes.found_at == [100, 105, 110] and fakes.source_read == 3
    assert [write.key for write in transaction.writes] == [key(ADA), entry(ADA)[0]]
    assert span_of(CATALOG_KEY) in transaction.grounds
    assert fakes.worked_ns == change_cost_ns(2) > 0, "the entry of the unique constraint is a write as the row is"
    assert insert(0)[0].found_at == [100]


def test_a_snapshot_that_moves_all_the_time_ends_the_statement():
    with pytest.raises(ChangedError, match="rows of people were written all the time"):
        insert(99)
