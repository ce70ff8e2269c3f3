"""Statements of SQL over shards: what they change, what they keep to, and what they leave when they fail."""

import pytest

from PhantomLibrary.domain import Ok, Refused, StatementFailed
from PhantomLibrary.domain.rows import CATALOG_KEY
from PhantomLibrary.sql.catalog import decode_catalog
from PhantomLibrary.testbed.copies_judge import judge_copies, machines_of
from PhantomLibrary.testbed.judge import judge_agreement, judge_history
from PhantomLibrary.testbed.replay import replay
from tests.unit.testbed.table_story import ACCOUNTS, CARDS, KINDS, ROWS, Tables


@pytest.fixture
def bank():
    return Tables(ACCOUNTS, CARDS, ROWS)


def owners(bank):
    return bank.rows("SELECT owner FROM accounts ORDER BY id")


# --- rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sharding", ["SHARD BY RANGE (id) SPLIT AT (2, 4)", "SHARD BY HASH (id)", "REPLICATED EVERYWHERE"]
)
@pytest.mark.parametrize("placement", ["range", "hash"])
def test_rows_are_changed_alike_however_they_are_spread(sharding, placement):
    bank = Tables(f"{ACCOUNTS} {sharding}", ROWS, knobs={"placement": placement})
    assert bank.count("UPDATE accounts SET balance = balance + id WHERE id > 1") == 3
    assert bank.count("DELETE FROM accounts WHERE owner = ?", "eve") == 1
    assert bank.count("UPSERT INTO accounts VALUES (1, 'ann', 1), (5, 'max', 5)") == 2
    assert bank.count("INSERT INTO accounts SELECT id + 10, owner || '!', balance FROM accounts") == 4
    found = bank.rows("SELECT id, owner, balance FROM accounts WHERE id < 10 ORDER BY id")
    assert found == [[1, "ann", 1], [2, "bob", 102], [4, "zoe", 104], [5, "max", 5]]
    assert bank.rows("SELECT sum(balance) FROM accounts") == [2 * (1 + 102 + 104 + 5)]


def test_what_is_there_already_may_be_left_or_changed(bank):
    assert bank.count("INSERT INTO accounts VALUES (1, 'ann', 1), (5, 'max', 1) ON CONFLICT DO NOTHING") == 1
    change = "ON CONFLICT (owner) DO UPDATE SET balance = accounts.balance + excluded.balance"
    assert bank.count(f"INSERT INTO accounts VALUES (9, 'bob', 7), (6, 'kim', 1) {change}") == 2
    assert bank.rows("SELECT id, balance FROM accounts WHERE owner = 'bob'") == [[2, 107]]
    assert owners(bank) == ["ada", "bob", "eve", "zoe", "max", "kim"]
    twice = bank.refusal(f"INSERT INTO accounts VALUES (9, 'bob', 7), (8, 'bob', 1) {change}")
    assert twice.startswith("SQL 21000: ON CONFLICT DO UPDATE cannot affect row")


def test_keys_may_move_from_row_to_row(bank):
    assert bank.count("UPDATE accounts SET id = id + 1") == 4
    assert bank.rows("SELECT id FROM accounts ORDER BY id") == [2, 3, 4, 5]


def test_two_rows_may_exchange_what_is_unique(bank):
    swap = "UPDATE accounts SET owner = CASE id WHEN 1 THEN 'bob' ELSE 'ada' END WHERE id <= 2"
    assert bank.count(swap) == 2 and owners(bank)[:2] == ["bob", "ada"]
    assert "23505" in bank.refusal("INSERT INTO accounts VALUES (9, 'ada', 0)")


def test_null_is_not_unique(bank):
    bank.count("INSERT INTO accounts VALUES (5, NULL, 1), (6, NULL, 1)")
    assert bank.count("UPDATE accounts SET owner = 'max' WHERE id = 5") == 1
    assert "23505" in bank.refusal("UPDATE accounts SET owner = 'max' WHERE id = 6")


def test_a_table_without_a_key_keeps_rows_apart():
    tables = Tables("CREATE TABLE notes (text TEXT)")
    for _ in range(2):
        assert tables.count("INSERT INTO notes VALUES ('a'), ('a')") == 2
    assert tables.rows("SELECT count(*) FROM notes") == [4]
    assert tables.count("DELETE FROM notes") == 4


def test_a_statement_changes_so_many_rows_and_no_more(monkeypatch, bank):
    from PhantomLibrary.database.sql import changing

    monkeypatch.setattr(changing, "ROWS_MAX", 3)
    assert (
        bank.refusal("UPDATE accounts SET balance = 1")
        == "SQL 54000: the statement changes 4 rows of accounts: at most 3"
    )


# --- constraints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("INSERT INTO accounts VALUES (5, 'max', 1), (1, 'ann', 1)", "23505: duplicate key value violates unique"),
        ("INSERT INTO accounts VALUES (5, 'max', 1), (5, 'ann', 1)", "23505: duplicate key value violates unique"),
        ("INSERT INTO accounts VALUES (5, 'bob', 1)", '23505: duplicate key .* "accounts_owner_key"'),
        ("UPDATE accounts SET owner = 'same' WHERE id > 2", '23505: duplicate key .* "accounts_owner_key"'),
        ("UPDATE accounts SET id = 1 WHERE id = 2", '23505: duplicate key .* "accounts_pkey"'),
        ("INSERT INTO accounts VALUES (NULL, 'max', 1)", "23502: null value"),
        ("UPDATE accounts SET balance = balance - 101", "23514: new row for table"),
        ("INSERT INTO cards VALUES (1, 1), (2, 9)", r"23503: insert or update on table .* key \(account\)=\(9\)"),
        ("UPDATE accounts SET balance = balance * 9223372036854775807", "22003: integer out of range"),
        ("UPDATE accounts SET balance = balance / 0", "22012: division by zero"),
        ("TRUNCATE TABLE accounts", "2BP01: cannot truncate table accounts"),
        ("DROP TABLE accounts", "2BP01: cannot drop table accounts"),
    ],
)
def test_what_is_forbidden_is_refused_as_a_whole(bank, statement, reason):
    import re

    assert re.match(f"SQL {reason}", bank.refusal(statement)), bank.refusal(statement)
    assert bank.rows("SELECT id, owner, balance FROM accounts ORDER BY id") == [
        [1, "ada", 100],
        [2, "bob", 100],
        [3, "eve", 100],
        [4, "zoe", 100],
    ]
    assert bank.rows("SELECT count(*) FROM cards") == [0]


def test_rows_that_are_referred_to_stay(bank):
    bank.count("INSERT INTO cards VALUES (1, 1), (2, NULL)")
    assert "still referenced" in bank.refusal("DELETE FROM accounts WHERE id < 3")
    assert "still referenced" in bank.refusal("UPDATE accounts SET id = 7 WHERE id = 1")
    assert bank.count("UPDATE accounts SET balance = 1 WHERE id = 1") == 1
    assert bank.count("DELETE FROM cards WHERE id = 1") == 1
    assert bank.count("DELETE FROM accounts WHERE id = 1") == 1


def test_who_deletes_has_nobody_refer_to_it_when_he_commits(bank):
    bank.begin("t1", "read committed")
    bank.count("DELETE FROM accounts WHERE id = 2", txn="t1")
    bank.count("INSERT INTO cards VALUES (1, 2)")
    bank.go(1)
    assert bank.commit("t1") == "aborted"


def test_what_a_row_refers_to_already_is_not_held_anew(bank):
    bank.count("INSERT INTO cards VALUES (1, 1)")
    bank.begin("t1", "snapshot")
    bank.count("UPDATE cards SET id = id + 10", txn="t1")
    bank.count("UPDATE accounts SET balance = 1 WHERE id = 1")
    bank.go(1)
    assert bank.commit("t1") == "done"


def test_no_number_is_given_twice(bank):
    bank.count("DROP TABLE cards")
    bank.count("TRUNCATE TABLE accounts")
    bank.count("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE)")
    bank.go(1)
    catalog = decode_catalog(machines_of(bank.run)[0].copies()[CATALOG_KEY])
    tables = catalog.tables
    numbers = [*(each.number for each in tables), *(unique.number for each in tables for unique in each.uniques)]
    assert len(set(numbers)) == len(numbers) == 4 and min(numbers) > 3


def test_a_table_may_refer_to_itself():
    tables = Tables("CREATE TABLE people (id INTEGER PRIMARY KEY, boss INTEGER REFERENCES people (id))")
    assert tables.count("INSERT INTO people VALUES (1, 2), (2, NULL), (3, 3)") == 3
    assert "23503" in tables.refusal("DELETE FROM people WHERE id = 2")
    assert tables.count("DELETE FROM people WHERE id < 3") == 2
    assert tables.count("DELETE FROM people WHERE id = 3") == 1


# --- transactions -----------------------------------------------------------------------------------------------------


def test_a_statement_that_fails_has_no_effect_and_its_transaction_goes_on(bank):
    bank.begin("t1")
    bank.count("UPDATE accounts SET balance = 1 WHERE id = 1", txn="t1")
    answer = bank.ask("INSERT INTO cards VALUES (1, 1), (2, 9)", txn="t1")
    assert isinstance(answer, StatementFailed) and "23503" in answer.reason
    assert "42703" in bank.refusal("SELECT nme FROM cards", txn="t1")
    assert bank.rows("SELECT count(*) FROM cards", txn="t1") == [0]
    bank.count("INSERT INTO cards VALUES (3, 1)", txn="t1")
    assert bank.commit("t1") == "done"
    assert bank.rows("SELECT id FROM cards") == [3] and bank.rows("SELECT balance FROM accounts WHERE id = 1") == [1]


@pytest.mark.parametrize("level", ["read committed", "snapshot", "serializable"])
def test_a_change_of_the_schema_and_a_writer_who_does_not_know_of_it_do_not_both_commit(bank, level):
    bank.begin("t1", level)
    bank.count("INSERT INTO accounts VALUES (5, 'max', 1)", txn="t1")
    bank.count("ALTER TABLE accounts ADD COLUMN kind TEXT DEFAULT 'plain'")
    assert bank.commit("t1") == "aborted"
    assert bank.run.transactions["t1"].reason == "the schema was read, and another transaction has written it since"
    assert bank.rows("SELECT DISTINCT kind FROM accounts") == ["plain"]


def test_at_read_committed_the_schema_may_not_change_between_two_statements_that_write(bank):
    bank.begin("t1", "read committed")
    bank.count("INSERT INTO accounts VALUES (5, 'max', 1)", txn="t1")
    bank.count("ALTER TABLE accounts ADD COLUMN kind TEXT")
    answer = bank.ask("INSERT INTO accounts VALUES (6, 'kim', 1)", txn="t1")
    assert isinstance(answer, Refused) and not isinstance(answer, StatementFailed)


def test_a_reader_goes_on_with_the_schema_of_its_snapshot(bank):
    bank.begin("t1", "snapshot")
    assert bank.rows("SELECT count(*) FROM accounts", txn="t1") == [4]
    bank.count("TRUNCATE TABLE cards")
    bank.count("ALTER TABLE accounts ADD COLUMN kind TEXT")
    assert len(bank.rows("SELECT * FROM accounts", txn="t1")[0]) == 3
    assert bank.commit("t1") == "done"


@pytest.mark.parametrize("level", ["read committed", "snapshot", "serializable"])
def test_of_two_who_give_a_unique_value_at_once_one_gives_it(bank, level):
    bank.begin("t1", level)
    bank.begin("t2", level)
    bank.count("INSERT INTO accounts VALUES (5, 'max', 1)", txn="t1")
    task = bank.give(
        "execute sql", statement="INSERT INTO accounts VALUES (6, 'max', 2)", parameters=[], transaction="t2"
    )
    bank.go(0.1)
    assert not task.is_done and bank.commit("t1") == "done"
    bank.go(1, lambda: task.is_done)
    assert isinstance(task.result, StatementFailed) == (level == "read committed") and not isinstance(task.result, Ok)
    assert bank.rows("SELECT id FROM accounts WHERE owner = 'max'") == [5]


def test_statements_that_meet_each_other_are_tried_again(bank):
    add = "UPDATE accounts SET balance = balance + 1"
    tasks = [bank.give("execute sql", statement=add, parameters=[]) for _ in range(4)]
    bank.go(10, lambda: all(task.is_done for task in tasks))
    done = sum(isinstance(task.result, Ok) for task in tasks)
    assert done >= 2 and bank.rows("SELECT sum(balance) FROM accounts") == [400 + 4 * done]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT balance FROM accounts WHERE id = ?",
        "SELECT balance FROM accounts WHERE id IN (?, 99)",
        "SELECT b.balance FROM accounts AS a JOIN accounts AS b ON a.id = b.id WHERE a.id = ?",
        "SELECT sum(balance) FROM accounts WHERE owner <> 'nobody' AND id = ?",
    ],
)
def test_what_was_looked_up_by_key_has_to_be_so_at_the_commit(query):
    for level, ends in (("serializable", ["done", "aborted"]), ("snapshot", ["done", "done"])):
        bank = Tables(ACCOUNTS, ROWS)
        for name, read in (("t1", 2), ("t2", 1)):
            bank.begin(name, level)
            assert bank.rows(query, read, txn=name) == [100]
        for name, written in (("t1", 1), ("t2", 2)):
            bank.count("UPDATE accounts SET balance = 0 WHERE id = ?", written, txn=name)
        assert [bank.commit("t1"), bank.commit("t2")] == ends


def test_a_changed_reference_has_to_be_there_as_a_new_one_has(bank):
    bank.count("INSERT INTO cards VALUES (1, 1), (2, NULL)")
    for change in ("UPDATE cards SET account = 9 WHERE id = 1", "UPDATE cards SET account = 9 WHERE id = 2"):
        assert 'SQL 23503: insert or update on table "cards" violates' in bank.refusal(change)
    assert bank.count("UPDATE cards SET account = 2 WHERE id = 2") == 1
    assert bank.count("UPDATE cards SET account = NULL WHERE id = 1") == 1
    assert "23503" in bank.refusal("DELETE FROM accounts WHERE id = 2")
    assert bank.count("DELETE FROM accounts WHERE id = 1") == 1


def test_what_a_refused_statement_stood_on_may_change(bank):
    bank.begin("t1", "read committed")
    assert "23503" in bank.refusal("INSERT INTO cards VALUES (1, 1), (2, 9)", txn="t1")
    bank.count("INSERT INTO cards VALUES (3, 2)", txn="t1")
    bank.count("DELETE FROM accounts WHERE id = 1")
    assert bank.commit("t1") == "done"
    assert bank.rows("SELECT id FROM cards") == [3]


# --- shards -----------------------------------------------------------------------------------------------------------


def test_rows_and_copies_go_along_with_splits_and_merges():
    tables = Tables(ACCOUNTS, KINDS, ROWS, "INSERT INTO kinds VALUES (1, 'plain')")
    tables.count("INSERT INTO accounts SELECT id + 10, owner || '!', balance FROM accounts")
    tables.reshape("split shard", shard=1, key="k15")
    tables.count("UPDATE kinds SET name = 'gold'")
    assert len(tables.run.directory().shards) == 5
    tables.reshape("merge shards", left=2, right=3)
    joined = "SELECT count(*) FROM accounts AS a JOIN kinds AS k ON k.name = 'gold'"
    assert tables.rows(joined) == [8] and len(tables.run.directory().shards) == 4
    tables.go(1)
    copies = judge_copies(tables.run)
    assert (copies.outcome, copies.operations) == ("valid", 3 * 2)  # The catalog and one row.


def test_copies_that_differ_are_told():
    tables = Tables(KINDS, "INSERT INTO kinds VALUES (1, 'plain')")
    tables.go(1)
    leader = tables.run.processes[tables.run.leader(2)]
    key = next(key for key in leader.replicas[2].machine.copies() if "catalog" not in key)
    for process in tables.run.processes.values():
        process.replicas[2].machine.store.put(key.encode(), b'[1,"other"]', at_ns=tables.run.now_ns, horizon_ns=0)
    verdict = judge_agreement(tables.run)
    assert (verdict.outcome, verdict.code) == ("invalid", "RPL-004") and '[1,"other"]' in verdict.message


# --- the run ----------------------------------------------------------------------------------------------------------


def test_statements_are_evidence_and_disturb_no_judgement(bank):
    bank.give("put value", key="k1", value="1")
    bank.give("get value", key="k1")
    bank.begin("t1")
    bank.count("INSERT INTO cards VALUES (1, 1)", txn="t1")
    assert bank.commit("t1") == "done"
    verdict = judge_history(bank.run, "linearizable")
    assert verdict.outcome == "valid"
    events = [each for each in bank.run.recorder.events if each.workload == "sql" and each.type == "ok"]
    assert events and events[0].function == "create table" and events[0].value == [ACCOUNTS, []]


def test_statements_replay():
    bank = Tables(ACCOUNTS, ROWS)
    bank.begin("t1", "read committed")
    bank.count("UPDATE accounts SET balance = ? WHERE id = ?", 5, 1, txn="t1")
    bank.commit("t1")
    schedule = bank.run.finish()
    assert replay(schedule).trace.digest() == bank.run.trace.digest()
