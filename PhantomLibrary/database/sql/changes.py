"""What a statement makes of rows, as keys of the store: the rows themselves, and entries of unique constraints.

Rule: pure. A statement is judged by what is there when it is done, not by what was there on its way: so a key may move
from one row to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from PhantomLibrary.domain import Delete, Put
from PhantomLibrary.sql.catalog import Table, Unique
from PhantomLibrary.sql.constraints import duplicate_key
from PhantomLibrary.sql.rows import Row, encode_row, key_of_row, unique_entry

ROWS_MAX = 20_000
"""How many rows a statement may insert, change or delete."""


class Change(Struct, frozen=True):
    """A row before and after: None where there is none."""

    old: Row | None
    new: Row | None


class KeyChanges:
    """The keys that the changes of rows of one table take away, and what they put in. Raises SqlError where two rows
    would have one key.
    """

    def __init__(self, table: Table, changes: Sequence[Change]) -> None:
        self.table = table
        self.gone: dict[str, Row] = {}  # Rows that have left their key.
        self.come: dict[str, Row] = {}  # Rows that have come to a key.
        self.kept: dict[str, Row] = {}  # Rows that are changed where they are.
        self._entries_gone: dict[str, None] = {}
        self._entries_come: dict[str, str] = {}
        self._constraints: dict[str, tuple[Unique, Row]] = {}
        for change in changes:
            self._take(change)
        for key in [key for key in self.gone if key in self.come]:
            self.kept[key] = self.come.pop(key)
            del self.gone[key]

    def _take(self, change: Change) -> None:
        table, old, new = self.table, change.old, change.new
        old_key = None if old is None else key_of_row(table, old)
        new_key = None if new is None else key_of_row(table, new)
        if new is not None and new_key is not None:
            if old_key == new_key:
                self.kept[new_key] = new
            else:
                if new_key in self.come:
                    raise duplicate_key(table, None, new)
                self.come[new_key] = new
        if old is not None and old_key is not None and old_key != new_key:
            self.gone[old_key] = old
        for unique in table.uniques:
            before = None if old is None else unique_entry(table, unique, old)
            after = None if new is None else unique_entry(table, unique, new)
            if before is not None and (after is None or before != after):
                self._entries_gone[before[0]] = None
            if after is not None and before != after:
                assert new is not None
                if after[0] in self._entries_come:
                    raise duplicate_key(table, unique, new)
                self._entries_come[after[0]] = after[1]
                self._constraints[after[0]] = (unique, new)

    @property
    def keys(self) -> list[str]:
        """Return all keys that are written."""
        return list(dict.fromkeys((*self.gone, *self.come, *self.kept, *self._entries_gone, *self._entries_come)))

    @property
    def has_to_be_free(self) -> list[str]:
        """Return the keys that nothing may stand at."""
        return [*self.come, *(key for key in self._entries_come if key not in self._entries_gone)]

    def require_free(self, found: Mapping[str, str]) -> None:
        """Refuse what stands at a key that has to be free."""
        for key, row in self.come.items():
            if key in found:
                raise duplicate_key(self.table, None, row)
        for key, (unique, row) in self._constraints.items():
            if key in found:
                raise duplicate_key(self.table, unique, row)

    def writes(self) -> list[Put | Delete]:
        """Return what is to be written, each key once."""
        gone = [*self.gone, *(key for key in self._entries_gone if key not in self._entries_come)]
        rows = [Put(key, encode_row(row)) for key, row in (*self.kept.items(), *self.come.items())]
        return [*map(Delete, gone), *rows, *(Put(key, value) for key, value in self._entries_come.items())]
