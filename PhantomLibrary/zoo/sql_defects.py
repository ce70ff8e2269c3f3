"""Defects of rows of tables, of their constraints, and of what every shard has a copy of."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.shard_state import decode_keys
from PhantomLibrary.database.sql.changes import KeyChanges
from PhantomLibrary.database.sql.changing import RowChanges
from PhantomLibrary.database.sql.defining import Definitions
from PhantomLibrary.database.sql.performing import SqlStatements
from PhantomLibrary.database.sql.references import References
from PhantomLibrary.database.sql.sweeping import Sweeper
from PhantomLibrary.database.transactions.desk import TransactionDesk
from PhantomLibrary.database.transactions.manager import TransactionManager
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import Script
from PhantomLibrary.domain import Delete, Put, ShardId
from PhantomLibrary.domain.rows import CATALOG_KEY, is_global
from PhantomLibrary.protocols.transactions.committing import Share
from PhantomLibrary.protocols.transactions.table import TableDump
from PhantomLibrary.sql.catalog import Table, Unique


class StandsOnNoSchema(RowChanges):
    """Commits rows without a look at whether the schema is still the one that they were made for."""

    def stand_on_schema(self, transaction: OpenTransaction) -> None:
        pass


class TrustsTheSchema(SqlStatements):
    """Has writers look at the schema when they begin, and not when they commit."""

    changes_type = StandsOnNoSchema


class PutsNoEntries(KeyChanges):
    """Writes rows without the entries of their unique constraints."""

    def writes(self) -> list[Put | Delete]:
        return [each for each in super().writes() if isinstance(each, Delete) or each.key not in self._entries_come]


class KeepsOldEntries(KeyChanges):
    """Leaves the entries of rows that are gone, or were changed."""

    def writes(self) -> list[Put | Delete]:
        return [each for each in super().writes() if isinstance(each, Put) or each.key not in self._entries_gone]


class _WithoutEntries(RowChanges):
    keys_type = PutsNoEntries


class _WithOldEntries(RowChanges):
    keys_type = KeepsOldEntries


class WritesNoEntries(SqlStatements):
    """See PutsNoEntries."""

    changes_type = _WithoutEntries


class RemovesNoEntries(SqlStatements):
    """See KeepsOldEntries."""

    changes_type = _WithOldEntries


class FillsNoIndex(Definitions):
    """Begins a unique index, and leaves it to later writes to fill it."""

    def _fill(self, transaction: OpenTransaction, table: Table, unique: Unique) -> Script:
        yield from ()


class StandsOnNoRows(Definitions):
    """Fills a unique index with the rows of its snapshot, and does not care which ones come until the commit."""

    def stand_on_rows(self, transaction: OpenTransaction, table: Table) -> None:
        pass


class IndexesNewRowsOnly(SqlStatements):
    """See FillsNoIndex."""

    definitions_type = FillsNoIndex


class IndexesTheSnapshot(SqlStatements):
    """See StandsOnNoRows."""

    definitions_type = StandsOnNoRows


class UndoesNothing(SqlStatements):
    """Leaves what a statement was going to write when it fails."""

    def undo(self, transaction: OpenTransaction, count: int, grounds: dict[Any, None]) -> None:
        pass


class HoldsNoParents(References):
    """Looks for the row that a new one refers to, and does not care what becomes of it until the commit."""

    def _hold(self, transaction: OpenTransaction, parents: Any) -> None:
        pass


class LooksForParentsOnce(SqlStatements):
    """See HoldsNoParents."""

    references_type = HoldsNoParents


class SweepsAtOnce(Sweeper):
    """Removes the rows of a table that was dropped, whoever may still read them."""

    def _until_ns(self) -> int:
        return self._host.clock.now_ns()


class ForgetsSnapshots(TransactionDesk):
    """See SweepsAtOnce."""

    sweeper_type = SweepsAtOnce


class WritesOneCopy(TransactionManager):
    """Takes rows that every shard has to the first one alone."""

    def _shares(self, transaction: OpenTransaction) -> dict[ShardId, Share]:
        first = self.routes.data_shards[0]
        return {
            shard: share if shard == first else replace(share, writes=_own(share))
            for shard, share in super()._shares(transaction).items()
            if shard == first or share.reads or _own(share)
        }


class KeepsCopies(ShardMachine):
    """Gives a new shard its keys, and no copy of rows that every shard has."""

    def _right_half(self, descriptor: ShardDescriptor, transactions: TableDump, task: int) -> tuple[bytes, ...]:
        head, *chunks = super()._right_half(descriptor, transactions, task)
        kept = [[each for each in decode_keys(chunk) if not _is_row(each[0].decode())] for chunk in chunks]
        return (head, *(_encode(each) for each in kept if each))


_encode = msgspec.msgpack.Encoder().encode


def _own(share: Share) -> tuple[Any, ...]:
    return tuple(write for write in share.writes if not _is_row(write.key))


def _is_row(key: str) -> bool:
    """Whether it is that of a row that every shard has."""
    return is_global(key) and key != CATALOG_KEY
