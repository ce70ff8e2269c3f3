"""Regions with copies of their own, driven and looked at from outside."""

import pytest

from PhantomLibrary.domain import SECOND_NS, Get, Ok, OkSeen, Put, Refused
from PhantomLibrary.domain.region_policy import count_in
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.judge import PROMISED, judge_history
from PhantomLibrary.testbed.metrics import metric_value
from PhantomLibrary.testbed.region_setup import RegionWish
from PhantomLibrary.testbed.regional_verbs import policy_of
from PhantomLibrary.testbed.regions import (
    SAMPLES_MAX,
    conflict_counts,
    judge_regions,
    lag,
    regions_agree,
    slots,
    statuses,
)
from tests.unit.testbed.conftest import Driver

EU, US, AP = "region eu", "region us", "region ap"


class Regions(Driver):
    def __init__(self, replication="asynchronous", conflicts="multi value", writable=("all",), shards=2, **fields):
        wish = RegionWish(replication, conflicts, writable, **fields)
        super().__init__(topology="three-regions", shards=shards, regions=wish)
        assert self.go(3, lambda: all(map(self.run.leader, self.run.shard_ids)))

    def ask(self, verb, gateway="", **arguments):
        task = self.give(verb, gateway, **arguments)
        assert self.go(10, lambda: task.is_done)
        return task.result

    def write(self, key, value, gateway=EU):
        answer = self.ask("put value", gateway, key=key, value=value)
        assert isinstance(answer, Ok), answer

    def change(self, key, change, gateway=EU, **arguments):
        return self.ask("change key", gateway, key=key, change=change, **arguments)

    def read(self, key, gateway=EU):
        answer = self.ask("get value", gateway, key=key)
        assert isinstance(answer, Ok), answer
        return list(answer.values) if isinstance(answer, OkSeen) and answer.values else answer.value

    def settle(self):
        assert self.go(10, regions_agree(self.run))
        assert judge_regions(self.run).outcome == "valid"


@pytest.fixture
def regions():
    return Regions()


def test_writes_of_regions_that_know_nothing_of_each_other_are_siblings_until_one_who_read_them_writes(regions):
    regions.write("k", "1", EU)
    regions.write("k", "2", US)
    regions.settle()
    assert regions.read("k", AP) == ["1", "2"]
    assert regions.run.recorder.events[-1].value == ["1", "2"], "so it stands in the history"
    regions.write("k", "3", AP)
    regions.settle()
    assert regions.read("k", EU) == regions.read("k", US) == "3"
    assert max(conflict_counts(regions.run, each)["multi value"] for each in ("eu", "us", "ap")) >= 1


def test_sets_and_counters_merge_and_what_was_deleted_stays_so(regions):
    for gateway, element, amount in ((EU, "x", 3), (US, "y", -5)):
        assert isinstance(regions.change("s", "append", gateway, element=element), Ok)
        assert isinstance(regions.change("c", "increment", gateway, amount=amount), Ok)
    regions.settle()
    assert regions.read("s", AP) == "x y" and regions.read("c", AP) == "-2"
    regions.change("s", "remove", AP, element="x")
    regions.write("k", "1", AP)
    regions.change("k", "delete", AP)
    regions.settle()
    assert regions.read("s", EU) == "y" and regions.read("k", US) is None
    refused = regions.change("c", "delete", EU)
    assert isinstance(refused, Refused) and "a counter is not deleted" in refused.reason


def test_lag_is_what_a_region_lacks_and_for_how_long(regions):
    regions.settle()
    assert lag(regions.run, "us", "eu").missing == lag(regions.run, "us", "eu").lag_ns == 0
    regions.give("partition network", "region eu | rest")
    regions.write("k1", "1")
    at_ns = max(at_ns for at_ns, _ in regions.run.watch.region_writes.values())
    regions.write("k2", "2")
    regions.go(2)
    found = lag(regions.run, "us", "eu")
    assert (found.missing, found.lag_ns) == (2, regions.run.now_ns - at_ns)
    assert lag(regions.run, "eu", "us").missing == 0
    status = {(each.source, each.target): each for each in statuses(regions.run)}
    assert not status["eu", "us"].is_connected and status["us", "ap"].is_connected
    assert status["eu", "us"].missing == 2 and status["eu", "us"].lag_ns > SECOND_NS
    regions.go(20)
    assert metric_value(regions.run, "replication_lag_max") > 20_000
    assert metric_value(regions.run, "replication_lag_p50", window_ns=2 * SECOND_NS) > 19_000


def test_regions_that_have_not_heard_of_all_do_not_agree(regions):
    regions.give("partition network", "region eu | rest")
    regions.write("k", "1")
    regions.go(5)
    found = judge_regions(regions.run)
    assert found.code == "RGN-001" and "region us has applied nothing" in found.message
    regions.give("heal network")
    regions.settle()


def test_a_region_that_is_down_says_nothing(regions):
    regions.give("crash node", EU)
    with pytest.raises(InvalidState, match="no node of region eu is up"):
        lag(regions.run, "eu", "us")
    assert judge_regions(regions.run).code == "RGN-001"
    assert not next(each for each in statuses(regions.run) if each.source == "eu").is_connected


def test_a_session_takes_what_it_knows_along_to_another_region(regions):
    run = regions.run
    session = run.sessions.open(run.recorder.new_process(), home="n1")
    task = Task(run.scheduler, session.call(Put("k", "1")), "test")
    assert regions.go(2, lambda: task.is_done)
    [(slot, vector)] = session.seen
    assert slot in slots(run) and count_in(vector, "eu") == 1
    regions.give("crash node", "n1")
    task = Task(run.scheduler, session.call(Get("k")), "test")
    assert regions.go(2, lambda: task.is_done)
    assert session.node == "n4", "of its own region as long as there is one"
    session.home = session.node = "n2"
    task = Task(run.scheduler, session.call_somewhere(Get("k")), "test")
    assert regions.go(4, lambda: task.is_done)
    assert task.result.value == "1"


def test_workloads_that_need_one_order_are_refused(regions):
    for kind in ("append", "bank", "saga"):
        with pytest.raises(InvalidInput, match="needs one order of all writes"):
            regions.give("start workload", kind=kind)


def test_registers_are_not_compared_and_set(regions):
    regions.load(rate=400_000)
    regions.go(2)
    regions.stop_load()
    assert {event.function for event in regions.run.recorder.events} == {"read", "write"}
    assert regions.run.recorder.counts["fail"] == regions.run.recorder.counts["info"] == 0
    regions.settle()


def test_what_needs_one_order_is_refused_by_the_database_with_a_sentence(regions):
    for verb, arguments in (
        ("begin transaction", {"transaction": "t", "isolation": "snapshot"}),
        ("execute sql", {"statement": "SELECT 1"}),
    ):
        told = regions.give(verb, **arguments)
        regions.go(3)
        answer = told.result if isinstance(told, Task) else told.refusal if hasattr(told, "refusal") else None
        if answer is not None:
            assert isinstance(answer, Refused) and "need one order of all writes" in answer.reason


def test_a_region_is_handed_the_writes_and_another_one_is_forgotten():
    it = Regions(writable=("eu",))
    it.write("k", "1")
    assert isinstance(it.ask("fail over", region="us"), Ok)
    assert it.go(5, lambda: policy_of(it.run).writable == ("us",))
    it.write("k", "2", US)
    it.give("crash node", EU)
    assert isinstance(it.ask("forget region", region="eu"), Ok)
    assert it.go(5, lambda: policy_of(it.run).members == ("us", "ap"))
    it.settle()
    with pytest.raises(InvalidState, match="region eu was forgotten: members are us, ap"):
        it.give("fail over", region="eu")
    with pytest.raises(InvalidInput, match="no region 'moon': this cluster has eu, us, ap"):
        it.give("fail over", region="moon")


def test_a_fail_over_is_refused_beyond_the_bound_unless_it_is_forced():
    it = Regions(writable=("eu",), lag_max_ns=SECOND_NS)
    it.write("k", "1")
    it.give("partition network", "region eu | rest")
    it.go(6)
    refused = it.ask("fail over", region="us")
    assert isinstance(refused, Refused) and "region us is too far behind" in refused.reason
    assert isinstance(it.ask("fail over", region="us", force=True), Ok)
    assert it.go(5, lambda: policy_of(it.run).writable == ("us",))


def test_lags_are_sampled_half_as_often_when_there_are_too_many(regions):
    series = regions.run.lags
    series.samples[:] = [(0, 0)] * (SAMPLES_MAX - 1)
    regions.go(0.2)
    assert len(series.samples) == SAMPLES_MAX // 2
    regions.go(0.5)
    assert len(series.samples) <= SAMPLES_MAX // 2 + 1


def test_a_cluster_without_copies_says_so(it):
    for verb in ("fail over", "forget region"):
        with pytest.raises(InvalidState, match="start the cluster with replication="):
            it.give(verb, region="eu")
    with pytest.raises(InvalidState, match="start the cluster with replication="):
        metric_value(it.run, "conflicts")


def test_a_gateway_that_was_named_is_asked_and_no_other(regions):
    regions.give("crash node", "n1")
    for _ in range(2):
        answer = regions.ask("get value", "n1", key="k")
        assert not isinstance(answer, Ok) and "n1" in answer.reason
    assert isinstance(regions.ask("get value", EU, key="k"), Ok), "the first one of the region that runs"


def test_regions_that_go_by_different_policies_do_not_agree():
    it = Regions(writable=("eu",))
    it.write("k", "1")
    it.settle()
    it.give("partition network", "region ap | rest")
    assert isinstance(it.ask("fail over", region="us", force=True), Ok)
    it.go(8)
    found = judge_regions(it.run)
    assert found.code == "RGN-001" and "region ap goes by the policy of epoch 1" in found.message


def test_a_wish_waits_until_there_is_somebody_to_decide():
    it = Regions(writable=("eu",))
    it.settle()
    it.give("isolate node", it.run.leader(0), duration_s=3)
    task = it.give("fail over", region="us")
    assert it.go(20, lambda: task.is_done)
    assert isinstance(task.result, Ok)


def test_clients_that_read_siblings_have_all_of_them_in_the_history(regions):
    regions.load(rate=100_000, keys=1)
    regions.go(3)
    regions.stop_load()
    read = [event.value for event in regions.run.recorder.events if (event.type, event.function) == ("ok", "read")]
    assert any(isinstance(value, list) and len(value) > 1 and isinstance(value[0], int) for value in read)
    assert judge_history(regions.run, PROMISED).outcome == "valid"
