"""Runs plans over a few SQLites in this process: what the executor does with messages, without them."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from PhantomLibrary.domain.rows import POSITIONS
from PhantomLibrary.sql.catalog import Catalog, Stored, Table
from PhantomLibrary.sql.functions import register
from PhantomLibrary.sql.plans import Fragment, Plan
from PhantomLibrary.sql.rows import pick, position
from PhantomLibrary.sql.shuffling import worker_of

Row = tuple[Stored, ...]


class Shards:
    """A few SQLites, each with the rows of its share of positions, and one with all of them: the oracle."""

    def __init__(self, catalog: Catalog, count: int) -> None:
        self.catalog = catalog
        self.shards = [_connect(catalog) for _ in range(count)]
        self.oracle = _connect(catalog)
        self.workers = [_connect(None) for _ in range(count)]
        self.coordinator = _connect(None)
        self.moved: dict[int, int] = {}

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        marks = ", ".join("?" * len(table.columns))
        text = f"insert into {table.physical} values ({marks})"
        for row in rows:
            self.oracle.execute(text, row)
            for shard in self._homes(table, row):
                self.shards[shard].execute(text, row)

    def _homes(self, table: Table, row: Row) -> Sequence[int]:
        if table.sharding.kind == "everywhere":
            return range(len(self.shards))
        at = position(table, pick(table, row, table.sharding.columns))
        return [at * len(self.shards) // POSITIONS]

    def run(self, plan: Plan) -> list[Row]:
        """Return the answer of a plan."""
        return run_locally(plan, self.shards, self.workers, self.coordinator, self.moved)


def run_locally(
    plan: Plan,
    shards: Sequence[apsw.Connection],
    workers: Sequence[apsw.Connection],
    coordinator: apsw.Connection,
    moved: dict[int, int],
) -> list[Row]:
    """Run a plan; `moved` learns how many rows each fragment moved."""
    made: list[tuple[apsw.Connection, str]] = []
    takers = {number: fragment for fragment in plan.fragments for number in fragment.inputs}
    try:
        for fragment in plan.fragments:
            results = [(place, _rows(place, fragment)) for place in _places(fragment, shards, workers, coordinator)]
            moved[fragment.number] = sum(len(rows) for _, rows in results)
            _deliver(
                fragment, takers.get(fragment.number), [rows for _, rows in results], shards, workers, coordinator, made
            )
        return [tuple(row) for row in coordinator.execute(plan.final, plan.parameters)]
    finally:
        for place, name in made:
            place.execute(f'drop table if exists "{name}"')


def _connect(catalog: Catalog | None) -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    register(connection)
    for table in () if catalog is None else catalog.tables:
        columns = ", ".join(f'"{each.name}" {_DECLARED[each.type.name]}' for each in table.columns)
        connection.execute(f"create table {table.physical} ({columns})")
    return connection


_DECLARED = {
    **dict.fromkeys(("INTEGER", "DECIMAL", "BOOLEAN"), "INTEGER"),
    **dict.fromkeys(("TEXT", "DATE", "TIMESTAMP"), "TEXT"),
    "REAL": "REAL",
    "BLOB": "BLOB",
}


def _places(
    fragment: Fragment,
    shards: Sequence[apsw.Connection],
    workers: Sequence[apsw.Connection],
    coordinator: apsw.Connection,
) -> list[apsw.Connection]:
    if fragment.place == "coordinator":
        return [coordinator]
    if fragment.place == "workers":
        return list(workers)
    if fragment.place == "one shard":
        return [shards[-1]]
    if fragment.positions is None:
        return list(shards)
    found = []
    for number, shard in enumerate(shards):
        first = -(-number * POSITIONS // len(shards))
        last = -(-(number + 1) * POSITIONS // len(shards)) - 1
        if any(low <= last and high >= first for low, high in fragment.positions):
            found.append(shard)
    return found


def _rows(place: apsw.Connection, fragment: Fragment) -> list[Row]:
    return [tuple(row) for row in place.execute(fragment.query, fragment.parameters)]


def _deliver(
    fragment: Fragment,
    taker: Fragment | None,
    results: Sequence[Sequence[Row]],
    shards: Sequence[apsw.Connection],
    workers: Sequence[apsw.Connection],
    coordinator: apsw.Connection,
    made: list[tuple[apsw.Connection, str]],
) -> None:
    rows = [row for each in results for row in each]
    if fragment.movement == "gather":
        targets = [(coordinator, rows)]
    elif fragment.movement == "broadcast":
        assert taker is not None
        targets = [(place, rows) for place in _places(taker, shards, workers, coordinator)]
    else:
        parts: list[list[Row]] = [[] for _ in workers]
        for row in rows:
            parts[worker_of([row[number] for number in fragment.shuffled_by], len(workers))].append(row)
        targets = list(zip(workers, parts, strict=True))
    name = f"in{fragment.number}"
    for place, part in targets:
        columns = ", ".join(f'"{column}"' for column in fragment.columns)
        place.execute(f'create table "{name}" ({columns})')
        made.append((place, name))
        with place:
            place.executemany(f'insert into "{name}" values ({", ".join("?" * len(fragment.columns))})', part)
        for number, index in enumerate(fragment.indexes):
            keys = ", ".join(f'"{fragment.columns[each]}"' for each in index)
            place.execute(f'create index "{name}_{number}" on "{name}" ({keys})')
