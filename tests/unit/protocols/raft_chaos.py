"""Random runs of the pure Raft, judged by invariants that are written here from the paper, not from the code.

One seed decides everything: who is cut off, crashes, hangs on its disk, which message comes next, twice or never.
Afterwards everything is healed, and the group has to serve again within a bounded time.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.raft.effects import (
    DeadlinePassed,
    Propose,
    Read,
    TransferLeadership,
)
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.leasing import lease_length_ns
from PhantomLibrary.protocols.raft.messages import (
    RaftMessage,
)
from PhantomLibrary.protocols.raft.replica import ELECTION, GroupConfig, View
from tests.unit.protocols.raft_harness import Clock, Host
from tests.unit.protocols.raft_invariants import Invariants, Violation

MILLISECOND_NS = 1_000_000
ELECTION_TIMEOUT_NS = 200 * MILLISECOND_NS
HEARTBEAT_NS = 50 * MILLISECOND_NS
DRIFT_PPM_MAX = 200_000
RECOVERY_TICKS = 40 * ELECTION_TIMEOUT_NS // (HEARTBEAT_NS // 2)
IN_FLIGHT_MAX = 400


class Chaos(Invariants):
    """The network, the clock, and whoever breaks them."""

    def __init__(self, seed: int, group_class: type[Group]) -> None:
        super().__init__({})
        self.random = random = Random(seed)
        self.rot = Random(-seed)
        self.rots = 1000 * (seed % 3 == 0)  # Of 2,000 crashes.
        self.damages = 0
        self.in_flight: list[tuple[NodeId, NodeId, RaftMessage]] = []
        self.cuts: set[tuple[NodeId, NodeId]] = set()
        self.tokens = 0
        self.passed_ns = 0
        self.episode_end_ns = ELECTION_TIMEOUT_NS
        self.is_healed = False
        count = random.choice((3, 3, 3, 5, 5, 4, 2))
        names = tuple(f"n{position}" for position in range(1, count + 1))
        self.quorum = count // 2 + 1
        appends, unacknowledged, kept = (
            random.choice((1, 2, 64)),
            random.choice((2, 8, 512)),
            random.choice((0, 2, 256)),
        )
        self.has_leases = self._choose_lease()
        lease_ns = lease_length_ns(ELECTION_TIMEOUT_NS, DRIFT_PPM_MAX) if self.has_leases else 0
        chunk_bytes = random.choice((0, 30, 200))
        batch_ns = Random(seed + 1_000_000).choice((0, 0, 5, 40)) * MILLISECOND_NS
        for name in names:
            config = GroupConfig(
                1, name, names, ELECTION_TIMEOUT_NS, HEARTBEAT_NS, appends, unacknowledged, kept, lease_ns,
                batch_interval_ns=batch_ns,
            )  # fmt: skip
            host = Host(config, Clock(), self, self._draw, group_class)
            host.holds_persists = True
            host.chunk_bytes = chunk_bytes
            self.hosts[name] = host
        for host in self.hosts.values():
            host.start()
        self._choose_habits()

    def _choose_habits(self) -> None:
        """Each run has habits of its own: a run in which everything always breaks goes nowhere."""
        random = self.random
        self.loss = random.choice((0, 0, 5, 25))  # Of 100.
        self.duplication = random.choice((0, 0, 5, 20))
        self.reordering = random.choice((0, 10, 100))
        self.step_ns = random.choice((4, 12, 30)) * MILLISECOND_NS
        # Without leases no promise but speed may depend on clocks, so they may run at any rate.
        rates = random.choice(((100,), (100,), (80, 120) if self.has_leases else (25, 100, 400)))
        self.clock_rates = {name: random.choice(rates) for name in self.hosts}
        self.young_deaths = random.choice((0, 0, 0, 60))  # Leaders of 100 who die soon after election, or a commit.
        self.doomed: dict[NodeId, int] = {}  # Name to steps left.
        self.cuts_spare_in_flight = random.randrange(2) == 1
        self.actions: list[Callable[[], None]] = []
        for action, weight in (
            (self._deliver, random.choice((150, 400))),
            (self._pass_time, 100),
            (self._release, random.choice((20, 150, 300))),
            (self._propose, random.choice((5, 30))),
            (self._read, random.choice((5, 15))),
            (self._take_snapshot, random.choice((0, 2, 10))),
            (self._reboot, random.choice((0, 0, 1, 5))),
            (self._hurry, random.choice((0, 0, 1, 5))),
            (self._transfer, random.choice((0, 0, 2, 10))),
        ):
            self.actions += [action] * weight

    def _choose_lease(self) -> bool:
        return self.random.randrange(2) == 1

    def _draw(self, spread_ns: int) -> int:
        return self.random.randrange(spread_ns) if spread_ns else 0

    # --- the run ----------------------------------------------------------------------------------------------------

    def run(self, steps: int) -> None:
        choice, actions = self.random.choice, self.actions
        for _ in range(steps):
            if self.passed_ns >= self.episode_end_ns:
                self._begin_episode()
            choice(actions)()
            if self.doomed:
                self._execute()
        self._recover()

    def _begin_episode(self) -> None:
        """Break one thing or mend some, then let it work on the group for about as long as an election takes."""
        random = self.random
        self.episode_end_ns = self.passed_ns + random.randrange(ELECTION_TIMEOUT_NS // 4, 5 * ELECTION_TIMEOUT_NS)
        if random.randrange(3):
            self.cuts.clear()
        for host in self.hosts.values():
            if not host.is_on and random.randrange(4):
                host.start()
        random.choice(
            (self._pass_time, self._cut, self._cut_off_leader, self._cut_off_leader, self._crash, self._crash_leader)
        )()

    def _execute(self) -> None:
        for name, steps in list(self.doomed.items()):
            self.doomed[name] = steps - 1
            if not steps:
                del self.doomed[name]
                self._crash_host(self.hosts[name])

    def _elected(self, host: Host, term: int) -> None:
        super()._elected(host, term)
        if not self.is_healed and self.random.randrange(100) < self.young_deaths:
            self.doomed[host.name] = self.random.randrange(60)

    def _commits(self, host: Host, before: View, view: View) -> None:
        super()._commits(host, before, view)
        if not self.is_healed and self.random.randrange(400) < self.young_deaths:
            self.doomed[host.name] = self.random.randrange(20)

    def _recover(self) -> None:
        """Heal everything; then a new command must reach every replica within a bounded time."""
        self.is_healed = True
        self.cuts.clear()
        for host in self.hosts.values():
            if not host.is_on:
                host.start()
            host.holds_persists = False
            while host.release():
                pass
        self.clock_rates = dict.fromkeys(self.hosts, 100)
        command = ""
        for _ in range(RECOVERY_TICKS):
            for _ in range(IN_FLIGHT_MAX):
                if self.in_flight:
                    self._hand_over(*self.in_flight.pop(0))
            if command not in self.commands:
                command = self._propose_anywhere() or command
            elif self._is_whole():
                break
            self._move_clocks(HEARTBEAT_NS // 2)
        else:
            states = {name: host.group.view for name, host in self.hosts.items() if host.is_up}
            raise Violation("Recovers", f"no new command everywhere: {states}")
        missing = self.confirmed - set(self.commands)
        self.check("ConfirmedIsKept", not missing, str(missing))

    def _is_whole(self) -> bool:
        return all(host.machine.commands == self.commands for host in self.hosts.values())

    def _propose_anywhere(self) -> str:
        leaders = [host for host in self.hosts.values() if host.is_up and host.group.is_leader]
        if not leaders:
            return ""
        return self._propose_at(max(leaders, key=lambda host: host.group.view.term))

    # --- messages ---------------------------------------------------------------------------------------------------

    def sent(self, host: Host, to: NodeId, message: RaftMessage) -> None:
        super().sent(host, to, message)
        is_lost = self.cuts_spare_in_flight and (host.name, to) in self.cuts
        if len(self.in_flight) < IN_FLIGHT_MAX and not is_lost:
            self.in_flight.append((host.name, to, message))

    def _deliver(self) -> None:
        in_flight, random = self.in_flight, self.random
        if not in_flight:
            self._pass_time()
            return
        position = random.randrange(len(in_flight)) if random.randrange(100) < self.reordering else 0
        source, to, message = in_flight[position]
        if random.randrange(100) >= self.duplication:
            del in_flight[position]
        if random.randrange(100) >= self.loss:
            self._hand_over(source, to, message)

    def _hand_over(self, source: NodeId, to: NodeId, message: RaftMessage) -> None:
        host = self.hosts[to]
        if host.is_on and (self.cuts_spare_in_flight or (source, to) not in self.cuts):
            self.delivered(to, message)
            host.receive(message)

    # --- time, disks, clients ---------------------------------------------------------------------------------------

    def _pass_time(self) -> None:
        self._move_clocks(self.random.randrange(1, self.step_ns))

    def _move_clocks(self, by_ns: int) -> None:
        self.passed_ns += by_ns
        for host in self.hosts.values():
            host.clock.now_ns += by_ns * self.clock_rates[host.name] // 100
            for name, at_ns in list(host.deadlines.items()):
                if at_ns <= host.clock.now_ns and host.is_up and host.deadlines.get(name) == at_ns:
                    del host.deadlines[name]
                    host.step(DeadlinePassed(name))

    def _any_host(self) -> Host:
        return self.random.choice(list(self.hosts.values()))

    def _any_client_host(self) -> Host:
        """Clients mostly find someone who leads, or believes so."""
        leaders = [host for host in self.hosts.values() if host.is_up and host.group.is_leader]
        return self.random.choice(leaders) if leaders and self.random.randrange(8) else self._any_host()

    def _release(self) -> None:
        waiting = [host for host in self.hosts.values() if host.queue]
        if waiting:
            self.random.choice(waiting).release()
        else:
            self._deliver()

    def _take_snapshot(self) -> None:
        host = self._any_host()
        if host.is_up:
            host.take_snapshot()

    def _propose(self) -> None:
        host = self._any_client_host()
        if host.is_up:
            self._propose_at(host)

    def _propose_at(self, host: Host) -> str:
        self.tokens += 1
        command = f"c{self.tokens}"
        self.proposers[command] = (host.name, host.incarnation)
        host.step(Propose(command, command))
        return command

    def _transfer(self) -> None:
        target = self._any_host().name
        for host in self.hosts.values():
            if host.is_up and host.group.is_leader:
                host.step(TransferLeadership(target))

    def _read(self) -> None:
        """Ask everyone: he who leads no more, and does not know it, is the one to watch."""
        for host in self.hosts.values():
            if host.is_up:
                self.tokens += 1
                self.read_floors[f"r{self.tokens}"] = self.confirmed_index
                host.step(Read(f"r{self.tokens}"))

    # --- faults -----------------------------------------------------------------------------------------------------

    def _crash(self) -> None:
        self._crash_host(self._any_host())

    def _crash_leader(self) -> None:
        for host in self.hosts.values():
            if host.is_up and host.group.is_leader:
                self._crash_host(host)

    def _crash_host(self, host: Host) -> None:
        if host.is_on:
            under_way = len(host.records_under_way())
            host.crash(kept_records=self.random.randrange(under_way + 1) if self.random.randrange(2) else 0)
            damaged = sum(each.durable.damaged for each in self.hosts.values() if each is not host)
            if not self.is_healed and damaged + 1 <= len(self.hosts) - self.quorum and self._rots(host):
                self.damages += 1
                host.damage(self.rot.randrange(1, host.durable.last_index + 1))

    def _rots(self, host: Host) -> bool:
        return host.durable.last_index > 0 and self.rot.randrange(2000) < self.rots

    def _reboot(self) -> None:
        host = self._any_host()
        if host.is_up:
            self._crash_host(host)
            host.start()

    def _hurry(self) -> None:
        """Two timers run fast: no promise but speed may depend on timers."""
        for _ in range(2):
            host = self._any_host()
            if host.is_up:
                host.step(DeadlinePassed(ELECTION))

    def _cut_off_leader(self) -> None:
        for host in self.hosts.values():
            if host.is_up and host.group.is_leader:
                others = [name for name in self.hosts if name != host.name]
                company = self.random.sample(others, self.random.randrange(len(others)))
                self._part([host.name, *company], [name for name in others if name not in company])

    def _cut(self) -> None:
        names = list(self.hosts)
        shape = self.random.randrange(4)
        if shape == 0:  # One direction.
            self.cuts.add(tuple(self.random.sample(names, 2)))  # type: ignore[arg-type]
            return
        if shape == 1:  # A link.
            left, right = ([name] for name in self.random.sample(names, 2))
        else:  # Two sides, or one alone.
            self.random.shuffle(names)
            size = 1 if shape == 2 else self.random.randrange(1, len(names))
            left, right = names[:size], names[size:]
        self._part(left, right)

    def _part(self, left: list[NodeId], right: list[NodeId]) -> None:
        self.cuts |= {(a, b) for a in left for b in right} | {(b, a) for a in left for b in right}


def run(seed: int, group_class: type[Group] = Group, steps: int = 5_000) -> Chaos:
    chaos = Chaos(seed, group_class)
    chaos.run(steps)
    return chaos
