"""What a tester reads who has written something that makes no sense, or that there is not."""

import pytest

from PhantomLibrary.sql.engine import Engine
from PhantomLibrary.sql.errors import SqlError
from PhantomLibrary.sql.evaluator import Evaluator
from PhantomLibrary.sql.front import bind, parse
from tests.unit.sql.sql_tables import CATALOG


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "CREATE TRIGGER x UPDATE ON customers BEGIN SELECT 1; END",
            "0A000: CREATE TRIGGER is not supported: CREATE",
        ),
        ("CREATE OR REPLACE FUNCTION f() BEGIN; END", "0A000: CREATE FUNCTION is not supported"),
        ("CREATE TEMP TABLE x (a INT)", "0A000: TEMPORARY in CREATE TABLE is not supported"),
        ("CREATE MATERIALIZED VIEW x AS SELECT 1", "0A000: MATERIALIZED in CREATE VIEW is not supported"),
        ("CREATE TABLE x AS SELECT 1", "0A000: a query in CREATE TABLE is not supported"),
        ("REINDEX customers", "0A000: REINDEX is not supported: statements are SELECT"),
        (
            "REPLACE INTO customers VALUES (1)",
            "0A000: REPLACE is not supported: INSERT … ON CONFLICT … DO UPDATE, and UP",
        ),
        (
            "INSERT OR REPLACE INTO customers VALUES (1)",
            "0A000: OR REPLACE in INSERT is not supported: INSERT … ON",
        ),
        (
            "INSERT INTO customers (id) VALUES (1) ON DUPLICATE KEY UPDATE name = ''",
            "0A000: ON DUPLICATE KEY in ON CONFLICT is not supported: ON CONFLICT … DO NOTHING or DO UPDATE",
        ),
        ("SELECT * FROM customers FOR UPDATE", "0A000: FOR UPDATE in SELECT is not supported: rows are locked when"),
        ("SELECT * FROM customers TABLESAMPLE SYSTEM (10)", "0A000: TABLESAMPLE in FROM customers is not supported"),
        ("SELECT * FROM ?", "0A000: a parameter in FROM is not supported: names of tables stand in the text"),
        ("DELETE customers", "42601: syntax error: DELETE FROM, and the name of a table, is expected"),
        ("SELECT * customers", '42601: syntax error at or near "customers": * has no other name'),
        ("SELECT id FROM customers GROUP BY", '42601: syntax error at or near "GROUP BY": something is missing'),
        ("SELECT id FROM customers GROUP BY ORDER BY id", '42601: syntax error at or near "ORDER BY": something is m'),
        ("SELECT 1 AS", '42601: syntax error at or near "AS": something is missing'),
        ("SELECT 1 AS FROM customers", '42601: syntax error at or near "FROM": something is missing'),
        ("SELECT 1 /* it's", "42601: unterminated comment: its closing */ is missing"),
        ("SELECT 'it''s' || 'a /* b", "42601: unterminated text: its closing ' is missing"),
        ("SELECT id AS \"it's", '42601: unterminated quoted name: its closing " is missing'),
        ("SELECT row_number() FROM customers", "42P20: window function row_number requires an OVER clause"),
        ("SELECT ntile(0) OVER (ORDER BY id) FROM customers", "22023: the number of ntile must be greater than 0, not"),
        ("SELECT rnak() OVER () FROM customers", "42883: rnak is no window function: there are row_number, rank"),
        ("SELECT dense_rnk()", "42883: function dense_rnk does not exist (did you mean dense_rank?)"),
    ],
)
def test_a_statement_is_refused_by_what_is_wrong(text, reason):
    with pytest.raises(SqlError) as caught:
        bind(parse(text), CATALOG, ["x"] * text.count("?"))
    assert str(caught.value).startswith(f"SQL {reason}")


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("chr(0)", "22023: chr(0) is no character that a text can have"),
        ("chr(-1)", "22023: chr(-1) is no character that a text can have"),
        ("chr(55296)", "22023: chr(55296) is no character that a text can have"),
        ("chr(1114112)", "22023: chr(1114112) is no character that a text can have"),
        ("'a' LIKE 'a' ESCAPE 'xx'", "22023: ESCAPE expression must be a single character"),
    ],
)
def test_a_value_is_refused_by_what_is_wrong(expression, reason):
    with pytest.raises(SqlError, match=f"^SQL {reason.replace('(', '.').replace(')', '.')}"):
        Evaluator().rows(bind(parse(f"SELECT {expression}"), CATALOG, []))


def test_characters_up_to_the_last_one_are_texts():
    query = "SELECT chr(65), chr(128513), chr(1114111), chr(NULL)"
    assert Evaluator().rows(bind(parse(query), CATALOG, [])) == [("A", "😁", "\U0010ffff", None)]


def test_nan_and_infinity_are_told_apart():
    for value, reason in (
        (float("nan"), "NaN is no number that can be stored"),
        (float("inf"), "the number is too"),
    ):
        with pytest.raises(SqlError, match=f"22003: REAL out of range: {reason}"):
            bind(parse("SELECT ?"), CATALOG, [value])


def test_what_sqlite_itself_refuses_is_an_error_of_ours():
    with pytest.raises(SqlError, match="SQL XX000"):
        Engine().query("SELECT nothing", (), 10)
