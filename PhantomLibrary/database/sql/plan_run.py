"""How the gateway of a transaction runs a plan: fragments at the leaders of shards, and one answer of what they yield.

All of a statement is read at one snapshot. Each fragment runs in parts, one a shard, which together cover all positions
that the fragment is about, each of them once: a part whose shard does not hold its keys any more is asked for anew, as
the parts that hold them now. A part whose leader is gone is run again by the next one, at the same snapshot, and what
the first one had sent is dropped; so the answer is exact, or there is none. If something was written so shortly after
the snapshot that it may have been there before, the snapshot moves up, and all parts run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

from msgspec import Struct

from PhantomLibrary.database.calls import Moved
from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.costs import fragment_cost_ns, units_in
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.database.sql.chunks import bytes_of
from PhantomLibrary.database.sql.messages import (
    Chunk,
    CloseCursors,
    CursorGone,
    CursorId,
    FetchChunk,
    FragmentFailed,
    Input,
    Row,
    RunFragment,
    StillWorking,
)
from PhantomLibrary.database.sql.together import RestartError, together
from PhantomLibrary.database.transactions.messages import ShardAnswer, ShardWork, TooOld, Uncertain
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import RolledBackError, Script
from PhantomLibrary.domain import Answer, OutcomeUnknown, Put, Refused, ShardId
from PhantomLibrary.domain.rows import POSITIONS, ROWS_END, global_span, position_start, table_of
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.transactions.values import Span
from PhantomLibrary.sql.catalog import Catalog
from PhantomLibrary.sql.engine import Engine, with_tables
from PhantomLibrary.sql.errors import OUT_OF_MEMORY, SqlError
from PhantomLibrary.sql.plans import Fragment, Measured, Plan, PlanStep


class RunnerHost(Protocol):
    """The manager of transactions on a node."""

    clock: HybridClock
    config: DatabaseConfig

    @property
    def node(self) -> str: ...
    @property
    def routes(self) -> Routes: ...
    def monotonic_ns(self) -> int: ...
    def work(self, cost_ns: int) -> None:
        """Charge the processor with more than what is handled costs anyway."""

    def call_at(self, at_ns: int, action: Callable[[], object]) -> None: ...
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


class PlanResult(Struct):
    """The rows of an answer, and what running each fragment took."""

    rows: list[Row]
    measured: dict[int, Measured]


class PlanRun:
    """One attempt at one plan, at one snapshot."""

    def __init__(self, runner: Runner, transaction: OpenTransaction, plan: Plan, catalog: Catalog) -> None:
        self._runner = runner
        self._host = runner.host
        self._transaction = transaction
        self._at_ns = transaction.snapshot_ns
        self._plan = plan
        self._own = _own_rows(transaction)
        self._everywhere = {each.number for each in catalog.tables if each.sharding.kind == "everywhere"}
        self._open: dict[CursorId, ShardId] = {}
        self._rows: dict[int, list[Row]] = {}
        self._measured = {each.number: Measured() for each in plan.fragments}
        self.bytes = 0  # Of all rows that are here.

    def perform(self) -> Script:
        """Run it; return a PlanResult."""
        for level in _levels(self._plan.fragments):
            results = yield from together([self._gather(fragment) for fragment in level])
            for fragment, rows in zip(level, results, strict=True):
                self._rows[fragment.number] = rows
        rows = self._answer()
        for fragment in self._plan.fragments:
            for span in self._reads(fragment):
                self._transaction.reads[span] = None
        return PlanResult(rows, self._measured)

    def close(self) -> None:
        """It is over: nobody needs the cursors that are still open."""
        by_shard: dict[ShardId, list[CursorId]] = {}
        for cursor, shard in self._open.items():
            by_shard.setdefault(shard, []).append(cursor)
        self._open.clear()
        for shard, cursors in by_shard.items():
            self._host.ask(shard, CloseCursors(tuple(cursors)), lambda _answer: None)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _gather(self, fragment: Fragment) -> Script:
        """Return all rows of a fragment, in the order of the positions of its parts."""
        began_ns, measured = self._host.monotonic_ns(), self._measured[fragment.number]
        yield from self._runner.snapshots.learn_map()
        spans = self._places(fragment)
        pieces = yield from together([self._cover(fragment, span) for span in spans])
        rows = [row for piece in pieces for row in piece]
        measured.rows, measured.elapsed_ns = len(rows), self._host.monotonic_ns() - began_ns
        return rows

    def _places(self, fragment: Fragment) -> list[Span]:
        """Return what its parts cover together."""
        if fragment.place == "one shard":
            return [self._host.routes.rows_of_one(self._at_ns)]
        if fragment.positions is None:
            return [Span(position_start(0), ROWS_END)]
        return [Span(position_start(first), _behind(last)) for first, last in fragment.positions]

    def _cover(self, fragment: Fragment, span: Span) -> Script:
        """Return the rows of a fragment in a span, whichever shards hold that now."""
        yield from self._runner.snapshots.learn_map()
        parts = self._host.routes.row_parts(span)
        if len(parts) == 1:
            return (yield from self._part(fragment, *parts[0]))
        pieces = yield from together([self._part(fragment, *part) for part in parts])
        return [row for piece in pieces for row in piece]

    def _part(self, fragment: Fragment, shard: ShardId, span: Span) -> Script:
        """Return the rows of a fragment in a span that one shard holds, as far as is known."""
        self._measured[fragment.number].shards[shard] = None
        while True:
            cursor = self._runner.next_cursor()
            self._open[cursor] = shard
            rows: list[Row] = []
            taken = 0
            wanted: ShardWork = self._question(fragment, shard, span, cursor)
            while True:
                answer = yield partial(self._host.ask, shard, wanted)
                match answer:
                    case Chunk():
                        taken += self._take(fragment, shard, answer)
                        rows += answer.rows
                        if answer.is_last:
                            if not answer.number:
                                del self._open[cursor]  # It was kept for no longer than it took to answer.
                            return rows
                        wanted = self._next(cursor, answer)
                    case StillWorking():
                        self._runner.snapshots.meet(self._transaction, shard, answer)
                        wanted = FetchChunk(cursor, 0)
                    case CursorGone():
                        break
                    case Moved():
                        return (yield from self._cover(fragment, span))
                    case Uncertain():
                        self._runner.snapshots.meet(self._transaction, shard, answer)
                        raise MovedUpError(answer.at_ns)
                    case _:
                        raise self._failed(fragment, shard, answer)
            del self._open[cursor]
            self.bytes -= taken
            self._measured[fragment.number].restarts += 1

    def _next(self, cursor: CursorId, chunk: Chunk) -> ShardWork:
        return FetchChunk(cursor, chunk.number + 1)

    def _question(self, fragment: Fragment, shard: ShardId, span: Span, cursor: CursorId) -> RunFragment:
        transaction = self._transaction
        met_term, met_ns = transaction.met.get(shard, (0, 0))
        spans = tuple(self._spans(fragment, span))
        own = tuple((key, value) for key, value in self._own.items() if any(each.contains(key) for each in spans))
        return RunFragment(
            transaction.id,
            cursor,
            fragment,
            spans,
            self._at_ns,
            transaction.limit_ns,
            met_ns,
            met_term,
            own,
            tuple(self._input(number) for number in fragment.inputs),
        )

    def _spans(self, fragment: Fragment, span: Span) -> Iterator[Span]:
        """Yield what a part reads: of tables that are sharded their rows in a span, of others all."""
        for number in fragment.tables:
            if number in self._everywhere:
                yield Span(*global_span(number), number)
            else:
                yield Span(span.start, span.end, number)

    def _reads(self, fragment: Fragment) -> Iterator[Span]:
        """Yield what a fragment has read, for transactions that are to be serializable."""
        for span in self._places(fragment):
            yield from self._spans(fragment, span)

    def _input(self, number: int) -> Input:
        fragment = next(each for each in self._plan.fragments if each.number == number)
        return Input(number, fragment.columns, tuple(self._rows[number]))

    def _take(self, fragment: Fragment, shard: ShardId, chunk: Chunk) -> int:
        """See that there is room for what is to come, with the first chunk; return for how much."""
        self._runner.snapshots.meet(self._transaction, shard, chunk)
        if chunk.number:
            return 0
        measured = self._measured[fragment.number]
        measured.bytes += chunk.bytes_total
        measured.units += chunk.units
        self.bytes += chunk.bytes_total
        if self.bytes > self._host.config.query_memory_bytes:
            raise self._too_large(fragment.number, f"{self.bytes} bytes")
        return chunk.bytes_total

    def _too_large(self, fragment: int | None, what: str) -> SqlError:
        bound = f"{self._host.config.query_memory_bytes} bytes that a query may take (query_memory_bytes)"
        return SqlError(OUT_OF_MEMORY, f"{_step_name(self._plan.steps, fragment)}: {what} are more than the {bound}")

    def _failed(self, fragment: Fragment, shard: ShardId, answer: Any) -> Exception:
        if isinstance(answer, FragmentFailed):
            return SqlError(answer.state, answer.reason)
        if isinstance(answer, TooOld):
            return RolledBackError("it is so old that what it is to read may be gone")
        reason = answer.reason if isinstance(answer, (Refused, OutcomeUnknown)) else f"it answered {answer}"
        return RolledBackError(f"shard {shard} could not be asked: {reason}")

    # --- the answer -------------------------------------------------------------------------------------------------

    def _answer(self) -> list[Row]:
        """Return what the final query makes of all that was gathered."""
        plan, host, runner = self._plan, self._host, self._runner
        engine = runner.take_engine()
        before, names, filled = engine.units, {}, []
        try:
            for fragment in plan.fragments:
                if fragment.movement == "gather":
                    number = fragment.number
                    name, text, table = engine.hold(f"in{number}", fragment.columns, self._rows[number])
                    names[name] = text
                    filled.append(table)
            units_max = units_in(host.config.statement_timeout_ns)
            rows = engine.query(with_tables(names, plan.final), plan.parameters, units_max)
        finally:
            engine.empty(filled)
            runner.give_back(engine)
        size = bytes_of(rows)
        host.work(fragment_cost_ns(engine.units - before, sum(map(len, self._rows.values())), size))
        if size > host.config.query_memory_bytes:
            raise self._too_large(None, f"{len(rows)} rows of {size} bytes")
        return rows


def _own_rows(transaction: OpenTransaction) -> dict[str, str | None]:
    """Return the rows that a transaction is going to write, as they stand now: None where one is deleted."""
    return {
        write.key: write.value if isinstance(write, Put) else None
        for write in transaction.writes
        if table_of(write.key) is not None
    }


def _levels(fragments: Sequence[Fragment]) -> list[list[Fragment]]:
    """Return fragments in groups: each after those that it takes rows of."""
    levels: dict[int, int] = {}
    groups: list[list[Fragment]] = []
    for fragment in fragments:
        level = levels[fragment.number] = 1 + max((levels[each] for each in fragment.inputs), default=-1)
        if level == len(groups):
            groups.append([])
        groups[level].append(fragment)
    return groups


def _behind(last: int) -> str:
    return ROWS_END if last >= POSITIONS - 1 else position_start(last + 1)


def _step_name(step: PlanStep, fragment: int | None) -> str:
    """Return what people read of the step that a fragment does, of the whole plan's for None."""
    found = _step_of(step, fragment) if fragment is not None else None
    return (found or step).title or f"fragment {fragment}"


def _step_of(step: PlanStep, fragment: int) -> PlanStep | None:
    if step.fragment == fragment:
        return step
    return next(filter(None, (_step_of(child, fragment) for child in step.children)), None)
