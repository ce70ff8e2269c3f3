"""Tables for tests of SQL, and a SQLite that holds them whole."""

import apsw

from PhantomLibrary.sql.bind import bind_query
from PhantomLibrary.sql.catalog import Catalog, Column, Sharding, SqlType, Table, View
from PhantomLibrary.sql.dialect import sqlite_text
from PhantomLibrary.sql.functions import register
from PhantomLibrary.sql.parser import parse
from PhantomLibrary.sql.values import BOOLEAN, DATE, INTEGER, REAL, TEXT, TIMESTAMP, external

CUSTOMERS = Table(
    1,
    "customers",
    (
        Column("id", INTEGER, is_nullable=False),
        Column("name", TEXT),
        Column("since", DATE),
        Column("score", REAL),
        Column("ok", BOOLEAN),
    ),
    ("id",),
    Sharding("hash", ("id",)),
)
ORDERS = Table(
    2,
    "orders",
    (
        Column("id", INTEGER, is_nullable=False),
        Column("customer_id", INTEGER),
        Column("total", SqlType("DECIMAL", 10, 2)),
        Column("at", TIMESTAMP),
        Column("note", SqlType("TEXT", 20)),
    ),
    ("id",),
    Sharding("hash", ("id",)),
)
CATALOG = Catalog(1, (CUSTOMERS, ORDERS), (View("big", "SELECT * FROM orders WHERE total > 10"),), 3)
ROWS = {
    1: [
        (1, "Ann", "2024-01-31", 1.5, 1),
        (2, "Bob", "2023-02-01", 0.1, 0),
        (3, None, None, None, None),
    ],
    2: [
        (1, 1, 1050, "2024-01-01 10:00:00", "x"),
        (2, 1, 333, "2024-02-01 10:00:00.5", "yy"),
        (3, 2, 9999, None, None),
        (4, None, 1, None, None),
    ],
}


def database():
    """Return a SQLite with the tables."""
    connection = apsw.Connection(":memory:")
    register(connection)
    for table in CATALOG.tables:
        names = ", ".join(f'"{each.name}"' for each in table.columns)
        connection.execute(f"CREATE TABLE {table.physical} ({names})")
        places = ", ".join("?" * len(table.columns))
        connection.executemany(f"INSERT INTO {table.physical} VALUES ({places})", ROWS[table.number])
    return connection


def require_tree(tree):
    """Fail unless each node stands in one place and knows where: planners change trees where they stand."""
    seen = set()
    for node in tree.walk():
        assert id(node) not in seen, f"{node.sql()} stands in two places"
        seen.add(id(node))
        for child in node.iter_expressions():
            assert child.parent is node, f"{child.sql()} does not stand in {node.sql()}"


def rows_of(text, *parameters, catalog=CATALOG, connection=None):
    """Return the answer to a query, as a client sees it."""
    bound = bind_query(parse(text), catalog, parameters)
    require_tree(bound.tree)
    rows = (connection or database()).execute(sqlite_text(bound.tree), bound.parameters)
    return [
        tuple(external(value, column.type) for value, column in zip(row, bound.columns, strict=True)) for row in rows
    ]
