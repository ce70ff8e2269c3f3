"""A failure detector, one on each node, as a pure state machine: SWIM with the corrections of Lifeguard.

Rule: this file knows no clock, network or randomness. Its host feeds it events and performs the effects it returns.

In each period a node probes one member, in an order that its host has drawn, so that each is probed once a round. One
that does not answer in time is asked through some others; one that answers to nobody by the end of the period is
suspected, and one that does not refute in time is down. Opinions spread as rumours on the probes themselves, so each
node sends and receives a number of messages in a period that does not depend on the size of the cluster.

A node for which nothing is new rests a while after each probe that was answered. Where there is news, there is no rest:
so it costs little that all is well, and the first who finds a failure sets all others going.

What Lifeguard adds: a node whose own probes fail for no fault of others takes more time for each (`multiplier`); a
suspicion that nobody confirms lasts longer (suspicion.py); who is suspected is told so with the next message that it
gets (`_rumours_for`), whatever else waits to be told, and by way of helpers as well (`_rumours_about`).

Source: Das, Gupta, Motivala, "SWIM" (DSN 2002); Dadgar, Phillips, Currey, "Lifeguard" (2018), IV.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.swim.effects import (
    DeadlinePassed,
    DrawOrder,
    Effect,
    Event,
    MembersChanged,
    OrderDrawn,
    Send,
    SetDeadline,
)
from PhantomLibrary.protocols.swim.gossip import NO_RUMOURS
from PhantomLibrary.protocols.swim.members import DetectorConfig, Member, Members
from PhantomLibrary.protocols.swim.messages import Ack, Nack, Ping, PingRequest, Rumour, SwimMessage
from PhantomLibrary.protocols.swim.probes import Probe, Relays

PROBE, RELAY, SUSPICION = "probe", "relay", "suspicion"


class Detector:
    """What one node believes of all others. `step` takes an event and returns effects to perform in order."""

    def __init__(self, config: DetectorConfig) -> None:
        self.config = config
        self.members = self._make_members()
        self.multiplier = 1  # Lifeguard's local health multiplier, counted from 1.
        self._sequence = 0
        self._order: list[NodeId] = []  # Who is still to be probed in this round, the last one first.
        self._probe: Probe | None = None
        self._relays = Relays(config.timeout_ns * 4 // 5)
        self._handlers: dict[type, Callable[[Any, int], list[Effect]]] = {
            Ping: self._on_ping,
            Ack: self._on_ack,
            PingRequest: self._on_ping_request,
            Nack: self._on_nack,
            DeadlinePassed: self._on_deadline,
            OrderDrawn: self._on_order_drawn,
            MembersChanged: self._on_members_changed,
        }

    def _make_members(self) -> Members:
        return Members(self.config)

    def start(self) -> list[Effect]:
        """Return the first effects. Nodes that start together probe at different times of the period."""
        return [*self._shown(), SetDeadline(PROBE, 0, self.config.period_ns)]

    def step(self, event: Event, now_ns: int) -> list[Effect]:
        """Advance by one event and return the effects to perform, in order."""
        effects = self._handlers[type(event)](event, now_ns)
        if self.members.changes:
            effects = [*self._shown(), *effects]
        if self.members.suspected:
            effects.append(self._suspicion_deadline(now_ns))
        return effects

    def _suspicion_deadline(self, now_ns: int) -> Effect:
        return SetDeadline(SUSPICION, max(0, self.members.suspicion_end_ns() - now_ns))

    def _shown(self) -> list[Effect]:
        shown, self.members.changes = self.members.changes, []
        return [*shown]

    # --- probing ----------------------------------------------------------------------------------------------------

    def _on_deadline(self, event: DeadlinePassed, now_ns: int) -> list[Effect]:
        if event.name == SUSPICION:
            self.members.expire(now_ns)
            return []
        if event.name == RELAY:
            return self._give_up_relays(now_ns)
        probe = self._probe
        if probe is None:
            return self._next_probe(now_ns)
        if not probe.is_indirect:
            return self._ask_helpers(probe, now_ns)
        self._probe = None
        self._fail(probe, now_ns)
        return self._next_probe(now_ns)

    def _next_probe(self, now_ns: int) -> list[Effect]:
        """Probe the next member of the round, or ask for the order of a new round."""
        doubted = self.members.doubted
        while doubted or self._order:
            member = self.members.get(doubted.pop(0) if doubted else self._order.pop())
            if member is not None and member.membership != "removed":
                return self._probe_member(member, now_ns)
        members = self.members.probed()
        return [DrawOrder(members)] if members else [SetDeadline(PROBE, self.config.period_ns)]

    def _on_order_drawn(self, event: OrderDrawn, now_ns: int) -> list[Effect]:
        assert not self._order and event.members
        self._order = list(reversed(event.members))
        return self._next_probe(now_ns)

    def _probe_member(self, member: Member, now_ns: int) -> list[Effect]:
        self._sequence += 1
        multiplier = self.multiplier
        direct_ns, ends_ns = self.config.timeout_ns * multiplier, self.config.period_ns * multiplier
        self._probe = Probe(member.node, member.incarnation, self._sequence, now_ns + ends_ns, ends_ns - direct_ns)
        return [self._ping(member.node, self._sequence), SetDeadline(PROBE, direct_ns)]

    def _ping(self, target: NodeId, sequence: int) -> Effect:
        rumours = self._rumours_for(target)
        return Send(target, Ping(self.config.node, self.members.incarnation, sequence, rumours))

    def _ask_helpers(self, probe: Probe, now_ns: int) -> list[Effect]:
        """The target is silent: let others ask it, in case it is only this way that is broken.

        A node that stood still comes to this when the probe should be over: the helpers have their time all the same,
        or it would accuse on the word of one message that was lost.
        """
        probe.is_indirect = True
        probe.ends_ns = max(probe.ends_ns, now_ns + probe.indirect_ns)
        probe.helpers = self._helpers(probe.target)
        effects: list[Effect] = []
        for helper in probe.helpers:
            rumours = self._rumours_about(probe.target, to=helper)
            request = PingRequest(self.config.node, self.members.incarnation, probe.sequence, probe.target, rumours)
            effects.append(Send(helper, request))
        return [*effects, SetDeadline(PROBE, probe.ends_ns - now_ns)]

    def _helpers(self, target: NodeId) -> tuple[NodeId, ...]:
        """Choose members that are well, beginning with another one each time."""
        member = self.members.get(target)
        if member is None:
            return ()
        # Hardly anybody expects an answer from who is down, so that one is tired with it, another one each time.
        helpers_max = 1 if member.opinion == "down" else self.config.helpers_max
        healthy = [node for node in self.members.healthy() if node != target]
        first = self._sequence % len(healthy) if healthy else 0
        return tuple([*healthy[first:], *healthy[:first]][:helpers_max])

    def _fail(self, probe: Probe, now_ns: int) -> None:
        """A probe has ended without an answer: suspect its target, and think of this node's own health."""
        member = self.members.get(probe.target)
        if member is None or member.opinion == "down":
            return
        # A helper that says not even that it heard nothing: then the trouble may well be here.
        silent = len(probe.helpers) - len(probe.nacks)
        self._note_health(silent if probe.helpers else 1)
        self.members.accuse(probe.target, probe.incarnation, now_ns)

    def _note_health(self, trouble: int) -> None:
        """Count what speaks against this node's own health (for it, if negative)."""
        self.multiplier = max(1, min(self.config.multiplier_max, self.multiplier + trouble))

    def _on_ack(self, message: Ack, now_ns: int) -> list[Effect]:
        if not self._listen(message, now_ns):
            return []
        relay = self._relays.take(message.sequence) if self._relays.under_way else None
        if relay is not None:
            rumours = self._rumours_about(message.source, to=relay.origin)
            answer = Ack(self.config.node, self.members.incarnation, relay.sequence, rumours)
            return [Send(relay.origin, answer)]
        probe = self._probe
        if probe is None or message.sequence != probe.sequence:
            return []  # An answer that comes too late.
        self._probe = None
        self._note_health(-1)
        members = self.members
        has_news = members.gossip.left or members.suspected
        return [SetDeadline(PROBE, probe.ends_ns + (0 if has_news else self.config.rest_ns) - now_ns)]

    def _on_nack(self, message: Nack, now_ns: int) -> list[Effect]:
        probe = self._probe
        if self._listen(message, now_ns) and probe is not None and probe.sequence == message.sequence:
            probe.nacks[message.source] = None
        return []

    # --- answering --------------------------------------------------------------------------------------------------

    def _on_ping(self, message: Ping, now_ns: int) -> list[Effect]:
        if not self._listen(message, now_ns):
            return []
        rumours = self._rumours_for(message.source)
        return [Send(message.source, Ack(self.config.node, self.members.incarnation, message.sequence, rumours))]

    def _on_ping_request(self, message: PingRequest, now_ns: int) -> list[Effect]:
        if not self._listen(message, now_ns):
            return []
        target = self.members.get(message.target)
        if target is None or target.membership == "removed":
            return [self._nack(message.source, message.sequence)]  # The prober is behind here, not in trouble.
        self._sequence += 1
        effects = [self._ping(message.target, self._sequence)]
        if self._relays.add(self._sequence, message.source, message.sequence, now_ns):
            effects.append(SetDeadline(RELAY, self._relays.patience_ns))
        return effects

    def _give_up_relays(self, now_ns: int) -> list[Effect]:
        expired = self._relays.take_expired(now_ns)
        effects = [self._nack(relay.origin, relay.sequence) for relay in expired]
        next_ns = self._relays.first_end_ns()
        return effects if next_ns is None else [*effects, SetDeadline(RELAY, next_ns - now_ns)]

    def _nack(self, origin: NodeId, sequence: int) -> Effect:
        rumours = self._rumours_for(origin)
        return Send(origin, Nack(self.config.node, self.members.incarnation, sequence, rumours))

    # --- rumours ----------------------------------------------------------------------------------------------------

    def _listen(self, message: SwimMessage, now_ns: int) -> bool:
        """Take in what a message says beside its purpose; return whether it comes from a member."""
        member = self.members.get(message.source)
        if member is None or member.membership == "removed":
            return False  # A node that was removed, however late it speaks, is nobody any more.
        if message.incarnation > member.incarnation:
            self.members.heard_from(message.source, message.incarnation, now_ns)
        for rumour in message.rumours:
            if self.members.hear(rumour, now_ns):
                self._note_health(1)  # Somebody could not reach this node: it may be slow.
        return True

    def _rumours_for(self, node: NodeId) -> tuple[Rumour, ...]:
        """Return what the next message to a node says, what is held against that node first of all."""
        members = self.members
        rumours = members.gossip.take() if members.gossip.left else NO_RUMOURS
        member = members.get(node)
        if member is None or member.opinion == "active":
            return rumours
        accusation = member.rumour()
        return rumours if accusation in rumours else (accusation, *rumours)

    def _rumours_about(self, node: NodeId, *, to: NodeId) -> tuple[Rumour, ...]:
        """Return what a message that is about a member says: what is held of that member too.

        Two who reach each other only by way of others depend on rumours, which end and may be lost: so the helper is
        told what the prober holds, tells the target what is held against it, and takes back the new incarnation.
        """
        rumours = self._rumours_for(to)
        member = self.members.get(node)
        assert member is not None
        held = member.rumour()
        return rumours if held in rumours else (held, *rumours)

    def _on_members_changed(self, event: MembersChanged, now_ns: int) -> list[Effect]:
        self.members.replace(event.members)
        self._order = []  # The next round has the newcomers in it.
        target = None if self._probe is None else self.members.get(self._probe.target)
        if target is not None and target.membership == "removed":
            self._probe = None  # Nobody answers for it any more, which is no fault of this node.
        return []
