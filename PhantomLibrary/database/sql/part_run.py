"""One part of a fragment, at one leader: asked for, fetched chunk by chunk, and run again where its leader is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias

from PhantomLibrary.database.calls import Moved
from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.database.sql.chunks import bytes_of, chunked
from PhantomLibrary.database.sql.messages import (
    Chunk,
    CloseCursors,
    CursorGone,
    CursorId,
    Deliver,
    Delivered,
    Expected,
    FetchChunk,
    FragmentFailed,
    Input,
    InputsGone,
    NotHere,
    Row,
    RunFragment,
    Source,
    StillWorking,
    Taken,
    Undelivered,
)
from PhantomLibrary.database.sql.together import RestartError
from PhantomLibrary.database.transactions.messages import ShardAnswer, ShardWork, TooOld, Uncertain
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import RolledBackError, Script
from PhantomLibrary.domain import Answer, Observation, OutcomeUnknown, Put, Refused, ShardId
from PhantomLibrary.domain.rows import CATALOG_KEY, global_span, table_of
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.transactions.values import Span
from PhantomLibrary.sql.catalog import Catalog
from PhantomLibrary.sql.engine import Engine
from PhantomLibrary.sql.errors import SqlError
from PhantomLibrary.sql.plans import Fragment, Measured

Workers: TypeAlias = tuple[tuple[ShardId, CursorId], ...]
"""The inboxes at which workers await rows; none where rows come to the coordinator."""


class RunnerHost(Protocol):
    """The manager of transactions on a node."""

    clock: HybridClock
    config: DatabaseConfig

    @property
    def node(self) -> str: ...
    @property
    def routes(self) -> Routes: ...
    def monotonic_ns(self) -> int: ...
    def show(self, observation: Observation) -> None: ...
    def work(self, cost_ns: int) -> None:
        """Charge the processor with more than what is handled costs anyway."""

    def call_at(self, at_ns: int, action: Callable[[], object]) -> None: ...
    def need_map(self, resume: Callable[[Any], object]) -> None: ...
    def ask(self, shard: ShardId, work: ShardWork, resume: Callable[[Answer | ShardAnswer], object]) -> None: ...


class Snapshots(Protocol):
    """What looks after the snapshots of transactions: see transactions/statements.py."""

    def learn_map(self) -> Script: ...
    def meet(self, transaction: OpenTransaction, shard: ShardId, answer: Any) -> None: ...
    def move_up(self, transaction: OpenTransaction, at_ns: int) -> Script: ...


class Runner(Protocol):
    """The runner of all plans of a node."""

    host: RunnerHost
    snapshots: Snapshots

    def next_cursor(self) -> CursorId: ...
    def take_engine(self) -> Engine: ...
    def give_back(self, engine: Engine) -> None: ...


class MovedUpError(RestartError):
    """What is read has to be read at a later time."""

    def __init__(self, at_ns: int) -> None:
        super().__init__()
        self.at_ns = at_ns


class PartMovedError(RestartError):
    """The shard does not hold the keys any more that the part is about."""


class InputsLostError(RestartError):
    """What was delivered to a worker is gone."""


class Account(Protocol):
    """What keeps count of a plan's parts."""

    measured: dict[int, Measured]

    def take(self, fragment: int, size: int) -> None: ...


class PartRun:
    """Runs the parts of one plan, for one transaction at one snapshot."""

    def __init__(self, runner: Runner, transaction: OpenTransaction, catalog: Catalog, account: Account) -> None:
        self._runner = runner
        self._host = runner.host
        self._transaction = transaction
        self._at_ns = transaction.snapshot_ns
        self._everywhere = frozenset(each.number for each in catalog.tables if each.sharding.kind == "everywhere")
        # Shards know the schema that was committed; of one that is not they have to be told.
        self._defined = catalog.tables if any(each.key == CATALOG_KEY for each in transaction.writes) else ()
        self._account = account
        self._own = _own_rows(transaction)
        self._open: dict[CursorId, ShardId] = {}

    def open(self, shard: ShardId) -> CursorId:
        """Return a number for a cursor or an inbox at a shard, which is to be closed in the end."""
        cursor = self._runner.next_cursor()
        self._open[cursor] = shard
        return cursor

    def close(self) -> None:
        """Close what is open."""
        by_shard: dict[ShardId, list[CursorId]] = {}
        for cursor, shard in self._open.items():
            by_shard.setdefault(shard, []).append(cursor)
        self._open.clear()
        for shard, cursors in by_shard.items():
            self._host.ask(shard, CloseCursors(tuple(cursors)), lambda _answer: None)

    def run(
        self,
        fragment: Fragment,
        shard: ShardId,
        span: Span,
        inputs: Sequence[Input],
        inbox: CursorId | None,
        expected: tuple[Expected, ...],
        workers: Workers,
    ) -> Script:
        """Return the rows of a fragment in a span that one shard holds; with workers, what those were given.

        Raises PartMovedError, InputsLostError, MovedUpError.
        """
        measured = self._account.measured[fragment.number]
        measured.shards[shard] = None
        while True:
            place = inbox
            brought = expected
            alongside = tuple(inputs)
            if inputs and sum(bytes_of(each.rows) for each in inputs) > self._host.config.chunk_bytes:
                place = place or self.open(shard)
                brought = (*expected, *(yield from self._bring(shard, place, inputs)))
                alongside = ()
            question = self._question(fragment, shard, span, alongside, place, brought, workers)
            outcome = yield from self._fetch(fragment, shard, question)
            if outcome is not None:
                return outcome
            if inbox is not None:
                raise InputsLostError
            measured.restarts += 1

    def _fetch(self, fragment: Fragment, shard: ShardId, question: RunFragment) -> Script:
        """Return what a part yields, None where its leader or what it was given is gone."""
        rows: list[Row] = []
        taken = 0
        wanted: ShardWork = question
        while True:
            answer = yield partial(self._host.ask, shard, wanted)
            match answer:
                case Chunk():
                    self._runner.snapshots.meet(self._transaction, shard, answer)
                    if not answer.number:
                        taken = answer.bytes_total
                        self._account.take(fragment.number, taken)
                    rows += answer.rows
                    if answer.is_last:
                        self._done(fragment, question, answer)
                        return rows
                    wanted = self._next(question.cursor, answer)
                case Delivered():
                    self._account.measured[fragment.number].units += answer.units
                    return answer
                case StillWorking():
                    self._runner.snapshots.meet(self._transaction, shard, answer)
                    wanted = FetchChunk(question.cursor, 0)
                case CursorGone() | InputsGone():
                    self._account.take(fragment.number, -taken)
                    del self._open[question.cursor]
                    return None
                case Moved() | NotHere():
                    del self._open[question.cursor]
                    raise PartMovedError
                case Uncertain():
                    self._runner.snapshots.meet(self._transaction, shard, answer)
                    raise MovedUpError(answer.at_ns)
                case _:
                    raise failed(answer, shard)

    def _next(self, cursor: CursorId, chunk: Chunk) -> ShardWork:
        return FetchChunk(cursor, chunk.number + 1)

    def _done(self, fragment: Fragment, question: RunFragment, last: Chunk) -> None:
        measured = self._account.measured[fragment.number]
        measured.bytes += last.bytes_total
        measured.units += last.units
        if not last.number:
            del self._open[question.cursor]  # It was kept for no longer than it took to answer.

    def _question(
        self,
        fragment: Fragment,
        shard: ShardId,
        span: Span,
        inputs: tuple[Input, ...],
        inbox: CursorId | None,
        expected: tuple[Expected, ...],
        workers: Workers,
    ) -> RunFragment:
        transaction = self._transaction
        met_term, met_ns = transaction.met.get(shard, (0, 0))
        spans = tuple(self.spans(fragment, span))
        own = tuple((key, value) for key, value in self._own.items() if any(each.contains(key) for each in spans))
        defined = tuple(each for each in self._defined if each.number in fragment.tables)
        cursor = self.open(shard)
        limit_ns = transaction.limit_ns
        return RunFragment(
            transaction.id, cursor, fragment, spans, self._at_ns, limit_ns, met_ns, met_term,
            own, inputs, inbox, expected, workers, defined,
        )  # fmt: skip

    def spans(self, fragment: Fragment, span: Span) -> Iterator[Span]:
        """Yield what a part reads: of tables that are sharded their rows in a span, of others all."""
        for number in fragment.tables:
            if number in self._everywhere:
                yield Span(*global_span(number), number)
            else:
                yield Span(span.start, span.end, number)

    def _bring(self, shard: ShardId, inbox: CursorId, inputs: Sequence[Input]) -> Script:
        """Deliver inputs that are too long to come along, a chunk at a time; return what is to be expected."""
        source = Source(self._runner.next_cursor(), 0, 0)
        expected = []
        for each in inputs:
            chunks = chunked(each.rows, self._host.config.chunk_bytes)
            for number, (rows, size) in enumerate(chunks):
                answer = yield partial(self._host.ask, shard, Deliver(inbox, each.number, source, number, rows, size))
                if not isinstance(answer, Taken):
                    raise failed(answer, shard)
                self._account.measured[each.number].bytes += size
            expected.append(Expected(each.number, each.columns, each.indexes, source, len(chunks)))
        return expected


def failed(answer: Any, shard: ShardId = 0) -> Exception:
    """Return what a statement fails with when it is answered so."""
    if isinstance(answer, FragmentFailed):
        return SqlError(answer.state, answer.reason)
    if isinstance(answer, TooOld):
        return RolledBackError("it is so old that what it is to read may be gone")
    if isinstance(answer, Undelivered):
        return RolledBackError(f"shard {answer.shard} could not be asked: {answer.reason}")
    reason = answer.reason if isinstance(answer, (Refused, OutcomeUnknown)) else f"it answered {answer}"
    return RolledBackError(f"shard {shard} could not be asked: {reason}")


def _own_rows(transaction: OpenTransaction) -> dict[str, str | None]:
    """Return the rows that a transaction is going to write, as they stand now: None where one is deleted."""
    return {
        write.key: write.value if isinstance(write, Put) else None
        for write in transaction.writes
        if table_of(write.key) is not None
    }
