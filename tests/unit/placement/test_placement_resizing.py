"""Shards that are too large or too busy are split, small neighbours are merged, and neither undoes the other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.placement.resizing import MeasuredShard, MergeThem, SizePolicy, SplitIt, check_sizes, resize

POLICY = SizePolicy(split_bytes=1_000, split_load=100, merge_bytes=400)


def wishes(*shards, policy=POLICY):
    """Return what is asked for, of (bytes, load) or (bytes, load, is fixed) of shards 1, 2 and so on."""
    found = resize(policy, [MeasuredShard(number, *each) for number, each in enumerate(shards, 1)])
    return [each.shard if isinstance(each, SplitIt) else (each.left, each.right) for each in found]


@pytest.mark.parametrize(
    ("shards", "expected"),
    [
        ([(999, 99)], []),
        ([(1_000, 0)], [1]),
        ([(0, 100)], [1]),
        ([(1_000, 0, True)], []),
        ([(500, 0), (500, 0)], []),
        ([(200, 0), (200, 0)], [(1, 2)]),
        ([(200, 0), (201, 0)], []),
        ([(200, 25), (200, 25)], [(1, 2)]),
        ([(200, 25), (200, 26)], []),  # Together they would soon be split again.
        ([(200, 0, True), (200, 0)], []),
        ([(200, 0), (200, 0, True)], []),
        ([(100, 0), (100, 0), (100, 0)], [(1, 2)]),  # One at a time.
        ([(100, 0), (2_000, 0), (100, 0)], [2]),
        ([(1_500, 10), (1_200, 300), (5_000, 10)], [2, 3, 1]),  # The busiest first, then the largest.
    ],
    ids=str,
)
def test_boundaries_are_exact(shards, expected):
    assert wishes(*shards) == expected


def test_without_a_policy_nothing_is_split():
    assert not SizePolicy().is_on
    assert wishes((10**9, 10**9), policy=SizePolicy()) == []


def test_reasons_name_the_numbers():
    too_large, too_busy, small = (
        resize(POLICY, shards)[0].reason
        for shards in (
            [MeasuredShard(1, 1_234, 0)],
            [MeasuredShard(1, 0, 321)],
            [MeasuredShard(1, 100, 0), MeasuredShard(2, 50, 0)],
        )
    )
    assert "1234 bytes" in too_large and "321 operations" in too_busy and "150 bytes" in small


def test_a_policy_that_would_undo_itself_is_refused():
    with pytest.raises(InvalidInput, match=r"merge_bytes=501 is too much for split_bytes=1000.*500 or less"):
        check_sizes(SizePolicy(split_bytes=1_000, merge_bytes=501))
    check_sizes(SizePolicy(split_bytes=1_000, merge_bytes=500))
    check_sizes(SizePolicy(merge_bytes=500))


_SHARDS = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 200)), min_size=1, max_size=8)


@given(_SHARDS)
def test_it_comes_to_rest_when_data_and_load_stay_as_they_are(sizes):
    """Splits halve bytes and load; merges add them up. In the end nothing is asked for any more."""
    shards = [MeasuredShard(number, *each) for number, each in enumerate(sizes, 1)]
    for _ in range(200):
        found = resize(POLICY, shards)
        if not found:
            return
        shards = _done(shards, found[0])
    raise AssertionError("it goes on for ever")


def _done(shards, wish):
    after = []
    for each in shards:
        if isinstance(wish, MergeThem) and each.shard == wish.right:
            before = after.pop()
            after.append(MeasuredShard(before.shard, before.bytes + each.bytes, before.load + each.load))
        elif isinstance(wish, SplitIt) and each.shard == wish.shard:
            half = MeasuredShard(each.shard, each.bytes // 2, each.load // 2)
            after += [half, MeasuredShard(1_000 + len(shards), each.bytes - half.bytes, each.load - half.load)]
        else:
            after.append(each)
    return after
