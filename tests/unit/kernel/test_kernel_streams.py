from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.kernel.streams import Stream, Streams

# Whoever changes these numbers changes every recorded run.
COMMITTED_BELOW = [529, 161, 308, 242, 989, 433, 541, 124, 203, 884, 464, 460]
COMMITTED_BITS = [502952656, 175321961, 455737172, 2365848506]


def test_a_stream_gives_the_same_numbers_for_ever():
    stream = Stream(42, "network")

    assert [stream.below(1000) for _ in range(12)] == COMMITTED_BELOW


def test_bits_are_the_same_for_ever():
    stream = Stream(7, "node n1 timers")

    assert [stream.bits(32) for _ in range(4)] == COMMITTED_BITS


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 10, 16, 17])
def test_below_is_uniform_and_stays_below(n):
    stream = Stream(1, "uniform")
    drawn = Counter(stream.below(n) for _ in range(2000 * n))

    assert set(drawn) == set(range(n))
    # Five standard deviations of a binomial with mean 2000.
    assert all(abs(count - 2000) < 5 * 2000**0.5 for count in drawn.values())


@given(st.integers(1, 10**12), st.integers(0, 50))
def test_below_stays_in_its_bounds(n, seed):
    stream = Stream(seed, "bounds")

    assert all(0 <= stream.below(n) < n for _ in range(20))


def test_below_of_nothing_is_a_bug():
    with pytest.raises(AssertionError):
        Stream(1, "x").below(0)


@pytest.mark.parametrize(
    ("numerator", "denominator", "lowest", "highest"), [(0, 10, 0, 0), (10, 10, 4000, 4000), (1, 4, 870, 1130)]
)
def test_a_chance_comes_as_often_as_it_says(numerator, denominator, lowest, highest):
    stream = Stream(3, "chance")

    assert lowest <= sum(stream.chance(numerator, denominator) for _ in range(4000)) <= highest


def test_a_chance_that_never_comes_draws_nothing():
    stream, other = Stream(3, "chance"), Stream(3, "chance")

    assert not any(stream.chance(0, 10) for _ in range(5))

    assert stream.bits(64) == other.bits(64), "a rate of 0 leaves a run as it is without one"


def test_seed_and_name_both_decide_a_stream():
    first = [Stream(1, "a").bits(64), Stream(2, "a").bits(64), Stream(1, "b").bits(64)]

    assert len(set(first)) == 3
    assert Stream(1, "a").bits(64) == first[0]


def test_a_draw_in_one_stream_shifts_no_other():
    quiet, busy = Streams(5), Streams(5)
    busy.get("other").bits(32)

    assert quiet.get("mine").bits(32) == busy.get("mine").bits(32)


def test_a_stream_is_made_once():
    streams = Streams(5)

    assert streams.get("mine") is streams.get("mine")


def test_a_reseeded_stream_goes_on_as_in_a_run_with_that_seed():
    streams = Streams(5)
    bits = streams.get("mine").bits  # Held by a consumer since before.
    bits(32)
    streams.reseed("mine", 6)

    assert bits(32) == Streams(6).get("mine").bits(32)
