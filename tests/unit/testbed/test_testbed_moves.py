"""Moves in a run: whoever dies at whichever step, replicas arrive, nothing is lost, and a replay does the same."""

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidState
from PhantomLibrary.testbed.judge import judge_agreement, judge_faults, judge_history, replicas_agree
from PhantomLibrary.testbed.membership_judge import judge_consistency, missing_replica
from PhantomLibrary.testbed.move_events import MOVE_EVENTS
from PhantomLibrary.testbed.moves import outcomes, progress
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.schedule import read_schedule, write_schedule

SMALL_LOGS = {"snapshot_entries": 40, "kept_entries_max": 10, "snapshot_chunk_bytes": 512}
STEPS = [(event, phase) for event in MOVE_EVENTS[:4] for phase in ("before", "after")]


@pytest.fixture
def six(drive):
    """Shard 0 and 1 on n1 to n3, shard 2 on n2 to n4; n1 leads nothing but what is asked of it."""
    it = drive(nodes=6, shards=2, knobs=SMALL_LOGS).elect().load(rate=100_000, keys=9)
    it.go(1)
    return it


def is_ended(it, wish):
    return it.go(60, lambda: len(outcomes(it.run, wish.plan.key)) == len(wish.plan.moves))


def settle(it):
    run = it.run
    assert it.go(30, lambda: judge_consistency(run).outcome == "valid" and not missing_replica(run))
    it.stop_load()
    assert it.go(10, replicas_agree(run))
    assert judge_agreement(run).outcome == "valid"
    assert judge_history(run, "linearizable", confirmed=100).outcome == "valid"
    assert not run.watch.violations


@pytest.mark.parametrize(("event", "phase"), STEPS)
@pytest.mark.parametrize("victim", ["donor", "recipient", "driver"])
def test_whoever_dies_at_a_step_the_move_is_done_and_nothing_is_lost(six, event, phase, victim):
    source = six.run.leader(1)
    target = {"donor": source, "recipient": "n5", "driver": "leader of shard 0"}[victim]
    six.give("arm fault", target, event=event, fault="crash node", phase=phase, duration_ns=2 * SECOND_NS)
    wish = six.give("move shard", "n5", shard=1, source=source)
    assert is_ended(six, wish)
    assert [each.outcome for each in outcomes(six.run, wish.plan.key)] == ["done"]
    assert set(six.run.voters(1)) == {"n1", "n2", "n3", "n5"} - {source}
    settle(six)
    assert judge_faults(six.run) is None, "it struck"


@pytest.mark.parametrize(("event", "phase"), STEPS)
def test_a_step_that_strikes_is_replayed(six, event, phase):
    six.give("arm fault", "", event=event, fault="pause node", phase=phase, duration_ns=SECOND_NS)
    six.give("move shard", "n5", shard=1)
    six.go(4)
    assert [each.command.verb for each in six.run.faults.all] == ["arm fault"]
    schedule = six.run.finish()
    again = replay(read_schedule(write_schedule(schedule), "here"))
    assert again.finish().digest == schedule.digest
    moved = next(each for each in again.schedule.commands if each.verb == "move shard")
    assert moved.resolved[0] == "n5" and moved.resolved[1] in ("n1", "n2", "n3"), "the source is as it was chosen"


@pytest.mark.parametrize("at", ["move started", "learner caught up", "move cut over"])
def test_a_move_that_is_cancelled_leaves_one_placement(six, at):
    with six.run.events.counted(at, None) as count:
        wish = six.give("move shard", "n5", shard=1, source="n3")
        assert six.go(5, lambda: count() > 0)
    six.give("cancel moves", shard=1)
    assert is_ended(six, wish)
    (ended,) = outcomes(six.run, wish.plan.key)
    assert ended.outcome == ("done" if "n5" in six.run.voters(1) else "cancelled")
    settle(six)
    assert len(six.run.voters(1)) == 3


def test_events_tell_of_each_step_once_and_in_order(six):
    told = []
    six.run.events.listen(
        lambda event, phase, node, number: told.append((event, phase)) if event in MOVE_EVENTS else None
    )
    assert is_ended(six, six.give("move shard", "n5", shard=1))
    assert told == [(event, phase) for event in MOVE_EVENTS[:3] for phase in ("before", "after")] + [
        ("move finished", "before"),
        ("rebalancing finished", "before"),
        ("move finished", "after"),
        ("rebalancing finished", "after"),
    ]


def test_a_full_node_gives_away_what_follows_there(six):
    run = six.run
    wish = six.give("move shard", "n6", shard=2)
    (move,) = wish.plan.moves
    most = max(len(run.directory().shards_on(node)) for node in run.voters(2))
    assert len(run.directory().shards_on(move.source)) == most
    fullest = [node for node in run.voters(2) if len(run.directory().shards_on(node)) == most]
    assert move.source != run.leader(2) or fullest == [move.source]
    assert move.bytes == run.processes[run.leader(2)].replicas[2].machine.bytes > 0


def test_progress_counts_moves_and_bytes(six):
    wish = six.give("move shard", "n5", shard=1)
    before = progress(six.run)
    assert (before.plan, before.moves_done, before.moves, before.bytes_done) == ("move 1", 0, 1, 0), "it is asked for"
    assert is_ended(six, wish)
    done = progress(six.run)
    assert (done.moves_done, done.moves, done.percent("moves"), done.percent("bytes")) == (1, 1, 100, 100)
    assert done.bytes == wish.plan.moves[0].bytes


@pytest.mark.parametrize("bytes_per_s", [2_000, 5_000])
def test_a_copy_goes_no_faster_than_it_may_and_comes_to_its_end_under_writes(six, bytes_per_s):
    six.go(4)
    since_ns = six.run.now_ns
    wish = six.give("move shard", "n5", shard=1, throttle=bytes_per_s)
    size = wish.plan.moves[0].bytes
    assert six.go(0.6 * size / bytes_per_s, lambda: progress(six.run).percent("bytes") >= 40)
    assert six.go(0.8 * size / bytes_per_s, lambda: bool(outcomes(six.run, wish.plan.key)))
    took_s = (six.run.now_ns - since_ns) / SECOND_NS
    assert took_s > 0.7 * size / bytes_per_s, "the leader's latest snapshot is a little smaller than the shard"
    assert six.run.voters(1).count("n5") == 1
    settle(six)


def test_a_leader_that_takes_over_in_the_middle_of_a_copy_keeps_the_pace(six):
    source = next(node for node in six.run.voters(1) if node != six.run.leader(1))
    wish = six.give("move shard", "n5", shard=1, source=source, throttle=2_000)
    assert six.go(5, lambda: 20 <= progress(six.run).percent("bytes") < 100)
    since_ns = six.run.now_ns
    six.give("crash node", "leader of shard 1", duration_s=1)
    assert is_ended(six, wish)
    assert outcomes(six.run, wish.plan.key)[0].outcome == "done"
    left_ns = wish.plan.moves[0].bytes * SECOND_NS // 2_000 // 2
    assert six.run.now_ns - since_ns > left_ns
    settle(six)


def test_what_is_not_under_way_is_not_cancelled(six):
    with pytest.raises(InvalidState, match="nothing moves that could be cancelled"):
        six.give("cancel moves")
    with pytest.raises(InvalidState, match="shard 2 is not moving"):
        six.give("cancel moves", shard=2)
