"""What the leader of a shard does for plans: it runs fragments on the image of its replica, and hands out what they
yield, a chunk at a time.

A fragment is let in as a read at a time is (see transactions/desk.py). Its rows are computed at once, for the image
moves on with the store; they are kept as a *cursor*, from which the coordinator takes chunks as it can use them, or
are delivered to the workers that go on with them. A cursor is this leader's alone. Where it is gone, the coordinator
has the fragment run again, at the same time.

What it takes to compute them, and to bring the image up to date before, is charged to the node's processor, in
slices if it is long: a coordinator that waits for more is told that the work goes on, so that it need not take this
leader for dead, and others get their turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from msgspec import Struct

from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.costs import fragment_cost_ns, units_in
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import Outcome, ShardRequest, Told
from PhantomLibrary.database.routes import row_range
from PhantomLibrary.database.sql.chunks import chunked
from PhantomLibrary.database.sql.delivering import DeliveringDesk, Delivery, shares_of
from PhantomLibrary.database.sql.inboxes import Inboxes
from PhantomLibrary.database.sql.messages import (
    AskCounts,
    Chunk,
    CloseCursors,
    Counts,
    CursorGone,
    CursorId,
    Deliver,
    Delivered,
    Expected,
    FetchChunk,
    FragmentAnswer,
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
from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.domain.rows import is_global
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.transactions.values import Done, Span
from PhantomLibrary.sql.engine import with_tables
from PhantomLibrary.sql.errors import OUT_OF_MEMORY, SqlError
from PhantomLibrary.sql.image import Image, NoTableError

_SLICE_NS = 2 * MILLISECOND_NS
"""So much work at most is charged to one message."""


class FragmentDesk(DeliveringDesk, Protocol):
    """The leader."""

    machine: ShardMachine
    clock: HybridClock

    @property
    def term(self) -> int: ...
    def monotonic_ns(self) -> int: ...
    def answer(self, request: ShardRequest, outcome: Outcome) -> None: ...
    def work(self, cost_ns: int) -> None:
        """Charge the processor with more than the message that is handled costs anyway."""


class Cursor(Struct):
    """What a fragment has yielded, and how much of its work is still to be charged."""

    chunks: list[tuple[tuple[Row, ...], int]]
    rows: int
    bytes: int
    units: int
    owed_ns: int
    asked_ns: int
    delivery: Delivery | None = None
    source: Source | None = None
    waiting: ShardRequest | None = None  # Who is to be told when all is delivered.
    outcome: FragmentAnswer | None = None  # What he is told, when it is known.


class FragmentHost:
    """One leader's, for one term. `image_type` and the methods that choose are what defects replace."""

    image_type: type[Image] = Image

    def __init__(self, desk: FragmentDesk, config: DatabaseConfig) -> None:
        self._desk = desk
        self._config = config
        self._cursors: dict[CursorId, Cursor] = {}
        self._inboxes = Inboxes()
        self._closed: dict[CursorId, int] = {}  # When: what comes late for them is not taken up any more.
        self._runs = 0
        self._fed_units = 0  # What it took to bring rows and index entries into the image, and is still to be charged.

    @property
    def is_busy(self) -> bool:
        """Whether anything is kept here."""
        return bool(self._cursors or len(self._inboxes))

    @property
    def bytes(self) -> int:
        """How many bytes are kept here for coordinators."""
        return sum(cursor.bytes for cursor in self._cursors.values()) + self._inboxes.bytes

    def image(self) -> Image:
        """Return the image of the replica as it is now."""
        machine = self._desk.machine
        image = machine.image
        if image is None or not self._is_image_of(image, machine):
            image = machine.image = self.image_type(machine.store)
        before = image.engine.units
        image.refresh()
        self._fed_units += image.engine.units - before
        return image

    def _is_image_of(self, image: Image, machine: ShardMachine) -> bool:
        return image.store is machine.store

    # --- requests ---------------------------------------------------------------------------------------------------

    def take(self, request: ShardRequest, clock_ns: int) -> None:
        """Take a request that reads nothing of the shard."""
        work: Any = request.operation
        match work:
            case FetchChunk():
                self._fetch(request, work, clock_ns)
            case Deliver() if work.inbox in self._closed:
                self._answer(request, CursorGone())
            case Deliver():
                has_room = self._inboxes.take(work, self._desk.monotonic_ns(), self._config.query_memory_bytes)
                self._answer(request, Taken() if has_room else self._too_large("what a worker is to take"))
            case AskCounts():
                image = self.image()
                before = image.engine.units
                counts = tuple(image.statistics(number) for number in work.tables)
                self._desk.work(fragment_cost_ns(image.engine.units - before, 0, 0))
                self._answer(request, Counts(counts))
            case CloseCursors():
                self._close(work.cursors)
                self._desk.answer(request, Told(Done()))

    def look(self) -> None:
        """Forget what nobody has asked for in a long time."""
        oldest_ns = self._desk.monotonic_ns() - self._config.cursor_idle_ns
        for identity in [each for each, cursor in self._cursors.items() if cursor.asked_ns < oldest_ns]:
            self._drop(identity)
        self._inboxes.look(oldest_ns)

    def _close(self, cursors: Sequence[CursorId]) -> None:
        now_ns, closed = self._desk.monotonic_ns(), self._closed
        while closed and next(iter(closed.values())) < now_ns - self._config.cursor_idle_ns:
            del closed[next(iter(closed))]
        for identity in cursors:
            self._drop(identity)
            self._inboxes.close(identity)
            closed[identity] = now_ns

    def _drop(self, identity: CursorId) -> None:
        cursor = self._cursors.pop(identity, None)
        if cursor is not None and cursor.delivery is not None:
            cursor.delivery.cancel()

    def _answer(self, request: ShardRequest, answer: FragmentAnswer) -> None:
        self._desk.answer(request, Told(answer))

    # --- whether a fragment may run ---------------------------------------------------------------------------------

    def written_between(self, work: RunFragment, until_ns: int, promised_ns: int) -> int:
        """Return when anything that a fragment reads was last written after its time, up to `until_ns`, if that was
        promised by then; 0 for never.
        """
        image, store, latest_ns = self.image(), self._desk.machine.store, 0
        for number in work.fragment.tables:
            for key in image.written_since(number, work.at_ns):
                if any(span.contains(key.decode()) for span in work.spans):
                    latest_ns = max(latest_ns, store.written_between(key, work.at_ns, until_ns, promised_ns))
        return latest_ns

    # --- running it -------------------------------------------------------------------------------------------------

    def run(self, request: ShardRequest, work: RunFragment, clock_ns: int) -> None:
        """Run a fragment, unless that is done already; answer with its first chunk, or when all is delivered."""
        cursor = self._cursors.get(work.cursor)
        if work.cursor in self._closed:
            self._answer(request, CursorGone())
            return
        if not self._holds(work.spans):
            self._answer(request, NotHere())
            return
        if cursor is None:
            try:
                cursor = self._compute(work)
            except SqlError as error:
                self._answer(request, FragmentFailed(error.state, error.reason))
                return
            if cursor is None:
                self._answer(request, InputsGone())
                return
            self._cursors[work.cursor] = cursor
        self._go_on(request, work.cursor, cursor, 0, clock_ns)

    def _fetch(self, request: ShardRequest, work: FetchChunk, clock_ns: int) -> None:
        cursor = self._cursors.get(work.cursor)
        if cursor is None:
            self._answer(request, CursorGone())
        else:
            self._go_on(request, work.cursor, cursor, work.chunk, clock_ns)

    def _compute(self, work: RunFragment) -> Cursor | None:
        """Return what a fragment yields, None if not all of its inputs are here."""
        inputs = self._inputs(work)
        if inputs is None:
            return None
        image, fragment = self.image(), work.fragment
        engine = image.engine
        own = image.lay_over(work.own, work.defined)
        filled: list[str] = []
        before = engine.units
        try:
            bounds = self._bounds(work.spans)
            image.set_moment(work.at_ns, bounds)
            names = dict(image.table_text(number, work.at_ns, len(bounds), own) for number in fragment.tables)
            for each in inputs:
                name, text, table = engine.hold(f"in{each.number}", each.columns, each.rows, each.indexes)
                names[name] = text
                filled.append(table)
            query = with_tables(names, fragment.query)
            found = engine.query(query, fragment.parameters, units_in(self._config.statement_timeout_ns))
        except NoTableError as error:
            raise SqlError("42P01", str(error)) from None
        finally:
            image.lift(own)
            engine.empty(filled)
        return self._cursor(work, found, engine.units - before)

    def _inputs(self, work: RunFragment) -> list[Input] | None:
        """Return all inputs with their rows, None if not all of those are here."""
        delivered: dict[int, tuple[Expected, list[Row]]] = {}
        for each in work.expected:
            rows = self._inboxes.rows(work.inbox, each)
            if rows is None:
                return None
            delivered.setdefault(each.number, (each, []))[1].extend(rows)
        brought = [Input(each.number, each.columns, each.indexes, tuple(rows)) for each, rows in delivered.values()]
        return [*work.inputs, *brought]

    def _cursor(self, work: RunFragment, rows: Sequence[Row], units: int) -> Cursor:
        config, now_ns = self._config, self._desk.monotonic_ns()
        charged, self._fed_units = units + self._fed_units, 0
        if work.workers:
            self._runs += 1
            source = Source(work.cursor, self._desk.term, self._runs)
            shares = shares_of(rows, work.fragment.shuffled_by, len(work.workers))
            number = work.fragment.number
            delivery = Delivery(self._desk, number, source, work.workers, shares, config.chunk_bytes)
            cost_ns = fragment_cost_ns(charged, len(rows), delivery.bytes)
            return Cursor([], len(rows), delivery.bytes, units, cost_ns, now_ns, delivery, source)
        chunks = chunked(rows, config.chunk_bytes)
        size = sum(each for _, each in chunks)
        if size > config.query_memory_bytes:
            failure = self._too_large(f"{len(rows)} rows of {size} bytes")
            raise SqlError(failure.state, failure.reason)
        return Cursor(chunks, len(rows), size, units, fragment_cost_ns(charged, len(rows), size), now_ns)

    def _too_large(self, what: str) -> FragmentFailed:
        bound = f"{self._config.query_memory_bytes} bytes that a query may take (query_memory_bytes)"
        return FragmentFailed(OUT_OF_MEMORY, f"{what}: more than the {bound}")

    def _holds(self, spans: Sequence[Span]) -> bool:
        """Return whether all rows of some spans are here. The epoch of a question does not say so: whoever asks may
        have heard of a split since he chose what to ask.
        """
        first, last = self._rows_here()
        return all(is_global(span.start) or (first <= span.start and span.end <= last) for span in spans)

    def _rows_here(self) -> tuple[str, str]:
        descriptor = self._desk.machine.descriptor
        return row_range(descriptor.start, descriptor.end, is_hashed=descriptor.is_hashed)

    def _bounds(self, spans: Sequence[Span]) -> list[tuple[str, str]]:
        """Return what of the shard is asked for, where that is less than all of it."""
        first, last = self._rows_here()
        asked = list(dict.fromkeys((span.start, span.end) for span in spans if not is_global(span.start)))
        return [] if any(start <= first and last <= end for start, end in asked) else asked

    # --- handing it out ---------------------------------------------------------------------------------------------

    def _go_on(self, request: ShardRequest, identity: CursorId, cursor: Cursor, chunk: int, clock_ns: int) -> None:
        """Answer with a chunk; or, when its work is done, begin to deliver, and answer when that is done."""
        cursor.asked_ns = self._desk.monotonic_ns()
        if cursor.owed_ns:
            paid_ns = min(cursor.owed_ns, _SLICE_NS)
            cursor.owed_ns -= paid_ns
            self._desk.work(paid_ns)
            if cursor.owed_ns:
                self._answer(request, StillWorking(clock_ns, self._desk.term))
                return
        if cursor.delivery is None:
            self._answer(request, self._chunk(identity, cursor, chunk, clock_ns))
        elif cursor.outcome is not None:
            self._answer(request, cursor.outcome)
        else:
            is_first, cursor.waiting = cursor.waiting is None, request
            if is_first:
                cursor.delivery.start(partial(self._delivered, identity))

    def _chunk(self, identity: CursorId, cursor: Cursor, number: int, clock_ns: int) -> Chunk:
        rows = self._rows(cursor, number)
        is_last = number + 1 >= len(cursor.chunks)
        if len(cursor.chunks) == 1:
            del self._cursors[identity]  # Whoever asks again has it run again.
        return Chunk(number, rows, is_last, cursor.rows, cursor.bytes, cursor.units, clock_ns, self._desk.term)

    def _rows(self, cursor: Cursor, number: int) -> tuple[Row, ...]:
        return cursor.chunks[number][0]

    def _delivered(self, identity: CursorId, trouble: Undelivered | FragmentFailed | None) -> None:
        """The workers have all of a fragment's rows, or one of them could not be given its share."""
        cursor = self._cursors.get(identity)
        if cursor is None or cursor.waiting is None or cursor.delivery is None or cursor.source is None:
            return
        clock_ns, counts = self._desk.clock.now_ns(), cursor.delivery.counts
        cursor.outcome = trouble or Delivered(
            cursor.source, counts, cursor.rows, cursor.bytes, cursor.units, clock_ns, self._desk.term
        )
        self._answer(cursor.waiting, cursor.outcome)
