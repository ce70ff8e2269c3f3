"""Other legal orders of the same run: of what is due at one time, and of messages under way.

Legal is what the world could have done as well:

- What goes over one *channel*, which is one direction between two parties, arrives in the order in which it would have
  without this file. It arrives never earlier than it would have, and at most `hold_ns` later: a network promises no
  more. What a link holds back or doubles by itself is on no channel.
- Everything else comes exactly at its time, timers above all; only who goes first at one time may change. What one
  party planned for one time, by one callback, keeps its order.
- What an instant makes for itself comes after what was due in it, in the order in which it was made: so an effect
  comes after its cause, and who waits for one thing goes on in the order of waiting.
- Nothing is dropped, and who is told is who would have been: what died with a crash stays dead, because that is up to
  what is called.

A run ends, as ever, when its last instant is over; what is held back beyond it stays due. Decisions are made one
delivery at a time, so it does not matter in which pieces a run is done. Draws come from streams named after the order
and the channel.

Strategies, each with its source:

`random`: one delivery in eight is held back, for up to `hold_ns` or some power of two less; at one time a lot decides.

`pct`: probabilistic concurrency testing, Burckhardt, Kothari, Musuvathi and Nagarakatte, ASPLOS 2010. Each channel
has a priority, drawn when it is first used; of the deliveries that could be made next, that of the highest priority
is made. Before d - 1 steps, drawn from the expected ones, the channel whose turn it is falls below all others.
Ozkan et al. (PCTCP, OOPSLA 2018) carry this from threads to messages, whose causal chains they schedule. Channels
are chains too: deliveries over one are in a fixed order. A delivery *could* be made when it would be there before
the other one has waited for `hold_ns`. So where no wait reaches that bound, a defect that d deliveries in a certain
order bring about shows with a chance of at least 1 / (n * k^(d-1)), for n channels and k steps.

`delay-bounded`: Emmi, Qadeer and Rakamaric, POPL 2011: the default order, but for at most d deliveries. These are drawn
from the expected ones, and are held back by up to `hold_ns`, together with what follows them over their channel.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from hashlib import blake2b
from heapq import heappush
from typing import Any, TypeAlias

from PhantomLibrary.kernel.orders import Order, check_order
from PhantomLibrary.kernel.scheduler import Callback, Scheduler, name_of
from PhantomLibrary.kernel.streams import Stream, Streams

# (when it would arrive, in which order it was sent, how much later it may, what to call)
_Delivery: TypeAlias = tuple[int, int, int, Callback, Any]

_RANKS = 1 << 18  # Lower ranks go first; those of channels whose priority was changed come after all.
_SEQUENCE_BITS = 40

_HOLDS_ONE_IN = 8
_SCALES = 8  # A long hold delays all that follows over its channel, so most are short.


class Channel:
    """One way from one party to another. `name` says between whom."""

    __slots__ = ("at_ns", "counted", "name", "queue", "rank", "stamp", "turn")

    def __init__(self, name: str, rank: int, turn: Callable[[Channel], object]) -> None:
        self.name = name
        self.rank = rank
        self.turn = turn
        self.queue: deque[_Delivery] = deque()
        self.at_ns = 0  # When its first delivery is looked at next.
        self.stamp = 0
        self.counted = 0  # The sequence of the latest delivery that was counted as a step.

    def look(self, stamp: int) -> None:
        """Its turn has come, unless another time has been set."""
        if stamp == self.stamp:
            self.turn(self)


class ExploringScheduler(Scheduler):
    """Performs callbacks in another legal order. Subclasses say which.

    `deliveries` counts what went over channels so far, `held` what of it came later than by the default order.
    """

    __slots__ = ("_busy", "_channels", "_salt", "_streams", "deliveries", "held", "order")

    reorders = True

    def __init__(self, order: Order, streams: Streams) -> None:
        super().__init__()
        self.order = order
        self.deliveries = self.held = 0
        self._streams = streams
        self._salt = self._stream("lots").bits(64).to_bytes(8, "big")
        self._channels: dict[str, Channel] = {}
        self._busy: dict[str, Channel] = {}  # Those with something under way.

    def at(self, time_ns: int, callback: Callback, argument: Any = None, channel: str = "") -> None:
        if channel:
            self._carry(time_ns, callback, argument, channel)
        elif time_ns <= self.now_ns:
            self._instant.append((callback, argument))
        else:
            self._push(time_ns, self._rank_at(time_ns, callback), self._next_sequence(), callback, argument)

    @property
    def channels(self) -> int:
        """How many channels have been used so far."""
        return len(self._channels)

    # --- what strategies decide -----------------------------------------------------------------------------------

    def _rank_of(self, name: str) -> int:
        """Return the rank of a channel that is used for the first time."""
        return 0

    def _hold_ns(self, channel: Channel) -> int:
        """Return for how long a delivery is held back. Called once for each, in the order in which they are sent."""
        return 0

    def _rank_at(self, time_ns: int, callback: Callback) -> int:
        """Return the rank of what is due at a time, and is no delivery."""
        return 0

    def _waits_until(self, channel: Channel) -> int | None:
        """Return until when the first delivery of a channel gives way to others, None if it does not."""
        return None

    # --- channels -------------------------------------------------------------------------------------------------

    def _stream(self, name: str) -> Stream:
        return self._streams.get(f"order {self.order.strategy} {self.order.number} {name}")

    def _channel(self, name: str) -> Channel:
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(name, self._rank_of(name), self._turn)
        return channel

    def _carry(self, time_ns: int, callback: Callback, argument: Any, name: str) -> None:
        channel = self._channel(name)
        self.deliveries += 1
        arrival_ns = max(time_ns, self.now_ns)
        delivery = (arrival_ns, self._next_sequence(), self._hold_ns(channel), callback, argument)
        queue = channel.queue
        if not queue or delivery > queue[-1]:
            queue.append(delivery)
        else:
            insort(queue, delivery)  # It overtakes by itself: a link was cut, or a processor is through earlier.
        if queue[0] is delivery:
            self._busy[channel.name] = channel
            self._expect(channel, arrival_ns + delivery[2])

    def _expect(self, channel: Channel, time_ns: int) -> None:
        """Look at the first delivery of a channel at a time, or later in this instant."""
        channel.stamp += 1
        channel.at_ns = time_ns = max(time_ns, self.now_ns)
        self._push(time_ns, channel.rank, channel.queue[0][1], channel.look, channel.stamp)

    def _turn(self, channel: Channel) -> None:
        until_ns = self._waits_until(channel)
        if until_ns is not None:
            self._expect(channel, until_ns)
            return
        queue = channel.queue
        arrival_ns, _, _, callback, argument = queue.popleft()
        self.held += arrival_ns < self.now_ns
        if queue:
            self._expect(channel, queue[0][0] + queue[0][2])
        else:
            del self._busy[channel.name]
        callback(argument)

    def _next_sequence(self) -> int:
        self._sequence = sequence = self._sequence + 1
        return sequence

    def _push(self, time_ns: int, rank: int, sequence: int, callback: Callback, argument: Any) -> None:
        heappush(self._heap, (time_ns, (rank << _SEQUENCE_BITS) + sequence, callback, argument))

    def _lot(self, text: str) -> int:
        """Return a rank that this order draws for a text: the same one each time."""
        return int.from_bytes(blake2b(text.encode(), digest_size=4, salt=self._salt).digest(), "big") % _RANKS


class RandomOrder(ExploringScheduler):
    """Holds some deliveries back, and casts lots at one time."""

    __slots__ = ("_draws",)

    def __init__(self, order: Order, streams: Streams) -> None:
        super().__init__(order, streams)
        self._draws: dict[str, Stream] = {}

    def _rank_of(self, name: str) -> int:
        self._draws[name] = self._stream(name)
        return 0

    def _hold_ns(self, channel: Channel) -> int:
        stream = self._draws[channel.name]
        if not stream.chance(1, _HOLDS_ONE_IN):
            return 0
        return stream.below((self.order.hold_ns >> stream.below(_SCALES)) + 1)

    def _rank_at(self, time_ns: int, callback: Callback) -> int:
        return self._lot(f"{time_ns} {name_of(callback)}")


class PriorityOrder(ExploringScheduler):
    """Goes by priorities, some of which change. `changes` counts these changes so far, `steps` the deliveries made."""

    __slots__ = ("_points", "changes", "steps")

    def __init__(self, order: Order, streams: Streams) -> None:
        super().__init__(order, streams)
        stream = self._stream("change points")
        self.steps = self.changes = 0
        # Of two changes at one step the later one counts, as if it had come right after the other.
        self._points = {1 + stream.below(order.steps): _RANKS + each for each in range(order.depth - 1)}

    def _rank_of(self, name: str) -> int:
        return self._lot(name)

    def _rank_at(self, time_ns: int, callback: Callback) -> int:
        return self._lot(name_of(callback))

    def _waits_until(self, channel: Channel) -> int | None:
        arrival_ns, sequence, _, _, _ = channel.queue[0]
        patience_ns = arrival_ns + self.order.hold_ns
        rival_ns = self._first_rival_ns(channel)
        if channel.counted != sequence and (rival_ns is None or rival_ns > patience_ns):
            self._count_step(channel, sequence)
            rival_ns = self._first_rival_ns(channel)
        return None if rival_ns is None or rival_ns > patience_ns else rival_ns

    def _first_rival_ns(self, channel: Channel) -> int | None:
        """Return when the next channel of a higher priority has its turn."""
        rank = channel.rank
        return min((each.at_ns for each in self._busy.values() if each.rank < rank), default=None)

    def _count_step(self, channel: Channel, sequence: int) -> None:
        """The delivery is next: now its channel may lose its priority."""
        channel.counted = sequence
        self.steps += 1
        rank = self._points.get(self.steps)
        if rank is not None:
            channel.rank = rank
            self.changes += 1


class DelayBoundedOrder(ExploringScheduler):
    """Takes the default order, but for a few deliveries."""

    __slots__ = ("_holds",)

    def __init__(self, order: Order, streams: Streams) -> None:
        super().__init__(order, streams)
        stream = self._stream("delays")
        self._holds = {1 + stream.below(order.steps): stream.below(order.hold_ns + 1) for _ in range(order.depth)}

    def _hold_ns(self, channel: Channel) -> int:
        return self._holds.get(self.deliveries, 0)


_SCHEDULERS: dict[str, type[ExploringScheduler]] = {
    "random": RandomOrder,
    "pct": PriorityOrder,
    "delay-bounded": DelayBoundedOrder,
}


def make_scheduler(order: Order | None, streams: Streams) -> Scheduler:
    """Return the scheduler of an order, that of the default one without. Raises InvalidInput for no order at all."""
    if order is None:
        return Scheduler()
    check_order(order)
    return _SCHEDULERS[order.strategy](order, streams)
