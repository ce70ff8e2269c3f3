"""What transactions are made of: who they are, what they read and write, what shards are asked and what they answer.

Words, as in the literature: the *coordinator* is the gateway at which a client runs a transaction; *participants* are
the shards it touches; its *record*, which alone decides, lies in the shard of its first written key, the *anchor*.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import Append, Delete, Increment, Isolation, NodeId, Put, ShardId
from PhantomLibrary.domain.rows import is_global, table_of

Write: TypeAlias = Put | Append | Increment | Delete
"""Writes are carried as what they do, and become values where they are prepared."""


class TransactionId(Struct, frozen=True, gc=False, array_like=True, order=True):
    """Ordered by age: the smaller one began earlier. `node` runs it; `number` is never used twice there."""

    begun_ns: int
    node: NodeId
    number: int

    def __str__(self) -> str:
        return f"{self.node}/{self.number & 0xFFFFFFFF}"


class Span(Struct, frozen=True, gc=False, array_like=True):
    """The keys in [start, end); `end` "" means no end. With a table, only its rows.

    Of what every shard has a copy of nothing is in a span, unless the span begins there.
    """

    start: str
    end: str
    table: int = 0

    @property
    def is_key(self) -> bool:
        """Whether it is the span of the key `start` alone."""
        return self.end == self.start + "\0"

    @property
    def is_everywhere(self) -> bool:
        """Whether every shard has a copy of what is in it."""
        return is_global(self.start)

    def contains(self, key: str) -> bool:
        if self.start > key or (self.end and key >= self.end):
            return False
        if is_global(key) and not self.is_everywhere:
            return False
        return not self.table or table_of(key) == self.table


def span_of(key: str) -> Span:
    """Return the span of one key alone."""
    return Span(key, key + "\0")


# --- commands, in a shard's log -------------------------------------------------------------------------------------


class Prepare(Struct, frozen=True, gc=False, array_like=True, tag="prepare"):
    """Promise to commit these writes if told so, having seen that nothing stands against it.

    `reads` are to be unchanged since the snapshot (at serializable alone). At the anchor `participants` names all
    shards. With `one_phase` this is the only shard, and the transaction commits at once. `locked` says since when, by
    its leader's clock, each key is locked: at read committed, where nobody may have written it from then on.
    """

    transaction: TransactionId
    isolation: Isolation
    snapshot_ns: int
    writes: tuple[Write, ...]
    reads: tuple[Span, ...]
    anchor: ShardId
    participants: tuple[ShardId, ...] = ()
    one_phase: bool = False
    locked: tuple[tuple[str, int], ...] = ()


class Decide(Struct, frozen=True, gc=False, array_like=True, tag="decide"):
    """The coordinator's decision, for the record. It stands unless the record was decided otherwise before."""

    transaction: TransactionId
    commits: bool
    commit_ns: int
    participants: tuple[ShardId, ...]


class Resolve(Struct, frozen=True, gc=False, array_like=True, tag="resolve"):
    """What was decided, for a participant: its writes become versions at `commit_ns`, or vanish."""

    transaction: TransactionId
    commits: bool
    commit_ns: int


class Inquire(Struct, frozen=True, gc=False, array_like=True, tag="inquire"):
    """Somebody in doubt asks the anchor. A record that nobody decided for too long is aborted now."""

    transaction: TransactionId


class Forget(Struct, frozen=True, gc=False, array_like=True, tag="forget"):
    """All participants have acted on the decisions: these records are not needed any more."""

    transactions: tuple[TransactionId, ...]


class RaiseFence(Struct, frozen=True, gc=False, array_like=True, tag="raise fence"):
    """Reads up to this time may be served: whoever leads later gives later timestamps to writes."""

    until_ns: int


TransactionCommand: TypeAlias = Prepare | Decide | Resolve | Inquire | Forget | RaiseFence

# --- answers --------------------------------------------------------------------------------------------------------


class Prepared(Struct, frozen=True, gc=False, array_like=True, tag="prepared"):
    """The participant can commit at this time or any later one, and nobody else gets in between."""

    at_ns: int


class Conflict(Struct, frozen=True, gc=False, array_like=True, tag="conflict"):
    """It cannot be: another transaction, prepared or committed, stands against it. `holder` is one in doubt still."""

    reason: str
    holder: TransactionId | None = None


class Ended(Struct, frozen=True, gc=False, array_like=True, tag="ended"):
    """It is decided. `commit_ns` is 0 unless it committed."""

    committed: bool
    commit_ns: int


class Undecided(Struct, frozen=True, gc=False, array_like=True, tag="undecided"):
    """Its coordinator may yet decide: ask again later. To a prepare or a decision: nobody here knows how it ended."""


class Done(Struct, frozen=True, gc=False, array_like=True, tag="acted"):
    """It is so now, or was so already."""


TransactionAnswer: TypeAlias = Prepared | Conflict | Ended | Undecided | Done

RecordState: TypeAlias = Literal["ACTIVE", "COMMITTED", "ABORTED"]


class Part(Struct, frozen=True, gc=False, array_like=True):
    """What a participant has promised. `values` are (key, value), None to delete it.

    It commits no earlier than `prepared_ns`. `promised_ns` is when the earlier of two parts was promised that have
    become one, 0 where there was one only. It `lacks_copy` where what is to be written everywhere had not been promised
    by a shard that was taken over: whether it could have been nobody knows any more.
    """

    prepared_ns: int
    values: tuple[tuple[str, str | None], ...]
    reads: tuple[Span, ...]
    anchor: ShardId
    promised_ns: int = 0
    lacks_copy: bool = False


class Record(Struct, frozen=True, gc=False, array_like=True):
    """The record of a transaction. Its participants are kept until all of them have acted on the decision.

    `begun_ns` is when the anchor prepared, 0 at a participant that has but to pass the decision on to shards that were
    split off from it: see sharing.py.
    """

    state: RecordState
    commit_ns: int
    participants: tuple[ShardId, ...]
    begun_ns: int
