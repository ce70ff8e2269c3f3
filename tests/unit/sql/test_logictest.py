"""The records of sqllogictest scripts, how results are written, and what is said of each record."""

import pytest

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.sql.logictest.playing import Answered, Player
from PhantomLibrary.sql.logictest.records import (
    HaltRecord,
    QueryRecord,
    StatementRecord,
    ThresholdRecord,
    read_records,
)
from PhantomLibrary.sql.logictest.results import difference, hashed, render, rendered, summary_of

SCRIPT = """\
# A comment before all.
hash-threshold 8

statement ok
CREATE TABLE t1(a INTEGER,
# in the midst
  b TEXT)

onlyif mysql
skipif phantomdb
statement error
INSERT INTO t1 VALUES(1)

query IT rowsort label-1
SELECT a, b
FROM t1
----
1
# no comment
2
(empty)

query I
SELECT 1 WHERE 1 = 2

halt

query R nosort
SELECT 1.5
----
1.500
"""


def verdicts(script, answers, **settings):
    """Play a script on a database that answers each text as it is told."""
    player = Player(lambda text: answers[text], engine=settings.pop("engine", "phantomdb"), **settings)
    return [(each.line, each.outcome, each.reason) for each in player.play(read_records(script))]


def one(types, rows, expected, mode="nosort", **settings):
    lines = "\n".join(expected)
    [verdict] = verdicts(f"query {types} {mode}\nq\n----\n{lines}\n", {"q": Answered(rows, len(types))}, **settings)
    return verdict[1:]


# --- records ---------------------------------------------------------------------------------------------------------


def test_records_of_all_kinds_are_read():
    threshold, create, insert, select, empty, halt, real = read_records(SCRIPT)
    assert isinstance(threshold, ThresholdRecord) and threshold.values_max == 8
    assert isinstance(create, StatementRecord) and create.succeeds
    assert create.text == "CREATE TABLE t1(a INTEGER,\n  b TEXT)"
    assert not insert.succeeds and insert.conditions.only_on == ("mysql",)
    assert insert.conditions.skipped_on == ("phantomdb",)
    assert isinstance(select, QueryRecord)
    assert (select.types, select.sort, select.label) == ("IT", "rowsort", "label-1")
    assert select.expected == ("1", "# no comment", "2", "(empty)")
    assert empty.expected == () and empty.sort == "nosort"
    assert isinstance(halt, HaltRecord)
    assert real.line == 28


def test_lines_end_at_line_feeds_only_with_or_without_a_return():
    [record] = read_records("query T\r\nSELECT 'a\x0bb'\r\n----\r\na\x0bb\r\n")
    assert record.expected == ("a\x0bb",)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("statment ok\nx", "f.test:1: no record begins with 'statment'.*did you mean statement"),
        ("\n\nstatement maybe\nx", "f.test:3: a statement is to be 'ok' or 'error'"),
        ("statement ok", "f.test:1: the statement has no text"),
        ("query IX\nx", "f.test:1: the types of a query's columns are letters of TIR, not 'IX'"),
        ("query I colsort\nx", "f.test:1: no sort mode 'colsort': there is nosort, rowsort, valuesort"),
        ("query I\n----\n1", "f.test:1: the query has no text"),
        ("skipif\nstatement ok\nx", "f.test:1: skipif needs the name of an engine"),
        ("skipif a\nquery\nx", "f.test:2: the types"),
        ("hash-threshold few", "f.test:1: hash-threshold needs a whole number"),
    ],
)
def test_records_that_make_no_sense_are_refused_with_their_place(script, said):
    with pytest.raises(InvalidInput, match=said):
        list(read_records(script, "f.test"))


# --- how values are written ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "letter", "text"),
    [
        (None, "I", "NULL"),
        (None, "T", "NULL"),
        (7, "I", "7"),
        (7.9, "I", "7"),
        (-7.9, "I", "-7"),
        ("12abc", "I", "12"),
        ("abc", "I", "0"),
        ("12.50", "I", "12"),
        (1 << 31, "I", "-2147483648"),
        (True, "I", "1"),
        (1, "R", "1.000"),
        (2.0005, "R", "2.001"),
        ("12.5", "R", "12.500"),
        ("x", "R", "0.000"),
        (-9223372036854775808.0, "R", "-9223372036854776000.000"),
        ("", "T", "(empty)"),
        ("a\tb\x7f", "T", "a@b@"),
        ("é", "T", "@@"),
        (b"ab", "T", "ab"),
        (12, "T", "12"),
        (12.0, "T", "12.0"),
        (0.1 + 0.2, "T", "0.3"),
        (1e30, "T", "1.0e+30"),
    ],
)
def test_values_are_written_by_the_letter_of_their_column(value, letter, text):
    assert render(value, letter) == text


def test_rows_are_sorted_as_text_and_values_one_by_one():
    rows = [(10, "b"), (9, "a")]
    assert rendered(rows, "IT", "nosort") == ["10", "b", "9", "a"]
    assert rendered(rows, "IT", "rowsort") == ["10", "b", "9", "a"]
    assert rendered([*rows, (1, "c")], "IT", "rowsort") == ["1", "c", "10", "b", "9", "a"]
    assert rendered(rows, "IT", "valuesort") == ["10", "9", "a", "b"]


def test_hash_is_md5_of_values_with_line_ends():
    assert hashed(["1", "2"]) == "6ddb4095eb719e2a9f0a3f95677d24e0"
    assert summary_of(["1", "2"]) == "2 values hashing to 6ddb4095eb719e2a9f0a3f95677d24e0"


def test_difference_names_the_first_value_that_differs():
    assert difference(["1", "a", "2", "b"], ["1", "a", "2", "c"], 2, 0) == "row 2, column 2: found b, expected c"
    assert difference(["1"], [], 1, 0) == "found 1 values, expected 0"


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_result_passes_in_full_and_as_hash():
    assert one("I", [(1,), (2,)], ["1", "2"]) == ("passed", "")
    assert one("I", [(2,), (1,)], [summary_of(["1", "2"])], "rowsort") == ("passed", "")
    assert one("I", [(1,), (2,)], ["1", "2"], threshold=1) == ("passed", "")


def test_result_fails_on_another_value_order_width_or_hash():
    assert one("I", [(2,), (1,)], ["1", "2"])[0] == "failed"
    assert one("I", [(1,), (2,)], [summary_of(["2", "1"])])[0] == "failed"
    assert one("I", [(1,), (3,)], ["1", "2"], threshold=1)[0] == "failed"
    [(_, outcome, reason)] = verdicts("query II\nq\n", {"q": Answered([], 1)})
    assert (outcome, reason) == ("failed", "found 1 columns, expected 2")


def test_statement_passes_when_it_ends_as_it_is_to():
    done, refused = Answered(), Answered(refusal="no table t")
    assert verdicts("statement ok\ns\n", {"s": done}) == [(1, "passed", "")]
    assert verdicts("statement ok\ns\n", {"s": refused}) == [(1, "failed", "no table t")]
    assert verdicts("statement error\ns\n", {"s": refused}) == [(1, "passed", "")]
    assert verdicts("statement error\ns\n", {"s": done})[0][1] == "failed"


def test_conditions_skip_records_of_other_engines_and_halt_ends_the_script():
    script = "onlyif mysql\nstatement ok\na\n\nskipif mysql\nstatement ok\nb\n\nskipif phantomdb\nhalt\n\n"
    script += "statement ok\nc\n\nonlyif phantomdb\nhalt\n\nstatement ok\nd\n"
    done = {name: Answered() for name in "abcd"}
    assert [each[1] for each in verdicts(script, done)] == ["skipped", "passed", "passed"]
    assert [each[1] for each in verdicts(script, done, engine="mysql")] == ["passed", "skipped"]


def test_queries_of_one_label_have_one_result_also_when_one_is_skipped():
    script = "query I nosort x\na\n----\n1\n\n{}query I nosort x\nb\n----\n{}\n"
    answers = {"a": Answered([(1,)], 1), "b": Answered([(2,)], 1)}
    assert verdicts(script.format("", "2"), answers)[1][1:] == (
        "failed",
        "its result is not that of line 1, which is also labelled x",
    )
    assert [each[1] for each in verdicts(script.format("onlyif mysql\n", "1"), answers)] == ["passed", "skipped"]
    assert [each[1] for each in verdicts(script.format("onlyif mysql\n", "2"), answers)] == ["passed", "failed"]
