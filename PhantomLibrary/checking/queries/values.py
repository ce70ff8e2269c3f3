"""Tables as the oracle knows them, and the values of an answer as both sides have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

Value: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[Value, ...]


class ColumnType(Struct, frozen=True):
    """A type by its name in SQL; of a DECIMAL, how many digits it has after the point."""

    name: str
    scale: int = 0


class OracleTable(Struct, frozen=True):
    """A table with all of its rows: of DECIMAL the numbers themselves, of all else what SQLite would store."""

    name: str
    columns: tuple[tuple[str, ColumnType], ...]
    rows: Sequence[Row]


class FoundAnswer(Struct, frozen=True):
    """What PhantomDB answered: DECIMAL as text with all digits of its scale."""

    types: tuple[ColumnType, ...]
    rows: Sequence[Sequence[Value]]


class OracleError(Exception):
    """The query has no answer, or none that could be told: what it computes is an error in SQL, for example."""
