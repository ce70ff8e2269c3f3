"""Splits and merges in whole clusters: where a replica may begin, who hands a frozen shard over, and replays."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.census import ChunkRequest, FrozenChunk
from PhantomLibrary.database.messages import Freeze
from PhantomLibrary.database.reshapes import DONE, Offspring
from PhantomLibrary.domain import SECOND_NS, Ok
from PhantomLibrary.protocols.raft.configuration import ABSENT, LOST, UNBORN
from PhantomLibrary.testbed import reshaping
from PhantomLibrary.testbed.replay import replay


@pytest.fixture
def it(drive):
    return drive(seed=5, shards=2).elect()


def done(it, verb, **arguments):
    wish = it.give(verb, **arguments)
    assert it.go(10, lambda: reshaping.ended(it.run, wish) is not None)
    assert reshaping.ended(it.run, wish).outcome == DONE
    return reshaping.new_shard(reshaping.ended(it.run, wish))


def split(it):
    for key in ("k1", "k2", "k3", "k4"):
        assert isinstance(it.put(key, key), Ok)
    new = done(it, "split shard", shard=1)
    it.go(1)
    return new


def process_of(it, shard):
    return it.run.processes[it.run.leader(shard)]


def test_a_half_begins_where_its_parent_has_been_all_the_time_and_nowhere_else(it):
    new = split(it)
    process = process_of(it, 1)
    parent, replicas = process.replicas[1], process.replica_set
    index = replicas.by_shard[new].number
    offspring = Offspring(replace(it.run.directory().shard(new), shard=9, epoch=index), parent.machine.snapshot())

    def may_begin():
        begun = replicas.beget(parent, offspring)
        if begun is not None:
            replicas.end(9)
            del replicas._gone[9]
        return begun is not None

    assert may_begin()
    for number, fits in ((LOST, False), (index - 1, True), (index, False), (index + 1, False)):
        parent.number = number
        assert may_begin() is fits
    parent.number, parent.group.damaged = 0, True
    assert not may_begin()


def test_a_half_that_is_here_or_was_given_up_does_not_begin_again(it):
    new = split(it)
    process = process_of(it, 1)
    parent, replicas = process.replicas[1], process.replica_set
    descriptor = replace(it.run.directory().shard(new), epoch=replicas.by_shard[new].number)
    offspring = Offspring(descriptor, parent.machine.snapshot())
    assert replicas.beget(parent, offspring) is None
    replicas.end(new)
    assert replicas.beget(parent, offspring) is None


def test_a_node_says_that_it_never_had_a_shard_only_if_it_can_know(it):
    new = split(it)
    process = process_of(it, 1)
    process.replica_set.end(new)

    def number_told(shard):
        born = it.run.directory().reshapes.birth_of(shard)
        return UNBORN if process.replica_set.never_had(shard, born) else ABSENT

    assert (number_told(77), number_told(new), number_told(1)) == (UNBORN, ABSENT, ABSENT)
    process.replica_set._is_whole = False  # As when its log was damaged, or its disk is another one.
    assert number_told(77) == ABSENT
    process.membership.number, born = 5, 6  # The disk is in use since before the split was asked for.
    assert process.replica_set.never_had(77, born) and not process.replica_set.never_had(77, 5)


def test_only_a_leader_that_has_frozen_its_shard_in_its_term_hands_it_over(it):
    leader = process_of(it, 2)
    given = []
    leader.reshaper._tell = lambda node, message: given.append(message)
    request = ChunkRequest(50, 1, 2, 0, "n1")
    leader.reshaper.receive(request)
    assert given == []  # It serves.
    leader.replicas[2].propose(Freeze(50))
    it.go(1)
    leader.reshaper.receive(replace(request, task=51))
    assert given == []  # For another merge.
    leader.reshaper.receive(request)
    assert type(given.pop()) is FrozenChunk
    for node, process in it.run.processes.items():
        if node != leader.env.node and 2 in process.replicas:
            process.reshaper._tell = lambda _node, message: given.append(message)
            process.reshaper.receive(request)
    assert given == []  # Followers do not know who serves.


def test_the_directory_and_all_routes_agree_after_each(it):
    from PhantomLibrary.testbed.membership_judge import judge_consistency
    from PhantomLibrary.testbed.ownership_judge import judge_ownership

    new = split(it)
    assert it.put("k4", "again") == Ok(None)
    for step in (("merge shards", {"left": 1, "right": new}), ("merge shards", {"left": 1, "right": 2})):
        done(it, step[0], **step[1])
        assert it.go(10, lambda: judge_consistency(it.run).outcome == "valid")
        assert judge_ownership(it.run).outcome == "valid"
    assert it.run.shard_ids == [0, 1]
    assert all(set(process.replicas) <= {0, 1} for process in it.run.processes.values())


def test_a_run_with_splits_and_merges_is_replayed(it):
    it.give("start workload", kind="append", clients=4, rate=40_000, keys=10)
    it.go(1)
    new = done(it, "split shard", shard=1)
    it.go(0.3)
    done(it, "merge shards", left=1, right=new)
    it.run.advance(it.run.now_ns + SECOND_NS)
    schedule = it.run.finish()
    assert replay(schedule).finish().digest == schedule.digest


def test_a_replica_that_was_given_up_writes_nothing_more(it):
    process = process_of(it, 2)
    replica, written = process.replicas[2], process.wal._number
    process.replica_set.end(2)
    after = process.wal._number
    replica.propose(Freeze(50))
    assert (after, process.wal._number) == (written + 1, written + 1)  # That it is gone, and nothing else.
    it.go(2)
