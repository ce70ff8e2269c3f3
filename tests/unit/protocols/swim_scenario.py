"""Golden scenarios of the failure detector: lines of `> command`, each followed by what the nodes came to hold.

Latency is 1 ms, the period 1 s, and after 400 ms others are asked. Nodes probe each other in the order of their names,
n1 at the beginning of the period, the others one after another. A node that starts for the n-th time lives in
incarnation n000, and each refutation adds one.

    start 3 [rest=1s]
    run 1s                          let time pass; with `messages`, what is sent is written down as well
    crash n1 | restart n1 | pause n1 | resume n1
    cut n1 n2 | cut n1>n2 | isolate n1 | heal | slow n1 300ms
    join n3 | decommission n3 | remove n3 | admit n3
    say n1>n2 n3 active 1000        a rumour arrives, late, in a message of its own
    messages on | messages off
    views | multipliers
"""

from __future__ import annotations

import re

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.swim.detector import Detector
from PhantomLibrary.protocols.swim.effects import Show
from PhantomLibrary.protocols.swim.messages import Ping, PingRequest, Rumour, SwimMessage
from tests.unit.protocols.swim_harness import MILLISECOND_NS, Cluster

DURATION = re.compile(r"(\d+)(ms|s)")


class Scenario:
    """Carries out commands and writes down what nodes hold of each other."""

    cluster: Cluster

    def __init__(self, detector: type[Detector] = Detector) -> None:
        self.detector = detector
        self.lines: list[str] = []
        self.is_told = False

    def perform(self, command: str) -> list[str]:
        self.lines = []
        words = command.split()
        getattr(self, f"_{words[0]}")(*words[1:])
        return self.lines

    def _start(self, size: str, rest: str = "rest=0s") -> None:
        rest_ns = _nanoseconds(rest.removeprefix("rest="))
        self.cluster = Cluster(int(size), detector=self.detector, rest_ns=rest_ns)
        self.cluster.told = self._show
        self.cluster.log = self._message

    def _run(self, duration: str) -> None:
        self.cluster.run(_nanoseconds(duration))

    def _crash(self, name: str) -> None:
        self.cluster.crash(name)

    def _restart(self, name: str) -> None:
        self.cluster.nodes[name].start()

    def _pause(self, name: str) -> None:
        self.cluster.nodes[name].is_paused = True

    def _resume(self, name: str) -> None:
        self.cluster.nodes[name].resume()

    def _cut(self, *words: str) -> None:
        if len(words) == 1:
            source, to = words[0].split(">")
            self.cluster.cuts.add((source, to))
        else:
            self.cluster.cut(*words)

    def _isolate(self, name: str) -> None:
        self.cluster.isolate(name)

    def _heal(self) -> None:
        self.cluster.cuts.clear()
        self.cluster.latency_ns.clear()

    def _slow(self, name: str, latency: str) -> None:
        self.cluster.latency_ns[name] = _nanoseconds(latency)

    def _join(self, name: str) -> None:
        self.cluster.change_members(**{name: "joining"})

    def _decommission(self, name: str) -> None:
        self.cluster.change_members(**{name: "decommissioning"})

    def _remove(self, name: str) -> None:
        self.cluster.change_members(**{name: "removed"})

    def _admit(self, name: str) -> None:
        self.cluster.change_members(**{name: "active"})

    def _say(self, link: str, member: str, opinion: str, incarnation: str) -> None:
        source, to = link.split(">")
        sender = self.cluster.nodes[source].detector.members.incarnation
        rumour = Rumour(member, opinion, int(incarnation), source)  # type: ignore[arg-type]
        self.cluster.nodes[to].step(Ping(source, sender, 0, (rumour,)))

    def _messages(self, switch: str) -> None:
        self.is_told = switch == "on"

    def _views(self) -> None:
        for node in self.cluster.nodes.values():
            held = ", ".join(f"{member} {state}" for member, state in node.seen.items())
            self.lines.append(f"{node.name}: {held}" if node.is_up else f"{node.name} does not run")

    def _multipliers(self) -> None:
        each = (f"{node.name} {node.detector.multiplier}" for node in self.cluster.nodes.values())
        self.lines.append(", ".join(each))

    # --- output -----------------------------------------------------------------------------------------------------

    def _show(self, node: NodeId, shown: Show) -> None:
        by = f", accused by {shown.accuser}" if shown.accuser else ""
        self.lines.append(f"{self._time()} {node}: {shown.member} is {shown.state} in {shown.incarnation}{by}")

    def _message(self, source: NodeId, to: NodeId, message: SwimMessage) -> None:
        if self.is_told:
            about = f" for {message.target}" if isinstance(message, PingRequest) else ""
            rumours = "".join(f" [{_rumour(each)}]" for each in message.rumours)
            kind = str(message.__struct_config__.tag)
            self.lines.append(f"{self._time()} {source}>{to} {kind} {message.sequence}{about}{rumours}")

    def _time(self) -> str:
        return f"{self.cluster.now_ns // MILLISECOND_NS:>6}ms"


def _rumour(rumour: Rumour) -> str:
    by = f" by {rumour.accuser}" if rumour.accuser else ""
    return f"{rumour.member} {rumour.opinion} in {rumour.incarnation}{by}"


def _nanoseconds(text: str) -> int:
    match = DURATION.fullmatch(text)
    assert match is not None, text
    return int(match[1]) * MILLISECOND_NS * (1000 if match[2] == "s" else 1)


def play(text: str, detector: type[Detector] = Detector) -> str:
    """Return the scenario with the output that the detectors really give."""
    scenario = Scenario(detector)
    lines = []
    for line in text.splitlines():
        if line.startswith(("#", ">")) or not line:
            lines.append(line)
        if line.startswith(">"):
            lines += [f"  {each}" for each in scenario.perform(line[1:])]
    return "\n".join(lines) + "\n"
