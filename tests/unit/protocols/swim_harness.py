"""Some nodes with a failure detector each, in virtual time: links with a latency, cuts and loss, crashes and pauses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.swim.detector import PROBE, Detector
from PhantomLibrary.protocols.swim.effects import (
    DeadlinePassed,
    DrawOrder,
    Effect,
    Event,
    MembersChanged,
    OrderDrawn,
    Send,
    SetDeadline,
    Show,
)
from PhantomLibrary.protocols.swim.members import DetectorConfig
from PhantomLibrary.protocols.swim.messages import SwimMessage

MILLISECOND_NS = 1_000_000
PERIOD_NS = 1_000 * MILLISECOND_NS
TIMEOUT_NS = 400 * MILLISECOND_NS
PER_START = 1_000  # How many incarnations one start of a node has for itself.

Told = Callable[[NodeId, Show], None]


class Node:
    """A host of one detector. `tick_ns` is where in the period it probes."""

    def __init__(self, cluster: Cluster, name: NodeId, tick_ns: int) -> None:
        self.cluster = cluster
        self.name = name
        self.tick_ns = tick_ns
        self.starts = 0
        self.is_up = self.is_paused = False
        self.deadlines: dict[str, int] = {}
        self.waiting: list[Event] = []
        self.seen: dict[NodeId, str] = {}

    def start(self) -> None:
        self.starts += 1
        self.is_up, self.is_paused = True, False
        self.deadlines, self.waiting, self.seen = {}, [], {}
        config = DetectorConfig(
            self.name,
            self.starts * PER_START,
            self.cluster.members,
            PERIOD_NS,
            TIMEOUT_NS,
            PER_START,
            self.cluster.rest_ns,
        )
        self.detector = self.cluster.detector(config)
        self.perform(self.detector.start())

    def step(self, event: Event) -> None:
        if self.is_paused:
            self.waiting.append(event)
        elif self.is_up:
            self.perform(self.detector.step(event, self.cluster.now_ns))

    def resume(self) -> None:
        self.is_paused = False
        waiting, self.waiting = self.waiting, []
        for event in waiting:
            self.step(event)

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(to, message):
                    self.cluster.send(self.name, to, message)
                case SetDeadline(name, after_ns, spread_ns):
                    self.deadlines[name] = at_ns = self.cluster.now_ns + after_ns + (self.tick_ns if spread_ns else 0)
                    self.cluster.at(at_ns, self.fire, (name, at_ns, self.starts))
                case DrawOrder(members):
                    self.step(OrderDrawn(self.cluster.draw(members)))
                case Show(member, state, _, _):
                    self.seen[member] = state
                    self.cluster.told(self.name, effect)

    def fire(self, deadline: tuple[str, int, int]) -> None:
        name, at_ns, starts = deadline
        if starts == self.starts and self.deadlines.get(name) == at_ns:
            del self.deadlines[name]
            self.step(DeadlinePassed(name))


class Cluster:
    """Nodes n1 to nN and the links between them. Without a seed members are probed in the order of their names."""

    def __init__(
        self,
        size: int,
        *,
        detector: type[Detector] = Detector,
        seed: int | None = None,
        told: Told | None = None,
        rest_ns: int = 0,
    ) -> None:
        self.rest_ns = rest_ns
        self.detector = detector
        self.random = None if seed is None else Random(seed)
        self.told = told or (lambda _node, _shown: None)
        self.now_ns = 0
        self.cuts: set[tuple[NodeId, NodeId]] = set()
        self.latency_ns: dict[NodeId, int] = {}
        self.loss = 0.0
        self.sent: Counter[str] = Counter()
        self.log: Callable[[NodeId, NodeId, SwimMessage], None] = lambda _source, _to, _message: None
        names = [f"n{number}" for number in range(1, size + 1)]
        self.members = tuple((name, "active") for name in names)
        step_ns = PERIOD_NS // (size + 1)
        self.nodes = {
            name: Node(self, name, self.random.randrange(PERIOD_NS) if self.random else place * step_ns)
            for place, name in enumerate(names)
        }
        self._heap: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._order = count()
        for node in self.nodes.values():
            node.start()

    def at(self, at_ns: int, action: Callable[[Any], None], argument: Any) -> None:
        heappush(self._heap, (at_ns, next(self._order), action, argument))

    def run(self, duration_ns: int, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time go on, or until something holds; return whether it does."""
        end_ns = self.now_ns + duration_ns
        while not until() and self._heap and self._heap[0][0] <= end_ns:
            self.now_ns, _, action, argument = heappop(self._heap)
            action(argument)
        if not until():
            self.now_ns = end_ns
        return until()

    def draw(self, members: tuple[NodeId, ...]) -> tuple[NodeId, ...]:
        return tuple(self.random.sample(members, len(members))) if self.random else members

    def send(self, source: NodeId, to: NodeId, message: SwimMessage) -> None:
        self.sent[source] += 1
        self.log(source, to, message)
        if (source, to) in self.cuts or (self.random and self.random.random() < self.loss):
            return
        latency_ns = MILLISECOND_NS + self.latency_ns.get(source, 0) + self.latency_ns.get(to, 0)
        self.at(self.now_ns + latency_ns, self._arrive, (source, to, message, self.nodes[to].starts))

    def _arrive(self, sent: tuple[NodeId, NodeId, SwimMessage, int]) -> None:
        source, to, message, starts = sent
        if (source, to) not in self.cuts and self.nodes[to].starts == starts:
            self.nodes[to].step(message)

    # --- trouble ----------------------------------------------------------------------------------------------------

    def cut(self, source: NodeId, to: NodeId) -> None:
        self.cuts |= {(source, to), (to, source)}

    def isolate(self, name: NodeId) -> None:
        for other in self.nodes:
            if other != name:
                self.cut(name, other)

    def crash(self, name: NodeId) -> None:
        self.nodes[name].is_up = False
        self.nodes[name].deadlines.clear()

    def change_members(self, **changes: str) -> None:
        members = dict(self.members) | changes
        self.members = tuple((name, membership) for name, membership in members.items())
        for node in self.nodes.values():
            if node.is_up:
                node.step(MembersChanged(self.members))

    # --- questions --------------------------------------------------------------------------------------------------

    def held(self, observer: NodeId, member: NodeId) -> str:
        return self.nodes[observer].seen[member]

    def all_hold(self, member: NodeId, state: str) -> bool:
        """Whether all nodes that run hold this of a member."""
        running = [each for each in self.nodes.values() if each.is_up and each.name != member]
        return all(each.seen[member] == state for each in running)

    def all_active(self) -> bool:
        return all(self.all_hold(name, "active") for name in self.nodes)


__all__ = ["PROBE", "Cluster", "Node"]
