"""Rows of tables that are no more: which ones go, when, and how many at a time."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.messages import Freeze, Sweep
from PhantomLibrary.database.sql import sweeping
from PhantomLibrary.database.sql.sweeping import dead_keys
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.domain.rows import CATALOG_KEY
from PhantomLibrary.sql.catalog import Unique, encode_catalog
from PhantomLibrary.sql.rows import encode_row, key_of_row, unique_entry
from tests.unit.database.sql_cluster import CATALOG, ORDERS, PEOPLE
from tests.unit.database.transactions_host import CONFIG, Host

NAMES = Unique("names", ("name",), 3)
NAMED = replace(PEOPLE, uniques=(NAMES,))
FULL = replace(CATALOG, tables=(NAMED, ORDERS), next_number=4)
WITHOUT_PEOPLE = replace(FULL, tables=(ORDERS,))
RETENTION_NS = CONFIG.version_retention_ns
COUNT = 5


@pytest.fixture
def host():
    made = Host()
    made.write(CATALOG_KEY, encode_catalog(FULL), 1_000)
    for number in range(COUNT):
        row = (number, f"name {number}")
        made.write(key_of_row(PEOPLE, row), encode_row(row), 1_010)
        made.write(*unique_entry(NAMED, NAMES, row), 1_010)
        made.write(key_of_row(ORDERS, (number, 0, 0)), encode_row((number, 0, 0)), 1_010)
    made.now = 2_000
    return made


def drop(host, catalog=WITHOUT_PEOPLE):
    host.write(CATALOG_KEY, encode_catalog(catalog), host.now)
    return host.now


def held(host):
    return len(host.machine.held_keys())


def sweep(host):
    """Have the log commit what the sweeper has asked for; return how many commands that were."""
    commands, host.swept = host.swept, []
    for command in commands:
        host.machine.apply(host.machine.applied_index + 1, command)
    return len(commands)


def test_rows_and_entries_go_when_nobody_can_read_them_any_more(host):
    drop(host)
    host.pass_time(RETENTION_NS - SECOND_NS)
    assert not host.swept and host.desk._sweeper.has_work
    host.pass_time(SECOND_NS + 1_000)
    before = host.worked_ns
    host.pass_time(0)
    assert host.worked_ns > before and sweep(host) == 2  # It was asked for again before it had been done.
    assert held(host) == 1 + COUNT and host.machine.horizon_ns >= 2_000
    host.pass_time(1)
    assert not host.swept and not host.desk._sweeper.has_work


def test_without_a_table_that_has_gone_there_is_nothing_to_do(host):
    assert not host.desk._sweeper.has_work
    drop(host, replace(FULL, tables=(NAMED, ORDERS, replace(PEOPLE, number=4, name="more")), next_number=5))
    host.pass_time(RETENTION_NS * 2)
    assert not host.swept and not host.desk._sweeper.has_work and held(host) == 1 + 3 * COUNT


def test_so_many_at_a_time_each_once(host, monkeypatch):
    monkeypatch.setattr(sweeping, "KEYS_MAX", 4)
    drop(host)
    host.pass_time(RETENTION_NS * 2)
    left = []
    while host.swept:
        assert sweep(host) == 1
        left.append(held(host) - 1 - COUNT)
        host.pass_time(1)
    assert left == [6, 2, 0]


def test_what_goes_later_goes_as_well(host):
    drop(host)
    host.pass_time(RETENTION_NS)
    drop(host, replace(FULL, tables=()))
    host.pass_time(SECOND_NS)
    assert sweep(host) and held(host) == 1 + COUNT and host.desk._sweeper.has_work
    host.pass_time(1)
    assert not host.swept
    host.pass_time(RETENTION_NS)
    assert sweep(host) and held(host) == 1


def test_the_next_leader_and_one_with_more_keys_look_again(host):
    drop(host)
    host.pass_time(RETENTION_NS * 2)
    sweep(host)
    host.pass_time(1)
    assert not host.desk._sweeper.has_work
    row = (9, "came with another shard")
    host.write(key_of_row(PEOPLE, row), encode_row(row), host.now)
    host.machine.descriptor = replace(host.machine.descriptor, end="~")
    host.desk.reshaped()
    host.pass_time(1)
    assert sweep(host) == 1 and held(host) == 1 + COUNT


def test_a_snapshot_from_before_keeps_its_rows(host):
    dropped_ns, store = drop(host), host.machine.store
    assert dead_keys(store, dropped_ns - 1, b"") == [] and len(dead_keys(store, dropped_ns, b"")) == 2 * COUNT
    host.machine.apply(host.machine.applied_index + 1, Sweep(dropped_ns - 1, b"", b"z"))
    assert held(host) == 1 + 3 * COUNT


def test_a_shard_that_has_stopped_does_not_change(host):
    dropped_ns = drop(host)
    host.machine.apply(host.machine.applied_index + 1, Freeze(1))
    host.machine.apply(host.machine.applied_index + 1, Sweep(dropped_ns, b"", b"z"))
    assert held(host) == 1 + 3 * COUNT
