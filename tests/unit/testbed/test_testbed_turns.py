"""The lock of a cluster: who comes first is served first, time that goes on keeps nobody out."""

import ctypes
import sys
import threading
import time

import pytest

from PhantomLibrary.testbed.turns import Turns

WAIT_S = 10


def started(target, *arguments):
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def until(condition):
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.001)


def queue_up(turns, order, names):
    """Start threads one after the other, each of which notes its name when its turn comes."""

    def take(name):
        with turns:
            order.append(name)

    threads = []
    for place, name in enumerate(names, 1):
        threads.append(started(take, name))
        until(lambda place=place: len(turns.describe()) == place + 1)
    return threads


def test_threads_get_their_turns_in_the_order_in_which_they_came():
    turns, order = Turns(), []
    with turns:
        threads = queue_up(turns, order, "abcdef")
        assert order == [] and turns.is_wanted and turns.is_shared
    for each in threads:
        each.join(WAIT_S)
    assert order == list("abcdef")
    assert turns.describe() == [] and not turns.is_wanted


def test_a_thread_that_has_its_turn_may_take_it_again():
    turns = Turns()
    with turns, turns:
        assert turns.describe() == ["MainThread has its turn"]
    assert turns.describe() == [] and not turns.is_shared


def test_who_gives_way_comes_after_all_who_wait():
    turns, order = Turns(), []
    with turns:
        with turns:
            threads = queue_up(turns, order, "abc")
            turns.give_way()
            assert order == list("abc")
        assert turns.describe() == ["MainThread has its turn"]  # It had taken it twice, and has it once still.
    for each in threads:
        each.join(WAIT_S)
    assert turns.describe() == []


def test_a_thread_that_comes_back_at_once_overtakes_nobody():
    turns, order = Turns(), []
    with turns:
        threads = queue_up(turns, order, "ab")
    with turns:
        order.append("back")
    for each in threads:
        each.join(WAIT_S)
    assert order == ["a", "b", "back"]


@pytest.fixture
def switching_often():
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before_s)


@pytest.mark.usefixtures("switching_often")
def test_no_two_threads_have_a_turn_at_once_however_often_they_come():
    turns, inside, most, done = Turns(), [], [], []

    def work():
        for _ in range(1500):
            with turns:
                inside.append(1)
                most.append(len(inside))
                inside.pop()
        done.append(1)

    for each in [started(work) for _ in range(6)]:
        each.join(WAIT_S)
    assert len(done) == 6 and max(most) == 1 and len(most) == 6 * 1500
    assert turns.describe() == [] and not turns.is_wanted


def test_others_work_while_it_is_given_up():
    turns, order = Turns(), []
    with turns:
        with turns.given_up():
            for each in [started(lambda: turns.__enter__() and turns.__exit__()) for _ in range(3)]:
                each.join(WAIT_S)
            order.append("done")
        assert not turns.is_shared
        assert turns.describe() == ["MainThread has its turn"]
    assert order == ["done"]


class Interrupted(BaseException):
    pass


def interrupt(thread):
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Interrupted))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_is_interrupted_as_it_waits_keeps_nobody_out():
    turns, order = Turns(), []
    with turns:
        first, second = queue_up(turns, order, "ab")
        interrupt(first)
        first.join(WAIT_S)
        assert turns.describe()[1:] == [f"{second.name} waits for its turn, as number 1"]
    second.join(WAIT_S)
    assert order == ["b"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_is_interrupted_as_it_gives_way_has_no_turn_any_more():
    turns, has_it, may_give_way = Turns(), threading.Event(), threading.Event()

    def give_way():
        with turns:
            has_it.set()
            may_give_way.wait(WAIT_S)
            turns.give_way()

    thread = started(give_way)
    has_it.wait(WAIT_S)
    mine, seen = threading.Event(), []

    def hold():
        with turns:
            mine.set()
            thread.join(WAIT_S)
            seen.extend(turns.describe())

    holder = started(hold)
    until(lambda: len(turns.describe()) == 2)
    may_give_way.set()
    mine.wait(WAIT_S)
    interrupt(thread)
    holder.join(WAIT_S)
    assert not thread.is_alive() and not holder.is_alive()
    assert seen == [f"{holder.name} has its turn"]
    assert turns.describe() == []


def test_a_turn_that_is_asked_for_comes_when_the_holder_gives_way():
    turns, ending = Turns(), threading.Event()

    def give_way_often():
        with turns:
            while not ending.is_set():
                turns.give_way()

    thread = started(give_way_often)
    until(turns.describe)
    with turns.asked_for(WAIT_S) as has_come:
        assert has_come and turns.describe()[0] == "MainThread has its turn"
        with turns.asked_for(0) as has_come_again:
            assert has_come_again
        assert turns.describe()[0] == "MainThread has its turn"
    ending.set()
    thread.join(WAIT_S)
    assert turns.describe() == []


def test_a_turn_that_is_asked_for_in_vain_is_not_waited_for_any_longer():
    turns, ending = Turns(), threading.Event()

    def hold():
        with turns:
            ending.wait(WAIT_S)

    thread = started(hold)
    until(turns.describe)
    began_s = time.monotonic()
    with turns.asked_for(0.1) as has_come:
        assert not has_come and 0.1 <= time.monotonic() - began_s < WAIT_S
        assert len(turns.describe()) == 1 and not turns.is_wanted
    ending.set()
    thread.join(WAIT_S)
    assert turns.describe() == []


def test_a_turn_that_nobody_has_comes_without_patience():
    turns = Turns()
    with turns.asked_for(0) as has_come:
        assert has_come
    assert turns.describe() == []
