"""Trips: sagas over three lists and the numbers beside them."""

from itertools import count

import pytest

from PhantomLibrary.domain import Get
from PhantomLibrary.domain.operations import RunSaga
from PhantomLibrary.domain.sagas import decode_definition
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.protocols.saga.definition import why_no_saga
from PhantomLibrary.workloads.keys import Skews
from PhantomLibrary.workloads.kinds import Choices, LastRead
from PhantomLibrary.workloads.trips import CAPACITY, Trips


def _trips(*, keys=10, reads=0, pattern="k{}"):
    stream = Stream(1, "trips")
    return Trips(keys, pattern, Choices(stream, Skews().uniform(keys, stream), count(1), reads_percent=reads))


def test_trip_is_a_saga_over_three_keys_that_can_be_undone():
    function, name, keys, operation = _trips().draw(LastRead())
    assert (function, name) == ("book", "k-trip1")
    assert len(set(keys)) == 3
    assert isinstance(operation, RunSaga)
    definition = decode_definition(operation.definition)
    assert why_no_saga(definition) == ""
    assert [step.key for step in definition.steps] == [each for key in keys for each in (f"{key}/left", key)]


def test_names_and_keys_of_workloads_differ():
    _, name, keys, _ = _trips(pattern="k{}-second").draw(LastRead())
    assert name == "k-trip1-second"
    assert all(key.endswith("-second") for key in keys)


@pytest.mark.parametrize("keys", [1, 2])
def test_trip_over_few_keys_takes_what_there_is(keys):
    _, _, drawn, _ = _trips(keys=keys).draw(LastRead())
    assert len(set(drawn)) == len(drawn) == keys


def test_full_key_is_left_alone_and_read_at_the_end():
    trips = _trips(keys=3)
    for _ in range(CAPACITY + 3):
        trips.draw(LastRead())
    written = trips.keys.written()
    assert {"k0", "k0/left", "k3", "k3/left"} <= set(written)


def test_reads_are_of_lists_and_of_numbers():
    trips = _trips(reads=100)
    drawn = [trips.draw(LastRead()) for _ in range(40)]
    assert all(function == "read" and isinstance(operation, Get) for function, _, _, operation in drawn)
    assert len({key.endswith("/left") for _, key, _, _ in drawn}) == 2


def test_answers_mean_what_they_say():
    trips = _trips()
    booked = trips.draw(LastRead())
    assert trips.interpret(booked, "COMPLETED", LastRead()) == ("ok", booked[2], "")
    assert trips.interpret(booked, "COMPENSATED", LastRead())[0] == "fail"
    assert trips.interpret(("read", "k1", None, Get("k1")), "a b", LastRead()) == ("ok", ["a", "b"], "")
    assert trips.interpret(("read", "k1", None, Get("k1")), None, LastRead()) == ("ok", [], "")
    assert trips.interpret(("read", "k1/left", None, Get("k1/left")), None, LastRead()) == ("ok", 0, "")
    assert trips.interpret(("read", "k1/left", None, Get("k1/left")), "-3", LastRead()) == ("ok", -3, "")
