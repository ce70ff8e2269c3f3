"""What the gateway that runs a transaction asks of the leaders of shards, beside what they replicate."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.database.regions.messages import Position, RegionQuestion
from PhantomLibrary.database.sql.messages import FragmentAnswer, FragmentQuestion
from PhantomLibrary.domain import Isolation, ShardId
from PhantomLibrary.protocols.transactions.deadlocks import Probe, Victim
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Done,
    Span,
    TransactionAnswer,
    TransactionCommand,
    TransactionId,
)

# --- questions ------------------------------------------------------------------------------------------------------


class ReadAt(Struct, frozen=True, gc=False, array_like=True, tag="read at"):
    """Read spans as they were at a time.

    What was written after that and until `limit_ns` may have been there when the transaction began, for all that its
    gateway's clock can tell; but nothing promised later than `met_ns`, the clock of this leader when the transaction
    first came to it, in the term `met_term` (0 for never).
    """

    transaction: TransactionId
    spans: tuple[Span, ...]
    at_ns: int
    limit_ns: int
    met_ns: int
    met_term: int


class CheckUnchanged(Struct, frozen=True, gc=False, array_like=True, tag="check unchanged"):
    """Ask whether spans that were read at one time are the same at a later one, and will be."""

    transaction: TransactionId
    spans: tuple[Span, ...]
    from_ns: int
    at_ns: int


class LockKeys(Struct, frozen=True, gc=False, array_like=True, tag="lock keys"):
    """Ask for the locks of keys that are going to be written, one after the other: the answer is about the first that
    cannot be had.
    """

    transaction: TransactionId
    keys: tuple[str, ...]
    isolation: Isolation
    snapshot_ns: int


class ReleaseLocks(Struct, frozen=True, gc=False, array_like=True, tag="release locks"):
    """A transaction is over here: it gives up its locks, and its places in queues."""

    transaction: TransactionId


TransactionQuestion: TypeAlias = ReadAt | CheckUnchanged | LockKeys | ReleaseLocks | FragmentQuestion
ShardWork: TypeAlias = TransactionCommand | TransactionQuestion | RegionQuestion

# --- answers --------------------------------------------------------------------------------------------------------


class Rows(Struct, frozen=True, gc=False, array_like=True, tag="rows"):
    """What spans held. `clock_ns` and `term` are the leader's when it answered."""

    rows: tuple[tuple[str, str], ...]
    clock_ns: int
    term: int


class Uncertain(Struct, frozen=True, gc=False, array_like=True, tag="uncertain"):
    """Something was written so shortly after the time asked for that it may have been there before: read at `at_ns`."""

    at_ns: int
    clock_ns: int
    term: int


class Locked(Struct, frozen=True, gc=False, array_like=True, tag="locked"):
    """The locks are held now. `written_ns` is when any of the keys was written since the snapshot, 0 for never: at read
    committed that is no conflict.
    """

    clock_ns: int
    term: int
    written_ns: int = 0


class Waiting(Struct, frozen=True, gc=False, array_like=True, tag="waiting"):
    """Others have the lock, or wait for it before this one. A LockGranted follows, unless the leader changes."""

    holders: tuple[TransactionId, ...]
    clock_ns: int
    term: int


class WrittenSince(Struct, frozen=True, gc=False, array_like=True, tag="written since"):
    """The key was written at `at_ns`, after the snapshot: first updater wins, unless the snapshot can move up there.

    This shard promised it at `promised_ns`.
    """

    key: str
    at_ns: int
    promised_ns: int
    clock_ns: int
    term: int


class TooOld(Struct, frozen=True, gc=False, array_like=True, tag="too old"):
    """Versions of that time may be gone."""


QuestionAnswer: TypeAlias = (
    Rows | Uncertain | Locked | Waiting | WrittenSince | TooOld | Done | Conflict | FragmentAnswer
)
ShardAnswer: TypeAlias = QuestionAnswer | TransactionAnswer | Position

# --- between nodes --------------------------------------------------------------------------------------------------


class LockGranted(Struct, frozen=True, gc=False, array_like=True, tag="lock granted"):
    """To the node that runs it: a lock that a transaction waited for is its own now."""

    transaction: TransactionId
    shard: ShardId
    key: str


class Meet(Struct, frozen=True, gc=False, array_like=True, tag="meet"):
    """To a node that may lead: a transaction takes its snapshot now, and asks for the clock there."""

    transaction: TransactionId


class Met(Struct, frozen=True, gc=False, array_like=True, tag="met"):
    """The answer: the clock of a node that leads these shards, in these terms, and has promised nothing later yet."""

    transaction: TransactionId
    clock_ns: int
    leaderships: tuple[tuple[ShardId, int], ...]


TransactionMessage: TypeAlias = LockGranted | Probe | Victim | Meet | Met
TRANSACTION_MESSAGES = frozenset((LockGranted, Probe, Victim, Meet, Met))
