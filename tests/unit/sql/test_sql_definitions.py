"""CREATE, DROP and ALTER: catalogs that follow from others, and what is refused."""

import pytest

from PhantomLibrary.sql.catalog import (
    ROW_ID,
    Catalog,
    ForeignKey,
    Sharding,
    SqlType,
    Unique,
    decode_catalog,
    encode_catalog,
)
from PhantomLibrary.sql.errors import SqlError
from PhantomLibrary.sql.front import bind, parse

SCHEMA = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(10) NOT NULL, email TEXT UNIQUE, "
    "born DATE CHECK (born > '1900-01-01'), vip BOOLEAN DEFAULT FALSE)",
    "CREATE TABLE orders (id BIGINT PRIMARY KEY, customer INT REFERENCES customers, total DECIMAL(10,2) DEFAULT 1.5) "
    "SHARD BY RANGE (id) SPLIT AT (-5, 1000)",
    "CREATE TABLE countries (code TEXT PRIMARY KEY) REPLICATED EVERYWHERE",
    "CREATE TABLE log (line TEXT, n INT)",
    "CREATE VIEW vips (key, name) AS SELECT id, name FROM customers WHERE vip",
    "CREATE VIEW names AS SELECT name FROM vips",
    "CREATE INDEX by_customer ON orders (customer, id DESC)",
    "CREATE UNIQUE INDEX by_name ON customers (name, born DESC)",
)


def define(catalog, *texts):
    for text in texts:
        catalog = bind(parse(text), catalog).catalog
    return catalog


@pytest.fixture(scope="module")
def catalog():
    return define(Catalog(), *SCHEMA)


def test_table_is_as_it_was_written(catalog):
    orders = catalog.table("orders")
    assert orders.column("total").type == SqlType("DECIMAL", 10, 2)
    assert orders.column("total").default == 150
    assert not orders.column("id").is_nullable
    assert orders.sharding == Sharding("range", ("id",), (-5, 1000))
    assert orders.foreign_keys == (ForeignKey("orders_customer_fkey", ("customer",), "customers"),)
    assert orders.indexes[0].columns == ("customer", "id")
    customers = catalog.table("customers")
    assert customers.sharding == Sharding("hash", ("id",))
    assert [(each.name, each.columns, each.is_index) for each in customers.uniques] == [
        ("customers_email_key", ("email",), False),
        ("by_name", ("name", "born"), True),
    ]
    assert customers.checks[0].name == "customers_born_check"
    assert catalog.version == len(SCHEMA)


def test_numbers_are_never_given_twice(catalog):
    numbers = [each.number for each in catalog.tables]
    numbers += [unique.number for each in catalog.tables for unique in each.uniques]
    assert len(set(numbers)) == len(numbers)
    dropped = define(catalog, "DROP TABLE log", "CREATE TABLE log (n INT)")
    assert dropped.table("log").number == catalog.next_number
    again = define(catalog, "DROP INDEX by_name", "CREATE UNIQUE INDEX by_name ON customers (name)")
    assert again.table("customers").uniques[-1].number == catalog.next_number == again.next_number - 1


def test_table_without_a_primary_key_has_a_hidden_one(catalog):
    assert catalog.table("log").primary_key == (ROW_ID,)
    bound = bind(parse("SELECT * FROM log"), catalog)
    assert [each.name for each in bound.columns] == ["line", "n"]


def test_view_reads_what_it_is_of(catalog):
    assert bind(parse("SELECT * FROM names"), catalog).tables == (catalog.table("customers").number,)


def test_dropped_table_gives_up_its_numbers(catalog):
    known, gone = catalog.table("countries"), bind(parse("DROP TABLE countries"), catalog).catalog
    assert gone.table("countries") is None and gone.numbers.given_up == 1 + len(known.uniques)
    numbers = (known.number, *(each.number for each in known.uniques))
    assert all(gone.numbers.has_given_up(each) and not catalog.numbers.has_given_up(each) for each in numbers)
    assert not gone.numbers.has_given_up(catalog.next_number) and not gone.numbers.has_given_up(
        catalog.table("orders").number
    )


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE IF NOT EXISTS log (x INT)",
        "DROP TABLE IF EXISTS nothing",
        "CREATE INDEX IF NOT EXISTS by_customer ON orders (id)",
        "CREATE UNIQUE INDEX IF NOT EXISTS by_customer ON orders (id)",
        "CREATE UNIQUE INDEX IF NOT EXISTS by_name ON orders (id)",
        "CREATE INDEX IF NOT EXISTS customers_email_key ON orders (id)",
        "DROP VIEW IF EXISTS nothing",
        "DROP INDEX IF EXISTS nothing",
    ],
)
def test_catalog_stays_where_there_is_nothing_to_do(catalog, text):
    assert bind(parse(text), catalog).catalog == catalog


def test_column_is_added_behind_the_others(catalog):
    log = define(catalog, "ALTER TABLE log ADD COLUMN more INT NOT NULL DEFAULT 2 + 3").table("log")
    assert [each.name for each in log.columns] == ["line", "n", ROW_ID, "more"]
    assert log.columns[-1].default == 5


def test_unique_index_needs_entries_and_leaves_none(catalog):
    made = bind(parse("CREATE UNIQUE INDEX one_line ON log (line ASC)"), catalog)
    log = made.catalog.table("log")
    assert made.begun == (log, Unique("one_line", ("line",), catalog.next_number, is_index=True))
    assert made.catalog.next_number == catalog.next_number + 1
    gone = bind(parse("DROP INDEX one_line"), made.catalog)
    assert gone.begun is None and gone.catalog.numbers.has_given_up(made.begun[1].number)
    assert gone.catalog.tables == catalog.tables
    assert decode_catalog(encode_catalog(made.catalog)) == made.catalog


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("CREATE TABLE log (x INT)", "42P07: table log already exists"),
        ("CREATE VIEW vips AS SELECT 1", "42P07: view vips already exists"),
        ("CREATE TABLE x (a MONEYS)", "42704: type MONEYS does not exist: there are INTEGER, DECIMAL(p,s)"),
        ("CREATE TABLE x (a DECIMAL(20,2))", "42P16: DECIMAL(20, 2) cannot be: a DECIMAL has 1 to 18 digits"),
        ("CREATE TABLE x (a INT, a TEXT)", "42701: column a specified more than once"),
        ("CREATE TABLE x (a INT PRIMARY KEY, PRIMARY KEY (a))", "42P16: multiple primary keys for table x"),
        ("CREATE TABLE x (a INT, UNIQUE (b))", "42703: column b named in key does not exist"),
        ("CREATE TABLE x (a INT REFERENCES orderz)", "42P01: table orderz does not exist (did you mean orders?)"),
        ("CREATE TABLE x (a INT REFERENCES log)", "42830: there is no primary key for referenced table log"),
        ("CREATE TABLE x (a TEXT REFERENCES orders)", "42804: foreign key x_a_fkey cannot be implemented: key columns"),
        ("CREATE TABLE x (a TEXT REFERENCES customers (name))", "42830: foreign key x_a_fkey has to refer to the prim"),
        ("CREATE TABLE x (a INT REFERENCES orders ON DELETE CASCADE)", "0A000: ON DELETE CASCADE of a foreign key is"),
        ("CREATE TABLE x (a INT PRIMARY KEY REFERENCES orders) REPLICATED EVERYWHERE", "42830: foreign key x_a_fkey"),
        ("CREATE TABLE x (a INT PRIMARY KEY, b INT) SHARD BY HASH (b)", "42P16: the shard key (b) must be part of the"),
        ("CREATE TABLE x (b INT) SHARD BY HASH (b)", "42P16: the shard key (b) must be part of the primary key (the t"),
        ("CREATE TABLE x (a INT PRIMARY KEY) SHARD BY RANGE (a) SPLIT AT (5, 5)", "42P16: the values of SPLIT AT have"),
        ("CREATE TABLE x (a INT PRIMARY KEY) SHARD BY RANGE (a) SPLIT AT ('b')", "22P02: invalid input syntax for typ"),
        ("CREATE TABLE x (a INT PRIMARY KEY) SHARD BY HSH (a)", "42601: syntax error: RANGE is expected; sharding is"),
        ("CREATE TABLE x (a INT CHECK (b > 5))", "42703: column b does not exist"),
        ("CREATE TABLE x (a INT CHECK (a))", "42804: argument of CHECK is of type INTEGER but type BOOLEAN is expe"),
        ("CREATE TABLE x (a INT CHECK (count(*) > 1))", "42803: aggregate functions are not allowed in CHECK"),
        ("CREATE TABLE x (a INT DEFAULT 'b')", "22P02: invalid input syntax for type integer"),
        ("CREATE TABLE x (a VARCHAR(3) DEFAULT 'four')", "22001: value too long for type VARCHAR(3)"),
        ("CREATE TABLE x (_a INT)", "42P16: _a cannot be the name of a column"),
        ("CREATE TABLE x (a INT) SHARD BY HASH (a) COMMENT", "42601: syntax error: nothing may follow"),
        ("CREATE TEMPORARY TABLE x (a INT)", "0A000: TEMPORARY in CREATE TABLE is not supported"),
        ("CREATE VIEW x AS SELECT foo FROM log", "42703: column foo does not exist"),
        ("CREATE VIEW x AS SELECT n, n FROM log", "42701: column n specified more than once: name it by AS"),
        ("CREATE INDEX x ON log (m)", "42703: column m does not exist"),
        ("CREATE INDEX x ON log ()", "0A000: an index without a name or columns is not supported"),
        ("CREATE UNIQUE INDEX x ON log (m)", "42703: column m does not exist"),
        ("CREATE UNIQUE INDEX x ON log (_row)", "42703: column _row does not exist"),
        ("CREATE UNIQUE INDEX x ON log (n, line, n)", "42701: column n specified more than once"),
        ("CREATE UNIQUE INDEX x ON lgo (n)", "42P01: table lgo does not exist (did you mean log?)"),
        ("CREATE UNIQUE INDEX x ON vips (key)", "0A000: a change through the view vips"),
        ("CREATE UNIQUE INDEX ON log (n)", "0A000: an index without a name or columns is not supported"),
        ("CREATE UNIQUE INDEX x ON log (n) WHERE n > 1", "0A000: WHERE in CREATE INDEX is not supported"),
        ("CREATE UNIQUE INDEX x ON log (n + 1)", "0A000: the expression n + 1 in an index is not supported: columns"),
        ("CREATE UNIQUE INDEX x ON log (n) INCLUDE (line)", "0A000: INCLUDE in CREATE INDEX is not supported"),
        ("CREATE UNIQUE INDEX by_customer ON log (n)", "42P07: index by_customer already exists"),
        ("CREATE UNIQUE INDEX customers_email_key ON log (n)", "42P07: index customers_email_key already exists"),
        ("CREATE INDEX by_name ON log (n)", "42P07: index by_name already exists"),
        ("CREATE INDEX log_pkey ON log (n)", "42P07: index log_pkey already exists"),
        ("DROP INDEX by_nam", "42704: index by_nam does not exist (did you mean by_name?)"),
        ("DROP INDEX customers_email_key", "2BP01: cannot drop index customers_email_key: a constraint of table"),
        ("DROP INDEX orders_pkey", "2BP01: cannot drop index orders_pkey: a constraint of table orders requires it"),
        ("DROP TABLE customers", "2BP01: cannot drop table customers: view vips depends on it"),
        ("DROP VIEW vips RESTRICT", "2BP01: cannot drop view vips: view names depends on it"),
        ("DROP VIEW vips CASCADE", "0A000: CASCADE is not supported: drop what needs it first"),
        ("DROP TABLE vips", "42P01: vips is not a table: use DROP VIEW"),
        ("DROP TABLE lgo", "42P01: table lgo does not exist (did you mean log?)"),
        ("DROP TABLE log CASCADE", "0A000: CASCADE is not supported: drop what needs it first"),
        ("ALTER TABLE log ADD COLUMN m INT NOT NULL", "23502: column m of table log is NOT NULL and has no DEFAULT"),
        ("ALTER TABLE log ADD COLUMN n INT", "42701: column n of table log already exists"),
        ("ALTER TABLE log ADD COLUMN m INT UNIQUE", "0A000: UNIQUE in ADD COLUMN is not supported: NOT NULL and DEF"),
        ("ALTER TABLE log DROP COLUMN n", "0A000: ALTER TABLE log DROP COLUMN n is not supported: ALTER TABLE name"),
        ("TRUNCATE TABLE customers", "2BP01: cannot truncate table customers: a foreign key of table orders"),
    ],
)  # fmt: skip
def test_definition_is_refused(catalog, text, error):
    with pytest.raises(SqlError) as caught:
        bind(parse(text), catalog)
    assert str(caught.value).startswith(f"SQL {error}")


def test_view_that_reads_what_was_dropped_stays_and_reads_what_comes_in_its_place():
    views = (
        "CREATE TABLE t (a INT PRIMARY KEY)",
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE VIEW w AS SELECT * FROM v",
    )
    catalog = define(Catalog(), *views, "DROP VIEW v")
    assert [each.name for each in catalog.views] == ["w"]
    for text in ("SELECT * FROM w", "CREATE VIEW v AS SELECT * FROM w"):  # Nor can views read each other in a circle.
        with pytest.raises(SqlError, match="42P01: table v does not exist, which view w reads; there are t, w"):
            bind(parse(text), catalog)
    again = define(catalog, "CREATE VIEW v AS SELECT 1 AS x, 2 AS y")
    assert [each.name for each in bind(parse("SELECT * FROM w"), again).columns] == ["x", "y"]
    assert define(again, "DROP VIEW w", "DROP VIEW v RESTRICT").views == ()


def test_table_with_a_foreign_key_keeps_the_other_one():
    catalog = define(Catalog(), "CREATE TABLE a (i INT PRIMARY KEY)", "CREATE TABLE b (i INT REFERENCES a)")
    with pytest.raises(SqlError, match="2BP01: cannot drop table a: a foreign key of table b depends on it"):
        define(catalog, "DROP TABLE a")
    assert define(catalog, "DROP TABLE b", "DROP TABLE a").tables == ()


def test_key_may_refer_to_its_own_table():
    catalog = define(Catalog(), "CREATE TABLE a (i INT PRIMARY KEY, up INT REFERENCES a)", "DROP TABLE a")
    assert catalog.tables == ()
