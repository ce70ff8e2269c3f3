"""What goes over a link: messages with all that is computed once for each, and the records of what became of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from PhantomLibrary.kernel.process import TurnedAway
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.trace import Happening, Trace

# What a message adds to a link's tally, beside its size: messages and bytes are counted in one sum.
ONE_MESSAGE = 1 << 48

# (message, its JSON body, ONE_MESSAGE + its size in bytes, nanoseconds of processor time that handling it costs)
Parcel: TypeAlias = tuple[Any, bytes, int, int]
Kinds: TypeAlias = Callable[[Any], tuple[str, ...]]


class Wire:
    """Encodes each message once, even if it is sent to several targets in a row, and writes the trace.

    `last` is the latest parcel: a sender whose message is that very object need not pack it again.
    """

    __slots__ = ("_add", "_cost_ns", "_encode", "_scheduler", "last")

    def __init__(
        self,
        scheduler: Scheduler,
        trace: Trace | None,
        encode: Callable[[Any], bytes],
        cost_ns: Callable[[Any, int], int] | None,
    ) -> None:
        self._scheduler = scheduler
        self._add = None if trace is None else trace.add
        self._encode = encode
        self._cost_ns = cost_ns or _nothing
        self.last: Parcel = (self, b"", 0, 0)  # No message is this object.

    @property
    def add_record(self) -> Callable[[Happening], None] | None:
        """The trace's `add`, or None when nothing is traced."""
        return self._add

    def pack(self, message: Any) -> Parcel:
        body = self._encode(message)
        size = len(body)
        self.last = parcel = (message, body, ONE_MESSAGE + size, self._cost_ns(message, size))
        return parcel

    def event_cost_ns(self) -> int:
        """Return what a deadline or a sync that comes back costs: that of no message, of no size."""
        return self._cost_ns(None, 0)

    def refusal_cost_ns(self) -> int:
        """Return what a message costs that its process has refused unread."""
        return self._cost_ns(TurnedAway(), 0)

    @property
    def has_costs(self) -> bool:
        """Whether processors take time at all."""
        return self._cost_ns is not _nothing

    def record_loss(self, prefix: bytes, parcel: Parcel, cause: str) -> None:
        """Trace a message that will not arrive. `prefix` names its ends, as `route_prefix` makes it."""
        if self._add is not None:
            lost = b',"lost":"%b"' % cause.encode()
            self._add((self._scheduler.now_ns, prefix[:-5] + lost + prefix[-5:], parcel[1]))

    def record_node(self, node: str, event: str) -> None:
        """Trace what happened to a node."""
        if self._add is not None:
            self._add((self._scheduler.now_ns, b',"node":"%b","did":"%b"' % (node.encode(), event.encode()), b""))


def _nothing(_message: Any, _size: int) -> int:
    return 0


def route_prefix(source: str, target: str) -> bytes:
    """Return the part of a record between its time and its message."""
    return b',"from":"%b","to":"%b","m":' % (source.encode(), target.encode())


def kinds_of(message: Any) -> tuple[str, ...]:
    """Return the names a message goes by: its class, and the tag it has on the wire."""
    kind = type(message)
    tag = getattr(getattr(kind, "__struct_config__", None), "tag", None)
    return (kind.__name__,) if tag is None or tag == kind.__name__ else (kind.__name__, str(tag))


def same_kind(kind: str, names: tuple[str, ...]) -> bool:
    """Return whether a kind as people write it (`append entries`, `all`) means one of these names."""
    wanted = _plain(kind)
    return wanted == "all" or any(wanted == _plain(name) for name in names)


def _plain(name: str) -> str:
    return name.lower().replace(" ", "").replace("_", "").replace("-", "")
