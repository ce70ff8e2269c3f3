"""Random runs in which the members change, too: learners come, get votes, and go, leaders and lost nodes included.

What a majority is, is written here from the Raft paper, section 6, and not taken from the code: a leader commits by the
last configuration in its log, and in a joint one by a majority of each.
"""

from __future__ import annotations

from random import Random

from PhantomLibrary.domain import Configuration, NodeId
from PhantomLibrary.protocols.raft.configuration import Change
from PhantomLibrary.protocols.raft.effects import ChangeConfiguration
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import Record
from PhantomLibrary.protocols.raft.replica import GroupConfig
from tests.unit.protocols.raft_chaos import ELECTION_TIMEOUT_NS, HEARTBEAT_NS, Chaos
from tests.unit.protocols.raft_harness import Clock, Host, told


class MemberChaos(Chaos):
    """Five nodes, of which one to five are members in the beginning."""

    def __init__(self, seed: int, group_class: type[Group]) -> None:
        super().__init__(seed, group_class)
        self.random = random = Random(f"members {seed}")
        names = tuple(f"n{position}" for position in range(1, 6))
        voters = names[: random.choice((1, 2, 3, 3, 4, 5))]
        kept = random.choice((0, 2, 256))
        self.in_flight.clear()
        self.hosts.clear()
        self.beginning = Configuration(voters)
        for name in names:
            config = GroupConfig(1, name, voters, ELECTION_TIMEOUT_NS, HEARTBEAT_NS, kept_entries_max=kept)
            host = self.hosts[name] = Host(config, Clock(), self, self._draw, group_class)
            host.holds_persists = True
        for host in self.hosts.values():
            host.start()
        self._choose_habits()
        self.actions += [self._change] * random.choice((4, 12))
        self.changes = 0

    def _change(self) -> None:
        """Ask every leader for some change; most are refused."""
        random = self.random
        for host in self.hosts.values():
            if host.is_up and host.group.is_leader:
                configuration = host.group.configuration
                strangers = [name for name in self.hosts if name not in configuration.members]
                change = Change(
                    tuple(random.sample(strangers, min(len(strangers), random.randrange(3)))),
                    tuple(name for name in configuration.learners if random.randrange(3)),
                    tuple(name for name in configuration.voters if not random.randrange(4)),
                )
                since = host.group.configurations.index
                host.step(ChangeConfiguration("change", since, change))
                self.changes += host.group.configurations.index != since

    def _rots(self, host: Host) -> bool:
        """No log is damaged here: how many may be depends on who the members are by then."""
        return False

    # --- what holds -------------------------------------------------------------------------------------------------

    def emitted(self, host: Host, record: Record) -> None:
        self.quorum = 1  # Whoever stands has asked those of its own configuration; scenarios look after that.
        super().emitted(host, record)

    def _is_quorum(self, leader: Host, holders: list[Host]) -> bool:
        configuration = self._latest(leader)
        names = [host.name for host in holders if configuration.number_of(host.name) == host.number]
        halves = [half for half in (configuration.voters, configuration.outgoing) if half]
        return all(sum(name in names for name in half) > len(half) / 2 for half in halves)

    def _latest(self, host: Host) -> Configuration:
        written = host.written
        found = [entry.command for _, entry in sorted(written.entries.items()) if type(entry.command) is Configuration]
        if found:
            return found[-1]
        if written.snapshot is not None and written.snapshot.configuration is not None:
            return written.snapshot.configuration
        return self.beginning

    def _applied(self, host: Host, entry: object) -> None:
        super()._applied(host, self._plain(entry))  # type: ignore[arg-type]

    @staticmethod
    def _plain(entry: object) -> object:
        command = entry.command  # type: ignore[attr-defined]
        if type(command) is not Configuration:
            return entry
        return type(entry)(entry.index, entry.term, told(command))  # type: ignore[attr-defined, call-arg]

    def _is_whole(self) -> bool:
        """Whether all members of the last configuration hold everything, and it is no longer joint."""
        leaders = [host for host in self.hosts.values() if host.is_up and host.group.is_leader]
        if not leaders:
            return False
        configuration = max(leaders, key=lambda host: host.group.view.term).group.configuration
        members: tuple[NodeId, ...] = configuration.members
        return not configuration.is_joint and all(
            self.hosts[name].is_up and self.hosts[name].machine.commands == self.commands for name in members
        )


def run_members(seed: int, group_class: type[Group] = Group, steps: int = 5_000) -> MemberChaos:
    chaos = MemberChaos(seed, group_class)
    chaos.run(steps)
    return chaos
