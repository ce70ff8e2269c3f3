"""What the gateway that runs a plan asks of the leaders of shards, and what these answer."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.transactions.values import Span, TransactionId
from PhantomLibrary.sql.catalog import Stored
from PhantomLibrary.sql.plans import Fragment

Row: TypeAlias = tuple[Stored, ...]


class CursorId(Struct, frozen=True, gc=False, array_like=True):
    """One run of a fragment at one place: a gateway gives each a number of its own, never twice."""

    node: NodeId
    number: int


class Input(Struct, frozen=True, gc=False, array_like=True):
    """Rows of an earlier fragment that come along with the one that takes them."""

    number: int
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


# --- questions ------------------------------------------------------------------------------------------------------


class RunFragment(Struct, frozen=True, array_like=True, tag="run fragment"):
    """Run a fragment on what the spans held at a time, as a ReadAt would read them; answer with the first chunk.

    `own` are rows that the transaction has written there, None where it has deleted one.
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


class FetchChunk(Struct, frozen=True, gc=False, array_like=True, tag="fetch chunk"):
    """Ask for a chunk of what a fragment yielded: the next one, or again the one before."""

    cursor: CursorId
    chunk: int


class CloseCursors(Struct, frozen=True, gc=False, array_like=True, tag="close cursors"):
    """Nobody will ask for more of these."""

    cursors: tuple[CursorId, ...]


FragmentQuestion: TypeAlias = RunFragment | FetchChunk | CloseCursors

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


class CursorGone(Struct, frozen=True, gc=False, array_like=True, tag="cursor gone"):
    """This leader knows nothing of the cursor: it was another's, or nobody has asked for too long."""


class FragmentFailed(Struct, frozen=True, gc=False, array_like=True, tag="fragment failed"):
    """The fragment has no answer: `state` is an SQLSTATE (see sql/errors.py)."""

    state: str
    reason: str


FragmentAnswer: TypeAlias = Chunk | StillWorking | CursorGone | FragmentFailed
