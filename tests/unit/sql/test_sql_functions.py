"""Every function and operator once at least, where it is easily wrong: signs, ends, NULLs, limits."""

import pytest

from PhantomLibrary.sql.catalog import Catalog
from PhantomLibrary.sql.errors import SqlError
from PhantomLibrary.sql.front import bind, parse
from tests.unit.sql.sql_tables import rows_of


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("(id - 8) / (id + 1)", -3),
        ("(id - 8) % (id + 1)", -1),
        ("mod(8 - id, -2 * id)", 1),
        ("(id - 8) % 2", -1),
        ("abs(id - 8)", 7),
        ("sign(id - 1.5)", -1),
        ("-(id - 3)", 2),
        ("round(-2.5), round(2.45, 1), round(1250, -2), round(2.5e0)", ("-3", "2.5", 1300, 2.0)),
        ("trunc(-2.59), trunc(2.59, 1), trunc(-1250, -2), trunc(-2.5e0)", ("-2", "2.5", -1200, -2.0)),
        ("ceil(-2.5), ceil(2.1), floor(-2.5), ceil(2.1e0), floor(-2.1e0)", ("-2", "3", "-3", 3.0, -3.0)),
        ("power(2, -1), power(1.1, 2), sqrt(2.25)", (0.5, 1.2100000000000002, 1.5)),
        ("0.000000001 * 0.0000000015", "0.000000000000000002"),
        ("1 / 3.0, 1.0 / 3 * 3, 2 / 3.000000001", ("0.333333", "0.999999", "0.666666666")),
        ("greatest(1, NULL, 3), least(NULL, NULL), greatest('a', 'b')", (3, None, "b")),
        ("coalesce(NULL, 2.5, 1), nullif(1, 1.0), nullif(2, 1), ifnull(NULL, 'x')", ("2.5", None, 2, "x")),
        ("iif(id > 1, 'a', 'b'), CASE id WHEN 1 THEN 'one' END, CASE WHEN NULL THEN 1 END", ("b", "one", None)),
        ("substring('abcdef' FROM 2 FOR 3), substr('abc', 0, 2), substr('abc', -1)", ("bcd", "a", "abc")),
        (
            "left('abc', 2), left('abc', -1), right('abc', 2), right('abc', -1), right('a', 0)",
            ("ab", "ab", "bc", "bc", ""),
        ),
        (
            "lpad('a', 3, 'xy'), rpad('abc', 2), lpad('a', -1), repeat('ab', 2), reverse('añ')",
            ("xya", "ab", "", "abab", "ña"),
        ),
        ("trim('  a '), trim(BOTH 'x' FROM 'xax'), ltrim('xa', 'x'), rtrim('ax', 'x')", ("a", "a", "a", "a")),
        ("length('añ'), length(x'00ff'), upper('aß'), lower('ÄB')", (2, 2, "Aß", "Äb")),
        ("replace('aba', 'a', 'x'), position('b' IN 'ab'), strpos('ab', 'z')", ("xbx", 2, 0)),
        (
            "ascii('a'), chr(97), concat('a', NULL, 1, 2.50), concat_ws('-', 'a', NULL, TRUE)",
            (97, "a", "a12.50", "a-true"),
        ),
        ("'a' || 1 || 2.50 || TRUE || 1e0 || DATE '2024-01-31'", "a12.50true12024-01-31"),
        (
            "'ab' LIKE 'a_', 'Ab' LIKE 'a%', 'Ab' ILIKE 'a%', 'a%' LIKE 'a!%' ESCAPE '!', 'ab' NOT LIKE 'b%'",
            (True, False, True, True, True),
        ),
        (
            "DATE '2024-03-01' - 1, DATE '2024-03-01' - DATE '2023-03-01', 1 + DATE '1999-12-31'",
            ("2024-02-29", 366, "2000-01-01"),
        ),
        ("DATE '2023-01-31' + INTERVAL '1' MONTH, DATE '2024-02-29' - INTERVAL '1 year'", ("2023-02-28", "2023-02-28")),
        (
            "TIMESTAMP '2024-01-01 00:00' - INTERVAL '1 second', DATE '2024-01-01' + INTERVAL '1 hour'",
            ("2023-12-31 23:59:59", "2024-01-01 01:00:00"),
        ),
        (
            "DATE '1900-03-01' - 1, DATE '2000-03-01' - 1, DATE '2100-03-01' - 1",
            ("1900-02-28", "2000-02-29", "2100-02-28"),
        ),
        (
            "date_trunc('quarter', DATE '2024-05-31'), date_trunc('week', DATE '2024-05-31')",
            ("2024-04-01", "2024-05-27"),
        ),
        (
            "date_trunc('hour', TIMESTAMP '2024-05-31 10:59:59.5'), date_part('week', DATE '2021-01-03')",
            ("2024-05-31 10:00:00", 53),
        ),
        ("extract(doy FROM DATE '2024-12-31'), extract(second FROM TIMESTAMP '2024-01-01 10:00:07.9')", (366, 7)),
        (
            "CAST(TRUE AS INTEGER), CAST(2 AS BOOLEAN), CAST('yes' AS BOOLEAN), CAST(FALSE AS TEXT)",
            (1, True, True, "false"),
        ),
        (
            "CAST('abcdef' AS VARCHAR(3)), CAST(1.005 AS DECIMAL(5,2)), CAST(0.125e0 AS DECIMAL(3,2))",
            ("abc", "1.01", "0.13"),
        ),
        (
            "CAST(TIMESTAMP '2024-01-01 10:00' AS DATE), CAST(DATE '2024-01-01' AS TIMESTAMP)",
            ("2024-01-01", "2024-01-01 00:00:00"),
        ),
        ("2 + DATE '2024-02-28', DATE '2024-02-28' + 2", ("2024-03-01", "2024-03-01")),
        (
            "CAST('no' AS BOOLEAN), CAST('f' AS BOOLEAN), CAST(' OFF ' AS BOOLEAN), CAST('0' AS BOOLEAN)",
            (False, False, False, False),
        ),
        ("id <> ALL (SELECT 2), id <> ALL (SELECT 1)", (True, False)),
        ("id = ANY (SELECT 1), id = ANY (SELECT 2)", (True, False)),
        ("CAST('2024-01-02 23:59:59' AS DATE), CAST('1969-12-31 23:00' AS DATE)", ("2024-01-02", "1969-12-31")),
        ("trunc(1.25, 3), trunc(1.25, 2), trunc(-1.259, 2), trunc(1259.5, -2)", ("1.25", "1.25", "-1.25", "1200")),
        ("CAST(-1.9 AS INTEGER), CAST('-7' AS INTEGER), '1.5'::REAL, CAST(0.1 AS REAL)", (-1, -7, 1.5, 0.1)),
        (
            "id IS NULL, NULL IS NULL, NULL IS NOT DISTINCT FROM NULL, id IN (2, NULL), id NOT IN (1, NULL)",
            (False, True, True, None, False),
        ),
        ("TRUE AND NULL, FALSE AND NULL, TRUE OR NULL, NOT NULL", (None, False, True, None)),
        ("id BETWEEN 0.5 AND '1', id NOT BETWEEN 1 AND 1, (id, 2) <> (1, 2)", (True, False, False)),
        ("9223372036854775807, -9223372036854775808, - -5, +5, .5, 1.50", (2**63 - 1, -(2**63), 5, 5, "0.5", "1.50")),
    ],
)  # fmt: skip
def test_expression_has_its_value(expression, value):
    (row,) = rows_of(f"SELECT {expression} FROM customers WHERE id = 1")
    assert row == (value if isinstance(value, tuple) else (value,))


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT 5, count(*) FROM customers GROUP BY 1", [(5, 3)]),
        ("SELECT id FROM customers ORDER BY 1 + 1, id DESC LIMIT 1", [(3,)]),
        ("SELECT id FROM customers RIGHT JOIN orders USING (id) ORDER BY id DESC LIMIT 1", [(4,)]),
        ("SELECT 1 UNION ALL SELECT 1", [(1,), (1,)]),
        ("SELECT 7 FROM customers HAVING count(*) > 2", [(7,)]),
        ("SELECT 7 FROM customers WHERE FALSE HAVING count(*) = 0", [(7,)]),
        ("SELECT 7 FROM customers HAVING FALSE", []),
        ("SELECT x FROM (SELECT 1 AS x) a FULL JOIN (VALUES (2.50)) b(x) USING (x) ORDER BY x", [("1.00",), ("2.50",)]),
        ("SELECT x, a.x FROM (SELECT 2.5 AS x) a JOIN (VALUES (2.50)) b(x) USING (x)", [("2.5", "2.5")]),
        ("SELECT 1 UNION SELECT 1", [(1,)]),
        ("SELECT row_number() OVER (ORDER BY id DESC) FROM customers ORDER BY id", [(3,), (2,), (1,)]),
        (
            "SELECT lag(total, 1, 0) OVER (ORDER BY id), ntile(2) OVER (ORDER BY id) FROM orders LIMIT 2",
            [("0.00", 1), ("10.50", 1)],
        ),
        (
            "SELECT avg(score) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM customers",
            [(1.5,), (0.8,), (0.1,)],
        ),
        ("SELECT id FROM customers ORDER BY name", [(3,), (1,), (2,)]),
        ("SELECT id FROM customers ORDER BY name DESC NULLS FIRST", [(3,), (2,), (1,)]),
        ("SELECT id FROM customers WHERE (id = 1 OR id = 2) AND NOT (name = 'Bob' OR FALSE)", [(1,)]),
        ("SELECT id FROM orders WHERE total IN (SELECT id * 0.01 FROM customers)", [(4,)]),
        ("SELECT id FROM customers WHERE id IN (SELECT total - 9.5 FROM orders)", [(1,)]),
        ("SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)", []),
        ("SELECT count(*) FROM customers c WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = c.id)", [(2,)]),
        ("SELECT x.n FROM customers c, (SELECT count(*) AS n FROM orders) x WHERE c.id = 1", [(4,)]),
        ("SELECT max(total), min(name), max(ok) FROM customers, orders WHERE FALSE", None),
    ],
)  # fmt: skip
def test_query_has_its_rows(query, rows):
    if rows is None:
        with pytest.raises(SqlError, match="42883: function max takes no BOOLEAN"):
            rows_of(query)
    else:
        assert rows_of(query) == rows


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT id FROM customers WHERE (id - 9223372036854775807 - 2) / -1 > 0", "22003: integer out of range"),
        (
            "SELECT sum(x * y) FROM (VALUES (4611686018427387904, 2), (-4611686018427387904, 2)) v(x, y)",
            "22003: integer",
        ),
        (
            "SELECT 1 FROM customers WHERE CAST(coalesce(id + 8000000000000000000, 0.5) AS REAL) > 0",
            "22003: integer out",
        ),
        ("SELECT min(x * 2) FROM (VALUES (4611686018427387904), (1)) v(x)", "22003: integer out of range"),
        ("SELECT 1 FROM (VALUES (4611686018427387904), (1)) v(x) HAVING max(x * 2) > 5", "22003: integer out of range"),
        ("SELECT (SELECT count(*) FROM orders GROUP BY customer_id)", "21000: more than one row"),
        ("SELECT 1 INTERSECT ALL SELECT 1", "0A000: INTERSECT ALL is not supported"),
        ("SELECT abs(id - 9223372036854775807 - 2) FROM customers", "22003: integer out of range"),
        ("SELECT 5 % (id - 1) FROM customers", "22012: division by zero"),
        ("SELECT 5.0 / (id - 1) FROM customers", "22012: division by zero"),
        ("SELECT 5e0 / (id - 1) FROM customers", "22012: division by zero"),
        ("SELECT 1e308 * 10 * id FROM customers", "22003: REAL out of range"),
        ("SELECT power(0, -1)", "22012: zero raised to a negative power"),
        ("SELECT sqrt(-1)", "22023: cannot take square root of a negative number"),
        ("SELECT DATE '9999-12-31' + 1", "22003: date out of range"),
        ("SELECT CAST('x' AS INTEGER)", "22P02: invalid input syntax for type integer"),
        ("SELECT CAST(name AS DATE) FROM customers", '22007: invalid input syntax for type date: "Ann"'),
        ("SELECT CAST(total AS DECIMAL(3,2)) FROM orders", "22003: numeric field overflow: 10.50 does not fit"),
        ("SELECT CAST(since AS INTEGER) FROM customers", "42804: cannot cast type DATE to INTEGER"),
        ("SELECT substring('a', 1, -1)", "22023: negative substring length not allowed"),
        ("SELECT repeat('a', 10000000)", "22001: the text would have 10,000,000 characters"),
        ("SELECT extract(fortnight FROM since) FROM customers", "22023: EXTRACT knows no part"),
        ("SELECT since + INTERVAL 'soon' FROM customers", "22023: invalid interval"),
        ("SELECT lag(id) FROM customers", "42P20: window function lag requires an OVER clause"),
        ("SELECT id FROM customers WHERE row_number() OVER () > 1", "42P20: window functions are not allowed in WHERE"),
        ("SELECT sum(id) OVER missing FROM customers", "42704: window missing does not exist"),
        ("SELECT sum(DISTINCT id) OVER () FROM customers", "0A000: SUM (DISTINCT …) OVER is not supported"),
        ("WITH a AS (SELECT 1), a AS (SELECT 2) SELECT * FROM a", "42P16: WITH query name a specified more than once"),
        ("SELECT * FROM customers c JOIN orders c ON TRUE", "42712: table name c is specified more than once"),
        ("SELECT * FROM customers JOIN orders USING (name)", "42703: column name specified in USING does not exist in"),
        ("SELECT * FROM (VALUES (1), (1, 2)) v", "42601: VALUES lists must all be the same length"),
        ("SELECT id AS a, name AS a FROM customers ORDER BY a", "42702: ORDER BY a is ambiguous"),
        ("SELECT score FROM customers GROUP BY score ORDER BY name", "42803: column customers.name must appear"),
        ("SELECT score FROM customers GROUP BY score ORDER BY abs(id)", "42803: column customers.id must appear"),
        ("SELECT 1 || 2", "42883: operator does not exist: INTEGER || INTEGER"),
        ("SELECT CAST('a' AS VARCHAR(0))", "42P16: "),
        ("SELECT id > ALL (SELECT 1) FROM customers", "0A000: "),
    ],
)  # fmt: skip
def test_query_is_refused(query, error):
    with pytest.raises(SqlError) as caught:
        rows_of(query)
    assert str(caught.value).startswith(f"SQL {error}")


def test_parameters_of_inner_limits_leave_the_others_in_place():
    text = "SELECT id FROM (SELECT id FROM orders ORDER BY id LIMIT ?) x WHERE id > ? ORDER BY id"
    assert rows_of(text, 3, 1) == [(2,), (3,)]


def test_groups_by_a_part_of_a_key_determine_nothing():
    catalog = bind(parse("CREATE TABLE t (a INT, b INT, c INT, PRIMARY KEY (a, b))"), Catalog()).catalog
    bind(parse("SELECT c FROM t GROUP BY b, a"), catalog)
    with pytest.raises(SqlError, match=r"42803: column t\.c must appear in the GROUP BY clause"):
        bind(parse("SELECT c FROM t GROUP BY a"), catalog)
