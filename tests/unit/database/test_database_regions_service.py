"""The leader of a region's shard: what it confirms and when, what it tells other regions, and what it answers."""

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.config import DatabaseConfig, make_regional_layout
from PhantomLibrary.database.messages import NotLeader, ShardRequest, StaleRoute, Told
from PhantomLibrary.database.regions.feed import BEAT_NS, RELAY_AFTER_NS, Feed
from PhantomLibrary.database.regions.machine import RegionMachine
from PhantomLibrary.database.regions.messages import (
    AdoptPolicy,
    AskPosition,
    Awaited,
    Behind,
    Declined,
    DoneHere,
    Position,
)
from PhantomLibrary.database.regions.service import RegionService
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.domain import MILLISECOND_NS, Cas, Increment, Put, Refused
from PhantomLibrary.domain.operations import RegionalRead, RegionalWrite
from PhantomLibrary.domain.region_policy import RegionPolicy, vector_of
from PhantomLibrary.placement.snapshot import PlacedNode
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.raft.effects import Propose, Read

POLICY = RegionPolicy(0, ("eu", "us", "ap"), ("eu",))
NODES = [PlacedNode(f"n{number}", f"z{number}", region) for number, region in enumerate(POLICY.members, 1)]


class Shard:
    """A service whose group has one replica: what is proposed is applied at once."""

    def __init__(self, replication="asynchronous", region="eu", policy=POLICY, leads=True):
        policy = replace(policy, replication=replication)
        layout = make_regional_layout(NODES, shards=1, replicas=1, config=DatabaseConfig(), policy=policy)
        descriptor = next(each for each in layout.shards if each.region == region)
        self.machine = RegionMachine(layout, descriptor, SessionTable(9))
        self.now_ns, self.due_ns, self.later = 0, 0, []
        self.replies, self.sent = [], []
        self.is_slow = False  # Whether what is proposed is committed later.
        self.proposed = []
        group = SimpleNamespace(is_leader=leads, leader="n1" if leads else "n9", term=1)
        self.replica = SimpleNamespace(
            shard=descriptor.shard,
            group=group,
            machine=self.machine,
            step=self.step,
            is_current=lambda: group.is_leader,
        )
        env = SimpleNamespace(node="n1", monotonic_ns=lambda: self.now_ns, set_deadline=self.set_deadline)
        self.policy = policy
        self.owner = SimpleNamespace(
            env=env, layout=layout, clock=HybridClock(lambda: self.now_ns), parts=SimpleNamespace(feed=Feed),
            wal=SimpleNamespace(is_full=False), regions_policy=policy, ask=self.ask,
            reply=lambda gateway, reply: self.replies.append((reply.call, reply.outcome)),
            later=lambda action, argument: action(argument),
        )  # fmt: skip
        self.service = RegionService(self.owner, self.replica)
        self.session = 0
        self.calls = 0
        if leads:
            self.service.caught_up()
            self.request(None)
            self.session = int(self.outcome().value)

    def set_deadline(self, _name, at_ns):
        self.due_ns = at_ns

    def ask(self, shard, batch, finish):
        self.sent.append((shard, batch, finish))

    def step(self, event):
        if isinstance(event, Read):
            self.service.read_ready((event.token,))
        else:
            assert isinstance(event, Propose)
            self.proposed.append(event.command)
            if not self.is_slow:
                self.commit()

    def commit(self):
        for command in self.proposed:
            outcome = self.machine.apply(self.machine.applied_index + 1, command)
            if outcome is not None and self.service.is_leading:
                self.service.applied(command, outcome)
        self.proposed.clear()
        self.service.caught_up()

    def request(self, operation, *, call=0, sequence=0, attempt=1):
        self.calls = call or self.calls + 1
        shard, epoch = self.replica.shard, self.machine.epoch
        self.service.request(
            ShardRequest(shard, "n9", self.calls, attempt, 1, epoch, self.session, sequence or self.calls, operation)
        )

    def write(self, key="a", value="1", **more):
        self.request(RegionalWrite(key, Put(key, value), more.pop("seen", ())), **more)

    def outcome(self):
        """Take the only answer."""
        ((_, outcome),) = self.replies
        self.replies.clear()
        return outcome

    def peer(self, region):
        return next(each.shard for each in self.owner.layout.shards if each.region == region)

    def answer(self, region, *, policy=None, **counts):
        """Let a region answer the batch that it was sent."""
        shard = self.peer(region)
        found = next(each for each in self.sent if each[0] == shard)
        self.sent.remove(found)
        found[2](Position(vector_of(counts), policy or self.machine.policy))

    def fail(self, region):
        found = next(each for each in self.sent if each[0] == self.peer(region))
        self.sent.remove(found)
        found[2](Refused("nobody answers"))

    def batches(self, region):
        return [batch for shard, batch, _ in self.sent if shard == self.peer(region)]

    def pass_ms(self, milliseconds):
        self.now_ns += milliseconds * MILLISECOND_NS
        self.service.fire()


@pytest.fixture
def shard():
    return Shard()


def connected(replication="asynchronous", **more):
    """A shard whose peers have answered its first, empty batches."""
    shard = Shard(replication, **more)
    for region in ("us", "ap"):
        if region in shard.machine.policy.members and region != shard.machine.region:
            shard.answer(region)
    assert shard.sent == []
    return shard


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


class TestAnswers:
    def test_who_does_not_lead_says_so(self):
        shard = Shard(leads=False)
        shard.write()
        assert shard.outcome() == NotLeader("n9", may_happen=False)

    def test_a_read_waits_for_what_its_client_has_seen(self, shard):
        shard.request(RegionalRead("a", (("", (("us", 2),)),)))
        assert shard.outcome() == Behind("region eu lacks 2 writes of region us that this client has seen")

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
