"""What the leader of a shard does for plans: it runs fragments on the image of its replica, and hands out what they
yield, a chunk at a time.

A fragment is let in as a read at a time is (see transactions/desk.py). Its rows are computed at once, for the image
moves on with the store; they are kept as a *cursor*, from which the coordinator takes chunks as it can use them. A
cursor is this leader's alone. Where it is gone, the coordinator has the fragment run again, at the same time.

What it takes to compute them is charged to the node's processor, in slices if it is long: a coordinator that waits for
more is told that the work goes on, so that it need not take this leader for dead, and others get their turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from PhantomLibrary.database.config import DatabaseConfig, ShardDescriptor
from PhantomLibrary.database.costs import fragment_cost_ns, units_in
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.routes import row_range
from PhantomLibrary.database.sql.chunks import chunked
from PhantomLibrary.database.sql.messages import (
    Chunk,
    CloseCursors,
    CursorGone,
    CursorId,
    FetchChunk,
    FragmentAnswer,
    FragmentFailed,
    Row,
    RunFragment,
    StillWorking,
)
from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.domain.rows import is_global
from PhantomLibrary.protocols.transactions.values import Span
from PhantomLibrary.sql.engine import with_tables
from PhantomLibrary.sql.errors import OUT_OF_MEMORY, SqlError
from PhantomLibrary.sql.image import Image

_SLICE_NS = 2 * MILLISECOND_NS
"""So much work at most is charged to one message."""
_END = "\U0010ffff"  # Behind all keys.


class FragmentDesk(Protocol):
    """The leader."""

    machine: ShardMachine

    @property
    def term(self) -> int: ...
    def monotonic_ns(self) -> int: ...
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


class FragmentHost:
    """One leader's, for one term. `image_type` and the methods that choose are what defects replace."""

    image_type: type[Image] = Image

    def __init__(self, desk: FragmentDesk, config: DatabaseConfig) -> None:
        self._desk = desk
        self._config = config
        self._cursors: dict[CursorId, Cursor] = {}

    @property
    def is_busy(self) -> bool:
        """Whether anything is kept here."""
        return bool(self._cursors)

    @property
    def bytes(self) -> int:
        """How many bytes are kept here for coordinators."""
        return sum(cursor.bytes for cursor in self._cursors.values())

    def image(self) -> Image:
        """Return the image of the replica as it is now."""
        machine = self._desk.machine
        image = machine.image
        if image is None or not self._is_image_of(image, machine):
            image = machine.image = self.image_type(machine.store)
        image.refresh()
        return image

    def _is_image_of(self, image: Image, machine: ShardMachine) -> bool:
        return image.store is machine.store

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

    def run(self, work: RunFragment, clock_ns: int) -> FragmentAnswer:
        """Run a fragment, unless that is done already, and answer with its first chunk."""
        cursor = self._cursors.get(work.cursor)
        if cursor is None:
            try:
                cursor = self._cursors[work.cursor] = self._compute(work)
            except SqlError as error:
                return FragmentFailed(error.state, error.reason)
        return self._chunk(work.cursor, cursor, 0, clock_ns)

    def fetch(self, work: FetchChunk, clock_ns: int) -> FragmentAnswer:
        """Answer with a chunk of what was yielded."""
        cursor = self._cursors.get(work.cursor)
        if cursor is None:
            return CursorGone()
        return self._chunk(work.cursor, cursor, work.chunk, clock_ns)

    def close(self, work: CloseCursors) -> None:
        for cursor in work.cursors:
            self._cursors.pop(cursor, None)

    def look(self) -> None:
        """Forget what nobody has asked for in a long time."""
        oldest_ns = self._desk.monotonic_ns() - self._config.cursor_idle_ns
        for identity in [each for each, cursor in self._cursors.items() if cursor.asked_ns < oldest_ns]:
            del self._cursors[identity]

    def _compute(self, work: RunFragment) -> Cursor:
        image, config, fragment = self.image(), self._config, work.fragment
        engine, machine = image.engine, self._desk.machine
        own = image.lay_over(work.own) if work.own else []
        filled: list[str] = []
        before = engine.units
        try:
            bounds = self._bounds(work.spans, machine.descriptor)
            image.set_moment(work.at_ns, bounds)
            names = dict(
                image.table_text(image.table_at(number, work.at_ns), work.at_ns, len(bounds), has_own=number in own)
                for number in fragment.tables
            )
            for each in work.inputs:
                name, text, table = engine.hold(f"in{each.number}", each.columns, each.rows)
                names[name] = text
                filled.append(table)
            query = with_tables(names, fragment.query)
            rows = engine.query(query, fragment.parameters, units_in(config.statement_timeout_ns))
        finally:
            image.lift(own)
            engine.empty(filled)
        return self._cursor(rows, engine.units - before)

    def _cursor(self, rows: Sequence[Row], units: int) -> Cursor:
        config = self._config
        chunks = chunked(rows, config.chunk_bytes)
        size = sum(each for _, each in chunks)
        if size > config.query_memory_bytes:
            limit = f"{config.query_memory_bytes} bytes that a query may take (query_memory_bytes)"
            raise SqlError(OUT_OF_MEMORY, f"{len(rows)} rows of {size} bytes are more than the {limit}")
        cost_ns = fragment_cost_ns(units, len(rows), size)
        return Cursor(chunks, len(rows), size, units, cost_ns, self._desk.monotonic_ns())

    def _bounds(self, spans: Sequence[Span], descriptor: ShardDescriptor) -> list[tuple[str, str]]:
        """Return what of the shard is asked for, where that is less than all of it."""
        first, last = row_range(descriptor.start, descriptor.end, is_hashed=descriptor.is_hashed)
        asked = [(span.start, span.end or _END) for span in spans if not is_global(span.start)]
        return [] if any(start <= first and last <= end for start, end in asked) else asked

    def _chunk(self, identity: CursorId, cursor: Cursor, number: int, clock_ns: int) -> FragmentAnswer:
        cursor.asked_ns = self._desk.monotonic_ns()
        if cursor.owed_ns:
            paid_ns = min(cursor.owed_ns, _SLICE_NS)
            cursor.owed_ns -= paid_ns
            self._desk.work(paid_ns)
            if cursor.owed_ns:
                return StillWorking(clock_ns, self._desk.term)
        rows = self._rows(cursor, number)
        is_last = number + 1 >= len(cursor.chunks)
        if len(cursor.chunks) == 1:
            del self._cursors[identity]  # Whoever asks again has it run again.
        return Chunk(number, rows, is_last, cursor.rows, cursor.bytes, cursor.units, clock_ns, self._desk.term)

    def _rows(self, cursor: Cursor, number: int) -> tuple[Row, ...]:
        return cursor.chunks[number][0]
