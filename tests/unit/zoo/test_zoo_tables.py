"""Each planted defect of tables is caught in a short story, and the same story without it is clean."""

import pytest

from PhantomLibrary.domain import Refused
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.zoo.sql_catalogue import SQL_DEFECTS
from tests.unit.testbed.table_story import ACCOUNTS, CARDS, KINDS, ROWS, Tables

INSERT = "INSERT INTO accounts VALUES (5, 'max', 1)"
JOIN = "SELECT count(*) FROM accounts AS a JOIN kinds AS k ON k.name = 'plain'"


def _schema(tables):
    tables.begin("t1", "read committed")
    tables.count(INSERT, txn="t1")
    tables.count("ALTER TABLE accounts ADD COLUMN kind TEXT")
    return tables.commit("t1")


def _same_name(tables):
    return isinstance(tables.ask("INSERT INTO accounts VALUES (5, 'bob', 1)"), Refused)


def _free_name(tables):
    tables.count("DELETE FROM accounts WHERE owner = 'bob'")
    return isinstance(tables.ask("INSERT INTO accounts VALUES (5, 'bob', 1)"), Refused)


BY_BALANCE = "CREATE UNIQUE INDEX by_balance ON accounts (balance)"


def _index_of_rows_that_agree(tables):
    return isinstance(tables.ask(BY_BALANCE), Refused)


def _index_beside_a_writer(tables):
    tables.count("UPDATE accounts SET balance = id")
    tables.begin("t1", "read committed")
    tables.count(BY_BALANCE, txn="t1")
    tables.count("INSERT INTO accounts VALUES (5, 'max', 3)")
    return tables.commit("t1")


def _reader_of_a_dropped_table(tables):
    tables.begin("t1", "snapshot")
    tables.rows("SELECT count(*) FROM kinds", txn="t1")
    tables.count("DROP TABLE cards")
    tables.count("DROP TABLE accounts")
    tables.go(1)
    answer = tables.ask("SELECT count(*) FROM accounts", txn="t1")
    return getattr(answer, "value", None)


def _half_a_statement(tables):
    tables.begin("t1")
    tables.refusal("INSERT INTO cards VALUES (1, 1), (2, 9)", txn="t1")
    return tables.rows("SELECT count(*) FROM cards", txn="t1")


def _parent(tables):
    tables.begin("t1", "read committed")
    tables.count("INSERT INTO cards VALUES (1, 2)", txn="t1")
    tables.count("DELETE FROM accounts WHERE id = 2")
    tables.go(1)
    return tables.commit("t1")


def _copies(tables):
    tables.count("INSERT INTO kinds VALUES (1, 'plain')")
    return tables.rows(JOIN)


def _copies_of_a_new_shard(tables):
    tables.count("INSERT INTO kinds VALUES (1, 'plain')")
    tables.reshape("split shard", shard=2, key="k5")
    return tables.rows(JOIN)


SCENARIOS = {
    "schema-not-validated": _schema,
    "unique-entry-missing": _same_name,
    "unique-entry-left": _free_name,
    "unique-index-not-filled": _index_of_rows_that_agree,
    "unique-index-misses-writes": _index_beside_a_writer,
    "dropped-rows-leave-at-once": _reader_of_a_dropped_table,
    "failed-statement-not-undone": _half_a_statement,
    "parent-not-held": _parent,
    "copy-missing-on-a-shard": _copies,
    "copies-not-split": _copies_of_a_new_shard,
}
RIGHT = {
    "schema-not-validated": "aborted",
    "unique-entry-missing": True,
    "unique-entry-left": False,
    "unique-index-not-filled": True,
    "unique-index-misses-writes": "aborted",
    "dropped-rows-leave-at-once": '{"columns":["count"],"types":["INTEGER"],"rows":[[4]],"count":1}',
    "failed-statement-not-undone": [0],
    "parent-not-held": "aborted",
    "copy-missing-on-a-shard": [4],
    "copies-not-split": [4],
}


@pytest.mark.parametrize("defect", SQL_DEFECTS)
def test_a_story_ends_otherwise_with_the_defect(defect):
    planted = SQL_DEFECTS[defect].plant(Parts())
    ends = [SCENARIOS[defect](Tables(ACCOUNTS, CARDS, KINDS, ROWS, parts=parts)) for parts in (None, planted)]
    assert ends[0] == RIGHT[defect] and ends[1] != RIGHT[defect]
