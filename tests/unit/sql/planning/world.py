"""A small world of tables, sharded in every way, with NULLs, ties, skew and empty shards; and what to ask of it."""

from __future__ import annotations

import random
from collections.abc import Sequence

from PhantomLibrary.sql.bind import bind_query
from PhantomLibrary.sql.catalog import Catalog, Column, Sharding, SqlType, Stored, Table
from PhantomLibrary.sql.dialect import sqlite_text
from PhantomLibrary.sql.parser import parse
from PhantomLibrary.sql.planning.ordering import make_total
from PhantomLibrary.sql.statements import BoundQuery
from tests.unit.sql.planning.local import Row, Shards

INTEGER, TEXT, REAL = SqlType("INTEGER"), SqlType("TEXT"), SqlType("REAL")
TYPES = {"s": TEXT, "t": TEXT, "d": SqlType("DECIMAL", 10, 2), "e": REAL}


def _table(number: int, name: str, columns: str, key: tuple[str, ...], sharding: Sharding) -> Table:
    return Table(
        number,
        name,
        tuple(Column(each, TYPES.get(each, INTEGER), is_nullable=each not in key) for each in columns.split()),
        key,
        sharding,
    )


CATALOG = Catalog(
    1,
    (
        _table(1, "a", "id x y s d e", ("id",), Sharding("hash", ("id",))),
        _table(2, "b", "id aid x t", ("id",), Sharding("hash", ("id",))),
        _table(3, "c", "aid n z", ("aid", "n"), Sharding("hash", ("aid",))),
        _table(4, "r", "id w s", ("id",), Sharding("everywhere")),
        _table(5, "g", "id v s", ("id",), Sharding("range", ("id",), (10, 20))),
    ),
    (),
    6,
)


def rows_of(seed: int = 1) -> dict[str, list[Row]]:
    """Return rows for each table; one in five values that may be NULL is."""
    choose = random.Random(seed)

    def number(below: int) -> int | None:
        return None if choose.random() < 0.2 else choose.randrange(below)

    def text() -> str | None:
        return None if choose.random() < 0.2 else choose.choice("abcdé")

    def real() -> float | None:
        return None if choose.random() < 0.2 else choose.choice((0.1, 0.2, 1e15, -1e15, 0.3, 2.5))

    return {
        "a": [(each, number(5), number(30), text(), number(300), real()) for each in range(25)],
        "b": [(each, number(30), number(4), text()) for each in range(40)],
        "c": [(each, line, number(6)) for each in range(25) for line in range(choose.randrange(4))],
        "r": [(each, number(4), text()) for each in range(6)],
        "g": [(each, number(9), text()) for each in range(0, 30, 2)],
    }


def shards(count: int, seed: int = 1, rows: dict[str, list[Row]] | None = None) -> Shards:
    made = Shards(CATALOG, count)
    for name, each in (rows or rows_of(seed)).items():
        table = CATALOG.table(name)
        assert table is not None
        made.insert(table, each)
    return made


def bind(text: str, parameters: Sequence[Stored] = ()) -> BoundQuery:
    return bind_query(parse(text), CATALOG, parameters)


def expected(made: Shards, bound: BoundQuery) -> list[Row]:
    """Return what the oracle answers, which has all rows in one place."""
    tree = bound.tree.copy()
    make_total(tree)
    return [tuple(row) for row in made.oracle.execute(sqlite_text(tree), bound.parameters)]


def same(bound: BoundQuery, got: Sequence[Row], wanted: Sequence[Row]) -> bool:
    """Return whether answers are the same, as multisets where nothing says in which order."""
    if bound.is_ordered:
        return list(got) == list(wanted)
    return sorted(map(repr, got)) == sorted(map(repr, wanted))
