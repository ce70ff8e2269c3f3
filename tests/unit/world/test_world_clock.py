"""A node's clock alone: it never jumps when its drift changes, and a reading is waited for exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.world.clock import WALL_ORIGIN_NS, Clock

DRIFTS = st.integers(-500_000, 500_000)


def test_a_clock_begins_right_at_an_origin_that_every_recorded_run_shares():
    clock = Clock(Scheduler())
    assert (clock.monotonic_ns(), clock.wall_ns(), clock.virtual_ns(7)) == (0, 10**15, 7)
    assert WALL_ORIGIN_NS == 10**15


def test_a_clock_that_is_made_in_the_middle_of_a_run_drifts_from_then_on():
    scheduler = Scheduler()
    scheduler.run_until(1_000)
    clock = Clock(scheduler, offset_ns=50, drift_ppm=100_000)
    assert clock.monotonic_ns() == 1_000
    scheduler.run_until(2_000)
    assert (clock.monotonic_ns(), clock.wall_ns()) == (2_100, WALL_ORIGIN_NS + 2_150)


def test_a_clock_whose_drift_is_over_stays_ahead_by_what_it_gained():
    scheduler = Scheduler()
    clock = Clock(scheduler, drift_ppm=100_000)
    scheduler.run_until(1_000)
    clock.change_drift(-100_000)
    scheduler.run_until(2_000)
    assert clock.monotonic_ns() == 2_100
    assert clock.virtual_ns(2_600) == 2_500


@pytest.mark.parametrize("by_ns", [700, -700])
def test_a_step_moves_the_wall_clock_and_nothing_else(by_ns):
    clock = Clock(Scheduler())
    clock.step(by_ns)
    assert (clock.monotonic_ns(), clock.wall_ns(), clock.virtual_ns(5)) == (0, WALL_ORIGIN_NS + by_ns, 5)


@given(st.lists(st.tuples(st.integers(0, 10**6), DRIFTS), max_size=4), st.integers(0, 10**6))
def test_a_reading_is_reached_at_the_first_virtual_time_that_shows_it(changes, wait_ns):
    scheduler = Scheduler()
    clock = Clock(scheduler)
    for passed_ns, drift_ppm in changes:
        scheduler.run_until(scheduler.now_ns + passed_ns)
        before = clock.monotonic_ns()
        clock.change_drift(drift_ppm - clock.drift_ppm)
        assert clock.monotonic_ns() == before, "time does not jump"
    reading_ns = clock.monotonic_ns() + 1 + wait_ns
    at_ns = clock.virtual_ns(reading_ns)
    assert at_ns > scheduler.now_ns
    scheduler.run_until(at_ns - 1)
    assert clock.monotonic_ns() < reading_ns
    scheduler.run_until(at_ns)
    assert clock.monotonic_ns() >= reading_ns
