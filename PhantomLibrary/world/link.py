"""One direction between two nodes: what may happen to a message on its way.

A link is like a TCP connection: it keeps the order of messages, unless `reorder` picks one, which is then held back and
may be overtaken, or `duplicate` sends one again. What is under way when the link is cut, or when its target crashes, is
lost for good, even if the link is mended before it would have arrived: each cut begins a new generation of the link.

One draw of 32 bits decides a message's loss and its latency, and is made for every message, so that a fault that comes
and goes shifts nothing afterwards. The rare properties draw from a second stream of the link.

The plain path (`send`) has one comparison for everything that may go wrong: `_trouble_below` is the loss as a bound on
the draw, and lies above all draws when anything but latency and loss has to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.world.latency import TABLE_BITS, TABLE_MASK, Latency, latency_table
from PhantomLibrary.world.units import MILLION
from PhantomLibrary.world.wire import Parcel, Wire, route_prefix

SEND_BUFFER_BYTES_MAX = 64 * 1024 * 1024  # What waits for bandwidth beyond this is lost.
LOSS_CAUSES = ("cut", "loss", "drop", "down", "buffer")

_UNSENT = "unsent"  # How a generation ends when its sender crashes: only what had not left is lost.
_DRAW_BITS = 32
_ALL_DRAWS = 1 << _DRAW_BITS
_Sent = tuple[Parcel, int, int]  # (parcel, generation of the link, when it left its sender)
Arrive = Callable[[str, Any, int], object]


class LinkProperties(Struct, frozen=True):
    """How a link treats its messages. Shares are in millionths."""

    latency: Latency
    jitter_ns: int = 0
    loss_ppm: int = 0
    duplicate_ppm: int = 0
    reorder_ppm: int = 0
    bandwidth: int | None = None


class LinkOverlay(Struct, frozen=True, eq=False):
    """What a fault changes about a link; None leaves it as it is."""

    latency: Latency | None = None
    jitter_ns: int | None = None
    loss_ppm: int | None = None
    duplicate_ppm: int | None = None
    reorder_ppm: int | None = None
    bandwidth: int | None = None


class DropRule:
    """Loses messages that it picks by kind and by chance. Counts them in `dropped`."""

    def __init__(self, picks: Callable[[Any], bool], probability_ppm: int) -> None:
        self._picks = picks
        self._probability_ppm = probability_ppm
        self.dropped = 0

    def drops(self, message: Any, stream: Stream) -> bool:
        if not self._picks(message):
            return False
        dropped = self._probability_ppm >= MILLION or stream.chance(self._probability_ppm, MILLION)
        self.dropped += dropped
        return dropped


class Link:
    """Carries messages from one node to another. `arrive` is what takes them at the other end."""

    __slots__ = (
        "_add_record",
        "_arrive",
        "_base",
        "_base_table",
        "_bits",
        "_cut_generation",
        "_drops",
        "_ends",
        "_free_ns",
        "_generation",
        "_last_ns",
        "_odd",
        "_overlays",
        "_prefix",
        "_properties",
        "_scheduler",
        "_table",
        "_trouble_below",
        "_wire",
        "bytes",
        "cuts",
        "delayed",
        "delivered",
        "duplicated",
        "lost",
        "reordered",
        "sent",
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
    ) -> None:
        self.source = source
        self.target = target
        self._arrive = arrive
        self._wire = wire
        self._scheduler = scheduler
        self._bits = draws.bits
        self._odd = odd_draws
        self._add_record = wire.add_record
        self._prefix = route_prefix(source, target)
        self._last_ns = 0
        self._free_ns = 0
        self._generation = 0
        self._cut_generation = 0
        self._ends: dict[int, tuple[str, int]] = {}  # Why and when each generation ended.
        self.cuts = 0
        self.target_is_down = True  # Until its node is started.
        self._drops: list[DropRule] = []
        self._overlays: list[LinkOverlay] = []
        self.sent = self.delivered = self.bytes = self.delayed = self.duplicated = self.reordered = 0
        self.lost = dict.fromkeys(LOSS_CAUSES, 0)
        self._base = properties
        self._base_table = latency_table(properties.latency, properties.jitter_ns)
        self._settle_properties()

    # --- the plain path -------------------------------------------------------------------------------------------

    def send(self, message: Any, leave_ns: int) -> None:
        """Carry a message that leaves its sender at this time."""
        parcel = self._wire.last
        if parcel[0] is not message:
            parcel = self._wire.pack(message)
        self.sent += 1
        self.bytes += parcel[2]
        drawn = self._bits(_DRAW_BITS)
        if drawn < self._trouble_below:
            self._send_with_care(parcel, leave_ns, drawn)
            return
        arrival_ns = leave_ns + self._table[drawn & TABLE_MASK]
        if arrival_ns < self._last_ns:
            arrival_ns = self._last_ns
        else:
            self._last_ns = arrival_ns
        self._scheduler.at(arrival_ns, self._deliver, (parcel, self._generation, leave_ns))

    def _deliver(self, sent: _Sent) -> None:
        parcel, generation, _ = sent
        if generation != self._generation and self._is_gone(sent):
            return
        self.delivered += 1
        message, body, _, cost_ns = parcel
        if self._add_record is not None:
            self._add_record(b'{"t":%d%b%b}' % (self._scheduler.now_ns, self._prefix, body))
        self._arrive(self.source, message, cost_ns)

    # --- everything that may go wrong -----------------------------------------------------------------------------

    def _send_with_care(self, parcel: Parcel, leave_ns: int, drawn: int) -> None:
        properties = self._properties
        if self.cuts:
            self._lose(parcel, "cut")
        elif self.target_is_down:
            self._lose(parcel, "down")
        elif drawn < _share_of_draws(properties.loss_ppm):
            self._lose(parcel, "loss")
        elif any(rule.drops(parcel[0], self._odd) for rule in self._drops):
            self._lose(parcel, "drop")
        else:
            ready_ns = (
                leave_ns if properties.bandwidth is None else self._transmit(parcel, leave_ns, properties.bandwidth)
            )
            if ready_ns is not None:
                self._carry(parcel, leave_ns, ready_ns, drawn & TABLE_MASK)

    def _transmit(self, parcel: Parcel, leave_ns: int, bandwidth: int) -> int | None:
        """Return when the last byte is on its way, or None if the buffer before the link is full."""
        begin_ns = max(leave_ns, self._free_ns)
        if (begin_ns - leave_ns) * bandwidth > SEND_BUFFER_BYTES_MAX * SECOND_NS:
            self._lose(parcel, "buffer")
            return None
        self._free_ns = ready_ns = begin_ns + parcel[2] * SECOND_NS // bandwidth
        return ready_ns

    def _carry(self, parcel: Parcel, leave_ns: int, ready_ns: int, rank: int) -> None:
        properties, odd = self._properties, self._odd
        latency_ns = self._table[rank]
        arrival_ns = ready_ns + latency_ns
        if arrival_ns > leave_ns + self._base_table[rank]:
            self.delayed += 1
        sent = (parcel, self._generation, leave_ns)
        if properties.reorder_ppm and odd.chance(properties.reorder_ppm, MILLION):
            held_ns = (self._table[odd.bits(TABLE_BITS)] + 1) * (1 + odd.below(8))
            older = self.delivered + self.in_flight
            self._scheduler.at(arrival_ns + held_ns, self._deliver_held, (sent, older))
        else:
            self._last_ns = arrival_ns = max(arrival_ns, self._last_ns)
            self._scheduler.at(arrival_ns, self._deliver, sent)
        if properties.duplicate_ppm and odd.chance(properties.duplicate_ppm, MILLION):
            self.duplicated += 1
            self._scheduler.at(arrival_ns + self._table[odd.bits(TABLE_BITS)], self._deliver, sent)

    def _deliver_held(self, held: tuple[_Sent, int]) -> None:
        sent, older = held
        if self.delivered >= older and sent[1] == self._generation:
            self.reordered += 1  # More came through than was on its way before it: it was overtaken for certain.
        self._deliver(sent)

    def _lose(self, parcel: Parcel, cause: str) -> None:
        self.lost[cause] += 1
        self._wire.record_loss(self._prefix, parcel, cause)

    def _is_gone(self, sent: _Sent) -> bool:
        """Whether a message of an older generation is lost: cut off, or never sent because its sender crashed first."""
        parcel, generation, leave_ns = sent
        cause, ended_ns = self._ends[generation]
        if generation < self._cut_generation:
            while cause == _UNSENT:
                generation += 1
                cause, _ = self._ends[generation]
            self._wire.record_loss(self._prefix, parcel, cause)  # Counted when that happened.
            return True
        if leave_ns <= ended_ns:
            return False
        self._lose(parcel, "down")
        return True

    # --- for faults and hosts -------------------------------------------------------------------------------------

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
        self._ends[self._generation] = (_UNSENT, self._scheduler.now_ns)
        self._generation += 1

    def lose_arrived(self, message: Any, cause: str) -> None:
        """Take back the delivery of a message that the target could not take."""
        self.delivered -= 1
        last = self._wire.last
        self._lose(last if last[0] is message else self._wire.pack(message), cause)

    def overlay(self, change: LinkOverlay) -> None:
        """Change properties on top of all changes so far."""
        self._overlays.append(change)
        self._settle_properties()

    def remove_overlay(self, change: LinkOverlay) -> None:
        """Take back one change; those made before and after it stay."""
        self._overlays.remove(change)
        self._settle_properties()

    def add_drop(self, rule: DropRule) -> None:
        self._drops.append(rule)
        self._settle_properties()

    def remove_drop(self, rule: DropRule) -> None:
        self._drops.remove(rule)
        self._settle_properties()

    def _drop_flight(self, cause: str) -> None:
        self.lost[cause] += self.in_flight
        self._ends[self._generation] = (cause, self._scheduler.now_ns)
        self._generation += 1
        self._cut_generation = self._generation
        self._last_ns = 0

    def _settle_properties(self) -> None:
        """Work out what holds now from the base, the overlays in their order, the cuts and the rules."""
        settled = {name: getattr(self._base, name) for name in LinkProperties.__struct_fields__}
        for change in self._overlays:
            for name in LinkOverlay.__struct_fields__:
                if getattr(change, name) is not None:
                    settled[name] = getattr(change, name)
        self._properties = properties = LinkProperties(**settled)
        self._table = latency_table(properties.latency, properties.jitter_ns)
        needs_care = (
            self.cuts
            or self.target_is_down
            or self._drops
            or self._overlays
            or properties.duplicate_ppm
            or properties.reorder_ppm
            or properties.bandwidth is not None
        )
        self._trouble_below = _ALL_DRAWS if needs_care else _share_of_draws(properties.loss_ppm)


def _share_of_draws(ppm: int) -> int:
    return ppm * _ALL_DRAWS // MILLION
