"""SQLite, by apsw, as the engine that computes what a plan asks of one place: databases in memory, and what they cost.

How much it computes is counted in steps of its virtual machine: the same on every machine that has the same version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from PhantomLibrary.errors import PhantomError
from PhantomLibrary.sql.catalog import Stored
from PhantomLibrary.sql.errors import INTERNAL, INVALID_ARGUMENT, OUT_OF_RANGE, TIMED_OUT, SqlError
from PhantomLibrary.sql.functions import register

if TYPE_CHECKING:
    import apsw

Row: TypeAlias = tuple[Stored, ...]

_ROWS_AT_ONCE = 250
_COVERED_MAX = 8  # Columns.
_VALUES_MAX = 32_000  # SQLite takes some more.
STEPS = 1_000
"""After so many steps of SQLite's virtual machine the engine counts one unit of work."""


class MissingExtra(PhantomError):
    """What SQL needs beside the package itself is not installed."""


class Engine:
    """One database in memory. `units` counts its work, in thousands of steps."""

    def __init__(self) -> None:
        self.connection = _open()
        self.units = 0
        self._units_max = 0
        self._tables: set[str] = set()
        self.connection.set_progress_handler(self._progress, STEPS)

    def execute(self, text: str, parameters: Sequence[Stored] = ()) -> Iterator[Row]:
        """Run a statement."""
        return self.connection.execute(text, parameters)

    def put_in(self, text: str, rows: Iterable[Sequence[Stored]]) -> None:
        """Run a statement once for each row, as one transaction."""
        with self.connection:
            self.connection.executemany(text, rows)

    def insert(self, start: str, width: int, rows: Sequence[Sequence[Stored]]) -> None:
        """Insert rows of so many values; `start` is the statement up to VALUES. Many to a statement take a third of
        the time of one.
        """
        row = f"({','.join('?' * width)})"
        at_once = min(_ROWS_AT_ONCE, _VALUES_MAX // width)
        whole = len(rows) - len(rows) % at_once
        with self.connection:
            if whole:
                text = f"{start} VALUES{','.join([row] * at_once)}"
                for first in range(0, whole, at_once):
                    values = tuple(chain.from_iterable(rows[first : first + at_once]))
                    self.connection.execute(text, values)
            if whole < len(rows):
                self.connection.executemany(f"{start} VALUES{row}", rows[whole:])

    def query(self, text: str, parameters: Sequence[Stored], units_max: int) -> list[Row]:
        """Return all rows of a query, for which it may use so many units. Raises SqlError."""
        import apsw

        self._units_max = self.units + units_max
        try:
            return self.connection.execute(text, parameters).fetchall()
        except apsw.InterruptError:
            steps = units_max * STEPS
            raise SqlError(TIMED_OUT, f"it takes more than the {steps} steps that its time allows") from None
        except apsw.Error as error:
            raise SqlError(_state(str(error)), str(error)) from error
        finally:
            self._units_max = 0

    def _progress(self) -> bool:
        self.units += 1
        return 0 < self._units_max < self.units

    def hold(
        self,
        name: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Stored]],
        indexes: Sequence[Sequence[int]] = (),
    ) -> tuple[str, str, str]:
        """Fill a table with rows, which are looked up by the columns of each of some indexes; return name and text for
        `with_tables`, and what it is to be emptied by.

        It stays when it is emptied: to make a table costs more than to fill one, as all statements are prepared anew.
        """
        cells, key = _cells(range(len(columns))), _key_among(rows, indexes)
        table = "_".join([f"{name}x{len(columns)}", *("x".join(map(str, index)) for index in indexes)])
        table += "" if key is None else "_key"
        if table not in self._tables:
            made = cells if key is None else cells.replace(f"c{key}", f"c{key} INTEGER PRIMARY KEY", 1)
            self.connection.execute(f"CREATE TABLE {table}({made})")
            for number, index in enumerate(indexes if key is None else ()):
                covered = _cells(_covering(index, columns))
                self.connection.execute(f"CREATE INDEX {table}_i{number} ON {table}({covered})")
            self._tables.add(table)
        # In the order of their key they are appended, which takes four fifths of the time.
        self.insert(f"INSERT INTO {table}", len(columns), rows if key is None else sorted(rows, key=itemgetter(key)))
        return f"{name}{listed(columns)}", f"(SELECT {cells} FROM {table})", table

    def empty(self, tables: Iterable[str]) -> None:
        """Forget what tables hold."""
        for table in tables:
            self.connection.execute(f"DELETE FROM {table}")

    def close(self) -> None:
        self.connection.close()


def _state(reason: str) -> str:
    """Return the SQLSTATE of what SQLite itself refuses."""
    if "overflow" in reason:
        return OUT_OF_RANGE
    return INVALID_ARGUMENT if "ESCAPE" in reason else INTERNAL


def with_tables(names: dict[str, str], query: str) -> str:
    """Return a query that finds each of some tables, which have names, under a text in brackets: `(select …)`.

    `names` are as they stand before AS: `t1(a,b)`.
    """
    if not names:
        return query
    tables = ",".join(f"{name} AS NOT MATERIALIZED {text}" for name, text in names.items())
    stripped = query.lstrip()
    if stripped[:4].upper() != "WITH":
        return f"WITH {tables} {query}"
    rest = stripped[4:].lstrip()
    if rest[:9].upper() == "RECURSIVE":
        return f"WITH RECURSIVE {tables},{rest[9:]}"
    return f"WITH {tables},{rest}"


def quoted(name: str) -> str:
    """Return a name as it stands in a text."""
    return '"' + name.replace('"', '""') + '"'


def _key_among(rows: Sequence[Sequence[Stored]], indexes: Sequence[Sequence[int]]) -> int | None:
    """Return the column by which rows are looked up if it is the only one, of whole numbers that all differ: then it
    can be the key of a table, which takes two thirds of the time of an index, to fill and to look up.
    """
    if len(indexes) != 1 or len(indexes[0]) != 1:
        return None
    key = indexes[0][0]
    values = [row[key] for row in rows]
    return key if set(map(type, values)) == {int} and len(set(values)) == len(values) else None


def _covering(index: Sequence[int], columns: Sequence[str]) -> list[int]:
    """Return the columns of an index behind which the others stand, so that who looks up a row there has all of it."""
    others = [each for each in range(len(columns)) if each not in index]
    return [*index, *others] if len(columns) <= _COVERED_MAX else list(index)


def _cells(numbers: Iterable[int]) -> str:
    return ",".join(f"c{each}" for each in numbers)


def listed(names: Iterable[str]) -> str:
    """Return names as they stand in a text, in brackets."""
    return f"({','.join(map(quoted, names))})"


def _open() -> apsw.Connection:
    try:
        import apsw
    except ImportError:
        raise MissingExtra("SQL needs apsw: pip install robotframework-phantomlibrary[sql]") from None
    connection = apsw.Connection(":memory:")
    connection.execute("PRAGMA temp_store=MEMORY")
    register(connection)
    return connection
