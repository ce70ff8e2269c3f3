"""Where a client's operations go whose cluster has a copy in each region, and what operators are told."""

import json

import msgspec
import pytest
from msgspec.structs import replace

from PhantomLibrary.database.config import DatabaseConfig, make_regional_layout
from PhantomLibrary.database.directory import Member, encode_directory, first_directory
from PhantomLibrary.database.messages import ClientReply, ClientRequest, Done, ShardReply, ShardRequest, Told
from PhantomLibrary.database.regions.gateway import RegionGateway
from PhantomLibrary.database.regions.messages import (
    AskPosition,
    Awaited,
    Behind,
    Declined,
    DoneHere,
    NotWritable,
    Position,
)
from PhantomLibrary.domain import (
    MILLISECOND_NS,
    SECOND_NS,
    Begin,
    Cas,
    Ok,
    OkSeen,
    OutcomeUnknown,
    Put,
    Refused,
)
from PhantomLibrary.domain.operations import RegionalRead, RegionalWrite
from PhantomLibrary.domain.placement import SplitShard
from PhantomLibrary.domain.region_policy import ChangeRegions, FailOver, ForgetRegion, GetRegions, RegionPolicy
from PhantomLibrary.kernel.streams import Streams
from PhantomLibrary.placement.snapshot import PlacedNode

POLICY = RegionPolicy(0, ("eu", "us"), ("eu",))
NODES = [PlacedNode(f"n{number}", f"z{number}", region) for number, region in enumerate(("eu", "us"), 1)]
WRITE = RegionalWrite("k1", Put("k1", "v"))


class FakeEnv:
    incarnation = 1

    def __init__(self, node):
        self.node = node
        self.now_ns, self.due_ns, self.sent = 0, None, []

    def monotonic_ns(self):
        return self.now_ns

    def send(self, to, message):
        self.sent.append((to, message))

    def random(self, name):
        return Streams(1).get(name)

    def set_deadline(self, _name, at_ns):
        self.due_ns = at_ns


class Bench:
    """A gateway on a node beside those that hold shards: shard 0 is 0, eu has shards 1 and 2, us has 3 and 4."""

    def __init__(self, region="us", policy=POLICY):
        places = [*NODES, PlacedNode("n9", "z9", region)] if region else NODES
        nodes = [*NODES, PlacedNode("n8", "z8", "ap")] if "ap" in policy.members else NODES
        layout = make_regional_layout(nodes, shards=2, replicas=1, config=DatabaseConfig(), policy=policy)
        self.layout = replace(layout, places=tuple(places))
        self.env = FakeEnv("n9")
        self.gateway = RegionGateway(self)
        self.directory = first_directory(layout)

    def request(self, _request):
        raise AssertionError("this node holds nothing")

    def ask(self, operation, process=1):
        self.gateway.request("client", ClientRequest(process, 1, operation))

    def attempts(self):
        found = [message for _, message in self.env.sent if type(message) is ShardRequest]
        self.env.sent = [each for each in self.env.sent if type(each[1]) is not ShardRequest]
        return found

    def attempt(self):
        (found,) = self.attempts()
        return found

    def answer(self):
        found = [message.answer for _, message in self.env.sent if type(message) is ClientReply]
        self.env.sent.clear()
        (answer,) = found
        return answer

    def reply(self, attempt, outcome):
        self.gateway.shard_reply(ShardReply(attempt.shard, attempt.call, attempt.attempt, outcome))

    def pass_ms(self, milliseconds):
        end_ns = self.env.now_ns + milliseconds * MILLISECOND_NS
        while self.env.due_ns is not None and self.env.due_ns <= end_ns:
            self.env.now_ns, self.env.due_ns = max(self.env.due_ns, self.env.now_ns), None
            self.gateway.fire()
        self.env.now_ns = end_ns

    def with_map(self):
        self.gateway.learn(self.directory)
        return self

    def opened(self, number=7):
        """Let the session that is asked for be opened, and return the attempt that follows."""
        opening = self.attempt()
        assert opening.operation is None
        self.reply(opening, Done(str(number)))
        return self.attempt()


@pytest.fixture
def bench():
    return Bench().with_map()


def test_reads_stay_in_the_region_and_need_no_session(bench):
    bench.ask(RegionalRead("k1"))
    assert bench.attempt().shard == 3


def test_writes_go_to_the_region_that_takes_them(bench):
    bench.ask(WRITE)
    assert bench.opened().shard == 1


def test_writes_stay_in_a_region_that_takes_them():
    bench = Bench(policy=replace(POLICY, writable=("eu", "us"))).with_map()
    bench.ask(RegionalWrite("k7", Put("k7", "v")))
    assert bench.opened().shard == 4


def test_a_region_that_keeps_silent_is_avoided_for_a_while_where_another_one_takes_writes():
    bench = Bench(region="ap", policy=replace(POLICY, members=("eu", "us", "ap"), writable=("eu", "us"))).with_map()
    shards = []
    for pause_ms in (0, 4_000, 1_000):
        bench.pass_ms(pause_ms)
        bench.ask(WRITE)
        opening = bench.attempts()[0]
        shards.append(opening.shard)
        if opening.shard == 1:
            bench.pass_ms(2_100)  # Europe does not answer.
        else:
            bench.reply(opening, Declined("for some reason"))
        bench.env.sent.clear()
    assert shards == [1, 3, 1]


def test_a_region_that_is_the_only_one_to_take_writes_is_asked_again_though_it_kept_silent(bench):
    for _ in range(2):
        bench.ask(WRITE)
        assert bench.attempt().shard == 1
        bench.pass_ms(2_100)
        bench.env.sent.clear()


def test_an_answer_says_what_the_client_has_seen(bench):
    bench.ask(RegionalRead("k1"))
    bench.reply(bench.attempt(), DoneHere("b", (("", (("eu", 3),)),), (("eu", 2),), ("a", "b")))
    assert bench.answer() == OkSeen("b", (("", (("eu", 3),)),), (("eu", 2),), ("a", "b"))


def test_a_shard_that_takes_no_writes_any_more_sends_the_client_to_the_region_that_does(bench):
    bench.ask(WRITE)
    attempt = bench.opened()
    bench.pass_ms(300)
    again = bench.attempt()
    policy = replace(POLICY, epoch=2, writable=("us",))
    bench.reply(again, NotWritable(policy))
    assert [each.operation.key for each in bench.attempts()] == ["directory"]
    bench.pass_ms(20)
    (elsewhere,) = [each for each in bench.attempts() if each.shard == 3]
    assert (elsewhere.operation, attempt.session) == (None, 7)  # In a session of its own.


def test_what_was_refused_in_the_log_has_not_happened_though_an_earlier_attempt_was_never_answered(bench):
    bench.ask(WRITE)
    bench.opened()
    bench.pass_ms(300)
    bench.reply(bench.attempt(), NotWritable(replace(POLICY, epoch=1, writable=(), heir="us")))
    bench.pass_ms(2_100)
    assert type(bench.answer()) is Refused


def test_while_nobody_takes_writes_a_client_is_told_why(bench):
    bench.gateway.learn_policy(replace(POLICY, epoch=1, writable=(), heir="us"))
    bench.ask(WRITE)
    bench.pass_ms(2_100)
    answer = bench.answer()
    assert type(answer) is Refused and "no region takes writes until us has all" in answer.reason


def test_a_region_that_is_behind_is_asked_again_and_in_the_end_the_client_is_told(bench):
    bench.ask(RegionalRead("k1"))
    for _ in range(3):
        bench.reply(bench.attempt(), Behind("region us lacks 2 writes"))
        bench.pass_ms(20)
    bench.pass_ms(2_100)
    answer = bench.answer()
    assert type(answer) is Refused and "region us lacks 2 writes" in answer.reason


def test_a_write_that_is_not_confirmed_in_time_is_unknown_and_says_by_whom(bench):
    bench.ask(WRITE)
    bench.reply(bench.opened(), Awaited("region us has not confirmed it"))
    bench.pass_ms(20)
    bench.reply(bench.attempt(), Awaited("region us has not confirmed it"))
    bench.pass_ms(2_100)
    answer = bench.answer()
    assert type(answer) is OutcomeUnknown and "region us has not confirmed it" in answer.reason


def test_what_a_shard_declines_is_refused_in_its_words(bench):
    bench.ask(WRITE)
    bench.reply(bench.opened(), Declined("k1 is a counter"))
    assert bench.answer() == Refused("k1 is a counter")


@pytest.mark.parametrize("operation", [Cas("k", None, "v"), Begin("serializable"), Put("k", "v")])
def test_what_needs_one_order_of_writes_is_refused(bench, operation):
    bench.ask(operation)
    assert "need one order of all writes" in bench.answer().reason


def test_shards_stay_as_they_are(bench):
    bench.ask(SplitShard("w", 1))
    assert "do not split" in bench.answer().reason


def test_a_node_that_was_added_learns_from_the_directory_where_it_stands():
    bench = Bench(region="")
    joined = (*bench.directory.members, Member("n9", "active", 5, "z9", "us"))
    bench.ask(RegionalRead("k1"))
    fetch = bench.attempt()
    bench.reply(fetch, Done(encode_directory(replace(bench.directory, version=5, members=joined)).decode()))
    assert bench.attempt().shard == 3


# --- operators --------------------------------------------------------------------------------------------------------


def at(policy=POLICY, heard_s=None, **counts):
    heard = () if heard_s is None else (("eu", heard_s * SECOND_NS),)
    return Told(Position(tuple(sorted(counts.items())), policy, heard))


class Administration(Bench):
    def begin(self, operation, policy=POLICY):
        self.ask(operation)
        question = self.attempt()
        assert (question.shard, question.operation) == (0, GetRegions())
        self.reply(question, Done(msgspec.json.encode(policy).decode()))

    def survey(self, **regions):
        """Answer for all shards of the regions named; the others are silent."""
        for each in self.attempts():
            assert type(each.operation) is AskPosition
            region = "eu" if each.shard in (1, 2) else "us"
            if region in regions:
                self.reply(each, regions[region])
        if len(regions) < 2:
            self.pass_ms(700)
            tries = [each for each in self.env.sent if type(each[1]) is ShardRequest and each[1].operation is not None]
            self.env.sent = [each for each in self.env.sent if each not in tries]

    def changed(self, why_not=""):
        change = self.opened()
        self.reply(change, Done(why_not))
        return change.operation


@pytest.fixture
def office():
    return Administration().with_map()


def test_a_switch_over_names_the_heir_first(office):
    office.begin(FailOver("us"))
    office.survey(eu=at(eu=4), us=at(eu=3, heard_s=60))
    assert office.changed() == ChangeRegions("regions", replace(POLICY, epoch=1, writable=(), heir="us"))
    assert json.loads(office.answer().value) == {"epoch": 1, "is_planned": True, "missing": 0, "behind_ns": 0}


def test_a_fail_over_from_a_region_that_is_silent_is_one_step(office):
    office.begin(FailOver("us"))
    office.survey(us=at(eu=3, heard_s=2))
    assert office.changed() == ChangeRegions("regions", replace(POLICY, epoch=1, writable=("us",)))
    assert json.loads(office.answer().value)["behind_ns"] == 2 * SECOND_NS


def test_beyond_the_bound_nothing_is_changed(office):
    office.begin(FailOver("us"))
    office.survey(us=at(eu=3, heard_s=11))
    assert "too far behind" in office.answer().reason
    assert office.attempts() == []


def test_beyond_the_bound_it_can_be_forced(office):
    office.begin(FailOver("us", is_forced=True))
    office.survey(us=at(eu=3, heard_s=11))
    office.changed()
    assert json.loads(office.answer().value)["is_planned"] is False
    office.ask(WRITE)
    assert office.attempts()[0].shard in (3, 4)  # Whoever asked for it writes in the new region at once.


def test_whoever_asks_for_what_is_so_already_is_told_so(office):
    office.begin(FailOver("eu"))
    assert json.loads(office.answer().value)["epoch"] == 0


@pytest.mark.parametrize(
    ("operation", "policy", "reason"),
    [
        (FailOver("uss"), POLICY, "did you mean us?"),
        (ForgetRegion("uss"), POLICY, "did you mean us?"),
        (ForgetRegion("eu"), POLICY, "fail over"),
        (FailOver("us"), replace(POLICY, writable=("eu", "us")), "nothing to fail over"),
        (FailOver("us"), replace(POLICY, writable=(), heir="us"), "about to take over"),
    ],
)
def test_what_makes_no_sense_is_refused(office, operation, policy, reason):
    office.begin(operation, policy)
    assert reason in office.answer().reason


def test_a_region_is_forgotten(office):
    office.begin(ForgetRegion("us"))
    assert office.changed().policy.members == ("eu",)
    assert office.answer() == Ok("")


def test_a_change_that_somebody_else_made_meanwhile_is_told(office):
    office.begin(ForgetRegion("us"))
    office.changed("the regions were changed meanwhile")
    assert office.answer() == Refused("the regions were changed meanwhile")
