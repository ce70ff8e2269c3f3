"""Load shapes and the arrival process: exact numbers of arrivals, at places that vary."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.workloads.arrivals import ONE, Arrivals
from PhantomLibrary.workloads.load import (
    PERIOD_NS_MIN,
    SHAPES,
    Shapes,
    Slice,
    check_base,
    check_curve,
    check_rate,
    check_shape,
)

PER_S = 1000  # A rate counts operations in 1,000 seconds.


class Counted:
    """Arrivals, and the times at which they came."""

    def __init__(self, seed: int = 1) -> None:
        self.scheduler = Scheduler()
        self.times_ns: list[int] = []
        self.arrivals = Arrivals(self.scheduler, Stream(seed, "arrivals"), self._note)

    def _note(self) -> None:
        self.times_ns.append(self.scheduler.now_ns)

    def follow(self, shape: str, rate: int, period_ns: int = 60 * SECOND_NS) -> None:
        self.arrivals.follow(Shapes().slices(shape, self.arrivals.rate, rate, period_ns))

    def replay(self, *points: tuple[int, int]) -> None:
        self.arrivals.follow(Shapes().replay([(seconds * SECOND_NS, rate * PER_S) for seconds, rate in points]))

    def count(self, duration_ns: int) -> int:
        """Let time pass; return how many operations arrived, the very end excluded."""
        start_ns = self.scheduler.now_ns
        self.scheduler.run_until(start_ns + duration_ns)
        return sum(start_ns <= each < start_ns + duration_ns for each in self.times_ns)

    def counts(self, times: int, duration_ns: int = SECOND_NS) -> list[int]:
        return [self.count(duration_ns) for _ in range(times)]


def worth(slices: Iterator[Slice], until_ns: int) -> int:
    """Return what `rate * nanoseconds` comes to until then."""
    total = now_ns = 0
    for duration_ns, rate in slices:
        end_ns = until_ns if duration_ns is None else min(until_ns, now_ns + duration_ns)
        total += rate * (end_ns - now_ns)
        now_ns = end_ns
        if now_ns == until_ns:
            break
    return total


@pytest.mark.parametrize("rate", [1 * PER_S, 7 * PER_S, 400 * PER_S, 333_300, 1_234_500, 300])
def test_constant_rate_is_exact_over_ten_seconds(rate: int) -> None:
    counted = Counted()
    counted.follow("step", rate)
    assert [counted.count(10 * SECOND_NS) for _ in range(4)] == [rate * 10 // PER_S] * 4


@given(rate=st.integers(1, 50_000), seconds=st.integers(1, 20), seed=st.integers(0, 99))
def test_number_of_arrivals_never_drifts(rate: int, seconds: int, seed: int) -> None:
    counted = Counted(seed)
    counted.follow("step", rate)
    assert abs(counted.count(seconds * SECOND_NS) - rate * seconds / PER_S) <= 1


def test_fractions_of_nanoseconds_add_up() -> None:
    counted = Counted()
    counted.follow("step", 999_999 * PER_S)  # A gap of 1000.001 ns.
    assert abs(counted.count(SECOND_NS // 50) - 20_000) <= 1


def test_arrivals_keep_their_order_and_do_not_come_at_equal_gaps() -> None:
    counted = Counted()
    counted.follow("step", 100 * PER_S)
    counted.count(10 * SECOND_NS)
    gaps = [later - earlier for earlier, later in zip(counted.times_ns, counted.times_ns[1:], strict=False)]
    assert min(gaps) >= 5_000_000
    assert max(gaps) <= 15_000_000
    assert len(set(gaps)) > 900


def test_step_takes_effect_at_once() -> None:
    counted = Counted()
    counted.follow("step", 100)  # One in ten seconds.
    counted.count(2 * SECOND_NS)
    counted.follow("step", 500 * PER_S)
    assert abs(counted.count(2 * SECOND_NS) - 1000) <= 1


def test_arrivals_are_not_put_off_by_setting_the_rate_again_and_again() -> None:
    counted = Counted()
    total = 0
    for _ in range(1000):
        counted.follow("step", 2 * PER_S)
        total += counted.count(SECOND_NS // 100)
    assert abs(total - 20) <= 1


@given(
    shape=st.sampled_from(SHAPES),
    base=st.integers(0, 400_000),
    rate=st.integers(0, 400_000),
    period_ns=st.integers(PERIOD_NS_MIN, 30 * SECOND_NS),
    until_ns=st.integers(1, 40 * SECOND_NS),
)
def test_arrivals_never_differ_by_a_whole_one_from_what_the_rates_come_to(
    shape: str, base: int, rate: int, period_ns: int, until_ns: int
) -> None:
    counted = Counted()
    counted.arrivals.follow(Shapes().slices(shape, base, rate, period_ns))
    whole, rest = divmod(worth(Shapes().slices(shape, base, rate, period_ns), until_ns), ONE)
    assert counted.count(until_ns) in ((whole, whole + 1) if rest >= ONE // 2 else (whole,))


@given(rates=st.lists(st.integers(0, 500), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_recorded_load_brings_exactly_its_rates_in_each_second(rates: list[int], seed: int) -> None:
    counted = Counted(seed)
    counted.replay(*enumerate(rates))
    assert counted.counts(len(rates)) == rates


def test_ramp_brings_the_area_of_its_trapezium() -> None:
    counted = Counted()
    counted.follow("step", 100 * PER_S)
    counted.count(10 * SECOND_NS)
    counted.follow("ramp", 300 * PER_S, 20 * SECOND_NS)
    assert counted.counts(3, 10 * SECOND_NS) == [1500, 2500, 3000]


def test_ramp_leads_down_too() -> None:
    counted = Counted()
    counted.follow("step", 300 * PER_S)
    counted.follow("ramp", 100 * PER_S, 20 * SECOND_NS)
    assert counted.counts(3, 10 * SECOND_NS) == [2500, 1500, 1000]


def test_ramp_leads_up_from_nothing() -> None:
    counted = Counted()
    counted.follow("ramp", 320 * PER_S, 64 * SECOND_NS)
    # Each second, a slice, holds a rate of 320 * (2 n + 1) / 128: 2.5, 7.5, 12.5 and so on.
    assert counted.counts(32, 2 * SECOND_NS) == [10 + 20 * pair for pair in range(32)]
    assert counted.count(SECOND_NS) == 320


def test_sine_swings_between_both_rates_for_ever() -> None:
    counted = Counted()
    counted.follow("step", 100 * PER_S)
    counted.follow("sine", 300 * PER_S, 64 * SECOND_NS)
    for _ in range(3):
        quarters = counted.counts(4, 16 * SECOND_NS)
        assert sum(quarters) == 200 * 64
        # The mean of (1 - cos x) / 2 over the first quarter is 1/2 - 1/pi.
        low, high = (100 + 200 * (0.5 - 1 / math.pi)) * 16, (100 + 200 * (0.5 + 1 / math.pi)) * 16
        assert quarters == pytest.approx([low, high, high, low], abs=2)
    trough = counted.count(SECOND_NS)
    counted.count(31 * SECOND_NS - SECOND_NS // 2)
    crest = counted.count(SECOND_NS)
    assert (trough, crest) == pytest.approx((100, 300), abs=1)


def test_wave_is_the_cosine_that_it_says() -> None:
    wave = [rate for _, rate in islice(Shapes().sine(0, 65536, 64 * SECOND_NS), 64)]
    assert wave == [round(65536 * (1 - math.cos(2 * math.pi * (i + 0.5) / 64)) / 2) for i in range(64)]


def test_day_is_quietest_at_four_and_busiest_at_eight_in_the_evening() -> None:
    counted = Counted()
    counted.follow("step", 100 * PER_S)
    counted.follow("day", 300 * PER_S, 24 * SECOND_NS)
    for _ in range(2):
        hours = counted.counts(24)
        assert (hours[4], hours[20], hours[0], hours[12]) == (100, 300, 150, 268)
        assert min(hours) == 100 and max(hours) == 300 and sum(hours) == 5078


def test_spike_ends_after_its_period() -> None:
    counted = Counted()
    counted.follow("step", 100 * PER_S)
    counted.count(10 * SECOND_NS)
    counted.follow("spike", 900 * PER_S, 2 * SECOND_NS)
    assert counted.counts(3, 2 * SECOND_NS) == [1800, 200, 200]


def test_spike_from_nothing_leaves_nothing() -> None:
    counted = Counted()
    counted.follow("spike", 900 * PER_S, 2 * SECOND_NS)
    assert counted.counts(2, 2 * SECOND_NS) == [1800, 0]
    assert counted.scheduler.is_quiet
    counted.follow("step", 10 * PER_S)
    assert counted.count(SECOND_NS) == 10


def test_slow_load_follows_a_quick_shape() -> None:
    counted = Counted()
    counted.follow("step", 1)  # One in 1,000 seconds.
    counted.follow("ramp", 100 * PER_S, SECOND_NS)
    assert counted.counts(2) == [50, 100]


def test_nothing_arrives_after_a_stop() -> None:
    counted = Counted()
    counted.follow("step", 100 * PER_S)
    counted.count(SECOND_NS)
    counted.arrivals.stop()
    assert counted.count(10 * SECOND_NS) == 0


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0, "a load of 0/s is not possible.*stop the workload"),
        (-5000, "a load of -5/s is not possible"),
        (10**12, "at most 1000000/s"),
    ],
)
def test_senseless_rate_is_refused(rate: int, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check_rate(rate)


@pytest.mark.parametrize(
    ("shape", "period_ns", "words"),
    [
        ("spkie", SECOND_NS, r"no load shape 'spkie': .*did you mean spike\?"),
        ("slices", SECOND_NS, "no load shape 'slices'"),
        ("ramp", 0, "a ramp needs a period of 100 ms or more, not 0 s"),
        ("sine", PERIOD_NS_MIN - 1, "a sine needs a period"),
        ("day", PERIOD_NS_MIN - 1, "a day needs a period"),
    ],
)
def test_senseless_shape_is_refused(shape: str, period_ns: int, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check_shape(shape, period_ns)


def test_shape_needs_a_rate_to_lead_on_from() -> None:
    check_base("step", is_open_loop=False)
    check_base("spike", is_open_loop=True)
    with pytest.raises(InvalidInput, match=r"a spike starts from a rate.*set one with shape=step first"):
        check_base("spike", is_open_loop=False)


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        ([], "a recorded load has 1 to 100000 points, not 0"),
        ([(1, 5)], "point 1 of a recorded load: the first time has to be 0"),
        ([(0, 5), (0, 6)], "point 2 of a recorded load: time has to go on, but 0 s comes after 0 s"),
        ([(0, 5), (9, -1)], "point 2 of a recorded load: a rate of -0.001/s is not possible"),
        ([(0, 5), (9, 10**10)], "it must be 0 to 1000000/s"),
        ([(0,)], "point 1 of a recorded load has 1 numbers"),
    ],
)
def test_senseless_curve_is_refused(curve: list[tuple[int, ...]], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check_curve(curve)
