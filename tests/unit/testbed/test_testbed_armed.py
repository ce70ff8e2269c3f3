"""Faults that are armed for an event strike inside its instant, once, and again at the same point in a replay."""

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.testbed.armed import STRIKES
from PhantomLibrary.testbed.events import EVENTS
from PhantomLibrary.testbed.judge import judge_faults, judge_history, judge_invariants
from PhantomLibrary.testbed.move_events import MOVE_EVENTS
from PhantomLibrary.testbed.query_events import QUERY_EVENTS
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.reshape_events import RESHAPE_EVENTS
from PhantomLibrary.testbed.saga_events import SAGA_EVENTS
from PhantomLibrary.testbed.schedule import read_schedule, write_schedule
from PhantomLibrary.testbed.transaction_events import TRANSACTION_EVENTS
from PhantomLibrary.world.faults import CrashNode

SMALL_LOGS = {"snapshot_entries": 50, "kept_entries_max": 10}


@pytest.fixture
def loaded(drive):
    return drive(seed=3, knobs=SMALL_LOGS).elect().load()


def arm(it, event, fault="crash node", target="", **arguments):
    return it.give("arm fault", target, event=event, fault=fault, **arguments)


def struck(it):
    return [each for each in it.run.faults.all if each.command.verb == "arm fault"]


def is_replayed(it):
    schedule = it.run.finish()
    again = replay(read_schedule(write_schedule(schedule), "here"))
    assert again.finish().digest == schedule.digest
    assert write_schedule(again.finish()) == write_schedule(schedule)
    return again


# Each of these has its tests in a file of its own.
_ELSEWHERE = {*SAGA_EVENTS, *TRANSACTION_EVENTS, *MOVE_EVENTS, *RESHAPE_EVENTS, *QUERY_EVENTS}

_STRIKES = [
    ("leader elected", "crash node", "before"),
    ("leader elected", "isolate node", "after"),
    ("snapshot sent", "lose disk", "before"),
    ("snapshot sent", "pause node", "after"),
    ("vote persisted", "pause node", "before"),
    ("vote persisted", "crash node", "after"),
    ("entry committed", "isolate node", "before"),
    ("entry committed", "lose disk", "after"),
    ("learner added", "crash node", "after"),
    ("voters changing", "crash node", "before"),
    ("voters changing", "isolate node", "after"),
]


def wipe_a_follower(it):
    """Have the members of shards change: one that lost its disk is replaced."""
    (node,) = it.give("crash node", "follower of shard 1")
    it.give("restart node", node, disk="wiped")


@pytest.mark.parametrize(("event", "fault", "phase"), _STRIKES)
def test_each_fault_strikes_and_is_replayed(loaded, event, fault, phase):
    it = loaded
    it.go(0.5)
    arm(it, event, fault, phase=phase, duration_ns=SECOND_NS)
    if event in ("learner added", "voters changing"):
        wipe_a_follower(it)
    else:
        it.give("crash node", "leader of shard 1", duration_s=1.5)
    it.go(3)
    assert len(struck(it)) == 1
    it.give("heal faults")
    it.go(2)
    it.stop_load()

    assert judge_invariants(it.run) is None
    assert judge_faults(it.run) is None
    assert judge_history(it.run, "linearizable", confirmed=50).outcome == "valid"
    is_replayed(it)


def test_the_strikes_above_are_all_there_are():
    assert {event for event, _, _ in _STRIKES} == set(EVENTS) - _ELSEWHERE
    assert {fault for _, fault, _ in _STRIKES} == set(STRIKES)


def test_nothing_is_replaced_while_nobody_listens(loaded):
    run = loaded.run
    performers = [replica._performer for process in run.processes.values() for replica in process.replicas.values()]
    before = [dict(each._handlers) for each in performers]
    arm(loaded, "snapshot sent")
    assert run.events.is_open
    assert all("persisted" in vars(each) for each in performers)
    loaded.give("heal faults")

    assert not run.events.is_open
    assert [dict(each._handlers) for each in performers] == before
    assert all("persisted" not in vars(each) for each in performers)
    assert all(process.sink == run.watch.observe for process in run.processes.values())


def test_listening_changes_nothing(drive):
    digests = set()
    for listens in (False, True):
        it = drive(seed=3, knobs=SMALL_LOGS).elect().load()
        if listens:
            it.run.events.listen(lambda event, phase, node, number: None)
        it.give("crash node", "leader of shard 1", duration_s=1)
        it.go(3)
        digests.add(it.run.finish().digest)

    assert len(digests) == 1


def test_events_are_told_in_order_before_and_after(loaded):
    told = []
    loaded.run.events.listen(lambda event, phase, node, number: told.append((event, phase, node, number)))
    old = loaded.give("crash node", "leader of shard 1", duration_s=2)[0]
    loaded.go(5)
    wipe_a_follower(loaded)
    loaded.go(3)

    for event in set(EVENTS) - _ELSEWHERE:
        phases = [phase for each, phase, _, _ in told if each == event]
        assert phases.count("before") == phases.count("after") > 0, event
        assert phases[0] == "before"
    elected = next(node for event, _, node, _ in told if event == "leader elected")
    assert elected != old
    votes = [node for event, phase, node, _ in told if event == "vote persisted"][:2]
    assert votes, "it voted for itself, and another node did"


def test_each_entry_is_committed_once(loaded):
    counted = []

    def count(event, phase, _node, number):
        if (event, phase) == ("entry committed", "after"):
            counted.append(number)

    def applied():
        states = loaded.run.watch.states.items()
        return sum(
            max(state.applied_index for (of, _), state in states if of == shard) for shard in loaded.run.shard_ids
        )

    loaded.go(0.5)
    before = applied()
    loaded.run.events.listen(count)
    loaded.go(1)
    loaded.give("crash node", "leader of shard 1", duration_s=0.5)
    loaded.go(2)

    assert sum(counted) == applied() - before > 50


def test_a_vote_is_lost_when_its_node_crashes_before_the_disk_has_it(drive):
    """The voter forgets it, and had told nobody: it may vote again in that term, which breaks no rule."""
    for phase, kept in (("before", False), ("after", True)):
        it = drive(seed=3).elect()
        arm(it, "vote persisted", phase=phase, on="n1, n2, n3")
        it.give("isolate node", "leader of shard 1", duration_s=1)
        it.go(3, lambda it=it: bool(struck(it)))
        node = struck(it)[0].fault.node
        log = b"".join(it.run.host(node).platter.files["log"])
        assert it.run.host(node).is_down
        it.give("restart node", node)
        it.go(0)
        term = max(state.term for (_, of), state in it.run.watch.states.items() if of == node)
        assert (term > 1) is kept, (phase, len(log))


def test_the_occurrence_is_counted(loaded):
    arm(loaded, "leader elected", occurrence=2)
    loaded.give("isolate node", "leader of shard 1", duration_s=2)
    loaded.go(3)
    first = len(struck(loaded))
    loaded.give("crash node", "leader of shard 1", duration_s=1)
    loaded.go(3)

    assert first in (0, 1)
    assert len(struck(loaded)) == 1


def test_an_event_counts_only_on_the_nodes_that_are_named(drive):
    it = drive(seed=3).elect().load()
    others = [node for node in it.run.node_names if node != it.run.leader(1)]
    arm(it, "entry committed", on=others[0], fault="pause node", duration_ns=SECOND_NS)
    it.go(0.5)
    early = len(struck(it))
    it.give("isolate node", "leader of shard 1", duration_s=4)
    it.give("isolate node", others[1], direction="in", duration_s=2)
    it.go(6)

    assert all(each.fault.node == others[0] for each in struck(it))
    assert early <= len(struck(it)) <= 1
    is_replayed(it)


def test_it_may_strike_another_node_than_that_of_the_event(loaded):
    arm(loaded, "snapshot sent", target="leader of shard 1", phase="before")
    loaded.give("crash node", "follower of shard 1", duration_s=2)
    loaded.go(4)

    command = next(each for each in loaded.run.schedule.commands if each.verb == "arm fault")
    assert command.resolved == [struck(loaded)[0].fault.node]
    is_replayed(loaded)


def test_with_a_duration_it_heals_by_itself_and_without_one_it_stays(loaded):
    arm(loaded, "entry committed", duration_ns=SECOND_NS // 2)
    loaded.go(0.2)
    assert len(loaded.run.live_nodes()) == 2
    loaded.go(0.5)
    assert len(loaded.run.live_nodes()) == 3
    arm(loaded, "entry committed")
    loaded.go(3)
    assert len(loaded.run.live_nodes()) == 2


def test_a_lost_disk_is_empty_at_once(loaded):
    arm(loaded, "entry committed", fault="lose disk")
    loaded.go(0.2)
    fault = struck(loaded)[0].fault

    assert isinstance(fault, CrashNode)
    assert loaded.run.host(fault.node).platter.files == {}
    assert fault.describe().endswith("and lose its disk")
    loaded.give("restart node", fault.node)
    loaded.go(1)
    assert "format" not in loaded.run.host(fault.node).platter.files


def test_it_waits_while_the_role_that_it_names_has_nobody(drive):
    it = drive(seed=3).elect()
    arm(it, "vote persisted", target="leader of shard 1")
    it.give("crash node", "leader of shard 1", duration_s=1)
    it.go(3)

    assert not struck(it), "votes come while nobody leads"
    assert judge_faults(it.run).code == "FLT-001"
    is_replayed(it)


def test_an_armed_fault_that_never_struck_proves_nothing(loaded):
    arm(loaded, "snapshot sent", occurrence=7)
    loaded.go(1)
    found = judge_faults(loaded.run)

    assert found.code == "FLT-001"
    assert "an armed fault never struck: crash node after snapshot sent (occurrence 7), armed since" in found.message
    assert loaded.give("heal faults") == 1, "healing everything disarms"
    assert judge_faults(loaded.run) is not None
    loaded.give("crash node", "follower of shard 1", duration_s=1)
    loaded.go(3)
    assert not struck(loaded)
    is_replayed(loaded)


@pytest.mark.parametrize(
    ("target", "arguments", "message"),
    [
        ("", {"event": "leader electd"}, "no event 'leader electd' to arm: there are .*did you mean leader elected"),
        ("", {"fault": "crash nod"}, "no fault 'crash nod' to arm: there are .*did you mean crash node"),
        ("", {"occurrence": 0}, "occurrence=0 cannot be"),
        ("", {"duration_ns": 0}, "longer than nothing"),
        ("", {"phase": "during"}, "wrong arguments"),
        ("", {"on": "n9"}, "no node 'n9'"),
        ("n9", {}, "no node 'n9'"),
        ("leader of shard 9", {}, "no shard 9"),
    ],
)
def test_what_can_never_strike_is_refused(it, target, arguments, message):
    with pytest.raises((InvalidInput, InvalidState), match=message):
        it.give("arm fault", target, **{"event": "leader elected", "fault": "crash node", **arguments})

    assert it.run.armed.all == []
    assert not it.run.events.is_open
    assert it.run.schedule.commands == []
