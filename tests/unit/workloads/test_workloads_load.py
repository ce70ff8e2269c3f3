"""Load shapes and the arrival process: exact numbers of arrivals, at places that vary."""

from __future__ import annotations

import math
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.workloads.load import PERIOD_NS_MIN, SHAPES, Arrivals, check_load

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
        self.arrivals.follow(SHAPES[shape](self.arrivals.rate, rate, period_ns))

    def count(self, duration_ns: int) -> int:
        """Let time pass; return how many operations arrived, the very end excluded."""
        start_ns = self.scheduler.now_ns
        self.scheduler.run_until(start_ns + duration_ns)
        return sum(start_ns <= each < start_ns + duration_ns for each in self.times_ns)


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


def test_ramp_brings_the_area_of_its_trapezium() -> None:
    counted = Counted()
    counted.follow("step", 100 * PER_S)
    counted.count(10 * SECOND_NS)
    counted.follow("ramp", 300 * PER_S, 20 * SECOND_NS)
    first, second = counted.count(10 * SECOND_NS), counted.count(10 * SECOND_NS)
    assert abs(first - 1500) <= 2
    assert abs(second - 2500) <= 2
    assert abs(counted.count(10 * SECOND_NS) - 3000) <= 1


def test_ramp_leads_down_too() -> None:
    counted = Counted()
    counted.follow("step", 300 * PER_S)
    counted.follow("ramp", 100 * PER_S, 20 * SECOND_NS)
    assert abs(counted.count(20 * SECOND_NS) - 4000) <= 2
    assert abs(counted.count(10 * SECOND_NS) - 1000) <= 1


def test_sine_swings_between_both_rates_for_ever() -> None:
    counted = Counted()
    counted.follow("step", 100 * PER_S)
    counted.follow("sine", 300 * PER_S, 64 * SECOND_NS)
    for _ in range(3):
        quarters = [counted.count(16 * SECOND_NS) for _ in range(4)]
        assert abs(sum(quarters) - 200 * 64) <= 3
        # The mean of (1 - cos x) / 2 over the first quarter is 1/2 - 1/pi.
        low, high = (100 + 200 * (0.5 - 1 / math.pi)) * 16, (100 + 200 * (0.5 + 1 / math.pi)) * 16
        assert quarters == pytest.approx([low, high, high, low], abs=4)
    trough = counted.count(SECOND_NS)
    counted.count(31 * SECOND_NS - SECOND_NS // 2)
    crest = counted.count(SECOND_NS)
    assert trough == pytest.approx(100, abs=2)
    assert crest == pytest.approx(300, abs=2)


def test_wave_is_the_cosine_that_it_says() -> None:
    wave = [rate for _, rate in islice(SHAPES["sine"](0, 65536, 64 * SECOND_NS), 64)]
    assert wave == [round(65536 * (1 - math.cos(2 * math.pi * (i + 0.5) / 64)) / 2) for i in range(64)]


def test_spike_ends_after_its_period() -> None:
    counted = Counted()
    counted.follow("step", 100 * PER_S)
    counted.count(10 * SECOND_NS)
    counted.follow("spike", 900 * PER_S, 2 * SECOND_NS)
    assert abs(counted.count(2 * SECOND_NS) - 1800) <= 1
    assert abs(counted.count(10 * SECOND_NS) - 1000) <= 1


def test_slow_load_follows_a_quick_shape() -> None:
    counted = Counted()
    counted.follow("step", 1)  # One in 1,000 seconds.
    counted.follow("ramp", 100 * PER_S, SECOND_NS)
    assert abs(counted.count(SECOND_NS) - 50) <= 1
    assert abs(counted.count(SECOND_NS) - 100) <= 1


def test_nothing_arrives_after_a_stop() -> None:
    counted = Counted()
    counted.follow("step", 100 * PER_S)
    counted.count(SECOND_NS)
    counted.arrivals.stop()
    assert counted.count(10 * SECOND_NS) == 0


@pytest.mark.parametrize(
    ("rate", "shape", "period_ns", "base", "words"),
    [
        (0, "step", SECOND_NS, 1, "a load of 0/s is not possible.*stop the workload"),
        (-5000, "step", SECOND_NS, 1, "a load of -5/s is not possible"),
        (10**12, "step", SECOND_NS, 1, "at most 1000000/s"),
        (1000, "spkie", SECOND_NS, 1, r"no load shape 'spkie': .*did you mean spike\?"),
        (1000, "ramp", 0, 1, "a ramp needs a period of 100 ms or more, not 0 s"),
        (1000, "sine", PERIOD_NS_MIN - 1, 1, "a sine needs a period"),
        (1000, "spike", SECOND_NS, 0, "set one with shape=step first"),
    ],
)
def test_senseless_load_is_refused(rate: int, shape: str, period_ns: int, base: int, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check_load(rate, shape, period_ns, base)
