"""Tables that are dropped or emptied: in the end nothing of them is left on any replica."""

import pytest

from PhantomLibrary.database.sql import changes, sweeping
from PhantomLibrary.testbed.judge import judge_agreement, replicas_agree
from tests.unit.testbed.table_story import ACCOUNTS, CARDS, KINDS, ROWS, Tables

SOON = 12  # Seconds: as long as old snapshots are kept, and a little more.


@pytest.fixture
def bank():
    return Tables(ACCOUNTS, CARDS, KINDS, ROWS, "INSERT INTO cards VALUES (1, 1)", "INSERT INTO kinds VALUES (1, 'a')")


def held(bank):
    """Return the keys that any replica of a shard of data holds versions of."""
    return {
        key
        for process in bank.run.processes.values()
        for shard, replica in process.replicas.items()
        for key in replica.machine.held_keys()
        if shard
    }


def test_what_is_emptied_leaves_no_row_in_the_store(bank):
    bank.count("TRUNCATE TABLE cards")
    for table in ("cards", "kinds", "accounts"):
        bank.count(f"DROP TABLE {table}")
    assert len(held(bank)) == 11
    bank.go(SOON)
    assert held(bank) == {"*#catalog/"}
    assert judge_agreement(bank.run).outcome == "valid"


def test_a_large_table_goes_in_pieces_and_is_seen_by_nobody(bank, monkeypatch):
    monkeypatch.setattr(sweeping, "KEYS_MAX", 50)
    monkeypatch.setattr(changes, "ROWS_MAX", 50)  # Of which a statement changes no more.
    for start in range(10, 210, 50):
        values = ", ".join(f"({number}, 'owner {number}', 1)" for number in range(start, start + 50))
        bank.count(f"INSERT INTO accounts VALUES {values}")
    bank.count("DROP TABLE cards")
    bank.count("DROP TABLE accounts")
    bank.count(ACCOUNTS)
    assert bank.rows("SELECT count(*) FROM accounts") == [0]
    assert bank.count("INSERT INTO accounts VALUES (10, 'owner 10', 5)") == 1
    sizes = []
    bank.go(9)
    for _ in range(60):
        bank.go(0.05)
        sizes.append(len(held(bank)))
    assert sizes[0] > 400 and sizes[-1] == 4, "the catalog, a kind, a row and its entry"
    assert len(set(sizes)) > 3
    assert bank.rows("SELECT * FROM accounts") == [[10, "owner 10", 5]]
    assert "23505" in bank.refusal("INSERT INTO accounts VALUES (11, 'owner 10', 5)")


def test_a_reader_from_before_sees_all_of_it_until_the_end(bank):
    bank.begin("t1", "snapshot")
    assert bank.rows("SELECT count(*) FROM accounts", txn="t1") == [4]
    bank.count("TRUNCATE TABLE cards")
    bank.count("DROP TABLE cards")
    bank.count("DROP TABLE accounts")
    bank.go(7)
    assert bank.rows("SELECT sum(balance) FROM accounts", txn="t1") == [400]
    assert bank.rows("SELECT count(*) FROM cards", txn="t1") == [1]


def test_it_goes_whatever_shards_and_leaders_do_meanwhile(bank):
    bank.count("INSERT INTO accounts SELECT id + 10, owner || '!', 1 FROM accounts")
    bank.count("DROP TABLE cards")
    bank.count("DROP TABLE kinds")
    bank.count("DROP TABLE accounts")
    bank.reshape("split shard", shard=2, key="k5")
    bank.reshape("merge shards", left=1, right=2)
    bank.give("crash node", bank.run.leader(1))
    bank.go(6)
    for node in bank.run.node_names:
        if bank.run.host(node).is_down:
            bank.give("restart node", node)
    bank.go(SOON + 8, replicas_agree(bank.run))
    bank.go(SOON)
    assert held(bank) == {"*#catalog/"}
    assert judge_agreement(bank.run).outcome == "valid"
