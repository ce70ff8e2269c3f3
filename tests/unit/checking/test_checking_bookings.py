"""Bookings that sagas made, as clients read them back: each kind of contradiction, and legal histories that pass."""

import pytest

from PhantomLibrary.checking.bookings import Booking, check_bookings
from PhantomLibrary.checking.dispatch import check_history
from PhantomLibrary.domain import HistoryEvent


def _booking(name, is_completed=True):
    return Booking(name, is_completed, (("flight", name), ("room", name)))


def test_bookings_of_completed_sagas_are_there_and_others_are_not():
    lists = {"flight": ["a"], "room": ["a"]}
    verdict = check_bookings([_booking("a"), _booking("b", False)], lists)
    assert (verdict.outcome, verdict.operations, verdict.confirmed) == ("valid", 2, 1)


@pytest.mark.parametrize(
    ("room", "message"),
    [
        ([], "saga a is completed, and room holds a not at all"),
        (["a", "a"], "saga a is completed, and room holds a 2 times"),
        (["a", "b"], "saga b is compensated, and room holds b once"),
    ],
)
def test_what_is_booked_in_one_place_only_is_told(room, message):
    verdict = check_bookings([_booking("a"), _booking("b", False)], {"flight": ["a"], "room": room})
    assert (verdict.outcome, verdict.code, verdict.message) == ("invalid", "SGA-010", message)


class History:
    """Trips and reads, one after the other unless they are left open."""

    def __init__(self):
        self.events = []
        self._process = 0

    def _add(self, process, kind, function, key, value):
        index = len(self.events)
        self.events.append(HistoryEvent(index, index * 1000, process, kind, function, key, value))

    def trip(self, name, ending, *keys):
        self._process += 1
        self._add(self._process, "invoke", "book", name, list(keys))
        if ending != "open":
            self._add(self._process, ending, "book", name, list(keys))
        return self

    def read(self, key, value):
        self._process += 1
        self._add(self._process, "invoke", "read", key, None)
        self._add(self._process, "ok", "read", key, value)
        return self

    def judge(self):
        return check_history(self.events, "saga")


def test_legal_history_of_trips_is_valid():
    history = History().trip("a", "ok", "k1", "k2").trip("b", "fail", "k1", "k2").trip("c", "ok", "k2")
    history.read("k1", ["a"]).read("k2", ["a", "c"]).read("k1/left", -1).read("k2/left", -2)
    assert history.judge().outcome == "valid"


def test_trip_of_unknown_outcome_may_have_happened_or_not():
    for found, left in (([], 0), (["a"], -1), ([], -1)):  # It may even be on its way still.
        history = History().trip("a", "info", "k1").read("k1", found).read("k1/left", left)
        assert history.judge().outcome == "valid"


@pytest.mark.parametrize(
    ("history", "code", "message"),
    [
        (History().trip("a", "ok", "k1").read("k1", []), "SGA-010", "trip a was booked, and k1 does not hold it"),
        (History().trip("a", "fail", "k1").read("k1", ["a"]), "SGA-010", "trip a was given up, and k1 still holds it"),
        (History().trip("a", "ok", "k1").read("k1", ["a", "a"]), "SGA-010", "k1 holds trip a 2 times"),
        (History().trip("a", "ok", "k1").read("k1", ["a", "z"]), "SGA-010", "k1 holds z, which no trip put there"),
        (
            History().trip("a", "ok", "k1").read("k1", ["a"]).read("k1/left", 0),
            "SGA-011",
            "k1 holds 1 trips, but k1/left is 0",
        ),
        (
            History().trip("a", "info", "k1").read("k1", []).read("k1/left", -2),
            "SGA-011",
            "k1 holds 0 trips, but k1/left is -2",
        ),
        (
            History().trip("a", "fail", "k1").read("k1", []).read("k1/left", "many"),
            "SGA-011",
            "k1 holds 0 trips, but k1/left is many",
        ),
    ],
)
def test_each_contradiction_is_told(history, code, message):
    verdict = history.judge()
    assert (verdict.outcome, verdict.code, verdict.message) == ("invalid", code, message)


def test_read_during_a_trip_may_show_any_part_of_it():
    history = History()
    history._add(99, "invoke", "book", "a", ["k1", "k2"])
    history.read("k1", ["a"]).read("k2", [])
    history._add(99, "fail", "book", "a", ["k1", "k2"])
    history.read("k1", []).read("k1/left", 0)
    assert history.judge().outcome == "valid"


def test_history_without_reads_proves_nothing():
    assert History().trip("a", "ok", "k1").judge().code == "HIS-004"
