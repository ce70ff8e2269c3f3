"""What a table answers: what a read shows, and all of the table but its keys."""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.domain.region_policy import RegionPolicy, Seen, Vector
from PhantomLibrary.protocols.replication.change_log import OriginLog


class Shown(Struct, frozen=True, gc=False):
    """What a read shows: `value`, the last of `values`, of which there are several where siblings are kept.

    `context` counts what the key's value is made of, `deps` is what its writers had seen. With a `refusal` the value
    cannot be told, and this is why.
    """

    value: str | None = None
    values: tuple[str, ...] = ()
    context: Vector = ()
    deps: Seen = ()
    refusal: str = ""


class TableHead(Struct, frozen=True, array_like=True):
    """All of a table but its keys."""

    region: str
    policy: RegionPolicy
    vector: Vector
    last_ns: int
    known: Seen  # By region.
    stable: Vector
    heard: Vector  # Times.
    counts: Vector  # By kind of conflict.
    logs: list[OriginLog]
