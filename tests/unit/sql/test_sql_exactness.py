"""Arithmetic of SQL against Python's exact fractions, over random numbers."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.sql.sql_tables import database, rows_of

CONNECTION = database()
DECIMALS = st.decimals(min_value=-(10**6), max_value=10**6, places=3, allow_nan=False)
REALS = st.floats(min_value=-1e100, max_value=1e100, allow_nan=False)


def answer(text, *parameters):
    ((value,),) = rows_of(text, *parameters, connection=CONNECTION)
    return value


def rounded(number, digits):
    """Return a fraction as a decimal number, rounded half away from zero."""
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(number.numerator) / Decimal(number.denominator)
        return exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


@settings(deadline=None, max_examples=60)
@given(DECIMALS, DECIMALS, st.sampled_from("+-*/%"))
def test_decimals_are_exact(left, right, sign):
    a, b = Fraction(left), Fraction(right)
    assume(sign not in "/%" or b != 0)
    rest = a - b * int(a / b) if b else Fraction(0)
    exact = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else a, "%": rest}[sign]
    digits = {"*": 6, "/": 6}.get(sign, 3)
    expected = rounded(exact, digits)
    assert Decimal(answer(f"SELECT ? {sign} ?", left, right)) == expected
    if sign != "/":
        assert Decimal(answer(f"SELECT ({left:f}) {sign} ({right:f}) FROM customers LIMIT 1")) == expected


@settings(deadline=None, max_examples=60)
@given(st.lists(DECIMALS, min_size=1, max_size=8))
def test_sums_and_averages_of_decimals_are_exact(numbers):
    values = ", ".join(f"({number:f})" for number in numbers)
    exact = sum(Fraction(number) for number in numbers)
    assert Decimal(answer(f"SELECT sum(x) FROM (VALUES {values}) v(x)")) == rounded(exact, 3)
    assert Decimal(answer(f"SELECT avg(x) FROM (VALUES {values}) v(x)")) == rounded(exact / len(numbers), 6)


@settings(deadline=None, max_examples=60)
@given(st.lists(REALS, min_size=1, max_size=8))
def test_sums_and_averages_of_reals_are_the_nearest(numbers):
    values, places = ", ".join("(?)" for _ in numbers), tuple(numbers)
    exact = sum(Fraction(number) for number in numbers)
    assert answer(f"SELECT sum(x) FROM (VALUES {values}) v(x)", *places) == float(exact)
    assert answer(f"SELECT avg(x) FROM (VALUES {values}) v(x)", *places) == float(exact / len(numbers))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=8))
def test_sums_and_averages_of_whole_numbers_are_exact(numbers):
    assume(abs(sum(numbers)) < 2**63 and abs(sum(set(numbers))) < 2**63)
    values = ", ".join(f"({number})" for number in numbers)
    query = f"FROM (VALUES {values}) v(x)"
    assert answer(f"SELECT sum(x) {query}") == sum(numbers)
    assert answer(f"SELECT sum(DISTINCT x) {query}") == sum(set(numbers))
    assert answer(f"SELECT avg(x) {query}") == sum(numbers) / len(numbers)


@settings(deadline=None, max_examples=60)
@given(DECIMALS, REALS | st.integers(-(10**6), 10**6).map(float))
def test_comparisons_of_all_numbers_agree(number, real):
    assert answer("SELECT ? < ?", number, 0) == (number < 0)
    assert answer("SELECT ? = ?", number, int(number)) == (number == int(number))
    assert answer("SELECT ? < ?", number, real) == (float(number) < real)
    assert answer(f"SELECT {number:f} = ?", float(number)) is True


@pytest.mark.parametrize("number", ["0.1", "33.75", "123456789.123456789", "-0.000001"])
def test_a_decimal_beside_a_real_is_the_nearest_one(number):
    assert answer(f"SELECT {number} + 0e0") == float(number)
