"""One direction between two nodes: what may happen to a message on its way.

A link is like a TCP connection: it keeps the order of messages, unless `reorder` picks one, which is then held back and
may be overtaken, or `duplicate` sends one again. What is under way when the link is cut, or when its target crashes, is
lost for good, even if the link is mended before it would have arrived: each cut ends a *flight*.

One draw of 30 bits decides a message's loss and its latency, and is made for every message, so that a fault that comes
and goes shifts nothing afterwards. The rare properties draw from a second stream of the link.

`send` is the hottest code after the scheduler's loop, hence three liberties. One comparison stands for everything that
may go wrong: `_trouble_below` is the loss as a bound on the draw, and lies above all draws when anything else has to be
looked at. Messages sent and their bytes are one sum. And it pushes its event itself, as `Scheduler.at` would.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import Any

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.world.card import SEND_BUFFER_BYTES_MAX, NetworkCard
from PhantomLibrary.world.latency import TABLE_BITS, TABLE_MASK, latency_table
from PhantomLibrary.world.link_properties import LinkOverlay, LinkProperties
from PhantomLibrary.world.message_rule import MessageRule
from PhantomLibrary.world.units import MILLION
from PhantomLibrary.world.wire import ONE_MESSAGE, Parcel, Wire, route_prefix

LOSS_CAUSES = ("cut", "loss", "drop", "down", "buffer")

_DRAW_BITS = 30  # CPython computes fastest with integers of up to 30 bits.
_ALL_DRAWS = 1 << _DRAW_BITS
_FOR_EVER = 1 << 62
Arrive = Callable[[str, Any, int], object]
Turned = Callable[[str, str, bool], object]  # (source, target, is it open)


class _Flight:
    """What left on a link between two of its cuts. After the second one nothing of it arrives any more."""

    __slots__ = ("end", "good_until_ns", "link")

    def __init__(self, link: Link) -> None:
        self.link = link
        self.end = ""  # The cause of its loss.
        self.good_until_ns = _FOR_EVER  # What leaves later is lost, for the sender has crashed, or everything is.

    def deliver(self, parcel: Parcel) -> None:
        link = self.link
        if self.end:
            link.record_loss(parcel, self.end)  # Counted when the link was cut.
            return
        link.delivered += 1
        if link.add_record is not None:
            link.add_record((link.scheduler.now_ns, link.prefix, parcel[1]))
        link.arrive(link.source, parcel[0], parcel[3])

    def deliver_late(self, sent: tuple[Parcel, int]) -> None:
        """Deliver what left its sender some time after it was sent, if that was alive by then."""
        parcel, leave_ns = sent
        if leave_ns > self.good_until_ns:
            if self.end:
                self.deliver(parcel)
            else:
                self.link.lose(parcel, "down")
        else:  # As in `deliver`, without another call.
            link = self.link
            link.delivered += 1
            if link.add_record is not None:
                link.add_record((link.scheduler.now_ns, link.prefix, parcel[1]))
            link.arrive(link.source, parcel[0], parcel[3])

    def deliver_held(self, held: tuple[Parcel, int]) -> None:
        """Deliver what was held back, and see whether it was overtaken."""
        parcel, older = held
        if self.link.delivered >= older and not self.end:
            self.link.reordered += 1  # More came through than was on its way before it: that is certain.
        self.deliver(parcel)


class Link:
    """Carries messages from one node to another. `arrive` is what takes them at the other end."""

    __slots__ = (
        "_base",
        "_base_table",
        "_bits",
        "_card",
        "_deliver",
        "_deliver_late",
        "_flight",
        "_free_ns",
        "_last_ns",
        "_odd",
        "_older_flights",
        "_overlays",
        "_properties",
        "_route",
        "_rules",
        "_table",
        "_tally",
        "_trouble_below",
        "_turned",
        "_wire",
        "add_record",
        "arrive",
        "cuts",
        "delayed",
        "delivered",
        "duplicated",
        "is_open",
        "lost",
        "prefix",
        "reordered",
        "scheduler",
        "source",
        "target",
        "target_is_down",
    )

    def __init__(
        self,
        source: str,
        target: str,
        *,
        properties: LinkProperties,
        arrive: Arrive,
        wire: Wire,
        scheduler: Scheduler,
        draws: Stream,
        odd_draws: Stream,
        turned: Turned = lambda _source, _target, _is_open: None,
        card: NetworkCard | None = None,
    ) -> None:
        self.source = source
        self.target = target
        self.arrive = arrive
        self.scheduler = scheduler
        self.add_record = wire.add_record
        self.prefix = route_prefix(source, target)
        self._route = f"{source}>{target}"
        self._wire = wire
        self._turned = turned
        self._card = card  # Of the machine that sends; None where it has no limit.
        self.is_open = True  # Something of what is sent may come through, if the target runs.
        self._bits = draws.bits
        self._odd = odd_draws
        self._take_off()
        self._older_flights: list[_Flight] = []  # Ended by a crash of the sender: what had left still arrives.
        self._last_ns = 0
        self._free_ns = 0
        self.cuts = 0
        self.target_is_down = True  # Until its node is started.
        self._rules: list[MessageRule] = []
        self._overlays: list[LinkOverlay] = []
        self._tally = 0
        self.delivered = self.delayed = self.duplicated = self.reordered = 0
        self.lost = dict.fromkeys(LOSS_CAUSES, 0)
        self._base = properties
        self._base_table = latency_table(properties.latency, properties.jitter_ns)
        self._settle_properties()

    # --- the plain path -------------------------------------------------------------------------------------------

    def send(self, message: Any) -> None:
        """Carry a message that leaves its sender now."""
        parcel = self._wire.last
        if parcel[0] is not message:
            parcel = self._wire.pack(message)
        self._tally += parcel[2]
        drawn = self._bits(_DRAW_BITS)
        if drawn < self._trouble_below:
            self._send_with_care(parcel, 0, drawn)
            return
        scheduler = self.scheduler
        arrival_ns = scheduler.now_ns + self._table[drawn & TABLE_MASK]
        if arrival_ns < self._last_ns:
            arrival_ns = self._last_ns
        else:
            self._last_ns = arrival_ns
        scheduler._sequence = sequence = scheduler._sequence + 1
        heappush(scheduler._heap, (arrival_ns, sequence, self._deliver, parcel))

    def send_late(self, message: Any, lag_ns: int) -> None:
        """Carry a message that leaves its sender when the processor is through with its handler."""
        parcel = self._wire.last
        if parcel[0] is not message:
            parcel = self._wire.pack(message)
        self._tally += parcel[2]
        drawn = self._bits(_DRAW_BITS)
        if drawn < self._trouble_below:
            self._send_with_care(parcel, lag_ns, drawn)
            return
        scheduler = self.scheduler
        leave_ns = scheduler.now_ns + lag_ns
        arrival_ns = leave_ns + self._table[drawn & TABLE_MASK]
        if arrival_ns < self._last_ns:
            arrival_ns = self._last_ns
        else:
            self._last_ns = arrival_ns
        scheduler._sequence = sequence = scheduler._sequence + 1
        heappush(scheduler._heap, (arrival_ns, sequence, self._deliver_late, (parcel, leave_ns)))

    # --- everything that may go wrong -----------------------------------------------------------------------------

    def _send_with_care(self, parcel: Parcel, lag_ns: int, drawn: int) -> None:
        properties = self._properties
        leave_ns = self.scheduler.now_ns + lag_ns
        if self._card is not None:  # First: it does not know what becomes of what it sends.
            sent_ns = self._card.transmit(len(parcel[1]), leave_ns, self.scheduler.now_ns)
            if sent_ns is None:
                self.lose(parcel, "buffer")
                return
            leave_ns = sent_ns
        if self.cuts:
            self.lose(parcel, "cut")
        elif self.target_is_down:
            self.lose(parcel, "down")
        elif drawn < _share_of_draws(properties.loss_ppm):
            self.lose(parcel, "loss")
        else:
            rule = next((each for each in self._rules if each.strikes(parcel[0], self._odd)), None)
            if rule is not None and not rule.delay_ns:
                self.lose(parcel, "drop")
                return
            if rule is not None:
                self._hold_back(parcel, leave_ns, self._table[drawn & TABLE_MASK], rule)
                if not rule.doubles:
                    return
            if properties.bandwidth is None:
                self._carry(parcel, leave_ns, leave_ns, drawn & TABLE_MASK)
            elif (ready_ns := self._transmit(parcel, leave_ns, properties.bandwidth)) is not None:
                self._carry(parcel, leave_ns, ready_ns, drawn & TABLE_MASK)

    def _hold_back(self, parcel: Parcel, leave_ns: int, latency_ns: int, rule: MessageRule) -> None:
        """Carry a message, or its double, beside all others and much later."""
        self.duplicated += rule.doubles
        self.delayed += not rule.doubles
        self.scheduler.at(leave_ns + latency_ns + rule.delay_ns, self._flight.deliver_late, (parcel, leave_ns))

    def _transmit(self, parcel: Parcel, leave_ns: int, bandwidth: int) -> int | None:
        """Return when the last byte is on its way, or None if the buffer before the link is full."""
        begin_ns = max(leave_ns, self._free_ns)
        if (begin_ns - leave_ns) * bandwidth > SEND_BUFFER_BYTES_MAX * SECOND_NS:
            self.lose(parcel, "buffer")
            return None
        self._free_ns = ready_ns = begin_ns + len(parcel[1]) * SECOND_NS // bandwidth
        return ready_ns

    def _carry(self, parcel: Parcel, leave_ns: int, ready_ns: int, rank: int) -> None:
        properties, odd, flight, scheduler = self._properties, self._odd, self._flight, self.scheduler
        arrival_ns = ready_ns + self._table[rank]
        if arrival_ns > leave_ns + self._base_table[rank]:
            self.delayed += 1
        if properties.reorder_ppm and odd.chance(properties.reorder_ppm, MILLION):
            held_ns = (self._table[odd.bits(TABLE_BITS)] + 1) * (1 + odd.below(8))
            scheduler.at(arrival_ns + held_ns, flight.deliver_held, (parcel, self.delivered + self.in_flight))
        else:
            self._last_ns = arrival_ns = max(arrival_ns, self._last_ns)
            scheduler.at(arrival_ns, flight.deliver_late, (parcel, leave_ns), self._route)
        if properties.duplicate_ppm and odd.chance(properties.duplicate_ppm, MILLION):
            self.duplicated += 1
            scheduler.at(arrival_ns + self._table[odd.bits(TABLE_BITS)], flight.deliver_late, (parcel, leave_ns))

    def lose(self, parcel: Parcel, cause: str) -> None:
        """Count and trace a message that will not arrive."""
        self.lost[cause] += 1
        self.record_loss(parcel, cause)

    def record_loss(self, parcel: Parcel, cause: str) -> None:
        self._wire.record_loss(self.prefix, parcel, cause)

    # --- for faults and hosts -------------------------------------------------------------------------------------

    @property
    def sent(self) -> int:
        """How many messages were sent."""
        return self._tally // ONE_MESSAGE

    @property
    def bytes(self) -> int:
        """How many bytes these messages had."""
        return self._tally % ONE_MESSAGE

    @property
    def in_flight(self) -> int:
        """How many messages are under way."""
        return self.sent + self.duplicated - self.delivered - sum(self.lost.values())

    def cut(self) -> None:
        """Lose all that is under way and all that is sent until every cut has been mended."""
        self.cuts += 1
        if self.cuts == 1:
            self._drop_flight("cut")
            self._settle_properties()

    def mend(self) -> None:
        assert self.cuts > 0
        self.cuts -= 1
        self._settle_properties()

    def target_crashed(self) -> None:
        """Lose what is under way, for it was addressed to a process that is no more, and what is sent from now on."""
        self._drop_flight("down")
        self.target_is_down = True
        self._settle_properties()

    def target_started(self) -> None:
        self.target_is_down = False
        self._settle_properties()

    def sender_crashed(self) -> None:
        """Lose what its processor would have sent later than now."""
        if not self.in_flight:
            self._older_flights.clear()
            return
        self._flight.good_until_ns = self.scheduler.now_ns
        self._older_flights.append(self._flight)
        self._take_off()

    def lose_arrived(self, message: Any, cause: str) -> None:
        """Take back the delivery of a message that the target could not take."""
        self.delivered -= 1
        last = self._wire.last
        self.lose(last if last[0] is message else self._wire.pack(message), cause)

    def overlay(self, change: LinkOverlay) -> None:
        """Change properties on top of all changes so far."""
        self._overlays.append(change)
        self._settle_properties()

    def remove_overlay(self, change: LinkOverlay) -> None:
        """Take back one change; those made before and after it stay."""
        self._overlays.remove(change)
        self._settle_properties()

    def add_rule(self, rule: MessageRule) -> None:
        self._rules.append(rule)
        self._settle_properties()

    def remove_rule(self, rule: MessageRule) -> None:
        self._rules.remove(rule)
        self._settle_properties()

    def _drop_flight(self, cause: str) -> None:
        self.lost[cause] += self.in_flight
        for flight in (*self._older_flights, self._flight):
            flight.end, flight.good_until_ns = cause, -1
        self._older_flights.clear()
        self._take_off()
        self._last_ns = 0

    def _take_off(self) -> None:
        self._flight = _Flight(self)
        self._deliver = self._flight.deliver  # Bound once, not at each message.
        self._deliver_late = self._flight.deliver_late

    def _settle_properties(self) -> None:
        """Work out what holds now from the base, the overlays in their order, the cuts and the rules."""
        settled = {name: getattr(self._base, name) for name in LinkProperties.__struct_fields__}
        for change in self._overlays:
            for name in LinkOverlay.__struct_fields__:
                if getattr(change, name) is not None:
                    settled[name] = getattr(change, name)
        self._properties = properties = LinkProperties(**settled)
        self._table = latency_table(properties.latency, properties.jitter_ns)
        self._note_whether_open()
        needs_care = (
            self._card is not None
            or self.cuts
            or self.target_is_down
            or self._rules
            or self._overlays
            or properties.duplicate_ppm
            or properties.reorder_ppm
            or properties.bandwidth is not None
            or self.scheduler.reorders
        )
        self._trouble_below = _ALL_DRAWS if needs_care else _share_of_draws(properties.loss_ppm)

    def _note_whether_open(self) -> None:
        closed = self.cuts or self._properties.loss_ppm >= MILLION or any(each.drops_all for each in self._rules)
        if self.is_open == bool(closed):
            self.is_open = not closed
            self._turned(self.source, self.target, self.is_open)


def _share_of_draws(ppm: int) -> int:
    return ppm * _ALL_DRAWS // MILLION
