"""Leases hold within the drift that they allow for, and random runs notice each of the usual mistakes with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.domain import Configuration
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.leadership import Leadership
from PhantomLibrary.protocols.raft.leasing import Lease, lease_length_ns
from PhantomLibrary.protocols.raft.messages import HardState, Recovered, RequestVote, Vote
from PhantomLibrary.protocols.raft.replica import GroupConfig
from PhantomLibrary.zoo import raft_defects as zoo
from tests.unit.protocols.lease_chaos import run_with_leases
from tests.unit.protocols.raft_defects import ForgetsPromiseWithLeader
from tests.unit.protocols.raft_invariants import Violation

TIMEOUT_NS = 1_000


@given(st.integers(1, 10**11), st.integers(0, 999_999))
def test_the_slowest_leader_gives_up_before_the_fastest_follower_stops_waiting(timeout_ns, drift_ppm):
    length_ns = lease_length_ns(timeout_ns, drift_ppm)
    # Real time is clock / rate: length / (1 - drift) <= timeout / (1 + drift), without fractions.
    assert length_ns * (10**6 + drift_ppm) <= timeout_ns * (10**6 - drift_ppm)
    assert (length_ns + 1) * (10**6 + drift_ppm) > timeout_ns * (10**6 - drift_ppm)


def test_a_lease_counts_from_the_latest_round_that_was_answered():
    lease = Lease(100)
    lease.begin_round(1, 10)
    lease.begin_round(2, 20)
    lease.begin_round(4, 40)
    lease.confirm(0)
    assert lease.until_ns == 0
    lease.confirm(3)
    assert lease.until_ns == 120
    lease.confirm(1)
    assert lease.until_ns == 120
    lease.confirm(4)
    assert lease.until_ns == 140


def test_a_lease_that_was_given_up_never_comes_back():
    lease = Lease(100)
    lease.begin_round(1, 10)
    lease.begin_round(2, 20)
    lease.confirm(1)
    lease.give_up()
    lease.confirm(2)
    assert lease.until_ns == 0


def test_who_lost_its_disk_extends_no_lease():
    leadership = Leadership("n1", Configuration(("n1", "n2", "n3")), 0)
    leadership.lease = lease = Lease(100)
    leadership.begin_round(10)
    for progress in leadership.progress.values():
        progress.counts = False
        progress.round = 1
    leadership.extend_lease(lease)
    assert lease.until_ns == 0
    leadership.progress["n2"].counts = True
    leadership.extend_lease(lease)
    assert lease.until_ns == 110


def follower(group_class: type[Group], lease_ns: int, recovered: Recovered) -> Group:
    return group_class(GroupConfig(1, "n1", ("n1", "n2", "n3"), TIMEOUT_NS, 100, lease_ns=lease_ns), recovered, 5_000)


def grants(group: Group, term: int, now_ns: int) -> bool:
    effects = group.step(RequestVote(1, "n2", term, 9, 9, False), now_ns)
    return next(each.message.granted for each in effects if isinstance(getattr(each, "message", None), Vote))


def test_a_restarted_voter_waits_one_election_timeout_where_there_are_leases():
    assert not grants(follower(Group, 900, Recovered(term=3)), 4, 5_999)
    assert grants(follower(Group, 900, Recovered(term=3)), 4, 6_000)
    assert grants(follower(Group, 0, Recovered(term=3)), 4, 5_000)


def test_a_voter_that_was_in_no_term_has_promised_nothing():
    assert grants(follower(Group, 900, Recovered()), 1, 5_000)


@pytest.mark.parametrize(("group_class", "keeps"), [(Group, True), (ForgetsPromiseWithLeader, False)])
def test_a_voter_that_was_taken_to_a_later_term_keeps_its_promise(group_class, keeps):
    group = follower(group_class, 900, Recovered(term=3))
    effects = group.step(Vote(1, "n3", 7, granted=False, pre=True, number=0), 5_500)
    assert any(HardState(7, "") in getattr(each, "records", ()) for each in effects)
    assert grants(group, 8, 5_600) is not keeps


# --- random runs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first_seed", range(0, 40, 10))
def test_no_read_is_stale_within_the_drift(first_seed):
    runs = [run_with_leases(seed) for seed in range(first_seed, first_seed + 10)]
    assert sum(each.reads_answered for each in runs) > 100
    assert sum(each.elections for each in runs) > 20


@pytest.mark.parametrize("defect", [zoo.TrustsAllClocks, zoo.KeepsItsLease, zoo.ReadsBeforeItsFirstEntry])
def test_random_runs_with_leases_catch(defect):
    for seed in range(40):
        try:
            run_with_leases(seed, defect)
        except Violation as violation:
            assert violation.invariant == "ReadIsFresh"
            return
    pytest.fail(f"{defect.__name__} went unnoticed")
