"""What a gateway makes of what it has heard of shards, at different times."""

import pytest

from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.protocols.transactions.values import Span


def shard(number, start, end, epoch=1):
    return ShardDescriptor(number, start, end, epoch, ("n1", "n2", "n3"))


@pytest.fixture
def routes():
    routes = Routes([shard(0, "", "")])
    routes.learn_all([shard(1, "", "m"), shard(2, "m", "")], ())
    return routes


def test_a_half_that_was_split_off_has_its_keys_though_the_whole_is_still_known(routes):
    routes.learn(shard(3, "t", "", 9))
    assert [routes.shard_of(key).shard for key in ("a", "m", "s", "t", "z")] == [1, 2, 2, 3, 3]
    assert routes.parts_of(Span("s", "")) == [(2, Span("s", "t")), (3, Span("t", ""))]


def test_a_map_with_a_gap_is_none(routes):
    routes.learn(shard(2, "m", "t", 9))
    assert not routes.has_map
    routes.learn(shard(3, "t", "", 9))
    assert routes.has_map and routes.shard_of("z").shard == 3


def test_a_shard_that_was_taken_over_is_forgotten_for_good(routes):
    routes.learn_all([shard(1, "", "", 7)], [(2, 1)])
    routes.learn(shard(2, "m", "", 99))
    assert routes.find(2) is None and routes.heir_of(2) == 1
    assert routes.shard_of("z").shard == 1
    assert routes.parts_of(Span("", "")) == [(1, Span("", ""))]


def test_what_is_older_than_what_is_known_changes_nothing(routes):
    routes.learn(shard(2, "m", "t", 9))
    routes.learn(shard(2, "m", "", 8))
    assert routes.find(2).end == "t"


def test_of_two_shards_that_begin_at_one_key_the_later_one_has_it(routes):
    routes.learn_all([shard(1, "", "m", 12), shard(5, "m", "", 12)], ())
    assert routes.shard_of("n").shard == 5
    assert routes.parts_of(Span("a", "z")) == [(1, Span("a", "m")), (5, Span("m", "z"))]
