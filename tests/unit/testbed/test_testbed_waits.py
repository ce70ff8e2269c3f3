"""Who waits for what, told while real threads change the cluster."""

import sys
import threading

import pytest

from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.testbed.waits import describe_waits

LOOKS = 500


@pytest.fixture
def busy(it):
    """A cluster under load, in which a thread lets time go on and gives way after each stretch; with its errors."""
    ending, errors = threading.Event(), []
    it.load(clients=12)
    interval_s = sys.getswitchinterval()

    def go_on():
        try:
            with it.run.lock:
                while not ending.is_set():
                    it.run.advance(it.run.now_ns + 20 * MILLISECOND_NS)
                    it.run.lock.give_way()
        except BaseException as error:  # noqa: BLE001 - of whatever kind, the test fails with it.
            errors.append(error)

    thread = threading.Thread(target=go_on, daemon=True)
    sys.setswitchinterval(0.00005)
    thread.start()
    yield it.run
    sys.setswitchinterval(interval_s)
    ending.set()
    thread.join(10)
    assert not errors


def test_what_waits_inside_is_told_while_it_changes(busy):
    """Whoever looks without a turn meets dictionaries that change while they are read."""
    told = [line for _ in range(LOOKS) for line in describe_waits(busy)]
    assert sum("waits since t=" in line for line in told) >= LOOKS // 4
    assert not any("nobody gives way" in line for line in told)


def test_whoever_has_a_turn_need_not_wait_to_tell_it(it):
    it.load()
    assert it.go(3, lambda: bool(it.run.recorder.under_way))
    with it.run.lock:
        told = describe_waits(it.run)
        assert told[0].endswith("has its turn") and "waits since t=" in told[1]
        assert it.run.lock.describe() == told[:1]
