"""Exact arithmetic: whole numbers of 64 bits, DECIMALs as units of their scale, and REALs that stay finite."""

from __future__ import annotations

import math
from fractions import Fraction

from PhantomLibrary.sql.catalog import Stored
from PhantomLibrary.sql.errors import DIVISION_BY_ZERO, INVALID_ARGUMENT, OUT_OF_RANGE, SqlError
from PhantomLibrary.sql.values import (
    INTEGER_MAX,
    INTEGER_MIN,
    decimal_type,
    divide_rounded,
    fits,
    power_of_ten,
    rescaled,
)

# --- whole numbers ----------------------------------------------------------------------------------------------------


def whole(value: Stored) -> int:
    """Return a whole number; a REAL is one that has left 64 bits."""
    if type(value) is not int or not INTEGER_MIN <= value <= INTEGER_MAX:
        raise SqlError(OUT_OF_RANGE, "integer out of range: the result does not fit 64 bits")
    return value


def exact_add(a: int, b: int) -> int:
    return whole(whole(a) + whole(b))


def exact_subtract(a: int, b: int) -> int:
    return whole(whole(a) - whole(b))


def exact_multiply(a: int, b: int) -> int:
    return whole(whole(a) * whole(b))


def exact_divide(a: int, b: int) -> int:
    """Return the quotient without its fraction, as SQL and C divide."""
    _nonzero(b)
    quotient = abs(whole(a)) // abs(whole(b))
    return whole(quotient if (a < 0) == (b < 0) else -quotient)


def exact_modulo(a: int, b: int) -> int:
    """Return the rest of that division: it has the sign of the first number."""
    _nonzero(b)
    rest = abs(whole(a)) % abs(whole(b))
    return rest if a >= 0 else -rest


def exact_abs(a: int) -> int:
    return whole(abs(whole(a)))


def sign_of(a: float) -> int:
    return (a > 0) - (a < 0)


def _nonzero(divisor: float) -> None:
    if divisor == 0:
        raise SqlError(DIVISION_BY_ZERO, "division by zero")


# --- DECIMAL: whole numbers of units of a scale -----------------------------------------------------------------------


def decimal_multiply(a: int, b: int, excess: int) -> int:
    """Return a product with fewer digits after the point than it would have."""
    return whole(divide_rounded(whole(a) * whole(b), power_of_ten(excess)))


def decimal_divide(a: int, b: int, shift: int) -> int:
    """Return a quotient in units that are 10**shift times as small as those of a divided by those of b."""
    _nonzero(b)
    return whole(divide_rounded(whole(a) * power_of_ten(shift), whole(b)))


def rescale(units: int, scale: int, new_scale: int) -> int:
    return whole(rescaled(whole(units), scale, new_scale))


def fit_decimal(units: int, precision: int, scale: int) -> int:
    """Return a number, which has to have no more digits than its type."""
    fits(whole(units), decimal_type(scale, precision))
    return units


def decimal_round(units: int, scale: int, digits: int, new_scale: int) -> int:
    """Return a number rounded to digits after the point, half away from zero, as units of another scale."""
    return whole(rescaled(rescaled(whole(units), scale, digits), digits, new_scale)) if digits < scale else units


def decimal_trunc(units: int, scale: int, digits: int, new_scale: int) -> int:
    if digits >= scale:
        return units
    step = power_of_ten(scale - digits)
    cut = abs(whole(units)) // step * step
    return whole(rescaled(cut if units >= 0 else -cut, scale, new_scale))


def decimal_floor(units: int, scale: int) -> int:
    return whole(units) // power_of_ten(scale)


def decimal_ceil(units: int, scale: int) -> int:
    return -(-whole(units) // power_of_ten(scale))


# --- REAL -------------------------------------------------------------------------------------------------------------


def finite(value: float) -> float:
    if not math.isfinite(value):
        raise SqlError(OUT_OF_RANGE, "REAL out of range: the result is too large")
    return value + 0.0


def real_divide(a: float, b: float) -> float:
    _nonzero(b)
    return finite(a / b)


def real_round(value: float, digits: int) -> float:
    """Return a number rounded half to even, of what the float exactly is."""
    return finite(float(round(Fraction(value), digits)))


def real_trunc(value: float, digits: int) -> float:
    step = Fraction(10) ** digits
    return finite(float(Fraction(math.trunc(Fraction(value) * step)) / step))


def real_power(base: float, exponent: int) -> float:
    """Return a power with a whole exponent, rounded once."""
    if abs(exponent) > 10_000:
        raise SqlError(INVALID_ARGUMENT, f"power takes exponents from -10000 to 10000, not {exponent}")
    if base == 0 and exponent < 0:
        raise SqlError(DIVISION_BY_ZERO, "zero raised to a negative power is undefined")
    try:
        return finite(float(Fraction(base) ** exponent))
    except OverflowError:
        return finite(math.inf)


def square_root(value: float) -> float:
    if value < 0:
        raise SqlError(INVALID_ARGUMENT, "cannot take square root of a negative number")
    return math.sqrt(value)


def real_floor(value: float) -> float:
    return float(math.floor(finite(value)))


def real_ceil(value: float) -> float:
    return float(math.ceil(finite(value)))


def real_to_integer(value: float) -> int:
    return whole(math.trunc(finite(value)))


def real_to_decimal(value: float, scale: int) -> int:
    exact = Fraction(finite(value)) * power_of_ten(scale)
    return whole(divide_rounded(exact.numerator, exact.denominator))
