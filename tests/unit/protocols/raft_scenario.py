"""Golden scenarios of the pure Raft: lines of `> command`, each followed by what the group did.

Time stands still but for `advance` and `run`, and no message arrives unless told to. Timers draw no randomness: the
spread of a node is its place in the group, so n1 stands first.

    start 3 [append=1] [kept=0] [lease=900ms] [chunk=9]    fresh nodes n1..n3; `start term=7 n1=1114` by the logs' terms
    start 3 batch=10ms                 leaders begin a batch in such a time at most
    start 5 voters=3                   n1 to n3 are the members; the others hold nothing until they are invited
    campaign n1                        its election timer fires, and it has heard of no leader lately
    silence n1 n2                      they have heard of no leader lately, and would grant a pre-vote
    deliver [n1>n2 ...] [once]         all messages, or those of links, until quiet; `once` only those under way now
    drop [n1>n2 ...] [first]           lose what is under way, or the first of it
    repeat n1>n2 request | repeat n1>n2 x   send again the first message there of this kind, or with this command
    cut n1 n2 | cut n1>n2 | isolate n1 | heal
    advance 100ms | run 1s             let time pass; `run` also delivers everything as it goes
    propose n1 x | read n1 r1 | transfer n1 n2
    change n1 (n4) +n4 -n2             n1 is to change the members: a learner comes, gets a vote, a member goes
    hold n1 | persist n1 [all]         keep records from becoming durable; release the oldest, or all and stop keeping
    crash n1 [kept=1] | restart n1 | wipe n1 | compact n1
    damage n1 5                        entry 5 and all after it are lost, and n1 will know when it starts
    speak n1 n2 | awaken n1            n1's node speaks for its quiet leader; n1 is to wake
    suspect n2                         nothing is heard at n2 of its leader's node
    log [n1] | status [n1] | sent      sent: counts of messages since it was last asked
    quietly COMMAND                    without output
"""

from __future__ import annotations

import re
from collections import Counter

from PhantomLibrary.domain import LogEntry, NodeId
from PhantomLibrary.protocols.raft.configuration import Change
from PhantomLibrary.protocols.raft.effects import (
    Apply,
    Awaken,
    ChangeConfiguration,
    DeadlinePassed,
    Effect,
    GoneQuiet,
    InstallSnapshot,
    LeaderSuspected,
    Persist,
    Propose,
    Quiesce,
    Read,
    ReadReady,
    Refuse,
    RefuseChange,
    TransferFailed,
    TransferLeadership,
)
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import (
    Entries,
    HardState,
    RaftMessage,
    Record,
)
from PhantomLibrary.protocols.raft.replica import ELECTION, GroupConfig, View
from tests.unit.protocols.raft_harness import Clock, Host, Watch, told
from tests.unit.protocols.raft_words import kind_of, told_command, told_commands, told_message, told_record

MILLISECOND_NS = 1_000_000
ELECTION_TIMEOUT_NS = 1_000 * MILLISECOND_NS
HEARTBEAT_NS = 100 * MILLISECOND_NS
DELIVERIES_MAX = 5_000
DURATION = re.compile(r"(\d+)(ms|s)")


class Scenario(Watch):
    """Carries out commands and writes down what the hosts do."""

    def __init__(self, group_class: type[Group] = Group) -> None:
        self.group_class = group_class
        self.clock = Clock()
        self.hosts: dict[NodeId, Host] = {}
        self.in_flight: list[tuple[NodeId, NodeId, RaftMessage]] = []
        self.cuts: set[tuple[NodeId, NodeId]] = set()
        self.counts: Counter[str] = Counter()
        self.past: list[tuple[NodeId, NodeId, RaftMessage]] = []
        self.lines: list[str] = []

    def perform(self, command: str) -> list[str]:
        """Carry out one command and return its output."""
        self.lines = []
        words = command.split()
        is_quiet = words[0] == "quietly"
        words = words[is_quiet:]
        getattr(self, f"_{words[0]}")(*words[1:])
        return [] if is_quiet else self.lines

    # --- commands: the group ----------------------------------------------------------------------------------------

    def _start(self, *words: str) -> None:
        options = dict(word.split("=") for word in words if "=" in word)
        names = [name for name in options if re.fullmatch(r"n\d", name)]
        names = names or [f"n{position}" for position in range(1, int(words[0]) + 1)]
        voters = tuple(names[: int(options.get("voters", len(names)))])
        append_max, kept_max = int(options.get("append", 64)), int(options.get("kept", 0))
        for position, name in enumerate(names):
            config = GroupConfig(
                1,
                name,
                voters,
                ELECTION_TIMEOUT_NS,
                HEARTBEAT_NS,
                append_max,
                kept_entries_max=kept_max,
                quiesces="quiet" in words,
                lease_ns=_duration_ns(options.get("lease", "0ms")),
                batch_interval_ns=_duration_ns(options.get("batch", "0ms")),
            )
            host = Host(config, self.clock, self, _Spread(position, len(names)), self.group_class)
            host.chunk_bytes = int(options.get("chunk", 0))
            self.hosts[name] = host
            terms = options.get(name, "")
            if terms:
                entries = (LogEntry(at, int(term), f"t{term}") for at, term in enumerate(terms, 1))
                host.durable.write(HardState(int(options["term"]), ""))
                host.durable.write(Entries(tuple(entries)))
        for host in self.hosts.values():
            host.start()

    def _silence(self, *names: str) -> None:
        for name in names:
            group = self.hosts[name].group
            group._heard_ns = group._granted_ns = self.clock.now_ns - ELECTION_TIMEOUT_NS

    def _campaign(self, name: str) -> None:
        self._silence(name)
        host = self.hosts[name]
        host.step(DeadlinePassed(ELECTION))

    def _propose(self, name: str, command: str) -> None:
        self.hosts[name].step(Propose(command, command))

    def _read(self, name: str, token: str) -> None:
        self.hosts[name].step(Read(token))

    def _transfer(self, name: str, target: str) -> None:
        self.hosts[name].step(TransferLeadership(target))

    def _speak(self, name: str, to: str) -> None:
        group = self.hosts[name].group
        self.hosts[to].step(Quiesce(name, group.term, group.log.last_index))
        self.lines.append(f"{to} is {'quiet' if self.hosts[to].group.is_quiet else 'awake'}")

    def _awaken(self, name: str) -> None:
        self.hosts[name].step(Awaken())

    def _suspect(self, name: str) -> None:
        self.hosts[name].step(LeaderSuspected())

    def _change(self, name: str, *words: str) -> None:
        change = Change(
            tuple(word.strip("()") for word in words if word.startswith("(")),
            tuple(word[1:] for word in words if word.startswith("+")),
            tuple(word[1:] for word in words if word.startswith("-")),
        )
        host = self.hosts[name]
        host.step(ChangeConfiguration("change", host.group.configurations.index, change))

    # --- commands: messages and time --------------------------------------------------------------------------------

    def _deliver(self, *words: str) -> None:
        links = [tuple(word.split(">")) for word in words if ">" in word]
        left = len(self.in_flight) if "once" in words else DELIVERIES_MAX
        position = 0
        while position < len(self.in_flight) and left:
            source, to, message = self.in_flight[position]
            left -= 1
            if links and (source, to) not in links:
                position += 1
                continue
            del self.in_flight[position]
            if self.hosts[to].is_on and (source, to) not in self.cuts:
                self.hosts[to].receive(message)
        assert left or "once" in words, "messages without end"

    def _drop(self, *words: str) -> None:
        links = [tuple(word.split(">")) for word in words if ">" in word]
        if "first" in words:
            del self.in_flight[next(at for at, each in enumerate(self.in_flight) if each[:2] in links)]
            return
        self.in_flight = [each for each in self.in_flight if links and each[:2] not in links]

    def _repeat(self, link: str, text: str) -> None:
        there = (each for each in self.past if f"{each[0]}>{each[1]}" == link)
        self.in_flight.append(
            next(each for each in there if text == kind_of(each[2]) or f":{text}" in told_message(each[2]))
        )

    def _cut(self, *words: str) -> None:
        if len(words) == 1:
            source, to = words[0].split(">")
            self.cuts.add((source, to))
        else:
            self.cuts |= {(words[0], words[1]), (words[1], words[0])}

    def _isolate(self, name: str) -> None:
        for other in self.hosts:
            self._cut(name, other)

    def _heal(self) -> None:
        self.cuts.clear()

    def _advance(self, duration: str, *, delivers: bool = False) -> None:
        until_ns = self.clock.now_ns + _duration_ns(duration)
        while True:
            if delivers:
                self._deliver()
            due = [(at_ns, each.name, name) for each in self.hosts.values() for name, at_ns in each.deadlines.items()]
            if not due or min(due)[0] > until_ns:
                break
            self.clock.now_ns, node, name = min(due)
            del self.hosts[node].deadlines[name]
            self.hosts[node].step(DeadlinePassed(name))
        self.clock.now_ns = until_ns

    def _run(self, duration: str) -> None:
        self._advance(duration, delivers=True)

    # --- commands: faults -------------------------------------------------------------------------------------------

    def _hold(self, name: str) -> None:
        self.hosts[name].holds_persists = True

    def _persist(self, name: str, which: str = "oldest") -> None:
        host = self.hosts[name]
        host.release()
        if which == "all":
            host.holds_persists = False
            while host.release():
                pass

    def _crash(self, name: str, kept: str = "kept=0") -> None:
        self.hosts[name].crash(kept_records=int(kept.removeprefix("kept=")))

    def _restart(self, name: str) -> None:
        self.hosts[name].start()
        self._status(name)

    def _wipe(self, name: str) -> None:
        self.hosts[name].wipe()

    def _damage(self, name: str, index: str) -> None:
        self.hosts[name].damage(int(index))

    def _compact(self, name: str) -> None:
        self.hosts[name].take_snapshot()
        self._log(name)

    # --- commands: what is to be seen -------------------------------------------------------------------------------

    def _log(self, *names: str) -> None:
        for host in self._up(names):
            log = host.group.log
            terms = "".join(str(entry.term) for entry in log.all_entries())
            begin = f"({log.snapshot_index} of term {log.snapshot_term}) " if log.snapshot_index else ""
            self.lines.append(f"{host.name} log {begin}{terms or '-'}, applied {told_commands(host.machine.commands)}")

    def _status(self, *names: str) -> None:
        for host in self._up(names):
            view = host.group.view
            leader = f", leader {view.leader}" if view.leader else ""
            self.lines.append(
                f"{host.name} {view.role} of term {view.term}{leader}, last {view.last_index}, "
                f"committed {view.commit_index}"
            )

    def _sent(self) -> None:
        self.lines += [f"{count} {kind}" for kind, count in sorted(self.counts.items())]
        self.counts.clear()

    def _up(self, names: tuple[str, ...]) -> list[Host]:
        up = [host for host in self.hosts.values() if host.is_up]
        return [host for host in up if (not names or host.name in names)]

    # --- what the hosts do ------------------------------------------------------------------------------------------

    def sent(self, host: Host, to: NodeId, message: RaftMessage) -> None:
        self.counts[kind_of(message)] += 1
        self.in_flight.append((host.name, to, message))
        self.past.append((host.name, to, message))
        self.lines.append(f"{host.name}>{to} {told_message(message)}")

    def emitted(self, host: Host, record: Record) -> None:
        self.lines.append(f"{host.name} writes {told_record(record)}")

    def stepped(self, host: Host, before: View) -> None:
        view = host.group.view
        if before.configuration != view.configuration:
            self.lines.append(f"{host.name} goes by {told(view.configuration)}")
        if (before.role, before.term) != (view.role, view.term):
            self.lines.append(f"{host.name} is {view.role} of term {view.term}")

    def performed(self, host: Host, effect: Effect) -> None:
        if isinstance(effect, Persist):
            if host.holds_persists:
                self.lines.append(f"{host.name} has written {', '.join(map(told_record, effect.records))}")
        elif isinstance(effect, Apply):
            commands = (f"{entry.index} {told_command(entry.command)}" for entry in effect.entries)
            self.lines.append(f"{host.name} applies {', '.join(commands)}")
        elif isinstance(effect, InstallSnapshot):
            self.lines.append(f"{host.name} installs {told_commands(host.machine.commands)}")
        elif isinstance(effect, RefuseChange):
            self.lines.append(f"{host.name} refuses: {effect.reason}")
        elif isinstance(effect, ReadReady):
            self.lines.append(f"{host.name} may read {', '.join(effect.tokens)}")
        elif isinstance(effect, Refuse):
            hint = f", ask {effect.leader}" if effect.leader else ""
            self.lines.append(f"{host.name} refuses {', '.join(effect.tokens)}{hint}")
        elif isinstance(effect, GoneQuiet):
            self.lines.append(f"{host.name} falls quiet")
        elif isinstance(effect, TransferFailed):
            self.lines.append(f"{host.name} hands nothing over: {effect.reason}")


class _Spread:
    def __init__(self, position: int, count: int) -> None:
        self._position, self._count = position, count

    def __call__(self, spread_ns: int) -> int:
        return spread_ns * self._position // self._count


# --- words ----------------------------------------------------------------------------------------------------------


def _duration_ns(text: str) -> int:
    match = DURATION.fullmatch(text)
    assert match is not None, text
    return int(match[1]) * MILLISECOND_NS * (1000 if match[2] == "s" else 1)


# --- the text -------------------------------------------------------------------------------------------------------


def play(text: str, group_class: type[Group] = Group) -> str:
    """Return the text with the output of each command as it is now. Comments and empty lines stay."""
    scenario = Scenario(group_class)
    lines = []
    for line in text.splitlines():
        if line.startswith("> "):
            lines += [line, *(f"  {each}" for each in scenario.perform(line[2:]))]
        elif not line.startswith("  "):
            lines.append(line)
    return "\n".join(lines) + "\n"
