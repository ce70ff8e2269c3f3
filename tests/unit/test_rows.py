"""Keys of rows: what their parts are, and that positions keep their order and come back."""

from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.domain.rows import (
    CATALOG_KEY,
    POSITIONS,
    ROWS_END,
    global_key,
    global_span,
    is_global,
    position_of,
    position_start,
    positions_between,
    row_key,
    table_of,
)

positions = st.integers(0, POSITIONS - 1)


@given(positions)
def test_a_position_comes_back(position):
    assert position_of(row_key(position, 3, "[1]")) == position


@given(positions, positions)
def test_keys_are_in_the_order_of_positions(left, right):
    assert (row_key(left, 9, "[9]") < row_key(right, 1, "[1]")) == (left < right) or left == right


@given(positions, positions)
def test_a_position_begins_before_its_rows_and_after_those_before(left, right):
    assert (row_key(left, 1, "") < position_start(right)) == (left < right)


def test_what_every_shard_has_has_no_position():
    for key in (CATALOG_KEY, global_key(7, "[1]")):
        assert is_global(key)
        assert position_of(key) is None
    assert not is_global(row_key(1, 7, "[1]"))


def test_other_keys_are_no_rows():
    for key in ("", "k7", "k7#", "x#t1/", "k123#t1/2"):
        assert position_of(key) is None
        assert not is_global(key)


def test_a_key_names_its_table():
    assert [table_of(key) for key in (row_key(5, 12, "[1]"), global_key(3, "[]"), CATALOG_KEY, "k7")] == [
        12,
        3,
        None,
        None,
    ]


@given(positions, positions)
def test_the_rows_between_two_positions_are_found_by_them(first, last):
    first, last = sorted((first, last))
    assert positions_between(position_start(first), ROWS_END) == (first, POSITIONS - 1)
    assert positions_between("", "") == positions_between("a", "k333") == (0, POSITIONS - 1)
    if first < last:
        assert positions_between(position_start(first), position_start(last)) == (first, last - 1)
        assert positions_between(position_start(first), row_key(last, 3, "[1]")) == (first, last)


def test_what_looks_like_a_row_and_is_none_has_no_table():
    others = (
        "k5#t3/[1]",
        "a#t3/[1]",
        f"{position_start(7)}#tx/[1]",
        f"{position_start(7)}#t3",
        "k" + "x" * 20 + "#t3/1",
    )
    assert [table_of(each) for each in others] == [None] * len(others)
    assert table_of(global_key(3, '["a/b#t4/"]')) == 3


def test_the_copies_of_a_table_are_in_a_span_of_their_own():
    start, end = global_span(3)
    assert start <= global_key(3, "[1]") < end and not start <= global_key(30, "[1]") < end
