"""What shards of different regions ask and answer, and the commands that come of it.

A `Batch` is put to the leader of the other region's shard like any question, may come there twice, and is replicated
there before it is answered.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import NodeId
from PhantomLibrary.domain.region_policy import RegionPolicy, Seen, Vector
from PhantomLibrary.domain.regions import Batch


class AskPosition(Struct, frozen=True, gc=False, array_like=True, tag="ask position"):
    """Ask a region's shard how much it has of what each region has written."""

    slot: str


class Position(Struct, frozen=True, gc=False, array_like=True, tag="position"):
    """The answer to `AskPosition`, and to a `Batch`: all that is applied, under which policy.

    `heard` says of other regions, in the order of names, how many nanoseconds ago all was here that they had written by
    then; those of which that is not known are left out.
    """

    vector: Vector
    policy: RegionPolicy
    heard: tuple[tuple[str, int], ...] = ()


RegionQuestion: TypeAlias = Batch | AskPosition

# --- what becomes of an attempt ---------------------------------------------------------------------------------------


class DoneHere(Struct, frozen=True, gc=False, array_like=True, tag="done here"):
    """It happened in this region. `seen` is what of the slots whoever hears of it has seen now."""

    value: str | None
    seen: Seen
    context: Vector = ()
    values: tuple[str, ...] = ()


class NotWritable(Struct, frozen=True, gc=False, array_like=True, tag="not writable"):
    """The region takes no writes under this policy. Neither this attempt happened nor an earlier one at this shard."""

    policy: RegionPolicy


class Behind(Struct, frozen=True, gc=False, array_like=True, tag="behind"):
    """The region lacks what the client has seen. The attempt did not happen; `reason` says how much is missing."""

    reason: str


class Awaited(Struct, frozen=True, gc=False, array_like=True, tag="awaited"):
    """It happened in this region, and is not confirmed: `reason` says which others have to have it as well."""

    reason: str


class Declined(Struct, frozen=True, gc=False, array_like=True, tag="declined"):
    """The attempt did not happen: it makes no sense, whoever is asked."""

    reason: str


RegionOutcome: TypeAlias = DoneHere | NotWritable | Behind | Awaited | Declined

# --- commands in the log of a region's shard --------------------------------------------------------------------------


class ReceiveBatch(Struct, frozen=True, gc=False, array_like=True, tag="receive batch"):
    """Apply what another region has written."""

    gateway: NodeId
    call: int
    batch: Batch


class AdoptPolicy(Struct, frozen=True, gc=False, array_like=True, tag="adopt policy"):
    """From here on this policy holds, if it is newer. Nobody waits for an answer."""

    policy: RegionPolicy
    gateway: NodeId = ""
    call: int = 0


RegionCommand: TypeAlias = ReceiveBatch | AdoptPolicy


def batch_bytes(batch: Batch) -> int:
    """Return about how many bytes a batch takes in a log, without encoding it."""
    return 64 + sum(64 + len(each.operation.key) + 24 * len(each.deps) for each in batch.changes)
