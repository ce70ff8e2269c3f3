import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.errors import Livelock
from PhantomLibrary.kernel.scheduler import Scheduler

EVENTS_IN_A_CHUNK = 4096


class Noted:
    """A scheduler with a list of what happened when."""

    def __init__(self):
        self.scheduler = Scheduler()
        self.happened = []

    def note(self, name):
        self.happened.append((self.scheduler.now_ns, name))

    @property
    def names(self):
        return [name for _, name in self.happened]


@pytest.fixture
def noted():
    return Noted()


def test_events_happen_in_the_order_of_their_times(noted):
    for time_ns in (30, 10, 20):
        noted.scheduler.at(time_ns, noted.note, time_ns)

    noted.scheduler.run_until(100)

    assert noted.happened == [(10, 10), (20, 20), (30, 30)]


def test_events_of_one_time_happen_in_the_order_in_which_they_were_made(noted):
    for name in "cab":
        noted.scheduler.at(10, noted.note, name)

    noted.scheduler.run_until(10)

    assert noted.names == ["c", "a", "b"]


def test_what_an_instant_makes_itself_comes_after_what_was_due_in_it(noted):
    scheduler = noted.scheduler

    def first(_):
        noted.note("first")
        scheduler.soon(noted.note, "made by first")
        scheduler.at(10, noted.note, "made by first for now")
        scheduler.at(3, noted.note, "made by first for the past")

    scheduler.at(10, first)
    scheduler.at(10, noted.note, "second")
    scheduler.at(11, noted.note, "later")

    scheduler.run_until(11)

    assert noted.names == [
        "first",
        "second",
        "made by first",
        "made by first for now",
        "made by first for the past",
        "later",
    ]
    assert [time for time, _ in noted.happened] == [10] * 5 + [11]


def test_a_run_ends_only_after_all_of_its_last_instant(noted):
    def chain(left):
        noted.note(left)
        if left:
            noted.scheduler.soon(chain, left - 1)

    noted.scheduler.at(10, chain, 3)

    noted.scheduler.run_until(10)

    assert noted.names == [3, 2, 1, 0]
    assert noted.scheduler.is_quiet


def test_an_event_due_after_the_end_of_a_run_waits_for_the_next(noted):
    noted.scheduler.at(11, noted.note, "later")

    noted.scheduler.run_until(10)

    assert (noted.names, noted.scheduler.now_ns, noted.scheduler.is_quiet) == ([], 10, False)
    noted.scheduler.run_until(11)
    assert noted.happened == [(11, "later")]


def test_the_clock_stands_at_the_end_of_the_run_even_without_events(noted):
    noted.scheduler.run_until(7)

    assert (noted.scheduler.now_ns, noted.scheduler.events) == (7, 0)


def test_time_never_goes_back(noted):
    noted.scheduler.run_until(7)

    with pytest.raises(AssertionError, match="time never goes back"):
        noted.scheduler.run_until(6)


def test_callbacks_and_arguments_that_cannot_be_compared_share_a_time(noted):
    for _ in range(50):
        noted.scheduler.at(5, lambda argument: noted.note(len(argument)), {})

    noted.scheduler.run_until(5)

    assert len(noted.happened) == 50


def _bounce(noted, seed):
    """A run of some hundred events, with several at one time and in one instant."""
    scheduler, state = noted.scheduler, [seed]

    def draw(n):
        state[0] = (state[0] * 1103515245 + 12345) % 2**31
        return state[0] // 7 % n

    def hop(name):
        noted.note(name)
        if len(noted.happened) < 400:
            for number in range(draw(3)):
                scheduler.after(draw(4), hop, f"{name[:6]}/{number}")
            scheduler.after(1, hop, name[:3])

    for name in "abc":
        scheduler.at(draw(5), hop, name)


@given(st.integers(0, 10_000), st.integers(1, 9))
def test_a_condition_changes_nothing_in_the_order_of_events(seed, step_ns):
    plain, watched, stepped = Noted(), Noted(), Noted()
    for noted in (plain, watched, stepped):
        _bounce(noted, seed)

    plain.scheduler.run_until(40)
    assert not watched.scheduler.run_until(40, condition=lambda: False)
    for time_ns in range(0, 40, step_ns):
        stepped.scheduler.run_until(time_ns)
    stepped.scheduler.run_until(40)

    assert plain.happened == watched.happened == stepped.happened
    assert plain.scheduler.events == watched.scheduler.events == stepped.scheduler.events == len(plain.happened)
    assert plain.scheduler.now_ns == watched.scheduler.now_ns == 40


def test_a_condition_is_looked_at_before_anything_happens(noted):
    noted.scheduler.soon(noted.note, "event")

    assert noted.scheduler.run_until(10, condition=lambda: True)

    assert (noted.names, noted.scheduler.now_ns, noted.scheduler.is_quiet) == ([], 0, False)


def test_a_condition_ends_a_run_only_between_instants(noted):
    noted.scheduler.at(5, noted.note, "first")
    noted.scheduler.at(5, noted.note, "second")
    noted.scheduler.at(6, noted.note, "third")

    assert noted.scheduler.run_until(10, condition=lambda: bool(noted.happened))

    assert (noted.names, noted.scheduler.now_ns) == (["first", "second"], 5)


def test_a_run_whose_condition_never_holds_says_so_and_stands_at_its_end(noted):
    noted.scheduler.at(5, noted.note, "event")

    assert not noted.scheduler.run_until(10, condition=lambda: False)

    assert (noted.names, noted.scheduler.now_ns) == (["event"], 10)


def test_a_run_until_quiet_stands_at_the_last_event(noted):
    for time_ns in (9, 4, 30, 2, 17):
        noted.scheduler.at(time_ns, noted.note, time_ns)
    noted.scheduler.at(30, lambda _: noted.scheduler.after(5, noted.note, "made late"))

    noted.scheduler.run_until_quiet()

    assert noted.names == [2, 4, 9, 17, 30, "made late"]
    assert (noted.scheduler.now_ns, noted.scheduler.is_quiet) == (35, True)


def test_a_run_until_quiet_of_nothing_ends_at_once(noted):
    noted.scheduler.run_until_quiet()

    assert noted.scheduler.now_ns == 0


@pytest.mark.parametrize("number", [1, EVENTS_IN_A_CHUNK - 1, EVENTS_IN_A_CHUNK, EVENTS_IN_A_CHUNK + 1, 10_000])
def test_all_events_are_counted_wherever_a_chunk_ends(noted, number):
    for time_ns in range(number):
        noted.scheduler.at(time_ns // 3, lambda _: None)

    noted.scheduler.run_until(number)

    assert noted.scheduler.events == number


@pytest.mark.parametrize("with_condition", [False, True])
@pytest.mark.parametrize("step_ns", [0, 1])
def test_chores_are_done_every_few_thousand_events_and_at_the_end(noted, step_ns, with_condition):
    number = 3 * EVENTS_IN_A_CHUNK
    done_after = []
    noted.scheduler.between_chunks = lambda: done_after.append(len(noted.happened))
    for position in range(number):
        noted.scheduler.at(position * step_ns, noted.note)

    noted.scheduler.run_until(number, condition=(lambda: False) if with_condition else None)

    gaps = [after - before for before, after in zip([0, *done_after], done_after, strict=False)]
    assert max(gaps) <= EVENTS_IN_A_CHUNK + 1 and done_after[-1] == number


@pytest.mark.parametrize("make", ["heap", "instant"])
def test_a_callback_that_raises_leaves_the_others_in_their_order(noted, make):
    def fail(_):
        raise ZeroDivisionError

    add = noted.scheduler.soon if make == "instant" else lambda *event: noted.scheduler.at(5, *event)
    add(noted.note, "before")
    add(fail, None)
    add(noted.note, "after")
    noted.scheduler.at(6, noted.note, "later")

    with pytest.raises(ZeroDivisionError):
        noted.scheduler.run_until(10)
    assert noted.names == ["before"]
    noted.scheduler.run_until(10)

    assert noted.names == ["before", "after", "later"]
    assert noted.scheduler.now_ns == 10
    assert noted.scheduler.is_quiet, "no end of the broken run is left behind"


def test_an_interrupt_leaves_the_scheduler_usable(noted):
    def interrupt(_):
        raise KeyboardInterrupt

    noted.scheduler.at(5, interrupt)
    noted.scheduler.at(7, noted.note, "later")

    with pytest.raises(KeyboardInterrupt):
        noted.scheduler.run_until(10)
    noted.scheduler.run_until_quiet()

    assert noted.happened == [(7, "later")]


# --- bounds -----------------------------------------------------------------------------------------------------------


class Node:
    """Somebody with a name, who does not come to an end."""

    def __init__(self, name, scheduler):
        self.name = name
        self._scheduler = scheduler

    def spin(self, delay_ns):
        self._scheduler.after(delay_ns, self.spin, delay_ns)


def _idle(_):
    """Waits for its time, as a hundred timers do."""


@pytest.mark.parametrize("delay_ns", [0, 1])
@pytest.mark.parametrize("condition", [None, lambda: False])
def test_a_livelock_names_who_is_busy_and_not_who_waits(noted, delay_ns, condition):
    for number in range(100):
        noted.scheduler.at(900_000_000 + number, _idle)
    Node("n7", noted.scheduler).spin(delay_ns)

    with pytest.raises(Livelock, match=r"t=0\.000s after 5000 events, short of t=1\.000s.*Node\.spin of n7") as caught:
        noted.scheduler.run_until(1_000_000_000, condition=condition, events_max=5000)

    assert "_idle" not in str(caught.value)


def test_a_livelock_tells_how_often_each_of_the_three_busiest_was_seen(noted):
    for name, delay_ns in (("n1", 8), ("n2", 2), ("n3", 1), ("n4", 4)):
        Node(name, noted.scheduler).spin(delay_ns)

    with pytest.raises(Livelock) as caught:
        noted.scheduler.run_until(1_000_000_000, events_max=5000)

    told = re.findall(r"Node\.spin of (n\d) \((\d+) times\)", str(caught.value))
    assert [name for name, _ in told] == ["n3", "n2", "n4"]
    assert [int(times) for _, times in told] == pytest.approx([137, 68, 34], abs=2), "of 256 that were looked at"


def test_a_livelock_ends_soon_after_its_bound(noted):
    Node("n7", noted.scheduler).spin(0)

    with pytest.raises(Livelock):
        noted.scheduler.run_until(10, events_max=100)

    assert 100 < noted.scheduler.events <= 100 + 2 * EVENTS_IN_A_CHUNK


def test_as_many_events_as_the_bound_allows_are_no_livelock(noted):
    for time_ns in range(1000):
        noted.scheduler.at(time_ns, _idle)

    noted.scheduler.run_until(1000, events_max=1000)

    assert noted.scheduler.events == 1000


def test_one_event_more_than_the_bound_allows_is_a_livelock(noted):
    for time_ns in range(1001):
        noted.scheduler.at(time_ns, _idle)

    with pytest.raises(Livelock, match="after 1000 events"):
        noted.scheduler.run_until(2000, events_max=1000)


def test_a_livelock_is_found_without_performing_what_lies_beyond_the_goal(noted):
    for time_ns in range(11):
        noted.scheduler.at(time_ns, _idle)
    noted.scheduler.at(50, noted.note, "beyond")

    with pytest.raises(Livelock):
        noted.scheduler.run_until(20, events_max=10)

    assert noted.happened == []


@pytest.mark.parametrize("delay_ns", [0, 1])
def test_a_bound_on_wall_time_ends_a_livelock(noted, delay_ns):
    Node("n7", noted.scheduler).spin(delay_ns)

    with pytest.raises(Livelock, match=r"0\.01 s of wall time.*Node\.spin of n7"):
        noted.scheduler.run_until(10_000_000_000, wall_s_max=0.01)


def test_a_run_until_quiet_that_never_is_quiet_meets_its_bound(noted):
    Node("n7", noted.scheduler).spin(3)

    with pytest.raises(Livelock, match="short of the end of all events"):
        noted.scheduler.run_until_quiet(events_max=5000)
