"""The image of a store at a time is what the store held then, whatever has happened to it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.domain.rows import CATALOG_KEY, position_start, row_key
from PhantomLibrary.protocols.mvcc.versions import VersionedStore
from PhantomLibrary.sql.catalog import Catalog, Column, Index, Sharding, SqlType, Table, encode_catalog
from PhantomLibrary.sql.engine import with_tables
from PhantomLibrary.sql.image import Image, NoTableError
from PhantomLibrary.sql.rows import decode_row, encode_row, encode_values

INTEGER, TEXT = SqlType("INTEGER"), SqlType("TEXT")
ITEMS = Table(5, "items", (Column("id", INTEGER, False), Column("name", TEXT)), ("id",), Sharding("hash", ("id",)))
PAIRS = Table(6, "pairs", (Column("a", TEXT, False), Column("b", INTEGER, False)), ("a", "b"), Sharding("hash", ("a",)))
WIDER = Table(5, "items", (*ITEMS.columns, Column("size", INTEGER, default=7)), ("id",), ITEMS.sharding)
FOREVER = 1 << 60


def key_of(table, *primary_key):
    position = sum(map(ord, str(primary_key))) * (1 << 54) % (1 << 64)
    return row_key(position, table.number, encode_values(primary_key)).encode()


def write(store, key, row, at, horizon=0):
    store.put(key, None if row is None else encode_row(row).encode(), at_ns=at, horizon_ns=horizon)


def define(store, *tables, at=1, version=1):
    store.put(CATALOG_KEY.encode(), encode_catalog(Catalog(version, tables, (), 9)).encode(), at_ns=at, horizon_ns=0)


def in_image(image, table, at, bounds=(), own=(), defined=()):
    """Return what the image held of a table at a time, in the order of keys."""
    image.refresh()
    overlaid = image.lay_over(own, defined)
    image.set_moment(at, bounds)
    name, text = image.table_text(table.number, at, len(bounds), overlaid)
    found = list(image.engine.query(with_tables({name: text}, f"SELECT * FROM t{table.number}"), (), 1_000))
    image.lift(overlaid)
    return sorted(found, key=repr)


def in_store(store, table, at, bounds=(), own=()):
    values = {key: store.at(key, at) for key, _ in store.items()}
    values |= {key.encode(): None if value is None else value.encode() for key, value in own}
    mark = f"#t{table.number}/".encode()
    chosen = [
        decode_row(table, value.decode())
        for key, value in values.items()
        if mark in key
        and value is not None
        and (not bounds or any(low.encode() <= key < high.encode() for low, high in bounds))
    ]
    return sorted(chosen, key=repr)


def same(image, store, table, at, **more):
    assert in_image(image, table, at, **more) == in_store(store, table, at, **more)


@pytest.fixture
def store():
    made = VersionedStore()
    define(made, ITEMS, PAIRS)
    return made


def test_an_image_follows_writes_and_remembers_what_was_before(store):
    image = Image(store)
    one = key_of(ITEMS, 1)
    write(store, one, (1, "a"), 10)
    assert in_image(image, ITEMS, FOREVER) == [(1, "a")]
    write(store, one, (1, "b"), 20)
    write(store, key_of(ITEMS, 2), (2, None), 25)
    write(store, one, None, 30)
    assert [in_image(image, ITEMS, at) for at in (9, 10, 19, 20, 25, 30)] == [
        [],
        [(1, "a")],
        [(1, "a")],
        [(1, "b")],
        [(1, "b"), (2, None)],
        [(2, None)],
    ]


def test_an_image_forgets_with_the_store(store):
    image = Image(store)
    one = key_of(ITEMS, 1)
    for at in (10, 20, 30):
        write(store, one, (1, str(at)), at)
    in_image(image, ITEMS, FOREVER)
    write(store, one, (1, "40"), 40, horizon=35)
    same(image, store, ITEMS, 35)
    ((kept,),) = image.engine.execute("SELECT count(*) FROM h5")
    assert kept == 1


def test_columns_that_were_added_have_their_default_in_older_rows(store):
    image = Image(store)
    write(store, key_of(ITEMS, 1), (1, "a"), 10)
    in_image(image, ITEMS, FOREVER)
    define(store, WIDER, PAIRS, at=20, version=2)
    write(store, key_of(ITEMS, 2), (2, "b", 3), 30)
    assert in_image(image, WIDER, FOREVER) == [(1, "a", 7), (2, "b", 3)]
    assert image.table_at(5, 19) == ITEMS and image.table_at(5, 20) == WIDER
    assert in_image(image, ITEMS, 15) == [(1, "a")]
    assert in_image(Image(store), WIDER, FOREVER) == [(1, "a", 7), (2, "b", 3)]


def test_indexes_are_made_when_they_are_defined(store):
    image = Image(store)
    write(store, key_of(ITEMS, 1), (1, "a"), 10)
    image.refresh()
    indexed = Table(5, "items", ITEMS.columns, ("id",), ITEMS.sharding, indexes=(Index("by_name", ("name",)),))
    define(store, indexed, PAIRS, at=20, version=2)
    image.refresh()
    plan = " ".join(str(row) for row in image.engine.execute("EXPLAIN QUERY PLAN SELECT * FROM r5 WHERE c1='a'"))
    assert "USING INDEX" in plan


def test_what_a_transaction_wrote_itself_lies_over_it_and_is_lifted(store):
    image = Image(store)
    write(store, key_of(ITEMS, 1), (1, "a"), 10)
    write(store, key_of(ITEMS, 2), (2, "b"), 10)
    own = [
        (key_of(ITEMS, 1).decode(), encode_row((1, "own"))),
        (key_of(ITEMS, 2).decode(), None),
        (key_of(ITEMS, 3).decode(), encode_row((3, "new"))),
    ]
    assert in_image(image, ITEMS, 11, own=own) == [(1, "own"), (3, "new")]
    assert in_image(image, ITEMS, 11) == [(1, "a"), (2, "b")]


def test_a_schema_that_is_not_committed_holds_for_who_asks(store):
    write(store, key_of(ITEMS, 1), (1, "a"), 10)
    write(store, key_of(ITEMS, 2), (2, "b"), 10)
    write(store, key_of(ITEMS, 2), (2, "c"), 20)
    image = Image(store)
    own = ((key_of(ITEMS, 1).decode(), encode_row((1, "z", 9))), (key_of(ITEMS, 3).decode(), encode_row((3, "n", 8))))
    assert in_image(image, WIDER, 15, defined=(WIDER,)) == [(1, "a", 7), (2, "b", 7)]
    assert in_image(image, WIDER, FOREVER, own=own, defined=(WIDER,)) == [(1, "z", 9), (2, "c", 7), (3, "n", 8)]
    assert in_image(image, ITEMS, FOREVER, own=((own[1][0], None),)) == [(1, "a"), (2, "c")]
    new = Table(7, "new", ITEMS.columns, ("id",), ITEMS.sharding)
    assert in_image(image, new, FOREVER, defined=(new,)) == []
    row = ((key_of(new, 4).decode(), encode_row((4, "d"))),)
    assert in_image(image, new, FOREVER, own=row, defined=(new,)) == [(4, "d")]
    other = Table(7, "other", WIDER.columns, ("id",), ITEMS.sharding)  # The first one was rolled back.
    row = ((key_of(new, 5).decode(), encode_row((5, "e"))),)
    assert in_image(image, other, FOREVER, own=row, defined=(other,)) == [(5, "e", 7)]
    with pytest.raises(NoTableError, match="there is no table of number 7"):
        in_image(image, new, FOREVER)
    with pytest.raises(NoTableError, match="table other has been defined otherwise meanwhile"):
        in_image(image, ITEMS, FOREVER, defined=(Table(5, "other", PAIRS.columns, ("a", "b"), PAIRS.sharding),))


def test_what_was_written_since_is_known_by_table_deletions_too(store):
    image = Image(store)
    write(store, key_of(ITEMS, 1), (1, "a"), 10)
    write(store, key_of(PAIRS, "x", 1), ("x", 1), 15)
    write(store, key_of(ITEMS, 1), None, 20)
    image.refresh()
    assert image.written_since(5, 20) == [] and image.written_since(5, 19) == [key_of(ITEMS, 1)]
    assert image.written_since(6, 19) == [] and image.written_since(6, 14) == [key_of(PAIRS, "x", 1)]
    assert image.written_since(77, 0) == []


def test_rows_may_come_before_the_catalog_that_tells_of_them():
    store = VersionedStore()
    image = Image(store)
    write(store, key_of(ITEMS, 1), (1, "a"), 10)
    image.refresh()
    define(store, ITEMS, at=20)
    assert in_image(image, ITEMS, FOREVER) == [(1, "a")]


STEP = st.tuples(
    st.sampled_from(["put", "delete", "split", "merge", "restore", "look"]), st.integers(0, 7), st.integers(1, 3)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=40), st.integers(0, 45), st.booleans())
def test_the_image_at_a_time_is_the_store_at_that_time(steps, moment, prunes):
    store, aside = VersionedStore(), {}
    define(store, ITEMS, PAIRS)
    image, at = Image(store), 2
    for kind, number, gap in steps:
        at += gap
        table, row = (ITEMS, (number, f"v{at}")) if number % 2 else (PAIRS, (str(number), number))
        key = key_of(table, *row[: len(table.primary_key)])
        if kind in ("put", "delete"):
            write(store, key, row if kind == "put" else None, at, horizon=at - 9 if prunes else 0)
        elif kind == "split":
            gone = [each for each, _ in store.items() if each > key and b"catalog" not in each]
            aside |= {each: list(store.versions_of(each)) for each in gone}
            store.drop(gone)
        elif kind == "merge":
            for each in sorted(set(aside) - {held for held, _ in store.items()}):
                store.load(each, aside[each])
            aside.clear()
        elif kind == "restore":
            before, store = store, VersionedStore()
            for each, versions in before.items():
                store.load(each, list(versions))
            store.horizon_ns, store.last_timestamp_ns = before.horizon_ns, before.last_timestamp_ns
            image = Image(store)
        else:
            image.refresh()
    bounds = [(position_start(0), position_start(1 << 62)), (position_start(1 << 63), position_start((1 << 64) - 1))]
    for table in (ITEMS, PAIRS):
        for at in {max(moment, store.horizon_ns, 1), max(moment // 2, store.horizon_ns, 1), FOREVER}:
            same(image, store, table, at)
            same(image, store, table, at, bounds=bounds[:1])
            same(image, store, table, at, bounds=bounds)
