"""Who takes writes next, from what shards say of how far they are."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.regions.failing_over import (
    behind_of,
    best_heir,
    decide,
    forgotten,
    handed_over,
    missing_in,
    why_no_member,
)
from PhantomLibrary.database.regions.messages import Position
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.domain.region_policy import RegionPolicy, vector_of

POLICY = RegionPolicy(3, ("eu", "us", "ap"), ("eu",), lag_max_ns=5 * SECOND_NS)


def at(eu=0, us=0, ap=0, *, heard_s=None, policy=POLICY):
    heard = () if heard_s is None else (("eu", heard_s * SECOND_NS),)
    return Position(vector_of({"eu": eu, "us": us, "ap": ap}), policy, heard)


def test_a_primary_that_answers_hands_over_so_nothing_is_lost():
    found = {"eu": {"": at(eu=9)}, "us": {"": at(eu=7, heard_s=60)}, "ap": {"": at(eu=7)}}
    decision = decide(POLICY, "us", found, is_forced=False)
    assert decision.policy == replace(POLICY, epoch=4, writable=(), heir="us")


def test_a_primary_that_is_silent_is_replaced_by_a_region_that_was_level_a_moment_ago():
    found = {"eu": {"": None}, "us": {"": at(eu=7, heard_s=5)}, "ap": {"": at(eu=7)}}
    assert decide(POLICY, "us", found, is_forced=False).policy == replace(POLICY, epoch=4, writable=("us",))


def test_beyond_the_bound_a_fail_over_has_to_be_forced_and_says_what_is_known_to_be_missing():
    found = {"eu": {"": None}, "us": {"": at(eu=4, heard_s=6)}, "ap": {"": at(eu=7)}}
    refused = decide(POLICY, "us", found, is_forced=False)
    assert refused.policy is None
    for part in ("region us", "6.0 s ago", "lag_max is 5 s", "3 writes", "force"):
        assert part in refused.refusal

    forced = decide(POLICY, "us", found, is_forced=True)
    assert (forced.missing, forced.behind_ns) == (3, 6 * SECOND_NS)


def test_what_another_region_has_the_heir_gets_before_it_takes_writes():
    found = {"eu": {"": None}, "us": {"": at(eu=4, heard_s=1)}, "ap": {"": at(eu=7)}}
    assert decide(POLICY, "us", found, is_forced=False).policy == replace(POLICY, epoch=4, writable=(), heir="us")


def test_a_region_that_has_not_heard_of_the_primary_under_this_leader_is_not_known_to_be_level():
    found = {"eu": {"": None}, "us": {"": at(eu=7)}, "ap": {"": at(eu=7)}}
    assert "not known" in decide(POLICY, "us", found, is_forced=False).refusal


@pytest.mark.parametrize(
    ("replication", "ap", "is_refused"),
    [
        ("synchronous", None, False),  # What was confirmed is everywhere.
        ("semi-synchronous", at(eu=7), False),  # What was confirmed is in us or in ap, who can tell us.
        ("semi-synchronous", None, True),
        ("asynchronous", at(eu=7), True),
    ],
)
def test_time_matters_only_where_something_confirmed_may_be_lost(replication, ap, is_refused):
    policy = replace(POLICY, replication=replication)
    found = {"eu": {"": None}, "us": {"": at(eu=7, heard_s=60)}, "ap": {"": ap}}
    assert (decide(policy, "us", found, is_forced=False).policy is None) is is_refused


def test_a_region_with_a_shard_that_does_not_answer_cannot_take_writes():
    found = {"eu": {"": None, "k5": None}, "us": {"": at(), "k5": None}, "ap": {"": at(), "k5": at()}}
    assert "'k5'" in decide(POLICY, "us", found, is_forced=True).refusal


def test_one_slot_that_is_behind_is_enough():
    there = {"": at(heard_s=1), "k5": at(heard_s=9)}
    assert behind_of("eu", there) == 9 * SECOND_NS
    assert behind_of("eu", {"": at(heard_s=1), "k5": at()}) is None


def test_missing_writes_are_counted_slot_by_slot():
    found = {
        "eu": {"": None, "k5": at(eu=3)},
        "us": {"": at(eu=2), "k5": at(eu=1)},
        "ap": {"": at(eu=6), "k5": at(eu=9)},
    }
    assert missing_in("us", "eu", found) == (6 - 2) + (9 - 1)


class TestHandingOver:
    POLICY = replace(POLICY, writable=(), heir="us")

    def at(self, epoch=3, **counts):
        return at(**counts, policy=replace(self.POLICY, epoch=epoch))

    def outcome(self, eu, us, ap, given_up=()):
        return handed_over(self.POLICY, {"eu": {"": eu}, "us": {"": us}, "ap": {"": ap}}, given_up=given_up)

    def test_ends_when_the_heir_has_all_that_others_have(self):
        level = self.at(eu=5, ap=2)
        assert self.outcome(level, level, level) == replace(self.POLICY, epoch=4, writable=("us",), heir="")

    def test_waits_for_what_the_old_primary_wrote(self):
        assert self.outcome(self.at(eu=6), self.at(eu=5), self.at(eu=5)) is None

    def test_waits_for_what_a_third_region_has_of_the_old_primary(self):
        assert self.outcome(None, self.at(eu=5), self.at(eu=6), given_up=("eu",)) is None

    def test_waits_for_a_region_that_may_still_take_writes(self):
        assert self.outcome(self.at(epoch=2, eu=5), self.at(eu=5), self.at(eu=5)) is None

    def test_waits_for_who_is_silent_until_it_is_given_up(self):
        level = self.at(eu=5)
        assert self.outcome(None, level, level) is None
        assert self.outcome(None, level, level, given_up=("eu",)) is not None

    def test_waits_for_the_heir_whatever_happens(self):
        assert self.outcome(self.at(), None, self.at(), given_up=("us", "eu", "ap")) is None


def test_the_heir_that_is_found_is_the_least_behind_and_within_the_bound():
    def found(us, ap):
        return {"eu": {"": None}, "us": {"": us}, "ap": {"": ap}}

    assert best_heir(POLICY, found(at(heard_s=3), at(heard_s=2))) == "ap"
    assert best_heir(POLICY, found(at(heard_s=2), at(heard_s=2))) == "us"
    assert best_heir(POLICY, found(at(heard_s=3), None)) == "us"
    assert best_heir(POLICY, found(at(heard_s=6), at())) == ""


def test_a_region_is_forgotten_unless_nobody_else_takes_writes():
    assert forgotten(POLICY, "ap") == replace(POLICY, epoch=4, members=("eu", "us"))
    assert "fail over" in forgotten(POLICY, "eu")
    several = replace(POLICY, writable=("eu", "us"))
    assert forgotten(several, "eu") == replace(several, epoch=4, members=("us", "ap"), writable=("us",))
    assert "only one there is" in forgotten(RegionPolicy(0, ("eu",), ("eu",)), "eu")
    assert "fail over" in forgotten(replace(POLICY, writable=(), heir="us"), "ap")


def test_a_region_that_is_no_member_is_told_with_those_that_are():
    assert why_no_member(POLICY, "us") == ""
    assert why_no_member(POLICY, "uss") == "no region 'uss': members are eu, us, ap (did you mean us?)"
