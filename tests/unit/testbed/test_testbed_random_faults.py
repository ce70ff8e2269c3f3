"""Random faults over the suites' clusters: a few seeds of each profile, judged and replayed."""

from __future__ import annotations

import pytest

from benchmarks.random_faults import run_seed
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.schedule import read_schedule, write_schedule


@pytest.mark.parametrize("profile", ["node-failure", "partition", "saga", "scaling", "regions"])
@pytest.mark.parametrize("seed", [70_001, 70_002, 70_003])
def test_random_faults_raise_no_alarm_and_replay_from_their_schedule(profile, seed):
    result = run_seed(profile, seed)

    assert result.alarm == ""
    assert result.bites and result.elections
    schedule = read_schedule(result.schedule, "here")
    again = replay(schedule).finish()
    assert again.digest == schedule.digest
    assert write_schedule(again) == result.schedule


@pytest.mark.parametrize(
    ("profile", "seed"),
    [
        ("node-failure", 3_000_696),  # Read errors on two of three nodes: more than could be survived.
        ("node-failure", 3_001_131),  # Damage beside a damaged replica on a node that was down.
        ("node-failure", 6_000_682),  # A node that lost a replica which others had replaced, and came back with it.
        ("rebalancing", 9_901_088),  # A report that came twice took back what a later one had said.
        ("rebalancing", 9_900_110),  # A plan was made while a node that was removed still held a replica.
        ("rebalancing", 9_900_232),  # A shard took over the other half of a transaction that it had decided.
        ("scaling", 9_910_520),  # A leader of an earlier term had a voter's replica replaced.
        ("scaling", 9_910_666),  # Who had slept learnt late that it had led still when it was asked to read.
        ("regions", 41_098),  # A sibling was shown beside those whose place was taken by what its writer had read.
        ("transaction", 30_023),  # A vote was written over the one before, and had the end of that behind it for ever.
        ("transaction", 61_415),  # The log's last record lay in a vote's file, and its place was taken for a torn tail.
        ("transaction", 60_292),  # A vote went astray to where it belonged, and counted as damage for ever.
        ("saga", 90_498),  # Clients waited for sagas whose begin had been lost, and did nothing else for 20 s.
        ("rebalancing", 30_146),  # The directory on a node that has no replica, and so no reason for a sync, rotted.
    ],
)
def test_seeds_that_raised_an_alarm_once(profile, seed):
    assert run_seed(profile, seed).alarm == ""
