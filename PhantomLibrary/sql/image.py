"""The rows of one replica as tables of SQLite: derived from its versioned store, never in log, snapshot or digest.

An image is a function of the store: it watches which keys change, and before it is asked anything takes over what the
store holds of these, all versions. So it holds whatever the store does, garbage collection, splits and merges
included; a store that was restored is another one, and gets another image. Where nobody asks there is none.

Of table 5, `r5` holds the rows as they are, `h5` what they were before, and `o5x3` what the transaction that asks is
going to write, in three columns. A query finds `t5` as it was at a time: as a rule nothing was written since, and that
is `r5` itself. A transaction that changes the schema says what its tables are to be: of a new one there are no rows but
its own, and rows of one that has got more columns have the defaults of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol

from msgspec import Struct

from PhantomLibrary.domain.rows import CATALOG_KEY, table_of
from PhantomLibrary.sql.catalog import Catalog, Stored, Table, decode_catalog
from PhantomLibrary.sql.engine import Engine, Row, listed
from PhantomLibrary.sql.plans import TableStatistics
from PhantomLibrary.sql.rows import decode_values

_CATALOG = CATALOG_KEY.encode()
_CATALOGS_MAX = 8
_CHANGED_SHARE = 10  # One row in so many has to have changed before a table is counted again.
_SAMPLE = 2_000  # Rows.
_MOMENT = "(SELECT ns FROM moment)"

Bounds = Sequence[tuple[str, str]]
"""Ranges of keys [low, high)."""


class Versions(Protocol):
    """The store."""

    def items(self) -> Iterator[tuple[bytes, Any]]: ...
    def versions_of(self, key: bytes) -> Sequence[tuple[int, bytes | None, int]]: ...
    def at(self, key: bytes, timestamp_ns: int) -> bytes | None: ...
    def watch(self) -> dict[bytes, None]: ...


class NoTableError(Exception):
    """There was no such table at the time asked for."""


class _Held:
    """One table as it is held: with the columns that any version of the catalog gives it."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.latest_ns = 0  # When anything of it was last written.
        self.has_history = False
        self.changes = 0  # Rows that were written since its statistics were taken.
        self.statistics: TableStatistics | None = None
        self.keys = [_position(table, name) for name in table.primary_key]

    @property
    def cells(self) -> list[str]:
        return _cells(self.table).split(",")


class Overlay(Struct, frozen=True):
    """What a transaction has written and not committed: `tables` by their numbers where it has changed the schema, and
    by the numbers of tables the names of what holds its rows.
    """

    tables: dict[int, Table]
    laid: dict[int, str]


class Image:
    """The image of one store."""

    def __init__(self, store: Versions) -> None:
        self.store = store
        self.engine = Engine()
        self._held: dict[int, _Held] = {}
        self._catalogs: dict[bytes, Catalog] = {}
        self._indexes: set[str] = set()
        self.engine.execute("CREATE TABLE moment(ns); INSERT INTO moment VALUES(0); CREATE TABLE bounds(low, high)")
        self._changed = store.watch()
        self._changed.update((key, None) for key, _ in store.items())

    # --- following the store ----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Take over what has changed in the store."""
        changed = self._changed
        if not changed:
            return
        if _CATALOG in changed:
            self._learn_tables()
        by_table: dict[int, list[bytes]] = {}
        for key in sorted(changed):
            number = table_of(key.decode())
            if number in self._held:
                by_table.setdefault(number, []).append(key)
        changed.clear()
        for number, keys in by_table.items():
            self._take(self._held[number], keys)

    def _learn_tables(self) -> None:
        """Make room for all tables and columns that any version of the catalog knows."""
        for _, content, _ in self.store.versions_of(_CATALOG):
            for table in () if content is None else self._decoded(content).tables:
                held = self._held.get(table.number)
                if held is None:
                    held = self._held[table.number] = _Held(table)
                    self._make(held)
                    # Its rows may have come before: with a chunk of a snapshot that is earlier than the catalog's.
                    self._changed.update((key, None) for key, _ in self.store.items())
                elif len(table.columns) > len(held.table.columns):
                    self._widen(held, table)
                self._index(table)

    def _make(self, held: _Held) -> None:
        table, number = held.table, held.table.number
        keys = [f"c{each}" for each in held.keys]
        is_rowid = len(keys) == 1 and table.columns[held.keys[0]].type.name == "INTEGER"
        columns = ",".join(f"{cell} INTEGER" if is_rowid and cell == keys[0] else cell for cell in held.cells)
        end = ")" if is_rowid else ") WITHOUT ROWID"
        primary = ",".join(keys)
        self.engine.execute(f"CREATE TABLE r{number}(_key, _from, {columns}, PRIMARY KEY({primary}){end}")
        plain = ",".join(held.cells)
        self.engine.execute(
            f"CREATE TABLE h{number}(_key, _from, _until, {plain}, PRIMARY KEY(_key, _from)) WITHOUT ROWID"
        )

    def _widen(self, held: _Held, table: Table) -> None:
        """Columns were added: rows that know nothing of them have their defaults."""
        for number in range(len(held.table.columns), len(table.columns)):
            default = _literal(table.columns[number].default)
            for kind in "rh":
                self.engine.execute(f"ALTER TABLE {kind}{table.number} ADD COLUMN c{number} DEFAULT {default}")
        held.table = table

    def _index(self, table: Table) -> None:
        """Make the indexes that a table has, of what is present."""
        wanted = [each.columns for each in table.indexes] + [each.columns for each in table.uniques]
        for columns in wanted:
            cells = [_position(table, name) for name in columns]
            name = f"i{table.number}_{'_'.join(map(str, cells))}"
            if name not in self._indexes:
                self._indexes.add(name)
                self.engine.execute(f"CREATE INDEX {name} ON r{table.number}({','.join(f'c{each}' for each in cells)})")

    def _take(self, held: _Held, keys: list[bytes]) -> None:
        """Hold of some rows of a table what the store does."""
        present: list[tuple[Stored, ...]] = []
        earlier: list[tuple[Stored, ...]] = []
        absent: list[Row] = []
        for encoded in keys:
            key = encoded.decode()
            versions = self.store.versions_of(encoded)
            if versions and versions[-1][0] > held.latest_ns:
                held.latest_ns = versions[-1][0]
            if versions and versions[-1][1] is not None:
                present.append((key, versions[-1][0], *_row(held.table, versions[-1][1])))
            else:
                absent.append(primary_key_of(key))
            for (from_ns, content, _), (until_ns, _, _) in pairwise(versions):
                if content is not None:
                    earlier.append((key, from_ns, until_ns, *_row(held.table, content)))
        held.changes += len(keys)
        self._write(held, present, absent, [key.decode() for key in keys], earlier)

    def _write(
        self,
        held: _Held,
        present: list[tuple[Stored, ...]],
        absent: list[Row],
        changed: list[str],
        earlier: list[tuple[Stored, ...]],
    ) -> None:
        engine, number, width = self.engine, held.table.number, len(held.table.columns)
        if held.has_history:
            engine.put_in(f"DELETE FROM h{number} WHERE _key=?", [(key,) for key in changed])
        if earlier:
            held.has_history = True
            engine.insert(f"INSERT INTO h{number}", width + 3, earlier)
        if absent:
            condition = " AND ".join(f"c{each}=?" for each in held.keys)
            engine.put_in(f"DELETE FROM r{number} WHERE {condition}", absent)
        if present:
            engine.insert(f"INSERT OR REPLACE INTO r{number}", width + 2, present)

    def _decoded(self, content: bytes) -> Catalog:
        catalog = self._catalogs.get(content)
        if catalog is None:
            if len(self._catalogs) >= _CATALOGS_MAX:
                del self._catalogs[next(iter(self._catalogs))]
            catalog = self._catalogs[content] = decode_catalog(content)
        return catalog

    # --- at a time --------------------------------------------------------------------------------------------------

    def table_at(self, number: int, at_ns: int) -> Table | None:
        """Return a table as the catalog had it at a time, None if there was none of this number."""
        content = self.store.at(_CATALOG, at_ns)
        return None if content is None else self._decoded(content).numbered(number)

    def written_since(self, number: int, after_ns: int) -> list[bytes]:
        """Return the keys of rows of a table that were written after a time: as a rule, none."""
        held = self._held.get(number)
        if held is None or held.latest_ns <= after_ns:
            return []
        engine = self.engine
        rows = engine.execute(
            f"SELECT _key FROM r{number} WHERE _from>?1 UNION SELECT _key FROM h{number} WHERE _until>?1 OR _from>?1",
            (after_ns,),
        )
        return [str(key).encode() for (key,) in rows]

    def set_moment(self, at_ns: int, bounds: Bounds) -> None:
        """Say what the texts of `table_text` are to mean from now on."""
        self.engine.execute("UPDATE moment SET ns=?", (at_ns,))
        self.engine.execute("DELETE FROM bounds")
        if bounds:
            self.engine.put_in("INSERT INTO bounds VALUES(?,?)", bounds)

    def table_text(self, number: int, at_ns: int, bounds: int, own: Overlay) -> tuple[str, str]:
        """Return the name of a table and, in brackets, what it held at the moment that was set; of it only what lies
        in the bounds, unless there are none; and with what its asker has written. Raises NoTableError.
        """
        stored = self.table_at(number, at_ns)
        table = own.tables.get(number, stored)
        if table is None:
            raise NoTableError(f"there is no table of number {number} here at that time")
        laid = own.laid.get(number)
        parts = [] if stored is None else self._stored(stored, table, at_ns, bounds, laid)
        if laid is not None:
            parts.append(f"SELECT {_cells(table)} FROM {laid} WHERE NOT _gone")
        elif not parts:
            parts.append(f"SELECT {','.join(['NULL'] * len(table.columns))} WHERE 0")
        name = f"t{number}{listed(column.name for column in table.columns)}"
        return name, f"({' UNION ALL '.join(parts)})"

    def _stored(self, stored: Table, table: Table, at_ns: int, bounds: int, laid: str | None) -> list[str]:
        """Return texts of the rows that were stored, as those of a table that may have got more columns since."""
        number, held, width = stored.number, self._held[stored.number], len(stored.columns)
        if table.columns[:width] != stored.columns:
            raise NoTableError(f"table {table.name} has been defined otherwise meanwhile")
        cells = ",".join([_cells(stored), *(_literal(column.default) for column in table.columns[width:])])
        conditions = [_in_bounds(bounds)] if bounds and table.sharding.kind != "everywhere" else []
        if laid is not None:
            conditions.append(f"_key NOT IN (SELECT _key FROM {laid})")
        is_past = held.latest_ns > at_ns
        now = [*conditions, f"_from<={_MOMENT}"] if is_past else conditions
        parts = [f"SELECT {cells} FROM r{number}{_where(now)}"]
        if is_past and held.has_history:
            then = [*conditions, f"_from<={_MOMENT} AND _until>{_MOMENT}"]
            parts.append(f"SELECT {cells} FROM h{number}{_where(then)}")
        return parts

    def lay_over(self, own: Sequence[tuple[str, str | None]], tables: Sequence[Table] = ()) -> Overlay:
        """Let queries see rows that their transaction has written, None where it has deleted one, in `tables` as it has
        defined them.
        """
        overlay = Overlay({each.number: each for each in tables}, {})
        by_table: dict[int, list[tuple[Stored, ...]]] = {}
        for key, value in own:
            number = table_of(key) or 0
            table = self._table_of(number, overlay)
            if table is not None:
                row: Row = (None,) * len(table.columns) if value is None else _row(table, value.encode())
                by_table.setdefault(number, []).append((key, value is None, *row))
        for number, rows in by_table.items():
            width = len(rows[0])
            name = overlay.laid[number] = f"o{number}x{width - 2}"
            cells = ",".join(f"c{each}" for each in range(width - 2))
            self.engine.execute(f"CREATE TABLE IF NOT EXISTS {name}(_key PRIMARY KEY, _gone, {cells}) WITHOUT ROWID")
            self.engine.insert(f"INSERT OR REPLACE INTO {name}", width, rows)
        return overlay

    def _table_of(self, number: int, overlay: Overlay) -> Table | None:
        """Return the table whose columns rows of an asker have."""
        held = self._held.get(number)
        return overlay.tables.get(number, None if held is None else held.table)

    def lift(self, overlay: Overlay) -> None:
        """Forget what was laid over."""
        self.engine.empty(overlay.laid.values())

    # --- questions of planners --------------------------------------------------------------------------------------

    def statistics(self, number: int) -> TableStatistics:
        """Return about how many rows, bytes and values a table has here: what was counted last, if little has changed
        since.
        """
        held = self._held.get(number)
        if held is None:
            return TableStatistics(0, 0)
        known = held.statistics
        if known is None or held.changes * _CHANGED_SHARE > known.rows:
            held.changes = 0
            known = held.statistics = self._counted(held)
        return known

    def _counted(self, held: _Held) -> TableStatistics:
        number, cells = held.table.number, held.cells
        ((rows,),) = self.engine.execute(f"SELECT count(*) FROM r{number}")
        assert isinstance(rows, int)
        counts = ",".join([f"count(DISTINCT {cell})" for cell in cells] + [f"sum(length({cell}))" for cell in cells])
        sample = f"SELECT * FROM r{number} LIMIT {_SAMPLE}"
        (found,) = self.engine.execute(f"SELECT {counts} FROM ({sample})")
        of_sample = [int(each or 0) for each in found]
        seen, width = min(rows, _SAMPLE), len(cells)
        distinct = tuple(
            (column.name, scaled(of_sample[place], seen, rows)) for place, column in enumerate(held.table.columns)
        )
        size = sum(of_sample[width:]) + 2 * width * seen
        return TableStatistics(rows, size * rows // seen if seen else 0, distinct)

    def close(self) -> None:
        self.engine.close()


def scaled(distinct: int, seen: int, rows: int) -> int:
    """Return how many values so many rows have, if some of these have so many: where nearly each row that was seen has
    one of its own, others have, too; else there are no more.
    """
    return distinct * rows // seen if seen and distinct * 10 >= seen * 9 else distinct


def primary_key_of(key: str) -> Row:
    """Return the primary key of the row that is kept under a key of the store."""
    return decode_values(key.partition("/")[2])


def _position(table: Table, name: str) -> int:
    return next(number for number, column in enumerate(table.columns) if column.name == name)


def _row(table: Table, content: bytes) -> Row:
    """Return the values of a row, of columns that it does not know yet their defaults."""
    row, columns = decode_values(content), table.columns
    if len(row) == len(columns):
        return row
    return (*row, *(column.default for column in columns[len(row) :]))


def _cells(table: Table) -> str:
    return ",".join(f"c{each}" for each in range(len(table.columns)))


def _literal(value: Stored) -> str:
    import apsw

    return apsw.format_sql_value(value)


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _in_bounds(count: int) -> str:
    if count == 1:
        return "_key>=(SELECT low FROM bounds) AND _key<(SELECT high FROM bounds)"
    return "EXISTS (SELECT 1 FROM bounds WHERE _key>=low AND _key<high)"


__all__ = ["Image", "NoTableError", "Overlay", "primary_key_of"]
