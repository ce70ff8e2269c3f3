"""What the well-known suites do over an unreliable network: random runs, each with the troubles of one story alone.

`test_raft_chaos` mixes all troubles. Here each run must show that the trouble in question was really there.
"""

import pytest

from PhantomLibrary.protocols.raft.group import Group
from tests.unit.protocols.raft_chaos import Chaos

STEPS = 4_000
SEEDS = range(4)


class Unreliable(Chaos):
    """Messages are lost, doubled and overtaken; the troubles of episodes are left out."""

    young = 0  # Leaders of 100 that die soon after their election.
    reboots = 0  # Of 1,000 actions, each of the next two.
    snapshots = 0

    def __init__(self, seed: int) -> None:
        super().__init__(seed, Group)

    def _choose_habits(self) -> None:
        super()._choose_habits()
        self.loss, self.duplication, self.reordering, self.young_deaths = 10, 10, 100, self.young
        usual = [(self._deliver, 600), (self._pass_time, 100), (self._release, 250), (self._propose, 30)]
        own = [(self._reboot, self.reboots), (self._take_snapshot, self.snapshots)]
        self.actions = [action for action, weight in usual + own for _ in range(weight)]
        self.crashes = 0

    def _begin_episode(self) -> None:
        self.episode_end_ns = self.passed_ns + 10**9
        for host in self.hosts.values():
            if not host.is_up:
                host.start()

    def _crash_host(self, host) -> None:
        self.crashes += host.is_up
        super()._crash_host(host)


class Figure8(Unreliable):
    young = 80


class Churn(Unreliable):
    reboots = 10


class Snapshots(Unreliable):
    """Now and then one node hears nothing for so long that the others forget what it lacks."""

    snapshots = 20

    def _begin_episode(self) -> None:
        super()._begin_episode()
        self.episode_end_ns = self.passed_ns + 4 * 10**8
        if self.cuts:
            self.cuts.clear()
        else:
            name, *others = self.random.sample(list(self.hosts), len(self.hosts))
            self._part([name], others)


class SnapshotsAndCrashes(Snapshots):
    reboots = 10


def run(kind: type[Unreliable], seed: int) -> Unreliable:
    chaos = kind(seed)
    chaos.run(STEPS)
    return chaos


@pytest.mark.parametrize("seed", SEEDS)
def test_group_agrees_over_an_unreliable_network(seed):
    assert len(run(Unreliable, seed).confirmed) > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_leaders_that_die_young_over_an_unreliable_network_lose_nothing(seed):
    chaos = run(Figure8, seed)
    assert chaos.crashes > 2 and chaos.elections > 3


@pytest.mark.parametrize("seed", SEEDS)
def test_nodes_that_come_and_go_over_an_unreliable_network_lose_nothing(seed):
    chaos = run(Churn, seed)
    assert chaos.crashes > 10 and chaos.confirmed


@pytest.mark.parametrize("kind", [Snapshots, SnapshotsAndCrashes])
def test_snapshots_arrive_over_an_unreliable_network(kind):
    runs = [run(kind, seed) for seed in range(8)]
    assert sum(each.snapshots_installed for each in runs) > 5
