"""Answers of queries are judged by those of one SQLite with the same rows."""

import pytest

from PhantomLibrary.checking.queries.answers import compare
from PhantomLibrary.checking.queries.oracle import Oracle
from PhantomLibrary.checking.queries.values import ColumnType, FoundAnswer, OracleError, OracleTable

INTEGER, TEXT, REAL, BOOLEAN = (ColumnType(name) for name in ("INTEGER", "TEXT", "REAL", "BOOLEAN"))
MONEY = ColumnType("DECIMAL", 2)

ITEMS = OracleTable(
    "items",
    (("id", INTEGER), ("name", TEXT), ("price", MONEY), ("weight", REAL), ("is_sold", BOOLEAN)),
    (
        (1, "lamp", 0.1, 0.1, 1),
        (2, "chair", 0.2, 0.2, 0),
        (3, None, 10.25, 3e22, 1),
        (4, "lamp", None, None, None),
        (5, "Ärmel", 0.1, -3e22, 1),
    ),
)


@pytest.fixture(scope="module")
def oracle():
    return Oracle([ITEMS], {"cheap": "SELECT id, price FROM items WHERE price < 1 ORDER BY id LIMIT 2"})


def judge(oracle, query, rows, *types, parameters=()):
    return compare(FoundAnswer(types, rows), oracle.answer(query, parameters))


def check(oracle, query, rows, *types, parameters=()):
    difference = judge(oracle, query, rows, *types, parameters=parameters)
    assert difference is None, difference


# --- right answers ---------------------------------------------------------------------------------------------------


def test_rows_are_compared_as_often_as_they_are_there_in_any_order(oracle):
    check(oracle, "SELECT name FROM items", [["lamp"], [None], ["Ärmel"], ["lamp"], ["chair"]], TEXT)
    wrong = judge(oracle, "SELECT name FROM items", [["lamp"], [None], ["Ärmel"], ["chair"], ["chair"]], TEXT)
    assert (wrong.missing, wrong.surplus) == ((("lamp",),), (("chair",),))
    assert wrong.sentence == "1 of 5 rows are others"


def test_a_row_too_few_and_one_too_many_are_told(oracle):
    wrong = judge(oracle, "SELECT id FROM items WHERE id < 3", [[1]], INTEGER)
    assert (wrong.sentence, wrong.missing) == ("1 rows, not 2", ((2,),))
    wrong = judge(oracle, "SELECT id FROM items WHERE id < 3", [[1], [2], [2]], INTEGER)
    assert (wrong.sentence, wrong.surplus) == ("3 rows, not 2", ((2,),))


def test_no_column_may_be_missing(oracle):
    assert judge(oracle, "SELECT id, name FROM items", [[1]], INTEGER).sentence == "1 columns, not 2"


def test_empty_answers_are_equal(oracle):
    check(oracle, "SELECT id, name FROM items WHERE id > 9", [], INTEGER, TEXT)


def test_decimals_are_computed_exactly_and_compared_at_the_scale_of_the_answer(oracle):
    check(oracle, "SELECT id FROM items WHERE price + 0.2 = 0.3", [[1], [5]], INTEGER)
    check(oracle, "SELECT SUM(price) FROM items WHERE price < 1", [["0.40"]], MONEY)
    check(oracle, "SELECT AVG(price) FROM items WHERE price < 1", [["0.133333"]], ColumnType("DECIMAL", 6))
    check(oracle, "SELECT COUNT(*) FROM items WHERE price * 3 = 0.3", [[2]], INTEGER)
    check(oracle, "SELECT name FROM items GROUP BY name HAVING SUM(price) = 0.1", [["lamp"], ["Ärmel"]], TEXT)
    assert judge(oracle, "SELECT SUM(price) FROM items WHERE price < 1", [["0.41"]], MONEY) is not None


def test_sums_of_reals_do_not_depend_on_the_order_of_rows(oracle):
    check(oracle, "SELECT SUM(weight) FROM items", [[0.3]], REAL)
    check(oracle, "SELECT SUM(heavy) FROM (SELECT weight AS heavy FROM items)", [[0.3]], REAL)
    assert judge(oracle, "SELECT SUM(weight) FROM items", [[0.0]], REAL) is not None


def test_reals_are_near_enough_to_eleven_digits(oracle):
    check(oracle, "SELECT weight FROM items WHERE id = 1", [[0.1 + 1e-14]], REAL)
    assert judge(oracle, "SELECT weight FROM items WHERE id = 1", [[0.1 + 1e-9]], REAL) is not None


def test_casts_round_as_numbers_do(oracle):
    check(oracle, "SELECT CAST(10.255 AS DECIMAL(10, 2)), CAST('2.5' AS INTEGER)", [["10.26", 3]], MONEY, INTEGER)
    check(oracle, "SELECT CAST('2024-01-31' AS TIMESTAMP)", [["2024-01-31 00:00:00"]], ColumnType("TIMESTAMP"))


def test_windows_sum_exactly(oracle):
    query = "SELECT id, SUM(price) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM items"
    rows = [[1, "0.10"], [2, "0.30"], [3, "10.45"], [4, "10.25"], [5, "0.10"]]
    check(oracle, query, rows, INTEGER, MONEY)


def test_parameters_are_values_and_views_are_queries(oracle):
    check(oracle, "SELECT id FROM items WHERE name = ? AND id > ?", [[4]], INTEGER, parameters=("lamp", 1))
    check(oracle, "SELECT '?' FROM items WHERE name = ?", [], TEXT, parameters=("' OR 1=1 --",))
    check(oracle, "SELECT id FROM cheap", [[1], [2], [5]][:3], INTEGER)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("LEFT('abc', 2) || RIGHT('abc', 2) || RIGHT('abc', 0)", "abbc"),
        ("SUBSTR('abc', -1, 3) || SUBSTRING('abc' FROM 2)", "abc"),
        ("LPAD('a', 3, 'xy') || RPAD('b', 2) || LPAD('abc', 2)", "xyab ab"),
        ("RPAD('abc', 2) || LPAD('ab', 3, '') || RPAD('ab', 3, '') || RPAD('a', 4, 'xyz')", "abababaxyz"),
        ("1 + NULL", None),
        ("NULL * 2.5", None),
        ("CAST('no' AS BOOLEAN) * 100 + CAST(' True ' AS BOOLEAN) * 10 + CAST(0 AS BOOLEAN) + CAST(2 AS BOOLEAN)", 11),
        ("REVERSE('ab') || REPEAT('c', 2)", "bacc"),
        ("GROUP_CONCAT(name)", "chair,lamp,lamp,Ärmel"),
        ("EXTRACT(YEAR FROM DATE '2024-02-29') * 100 + EXTRACT(doy FROM DATE '2024-02-29')", 202460),
        ("EXTRACT(dow FROM DATE '2024-02-29')", 4),
        ("DATE_TRUNC('month', DATE '2024-02-29')", "2024-02-01"),
        ("DATE_TRUNC('hour', TIMESTAMP '2024-02-29 10:11:12')", "2024-02-29 10:00:00"),
        ("DATE '2024-03-01' - DATE '2024-02-01'", 29),
        ("DATE '2023-12-31' + 60", "2024-02-29"),
        ("DATE '2024-03-01' - 1", "2024-02-29"),
        ("DATE '2024-01-31' + INTERVAL '1' MONTH", "2024-02-29"),
        ("DATE '2024-02-29' - INTERVAL '1 year'", "2023-02-28"),
        ("TIMESTAMP '2023-12-31 23:59:30' + INTERVAL '45 seconds'", "2024-01-01 00:00:15"),
        ("'a' LIKE 'A'", 0),
        ("-7 / 2 * 10 + -7 % 2", -31),
        ("9007199254740993 % 9007199254740994", 9007199254740993),  # More digits than a float has.
        ("-9007199254740993 % 10", -3),
        ("ROUND(CAST(2.5 AS REAL))", 2.0),
    ],
)
def test_functions_that_sqlite_lacks_or_has_otherwise(oracle, expression, value):
    found = oracle.answer(f"SELECT {expression} FROM items LIMIT 1").groups[0][0][0]
    assert found == value


# --- order and limit -------------------------------------------------------------------------------------------------


def test_order_is_that_of_the_query_and_ties_are_free(oracle):
    query = "SELECT id FROM items ORDER BY price DESC"
    check(oracle, query, [[3], [2], [1], [5], [4]], INTEGER)
    check(oracle, query, [[3], [2], [5], [1], [4]], INTEGER)
    wrong = judge(oracle, query, [[3], [1], [2], [5], [4]], INTEGER)
    assert wrong.is_order and wrong.sentence == "the right rows in a wrong order"


@pytest.mark.parametrize(
    "order",
    ["price", "2", "cost", "price + 0", "items.price", "-price DESC NULLS FIRST", "CASE WHEN TRUE THEN price END"],
)
def test_order_may_be_by_name_number_alias_or_expression(oracle, order):
    query = f"SELECT id, price AS cost FROM items ORDER BY {order}, id"
    rows = [[4, None], [1, "0.10"], [5, "0.10"], [2, "0.20"], [3, "10.25"]]
    check(oracle, query, rows, INTEGER, MONEY)
    wrong = judge(oracle, query, [rows[0], rows[2], rows[1], *rows[3:]], INTEGER, MONEY)
    assert wrong is not None and wrong.is_order


def test_order_by_an_aggregate_that_is_not_in_the_answer(oracle):
    query = "SELECT name FROM items GROUP BY name ORDER BY COUNT(*) DESC, MAX(id)"
    check(oracle, query, [["lamp"], ["chair"], [None], ["Ärmel"]], TEXT)


def test_limit_takes_any_of_the_rows_that_it_cuts_through(oracle):
    query = "SELECT id FROM items ORDER BY price LIMIT 2"
    check(oracle, query, [[4], [1]], INTEGER)
    check(oracle, query, [[4], [5]], INTEGER)
    assert judge(oracle, query, [[4], [2]], INTEGER).surplus == ((2,),)
    assert judge(oracle, query, [[4]], INTEGER).sentence == "1 rows, not 2"
    assert judge(oracle, query, [[4], [1], [5]], INTEGER).sentence == "3 rows, not 2"


def test_limit_without_order_takes_any_rows_but_none_twice(oracle):
    check(oracle, "SELECT id FROM items LIMIT 2", [[5], [3]], INTEGER)
    assert judge(oracle, "SELECT id FROM items LIMIT 2", [[5], [5]], INTEGER) is not None
    check(oracle, "SELECT id FROM items LIMIT ? OFFSET ?", [[2]], INTEGER, parameters=(7, 4))
    check(oracle, "SELECT id FROM items LIMIT 3 OFFSET 9", [], INTEGER)
    check(oracle, "SELECT id FROM items LIMIT 0", [], INTEGER)


def test_set_operations_are_sorted_and_cut_as_a_whole(oracle):
    query = "SELECT id FROM items UNION ALL SELECT id FROM items ORDER BY id DESC LIMIT 3 OFFSET 1"
    check(oracle, query, [[5], [4], [4]], INTEGER)
    assert judge(oracle, query, [[5], [5], [4]], INTEGER) is not None


# --- what has no answer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT weight / (id - 1) FROM items", "division by zero"),
        ("SELECT 9223372036854775807 + 1", "out of the range of INTEGER"),
        ("SELECT SUM(9223372036854775807) FROM items", "out of the range of INTEGER"),
        ("SELECT colour FROM items", "no such column"),
        ("SELECT FROM WHERE", "cannot be read|SQLite refuses"),
        ("DELETE FROM items", "no query"),
        ("SELECT DISTINCT name FROM items ORDER BY id", "several"),
    ],
)
def test_a_query_without_a_right_answer_is_told(oracle, query, why):
    with pytest.raises(OracleError, match=why):
        oracle.answer(query)
