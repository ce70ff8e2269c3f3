"""Rows that are held for a query: found by their columns, whatever values these have."""

import pytest

from PhantomLibrary.sql.engine import Engine, with_tables


def joined(engine, rows, indexes, query="SELECT a.v, b.v FROM in1 a JOIN in1 b ON a.k = b.k ORDER BY 1, 2"):
    name, text, table = engine.hold("in1", ("v", "k"), rows, indexes)
    found = engine.query(with_tables({name: text}, query), (), 1_000)
    engine.empty([table])
    return found


@pytest.mark.parametrize(
    "keys",
    [
        (1, 2, 3),
        (2, 2, 3),
        (None, 1, None),
        (1, 1.0, 2.5),
        ("a", "A", "a"),
        (b"a", "a", 1),
        (-(1 << 63), (1 << 63) - 1, 0),
        (True, 2, 3),
    ],
)
def test_rows_are_found_by_any_key_and_twice_where_it_is(keys):
    rows = [(number, key) for number, key in enumerate(keys)]
    wanted = [(a, b) for a, one in rows for b, other in rows if one is not None and other is not None and one == other]
    engine = Engine()
    for indexes in ((), ((1,),), ((1, 0),), ((0,), (1,))):
        assert joined(engine, rows, indexes) == wanted
        assert joined(engine, [], indexes) == []


def test_a_table_is_made_once_for_each_form_and_emptied():
    engine = Engine()
    for _ in range(3):
        joined(engine, [(1, 1), (2, 2)], ((1,),))
        joined(engine, [(1, 1), (2, 1)], ((1,),))
    made = [name for (name,) in engine.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
    assert made == ["in1x2_1", "in1x2_1_key"]
    assert all(list(engine.execute(f"SELECT count(*) FROM {name}")) == [(0,)] for name in made)


def test_a_lookup_finds_the_whole_row_in_the_index():
    engine = Engine()
    name, text, _ = engine.hold("in1", ("v", "k"), [(1, "a"), (2, "b")], ((1,),))
    plan = engine.execute(f"EXPLAIN QUERY PLAN {with_tables({name: text}, 'SELECT v FROM in1 WHERE k = 1')}")
    assert "COVERING INDEX" in next(iter(plan))[3]
    wide = tuple(f"c{each}" for each in range(12))
    name, text, _ = engine.hold("in2", wide, [tuple("x" * 12)], ((1,),))
    plan = engine.execute(f"EXPLAIN QUERY PLAN {with_tables({name: text}, 'SELECT c5 FROM in2 WHERE c1 = 1')}")
    assert "USING INDEX" in next(iter(plan))[3]
