"""How the gateway of a transaction runs a plan: fragments at the leaders of shards, and one answer of what they yield.

All of a statement is read at one snapshot. Each fragment runs in parts, one a shard, which together cover all positions
that the fragment is about, each of them once: a part whose shard does not hold its keys any more is asked for anew, as
the parts that hold them now. A part whose leader is gone is run again by the next one, at the same snapshot, and what
the first one had sent is dropped; so the answer is exact, or there is none. If something was written so shortly after
the snapshot that it may have been there before, the snapshot moves up, and all parts run again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from PhantomLibrary.database.costs import fragment_cost_ns, units_in
from PhantomLibrary.database.sql.chunks import bytes_of
from PhantomLibrary.database.sql.delivering import Delivery, shares_of
from PhantomLibrary.database.sql.messages import Delivered, Expected, Input, Row, Source
from PhantomLibrary.database.sql.part_run import InputsLostError, PartMovedError, PartRun, Runner, Workers, failed
from PhantomLibrary.database.sql.together import together
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import Script
from PhantomLibrary.domain import ShardId
from PhantomLibrary.domain.rows import POSITIONS, ROWS_END, position_start
from PhantomLibrary.protocols.transactions.values import Span
from PhantomLibrary.sql.catalog import Catalog, Stored
from PhantomLibrary.sql.engine import with_tables
from PhantomLibrary.sql.errors import OUT_OF_MEMORY, SqlError
from PhantomLibrary.sql.plans import Fragment, Measured, Plan, PlanStep

_INPUTS = re.compile(r"\bin(\d+)\b")


class PlanResult(Struct):
    """The rows of an answer, and what running each fragment took."""

    rows: list[Row]
    measured: dict[int, Measured]


class PlanRun:
    """One attempt at one plan, at one snapshot. `part_type` is what defects replace."""

    part_type: type[PartRun] = PartRun

    def __init__(self, runner: Runner, transaction: OpenTransaction, plan: Plan, catalog: Catalog) -> None:
        self._runner = runner
        self._host = runner.host
        self._at_ns = transaction.snapshot_ns
        self._transaction = transaction
        self._plan = plan
        self._by_number = {each.number: each for each in plan.fragments}
        self._rows: dict[int, list[Row]] = {}
        self._sizes: dict[int, int] = {}
        self.measured = {each.number: Measured() for each in plan.fragments}
        self._parts = self.part_type(runner, transaction, catalog, self)

    @property
    def bytes(self) -> int:
        """How many bytes have come here."""
        return sum(self._sizes.values())

    def perform(self) -> Script:
        """Run it; return a PlanResult."""
        for level in _levels(self._plan.fragments):
            here = [fragment for fragment in level if fragment.movement != "shuffle"]
            results = yield from together([self._gather(fragment) for fragment in here])
            for fragment, rows in zip(here, results, strict=True):
                self._rows[fragment.number] = rows
        rows = self._answer()
        for fragment in self._plan.fragments:
            for span in self._reads(fragment):
                self._transaction.reads[span] = None
        return PlanResult(rows, self.measured)

    def close(self) -> None:
        """It is over: nobody needs what is still open."""
        self._parts.close()

    # --- fragments --------------------------------------------------------------------------------------------------

    def _gather(self, fragment: Fragment) -> Script:
        """Return all rows of a fragment, in the order of its parts."""
        began_ns, measured = self._host.monotonic_ns(), self.measured[fragment.number]
        pieces = yield from self._run(fragment, ())
        rows = [row for piece in pieces for row in piece]
        measured.rows, measured.elapsed_ns = len(rows), self._host.monotonic_ns() - began_ns
        return rows

    def _run(self, fragment: Fragment, workers: Workers) -> Script:
        """Run a fragment at all of its places; return what its parts yield, or have delivered to workers."""
        yield from self._runner.snapshots.learn_map()
        if fragment.place == "workers":
            return (yield from self._at_workers(fragment, workers))
        if fragment.place == "coordinator":
            return (yield from self._here(fragment, workers))
        inputs = [self._input(number) for number in fragment.inputs]
        spans = self._places(fragment)
        pieces = yield from together([self._cover(fragment, span, inputs, workers) for span in spans])
        return [part for piece in pieces for part in piece]

    def _places(self, fragment: Fragment) -> list[Span]:
        """Return what its parts cover together."""
        if fragment.place == "one shard":
            return [self._host.routes.rows_of_one(self._at_ns)]
        if fragment.positions is None:
            return [Span(position_start(0), ROWS_END)]
        return [Span(position_start(first), _behind(last)) for first, last in fragment.positions]

    def _cover(self, fragment: Fragment, span: Span, inputs: Sequence[Input], workers: Workers) -> Script:
        """Run a fragment in the parts of a span, whichever shards hold those now."""
        yield from self._runner.snapshots.learn_map()
        parts = self._host.routes.row_parts(span)
        if fragment.place == "one shard":
            parts = parts[:1]  # The shard may have been split: each half has all that is read.
        pieces = yield from together([self._part(fragment, shard, part, inputs, workers) for shard, part in parts])
        return [part for piece in pieces for part in piece]

    def _part(
        self, fragment: Fragment, shard: ShardId, span: Span, inputs: Sequence[Input], workers: Workers
    ) -> Script:
        """Run a fragment in a span that one shard holds, as far as is known; if not, where that is now."""
        try:
            return [(yield from self._parts.run(fragment, shard, span, inputs, None, (), workers))]
        except PartMovedError:
            return (yield from self._cover(fragment, span, inputs, workers))

    def _at_workers(self, fragment: Fragment, workers: Workers) -> Script:
        """Have the shuffled inputs of a fragment delivered to the leaders of all shards, then let these run it.

        If one of these is gone with what it was given, all is delivered anew, at the same snapshot.
        """
        while True:
            self._sizes[fragment.number] = 0
            inboxes = tuple((shard, self._parts.open(shard)) for shard in self._host.routes.data_shards)
            try:
                return (yield from self._work(fragment, inboxes, workers))
            except (PartMovedError, InputsLostError):
                self.measured[fragment.number].restarts += 1
                yield from self._runner.snapshots.learn_map()

    def _work(self, fragment: Fragment, inboxes: Workers, workers: Workers) -> Script:
        sources = [self._by_number[number] for number in fragment.inputs if number not in self._rows]
        inputs = [self._input(number) for number in fragment.inputs if number in self._rows]
        shares = yield from together([self._shuffle(each, inboxes) for each in sources])
        parts = []
        for worker, (shard, inbox) in enumerate(inboxes):
            expected = tuple(each for share in shares for each in share[worker])
            parts.append(self._parts.run(fragment, shard, Span("", ""), inputs, inbox, expected, workers))
        return (yield from together(parts))

    def _here(self, fragment: Fragment, workers: Workers) -> Script:
        """Run a fragment over what was gathered."""
        rows, units = self._computed(fragment.query, fragment.parameters, fragment.inputs)
        self.measured[fragment.number].units += units
        if not workers:
            self.take(fragment.number, bytes_of(rows))
            return [rows]
        source = Source(self._runner.next_cursor(), 0, 0)
        shares = shares_of(rows, fragment.shuffled_by, len(workers))
        delivery = Delivery(self._host, fragment.number, source, workers, shares, self._host.config.chunk_bytes)
        trouble = yield delivery.start
        if trouble is not None:
            raise failed(trouble)
        return [Delivered(source, delivery.counts, len(rows), delivery.bytes, 0, 0, 0)]

    def _shuffle(self, fragment: Fragment, workers: Workers) -> Script:
        """Have a fragment's rows delivered to workers; return what each of those is to expect."""
        began_ns, measured = self._host.monotonic_ns(), self.measured[fragment.number]
        delivered: list[Delivered] = yield from self._run(fragment, workers)
        measured.rows = sum(each.rows_total for each in delivered)
        measured.bytes = sum(each.bytes_total for each in delivered)
        measured.elapsed_ns = self._host.monotonic_ns() - began_ns
        return [
            [
                Expected(fragment.number, fragment.columns, fragment.indexes, each.source, each.chunks[worker])
                for each in delivered
            ]
            for worker in range(len(workers))
        ]

    def _reads(self, fragment: Fragment) -> Iterator[Span]:
        """Yield what a fragment has read, for transactions that are to be serializable."""
        for span in self._places(fragment) if fragment.place != "workers" else ():
            yield from self._parts.spans(fragment, span)

    def _input(self, number: int) -> Input:
        fragment = self._by_number[number]
        return Input(number, fragment.columns, fragment.indexes, tuple(self._rows[number]))

    # --- room -------------------------------------------------------------------------------------------------------

    def take(self, fragment: int, size: int) -> None:
        """Rows of so many bytes are going to come, or, if negative, were dropped. Raises SqlError without room."""
        self._sizes[fragment] = self._sizes.get(fragment, 0) + size
        if self.bytes > self._host.config.query_memory_bytes:
            raise self._too_large(fragment, f"{self.bytes} bytes")

    def _too_large(self, fragment: int | None, what: str) -> SqlError:
        bound = f"{self._host.config.query_memory_bytes} bytes that a query may take (query_memory_bytes)"
        return SqlError(OUT_OF_MEMORY, f"{_step_name(self._plan.steps, fragment)}: {what} are more than the {bound}")

    # --- the answer -------------------------------------------------------------------------------------------------

    def _answer(self) -> list[Row]:
        """Return what the final query makes of all that was gathered."""
        plan, host = self._plan, self._host
        named = {int(number) for number in _INPUTS.findall(plan.final)}
        rows, _ = self._computed(plan.final, plan.parameters, [each for each in self._rows if each in named])
        size = bytes_of(rows)
        if size > host.config.query_memory_bytes:
            raise self._too_large(None, f"{len(rows)} rows of {size} bytes")
        return rows

    def _computed(self, query: str, parameters: Sequence[Stored], inputs: Sequence[int]) -> tuple[list[Row], int]:
        """Return the rows of a query over fragments that are here, and what it took."""
        host, engine = self._host, self._runner.take_engine()
        before, names, filled = engine.units, {}, []
        taken = 0
        try:
            for each in map(self._input, inputs):
                name, text, table = engine.hold(f"in{each.number}", each.columns, each.rows, each.indexes)
                names[name] = text
                taken += len(each.rows)
                filled.append(table)
            units_max = units_in(host.config.statement_timeout_ns)
            rows = engine.query(with_tables(names, query), parameters, units_max)
        finally:
            engine.empty(filled)
            self._runner.give_back(engine)
        units = engine.units - before
        host.work(fragment_cost_ns(units, taken + len(rows), 0))
        return rows, units


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
