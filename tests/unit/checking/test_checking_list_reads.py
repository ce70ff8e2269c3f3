"""How an edge between transactions is told: by the read that shows it."""

import pytest

from PhantomLibrary.checking.transactions.check import list_anomalies
from PhantomLibrary.checking.transactions.form import Transactions
from PhantomLibrary.checking.transactions.levels import level_of
from PhantomLibrary.checking.transactions.lists import ListHistory
from tests.unit.checking.transactional import operations_of


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            "1 ok: append x 1; append y 1\n2 ok: r x []; r x [1]; append z 1\n3 ok: r z [1]; r y []",
            "T1 read x = [1], which ends in T0's 1 (wr)",
        ),
        (
            "1 ok: append x 1\n2 ok: append x 2; append y 1\n3 ok: r x [1]; r x [1 2]; append z 1",
            "T2 read x = [1 2], which ends in T1's 2 (wr)",
        ),
    ],
)
def test_read_that_is_told_is_the_one_that_saw_it_where_a_key_was_read_twice(script, told):
    found, _ = list_anomalies(ListHistory(Transactions(operations_of(script))), level_of("serializable"))
    assert any(told in anomaly.text for anomaly in found), [anomaly.text for anomaly in found]
