"""The checkers of transactions against a judge that tries everything, on small histories."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.checking.history import pair
from PhantomLibrary.checking.transactions.check import check_appends_of, check_registers_of
from tests.unit.checking.transaction_oracle import draw_history, is_allowed

CHECKS = {"append": check_appends_of, "register": check_registers_of}


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize("level", ["serializable", "snapshot", "read committed"])
@pytest.mark.parametrize("order", ["", "session", "strict"])
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_verdict_is_that_of_trying_everything(kind, level, order, seed):
    chance = random.Random(seed)
    operations = pair(draw_history(kind, chance, transactions=chance.randint(1, 5)))
    verdict = CHECKS[kind](operations, f"{order} {level}".strip())
    assert verdict.outcome in ("unknown", "valid" if is_allowed(kind, operations, level, order) else "invalid")
    if kind == "append":
        assert verdict.outcome != "unknown"


@pytest.mark.parametrize("level", ["serializable", "snapshot"])
def test_hardly_any_small_history_of_registers_stays_undecided(level):
    outcomes = [
        check_registers_of(pair(draw_history("register", random.Random(seed), transactions=5)), level).outcome
        for seed in range(300)
    ]
    assert outcomes.count("unknown") <= 3
    assert min(outcomes.count("valid"), outcomes.count("invalid")) > 50
