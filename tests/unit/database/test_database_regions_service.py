"""The leader of a region's shard: what it confirms and when, and what it tells other regions."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.messages import NotLeader
from PhantomLibrary.database.regions.feed import BEAT_NS, RELAY_AFTER_NS
from PhantomLibrary.database.regions.messages import (
    AdoptPolicy,
    Awaited,
    DoneHere,
)
from PhantomLibrary.domain import MILLISECOND_NS
from tests.unit.database.region_shard import POLICY, Shard, connected


@pytest.fixture
def shard():
    return Shard()


class TestConfirmations:
    def test_asynchronous_writes_are_confirmed_when_they_are_durable_here(self, shard):
        shard.write()
        assert type(shard.outcome()) is DoneHere

    def test_semi_synchronous_writes_wait_for_one_other_region(self):
        shard = connected("semi-synchronous")
        shard.write()
        assert shard.replies == []
        shard.answer("ap", eu=1)
        assert type(shard.outcome()) is DoneHere

    def test_synchronous_writes_wait_for_all_other_regions(self):
        shard = connected("synchronous")
        shard.write()
        shard.answer("ap", eu=1)
        assert shard.replies == []
        shard.answer("us", eu=1)
        assert type(shard.outcome()) is DoneHere

    def test_an_answer_about_an_earlier_write_confirms_only_that(self):
        shard = connected("synchronous")
        shard.write("a")
        shard.write("b")
        shard.answer("us", eu=1)
        shard.answer("ap", eu=2)
        assert [call for call, _ in shard.replies] == [2]

    def test_a_region_that_is_forgotten_is_not_waited_for(self):
        shard = connected("synchronous")
        shard.write()
        shard.answer("us", eu=1)
        shard.machine.apply(
            shard.machine.applied_index + 1, AdoptPolicy(replace(shard.machine.policy, epoch=1, members=("eu", "us")))
        )
        shard.service.reshaped()
        assert type(shard.outcome()) is DoneHere

    def test_what_waits_is_told_to_whoever_tries_again_and_confirmed_once(self):
        shard = connected("synchronous")
        shard.write(call=7, sequence=7)
        shard.write(call=7, sequence=7, attempt=2)
        assert shard.outcome() == Awaited("replication is synchronous, and region us, ap has not confirmed it")
        shard.answer("us", eu=1)
        shard.answer("ap", eu=1)
        assert [call for call, _ in shard.replies] == [7]
        assert shard.machine.own_count == 1

    def test_a_leader_that_loses_office_says_that_nobody_knows(self):
        shard = connected("synchronous")
        shard.write()
        shard.service.end("n2")
        assert shard.outcome() == NotLeader("n2", may_happen=True)
        assert shard.service.feed is None

    def test_a_write_that_was_done_before_is_not_confirmed_any_sooner_by_a_new_leader(self):
        shard = connected("synchronous")
        shard.write(call=7, sequence=7)
        shard.service.end("n2")
        shard.replies.clear()
        shard.sent.clear()
        shard.service.caught_up()
        shard.write(call=7, sequence=7, attempt=2)
        assert shard.replies == []
        shard.pass_ms(500)
        shard.answer("us", eu=1)
        shard.answer("ap", eu=1)
        assert [call for call, _ in shard.replies] == [7]


class TestFeed:
    def test_nothing_is_sent_before_it_is_known_what_a_peer_has(self):
        shard = Shard()
        shard.write()
        shard.fail("us")
        shard.pass_ms(100)
        assert [batch.changes for batch in shard.batches("us")] == [()]
        shard.answer("us")
        assert [len(batch.changes) for batch in shard.batches("us")] == [1]

    def test_a_peer_is_sent_what_it_lacks_one_batch_at_a_time(self):
        shard = connected()
        for value in "123":
            shard.write(value=value)
        assert [len(batch.changes) for batch in shard.batches("us")] == [1]
        shard.answer("us", eu=1)
        assert [[each.dot.count for each in batch.changes] for batch in shard.batches("us")] == [[2, 3]]

    def test_a_peer_that_has_all_hears_of_it_every_beat(self):
        shard = connected()
        shard.pass_ms(BEAT_NS // MILLISECOND_NS - 1)
        assert shard.batches("us") == []
        shard.pass_ms(1)
        assert [batch.changes for batch in shard.batches("us")] == [()]

    def test_a_peer_that_cannot_be_reached_is_tried_again_and_again(self):
        shard = connected()
        shard.write()
        for _ in range(3):
            shard.fail("us")
            shard.pass_ms(100)
            assert [len(batch.changes) for batch in shard.batches("us")] == [1]

    def test_what_a_peer_does_not_hear_from_its_origin_is_relayed_after_a_while(self):
        shard, ap = connected(), Shard(region="ap", policy=replace(POLICY, writable=("ap",)))
        ap.write("x")
        batch = ap.machine.table.batch_for("eu", (), at_ns=1)
        shard.request(replace(batch, policy=shard.machine.policy))
        shard.pass_ms(500)
        shard.answer("us")
        shard.pass_ms(500)
        assert [batch.changes for batch in shard.batches("us")] == [()]
        shard.answer("us")
        shard.pass_ms(RELAY_AFTER_NS // MILLISECOND_NS)
        assert [[each.dot.region for each in batch.changes] for batch in shard.batches("us")] == [["ap"]]

    def test_a_peer_that_does_hear_from_the_origin_however_slowly_is_left_to_it(self):
        shard, ap = connected(), Shard(region="ap", policy=replace(POLICY, writable=("ap",)))
        for value in "123456":
            ap.write(value=value)
        batch = ap.machine.table.batch_for("eu", (), at_ns=1)
        shard.request(replace(batch, policy=shard.machine.policy))
        for has in range(1, 5):
            shard.pass_ms(RELAY_AFTER_NS // MILLISECOND_NS * 3 // 4)
            assert [batch.changes for batch in shard.batches("us")] == [()]
            shard.answer("us", ap=has)

    def test_a_region_that_is_no_member_any_more_falls_silent(self):
        shard = connected()
        policy = replace(shard.machine.policy, epoch=1, members=("us", "ap"), writable=("us",))
        shard.machine.apply(shard.machine.applied_index + 1, AdoptPolicy(policy))
        shard.pass_ms(5_000)
        assert shard.sent == []

    def test_answers_that_come_after_the_term_change_nothing(self):
        shard = connected("synchronous")
        shard.write()
        shard.service.end("n2")
        shard.answer("us", eu=1)
        assert shard.batches("us") == []

    def test_who_is_no_member_sends_nothing_and_is_sent_nothing(self):
        shard = connected()
        policy = replace(shard.machine.policy, epoch=1, members=("eu", "us"))
        shard.machine.apply(shard.machine.applied_index + 1, AdoptPolicy(policy))
        shard.pass_ms(5_000)
        assert shard.batches("us") and not shard.batches("ap")

    def test_a_newer_policy_in_an_answer_is_adopted_through_the_log(self):
        shard = connected()
        shard.pass_ms(500)
        newer = replace(shard.machine.policy, epoch=1, writable=("us",))
        shard.answer("us", policy=newer)
        assert shard.machine.policy == newer

    def test_status_says_how_far_each_region_is_behind(self):
        shard = connected()
        shard.write()
        shard.answer("us", eu=1)
        shard.fail("ap")
        shard.pass_ms(300)
        us, ap = shard.service.status()
        assert (us.region, us.is_connected, us.position, us.missing, us.lag_ns) == ("us", True, 1, 0, 0)
        assert (ap.region, ap.is_connected, ap.position, ap.missing) == ("ap", False, 0, 1)
        assert ap.lag_ns == 300 * MILLISECOND_NS
