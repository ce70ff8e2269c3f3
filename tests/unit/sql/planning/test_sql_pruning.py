"""No row that satisfies a condition stands at a position that the condition prunes, however close values are."""

import operator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.sql.bind import bind_query
from PhantomLibrary.sql.catalog import Catalog, Column, Sharding, SqlType, Table
from PhantomLibrary.sql.parser import parse
from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.pruning import Pruner, intersection, union
from PhantomLibrary.sql.rows import position

COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
PREFIX = "x" * 30  # Positions know the first 24 bytes.
TEXTS = st.sampled_from(["", "a", "b", PREFIX, PREFIX + "a", PREFIX + "b", PREFIX + "bb", "é", "\U0010ffff"])
INTEGERS = st.one_of(
    st.integers(-3, 30),
    st.sampled_from([(1 << 62) + each for each in range(4)]),
    st.integers(-(1 << 63), (1 << 63) - 1),
)
REALS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0.0, -0.0, 0.1, 0.1 + 2**-56, 1.0])
)
KINDS = {
    "TEXT": (TEXTS, ((), ("a",), ("a", PREFIX + "b")), "CAST(? AS TEXT)"),
    "INTEGER": (INTEGERS, ((), (10,), (0, 10, 1 << 62)), "?"),
    "REAL": (REALS, ((), (0.5,), (-1.5, 1.0)), "CAST(? AS REAL)"),
}


@pytest.mark.parametrize(
    ("first", "second", "both", "either"),
    [
        (((0, 5),), ((3, 9),), ((3, 5),), ((0, 9),)),
        (((3, 9),), ((0, 5),), ((3, 5),), ((0, 9),)),
        (((0, 9),), ((3, 5),), ((3, 5),), ((0, 9),)),
        (((0, 5),), ((5, 9),), ((5, 5),), ((0, 9),)),
        (((0, 5),), ((6, 9),), (), ((0, 9),)),
        (((0, 4),), ((6, 9),), (), ((0, 4), (6, 9))),
        (((0, 2), (5, 9)), ((1, 6), (8, 8)), ((1, 2), (5, 6), (8, 8)), ((0, 9),)),
        ((), ((1, 2),), (), ((1, 2),)),
    ],
)
def test_ranges_of_positions_are_cut_and_joined_exactly(first, second, both, either):
    assert intersection(first, second) == both
    assert union(first, second) == either


def places(kind, splits, condition, parameters):
    """Return the table, and where it is looked at for a condition."""
    table = Table(1, "t", (Column("k", SqlType(kind), False),), ("k",), Sharding("range", ("k",), splits))
    bound = bind_query(parse(f"SELECT k FROM t WHERE {condition}"), Catalog(1, (table,), (), 2), parameters)
    where = trees.conjuncts(bound.tree.args["where"].this)
    refs = {
        trees.ref_of(each): "k" for each in bound.tree.expressions[0].unalias().find_all(type(trees.column(("a", "k"))))
    }
    return table, Pruner(table, bound.parameters, refs).positions(where)


def is_looked_at(table, found, value):
    at = position(table, (value,))
    return found is None or any(low <= at <= high for low, high in found)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_what_satisfies_a_comparison_is_looked_at(kind, data):
    values, splits, _ = KINDS[kind]
    constant, value, chosen = data.draw(values), data.draw(values), data.draw(st.sampled_from(splits))
    for sign, holds in COMPARISONS.items():
        table, found = places(kind, chosen, f"k {sign} ?", (constant,))
        assert is_looked_at(table, found, value) or not holds(value, constant), (sign, value, constant)
    other = data.draw(values)
    table, found = places(kind, chosen, "k BETWEEN ? AND ?", (constant, other))
    assert is_looked_at(table, found, value) or not constant <= value <= other
    table, found = places(kind, chosen, "k < ? OR k >= ?", (constant, other))
    assert is_looked_at(table, found, value) or not (value < constant or value >= other)
    table, found = places(kind, chosen, "k IN (?, ?)", (constant, other))
    assert is_looked_at(table, found, value) or value not in (constant, other)


@pytest.mark.parametrize(
    ("condition", "looked_at", "passed_over"),
    [
        ("k = 5", [5], [4, 6, 15]),
        ("k < 5", [4, -9], [6, 15]),
        ("5 >= k", [5, -9], [6, 15]),
        ("k BETWEEN 12 AND 14", [12, 14], [9, 16]),
        ("k IN (3, 17)", [3, 17], [4, 16]),
        ("k > 12 AND k < 18 OR k = 2", [13, 17, 2], [3, 11, 19]),
        ("k = NULL", [], [1, 15]),
        ("k = 5 AND k = 6", [], [4, 5, 6, 15]),
    ],
)
def test_conditions_leave_out_what_they_can(condition, looked_at, passed_over):
    table, found = places("INTEGER", (0, 10, 20), condition, ())
    assert all(is_looked_at(table, found, each) for each in looked_at)
    assert not any(is_looked_at(table, found, each) for each in passed_over)
