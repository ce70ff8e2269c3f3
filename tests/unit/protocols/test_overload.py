"""Turning away and asking again: who waits too long, how often to retry, and how long to pause."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.domain import MILLISECOND_NS as MS
from PhantomLibrary.protocols.overload.queue_delay import QueueDelay
from PhantomLibrary.protocols.overload.retry_budget import ATTEMPTS_MAX, RetryBudget, pause_ns

TARGET, INTERVAL = 5 * MS, 100 * MS


def overloaded() -> QueueDelay:
    """Return one that has seen an interval, from 0 to 100 ms, in which all waited."""
    delay = QueueDelay(TARGET, INTERVAL)
    assert not delay.sheds(TARGET + 1, 0)
    assert not delay.sheds(TARGET + 1, INTERVAL - 1)
    assert not delay.sheds(TARGET + 1, INTERVAL), "the first of an interval never is"
    return delay


def test_who_waits_more_than_twice_the_target_is_turned_away_while_all_wait() -> None:
    delay = overloaded()
    assert not delay.sheds(2 * TARGET, INTERVAL + 1)
    assert delay.sheds(2 * TARGET + 1, INTERVAL + 1)
    assert not delay.sheds(4 * TARGET, INTERVAL + 1, patience=4)
    assert delay.sheds(4 * TARGET + 1, INTERVAL + 1, patience=4)


def test_a_burst_is_let_in_however_long_it_waits() -> None:
    delay = QueueDelay(TARGET, INTERVAL)
    assert not any(delay.sheds(waited_ms * MS, waited_ms * MS) for waited_ms in range(1, 99))


@pytest.mark.parametrize(("least_ns", "sheds"), [(TARGET, False), (TARGET + 1, True)])
def test_one_that_did_not_wait_long_shows_that_the_queue_is_none(least_ns: int, sheds: bool) -> None:
    delay = QueueDelay(TARGET, INTERVAL)
    delay.sheds(50 * MS, 0)
    delay.sheds(least_ns, 10 * MS)
    delay.sheds(50 * MS, 20 * MS)
    delay.sheds(50 * MS, INTERVAL)
    assert delay.sheds(50 * MS, INTERVAL + 1) is sheds


def test_it_is_over_after_an_interval_in_which_nobody_was_turned_away() -> None:
    delay = overloaded()
    assert delay.sheds(50 * MS, 150 * MS)
    delay.least_ns = 0  # Somebody did not wait at all.
    delay.sheds(0, 200 * MS)
    assert delay.is_overloaded, "the queue is short because some were turned away"
    delay.sheds(0, 300 * MS)
    assert not delay.is_overloaded


def serve(per_ms: int, duration_ms: int, delay: QueueDelay, queue: deque[int], since_ms: int = 0) -> tuple[int, int]:
    """Let so many requests arrive each millisecond at one who serves one a millisecond, and refuses ten in that time.

    Return how many were served, and the longest that one of these had waited.
    """
    served, longest_ns = 0, 0
    for now_ms in range(since_ms, since_ms + duration_ms):
        queue.extend([now_ms * MS] * per_ms)
        work = 10
        while queue and work > 0:
            waited_ns = now_ms * MS - queue.popleft()
            if delay.sheds(waited_ns, now_ms * MS):
                work -= 1
            else:
                work -= 10
                served += 1
                longest_ns = max(longest_ns, waited_ns)
    return served, longest_ns


def test_server_with_three_times_too_much_to_do_works_on_and_lets_nobody_wait_long() -> None:
    delay, queue = QueueDelay(TARGET, INTERVAL), deque[int]()
    serve(3, 500, delay, queue)
    served, longest_ns = serve(3, 1_000, delay, queue, 500)
    assert served >= 700, "of 1,000 that it could serve if refusing cost nothing"
    assert longest_ns <= 30 * MS
    serve(0, 200, delay, queue, 1_500)
    assert serve(1, 500, delay, queue, 1_700) == (500, 0), "it has recovered"


# --- retries ----------------------------------------------------------------------------------------------------------


def test_a_request_is_tried_three_times_at_most() -> None:
    budget = RetryBudget()
    assert [budget.allows(refusals, 1) for refusals in range(1, ATTEMPTS_MAX + 1)] == [True, True, False]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200))
def test_retries_are_a_tenth_of_requests_and_a_reserve(steps: list[int]) -> None:
    budget, asked, retried = RetryBudget(), 0, 0
    for step in steps:
        asked += step
        while budget.allows(1, asked):
            retried += 1
    assert asked // 10 - 30 <= retried <= 10 + asked // 10


def test_what_is_saved_up_in_quiet_times_is_bounded() -> None:
    budget = RetryBudget()
    assert not budget.allows(ATTEMPTS_MAX, 10**9)
    assert sum(budget.allows(1, 10**9) for _ in range(1_000)) == 10


def test_pauses_double_and_at_least_half_of_each_is_sure() -> None:
    assert [pause_ns(refusals, 20 * MS, 0) // MS for refusals in (1, 2, 3)] == [10, 20, 40]
    assert 19 * MS < pause_ns(1, 20 * MS, 0xFFFF) < 20 * MS
