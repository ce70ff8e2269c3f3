"""Random queries over random tables, planned and run over a few SQLites, against one SQLite with all rows."""

from __future__ import annotations

import apsw
import pytest

from PhantomLibrary.errors import PhantomError
from PhantomLibrary.exploration.queries.generator import QueryWriter
from PhantomLibrary.exploration.queries.schemas import RandomTable, random_schema
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.sql.bind import bind_query
from PhantomLibrary.sql.catalog import Catalog, Column, Sharding, SqlType, Stored, Table
from PhantomLibrary.sql.dialect import sqlite_text
from PhantomLibrary.sql.errors import SqlError
from PhantomLibrary.sql.parser import parse
from PhantomLibrary.sql.planning.joins import JoinChoice, PlanOptions
from PhantomLibrary.sql.planning.ordering import make_total
from PhantomLibrary.sql.planning.planner import plan
from PhantomLibrary.sql.values import read_value
from tests.unit.sql.planning.local import Shards
from tests.unit.sql.planning.world import same

CHOICES: tuple[JoinChoice, ...] = ("by cost", "shuffle", "broadcast")


def table_of(number: int, made: RandomTable) -> Table:
    columns = tuple(
        Column(
            each.name,
            SqlType("DECIMAL", 10, 2) if each.type == "DECIMAL" else SqlType(each.type),
            each.name not in made.primary_key,
        )
        for each in made.columns
    )
    if "HASH" in made.sharding:
        sharding = Sharding("hash", (made.sharding.partition("(")[2].rstrip(")"),))
    elif "RANGE" in made.sharding:
        sharding = Sharding("range", ("id",), (3, 6, 9))
    else:
        sharding = Sharding("everywhere")
    return Table(number, made.name, columns, made.primary_key, sharding)


def stored(value: object, column: Column) -> Stored:
    if isinstance(value, str):
        return read_value(value, column.type)
    assert value is None or isinstance(value, int | float)
    return int(value) if isinstance(value, bool) else value


@pytest.mark.parametrize("seed", range(8))
def test_random_queries_are_answered_as_by_one_sqlite(seed: int) -> None:
    tables = random_schema(Stream(seed, "plans/schema"))
    writer = QueryWriter(Stream(seed, "plans/queries"), tables)
    catalog = Catalog(1, tuple(table_of(number, each) for number, each in enumerate(tables, 1)))
    made = Shards(catalog, 1 + seed % 5)
    for table, each in zip(catalog.tables, tables, strict=True):
        made.insert(table, [tuple(map(stored, row, table.columns)) for row in each.rows])
    answered = sum(is_answered(made, writer.query(), CHOICES[number % 3]) for number in range(18))
    assert answered > 9


def is_answered(made: Shards, text: str, choice: JoinChoice) -> bool:
    try:
        bound = bind_query(parse(text), made.catalog)
        tree = bound.tree.copy()
        make_total(tree)
        wanted = [tuple(row) for row in made.oracle.execute(sqlite_text(tree), bound.parameters)]
    except (SqlError, apsw.Error, PhantomError):
        return False  # Such as a division by zero, which is one wherever it is computed.
    chosen = plan(bound, made.catalog, {}, options=PlanOptions(joins=choice))
    got = made.run(chosen)
    assert same(bound, got, wanted), f"{text}\n{choice}: {got}\nnot {wanted}\n{chosen}"
    return True
