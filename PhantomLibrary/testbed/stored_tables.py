"""The rows of all tables at a moment, read from outside: from the versions that replicas keep, from nothing else.

No query, no image and no leader has a part in it, so what these lose or make up is seen. Of each key the replica counts
that has applied most among those of the shard which holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, json

from PhantomLibrary.checking.queries.values import ColumnType, OracleTable, Row, Value
from PhantomLibrary.database.config import SYSTEM_SHARD
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.domain import ShardId
from PhantomLibrary.domain.rows import CATALOG_KEY, table_of
from PhantomLibrary.sql.catalog import Catalog, Table, decode_catalog
from PhantomLibrary.testbed.run import Run


class StoredTables(Struct, frozen=True):
    """All tables with their rows, and the queries that views stand for."""

    tables: tuple[OracleTable, ...]
    views: Mapping[str, str]


def is_settled(run: Run, at_ns: int) -> bool:
    """Return whether nothing is in doubt any more that may have been committed by then."""
    return all(
        part.prepared_ns > at_ns for machine in _machines(run).values() for part in machine.transactions.parts.values()
    )


def is_kept(run: Run, at_ns: int) -> bool:
    """Return whether all shards still have the versions of that time."""
    return all(machine.horizon_ns <= at_ns for machine in _machines(run).values())


def stored_tables(run: Run, at_ns: int) -> StoredTables:
    """Return all tables as they were at a time, by the clocks of transactions."""
    values: dict[str, tuple[int, bytes | None]] = {}
    for machine in _machines(run).values():
        for key, value in _rows(machine, at_ns):
            epoch = machine.descriptor.epoch
            if machine.descriptor.holds(key) and values.get(key, (-1, None))[0] < epoch:
                values[key] = (epoch, value)
    catalog = _catalog(values)
    rows: dict[int, list[Row]] = {}
    tables = {table.number: table for table in catalog.tables}
    for key, (_, value) in sorted(values.items()):
        number = table_of(key)
        if number in tables and value is not None:
            rows.setdefault(number, []).append(_decoded(tables[number], value))
    made = [OracleTable(each.name, _columns(each), rows.get(each.number, [])) for each in catalog.tables]
    return StoredTables(tuple(made), {view.name: view.query for view in catalog.views})


def _machines(run: Run) -> dict[ShardId, ShardMachine]:
    """Return of each shard the replica on a live node that has applied most."""
    machines: dict[ShardId, ShardMachine] = {}
    for node in run.live_nodes():
        for shard, replica in run.processes[node].replicas.items():
            known = machines.get(shard)
            if shard != SYSTEM_SHARD and (known is None or replica.machine.applied_index > known.applied_index):
                machines[shard] = replica.machine
    return machines


def _rows(machine: ShardMachine, at_ns: int) -> Iterator[tuple[str, bytes | None]]:
    for encoded, versions in machine.store.items():
        if b"#" in encoded:
            seen = [value for written_ns, value, _ in versions if written_ns <= at_ns]
            if seen:
                yield encoded.decode(), seen[-1]


def _catalog(values: Mapping[str, tuple[int, bytes | None]]) -> Catalog:
    _, text = values.get(CATALOG_KEY, (0, None))
    return decode_catalog(text) if text else Catalog()


def _columns(table: Table) -> tuple[tuple[str, ColumnType], ...]:
    return tuple((column.name, ColumnType(column.type.name, column.type.scale)) for column in table.columns)


def _decoded(table: Table, text: bytes) -> Row:
    """Return a row; columns that were added after it was written have their default."""
    kept = json.decode(text)
    defaults = [column.default for column in table.columns[len(kept) :]]
    return tuple(
        _value(value, column.type.name, column.type.scale)
        for value, column in zip([*kept, *defaults], table.columns, strict=True)
    )


def _value(value: Any, kind: str, scale: int) -> Value:
    if isinstance(value, list):
        return bytes.fromhex(value[0])
    if kind == "DECIMAL" and value is not None:
        return float(f"{value}e-{scale}")
    return float(value) if kind == "REAL" and value is not None else value
