"""Texts that are statements, and how the others are refused."""

import pytest

from PhantomLibrary.sql.catalog import Catalog
from PhantomLibrary.sql.dialect import sqlite_text
from PhantomLibrary.sql.errors import SqlError
from PhantomLibrary.sql.front import bind
from PhantomLibrary.sql.parser import TEXT_CHARACTERS_MAX, parse
from PhantomLibrary.sql.statements import ShardClause


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("selec * from t", 'syntax error at or near "selec" (did you mean SELECT?)\n  line 1, column 1:\n  selec * f'),
        ("SELECT 1\nFROM t whr a", 'syntax error at or near "a"\n  line 2, column 12:\n  FROM t whr a\n             ^'),
        ("SELECT 'abc", "unterminated text: its closing ' is missing\n  line 1, column 12:\n  SELECT 'abc\n"),
        ("SELECT a FROM t WHERE", 'syntax error: something is missing after "WHERE"\n  line 1, column 17:'),
        ("SELECT (1", "syntax error: ) is expected\n  line 1, column 9:"),
        ("SELECT a,, b FROM t", 'syntax error at or near ",": something is missing\n  line 1, column 10:'),
        ("CREATE TABLE t (a INT,)", 'syntax error at or near ")": something is missing\n  line 1, column 23:'),
        ("SELECT a, FROM t", 'syntax error at or near "FROM": something is missing\n  line 1, column 11:'),
        ("", "there is no statement in the text"),
        (" ; ", "there is no statement in the text"),
        ("CREATE TABLE t (a INT) SOMEHOW", 'syntax error at or near "SOMEHOW"\n  line 1, column 24:'),
        ("CREATE TABLE t (a INT) SHARD HASH (a)", "syntax error: BY is expected; sharding is SHARD BY HASH (columns)"),
        ("EXPLAIN", "EXPLAIN what? A query is missing"),
    ],
)  # fmt: skip
def test_syntax_error_shows_its_place(text, error):
    with pytest.raises(SqlError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"SQL 42601: {error}")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT 1; DROP TABLE t", "several statements in one text: give each on its own\n  line 1, column 11:"),
        ("BEGIN", "BEGIN is not supported: transactions begin and end by keywords of their own"),
        ("VACUUM", "VACUUM is not supported: statements are SELECT, INSERT"),
        ("EXPLAIN DELETE FROM t", "EXPLAIN of DELETE is not supported: EXPLAIN explains queries"),
    ],
)
def test_what_is_not_supported_is_named(text, error):
    with pytest.raises(SqlError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"SQL 0A000: {error}")


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("", None),
        ("SHARD BY HASH (a, \"B\")", ShardClause("hash", ("a", "B"))),
        ("SHARD BY RANGE (A) SPLIT AT (-1, 'x y', 2.5)", ShardClause("range", ("a",), ("-1", "x y", "2.5"))),
        ("shard by range (a);", ShardClause("range", ("a",))),
        ("REPLICATED EVERYWHERE", ShardClause("everywhere")),
    ],
)  # fmt: skip
def test_sharding_is_taken_off(clause, expected):
    parsed = parse(f"CREATE TABLE t (a INT, shard INT, replicated INT CHECK (shard > 5)) {clause}")
    assert parsed.shard_clause == expected
    assert len(parsed.tree.this.expressions) == 3


def test_words_of_sharding_in_a_text_are_text():
    assert parse("CREATE TABLE t (a TEXT DEFAULT ') SHARD BY HASH (a)')").shard_clause is None


def test_parameters_are_numbered_as_they_stand_in_the_text():
    parsed = parse("SELECT ? FROM t WHERE a = ? LIMIT ?")
    assert parsed.placeholders == ("7", "26", "34")


def test_explain_is_a_mark_of_a_query():
    assert [parse(f"{text} SELECT 1").explain for text in ("", "EXPLAIN", "explain analyze")] == [
        "no",
        "plan",
        "analyze",
    ]


def test_upsert_is_a_mark_of_an_insert():
    assert parse("UPSERT INTO t VALUES (1)").is_upsert
    assert not parse("INSERT INTO t VALUES (1)").is_upsert


def test_long_text_is_refused():
    with pytest.raises(SqlError, match="42601: the statement has 1,000,008 characters: at most 1,000,000"):
        parse("SELECT 1" + " " * TEXT_CHARACTERS_MAX)


@pytest.mark.parametrize("text", ["(" * 41, "- " * 41, "NOT " * 41, "CASE WHEN TRUE THEN " * 41])
def test_deep_text_is_refused(text):
    with pytest.raises(SqlError, match="54001: the statement is nested more than 40 deep"):
        parse(f"SELECT {text}")


@pytest.mark.parametrize("text", ["coalesce(" * 40 + "1" + ")" * 40, "CASE WHEN TRUE THEN " * 40 + "1" + " END" * 40])
def test_depth_that_is_allowed_is_read_on_any_stack(text):
    def deeper(frames):
        return deeper(frames - 1) if frames else sqlite_text(bind(parse(f"SELECT {text}"), Catalog()).tree)

    assert deeper(300).startswith("SELECT ")
