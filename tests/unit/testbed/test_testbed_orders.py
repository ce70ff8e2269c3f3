"""Runs in other orders are runs: they have schedules, replay, and keep their promises."""

import msgspec
import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.kernel.orders import STRATEGIES, Order, default_counted
from PhantomLibrary.testbed.judge import judge_history, judge_invariants
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import RunSpec, Schedule, read_schedule, write_schedule

STEPS = 6_000


def eventful(drive, order, seed=3):
    """Clients at work while a leader crashes and a node is cut off."""
    it = drive(seed=seed, nodes=3, shards=2, order=order).elect()
    it.load("append")
    it.give("crash node", "leader of shard 1", duration_s=0.6)
    it.go(1)
    it.give("isolate node", "follower of shard 2", duration_s=0.5)
    it.go(1.5)
    it.stop_load()
    return it.run


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_run_in_another_order_replays_from_its_schedule(drive, strategy):
    recorded = eventful(drive, Order(strategy, 7, steps=STEPS)).finish()

    read = read_schedule(write_schedule(recorded), "schedule.yaml")

    assert read == recorded
    assert replay(read).finish().digest == recorded.digest


def test_orders_are_runs_of_their_own_and_without_delays_there_is_only_the_default_one(drive):
    digests = [eventful(drive, Order(strategy, 1, steps=STEPS)).finish().digest for strategy in STRATEGIES]
    default = eventful(drive, None).finish().digest

    assert len({*digests, default}) == len(STRATEGIES) + 1
    assert eventful(drive, default_counted()).finish().digest == default


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_order_breaks_what_the_database_promises(drive, strategy):
    for number in range(2):
        run = eventful(drive, Order(strategy, number, steps=STEPS, hold_ns=SECOND_NS // 20))
        assert judge_invariants(run) is None
        verdict = judge_history(run, "linearizable", workload="all", confirmed=90)
        assert verdict.outcome == "valid", verdict


def test_the_default_order_is_not_written_down():
    assert "order" not in write_schedule(Schedule(RunSpec(seed=1)))


def test_an_order_that_is_none_is_refused_before_anything_begins():
    with pytest.raises(InvalidInput, match="depth=0 makes no pct order"):
        Run(RunSpec(seed=1, order=Order("pct", 1, depth=0)))


def test_a_schedule_with_an_unknown_strategy_is_refused():
    text = write_schedule(Schedule(RunSpec(seed=1, order=Order("pct", 1)))).replace("strategy: pct", "strategy: fifo")
    with pytest.raises(InvalidInput, match=r"schedule.yaml: no schedule: Invalid enum value 'fifo'.*order"):
        read_schedule(text, "schedule.yaml")


def test_an_order_is_part_of_what_a_run_is_made_of():
    spec = RunSpec(seed=1, order=Order("random", 4))
    assert msgspec.convert(msgspec.to_builtins(spec), RunSpec) == spec
