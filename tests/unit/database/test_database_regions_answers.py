"""What the leader of a region's shard answers: to clients, to other regions, and when it must not answer."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.messages import NotLeader, ShardRequest, StaleRoute, Told
from PhantomLibrary.database.regions.messages import (
    AdoptPolicy,
    AskPosition,
    Behind,
    Declined,
    DoneHere,
    Position,
)
from PhantomLibrary.domain import Cas, Increment
from PhantomLibrary.domain.operations import RegionalRead, RegionalWrite
from tests.unit.database.region_shard import POLICY, Shard


@pytest.fixture
def shard():
    return Shard()


class TestAnswers:
    def test_who_does_not_lead_says_so(self):
        shard = Shard(leads=False)
        shard.write()
        assert shard.outcome() == NotLeader("n9", may_happen=False)

    def test_a_read_waits_for_what_its_client_has_seen(self, shard):
        shard.request(RegionalRead("a", (("", (("us", 2),)),)))
        assert shard.outcome() == Behind("region eu lacks 2 writes of region us that this client has seen")

    def test_who_wants_siblings_as_they_were_written_gets_what_the_merge_function_gets(self):
        shard = Shard(policy=replace(POLICY, conflicts="custom", merge="builtins:max"))
        shard.write(value="1")
        shard.write(value="2")
        shard.replies.clear()
        shard.request(RegionalRead("a"))
        assert (shard.outcome().value, shard.replies) == ("2", [])
        shard.request(RegionalRead("a", as_written=True))
        assert shard.outcome().values == ("1", "2")

    @pytest.mark.parametrize("conflicts", ["multi value", "last writer wins"])
    def test_siblings_are_not_shown_before_what_their_writers_had_seen_is_here(self, conflicts):
        policy = replace(POLICY, conflicts=conflicts, writable=POLICY.members)
        shard, us = Shard(policy=policy), Shard(region="us", policy=policy)
        us.write(value="2", seen=(("", (("ap", 0),)),))
        early = us.machine.table.batch_for("eu", (), at_ns=1)
        change = replace(early.changes[0], deps=(("", (("ap", 1),)),))
        shard.write(value="1")
        shard.request(replace(early, changes=(change,)))
        shard.replies.clear()
        shard.request(RegionalRead("a"))
        assert type(shard.outcome()) is (Behind if conflicts == "multi value" else DoneHere)

    def test_a_write_waits_for_what_its_client_has_seen(self, shard):
        shard.write(seen=(("", (("us", 2),)),))
        assert type(shard.outcome()) is Behind
        assert shard.machine.own_count == 0

    def test_a_read_at_another_epoch_is_told_the_present_one(self, shard):
        shard.machine.apply(shard.machine.applied_index + 1, AdoptPolicy(replace(shard.machine.policy, epoch=1)))
        request = ShardRequest(shard.replica.shard, "n9", 5, 1, 1, 0, 0, 0, RegionalRead("a"))
        shard.service.request(request)
        assert type(shard.outcome()) is StaleRoute

    def test_what_needs_one_order_of_writes_is_declined(self, shard):
        shard.request(Cas("a", None, "1"))
        assert type(shard.outcome()) is Declined

    def test_a_batch_with_nothing_new_takes_no_entry_of_the_log(self, shard):
        us = Shard(region="us")
        index = shard.machine.applied_index
        shard.request(us.machine.table.batch_for("eu", (), at_ns=1))
        assert type(shard.outcome().answer) is Position
        assert shard.machine.applied_index == index

    def test_a_batch_without_changes_is_replicated_where_it_teaches_something(self, shard):
        shard.write()
        us = Shard(region="us", policy=replace(POLICY, writable=("us",)))
        us.request(replace(shard.machine.table.batch_for("us", (), at_ns=1), policy=us.machine.policy))
        empty = replace(us.machine.table.batch_for("eu", (), at_ns=1), policy=shard.machine.policy)
        shard.request(empty)
        assert shard.machine.table.known["us"] == (("eu", 1),)
        index = shard.machine.applied_index
        shard.request(empty)
        assert shard.machine.applied_index == index

    def test_a_newer_policy_is_replicated_though_it_comes_without_changes_an_older_one_is_only_answered(self, shard):
        us = Shard(region="us")
        batch = us.machine.table.batch_for("eu", (), at_ns=1)
        newer = replace(shard.machine.policy, epoch=1)
        shard.request(replace(batch, policy=newer))
        assert shard.machine.policy == newer
        index = shard.machine.applied_index
        shard.replies.clear()
        shard.request(batch)
        assert (shard.outcome().answer.policy, shard.machine.applied_index) == (newer, index)

    def test_positions_say_how_long_ago_all_was_here_that_others_had_written(self, shard):
        us = Shard(region="us", policy=replace(POLICY, writable=("us",)))
        us.write()
        whole = replace(us.machine.table.batch_for("eu", (), at_ns=1), policy=shard.machine.policy)
        shard.request(replace(whole, changes=()))
        shard.replies.clear()
        shard.request(AskPosition(""))
        assert shard.outcome() == Told(Position((), shard.machine.policy, ()))  # Something is missing.

        shard.request(whole)
        shard.replies.clear()
        shard.now_ns += 7
        shard.request(AskPosition(""))
        assert shard.outcome() == Told(Position((("us", 1),), shard.machine.policy, (("us", 7),)))

    def test_a_batch_moves_the_clock_so_that_what_is_written_next_is_later(self, shard):
        us = Shard(region="us", policy=replace(POLICY, writable=("us",)))
        us.now_ns = 10**9
        us.write()
        shard.request(replace(us.machine.table.batch_for("eu", (), at_ns=1), policy=shard.machine.policy))
        assert shard.owner.clock.now_ns() > 10**9

    def test_counters_come_back_as_their_sums(self, shard):
        shard.request(RegionalWrite("c", Increment("c", 4)))
        shard.replies.clear()
        shard.request(RegionalRead("c"))
        assert shard.outcome().value == "4"
