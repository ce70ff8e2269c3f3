"""The health of other nodes as one node sees it: hosts the failure detector, and shows what it comes to hold.

A node lives in an incarnation that no earlier start of it can have reached, so it needs nothing on its disk to be
believed after a crash: the number of its starts leads, and refutations count below it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from PhantomLibrary.database.config import ClusterLayout
from PhantomLibrary.domain import MemberSeen, NodeId, Observation
from PhantomLibrary.kernel.process import Env
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.protocols.swim.detector import PROBE, RELAY, SUSPICION, Detector
from PhantomLibrary.protocols.swim.effects import (
    DeadlinePassed,
    DrawOrder,
    Effect,
    Event,
    OrderDrawn,
    Send,
    SetDeadline,
    Show,
)
from PhantomLibrary.protocols.swim.members import DetectorConfig

DEADLINES = "health"
_DEADLINE = {name: f"{DEADLINES}/{name}" for name in (PROBE, RELAY, SUSPICION)}
INCARNATIONS_PER_START = 1 << 20


class HealthParts(Protocol):
    """The constructor that health needs; see parts.py."""

    @property
    def detector(self) -> type[Detector]: ...


class HealthOwner(Protocol):
    """The node whose view this is."""

    env: Env
    layout: ClusterLayout

    @property
    def parts(self) -> HealthParts: ...
    def show(self, observation: Observation) -> None: ...
    def suspect(self, node: NodeId) -> None: ...


class HealthMonitor:
    """Feeds a detector with messages and deadlines, and carries its effects out."""

    def __init__(self, owner: HealthOwner) -> None:
        env, config = owner.env, owner.layout.config
        self._env = env
        # Bound once, for what happens at every event.
        self._send_to, self._monotonic_ns, self._deadline = env.send, env.monotonic_ns, env.set_deadline
        self._now_ns = env.monotonic_ns()  # Of the latest step.
        self._show_to, self._suspect = owner.show, owner.suspect
        self._draws = env.random("health")
        self._handlers: dict[type, Callable[[Any], None]] = {
            Send: self._send,
            SetDeadline: self._set_deadline,
            DrawOrder: self._draw_order,
            Show: self._show,
        }
        self.detector = owner.parts.detector(
            DetectorConfig(
                env.node,
                env.incarnation * INCARNATIONS_PER_START,
                tuple((node, "active") for node in owner.layout.nodes),
                config.probe_period_ns,
                config.probe_timeout_ns,
                INCARNATIONS_PER_START,
                config.probe_rest_ns,
            )
        )

    def start(self) -> None:
        self._perform(self.detector.start())

    def step(self, event: Event) -> None:
        """Feed one event to the detector and carry out what follows."""
        self._now_ns = now_ns = self._monotonic_ns()
        effects = self.detector.step(event, now_ns)
        if effects:
            self._perform(effects)

    def unavailable_nodes(self) -> list[NodeId]:
        """Return the members that are held to be suspect or down."""
        members = self.detector.members
        healthy = set(members.healthy())
        return [node for node in members.probed() if node not in healthy]

    def fire(self, name: str) -> None:
        self.step(DeadlinePassed(name))

    def _perform(self, effects: list[Effect]) -> None:
        handlers = self._handlers
        for effect in effects:
            handlers[type(effect)](effect)

    def _send(self, effect: Send) -> None:
        self._send_to(effect.to, effect.message)

    def _set_deadline(self, effect: SetDeadline) -> None:
        spread_ns = self._draws.below(effect.spread_ns) if effect.spread_ns else 0
        self._deadline(_DEADLINE[effect.name], self._now_ns + effect.after_ns + spread_ns)

    def _draw_order(self, effect: DrawOrder) -> None:
        self.step(OrderDrawn(shuffled(effect.members, self._draws)))

    def _show(self, effect: Show) -> None:
        env = self._env
        if effect.state in ("suspect", "down"):
            self._suspect(effect.member)
        self._show_to(
            MemberSeen(env.node, env.incarnation, effect.member, effect.state, effect.incarnation, effect.accuser)
        )


def shuffled(members: tuple[NodeId, ...], draws: Stream) -> tuple[NodeId, ...]:
    """Return the members in a random order, each order equally likely (Fisher and Yates)."""
    order = list(members)
    for last in range(len(order) - 1, 0, -1):
        chosen = draws.below(last + 1)
        order[last], order[chosen] = order[chosen], order[last]
    return tuple(order)
