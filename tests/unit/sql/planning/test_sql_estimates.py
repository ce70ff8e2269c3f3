"""How many rows are likely, whatever statistics say."""

import pytest
import sqlglot

from PhantomLibrary.sql.planning.estimates import rows_after
from PhantomLibrary.sql.plans import TableStatistics
from tests.unit.sql.sql_tables import CUSTOMERS


@pytest.mark.parametrize("distinct", [0, 1, 5, 1000])
@pytest.mark.parametrize("condition", ["t1.name = 'a'", "t1.name IN ('a', 'b')", "t1.name = t1.name", "1 = 2"])
def test_any_number_of_values_makes_a_number_of_rows(condition, distinct):
    statistics = TableStatistics(100, 1000, (("name", distinct),))
    assert 1 <= rows_after(CUSTOMERS, statistics, [sqlglot.parse_one(condition)]) <= 100
