"""What rows have to keep to, and what is said where they do not. Who holds which keys is for the shards."""

from __future__ import annotations

from collections.abc import Sequence

from PhantomLibrary.sql.catalog import ROW_ID, Check, Column, ForeignKey, Stored, Table, Unique
from PhantomLibrary.sql.errors import (
    CHECK_VIOLATION,
    FOREIGN_KEY_VIOLATION,
    NULL_VIOLATION,
    SECOND_CHANGE,
    UNIQUE_VIOLATION,
    SqlError,
)
from PhantomLibrary.sql.rows import Row, pick
from PhantomLibrary.sql.values import external, fits


def stored_row(table: Table, targets: Sequence[int], values: Row, row_id: str) -> Row:
    """Return the row to keep for values of the columns numbered `targets`; the others have their defaults.

    `row_id` is unique in the table: it stands for the primary key where the table has none. Raises SqlError where a
    value is out of its type's range, or NULL where it may not be.
    """
    row: list[Stored] = [row_id if column.name == ROW_ID else column.default for column in table.columns]
    for number, value in zip(targets, values, strict=True):
        row[number] = value
    return checked_row(table, row)


def changed_row(table: Table, row: Row, targets: Sequence[int], values: Row) -> Row:
    """Return a row with new values of the columns numbered `targets`."""
    changed = list(row)
    for number, value in zip(targets, values, strict=True):
        changed[number] = value
    return checked_row(table, changed)


def checked_row(table: Table, row: Sequence[Stored]) -> Row:
    """Return a row whose values keep to the types of their columns, and are there where they have to be."""
    for column, value in zip(table.columns, row, strict=True):
        if value is None:
            if not column.is_nullable:
                what = f'null value in column "{column.name}" of table "{table.name}" violates not-null constraint'
                raise SqlError(NULL_VIOLATION, f"{what}: failing row contains {shown_row(table, row)}")
            continue
        _require_fitting(table, column, value)
    # The zeros of REAL are equal, so they are one.
    return tuple(0.0 if isinstance(value, float) and value == 0 else value for value in row)


def _require_fitting(table: Table, column: Column, value: Stored) -> None:
    try:
        if column.type.name in ("INTEGER", "DECIMAL", "BOOLEAN", "REAL"):
            external(value, column.type)  # A REAL that should be whole is a number that left its range.
        fits(value, column.type)
    except SqlError as error:
        raise SqlError(error.state, f"{error.reason} (column {table.name}.{column.name})") from None


# --- violations -------------------------------------------------------------------------------------------------------


def primary_key_name(table: Table) -> str:
    return f"{table.name}_pkey"


def duplicate_key(table: Table, unique: Unique | None, row: Row) -> SqlError:
    """Return the refusal of a row whose key is there already: the primary one, or that of a unique constraint."""
    name = unique.name if unique is not None else primary_key_name(table)
    names = unique.columns if unique is not None else table.primary_key
    reason = f'duplicate key value violates unique constraint "{name}"'
    return SqlError(UNIQUE_VIOLATION, f"{reason}: key {shown_key(table, names, row)} already exists")


def duplicated_key(table: Table, unique: Unique, row: Row) -> SqlError:
    """Return the refusal of a unique index over rows two of which agree."""
    reason = f'could not create unique index "{unique.name}"'
    return SqlError(UNIQUE_VIOLATION, f"{reason}: key {shown_key(table, unique.columns, row)} is duplicated")


def second_change(table: Table, row: Row) -> SqlError:
    """Return the refusal of an upsert that meets a row which it has inserted or changed itself."""
    key = shown_key(table, table.primary_key, row)
    return SqlError(SECOND_CHANGE, f"ON CONFLICT DO UPDATE cannot affect row {key} of {table.name} a second time")


def missing_parent(table: Table, key: ForeignKey, row: Row) -> SqlError:
    """Return the refusal of a row that refers to none."""
    reason = f'insert or update on table "{table.name}" violates foreign key constraint "{key.name}"'
    where = f"key {shown_key(table, key.columns, row)} is not present in table"
    return SqlError(FOREIGN_KEY_VIOLATION, f'{reason}: {where} "{key.table}"')


def still_referenced(table: Table, row: Row, child: Table, key: ForeignKey) -> SqlError:
    """Return the refusal to delete a row, or to change its key, to which another one refers."""
    reason = f'update or delete on table "{table.name}" violates foreign key constraint "{key.name}"'
    where = f"key {shown_key(table, table.primary_key, row)} is still referenced from table"
    return SqlError(FOREIGN_KEY_VIOLATION, f'{reason}: {where} "{child.name}"')


def check_violation(table: Table, check: Check, row: Row) -> SqlError:
    reason = f'new row for table "{table.name}" violates check constraint "{check.name}"'
    return SqlError(CHECK_VIOLATION, f"{reason}: failing row contains {shown_row(table, row)}")


def shown_key(table: Table, names: tuple[str, ...], row: Row) -> str:
    """Return a key as messages show it: `(id)=(5)`."""
    values = pick(table, row, names)
    columns = [table.column(name) for name in names]
    shown = [_shown(value, column) for value, column in zip(values, columns, strict=True) if column is not None]
    return f"({', '.join(names)})=({', '.join(shown)})"


def shown_row(table: Table, row: Sequence[Stored]) -> str:
    pairs = [(column, value) for column, value in zip(table.columns, row, strict=True) if column.name != ROW_ID]
    return f"({', '.join(_shown(value, column) for column, value in pairs)})"


def _shown(value: Stored, column: Column) -> str:
    if value is None:
        return "null"
    try:
        text = str(external(value, column.type))
    except SqlError:
        text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
