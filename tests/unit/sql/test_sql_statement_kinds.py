"""Of which kind a statement is, by its first words."""

import pytest

from PhantomLibrary.sql.statement_kinds import kind_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT 1", "select"),
        ("select*from t", "select"),
        (" (SELECT 1) UNION (SELECT 2)", "select"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "select"),
        ("VALUES (1)", "select"),
        ("-- all of it\n/* or\n not */ Insert INTO t VALUES (1)", "insert"),
        ("upsert into t values (1)", "upsert"),
        ("UPDATE t SET a = 1", "update"),
        ("DELETE FROM t", "delete"),
        ("TRUNCATE TABLE t", "truncate"),
        ("EXPLAIN ANALYZE SELECT 1", "explain"),
        ("CREATE TABLE t (a INTEGER)", "create table"),
        ("CREATE UNIQUE INDEX i ON t (a)", "create index"),
        ("create or replace view v as select 1", "create view"),
        ("DROP INDEX i", "drop index"),
        ("ALTER TABLE t ADD COLUMN c TEXT", "alter table"),
        ("CREATE TRIGGER x BEFORE UPDATE ON t", "other"),
        ("selec 1", "other"),
        ("", "other"),
        ("-- nothing", "other"),
        ("(((", "other"),
    ],
)
def test_a_statement_is_of_one_kind(text, kind):
    assert kind_of(text) == kind
