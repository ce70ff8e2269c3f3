"""Random queries are many and legal, wrong answers are found by them, and made small."""

from collections import Counter

import pytest

from PhantomLibrary.checking.queries.values import ColumnType, FoundAnswer, OracleError
from PhantomLibrary.exploration.queries.generator import Plain, QueryWriter
from PhantomLibrary.exploration.queries.relations import (
    counted_partitions,
    distinct_partitions,
    partitions,
    reference,
)
from PhantomLibrary.exploration.queries.rounds import Refusal, Round, oracle_of, reproduction, shrink
from PhantomLibrary.exploration.queries.shrinking import shrink_items, shrink_query, smaller_queries
from PhantomLibrary.kernel.streams import Stream

PLAIN = Plain("a.id AS c0", "a", "a.x > 1")


class FakeDatabase:
    """Answers as one SQLite does, which knows no types, and spoils answers as it is told."""

    def __init__(self, tables, spoil=lambda query, rows: rows):
        self.load(tables)
        self.spoil = spoil
        self.asked = 0

    def load(self, tables):
        self.oracle = oracle_of(tables)

    def ask(self, query):
        self.asked += 1
        try:
            answer = self.oracle.answer(query)
        except OracleError as error:
            return Refusal(str(error), is_final=True)
        rows = [row for group in answer.groups for row in group]
        width = len(rows[0]) if rows else 0
        rows = rows[answer.offset :][: answer.count]
        return FoundAnswer((ColumnType("ANY"),) * width, self.spoil(query, rows))


def findings(seed, count=20, spoil=lambda query, rows: rows):
    round_ = Round(seed, 1)
    database = FakeDatabase(round_.tables, spoil)
    return round_, database, list(round_.findings(database.ask, count))


# --- what is written -------------------------------------------------------------------------------------------------


def test_all_queries_have_a_right_answer_and_many_are_not_empty():
    outcomes, sizes = Counter(), Counter()
    for seed in range(5):
        _, _, found = findings(seed)
        outcomes.update(each.outcome for each in found)
        sizes.update(each.verdict.operations > 0 for each in found if len(each.queries) == 1)
    assert outcomes == {"right": 100}
    assert sizes[True] > 25


def test_queries_are_decided_by_the_seed():
    def queries(seed):
        writer = QueryWriter(Stream(seed, "queries"), Round(seed, 1).tables)
        return [writer.query() for _ in range(10)]

    assert queries(3) == queries(3)
    assert queries(3) != queries(4)


def test_queries_are_of_all_forms():
    text = "\n".join(QueryWriter(Stream(seed, "q"), Round(seed, 1).tables).query() for seed in range(300))
    for word in (
        *("LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", "GROUP BY", "HAVING", "DISTINCT", "UNION ALL"),
        *("INTERSECT", "EXCEPT", "ORDER BY", "LIMIT", "OFFSET", "OVER (", "WITH w", "NOT IN", "EXISTS", "IS NULL"),
        *("COUNT(DISTINCT", "AVG(", "CASE WHEN", "BETWEEN", "LIKE", "FROM (SELECT", "NULLS LAST", "ROW_NUMBER"),
    ):
        assert word in text, word


def test_tables_stand_in_all_ways_and_hold_nulls():
    tables = [table for seed in range(30) for table in Round(seed, 1).tables]
    assert {each.sharding.split("(")[0].strip() for each in tables} == {
        "SHARD BY HASH",
        "SHARD BY RANGE",
        "REPLICATED EVERYWHERE",
    }
    assert any(not each.rows for each in tables)
    assert any(None in row for each in tables for row in each.rows)
    keys = [(each.primary_key, [row[:2] for row in each.rows]) for each in tables]
    assert all(len(set(rows)) == len(rows) for _, rows in keys)
    assert all(None not in row[: len(key)] for key, rows in keys for row in rows if key == ("i1", "id"))


# --- what is found ---------------------------------------------------------------------------------------------------


def test_a_lost_row_of_outer_joins_is_found_and_shown_in_little():
    def spoil(query, rows):
        return rows[:-1] if "LEFT JOIN" in query else rows

    for seed in range(20):
        round_, database, found = findings(seed, 10, spoil)
        wrong = next((each for each in found if each.outcome == "wrong" and len(each.queries) == 1), None)
        if wrong is not None:
            break
    assert wrong.verdict.code == "QRY-001"
    query, tables = shrink(wrong, round_.tables, database.ask, database.load)
    assert "LEFT JOIN" in query and len(query) < 110
    assert sum(len(each.rows) for each in tables) <= 2
    assert reproduction(query, tables)[-1] == query


def test_what_does_not_fail_again_is_left_as_it_is():
    round_, database, found = findings(1, 5, lambda query, rows: [*rows, *rows][: len(rows) + 1])
    wrong = next(each for each in found if each.outcome == "wrong" and len(each.queries) == 1)
    database.spoil = lambda query, rows: rows
    assert shrink(wrong, round_.tables, database.ask, database.load) is None


def test_refusals_are_wrong_where_there_is_an_answer_and_no_fault_excuses_them():
    round_ = Round(5, 1)
    final = list(round_.findings(lambda query: Refusal("SQL 0A000: not supported", is_final=True), 4))
    assert {(each.outcome, each.verdict.code) for each in final} == {("wrong", "QRY-005")}
    excused = list(Round(5, 1).findings(lambda query: Refusal("shard 2 has no leader", is_final=False), 4))
    assert {each.outcome for each in excused} == {"refused"}


# --- relations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relation", "answers", "wrong"),
    [
        (partitions(PLAIN), [[(1,), (2,), (2,)], [(1,), (2,)], [(2,)], []], False),
        (partitions(PLAIN), [[(1,), (2,), (2,)], [(1,), (2,)], [], []], True),
        (partitions(PLAIN), [[(1,), (2,)], [(1,), (2,)], [(2,)], []], True),
        (partitions(PLAIN), [[(None,), (0.1 + 0.2,)], [], [(0.1 + 0.2,)], [(None,)]], False),
        (distinct_partitions(PLAIN), [[(0.1 + 0.2,), (0.3,)], [(0.3,)], [(0.1 + 0.2,)], []], False),
        (distinct_partitions(PLAIN), [[(1,), (2,)], [(1,), (2,)], [(2,)], []], False),
        (distinct_partitions(PLAIN), [[(1,), (2,)], [(1,)], [(1,)], []], True),
        (distinct_partitions(PLAIN), [[(1,), (1,)], [(1,)], [], []], True),
        (counted_partitions(PLAIN), [[(5,)], [(2,)], [(2,)], [(1,)]], False),
        (counted_partitions(PLAIN), [[(5,)], [(2,)], [(2,)], [(0,)]], True),
        (reference(PLAIN), [[(3,)], [(3,)]], False),
        (reference(PLAIN), [[(0,)], [(None,)]], False),
        (reference(PLAIN), [[(3,)], [(2,)]], True),
    ],
)
def test_relations_hold_or_say_what_is_wrong(relation, answers, wrong):
    assert len(answers) == len(relation.queries)
    assert bool(relation.wrong(answers)) == wrong


def test_the_queries_of_a_partition_differ_by_their_condition_alone():
    assert partitions(PLAIN).queries == (
        "SELECT a.id AS c0 FROM a",
        "SELECT a.id AS c0 FROM a WHERE a.x > 1",
        "SELECT a.id AS c0 FROM a WHERE NOT (a.x > 1)",
        "SELECT a.id AS c0 FROM a WHERE (a.x > 1) IS NULL",
    )
    assert reference(PLAIN).queries == (
        "SELECT COUNT(*) AS c0 FROM a WHERE a.x > 1",
        "SELECT SUM(CASE WHEN a.x > 1 THEN 1 ELSE 0 END) AS c0 FROM a",
    )


@pytest.mark.parametrize("spoiled", ["IS NULL", "NOT ("])
def test_a_condition_that_loses_rows_breaks_partitions(spoiled):
    def spoil(query, rows):
        return [] if query.rstrip(")").endswith(spoiled) or f"WHERE {spoiled}" in query else rows

    codes = Counter()
    for seed in range(5):
        codes.update(each.verdict.code for each in findings(seed, 20, spoil)[2] if len(each.queries) > 1)
    assert codes["QRY-003"]


# --- shrinking -------------------------------------------------------------------------------------------------------


def test_queries_shrink_to_what_fails():
    query = (
        "SELECT DISTINCT a.x + 1 AS c, COUNT(b.y) AS n FROM a LEFT JOIN b ON a.id = b.id AND b.y > 2"
        " WHERE a.x > 1 AND NOT (a.y = 2) GROUP BY a.x + 1 HAVING COUNT(*) > 1 ORDER BY 1 LIMIT 3"
    )
    assert shrink_query(query, lambda text: "LEFT JOIN" in text and "COUNT(b.y)" in text) == (
        "SELECT COUNT(b.y) AS n FROM a LEFT JOIN b"
    )
    assert shrink_query(query, lambda text: False) == query
    assert "SELECT" not in next(smaller_queries("this is no query ("), "")


def test_shrinking_stops_after_so_many_tries():
    asked = []
    shrink_query("SELECT 1 + 2 + 3 + 4 AS x, 2 AS y", lambda text: asked.append(text) or True, tries_max=3)
    assert len(asked) == 3


def test_items_shrink_to_those_that_fail_together():
    assert shrink_items(range(50), lambda left: {7, 41} <= set(left)) == [7, 41]
    assert shrink_items(range(5), lambda left: True) == []
    assert shrink_items(range(5), lambda left: False) == [0, 1, 2, 3, 4]
