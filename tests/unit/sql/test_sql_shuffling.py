"""Rows that may be partners go to one worker."""

from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.sql.shuffling import worker_of

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(-3, 3).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 2.0**53, 2**53, "", "1", "n", b"", b"1", "\0", "a\0b"]),
    st.text(max_size=3),
)


@given(VALUES, VALUES, st.integers(1, 7))
def test_values_that_are_equal_meet(one, other, workers):
    assert 0 <= worker_of([one], workers) < workers
    if one == other and one is not None:
        assert worker_of([one, "x"], workers) == worker_of([other, "x"], workers)


def test_numbers_are_equal_whatever_their_type():
    for one, other in ((1, 1.0), (0.0, -0.0), (True, 1), (2**53, 2.0**53), (-7, -7.0)):
        assert worker_of([one], 1 << 40) == worker_of([other], 1 << 40)


def test_others_are_spread():
    assert len({worker_of([each], 1 << 40) for each in (None, 1, "1", b"1", "n", "i1", 1.5, "f1.5")}) == 8
    taken = [worker_of([each], 4) for each in range(400)]
    assert all(60 < taken.count(worker) < 140 for worker in range(4))
