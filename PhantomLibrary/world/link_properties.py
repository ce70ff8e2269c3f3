"""How a link treats its messages, and what a fault changes about that."""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.world.latency import Latency


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
