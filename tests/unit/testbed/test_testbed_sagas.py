"""Sagas over a cluster: they end all or nothing whoever crashes, and replay from the schedule."""

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.testbed.judge import judge_agreement, judge_faults, judge_invariants
from PhantomLibrary.testbed.replay import replay_loosely
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.saga_events import SAGA_EVENTS
from PhantomLibrary.testbed.saga_file import builtin_sagas, parse_saga, read_saga
from PhantomLibrary.testbed.saga_judge import judge_sagas
from PhantomLibrary.testbed.sagas import ENDED, saga_name

SMALL = {"snapshot_entries": 5, "kept_entries_max": 2}


class Agency:
    """A cluster with a few seats, rooms and cars, and trips over all three shards."""

    def __init__(self, drive, seed=1, **fields):
        self.it = drive(seed=seed, shards=3, **fields).elect()
        self.run = self.it.run
        self.book(2)

    def book(self, left):
        for key in ("flight", "room", "car"):
            assert self.it.put(f"{key}.left", str(left)).__class__.__name__ == "Ok"

    def start(self, name=""):
        text = read_saga("travel-booking")
        return self.it.give("start saga", definition=text, name=name).name

    def cancel(self, saga):
        return self.it.give("cancel saga", saga=saga).task

    def seen(self, name):
        return self.run.watch.sagas.get(name)

    def has_ended(self, *names):
        return all(self.seen(name) is not None and self.seen(name).state in ENDED for name in names)

    def end(self, *names, within_s=30):
        assert self.it.go(within_s, lambda: self.has_ended(*names)), [self.seen(name) for name in names]
        return [self.seen(name).state for name in names]

    def held(self):
        """Return what is left, and who is booked, of flights, rooms and cars."""
        values = {key: self.it.get(key).value for kind in ("flight", "room", "car") for key in _keys(kind)}
        return {key: value or "" for key, value in values.items()}

    def rest(self):
        self.it.give("heal faults")
        self.it.elect()
        self.it.go(4)
        assert judge_invariants(self.run) is None
        assert judge_agreement(self.run).outcome == "valid"


def _keys(kind):
    return f"{kind}.left", f"{kind}.bookings"


def _expected(left, *names):
    values = [str(left), " ".join(names)] * 3
    return dict(zip([key for kind in ("flight", "room", "car") for key in _keys(kind)], values, strict=True))


@pytest.fixture
def agency(drive):
    return Agency(drive)


def test_trip_is_booked_everywhere(agency):
    assert agency.end(agency.start()) == ["COMPLETED"]
    assert agency.held() == _expected(1, "travel-booking-1")


def test_trip_without_a_car_is_booked_nowhere(agency):
    agency.it.put("car.left", "0")
    name = agency.start()
    assert agency.end(name) == ["COMPENSATED"]
    assert agency.held() == {**_expected(2), "car.left": "0"}
    assert agency.seen(name).reason == "car.left would be -1, less than 0"


@pytest.mark.parametrize("delay_ms", range(0, 60, 6))
def test_saga_survives_the_crash_of_its_orchestrator(drive, delay_ms):
    agency = Agency(drive, seed=delay_ms)
    name = agency.start()
    agency.it.go(delay_ms / 1000)
    agency.it.give("crash node", "leader of shard 0", duration_s=1)
    assert agency.end(name) == ["COMPLETED"]
    agency.rest()
    assert agency.held() == _expected(1, name)


def test_saga_survives_loss_of_power_and_snapshots(drive):
    for delay_ms in (5, 15, 25, 35, 45):
        agency = Agency(drive, seed=delay_ms, knobs=SMALL)
        name = agency.start()
        agency.it.go(delay_ms / 1000)
        agency.it.give("crash node", "all", duration_s=1)
        agency.it.go(3)
        if agency.seen(name) is None:
            continue  # Its begin was lost, and whoever asked for it knows.
        assert agency.end(name) == ["COMPLETED"]
        agency.rest()
        assert agency.held() == _expected(1, name)


def test_cancelled_trip_is_booked_nowhere(drive):
    for delay_ms in (10, 30, 50):
        agency = Agency(drive, seed=delay_ms)
        name = agency.start()
        agency.it.go(delay_ms / 1000)
        agency.cancel(name)
        (state,) = agency.end(name)
        assert agency.held() == (_expected(2) if state == "COMPENSATED" else _expected(1, name))


def test_action_that_arrives_after_its_compensation_has_no_effect(drive):
    """The orchestrator's link to the shard is slow; it stands still, and its successor is told to cancel."""
    agency = Agency(drive, seed=3, topology="five-nodes", replicas=5)
    run, it = agency.run, agency.it
    first, shard = run.leader(0), 1
    if run.leader(shard) == first:
        other = next(node for node in run.node_names if node != first)
        it.give("transfer leadership", other, shard=shard)
        assert it.go(2, lambda: run.leader(shard) not in ("", first))
    name = agency.start()
    assert it.go(2, lambda: agency.seen(name) is not None)
    it.give("set link", source=first, target=run.leader(shard), latency_ns=6000 * MILLISECOND_NS)
    agency.run.advance(run.now_ns + 1_000_000)
    it.go(0.1)
    it.give("pause node", first, duration_s=8)
    assert it.go(5, lambda: run.leader(0) not in ("", first))
    agency.cancel(name)
    assert agency.end(name) == ["COMPENSATED"]
    it.go(10)
    agency.rest()
    assert agency.held() == _expected(2)


def test_failed_compensation_stays_in_sight_until_it_succeeds(agency):
    text = """
name: loan
steps:
  - {name: lend, key: debt, action: {increment: 1}, compensation: {increment: -5, at_least: 0}, compensation_retries: 1}
  - {name: sign, key: paper, action: {compare_and_set: [blank, signed]}, compensation: {put: blank}}
"""
    name = agency.it.give("start saga", definition=text).name
    assert agency.it.go(5, lambda: agency.seen(name) is not None and agency.seen(name).state == "FAILED")
    assert "step lend could not be compensated: debt would be -4, less than 0" in agency.seen(name).reason
    agency.it.put("debt", "9")
    assert agency.end(name) == ["COMPENSATED"]
    assert agency.it.get("debt").value == "4"


def test_run_with_sagas_replays(agency):
    names = [agency.start() for _ in range(3)]
    agency.it.go(0.02)
    agency.it.give("crash node", "leader of shard 0", duration_s=1)
    agency.cancel(names[2])
    agency.end(*names)
    schedule = agency.run.finish()
    again = Run(schedule.run)
    replay_loosely(again, schedule)
    assert again.trace.digest() == schedule.digest


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("event", SAGA_EVENTS)
def test_crash_at_each_event_of_a_saga_is_survived_and_replayed(agency, event, phase):
    agency.it.put("car.left", "0")
    agency.it.give("arm fault", event=event, fault="crash node", phase=phase, duration_ns=SECOND_NS)
    name = agency.start()
    assert agency.end(name) == ["COMPENSATED"]
    agency.rest()
    assert judge_faults(agency.run) is None
    assert judge_sagas(agency.run).outcome == "valid"
    schedule = agency.run.finish()
    again = Run(schedule.run)
    replay_loosely(again, schedule)
    assert again.trace.digest() == schedule.digest


def test_events_of_a_saga_are_told_in_order_before_and_after(agency):
    agency.it.put("room.left", "0")
    told = []
    agency.run.events.listen(lambda event, phase, _node, _number: told.append((event, phase)))
    agency.end(agency.start())
    of_sagas = [each for each in told if each[0] in SAGA_EVENTS]
    assert of_sagas[:4] == [
        ("saga started", "before"),
        ("saga started", "after"),
        ("step executing", "before"),
        ("step executing", "after"),
    ]
    assert of_sagas[-4:] == [
        ("step compensated", "before"),
        ("saga ended", "before"),
        ("step compensated", "after"),
        ("saga ended", "after"),
    ]
    assert {event: of_sagas.count((event, "after")) for event in SAGA_EVENTS} == {
        "saga started": 1,
        "step executing": 3,
        "step completed": 2,
        "compensation begun": 3,
        "step compensated": 3,
        "saga ended": 1,
    }


def test_many_trips_share_what_is_left(agency):
    names = [agency.start() for _ in range(8)]
    states = agency.end(*names)
    booked = sorted(name for name, state in zip(names, states, strict=True) if state == "COMPLETED")
    assert 1 <= len(booked) <= 2
    held = agency.held()
    for kind in ("flight", "room", "car"):
        assert sorted(held[f"{kind}.bookings"].split()) == booked
        assert held[f"{kind}.left"] == str(2 - len(booked))


def test_fences_are_forgotten_when_sagas_have_ended(agency):
    agency.end(agency.start(), agency.start())
    agency.it.go(10)
    for process in agency.run.processes.values():
        assert not any(replica.machine.sagas.dump().fences.steps for replica in process.replicas.values())


def test_saga_is_meant_by_its_name_or_the_latest_of_its_definition(agency):
    agency.start()
    second = agency.start()
    third = agency.start("mine")
    assert (third, saga_name(agency.run, "travel-booking-2")) == ("mine", second)
    assert saga_name(agency.run, "travel-booking") == "mine"
    with pytest.raises(InvalidInput, match=r"no saga 'travel-bookin': there is travel-booking-1, .*did you mean"):
        saga_name(agency.run, "travel-bookin")
    with pytest.raises(InvalidInput, match="'mine' was started before"):
        agency.start("mine")


def test_completed_saga_cannot_be_cancelled(agency):
    name = agency.start()
    agency.end(name)
    with pytest.raises(InvalidState, match="is completed"):
        agency.cancel(name)


def test_builtin_sagas_are_sagas():
    assert builtin_sagas() == ["travel-booking"]
    for name in builtin_sagas():
        assert parse_saga(read_saga(name), name).name == name


STEP = "name: a, key: k, action: {increment: 1}"


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        (f"[{{{STEP}}}]", "step 'a' has no compensation: say how"),
        ("[{name: a, key: k, action: {incremnt: 1}, compensation: none}]", "no action 'incremnt': there are put, "),
        ("[{name: a, key: k, action: increment, compensation: none}]", "expected a mapping with one of put, "),
        ("[{name: a, key: k, action: {at_least: 1}, compensation: none}]", "names no action: write one of put"),
        (f"[{{{STEP}, compensation: {{put: 1, append: 2}}}}]", "names put and append: write one of"),
        (f"[{{{STEP}, compensation: none, after: [b]}}]", "no step 'b': there are a"),
        (
            f"[{{{STEP}, compensation: none, after: [b]}}, {{{STEP.replace('a,', 'b,', 1)}, compensation: none}}]",
            "its steps wait for each other: a after b after a",
        ),
        (f"[{{{STEP}, compensation: none, retires: 1}}]", "unknown key 'retires': allowed are name, key, action"),
        (f"[{{{STEP}, compensation: none, timeout: soon}}]", "'soon' is not a duration"),
        ("", "expected a list, found nothing"),
    ],
)
def test_definition_that_makes_no_sense_is_refused(agency, steps, reason):
    with pytest.raises(InvalidInput) as refused:
        agency.it.give("start saga", definition=f"name: trip\nsteps: {steps}", origin="trip.yaml")
    assert reason in str(refused.value)
    assert str(refused.value).startswith("trip.yaml")
    assert not agency.run.started_sagas


def test_only_the_leader_of_shard_0_orchestrates(agency):
    name = agency.start()
    agency.end(name)
    agency.it.give("transfer leadership", "follower of shard 0", shard=0)
    assert agency.it.go(2, lambda: agency.run.leader(0) != "")
    agency.it.go(1)
    second = agency.start()
    assert agency.end(second) == ["COMPLETED"]
    hosts = {node: process.saga_host._orchestrator for node, process in agency.run.processes.items()}
    assert [node for node, orchestrator in hosts.items() if orchestrator is not None] == [agency.run.leader(0)]


def test_stock_that_was_refused_is_not_counted(agency):
    """A put that failed wrote nothing, so a saga begins with nothing there (seed 14 of the crash points)."""
    agency.book(0)
    recorder = agency.run.recorder
    process = recorder.new_process()
    recorder.invoke(process, "write", "flight.left", "9", "operator", "n1")
    recorder.complete(process, "fail", "9", "n1", "n1 is down")

    agency.end(agency.start())

    assert judge_sagas(agency.run).outcome == "valid"


def test_sagas_whose_keys_cannot_be_read_are_not_judged(agency):
    name = agency.start()
    assert agency.it.go(10, lambda: agency.has_ended(name))
    agency.it.give("crash node", "n1, n2")
    verdict = judge_sagas(agency.run)
    assert (verdict.outcome, verdict.code) == ("unknown", "HIS-004")
    assert verdict.message.startswith("key flight.left could not be read back: ")
