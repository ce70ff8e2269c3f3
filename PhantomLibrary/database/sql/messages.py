"""What the gateway that runs a plan asks of the leaders of shards, and what these answer."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.protocols.transactions.values import Span, TransactionId
from PhantomLibrary.sql.catalog import Stored, Table
from PhantomLibrary.sql.plans import Fragment, TableStatistics

Row: TypeAlias = tuple[Stored, ...]


class CursorId(Struct, frozen=True, gc=False, array_like=True):
    """One run of a fragment at one place: a gateway gives each a number of its own, never twice."""

    node: NodeId
    number: int


class Input(Struct, frozen=True, gc=False, array_like=True):
    """Rows of an earlier fragment that come along with the one that takes them."""

    number: int
    columns: tuple[str, ...]
    indexes: tuple[tuple[int, ...], ...]
    rows: tuple[Row, ...]


class Source(Struct, frozen=True, gc=False, array_like=True):
    """Who delivers rows: a run of a fragment, by the leader of a term, for the how many-th time."""

    cursor: CursorId
    term: int
    run: int


class Expected(Struct, frozen=True, gc=False, array_like=True):
    """What a source has delivered of an input, for a fragment that takes it."""

    number: int
    columns: tuple[str, ...]
    indexes: tuple[tuple[int, ...], ...]
    source: Source
    chunks: int


# --- questions ------------------------------------------------------------------------------------------------------


class RunFragment(Struct, frozen=True, array_like=True, tag="run fragment"):
    """Run a fragment on what the spans held at a time, as a ReadAt would read them; answer with the first chunk.

    `own` are rows that the transaction has written there, None where it has deleted one, and `defined` the tables
    as it has defined them, if it has changed the schema. Inputs come along, or were delivered to an `inbox` before.
    If there are `workers`, each with an inbox, what the fragment yields is delivered to them, and the answer says
    how much that was.
    """

    transaction: TransactionId
    cursor: CursorId
    fragment: Fragment
    spans: tuple[Span, ...]
    at_ns: int
    limit_ns: int
    met_ns: int
    met_term: int
    own: tuple[tuple[str, str | None], ...] = ()
    inputs: tuple[Input, ...] = ()
    inbox: CursorId | None = None
    expected: tuple[Expected, ...] = ()
    workers: tuple[tuple[ShardId, CursorId], ...] = ()
    defined: tuple[Table, ...] = ()


class Deliver(Struct, frozen=True, array_like=True, tag="deliver"):
    """Put a chunk of an input into an inbox. Whoever delivers waits for the answer before the next one."""

    inbox: CursorId
    number: int
    source: Source
    chunk: int
    rows: tuple[Row, ...]
    bytes: int


class FetchChunk(Struct, frozen=True, gc=False, array_like=True, tag="fetch chunk"):
    """Ask for a chunk of what a fragment yielded: the next one, or again the one before."""

    cursor: CursorId
    chunk: int


class CloseCursors(Struct, frozen=True, gc=False, array_like=True, tag="close cursors"):
    """Nobody will ask for more of these, nor for what is in these inboxes."""

    cursors: tuple[CursorId, ...]


class AskCounts(Struct, frozen=True, gc=False, array_like=True, tag="ask counts"):
    """Ask about how many rows of tables a shard has, what was promised until a time among them."""

    tables: tuple[int, ...]
    at_ns: int


FragmentQuestion: TypeAlias = RunFragment | Deliver | FetchChunk | CloseCursors | AskCounts

# --- answers --------------------------------------------------------------------------------------------------------


class Chunk(Struct, frozen=True, array_like=True, tag="chunk"):
    """Some rows of what a fragment yielded. `rows_total` and `bytes_total` are of all its chunks, `units` what it took
    to compute them.
    """

    number: int
    rows: tuple[Row, ...]
    is_last: bool
    rows_total: int
    bytes_total: int
    units: int
    clock_ns: int
    term: int


class StillWorking(Struct, frozen=True, gc=False, array_like=True, tag="still working"):
    """The fragment is not done: ask for its first chunk again."""

    clock_ns: int
    term: int


class Taken(Struct, frozen=True, gc=False, array_like=True, tag="taken"):
    """A chunk is in the inbox."""


class Delivered(Struct, frozen=True, gc=False, array_like=True, tag="delivered"):
    """All that a fragment yielded is in the inboxes of the workers: to each so many chunks."""

    source: Source
    chunks: tuple[int, ...]
    rows_total: int
    bytes_total: int
    units: int
    clock_ns: int
    term: int


class Undelivered(Struct, frozen=True, gc=False, array_like=True, tag="undelivered"):
    """A worker could not be reached."""

    shard: ShardId
    reason: str


class InputsGone(Struct, frozen=True, gc=False, array_like=True, tag="inputs gone"):
    """Not all that a fragment takes is here: some of it was delivered to an earlier leader."""


class NotHere(Struct, frozen=True, gc=False, array_like=True, tag="not here"):
    """This shard does not hold all that was asked for."""


class CursorGone(Struct, frozen=True, gc=False, array_like=True, tag="cursor gone"):
    """This leader knows nothing of the cursor: it was another's, or nobody has asked for too long."""


class Counts(Struct, frozen=True, array_like=True, tag="counts"):
    """What a shard has of each table that was asked about, in that order."""

    tables: tuple[TableStatistics, ...]


class FragmentFailed(Struct, frozen=True, gc=False, array_like=True, tag="fragment failed"):
    """The fragment has no answer: `state` is an SQLSTATE (see sql/errors.py)."""

    state: str
    reason: str


FragmentAnswer: TypeAlias = (
    Chunk | StillWorking | Taken | Delivered | Undelivered | InputsGone | NotHere | CursorGone | FragmentFailed | Counts
)
