"""What a gateway makes of what it has heard of shards, at different times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.domain.rows import (
    CATALOG_KEY,
    POSITIONS,
    ROWS_END,
    global_key,
    global_span,
    position_of,
    position_start,
    row_key,
)
from PhantomLibrary.placement.sharding import boundaries, token_of
from PhantomLibrary.protocols.transactions.values import Span, span_of


def shard(number, start, end, epoch=1):
    return ShardDescriptor(number, start, end, epoch, ("n1", "n2", "n3"))


@pytest.fixture
def routes():
    routes = Routes([shard(0, "", "")])
    routes.learn_all([shard(1, "", "m"), shard(2, "m", "")], ())
    return routes


def test_a_half_that_was_split_off_has_its_keys_though_the_whole_is_still_known(routes):
    routes.learn(shard(3, "t", "", 9))
    assert [routes.shard_of(key).shard for key in ("a", "m", "s", "t", "z")] == [1, 2, 2, 3, 3]
    assert routes.parts_of(Span("s", "")) == [(2, Span("s", "t")), (3, Span("t", ""))]


def test_a_map_with_a_gap_is_none(routes):
    routes.learn(shard(2, "m", "t", 9))
    assert not routes.has_map
    routes.learn(shard(3, "t", "", 9))
    assert routes.has_map and routes.shard_of("z").shard == 3


def test_a_shard_that_was_taken_over_is_forgotten_for_good(routes):
    routes.learn_all([shard(1, "", "", 7)], [(2, 1)])
    routes.learn(shard(2, "m", "", 99))
    assert routes.find(2) is None and routes.heir_of(2) == 1
    assert routes.shard_of("z").shard == 1
    assert routes.parts_of(Span("", "")) == [(1, Span("", ""))]


def test_what_is_older_than_what_is_known_changes_nothing(routes):
    routes.learn(shard(2, "m", "t", 9))
    routes.learn(shard(2, "m", "", 8))
    assert routes.find(2).end == "t"


def test_of_two_shards_that_begin_at_one_key_the_later_one_has_it(routes):
    routes.learn_all([shard(1, "", "m", 12), shard(5, "m", "", 12)], ())
    assert routes.shard_of("n").shard == 5
    assert routes.parts_of(Span("a", "z")) == [(1, Span("a", "m")), (5, Span("m", "z"))]


# --- rows of tables ---------------------------------------------------------------------------------------------------


def spread(shards, *, is_hashed):
    """Return routes to some shards of equal size."""
    starts = boundaries(shards, is_hashed=is_hashed)
    ends = [*starts[1:], ""]
    known = [
        ShardDescriptor(number, start, end, 1, ("n1",), is_hashed=is_hashed)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), 1)
    ]
    return Routes([shard(0, "", ""), *known])


@given(
    st.integers(0, POSITIONS - 1),
    st.integers(0, POSITIONS - 1),
    st.integers(0, POSITIONS - 1),
    st.integers(1, 9),
    st.booleans(),
)
def test_a_row_is_in_one_of_the_shards_that_a_span_around_it_is_in(low, position, high, shards, is_hashed):
    low, position, high = sorted((low, position, high))
    routes = spread(shards, is_hashed=is_hashed)
    key = row_key(position, 3, "[1]")
    end = ROWS_END if high == POSITIONS - 1 else position_start(high + 1)
    parts = routes.parts_of(Span(position_start(low), end, 3))

    holder = routes.shard_of(key)
    assert [each for each, part in parts if part.contains(key)] == [holder.shard] or is_hashed
    assert holder.shard in [each for each, _ in parts] and holder.holds(key)
    named = {each for each, _ in parts}
    ends = {routes.shard_of(row_key(each, 3, "")).shard for each in (low, high)}
    assert named == set(range(min(ends), max(ends) + 1)) and all(part.table == 3 for _, part in parts)


@pytest.mark.parametrize("is_hashed", [False, True])
def test_a_row_is_looked_up_where_its_position_is(is_hashed):
    routes = spread(4, is_hashed=is_hashed)
    for number in range(4):
        key = row_key(number * POSITIONS // 4 + 5, 3, "[1]")
        assert routes.shard_of(key).shard == number + 1
        assert routes.parts_of(span_of(key)) == [(number + 1, span_of(key))]
    assert token_of(row_key(255, 3, "[1]")) == "00000000000000ff" and position_of(key) == 3 * POSITIONS // 4 + 5


@pytest.mark.parametrize("is_hashed", [False, True])
def test_what_is_everywhere_is_looked_up_in_the_first_shard(is_hashed):
    routes = spread(3, is_hashed=is_hashed)
    rows = Span(*global_span(3))
    assert routes.shard_of(CATALOG_KEY).shard == routes.shard_of(global_key(3, "[1]")).shard == 1
    assert routes.parts_of(rows) == [(1, rows)] and routes.data_shards == [1, 2, 3]
    assert all(routes.find(each).holds(CATALOG_KEY) for each in routes.data_shards)


def test_a_span_has_only_what_it_is_for():
    row, other = row_key(5, 3, "[1]"), row_key(5, 4, "[1]")
    assert Span("", "").contains(row) and Span("", "", 3).contains(row) and not Span("", "", 3).contains(other)
    assert not Span("", "").contains(CATALOG_KEY) and span_of(CATALOG_KEY).contains(CATALOG_KEY)
    assert Span(*global_span(3), 3).contains(global_key(3, "[1]"))


def test_a_shard_without_room_for_rows_is_asked_for_none():
    routes = Routes(
        [shard(0, "", ""), shard(1, "", "k0"), shard(2, "k0", "k7"), shard(3, "k7", "m"), shard(4, "m", "")]
    )
    found = [routes.row_parts(routes.rows_of_one(number)) for number in range(4)]
    assert [[number for number, _ in parts] for parts in found] == [[2], [3], [2], [3]]
