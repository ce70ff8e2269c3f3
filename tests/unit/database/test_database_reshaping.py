"""Splits and merges as the directory and the coordinator see them: what is refused, and what is done next."""

import re

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.census import ShardReport, TaskOrder
from PhantomLibrary.database.config import DatabaseConfig, make_layout
from PhantomLibrary.database.directory import decode_directory, encode_directory, first_directory
from PhantomLibrary.database.messages import EndTask
from PhantomLibrary.database.repair import Known, Led, plan
from PhantomLibrary.database.reshapes import DONE, Merge, Shape, Split
from PhantomLibrary.database.reshaping import CANCELLED, outcome_of, task_steps, with_task_ended, with_wish
from PhantomLibrary.domain import Configuration
from PhantomLibrary.domain.placement import CancelReshape, ChangePlacement, MergeShards, MoveWish, SplitShard

NODES = ("n1", "n2", "n3", "n4")
LAYOUT = make_layout(NODES, shards=3, replicas=3, config=DatabaseConfig())
DIRECTORY = first_directory(LAYOUT)
TERM = 4


def asked(*wishes, directory=DIRECTORY):
    """Return the directory in which all wishes are taken up."""
    for index, wish in enumerate(wishes, 11):
        directory, reason = with_wish(directory, wish, index)
        assert reason == ""
    return directory


def led(shard, descriptor=None, *, leader="n1", settled=True, **shape):
    descriptor = descriptor or DIRECTORY.shard(shard)
    configuration = Configuration(descriptor.voters)
    return Led(leader, ShardReport(shard, 1, 0, configuration, settled, (), (), descriptor, Shape(**shape)))


def starts(directory):
    return [(each.start, each.end) for each in sorted(directory.shards[1:], key=lambda each: each.start)]


# --- what may be asked for --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (SplitShard("w", 0), "shard 0 cannot be split"),
        (SplitShard("w", 9), "no shard 9 to be split: there are 1, 2, 3"),
        (SplitShard("w", 2, "k9"), "shard 2 cannot be split at 'k9': it holds from 'k333333' up to 'k666666'"),
        (SplitShard("w", 2, "k333333"), "give a key within"),
        (SplitShard("w", 2, "k666666"), "give a key within"),
        (MergeShards("w", 1, 3), "shard 3, from 'k666666' on, does not begin where shard 1, .* ends: shard 2 begins"),
        (MergeShards("w", 2, 1), "does not begin where"),
        (MergeShards("w", 3, 1), "no shard is behind it"),
        (MergeShards("w", 0, 1), "shard 0 cannot be merged"),
        (MergeShards("w", 1, 9), "no shard 9 to be merged"),
        (CancelReshape("w", 1), "neither being split nor merged"),
    ],
    ids=str,
)
def test_a_wish_that_makes_no_sense_is_refused_with_the_reason(wish, reason):
    directory, found = with_wish(DIRECTORY, wish, 11)
    assert directory is DIRECTORY and re.search(reason, found)


def test_a_shard_does_one_thing_at_a_time():
    splitting = asked(SplitShard("w1", 2))
    for wish in (SplitShard("w2", 2), MergeShards("w3", 1, 2), MergeShards("w4", 2, 3)):
        assert re.search("shard 2 cannot be .* now: it is being split$", with_wish(splitting, wish, 12)[1])
    merging = asked(MergeShards("w1", 1, 2))
    assert with_wish(merging, SplitShard("w2", 2), 12)[1] == "shard 2 cannot be split now: it is being merged"
    assert with_wish(splitting, SplitShard("w5", 3), 12)[1] == ""


def test_shards_of_which_a_replica_moves_are_not_merged():
    from PhantomLibrary.database.moving import with_plan

    moving, reason = with_plan(DIRECTORY, ChangePlacement("p", 0, (MoveWish(2, "n2", "n1"),)), 10)
    assert reason == "" and "a replica of shard 2 is being moved" in with_wish(moving, MergeShards("w", 1, 2), 11)[1]


def test_what_is_asked_for_twice_is_done_once():
    directory = asked(SplitShard("w", 2, "k5"))
    assert with_wish(directory, SplitShard("w", 2, "k5"), 12) == (directory, "")
    assert directory.reshapes.under_way == (Split(11, "w", 2, "k5", 4),)


def test_numbers_of_shards_are_never_given_twice():
    directory = asked(SplitShard("w1", 1), SplitShard("w2", 2))
    assert [each.new for each in directory.reshapes.under_way] == [4, 5] and directory.reshapes.next_shard == 6
    failed = with_task_ended(directory, EndTask(12, "no key"), 13)
    assert asked(SplitShard("w3", 3), directory=failed).reshapes.under_way[-1].new == 6


def test_the_directory_keeps_all_of_it_as_bytes():
    directory = asked(SplitShard("w1", 1), MergeShards("w2", 2, 3), CancelReshape("w3", 2))
    ended = with_task_ended(directory, EndTask(11, "no key"), 14)
    assert decode_directory(encode_directory(ended)) == ended


# --- splits, step by step ---------------------------------------------------------------------------------------------


def halves(key="k5", epoch=30):
    before = DIRECTORY.shard(2)
    right = replace(before, shard=4, start=key, epoch=epoch)
    return replace(before, end=key, epoch=epoch), right


def test_a_split_is_ordered_until_the_leader_says_that_it_is_done():
    directory = asked(SplitShard("w", 2, "k5"))
    (task,) = directory.reshapes.under_way
    assert task_steps(directory, TERM, {}) == []
    assert task_steps(directory, TERM, {2: led(2)}) == [("n1", TaskOrder(2, TERM, task, "split"))]

    left, right = halves()
    (step,) = task_steps(directory, TERM, {2: led(2, left, task=11, heir=right)})
    assert step == EndTask(11, DONE, left, right)
    after = with_task_ended(directory, step, 20)
    assert starts(after) == [("", "k333333"), ("k333333", "k5"), ("k5", "k666666"), ("k666666", "")]
    assert outcome_of(after, "w") == DONE and after.reshapes.birth_of(4) == 11
    assert task_steps(after, TERM, {2: led(2, left, task=11, heir=right)}) == []
    assert with_task_ended(after, step, 21) is after


def test_members_of_a_shard_that_splits_are_left_alone():
    directory = asked(SplitShard("w", 2, "k5"))
    broken = led(2)
    broken = Led("n1", replace(broken.report, lost=("n3",)))
    steps = plan(Known(TERM, directory, {2: broken}, dict.fromkeys(NODES, 1)))
    assert [type(step[1]) for step in steps] == [TaskOrder]


def test_a_record_of_a_shard_that_split_is_not_taken_before_its_other_half_is_known():
    from PhantomLibrary.database.directory import with_shard

    directory = asked(SplitShard("w", 2, "k5"))
    left, _ = halves()
    assert with_shard(directory, left, 20) is directory


def test_a_split_that_was_refused_leaves_the_shard_as_it_was():
    directory = asked(SplitShard("w", 2))
    (step,) = task_steps(directory, TERM, {2: led(2, task=11, refusal="no key")})
    after = with_task_ended(directory, step, 20)
    assert after.shards == DIRECTORY.shards and outcome_of(after, "w") == "no key"


def test_a_split_that_is_cancelled_has_to_be_refused_by_its_shard():
    directory = asked(SplitShard("w", 2), CancelReshape("c", 2))
    (task,) = directory.reshapes.under_way
    assert task_steps(directory, TERM, {2: led(2)}) == [("n1", TaskOrder(2, TERM, task, "refuse"))]


# --- merges, step by step ---------------------------------------------------------------------------------------------


def test_a_merge_freezes_then_absorbs_then_forgets():
    directory = asked(MergeShards("w", 1, 2))
    (task,) = directory.reshapes.under_way
    left, right = led(1, leader="n1"), led(2, leader="n2")
    assert task_steps(directory, TERM, {1: left}) == task_steps(directory, TERM, {2: right}) == []
    assert task_steps(directory, TERM, {1: left, 2: right}) == [("n2", TaskOrder(2, TERM, task, "freeze"))]

    right = led(2, leader="n2", frozen=11)
    assert task_steps(directory, TERM, {1: left, 2: right}) == [("n1", TaskOrder(1, TERM, task, "absorb", "n2"))]

    widened = replace(DIRECTORY.shard(1), end="k666666", epoch=40)
    (step,) = task_steps(directory, TERM, {1: led(1, widened, task=11), 2: right})
    after = with_task_ended(directory, step, 20)
    assert starts(after) == [("", "k666666"), ("k666666", "")]
    assert after.reshapes.heir_of(2) == 1 and after.reshapes.is_absorbed(2)
    assert "shard 1 took it over" in with_wish(after, SplitShard("v", 2), 21)[1]


def test_a_merge_that_is_cancelled_thaws_only_when_the_left_shard_has_refused_it():
    directory = asked(MergeShards("w", 1, 2), CancelReshape("c", 2))
    (task,) = directory.reshapes.under_way
    frozen = led(2, leader="n2", frozen=11)
    assert task_steps(directory, TERM, {1: led(1), 2: frozen}) == [("n1", TaskOrder(1, TERM, task, "refuse"))]
    refused = led(1, task=11, refusal=CANCELLED)
    assert task_steps(directory, TERM, {1: refused, 2: frozen}) == [("n2", TaskOrder(2, TERM, task, "refuse"))]
    assert task_steps(directory, TERM, {1: refused}) == []
    thawed = led(2, leader="n2", task=11, refusal=CANCELLED)
    assert task_steps(directory, TERM, {1: refused, 2: thawed}) == [EndTask(11, CANCELLED)]


def test_a_merge_that_is_cancelled_too_late_is_done():
    directory = asked(MergeShards("w", 1, 2), CancelReshape("c", 2))
    widened = replace(DIRECTORY.shard(1), end="k666666", epoch=40)
    (step,) = task_steps(directory, TERM, {1: led(1, widened, task=11), 2: led(2, frozen=11)})
    assert step == EndTask(11, DONE, widened)


def test_heirs_are_followed_to_the_last():
    once = with_task_ended(asked(MergeShards("w", 2, 3)), EndTask(11, DONE, DIRECTORY.shard(2)), 12)
    (task,) = asked(MergeShards("v", 1, 2), directory=once).reshapes.under_way
    assert isinstance(task, Merge)
    twice = with_task_ended(asked(MergeShards("v", 1, 2), directory=once), EndTask(11, DONE, DIRECTORY.shard(1)), 13)
    assert twice.reshapes.heir_of(3) == 1 and twice.reshapes.heir_of(1) == 1
