"""Unique indexes over rows that are there: their entries, duplicates, writers beside them, and their end."""

import pytest

from PhantomLibrary.database.sql import defining
from PhantomLibrary.domain import Ok
from PhantomLibrary.domain.rows import CATALOG_KEY, table_of
from PhantomLibrary.sql.catalog import decode_catalog
from PhantomLibrary.testbed.copies_judge import machines_of
from tests.unit.testbed.table_story import ACCOUNTS, ROWS, Tables

BY_BALANCE = "CREATE UNIQUE INDEX by_balance ON accounts (balance)"
SPREAD = "UPDATE accounts SET balance = 100 + id"
LEVELS = ["read committed", "snapshot", "serializable"]


@pytest.fixture
def bank():
    return Tables(ACCOUNTS, ROWS, SPREAD)


def number_of(bank, name):
    """Return the number of the entries of a unique index, as a shard knows it."""
    bank.go(1)
    catalog = decode_catalog(machines_of(bank.run)[0].copies()[CATALOG_KEY])
    return next(each.number for table in catalog.tables for each in table.uniques if each.name == name)


def entries(bank, number):
    """Return how many keys of a number all shards together hold."""
    bank.go(1)
    stores = [machine._store for machine in machines_of(bank.run)]
    held = [(store, key) for store in stores for key, _ in store.items() if table_of(key.decode()) == number]
    return sum(store.latest(key) is not None for store, key in held)


@pytest.mark.parametrize(
    "sharding", ["SHARD BY HASH (id)", "SHARD BY RANGE (id) SPLIT AT (2, 4)", "REPLICATED EVERYWHERE"]
)
def test_an_index_over_rows_is_as_a_constraint_from_the_first(sharding):
    bank = Tables(f"{ACCOUNTS} {sharding}", ROWS, SPREAD, BY_BALANCE)
    assert entries(bank, number_of(bank, "by_balance")) == 4
    for change in ("INSERT INTO accounts VALUES (5, 'max', 102)", "UPDATE accounts SET balance = 101 WHERE id = 4"):
        assert 'SQL 23505: duplicate key value violates unique constraint "by_balance"' in bank.refusal(change)
    assert bank.count("UPDATE accounts SET balance = balance + 1") == 4
    assert bank.count("INSERT INTO accounts VALUES (5, 'max', 101)") == 1
    assert bank.count("DELETE FROM accounts WHERE id = 4") == 1
    assert (
        bank.count("INSERT INTO accounts VALUES (6, 'kim', 104) ON CONFLICT (balance) DO UPDATE SET owner = 'x'") == 1
    )
    assert bank.rows("SELECT id, owner, balance FROM accounts WHERE id > 2 ORDER BY id") == [
        [3, "x", 104],
        [5, "max", 101],
    ]


def test_rows_that_are_not_unique_are_named_and_nothing_is_changed(bank):
    bank.count("UPDATE accounts SET balance = 7 WHERE id > 2")
    reason = 'SQL 23505: could not create unique index "by_balance": key (balance)=(7) is duplicated'
    assert bank.refusal(BY_BALANCE) == reason
    assert bank.count("UPDATE accounts SET balance = 7") == 4
    assert "42704" in bank.refusal("DROP INDEX by_balance")


def test_null_is_not_unique_and_defaults_of_later_columns_are(bank):
    bank.count("INSERT INTO accounts VALUES (5, 'max', NULL), (6, 'kim', NULL)")
    assert bank.count(BY_BALANCE) == 0
    assert bank.count("INSERT INTO accounts VALUES (7, 'lea', NULL)") == 1
    bank.count("ALTER TABLE accounts ADD COLUMN kind TEXT DEFAULT 'plain'")
    assert "key (kind)=(plain) is duplicated" in bank.refusal("CREATE UNIQUE INDEX by_kind ON accounts (kind)")
    assert bank.count("CREATE UNIQUE INDEX by_both ON accounts (kind, owner DESC)") == 0
    assert entries(bank, number_of(bank, "by_both")) == 7 and entries(bank, number_of(bank, "by_balance")) == 4


@pytest.mark.parametrize("level", LEVELS)
def test_a_writer_beside_it_who_does_not_know_of_it_does_not_commit(bank, level):
    bank.begin("t1", level)
    bank.count("INSERT INTO accounts VALUES (5, 'max', 101)", txn="t1")
    assert bank.count(BY_BALANCE) == 0
    assert bank.commit("t1") == "aborted"
    assert bank.rows("SELECT count(*) FROM accounts") == [4]


@pytest.mark.parametrize("level", LEVELS)
def test_an_index_that_misses_a_row_does_not_commit(bank, level):
    bank.begin("t1", level)
    bank.count(BY_BALANCE, txn="t1")
    bank.count("INSERT INTO accounts VALUES (5, 'max', 101)")
    assert bank.commit("t1") == "aborted"
    assert "duplicated" in bank.refusal(BY_BALANCE)


@pytest.mark.parametrize("level", LEVELS)
def test_of_two_indexes_that_do_not_know_of_each_other_one_commits(bank, level):
    bank.begin("t1", level)
    bank.begin("t2", level)
    bank.rows("SELECT count(*) FROM accounts", txn="t2")
    bank.count(BY_BALANCE, txn="t1")
    assert bank.commit("t1") == "done"
    answer = bank.ask("CREATE UNIQUE INDEX by_both ON accounts (owner, balance)", txn="t2")
    assert isinstance(answer, Ok) == (level == "read committed")  # It has looked at the schema anew.
    assert "42P07" in bank.refusal(BY_BALANCE)
    assert "23505" in bank.refusal("INSERT INTO accounts VALUES (5, 'max', 101)")


@pytest.mark.parametrize("level", LEVELS)
def test_an_index_and_its_table_may_come_in_one_transaction(bank, level):
    bank.begin("t1", level)
    bank.count("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)", txn="t1")
    bank.count("INSERT INTO notes VALUES (1, 'a'), (2, 'b')", txn="t1")
    bank.count("CREATE UNIQUE INDEX by_text ON notes (text)", txn="t1")
    assert "23505" in bank.refusal("INSERT INTO notes VALUES (3, 'b')", txn="t1")
    bank.count("INSERT INTO notes VALUES (3, 'c')", txn="t1")
    assert bank.commit("t1") == "done"
    assert "23505" in bank.refusal("INSERT INTO notes VALUES (4, 'c')")
    assert "23505" in bank.refusal("INSERT INTO notes VALUES (4, 'a')")
    assert bank.rows("SELECT text FROM notes ORDER BY id") == ["a", "b", "c"]


@pytest.mark.parametrize("level", LEVELS)
def test_dropped_it_leaves_no_entry_and_may_come_again(bank, level):
    bank.count(BY_BALANCE)
    number = number_of(bank, "by_balance")
    bank.begin("t1", level)
    assert bank.count("DROP INDEX by_balance", txn="t1") == 0
    assert bank.commit("t1") == "done"
    bank.go(11)
    assert entries(bank, number) == 0
    assert bank.count("INSERT INTO accounts VALUES (5, 'max', 101)") == 1
    assert "duplicated" in bank.refusal(BY_BALANCE)
    bank.count("DELETE FROM accounts WHERE id = 1")
    assert bank.count(BY_BALANCE) == 0
    assert number_of(bank, "by_balance") > number
    assert "23505" in bank.refusal("INSERT INTO accounts VALUES (6, 'kim', 101)")


def test_it_is_emptied_with_its_table(bank):
    bank.count(BY_BALANCE)
    bank.count("TRUNCATE TABLE accounts")
    bank.count(ROWS[: ROWS.index(", (2")])
    assert "23505" in bank.refusal("INSERT INTO accounts VALUES (2, 'bob', 100)")
    assert bank.count("DROP INDEX by_balance") == 0


def test_it_is_for_so_many_rows_and_no_more(monkeypatch, bank):
    monkeypatch.setattr(defining, "ROWS_MAX", 4)
    assert bank.count(BY_BALANCE) == 0
    bank.count("INSERT INTO accounts VALUES (5, 'max', 5)")
    bank.count("DROP INDEX by_balance")
    refusal = bank.refusal(BY_BALANCE)
    assert refusal == "SQL 54000: unique index by_balance would have 5 rows of accounts: at most 4"
    assert bank.count("UPDATE accounts SET balance = 1") == 5
