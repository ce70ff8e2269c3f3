"""Who acknowledges operations on a key, one after the other: legal histories, and what must be noticed."""

import pytest

from PhantomLibrary.checking.invariants import Invariants
from PhantomLibrary.checking.ownership import Ownership, check_ranges
from PhantomLibrary.domain import Acknowledged


def watch(*owners, key="k1", committed=0):
    """Return what is wrong when these (shard, epoch), and where a write stands, acknowledge one after the other."""
    ownership = Ownership(lambda _shard: committed)
    told = (ownership.acknowledged(Acknowledged("n1", shard, epoch, key, *index)) for shard, epoch, *index in owners)
    return [problem for problem in told if problem]


@pytest.mark.parametrize(
    "owners",
    [
        [(1, 1), (1, 1), (1, 1)],
        [(1, 1), (1, 9), (1, 9), (1, 20)],
        [(1, 1), (2, 30), (2, 31)],
        [(1, 1), (2, 30), (1, 50)],  # Split, and merged again.
        [(1, 1), (2, 30), (1, 50), (3, 60), (1, 70)],
    ],
    ids=str,
)
def test_owners_that_follow_each_other_are_right(owners):
    assert watch(*owners) == []


@pytest.mark.parametrize(
    "owners",
    [
        [(1, 1), (2, 30), (1, 1)],  # The donor serves after the cut-over.
        [(1, 9), (1, 1)],  # A leader with the members of before.
        [(2, 30), (1, 5), (2, 30)],  # The donor comes between.
        [(1, 1), (2, 30), (1, 50), (2, 30)],  # The source serves after it was merged.
        [(1, 1), (2, 30), (2, 29)],
    ],
    ids=str,
)
def test_an_owner_that_was_followed_is_noticed(owners):
    assert len(watch(*owners)) == 1


@pytest.mark.parametrize(
    "owners",
    [
        [(1, 1), (1, 30), (1, 1, 29)],  # It stands before the epoch that followed.
        [(1, 30), (1, 1, 29), (1, 30)],
        [(1, 1), (2, 30), (1, 1, 29), (2, 30)],  # The shard was known to be committed so far when it was split.
    ],
    ids=str,
)
def test_a_write_that_was_done_in_time_may_be_told_late(owners):
    assert watch(*owners, committed=30) == []


def test_a_write_that_was_done_after_another_owner_followed_is_noticed():
    assert len(watch((1, 1), (1, 30), (1, 1, 30))) == 1
    assert len(watch((1, 1), (2, 30), (1, 1, 31), committed=30)) == 1


def test_a_read_may_be_answered_late_by_whom_it_was_asked_in_time():
    asked = []
    ownership = Ownership(lambda _shard: 0)
    ownership.may_be_late = lambda key, at_ns: asked.append((key, at_ns)) or at_ns <= 20
    told = [ownership.acknowledged(Acknowledged("n1", 1, epoch, "k1"), at_ns) for epoch, at_ns in
            ((1, 10), (9, 20), (9, 25), (1, 30), (9, 40), (30, 50), (9, 60))]  # fmt: skip
    assert asked == [("k1", 20), ("k1", 50)]
    assert [bool(each) for each in told] == [False] * 6 + [True]


def test_a_write_is_never_excused_by_when_it_was_asked_for():
    ownership = Ownership(lambda _shard: 0)
    ownership.may_be_late = lambda _key, _at_ns: True
    assert [bool(ownership.acknowledged(Acknowledged("n1", 1, epoch, "k1", index), 0))
            for epoch, index in ((1, 3), (9, 12), (1, 9))] == [False, False, True]  # fmt: skip


def test_keys_have_owners_of_their_own():
    ownership = Ownership(lambda _shard: 0)
    for shard, key in ((1, "a"), (2, "b"), (1, "a"), (2, "b")):
        assert ownership.acknowledged(Acknowledged("n1", shard, 1, key)) == ""
    assert ownership.operations == 4


def test_the_violation_names_both_owners():
    invariants = Invariants()
    for shard, epoch in ((1, 1), (2, 30), (1, 1)):
        invariants.observe(Acknowledged(f"n{shard}", shard, epoch, "k7"), 2_000_000_000)
    (violation,) = invariants.violations
    assert violation.code == "OWN-001"
    for word in ("n1 acknowledged", "k7", "epoch 1 of shard 1", "n2", "epoch 30 of shard 2"):
        assert word in violation.message


@pytest.mark.parametrize(
    ("ranges", "problem"),
    [
        ([(1, "", "")], ""),
        ([(2, "m", ""), (1, "", "m")], ""),
        ([], "no shard holds the first keys"),
        ([(1, "a", "")], "no shard holds the first keys"),
        ([(1, "", "m")], "no shard holds the keys from 'm' on"),
        ([(1, "", "m"), (2, "n", "")], "no shard holds the keys from 'm' to 'n'"),
        ([(1, "", "n"), (2, "m", "")], "keys from 'm' on are in shard 1 and in shard 2"),
        ([(1, "", ""), (2, "m", "")], "keys from 'm' on are in shard 1 and in shard 2"),
        ([(1, "", "m"), (2, "m", ""), (3, "m", "")], "are in shard 2 and in shard 3"),
    ],
    ids=str,
)
def test_ranges_hold_each_key_exactly_once(ranges, problem):
    verdict = check_ranges(ranges)
    assert verdict.outcome == ("invalid" if problem else "valid") and problem in verdict.message
    assert verdict.code == ("OWN-002" if problem else "")
