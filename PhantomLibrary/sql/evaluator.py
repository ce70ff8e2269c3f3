"""A SQLite of its own for what needs no table of the cluster: rows of VALUES, checks, changes of an upsert."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlglot import exp

from PhantomLibrary.sql.binder import Statement
from PhantomLibrary.sql.catalog import Catalog, Stored, Table
from PhantomLibrary.sql.constraints import check_violation
from PhantomLibrary.sql.dialect import sqlite_text
from PhantomLibrary.sql.engine import Engine, Row
from PhantomLibrary.sql.parser import parse_condition
from PhantomLibrary.sql.queries import QueryBinder
from PhantomLibrary.sql.scopes import Output, Scope, Source, identifier
from PhantomLibrary.sql.statements import BoundQuery
from PhantomLibrary.sql.typed import Parameters

UNITS_MAX = 100_000
"""How much work one of them may be: see engine.py."""


class Evaluator:
    """Computes queries that read no tables, and conditions on rows. It keeps nothing from one to the next."""

    def __init__(self) -> None:
        self._engine = Engine()

    def rows(self, query: BoundQuery, more: Iterable[Stored] = ()) -> list[Row]:
        """Return the rows of a query that reads no table. `more` are parameters behind its own."""
        assert not query.tables
        return self._engine.query(sqlite_text(query.tree), (*query.parameters, *more), UNITS_MAX)

    def checker(self, table: Table) -> Callable[[Row], None]:
        """Return what refuses a row of a table that violates a CHECK."""
        checks = [(check, sqlite_text(check_query(table, check.expression))) for check in table.checks]

        def check_row(row: Row) -> None:
            for check, text in checks:
                if self._engine.query(text, row, UNITS_MAX) == [(0,)]:
                    raise check_violation(table, check, row)

        return check_row


def check_query(table: Table, expression: str) -> exp.Select:
    """Return the query that computes a CHECK of the row in its parameters. Raises SqlError where it makes no sense."""
    outputs = tuple(Output(each.name, each.name, each.type) for each in table.columns)
    scope = Scope()
    scope.add(Source(table.name, table.name, outputs, table))
    statement = Statement(Catalog(), Parameters((), [], []))
    binder = QueryBinder(statement).binder(scope)
    with binder.inside("CHECK"):
        condition = binder.condition(parse_condition(expression), "CHECK")
    select = exp.Select(expressions=[exp.alias_(condition, "holds", quoted=True)])
    return select.from_(row_of_parameters(table, table.name, 0), copy=False)


def row_of_parameters(table: Table, alias: str, first: int) -> exp.Subquery:
    """Return a table of one row, whose values are parameters from `first` on."""
    values = [
        exp.alias_(exp.Placeholder(this=str(first + number)), each.name, quoted=True)
        for number, each in enumerate(table.columns, start=1)
    ]
    return exp.Subquery(this=exp.Select(expressions=values), alias=exp.TableAlias(this=identifier(alias)))
