"""INSERT, UPSERT, UPDATE and DELETE: what they yield to be written, and what is refused."""

import pytest

from PhantomLibrary.sql.catalog import Catalog
from PhantomLibrary.sql.constraints import changed_row, duplicate_key, stored_row
from PhantomLibrary.sql.dialect import sqlite_text
from PhantomLibrary.sql.engine import Engine
from PhantomLibrary.sql.errors import SqlError
from PhantomLibrary.sql.evaluator import Evaluator
from PhantomLibrary.sql.front import bind, parse
from tests.unit.sql.sql_tables import require_tree

SCHEMA = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(5) NOT NULL, email TEXT UNIQUE, "
    "score REAL DEFAULT 0.5, born DATE CHECK (born > '1900-01-01'), credit DECIMAL(6,2))",
    "CREATE TABLE log (line TEXT, n INT)",
    "ALTER TABLE log ADD COLUMN more INT DEFAULT 7",
    "CREATE VIEW names AS SELECT name FROM customers",
)


@pytest.fixture(scope="module")
def catalog():
    catalog = Catalog()
    for text in SCHEMA:
        catalog = bind(parse(text), catalog).catalog
    return catalog


@pytest.fixture(scope="module")
def engine(catalog):
    engine = Engine()
    customers, log = (catalog.table(name) for name in ("customers", "log"))
    engine.execute(f"CREATE TABLE {customers.physical} (id, name, email, score, born, credit)")
    engine.execute(f"CREATE TABLE {log.physical} (line, n, _row, more)")
    engine.execute(f"INSERT INTO {customers.physical} VALUES (1, 'Ann', 'a@x', 0.5, NULL, 150)")
    engine.execute(f"INSERT INTO {log.physical} VALUES ('a', 1, 'r1', 7)")
    return engine


FULL = (1, "Ann", None, 1.0, "2000-02-29", 126)


def row(number, name, score=0.5):
    return (number, name, None, score, None, None)


TWO = [row(1, "a", 2.0), row(2, "b", 3.0)]


def inserted(catalog, text, *parameters):
    bound = bind(parse(text), catalog, parameters)
    require_tree(bound.source.tree)
    evaluator = Evaluator()
    check = evaluator.checker(bound.table)
    rows = [stored_row(bound.table, bound.targets, values, "r9") for values in evaluator.rows(bound.source)]
    for each in rows:
        check(each)
    return rows


def selected(engine, bound):
    require_tree(bound.source.tree)
    return engine.query(sqlite_text(bound.source.tree), bound.source.parameters, 1000)


@pytest.mark.parametrize(
    ("text", "parameters", "rows"),
    [
        ("INSERT INTO customers VALUES (1, 'Ann', NULL, 1, '2000-02-29', 1.255)", (), [FULL]),
        ("INSERT INTO customers (name, id) VALUES (?, 1 + 1), ('b', '3')", ("a",), [row(2, "a"), row(3, "b")]),
        ("INSERT INTO customers (id, name, score) VALUES (1, 'a', DEFAULT)", (), [row(1, "a")]),
        ("INSERT INTO customers (id, name, score) VALUES (?, ?, ?)", (1, "a", None), [row(1, "a", None)]),
        ("INSERT INTO log VALUES ('x', 2)", (), [("x", 2, "r9", 7)]),
        ("INSERT INTO log VALUES ('x', 2, 3)", (), [("x", 2, "r9", 3)]),
        ("INSERT INTO log (more) VALUES (1), (2)", (), [(None, None, "r9", 1), (None, None, "r9", 2)]),
        ("INSERT INTO log DEFAULT VALUES", (), [(None, None, "r9", 7)]),
        ("INSERT INTO customers (id, name, score) SELECT 1, 'a', 2 UNION SELECT 2, 'b', 3", (), TWO),
    ],
)  # fmt: skip
def test_inserted_rows_are_as_they_are_kept(catalog, text, parameters, rows):
    assert inserted(catalog, text, *parameters) == rows


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("INSERT INTO customers (id, name) VALUES (1, NULL)", '23502: null value in column "name" of table'),
        ("INSERT INTO customers (id) VALUES (1)", '23502: null value in column "name" of table'),
        ("INSERT INTO customers (id, name) VALUES (1, 'Annnna')", "22001: value too long for type VARCHAR(5)"),
        ("INSERT INTO customers (id, name, credit) VALUES (1, 'A', 12345)", "22003: numeric field overflow: 12345.00"),
        ("INSERT INTO customers (id, name, credit) VALUES (1, 'A', 9999.995)", "22003: numeric field overflow: 10"),
        ("INSERT INTO customers (id, name) VALUES ('x', 'A')", '22P02: invalid input syntax for type integer: "x"'),
        ("INSERT INTO customers (id, name) VALUES (1, 5)", "42804: column name is of type VARCHAR(5) but"),
        ("INSERT INTO customers (id, name) SELECT 1, 2", "42804: column name is of type VARCHAR(5) but"),
        ("INSERT INTO customers (id, nam) VALUES (1, 'A')", "42703: column nam of table customers does not exist (did"),
        ("INSERT INTO customers (id, id) VALUES (1, 2)", "42701: column id is assigned more than once"),
        ("INSERT INTO customers (id, name) VALUES (1)", "42601: INSERT has more target columns"),
        ("INSERT INTO log VALUES (1, 2, 3, 4)", "42601: INSERT has more expressions than target columns"),
        ("INSERT INTO log (_row) VALUES ('x')", "42703: column _row of table log does not exist"),
        ("INSERT INTO names VALUES ('x')", "0A000: a change through the view names is not supported"),
        ("INSERT INTO customers (id, name, born) VALUES (1, 'A', '1800-01-01')", '23514: new row for table'),
        ("INSERT INTO log (n) VALUES (1) RETURNING n", "0A000: RETURNING in INSERT is not supported"),
        ("INSERT INTO customers (id, name) VALUES (1, 'A') ON CONFLICT (name) DO NOTHING", "42P10: there is no unique"),
        ("INSERT INTO customers (id, name) VALUES (1, 'A') ON CONFLICT DO UPDATE SET name = 'x'", "42601: ON CONFLICT"),
        ("UPSERT INTO log VALUES ('x', 1)", "42P10: UPSERT needs a primary key, and table log has none"),
        ("INSERT INTO customers (id, name) VALUES (9223372036854775807 + ?, 'x')", "08P01: the statement has 1 param"),
        ("UPDATE customers SET nam = 1", "42703: column nam of table customers does not exist (did you mean name?)"),
        ("UPDATE customers SET name = 'a', name = 'b'", "42701: column name is assigned more than once"),
        ("UPDATE customers SET score = TRUE", "42804: column score is of type REAL but expression is of type BOOLEAN"),
        ("DELETE FROM custmers", "42P01: table custmers does not exist (did you mean customers?)"),
        ("DELETE FROM customers WHERE count(*) > 1", "42803: aggregate functions are not allowed in WHERE"),
    ],
)  # fmt: skip
def test_modification_is_refused(catalog, text, error):
    with pytest.raises(SqlError) as caught:
        inserted(catalog, text)
    assert str(caught.value).startswith(f"SQL {error}")


def test_update_yields_rows_and_their_new_values(catalog, engine):
    bound = bind(
        parse("UPDATE customers c SET score = c.id + 1, name = upper(name) || ? WHERE id = ?"), catalog, ("!", "1")
    )
    (row,) = selected(engine, bound)
    assert row == (1, "Ann", "a@x", 0.5, None, 150, 2.0, "ANN!")
    changed = changed_row(bound.table, row[:6], bound.targets, row[6:])
    assert changed == (1, "ANN!", "a@x", 2.0, None, 150)


def test_update_of_a_table_without_a_key_yields_the_hidden_one(catalog, engine):
    bound = bind(parse("UPDATE log SET more = n"), catalog)
    assert selected(engine, bound) == [("a", 1, "r1", 7, 1)]
    assert bound.targets == (3,)


def test_delete_yields_whole_rows(catalog, engine):
    bound = bind(parse("DELETE FROM log WHERE n IN (SELECT id FROM customers)"), catalog)
    assert selected(engine, bound) == [("a", 1, "r1", 7)]
    assert not bound.is_whole
    assert bind(parse("DELETE FROM log"), catalog).is_whole


def test_upsert_changes_the_row_that_is_there(catalog):
    text = (
        "INSERT INTO customers (id, name) VALUES (1, ?) ON CONFLICT (id) DO UPDATE "
        "SET name = name || excluded.name || ?, score = DEFAULT WHERE customers.score < 1"
    )
    bound = bind(parse(text), catalog, ("B", "!"))
    there, new = (1, "A", None, 0.25, None, None), (1, "B", None, 0.5, None, None)
    assert bound.conflict.targets == (1, 3)
    require_tree(bound.conflict.change.tree)
    assert Evaluator().rows(bound.conflict.change, (*there, *new)) == [("AB!", 0.5)]
    assert Evaluator().rows(bound.conflict.change, (1, "A", None, 1.5, None, None, *new)) == []


def test_upsert_statement_takes_the_given_columns(catalog):
    bound = bind(parse("UPSERT INTO customers (id, name) VALUES (1, 'B')"), catalog)
    assert bound.conflict.targets == (1,)
    assert bound.conflict.constraint is None
    there = (1, "A", None, 0.5, None, None)
    assert Evaluator().rows(bound.conflict.change, (*there, 1, "B", None, 0.5, None, None)) == [("B",)]


def test_conflict_names_its_constraint(catalog):
    for target, name in (("", ""), ("(id)", None), ("(email)", "customers_email_key")):
        text = f"INSERT INTO customers (id, name) VALUES (1, 'A') ON CONFLICT {target} DO NOTHING"
        assert bind(parse(text), catalog).conflict.constraint == name


def test_duplicate_key_is_named(catalog):
    table = catalog.table("customers")
    there = (1, "A", "a@x", 0.5, None, None)
    assert str(duplicate_key(table, None, there)) == (
        'SQL 23505: duplicate key value violates unique constraint "customers_pkey": key (id)=(1) already exists'
    )
    assert "customers_email_key" in str(duplicate_key(table, table.uniques[0], there))
