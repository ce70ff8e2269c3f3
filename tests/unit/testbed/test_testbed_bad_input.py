"""No wrong command does anything, and no error leaves a run that looks alive."""

import pytest

from PhantomLibrary.domain import SECOND_NS, Ok
from PhantomLibrary.errors import InvalidInput, InvalidState, Livelock, PhantomError, RunEnded
from PhantomLibrary.testbed.judge import (
    judge_invariants,
)
from PhantomLibrary.testbed.replay import replay

# --- bad input --------------------------------------------------------------------------------------------------------

_BAD = [
    ("crash nod", "n1", {}),
    ("crash node", "", {}),
    ("crash node", "n9", {}),
    ("crash node", "n1, n1", {}),
    ("crash node", "n1, all", {}),
    ("crash node", "rest", {}),
    ("crash node", "leader of shard 9", {}),
    ("crash node", "region moon", {}),
    ("crash node", "n1", {"force": 1}),
    ("restart node", "n1", {}),
    ("restart node", "n3", {"disk": "new"}),
    ("set scaling policy", "", {}),
    ("set scaling policy", "", {"policy": "{"}),
    ("set scaling policy", "", {"policy": '["by luck"]'}),
    ("set scaling policy", "", {"policy": '["automatic",5,4]'}),
    ("set scaling policy", "", {"policy": '["automatic",3,4]', "boot_ns": -1}),
    ("scale cluster", "", {"nodes": 3}),
    ("scale cluster", "", {"nodes": "many"}),
    ("move shard", "n9", {"shard": 1}),
    ("cancel moves", "", {}),
    ("rebalance", "", {"by": "luck"}),
    ("pause node", "n3", {}),
    ("resume node", "n1", {}),
    ("resume node", "n3", {}),
    ("transfer leadership", "n9", {"shard": 1}),
    ("transfer leadership", "n2", {}),
    ("transfer leadership", "n2", {"shard": 9}),
    ("transfer leadership", "n1, n2", {"shard": 1}),
    ("transfer leadership", "leader of shard 1", {"shard": 1}),
    ("add node", "n1", {}),
    ("add node", "next", {"zone": "moon"}),
    ("add node", "next", {"size": 3}),
    ("decommission node", "n1", {}),
    ("decommission node", "n1, n2", {}),
    ("remove node", "n9", {}),
    ("remove node", "n1", {"force": 1}),
    ("fail disk", "n1", {"fault": "stal"}),
    ("fail disk", "n1", {}),
    ("skew clock", "n1", {"drift_ppm": 900_000}),
    ("skew clock", "n1", {"offset_ns": "1 s"}),
    ("partition network", "n1", {}),
    ("partition network", "n1 | n1", {}),
    ("partition network", "n1, n2 | n2", {}),
    ("partition network", "halfs", {}),
    ("partition network", "n1 | ", {}),
    ("partition network", "n1 | rest", {"direction": "sideways"}),
    ("partition network", "n1 | rest", {"flapping_ns": 1}),
    ("isolate node", "n1", {"direction": "up"}),
    ("drop messages", "", {"probability_ppm": 2_000_000}),
    ("drop messages", "", {"source": "n1, n2 | n3"}),
    ("drop messages", "", {"source": "n8"}),
    ("delay messages", "", {"kind": "commit"}),
    ("delay messages", "", {"delay_ns": 0}),
    ("delay messages", "", {"delay_ns": SECOND_NS, "source": "n8"}),
    ("delay messages", "", {"delay_ns": SECOND_NS, "probability_ppm": 2_000_000}),
    ("set link", "", {"loss_ppm": -1}),
    ("set link", "", {"bandwidth": 0}),
    ("set link", "", {"jitter_ns": -1}),
    ("arm fault", "", {"event": "leader electd", "fault": "crash node"}),
    ("arm fault", "", {"event": "leader elected", "fault": "crash node", "occurrence": -1}),
    ("heal faults", "n9", {}),
    ("heal core", "n1", {}),
    ("heal core", "", {"force": 1}),
    ("probe ranges", "n9", {"within_ns": SECOND_NS}),
    ("probe ranges", "n1", {"within_ns": -1}),
    ("probe ranges", "n1", {}),
    ("start workload", "", {"kind": "registr"}),
    ("start workload", "", {"kind": "register", "clients": 0}),
    ("start workload", "", {"kind": "register", "rate": -1}),
    ("start workload", "", {"kind": "register", "reads_percent": 101}),
    ("start workload", "", {"kind": "register", "skew": "zip"}),
    ("start workload", "", {}),
    ("set load", "", {"rate": 1, "period_ns": 1, "workload": "nobody"}),
    ("set load", "", {"rate": 1, "period_ns": 1}),
    ("start workload", "", {"kind": "register", "rate": 1, "shape": "saw"}),
    ("start workload", "", {"kind": "register", "rate": 1, "shape": "ramp", "period_ns": 1}),
    ("start workload", "", {"kind": "register", "shape": "ramp"}),
    ("start workload", "", {"kind": "register", "rate": 1, "curve": [[0, 1]]}),
    ("start workload", "", {"kind": "register", "curve": [[1, 1]]}),
    ("start workload", "", {"kind": "register", "mix": [50, 40, 10]}),
    ("start workload", "", {"kind": "bank", "mix": [50, 50, 0]}),
    ("start workload", "", {"kind": "list-append", "mix": [50, 40]}),
    ("start workload", "", {"kind": "list-append", "mix": [50, 60, -10]}),
    ("replay load", "", {"curve": [[0, 1]]}),
    ("replay load", "", {"curve": [], "workload": "nobody"}),
    ("replay load", "", {}),
    ("stop workload", "", {"drain_ns": 1}),
    ("stop workload", "", {}),
    ("get value", "", {}),
    ("put value", "", {"key": "k1"}),
    ("put value", "n9", {"key": "k1", "value": "1"}),
    ("change key", "", {"key": "k1"}),
    ("change key", "", {"key": "k1", "change": "double"}),
    ("change key", "", {"key": "k1", "change": "append"}),
    ("change key", "", {"key": "k1", "change": "remove", "element": "a b"}),
    ("fail over", "", {"region": "eu"}),
    ("fail over", "", {"region": "eu", "force": "perhaps"}),
    ("forget region", "", {"region": "eu"}),
    ("forget region", "", {}),
    ("start saga", "", {}),
    ("start saga", "", {"definition": "name: trip"}),
    ("start saga", "", {"definition": "name: [trip"}),
    ("cancel saga", "", {"saga": "trip"}),
    ("cancel saga", "", {}),
    ("begin transaction", "", {"transaction": "t1"}),
    ("begin transaction", "", {"transaction": "t1", "isolation": "chaos"}),
    ("begin transaction", "", {"transaction": " ", "isolation": "snapshot"}),
    ("begin transaction", "n9", {"transaction": "t1", "isolation": "snapshot"}),
    ("read key", "", {"transaction": "t9", "key": "k1"}),
    ("write key", "", {"transaction": "t9", "key": "k1", "value": "1"}),
    ("write key", "", {"transaction": "t9", "key": "k1"}),
    ("delete key", "", {"transaction": "t9", "key": "k1"}),
    ("read range", "", {"transaction": "t9", "start": "k1"}),
    ("read range", "", {"transaction": "t9", "start": "k2", "end": "k1"}),
    ("read range", "", {"transaction": "t9", "start": "k1", "where": "multiple"}),
    ("update range", "", {"transaction": "t9", "start": "k1"}),
    ("execute sql", "", {"statement": "SELECT 1", "transaction": "t9", "parameters": []}),
    ("execute sql", "", {"parameters": []}),
    ("query", "", {"statement": "SELECT ?", "parameters": [{"a": 1}]}),
    ("update range", "", {"transaction": "t9", "start": "k1", "change": "add", "value": "ten"}),
    ("commit transaction", "", {"transaction": "t9"}),
    ("roll back transaction", "", {"transaction": "t9"}),
    ("split shard", "", {"shard": 9}),
    ("split shard", "", {"shard": 0}),
    ("split shard", "", {"shard": 1, "key": ""}),
    ("split shard", "", {}),
    ("merge shards", "", {"left": 1, "right": 1}),
    ("merge shards", "", {"left": 0, "right": 1}),
    ("merge shards", "", {"left": 1, "right": 9}),
    ("merge shards", "", {"left": 1}),
    ("cancel reshape", "", {"shard": 1}),
    ("cancel reshape", "", {"shard": 9}),
    ("query at snapshot", "", {}),
    ("query at snapshot", "", {"query": "SELECT 1", "parameters": [{}]}),
    ("load table", "", {"table": "orders"}),
    ("load table", "", {"table": "order", "rows": 5}),
    ("load table", "", {"table": "orders", "rows": -1}),
    ("load table", "", {"table": "orders", "rows": 1_000_001}),
    ("load rows", "", {"table": "t", "columns": ["a"], "rows": [[1]]}),
    ("load rows", "", {"table": "t", "columns": ["a"], "rows": [["1", "2"]]}),
    ("load rows", "", {"table": "t", "columns": [], "rows": []}),
]


@pytest.fixture(scope="module")
def abused(drive):
    it = drive().elect()
    it.give("crash node", "n3")
    return it


@pytest.mark.parametrize(("verb", "target", "arguments"), _BAD, ids=str)
def test_bad_input_is_told_and_does_nothing(abused, verb, target, arguments):
    run = abused.run
    faults, commands, up = len(run.faults.all), len(run.schedule.commands), run.live_nodes()
    with pytest.raises((InvalidInput, InvalidState)) as caught:
        abused.give(verb, target, **arguments)

    assert len(str(caught.value)) > 20
    assert (len(run.faults.all), len(run.schedule.commands), run.live_nodes()) == (faults, commands, up)
    assert not run.ended


def test_a_run_that_got_nothing_but_bad_input_serves_and_is_replayed(abused):
    assert isinstance(abused.put("k1", "after all"), Ok)
    schedule = abused.run.finish()

    assert replay(schedule).finish().digest == schedule.digest


@pytest.mark.parametrize(
    ("at_s", "duration_s", "message"), [(0.1, None, "has passed"), (None, 0, "longer than nothing")]
)
def test_a_time_that_makes_no_sense_is_told(it, at_s, duration_s, message):
    with pytest.raises(InvalidInput, match=message):
        it.give("crash node", "n1", at_s=at_s, duration_s=duration_s)


def test_a_duration_of_what_does_not_last_is_told(it):
    with pytest.raises(InvalidInput, match="takes no duration"):
        it.give("heal network", duration_s=1)


def test_time_does_not_go_back(it):
    with pytest.raises(InvalidInput, match="has passed"):
        it.run.advance(0)
    it.go(1)


@pytest.mark.parametrize(
    "fields",
    [
        {"nodes": 3, "replicas": 4},
        {"shards": -1},
        {"shards": 5000},
        {"topology": "nowhere"},
        {"topology_text": "nodes: ["},
        {"knobs": {"heartbeat": 0}},
        {"knobs": {"heartbeat": True}},
        {"knobs": {"heartbeat": "soon"}},
        {"knobs": {"hartbeat": 1}},
        {"knobs": {"reads": "leese"}},
        {"knobs": {"reads": 1}},
        {"knobs": {"clock_drift_ppm_max": 1_000_000}},
        {"knobs": {"probe_timeout": "400 ms"}},
        {"knobs": {"probe_period": "200 ms"}},
    ],
    ids=str,
)
def test_a_cluster_that_cannot_be_is_told(drive, fields):
    with pytest.raises(InvalidInput):
        drive(**fields)


def test_the_tests_above_know_every_verb():
    from PhantomLibrary.testbed.verbs import VERBS

    assert {verb for verb, _, _ in _BAD} >= set(VERBS) - {"heal network"}
    assert issubclass(InvalidInput, PhantomError)


# --- how runs end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, AssertionError, TimeoutError])
def test_a_run_that_was_broken_off_has_ended_and_says_so(it, error):
    def break_off(_):
        raise error

    it.run.scheduler.after(SECOND_NS, break_off)
    with pytest.raises(error):
        it.go(5)

    with pytest.raises(RunEnded, match=r"it was cut short at t=.*start another one"):
        it.go(1)
    with pytest.raises(RunEnded):
        it.give("crash node", "n1")
    assert it.run.finish().digest == "", "no replay stops in the middle of an instant"
    assert judge_invariants(it.run) is None


def test_a_bug_inside_a_verb_ends_the_run(it, monkeypatch):
    def fail(_node):
        raise AssertionError("a bug")

    monkeypatch.setattr(it.run.world, "crash", fail)
    with pytest.raises(AssertionError):
        it.give("crash node", "n1")

    assert it.run.ended


def test_an_exploding_condition_ends_the_run(it):
    with pytest.raises(ZeroDivisionError):
        it.go(1, lambda: 1 // 0)

    assert it.run.ended


def test_wall_time_is_bounded(it, monkeypatch):
    monkeypatch.setattr("PhantomLibrary.testbed.cluster.WALL_S_MAX", 0.0)
    with pytest.raises(Livelock, match="after 0 s of wall time"):
        it.go(60)

    assert it.run.ended
