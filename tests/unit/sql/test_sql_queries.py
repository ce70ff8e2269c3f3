"""Queries that bind, and what they answer."""

import pytest

from PhantomLibrary.sql.errors import SqlError
from PhantomLibrary.sql.front import bind, parse
from tests.unit.sql.sql_tables import CATALOG, database, rows_of


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT id FROM customers WHERE since >= '2024-01-01'", [(1,)]),
        ("SELECT total * 1.07 FROM orders WHERE total > 3.331 ORDER BY id", [("11.2350",), ("106.9893",)]),
        ("SELECT total / 3, total % 2, total - 0.005 FROM orders WHERE id = 1", [("3.500000", "0.50", "10.495")]),
        ("SELECT 7 / 2, -7 / 2, 1 / 0.5, 0.1 + 0.2 = 0.3", [(3, -3, "2.000000", True)]),
        ("SELECT avg(total), sum(total), avg(id), sum(id) FROM orders", [("28.457500", "113.83", 2.5, 10)]),
        ("SELECT avg(score), sum(score) FROM customers", [(0.8, 1.6)]),
        ("SELECT sum(total), avg(id), max(at), count(*) FROM orders WHERE id > 9", [(None, None, None, 0)]),
        ("SELECT sum(DISTINCT customer_id), count(DISTINCT customer_id) FROM orders", [(3, 2)]),
        ("SELECT sum(sum(id)) OVER (ORDER BY customer_id) FROM orders GROUP BY customer_id", [(4,), (7,), (10,)]),
        ("SELECT id FROM customers UNION ALL SELECT total FROM orders ORDER BY id LIMIT 2", [("0.01",), ("1.00",)]),
        ("SELECT 1 UNION SELECT 2 INTERSECT SELECT 2 ORDER BY 1", [(1,), (2,)]),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n", [(15,)]),
        ("SELECT x FROM (VALUES (1, 'a'), (2.5, 'b')) v(x, y) WHERE x > 1", [("2.5",)]),
        ("SELECT id, name FROM customers FULL JOIN orders USING (id) ORDER BY id DESC LIMIT 2", [(4, None), (3, None)]),
        ("SELECT b.id FROM big b ORDER BY b.total DESC", [(3,), (1,)]),
        ("SELECT string_agg(name, '-' ORDER BY id DESC), group_concat(id) FROM customers", [("Bob-Ann", "1,2,3")]),
        ("SELECT count(*) FILTER (WHERE ok), bool_and(ok) FROM customers", [(1, False)]),
        ("SELECT since + 1, since + INTERVAL '1 month' FROM customers WHERE id = 1", [("2024-02-01", "2024-02-29")]),
        ("SELECT extract(dow FROM since) FROM customers WHERE id < 3 ORDER BY id", [(3,), (3,)]),
        ("SELECT date_trunc('month', at) FROM orders WHERE id = 2", [("2024-02-01 00:00:00",)]),
        ("SELECT name FROM customers WHERE name LIKE 'a%'", []),
        ("SELECT name FROM customers WHERE name ILIKE 'a%'", [("Ann",)]),
        ("SELECT CAST('2.555' AS DECIMAL(5,2)), CAST(2.9 AS INTEGER), CAST(-1.5e0 AS INTEGER)", [("2.56", 2, -1)]),
        ("SELECT (id, name) = (1, 'Ann'), id IS DISTINCT FROM 1 FROM customers WHERE id = 2", [(False, True)]),
        ("SELECT total = '10.501', total = '10.50' FROM orders WHERE id = 1", [(False, True)]),
        ("SELECT greatest(id, 2.5), least(NULL, id) FROM customers WHERE id = 1", [("2.5", 1)]),
        ("SELECT id + 1 AS k, count(*) FROM customers GROUP BY k HAVING id + 1 > 2 ORDER BY id + 1", [(3, 1), (4, 1)]),
        ("SELECT name FROM customers GROUP BY id ORDER BY max(since) DESC, 1", [("Ann",), ("Bob",), (None,)]),
        ("SELECT CASE WHEN id = 1 THEN 0 ELSE 6 / (id - 1) END FROM customers ORDER BY id", [(0,), (6,), (3,)]),
    ],
)  # fmt: skip
def test_query_answers(query, rows):
    assert rows_of(query) == rows


def test_parameters_take_the_type_of_their_place():
    assert rows_of("SELECT id FROM customers WHERE id = ? AND since < ?", "1", "2024-12-31") == [(1,)]


def test_parameters_keep_their_places_where_limit_takes_some():
    assert rows_of("SELECT id FROM orders WHERE id > ? ORDER BY id LIMIT ? OFFSET ?", 1, "1", 1) == [(3,)]


def test_text_of_a_parameter_is_never_sql():
    with pytest.raises(SqlError, match='22P02: invalid input syntax for type integer: "1 OR 1=1"'):
        rows_of("SELECT id FROM customers WHERE id = ?", "1 OR 1=1")
    assert rows_of("SELECT id FROM customers WHERE name = ?", "' OR ''='") == []


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT nam FROM customers", "42703: column nam does not exist (did you mean name?)"),
        ("SELECT c.nam FROM customers c", "42703: column c.nam does not exist (did you mean name?)"),
        ("SELECT * FROM custmers", "42P01: table custmers does not exist (did you mean customers?)"),
        ("SELECT id FROM customers, orders", "42702: column reference id is ambiguous: customers.id or orders.id?"),
        ("SELECT name + 1 FROM customers", "42883: operator does not exist: TEXT + INTEGER"),
        ("SELECT * FROM customers WHERE since > 5", "42883: operator does not exist: DATE > INTEGER"),
        ("SELECT * FROM customers WHERE since > 'foo'", '22007: invalid input syntax for type date: "foo"'),
        ("SELECT * FROM customers WHERE name", "42804: argument of WHERE is of type TEXT but type BOOLEAN is expected"),
        ("SELECT id / 0 FROM orders", "22012: division by zero"),
        ("SELECT id + 9223372036854775807 FROM orders", "22003: INTEGER out of range"),
        ("SELECT sum(id + 9223372036854775807) FROM orders", "22003: integer out of range"),
        ("SELECT id FROM orders WHERE id + 9223372036854775807 > 5", "22003: integer out of range"),
        ("SELECT sum(id * 1000000 * 1000000 * 1000000) FROM orders", "22003: integer out of range"),
        ("SELECT name, id FROM customers GROUP BY name", "42803: column customers.id must appear in the GROUP BY"),
        ("SELECT * FROM customers WHERE count(*) > 1", "42803: aggregate functions are not allowed in WHERE"),
        ("SELECT sum(count(*)) FROM customers", "42803: aggregate function calls cannot be nested"),
        ("SELECT (SELECT id FROM orders)", "21000: more than one row returned by a subquery"),
        ("SELECT upper(name, 1) FROM customers", "42883: function upper takes 1 argument, 2 given"),
        ("SELECT lowr(name) FROM customers", "42883: function lowr does not exist (did you mean lower?)"),
        ("SELECT DISTINCT customer_id FROM orders ORDER BY total", "42803: for SELECT DISTINCT, ORDER BY expressions"),
        ("SELECT 1 UNION SELECT 1, 2", "42601: each UNION query must have the same number of columns: 1 and 2"),
        ("SELECT 1 LIMIT -1", "22023: LIMIT must not be negative: -1"),
        ("SELECT current_date", "0A000: CURRENT_DATE is not supported: statements have no clock"),
        ("SELECT * FROM customers FOR UPDATE", "0A000: FOR UPDATE in SELECT is not supported"),
        ("SELECT 99999999999999999999", "22003: 99999999999999999999 is out of range for type INTEGER"),
        ("SELECT ?", "08P01: the statement has 1 parameter (?), but 0 were given"),
    ],
)  # fmt: skip
def test_query_is_refused(query, error):
    with pytest.raises(SqlError) as caught:
        rows_of(query)
    assert str(caught.value).startswith(f"SQL {error}")


def test_join_in_brackets_keeps_the_names_of_its_tables():
    text = (
        "SELECT c.id, o.*, d.name FROM customers c LEFT JOIN (orders o JOIN customers d ON o.customer_id = d.id) "
        "ON c.id = o.id ORDER BY 1 LIMIT 1"
    )
    assert rows_of(text) == [(1, 1, 1, "10.50", "2024-01-01 10:00:00", "x", "Ann")]
    assert rows_of("SELECT count(*) FROM (customers CROSS JOIN orders) CROSS JOIN customers c") == [(36,)]


def test_sum_of_reals_depends_on_no_order_and_no_parts():
    values = [1e16, 1.0, -1e16, 0.1, 1e-300]
    tree = "SELECT real_value(real_state(x)) FROM (VALUES {}) AS v(x)"
    connection = database()
    for order in (values, values[::-1], values[2:] + values[:2]):
        rows = ",".join(f"({value!r})" for value in order)
        sums = connection.execute(tree.format(rows).replace("AS v(x)", "").replace("(x)", "(column1)")).fetchall()
        assert sums == [(1.1,)]
    halves = [",".join(f"({value!r})" for value in part) for part in (values[:2], values[2:])]
    states = " UNION ALL ".join(f"SELECT real_state(column1) AS s FROM (VALUES {half})" for half in halves)
    assert connection.execute(f"SELECT real_value(real_merge(s)) FROM ({states})").fetchall() == [(1.1,)]


def test_sum_of_whole_numbers_may_leave_its_range_on_the_way():
    values = f"(VALUES ({2**63 - 1}), ({2**63 - 1}), ({-(2**63)}), ({-(2**63) + 1})) v(x)"
    assert rows_of(f"SELECT sum(x), avg(x) FROM {values}") == [(-1, -0.25)]
    with pytest.raises(SqlError, match="22003: integer out of range"):
        rows_of(f"SELECT sum(x) FROM {values} WHERE x > 0")


def test_long_chains_are_answered():
    terms = [f"id <> {number}" for number in range(2, 1100)]
    assert rows_of(f"SELECT id FROM customers WHERE {' AND '.join(terms)}") == [(1,)]
    joined = "||".join(["name"] * 100)
    assert rows_of(f"SELECT {joined} FROM customers WHERE id = 1") == [("Ann" * 100,)]


def test_expression_that_is_too_deep_is_refused():
    with pytest.raises(SqlError, match="54001: an expression is nested more than 150 deep"):
        rows_of(f"SELECT id FROM customers WHERE {'+'.join(['id'] * 200)} > 1")


@pytest.mark.parametrize("text", ["SELECT sum(ORDER BY 1) FROM customers", "INSERT INTO customers"])
def test_text_that_sqlglot_reads_but_nobody_else_is_a_syntax_error(text):
    with pytest.raises(SqlError, match="42601: "):
        bind(parse(text), CATALOG)
