"""Random runs that go where leases are in danger: slow leaders cut off from followers in a hurry, who elect at once.

All clocks keep within the drift that leases allow for; whatever else hosts decide is as bad as it may be.
"""

from __future__ import annotations

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.raft.effects import DeadlinePassed, TransferLeadership
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import RaftMessage, Vote
from PhantomLibrary.protocols.raft.replica import ELECTION
from tests.unit.protocols.raft_chaos import DRIFT_PPM_MAX, ELECTION_TIMEOUT_NS, MILLISECOND_NS, Chaos

_SLOW, _FAST = 100 - DRIFT_PPM_MAX // 10_000, 100 + DRIFT_PPM_MAX // 10_000


class LeaseChaos(Chaos):
    """Leaders run slow, the others fast; elections are quick; everybody reads all the time."""

    def _choose_lease(self) -> bool:
        return True

    def _choose_habits(self) -> None:
        super()._choose_habits()
        random = self.random
        self.loss = self.young_deaths = 0
        self.step_ns = random.choice((1, 4, 12)) * MILLISECOND_NS
        self.cuts_spare_in_flight = True
        self.faithful: list[NodeId] = []
        self.late: list[tuple[NodeId, NodeId, RaftMessage]] = []
        self.late_ns = 0
        self.actions = []
        for action, weight in (
            (self._deliver, random.choice((20, 200, 400))),
            (self._pass_time, 60),
            (self._release, 300),
            (self._propose, 20),
            (self._read, 20),
            (self._reboot, random.choice((0, 0, 2))),
        ):
            self.actions += [action] * weight

    def _draw(self, spread_ns: int) -> int:
        return self.random.randrange(spread_ns // 4) if spread_ns else 0

    def _begin_episode(self) -> None:
        random = self.random
        self.cuts.clear()
        for host in self.hosts.values():
            if not host.is_up:
                host.start()
        leaders = [host for host in self.hosts.values() if host.group.is_leader]
        if not leaders or not random.randrange(3):
            self._lasts(ELECTION_TIMEOUT_NS)
            return
        leader = random.choice(leaders)
        others = [name for name in self.hosts if name != leader.name]
        for name in self.hosts:
            self.clock_rates[name] = _SLOW if name == leader.name else _FAST
        faithful, self.faithful = self.faithful, []
        if faithful and leader.name not in faithful:  # Second act: the others have heard nothing for long.
            self._forget_leader(faithful, [name for name in others if name not in faithful])
        elif random.randrange(3):  # First act: only a bare quorum hears the leader.
            self.faithful = random.sample(others, self.quorum - 1)
            self._part([leader.name], [name for name in others if name not in self.faithful])
            self._lasts(ELECTION_TIMEOUT_NS + ELECTION_TIMEOUT_NS // 4)
            return
        elif random.randrange(2):
            leader.step(TransferLeadership(random.choice(others)))
        self._hold_back(leader.name)
        self._part([leader.name], others)
        self._lasts(3 * ELECTION_TIMEOUT_NS)

    def _hold_back(self, leader: NodeId) -> None:
        """What is under way to the leader arrives late, though still before it steps down."""
        self.late += [each for each in self.in_flight if each[1] == leader]
        self.in_flight = [each for each in self.in_flight if each[1] != leader]
        self.late_ns = self.passed_ns + ELECTION_TIMEOUT_NS // 2

    def _pass_time(self) -> None:
        super()._pass_time()
        if self.passed_ns >= self.late_ns:
            late, self.late = self.late, []
            for each in late:
                self._hand_over(*each)

    def _lasts(self, duration_ns: int) -> None:
        self.episode_end_ns = self.passed_ns + duration_ns

    def _forget_leader(self, faithful: list[NodeId], others: list[NodeId]) -> None:
        """Some restart, or learn of a later term from an answer to a question of long ago; the others stand at once."""
        restarts = self.random.randrange(2)
        for host in (self.hosts[name] for name in faithful if restarts):
            host.crash(kept_records=len(host.records_under_way()))
            host.start()
        for name in [*faithful, *others]:
            group = self.hosts[name].group
            if not restarts:
                self.hosts[name].step(Vote(1, name, group.term + 1, granted=False, pre=True, number=0))
            if name in others:
                self.hosts[name].step(DeadlinePassed(ELECTION))


def run_with_leases(seed: int, group_class: type[Group] = Group, steps: int = 5_000) -> Chaos:
    chaos = LeaseChaos(seed, group_class)
    chaos.run(steps)
    return chaos
