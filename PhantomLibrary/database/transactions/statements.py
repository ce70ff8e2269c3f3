"""How the gateway performs the statements of a transaction: reads at its snapshot, locks before writes.

Levels, and where each is from:
- Read committed: each statement reads a snapshot of its own. A statement that had to wait for a lock looks again at
  what it is about to write (as PostgreSQL does).
- Snapshot: all reads at one snapshot; first updater wins (Berenson et al., "A Critique of ANSI SQL Isolation Levels",
  SIGMOD 1995, 4.2).
- Serializable: as snapshot, and what was read is checked where it lies, when the transaction is prepared, and held
  until it is decided: optimistic concurrency control with backward validation (Kung and Robinson, TODS 1981), made
  distributed by two-phase commit. Commit timestamps are the order in which transactions appear to happen.

How rows are reached is in access.py; statements of SQL are in database/sql/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from PhantomLibrary.database.sql.performing import SqlStatements
from PhantomLibrary.database.transactions.access import Access, AccessHost, ChangedError
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.database.transactions.script import RolledBackError, Script
from PhantomLibrary.domain import Append, Delete, Get, Increment, Put, Scan, Sql, Statement, StatementFailed, Update
from PhantomLibrary.errors import PhantomError
from PhantomLibrary.protocols.transactions.values import Span, Write

_RESTARTS_MAX = 10
_to_json = msgspec.json.Encoder().encode


class StatementHost(AccessHost, Protocol):
    """The manager of transactions on a node."""

    def meet_leaders(self, transaction: OpenTransaction) -> None:
        """Learn the clocks of leaders that it may come to later; nobody waits for that."""


class Statements:
    """Scripts for the statements of all transactions of a node."""

    def __init__(self, host: StatementHost, access: Access, sql: SqlStatements) -> None:
        self._host = host
        self._access = access
        self._sql = sql

    def perform(self, transaction: OpenTransaction, statement: Statement) -> Script:
        """Perform one statement; return its result, or `StatementFailed`. Raises RolledBackError."""
        yield from self._access.learn_map()
        before = len(transaction.writes)
        for _ in range(_RESTARTS_MAX):
            if transaction.isolation == "read committed":
                yield from self._access.begin_snapshot(transaction)
            elif not transaction.snapshot_ns:
                yield from self._access.begin_snapshot(transaction)
                self._host.meet_leaders(transaction)
            try:
                result = yield from self._perform(transaction, statement)
            except ChangedError as changed:
                reason = str(changed)
                if transaction.has_answered and transaction.isolation != "read committed":
                    break
                if transaction.isolation != "read committed":
                    transaction.snapshot_ns = 0  # Nobody has seen anything of it: begin the statement anew.
                del transaction.writes[before:]
                continue
            except PhantomError as error:
                result = StatementFailed(str(error))
            transaction.has_answered = True
            return result
        raise RolledBackError(reason)

    def perform_all(self, transaction: OpenTransaction, statements: Sequence[Statement]) -> Script:
        """Perform statements of which nobody sees a result before all are done; return their results, or the
        `StatementFailed` of one. Raises RolledBackError.
        """
        yield from self._access.learn_map()
        for _ in range(_RESTARTS_MAX):
            transaction.writes.clear()
            transaction.grounds.clear()
            yield from self._access.begin_snapshot(transaction)
            results: list[str | None] = []
            try:
                for statement in statements:
                    if results and transaction.isolation == "read committed":
                        yield from self._access.begin_snapshot(transaction)
                    results.append((yield from self._perform(transaction, statement)))
            except ChangedError as changed:
                reason = str(changed)
            except PhantomError as error:
                return StatementFailed(str(error))
            else:
                return results
        raise RolledBackError(reason)

    def _perform(self, transaction: OpenTransaction, statement: Statement) -> Script:
        match statement:
            case Get():
                return (yield from self._access.get(transaction, statement.key))
            case Put() | Append() | Increment() | Delete():
                yield from self._write(transaction, statement)
                return None
            case Scan():
                rows = yield from self._access.rows(transaction, Span(statement.start, statement.end))
                return _to_json([row for row in rows if statement.where.holds(row[1])]).decode()
            case Update():
                return (yield from self._update(transaction, statement))
            case Sql():
                return (yield from self._sql.perform(transaction, statement))

    def _write(self, transaction: OpenTransaction, write: Write) -> Script:
        yield from self._access.lock(transaction, (write.key,))
        transaction.writes.append(write)

    def _update(self, transaction: OpenTransaction, statement: Update) -> Script:
        rows = yield from self._access.rows(transaction, Span(statement.start, statement.end))
        count = 0
        for key, value in rows:
            if not statement.where.holds(value):
                continue
            is_late = yield from self._access.lock(transaction, (key,))
            if is_late and transaction.isolation == "read committed":
                value = yield from self._latest(transaction, key)
                if value is None or not statement.where.holds(value):
                    continue
            transaction.writes.append(_change(statement, key))
            count += 1
        return str(count)

    def _latest(self, transaction: OpenTransaction, key: str) -> Script:
        yield from self._access.begin_snapshot(transaction)
        return (yield from self._access.get(transaction, key))


def _change(statement: Update, key: str) -> Write:
    if statement.change == "put":
        return Put(key, statement.value)
    if statement.change == "add":
        return Increment(key, int(statement.value))
    return Delete(key)
