"""A bank in tables, for random faults: transfers, names that are unique, cards that refer to accounts, schema changes.

All that it does are commands, so that a schedule does it again. What must hold is asked of the database itself, by
queries: within the run of each reader, and of all when it is over.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct

from PhantomLibrary.database.sql.sweeping import numbers_of
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, Ok, OutcomeUnknown, Refused, StatementFailed
from PhantomLibrary.domain.rows import CATALOG_KEY, table_of
from PhantomLibrary.errors import PhantomError
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.sql.catalog import decode_catalog
from PhantomLibrary.sql.rows import decode_row, key_of_row, unique_entry
from PhantomLibrary.testbed.copies_judge import judge_copies, machines_of
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command

_ACCOUNTS = 12
_EACH = 100
_SHARDINGS = ("", "SHARD BY RANGE (id) SPLIT AT (4, 8)", "SHARD BY HASH (id)")
_SUM = "SELECT sum(balance) AS total FROM accounts"
_OPEN_MAX = 4
_ASK_TRIES_MAX = 40
_SCRATCH_EVERY = 15
_ALTERS_EVERY = 3
_SCRATCH = (
    "DROP TABLE IF EXISTS scratch",
    "CREATE TABLE IF NOT EXISTS scratch (id INTEGER PRIMARY KEY, owner TEXT UNIQUE)",
    "INSERT INTO scratch (id, owner) SELECT id, owner FROM accounts",
    "TRUNCATE TABLE scratch",
    "INSERT INTO scratch (id, owner) SELECT id, owner FROM accounts",
    "DROP TABLE IF EXISTS scratch",
    "CREATE TABLE IF NOT EXISTS scratch (owner TEXT PRIMARY KEY, id INTEGER) REPLICATED EVERYWHERE",
    "INSERT INTO scratch (id, owner) SELECT id, owner FROM accounts",
)
_SWEPT_NS = 15 * SECOND_NS


class _Open(Struct):
    """A transaction that is open, by its name, with what it is to do yet."""

    name: str
    steps: list[tuple[str, list[Any]]]


class SqlBank:
    """What clients of one run do, and what they were told."""

    def __init__(self, run: Run, draws: Stream) -> None:
        self.run = run
        self._draws = draws
        self._number = self._scratched = 0
        self._sums: list[Any] = []
        self._cards: list[tuple[int, Any]] = []
        self._counts: list[Any] = []
        self._open: list[_Open] = []
        self._all: list[Any] = []
        sharding = _SHARDINGS[draws.below(len(_SHARDINGS))]
        self._expect(
            "CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT UNIQUE, balance INTEGER CHECK (balance >= 0))"
            f" {sharding}"
        )
        self._expect("CREATE TABLE cards (id INTEGER PRIMARY KEY, account INTEGER REFERENCES accounts (id))")
        self._expect("CREATE TABLE kinds (id INTEGER PRIMARY KEY, version INTEGER) REPLICATED EVERYWHERE")
        values = ", ".join(f"({number}, 'owner {number}', {_EACH})" for number in range(_ACCOUNTS))
        self._expect(f"INSERT INTO accounts VALUES {values}")
        self._expect("INSERT INTO kinds VALUES (1, 0)")

    # --- load ---------------------------------------------------------------------------------------------------------

    def go_on(self, until_ns: int) -> None:
        """Let time pass, with statements all the while."""
        while self.run.now_ns < until_ns:
            self._step()
            self.run.advance(min(until_ns, self.run.now_ns + (5 + self._draws.below(60)) * MILLISECOND_NS))

    def _step(self) -> None:
        steps = (self._transfer, self._transfer, self._transfer, self._sum, self._sum, self._name, self._card)
        more = (self._close, self._kind, self._begin, self._begin, self._continue, self._continue, self._continue)
        rare = (self._alter, self._rename) if self._draws.below(12) == 0 else ()
        chosen = (*steps, *more, *rare)
        chosen[self._draws.below(len(chosen))]()
        if self._draws.below(_SCRATCH_EVERY) == 0:
            self._scratch()

    def _give(self, verb: str, target: str = "", **arguments: Any) -> Any:
        run = self.run
        return run.perform(Command(verb, run.now_ns, run.now_ns, target, None, None, arguments))

    def _sql(self, statement: str, *parameters: Any, verb: str = "execute sql") -> Any:
        task = self._give(verb, statement=statement, parameters=list(parameters))
        self._all.append(task)
        return task

    def _account(self) -> int:
        return self._draws.below(_ACCOUNTS)

    def _transfer(self) -> None:
        text, parameters = _transfer(self._account(), self._account(), 1 + self._draws.below(40))
        self._sql(text, *parameters)

    def _sum(self) -> None:
        self._sums.append(self._sql(_SUM, verb="query"))

    def _name(self) -> None:
        """A new account without money, of an owner who may have one."""
        self._number += 1
        self._sql("INSERT INTO accounts (id, owner, balance) VALUES (?, ?, 0)", 100 + self._number, self._owner())

    def _owner(self) -> str:
        return f"name {self._draws.below(4)}"

    def _close(self) -> None:
        self._sql("DELETE FROM accounts WHERE owner = ? AND balance = 0", self._owner())

    def _rename(self) -> None:
        self._sql("UPDATE accounts SET owner = owner || '.' WHERE id < ?", self._account())

    def _card(self) -> None:
        self._number += 1
        account = self._account() if self._draws.bits(1) else 100 + self._draws.below(self._number + 1)
        self._cards.append((self._number, self._sql("INSERT INTO cards VALUES (?, ?)", self._number, account)))

    def _kind(self) -> None:
        self._counts.append(self._sql("UPDATE kinds SET version = version + 1"))

    def _alter(self) -> None:
        self._number += 1
        self._sql(f"ALTER TABLE accounts ADD COLUMN more{self._number} INTEGER DEFAULT {self._number}")

    def _scratch(self) -> None:
        """A table that comes, is filled, emptied and goes: nothing of it may be left."""
        self._scratched += 1
        self._sql(_SCRATCH[self._scratched % len(_SCRATCH)])

    def _begin(self) -> None:
        if len(self._open) >= _OPEN_MAX:
            return
        self._number += 1
        level = ("read committed", "snapshot", "serializable")[self._draws.below(3)]
        name, amount = f"t{self._number}", 1 + self._draws.below(30)
        source, target = self._account(), self._account()
        if level == "read committed":  # A sum of several statements would be of several moments.
            steps: list[tuple[str, list[Any]]] = [
                ("UPDATE accounts SET balance = balance - ? WHERE id = ?", [amount, source])
            ]
        else:
            steps = [(_SUM, []), ("UPDATE accounts SET balance = balance - ? WHERE id = ?", [amount, source])]
        steps.append(("UPDATE accounts SET balance = balance + ? WHERE id = ?", [amount, target]))
        if self._draws.below(_ALTERS_EVERY) == 0:  # Then what follows is done with a schema that nobody else knows.
            steps.insert(0, (f"ALTER TABLE accounts ADD COLUMN own{self._number} INTEGER DEFAULT 1", []))
        self._give("begin transaction", transaction=name, isolation=level)
        self._open.append(_Open(name, steps))

    def _continue(self) -> None:
        for each in list(self._open):
            transaction = self.run.transactions[each.name]
            if not transaction.task.is_done:
                continue
            if not transaction.is_open:
                self._open.remove(each)
            elif isinstance(transaction.task.result, StatementFailed):
                self._give("roll back transaction", transaction=each.name)
                self._open.remove(each)
            elif not each.steps:
                self._give("commit transaction", transaction=each.name)
                self._open.remove(each)
            else:
                text, parameters = each.steps.pop(0)
                task = self._give("execute sql", transaction=each.name, statement=text, parameters=parameters)
                if text == _SUM:
                    self._sums.append(task)

    # --- what must hold -----------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Let all that is under way end."""
        for each in self._open:
            transaction = self.run.transactions[each.name]
            if transaction.is_open and not transaction.is_committing:
                try:
                    self._give("roll back transaction", transaction=each.name)
                except PhantomError:
                    continue
        self._open.clear()
        self.run.advance(self.run.now_ns + 12 * SECOND_NS)

    def judge(self) -> str:
        """Return what does not hold, "" where all does."""
        total = _ACCOUNTS * _EACH
        pending = [each for each in self._all if not each.is_done]
        if pending:
            return f"SQL: {len(pending)} statements never ended"
        for task in self._sums:
            rows = _rows(task)
            if rows is not None and rows != [[total]]:
                return f"SQL: the sum of all balances was read as {rows}, not {total}"
        counted = self._ask(_SUM)
        if counted != [[total]]:
            return f"SQL: the sum of all balances is {counted} in the end, not {total}"
        asked = {
            "an owner is there twice": "SELECT owner FROM accounts GROUP BY owner HAVING count(*) > 1",
            "cards refer to nothing": "SELECT account FROM cards WHERE account NOT IN (SELECT id FROM accounts)",
            "a balance is below nothing": "SELECT id FROM accounts WHERE balance < 0",
        }
        for what, query in asked.items():
            found = self._ask(query)
            if found:
                return f"SQL: {what}: {found}"
        judged = self._judge_answers() or self._judge_entries() or _headline(judge_copies(self.run))
        return judged or self._judge_leavings()

    def _judge_answers(self) -> str:
        """What was confirmed is there, what was refused is not."""
        there = {row[0] for row in self._ask("SELECT id FROM cards")}
        for number, task in self._cards:
            if isinstance(task.result, Ok) and number not in there:
                return f"SQL: card {number} was confirmed and is lost"
            if isinstance(task.result, Refused) and number in there:
                return f"SQL: card {number} was refused and is there"
        done = sum(isinstance(task.result, Ok) for task in self._counts)
        unknown = sum(isinstance(task.result, OutcomeUnknown) for task in self._counts)
        ((version,),) = self._ask("SELECT version FROM kinds")
        if not done <= version <= done + unknown:
            return f"SQL: kinds were counted to {version}, with {done} confirmed and {unknown} unknown"
        confirmed = sum(isinstance(task.result, Ok) for task in self._all)
        return "" if confirmed >= 20 else f"SQL: only {confirmed} statements of {len(self._all)} were confirmed"

    def _judge_entries(self) -> str:
        """Each row has its entries, and each entry its row: what unique constraints stand on."""
        machines = machines_of(self.run)
        catalog = decode_catalog(machines[0].copies()["*#catalog/"])
        keys: dict[str, str] = {}
        for machine in machines:
            for key in machine.held_keys():
                value = machine.store.latest(key.encode())
                if value is not None:
                    keys[key] = value.decode()
        for table in catalog.tables:
            rows = [decode_row(table, text) for key, text in keys.items() if table_of(key) == table.number]
            for unique in table.uniques:
                wanted = dict(filter(None, (unique_entry(table, unique, row) for row in rows)))
                found = {key: text for key, text in keys.items() if table_of(key) == unique.number}
                if wanted != found:
                    return f"SQL: entries of {unique.name} are {sorted(found.items())}, not {sorted(wanted.items())}"
            for row in rows:
                if key_of_row(table, row) not in keys:
                    return f"SQL: a row of {table.name} stands at another key than its own: {row}"
        return ""

    def _judge_leavings(self) -> str:
        """Of tables that are no more nothing is left, some time after the last one went."""
        self.run.advance(self.run.now_ns + _SWEPT_NS, lambda: not self._leavings())
        left = self._leavings()
        return f"SQL: {len(left)} keys are left of tables that are no more: {left[:3]}" if left else ""

    def _leavings(self) -> list[str]:
        left = []
        for machine in machines_of(self.run):
            numbers = numbers_of(machine.copies()[CATALOG_KEY].encode())
            left += [key for key in machine.held_keys() if numbers.has_given_up(table_of(key) or numbers.next)]
        return left

    def _expect(self, statement: str) -> None:
        """Do something that has to be done before the rest can be."""
        for _ in range(_ASK_TRIES_MAX):
            task = self._sql(statement)
            self.run.advance(self.run.now_ns + 20 * SECOND_NS, lambda task=task: task.is_done)  # type: ignore[misc]
            if isinstance(task.result, Ok) or "already exists" in task.result.reason:
                return
        raise AssertionError(f"{statement} could not be done: {task.result}")

    def _ask(self, query: str) -> list[list[Any]]:
        for _ in range(_ASK_TRIES_MAX):
            task = self._sql(query, verb="query")
            self.run.advance(self.run.now_ns + 20 * SECOND_NS, lambda task=task: task.is_done)  # type: ignore[misc]
            rows = _rows(task)
            if rows is not None:
                return rows
        raise AssertionError(f"{query} could not be answered: {task.result}")


def _transfer(source: int, target: int, amount: int) -> tuple[str, list[int]]:
    """Return a statement that moves money, and refuses to overdraw."""
    if source == target:
        return "UPDATE accounts SET balance = balance WHERE id = ?", [source]
    change = "CASE id WHEN ? THEN 0 - ? ELSE ? END"
    text = f"UPDATE accounts SET balance = balance + {change} WHERE id = ? OR id = ?"
    return text, [source, amount, amount, source, target]


def _rows(task: Any) -> list[list[Any]] | None:
    """Return the rows of an answer, None where there is none."""
    if not task.is_done or not isinstance(task.result, Ok):
        return None
    rows: list[list[Any]] = json.loads(task.result.value)["rows"]
    return rows


def _headline(verdict: Any) -> str:
    return "" if verdict.outcome == "valid" else str(verdict.headline)
