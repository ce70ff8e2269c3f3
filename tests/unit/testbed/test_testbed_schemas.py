"""Statements of a transaction that has changed the schema itself: they see what it has made of tables and rows."""

import pytest

from tests.unit.testbed.table_story import ACCOUNTS, KINDS, ROWS, Tables

LEVELS = ["read committed", "snapshot", "serializable"]
SHARDINGS = ["SHARD BY HASH (id)", "SHARD BY RANGE (id) SPLIT AT (2, 4)", "REPLICATED EVERYWHERE"]


@pytest.fixture
def bank():
    return Tables(ACCOUNTS, KINDS, ROWS)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("sharding", SHARDINGS)
def test_a_table_is_made_filled_changed_and_read_in_one_transaction(level, sharding):
    bank = Tables(ACCOUNTS, ROWS)
    bank.begin("t1", level)
    bank.count(f"CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE) {sharding}", txn="t1")
    assert bank.rows("SELECT count(*) FROM notes", txn="t1") == [0]
    assert bank.count("INSERT INTO notes SELECT id, owner FROM accounts", txn="t1") == 4
    assert bank.count("UPDATE notes SET text = text || '!' WHERE id > 2", txn="t1") == 2
    assert bank.count("DELETE FROM notes WHERE text = 'bob'", txn="t1") == 1
    assert "23505" in bank.refusal("INSERT INTO notes VALUES (9, 'ada')", txn="t1")
    joined = "SELECT a.owner, n.text FROM accounts AS a LEFT JOIN notes AS n ON n.id = a.id ORDER BY a.id"
    seen = [["ada", "ada"], ["bob", None], ["eve", "eve!"], ["zoe", "zoe!"]]
    assert bank.rows(joined, txn="t1") == seen
    assert "42P01" in bank.refusal("SELECT id FROM notes")
    assert bank.commit("t1") == "done" and bank.rows(joined) == seen


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("sharding", SHARDINGS)
def test_a_column_that_is_added_is_there_for_all_statements(level, sharding):
    bank = Tables(f"{ACCOUNTS} {sharding}", ROWS)
    bank.begin("t1", level)
    bank.count("UPDATE accounts SET balance = 50 WHERE id = 1", txn="t1")
    bank.count("ALTER TABLE accounts ADD COLUMN kind TEXT NOT NULL DEFAULT 'plain'", txn="t1")
    assert bank.rows("SELECT kind, count(*) FROM accounts GROUP BY kind", txn="t1") == [["plain", 4]]
    assert bank.count("UPDATE accounts SET kind = 'gold' WHERE balance = 100 AND id < 4", txn="t1") == 2
    assert bank.count("DELETE FROM accounts WHERE kind = 'plain' AND balance = 100", txn="t1") == 1
    bank.count("INSERT INTO accounts (id, owner, balance) SELECT id + 10, owner || '!', 1 FROM accounts", txn="t1")
    bank.count("ALTER TABLE accounts ADD COLUMN more INTEGER", txn="t1")
    wanted = [
        [1, 50, "plain"],
        [2, 100, "gold"],
        [3, 100, "gold"],
        [11, 1, "plain"],
        [12, 1, "plain"],
        [13, 1, "plain"],
    ]
    assert bank.rows("SELECT id, balance, kind FROM accounts ORDER BY id", txn="t1") == wanted
    assert bank.rows("SELECT count(more), count(*) FROM accounts", txn="t1") == [[0, 6]]
    assert len(bank.rows("SELECT * FROM accounts")[0]) == 3
    assert bank.commit("t1") == "done"
    assert bank.rows("SELECT id, balance, kind FROM accounts ORDER BY id") == wanted


def test_what_was_emptied_dropped_or_made_anew_is_read_so(bank):
    bank.begin("t1")
    bank.count("TRUNCATE TABLE accounts", txn="t1")
    assert bank.rows("SELECT count(*) FROM accounts", txn="t1") == [0]
    bank.count("INSERT INTO accounts VALUES (1, 'ada', 5)", txn="t1")
    bank.count("DROP TABLE kinds", txn="t1")
    bank.count("CREATE TABLE kinds (name TEXT PRIMARY KEY, owner INTEGER REFERENCES accounts)", txn="t1")
    assert "23503" in bank.refusal("INSERT INTO kinds VALUES ('gold', 2)", txn="t1")
    bank.count("INSERT INTO kinds VALUES ('gold', 1)", txn="t1")
    assert "23503" in bank.refusal("DELETE FROM accounts", txn="t1")
    assert bank.rows("SELECT k.name, a.balance FROM kinds AS k JOIN accounts AS a ON a.id = k.owner", txn="t1") == [
        ["gold", 5]
    ]
    assert bank.rows("SELECT sum(balance) FROM accounts") == [400]
    assert bank.commit("t1") == "done"
    assert bank.rows("SELECT k.name, a.balance FROM kinds AS k JOIN accounts AS a ON a.id = k.owner") == [["gold", 5]]


def test_what_was_rolled_back_leaves_nothing_to_who_gets_its_number(bank):
    for columns, values in (("id INTEGER PRIMARY KEY, a TEXT", "1, 'a'"), ("id TEXT PRIMARY KEY", "'x'")):
        bank.begin("t1")
        bank.count(f"CREATE TABLE notes ({columns})", txn="t1")
        bank.count(f"INSERT INTO notes VALUES ({values})", txn="t1")
        assert bank.rows("SELECT count(*) FROM notes", txn="t1") == [1]
        bank.give("roll back transaction", transaction="t1")
        bank.go(1)
        bank.run.transactions.pop("t1")
    bank.count("CREATE TABLE notes (id INTEGER PRIMARY KEY, b INTEGER, c INTEGER DEFAULT 3)")
    assert bank.rows("SELECT * FROM notes") == []
    bank.count("INSERT INTO notes (id, b) VALUES (1, 2)")
    assert bank.rows("SELECT * FROM notes") == [[1, 2, 3]]


def test_of_two_who_alter_a_table_the_second_one_waits_or_fails(bank):
    bank.begin("t1", "read committed")
    bank.begin("t2", "read committed")
    bank.count("ALTER TABLE accounts ADD COLUMN kind TEXT DEFAULT 'plain'", txn="t1")
    task = bank.give(
        "execute sql", statement="ALTER TABLE accounts ADD COLUMN size INTEGER", parameters=[], transaction="t2"
    )
    bank.go(0.2)
    assert not task.is_done
    assert bank.count("UPDATE accounts SET kind = 'gold' WHERE id = 1", txn="t1") == 1
    assert bank.commit("t1") == "done"
    assert bank.go(3, lambda: task.is_done)
    assert bank.rows("SELECT kind, size FROM accounts WHERE id < 3 ORDER BY id", txn="t2") == [
        ["gold", None],
        ["plain", None],
    ]
    assert bank.commit("t2") == "done"
