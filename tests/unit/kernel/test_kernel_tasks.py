import gc
import warnings

import pytest

from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.tasks import Cancelled, Future, Task, TimedOut, TimeoutQueue, sleep


@pytest.fixture
def scheduler():
    return Scheduler()


async def _return(value):
    return value


async def _wait(future, happened, timeout_ns=None):
    try:
        happened.append(await future.wait(timeout_ns))
    except TimedOut:
        happened.append("timed out")
    return happened


def test_a_task_begins_later_in_its_instant_and_keeps_the_result(scheduler):
    task = Task(scheduler, _return(7))
    assert not task.is_done

    scheduler.run_until(0)

    assert task.is_done
    assert task.result == 7
    assert task.done.value is task


def test_the_result_of_a_task_under_way_is_a_bug_to_ask_for(scheduler):
    task = Task(scheduler, _return(7), "early")

    with pytest.raises(AssertionError, match="'early' has not ended"):
        _ = task.result
    scheduler.run_until(0)


def test_sleep_lets_virtual_time_pass(scheduler):
    async def story():
        await sleep(5)
        first = scheduler.now_ns
        await sleep(0)
        return first, scheduler.now_ns

    task = Task(scheduler, story())
    scheduler.run_until_quiet()

    assert task.result == (5, 5)


def test_waiters_go_on_in_the_order_of_waiting_in_the_instant_of_the_value(scheduler):
    future, happened = Future(scheduler), []
    for name in "cab":
        Task(scheduler, _wait(future, happened)).name = name
    scheduler.run_until(3)

    future.set("value")
    assert happened == []  # Later in this instant, not at once.
    scheduler.run_until(3)

    assert happened == ["value"] * 3


def test_a_value_that_is_there_already_is_no_wait(scheduler):
    future, happened = Future(scheduler), []
    future.set(None)
    Task(scheduler, _wait(future, happened))

    scheduler.run_until(0)

    assert happened == [None]


def test_a_future_is_set_once(scheduler):
    future = Future(scheduler)
    future.set(1)

    with pytest.raises(AssertionError, match="set once"):
        future.set(2)
    assert future.value == 1


def test_a_future_that_is_not_set_has_no_value(scheduler):
    with pytest.raises(AssertionError, match="not set yet"):
        _ = Future(scheduler).value


def test_a_wait_with_a_limit_times_out(scheduler):
    future, happened = Future(scheduler), []
    Task(scheduler, _wait(future, happened, timeout_ns=10))

    scheduler.run_until(9)
    assert happened == []
    scheduler.run_until(10)
    future.set("late")
    scheduler.run_until_quiet()

    assert happened == ["timed out"]


def test_a_limit_that_is_never_reached_does_nothing(scheduler):
    future, happened = Future(scheduler), []
    Task(scheduler, _wait(future, happened, timeout_ns=10))
    scheduler.at(4, future.set, "value")

    scheduler.run_until_quiet()

    assert happened == ["value"]


def test_whoever_waits_again_and_again_leaves_no_list_behind(scheduler):
    future = Future(scheduler)

    async def poll():
        for _ in range(100):
            try:
                await future.wait(timeout_ns=1)
            except TimedOut:
                continue

    Task(scheduler, poll())
    scheduler.run_until_quiet()

    assert len(future._waiters) <= 1


def test_cancelling_raises_inside_so_that_finally_runs(scheduler):
    happened = []

    async def story():
        try:
            await sleep(100)
        finally:
            happened.append(scheduler.now_ns)

    task = Task(scheduler, story())
    scheduler.run_until(3)
    task.cancel()
    scheduler.run_until_quiet()

    assert happened == [3]
    with pytest.raises(Cancelled):
        _ = task.result


def test_a_cancelled_task_may_go_on_waiting(scheduler):
    happened = []

    async def story():
        try:
            await sleep(100)
        except Cancelled:
            await sleep(5)
            happened.append(scheduler.now_ns)

    task = Task(scheduler, story())
    scheduler.run_until(3)
    task.cancel()
    scheduler.run_until(50)

    assert (happened, task.is_done, task.result) == ([8], True, None)


def test_a_sleep_that_was_cancelled_wakes_nobody_later(scheduler):
    woken = []

    async def story():
        try:
            await sleep(10)
        except Cancelled:
            await sleep(100)
            woken.append(scheduler.now_ns)

    task = Task(scheduler, story())
    scheduler.run_until(3)
    task.cancel()
    scheduler.run_until_quiet()

    assert woken == [103]


def test_cancelling_before_the_first_step_runs_nothing_and_warns_of_nothing(scheduler):
    happened = []

    async def story():
        happened.append("began")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task = Task(scheduler, story())
        task.cancel()
        scheduler.run_until_quiet()
        with pytest.raises(Cancelled):
            _ = task.result
        del task
        gc.collect()

    assert happened == []


def test_cancelling_twice_raises_once(scheduler):
    happened = []

    async def story():
        for _ in range(3):
            try:
                await sleep(10)
            except Cancelled:
                happened.append("cancelled")

    task = Task(scheduler, story())
    scheduler.run_until(1)
    task.cancel()
    task.cancel()
    scheduler.run_until_quiet()

    assert happened == ["cancelled"]


def test_cancelling_after_the_end_does_nothing(scheduler):
    task = Task(scheduler, _return(7))
    scheduler.run_until(0)
    task.cancel()
    scheduler.run_until_quiet()

    assert task.result == 7


def test_a_task_that_cancels_itself_is_cancelled_at_its_next_wait(scheduler):
    tasks, happened = [], []

    async def story():
        tasks[0].cancel()
        happened.append("goes on")
        await sleep(0)
        happened.append("not reached")

    tasks.append(Task(scheduler, story()))
    scheduler.run_until_quiet()

    assert happened == ["goes on"]
    with pytest.raises(Cancelled):
        _ = tasks[0].result


def test_a_task_that_cancels_itself_and_ends_has_ended(scheduler):
    tasks = []

    async def story():
        tasks[0].cancel()
        return "done"

    tasks.append(Task(scheduler, story()))
    scheduler.run_until_quiet()

    assert tasks[0].result == "done"


def test_a_value_that_comes_with_a_cancellation_is_overtaken_by_it(scheduler):
    future, happened = Future(scheduler), []
    task = Task(scheduler, _wait(future, happened))
    scheduler.run_until(1)
    task.cancel()
    future.set("value")
    scheduler.run_until_quiet()

    assert happened == []
    with pytest.raises(Cancelled):
        _ = task.result


async def _fail():
    await sleep(1)
    raise ZeroDivisionError("in a task")


def test_an_error_in_a_task_that_nobody_awaits_ends_the_run(scheduler):
    task = Task(scheduler, _fail())

    with pytest.raises(ZeroDivisionError, match="in a task"):
        scheduler.run_until_quiet()
    assert task.is_done


def test_an_error_goes_to_whom_it_was_promised_and_the_run_goes_on(scheduler):
    errors = []
    task = Task(scheduler, _fail(), on_error=errors.append)

    scheduler.run_until_quiet()

    assert [type(each) for each in errors] == [ZeroDivisionError]
    with pytest.raises(ZeroDivisionError):
        _ = task.result


def test_an_error_while_being_cancelled_is_an_error(scheduler):
    async def story():
        try:
            await sleep(10)
        finally:
            raise ZeroDivisionError

    task = Task(scheduler, story())
    scheduler.run_until(1)
    task.cancel()

    with pytest.raises(ZeroDivisionError):
        scheduler.run_until_quiet()
    assert task.is_done


def test_awaiting_what_is_not_of_this_kernel_names_the_task(scheduler):
    import asyncio

    loop = asyncio.new_event_loop()

    async def story():
        await asyncio.Future(loop=loop)

    Task(scheduler, story(), "lost")
    with pytest.raises(AssertionError, match="task 'lost' awaited something that is not of this kernel"):
        scheduler.run_until_quiet()
    loop.close()


def test_time_limits_of_one_length_share_one_event(scheduler):
    expired = []
    queue = TimeoutQueue(scheduler, 10, lambda future: expired.append((scheduler.now_ns, future)))
    futures = [Future(scheduler) for _ in range(4)]
    for start_ns, future in enumerate(futures):
        scheduler.run_until(start_ns)
        queue.add(future)
    assert len(scheduler._heap) == 1

    futures[1].set("in time")
    scheduler.run_until_quiet()

    assert expired == [(10, futures[0]), (12, futures[2]), (13, futures[3])]


def test_time_limits_that_were_met_cost_no_event_each(scheduler):
    queue = TimeoutQueue(scheduler, 100, lambda _: None)
    for start_ns in range(50):
        scheduler.run_until(start_ns)
        future = Future(scheduler)
        queue.add(future)
        future.set("in time")
    scheduler.run_until_quiet()

    assert scheduler.events == 1


def test_a_timeout_queue_takes_up_again_after_it_ran_empty(scheduler):
    expired = []
    queue = TimeoutQueue(scheduler, 10, expired.append)
    for _ in range(3):
        future = Future(scheduler)
        queue.add(future)
        scheduler.run_until_quiet()
        assert expired.pop() is future
