"""The recorder: indices, times, process numbers, counts."""

from __future__ import annotations

import pytest

from PhantomLibrary.domain import SECOND_NS, HistoryEvent
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.workloads.recorder import HistoryRecorder


def test_events_carry_index_time_and_the_invocation() -> None:
    scheduler = Scheduler()
    recorder = HistoryRecorder(scheduler)
    process = recorder.new_process()
    recorder.invoke(process, "read", "k1", None, "register", "n1")
    scheduler.run_until(500)
    recorder.complete(process, "ok", 7, "n2")
    assert recorder.events == [
        HistoryEvent(0, 0, 0, "invoke", "read", "k1", None, "register", "n1"),
        HistoryEvent(1, 500, 0, "ok", "read", "k1", 7, "register", "n2"),
    ]
    assert recorder.counts == {"invoke": 1, "ok": 1, "fail": 0, "info": 0}


def test_process_numbers_are_never_given_out_twice() -> None:
    recorder = HistoryRecorder(Scheduler())
    assert [recorder.new_process() for _ in range(3)] == [0, 1, 2]


def test_listener_sees_each_event_once_it_is_recorded() -> None:
    heard: list[tuple[HistoryEvent, int]] = []
    recorder = HistoryRecorder(Scheduler(), lambda event: heard.append((event, len(recorder.events))))
    recorder.invoke(3, "write", "k1", 5)
    assert set(recorder.under_way) == {3}
    recorder.complete(3, "fail", 5, error="no leader")
    assert heard == [(recorder.events[0], 1), (recorder.events[1], 2)]
    assert not recorder.under_way


def test_process_does_one_thing_at_a_time() -> None:
    recorder = HistoryRecorder(Scheduler())
    recorder.invoke(0, "read", "k1", None)
    with pytest.raises(AssertionError, match="process 0 has an operation under way"):
        recorder.invoke(0, "read", "k2", None)


def test_values_of_a_workload_go_on_after_a_restart() -> None:
    recorder = HistoryRecorder(Scheduler())
    assert [next(recorder.values_of("a")), next(recorder.values_of("a")), next(recorder.values_of("b"))] == [1, 2, 1]


def test_who_had_no_answer_at_a_time_may_get_one_late() -> None:
    scheduler = Scheduler()
    recorder = HistoryRecorder(scheduler)

    def at(seconds: int) -> int:
        scheduler.run_until(seconds * SECOND_NS)
        return scheduler.now_ns

    begun = at(1)
    recorder.invoke(1, "read", "k1", None)
    recorder.invoke(2, "read", "k2", None)
    at(2)
    recorder.complete(2, "ok", "1")
    at(3)
    recorder.complete(1, "ok", "1")
    assert not recorder.may_be_late("k1", begun - 1)  # Asked later.
    assert recorder.may_be_late("k1", begun) and recorder.may_be_late("k1", 2 * SECOND_NS)
    assert not recorder.may_be_late("k1", 3 * SECOND_NS)
    assert not recorder.may_be_late("k2", 2 * SECOND_NS)  # It had its answer.
    at(12)
    assert not recorder.may_be_late("k1", begun)  # Too long ago.
