"""How rows are kept: round trips, keys, and positions that never fall as values grow."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.domain.rows import POSITIONS, position_of
from PhantomLibrary.sql import calendar
from PhantomLibrary.sql.catalog import Column, Sharding, SqlType, Table, Unique
from PhantomLibrary.sql.rows import (
    decode_row,
    decode_values,
    encode_row,
    encode_values,
    hash_position,
    key_of_row,
    range_ordinals,
    range_position,
    unique_entry,
)
from PhantomLibrary.sql.values import BLOB, BOOLEAN, DATE, INTEGER, REAL, TEXT, TIMESTAMP

DECIMAL = SqlType("DECIMAL", 18, 2)
WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-1000, 1000)
TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)
VALUES = {
    INTEGER: WHOLE,
    DECIMAL: WHOLE,
    BOOLEAN: st.integers(0, 1),
    REAL: st.floats(allow_nan=False, allow_infinity=False),
    TEXT: TEXTS,
    BLOB: st.binary(max_size=40),
    DATE: st.integers(-719_162, 2_932_896).map(calendar.date_text),
    TIMESTAMP: st.integers(-719_162 * calendar.DAY_US, 2_932_897 * calendar.DAY_US - 1).map(calendar.timestamp_text),
}
KINDS = list(VALUES)


def ordered(kind, value):
    return value.encode() if isinstance(value, str) else value


@st.composite
def ranges(draw):
    kind = draw(st.sampled_from(KINDS))
    drawn = draw(st.lists(VALUES[kind], max_size=4))
    splits = []
    for each in sorted(drawn, key=lambda value: ordered(kind, value)):
        ordinals = range_ordinals(Sharding("range", ("k",), (*splits, each)), kind)
        if len(ordinals) < 2 or ordinals[-1] > ordinals[-2]:
            splits.append(each)
    values = draw(st.lists(VALUES[kind], min_size=2, max_size=6))
    return kind, Sharding("range", ("k",), tuple(splits)), [*values, *splits]


@settings(max_examples=150, deadline=None)
@given(ranges())
def test_positions_of_a_range_never_fall_as_values_grow(case):
    kind, sharding, values = case
    in_order = sorted(values, key=lambda value: ordered(kind, value))
    positions = [range_position(sharding, kind, value) for value in (None, *in_order)]
    assert positions == sorted(positions)
    assert all(0 <= each < POSITIONS for each in positions)


@settings(max_examples=100, deadline=None)
@given(ranges())
def test_splits_divide_positions_evenly(case):
    kind, sharding, values = case
    parts = len(sharding.splits) + 1
    for value in values:
        part = sum(ordered(kind, value) >= ordered(kind, split) for split in sharding.splits)
        if kind not in (TEXT, BLOB):  # Of these only the first bytes decide.
            assert part * POSITIONS // parts <= range_position(sharding, kind, value) < (part + 1) * POSITIONS // parts


@given(st.integers(0, 10**6), st.integers(1, 100))
def test_neighbours_of_a_range_stand_apart(value, step):
    sharding = Sharding("range", ("k",), (0, 2 * 10**6))
    assert range_position(sharding, INTEGER, value) < range_position(sharding, INTEGER, value + step)


@settings(deadline=None)
@given(st.sampled_from(KINDS).flatmap(lambda kind: st.lists(st.none() | VALUES[kind], max_size=5)))
def test_values_come_back_as_they_were(values):
    again = decode_values(encode_values(tuple(values)))
    assert again == tuple(values)
    assert [type(each) for each in again] == [type(each) for each in values]


@settings(deadline=None)
@given(st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(VALUES[kind], VALUES[kind], st.just(kind))))
def test_texts_are_equal_just_where_values_are(case):
    left, right, _ = case
    assert (encode_values((left,)) == encode_values((right,))) == (left == right)


@given(st.integers(-(10**9), 10**9))
def test_equal_numbers_of_all_types_share_a_position(number):
    places = {
        hash_position((number,), (INTEGER,)),
        hash_position((number * 100,), (DECIMAL,)),
        hash_position((float(number),), (REAL,)),
    }
    assert len(places) == 1


@given(st.integers(-(10**9), 10**9))
def test_decimals_of_two_scales_share_a_position(units):
    assert hash_position((units,), (DECIMAL,)) == hash_position((units * 1000,), (SqlType("DECIMAL", 18, 5),))


def test_zeros_of_real_are_one():
    assert encode_values((-0.0,)) == encode_values((0.0,))
    assert hash_position((-0.0,), (REAL,)) == hash_position((0.0,), (REAL,))
    assert range_position(Sharding("range", ("k",), (-1.0, 1.0)), REAL, -0.0) == range_position(
        Sharding("range", ("k",), (-1.0, 1.0)), REAL, 0.0
    )
    assert math.copysign(1, decode_values(encode_values((-0.0,)))[0]) == 1


TABLE = Table(
    7,
    "pairs",
    (Column("a", INTEGER), Column("b", TEXT), Column("c", BLOB, default=b"\x01")),
    ("a", "b"),
    Sharding("hash", ("a",)),
    (Unique("pairs_c_key", ("c",), 8),),
)


def test_key_of_a_row_stands_where_its_shard_key_does():
    key = key_of_row(TABLE, (1, "x", b""))
    assert key.endswith('#t7/[1,"x"]')
    assert position_of(key) == hash_position((1,), (INTEGER,))


def test_rows_of_equal_shard_keys_stand_together():
    assert position_of(key_of_row(TABLE, (1, "x", b""))) == position_of(key_of_row(TABLE, (1, "y", b"")))


def test_rows_everywhere_have_global_keys():
    table = Table(9, "codes", TABLE.columns, ("a",), Sharding("everywhere"))
    assert key_of_row(table, (1, "x", b"")) == "*#t9/[1]"


def test_row_from_before_a_column_has_its_default():
    assert decode_row(TABLE, encode_row((1, "x"))) == (1, "x", b"\x01")


def test_unique_entry_leads_to_the_primary_key():
    assert unique_entry(TABLE, TABLE.uniques[0], (1, "x", None)) is None
    key, value = unique_entry(TABLE, TABLE.uniques[0], (1, "x", b"\xff"))
    assert key.endswith('#t8/[["ff"]]')
    assert value == '[1,"x"]'
