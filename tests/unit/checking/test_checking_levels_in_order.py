"""Levels against each other: what a stronger one allows a weaker one allows too, however wrong a history is."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.checking.history import pair
from PhantomLibrary.checking.transactions.check import check_appends_of, check_registers_of
from tests.unit.checking.transactional import Engine, corrupted

CHECKS = {"append": check_appends_of, "register": check_registers_of}
ISOLATIONS = ("read uncommitted", "read committed", "snapshot", "serializable")
ORDERS = (("", "session", "strict"), ("", "per-key", "strict"))


@pytest.mark.parametrize("kind", CHECKS)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_a_level_allows_weaker_ones_allow(kind, seed):
    chance = random.Random(seed)
    engine = Engine(
        kind, chance.choice(ISOLATIONS[1:]), chance, keys=chance.randint(1, 5), lag=bool(chance.randrange(2))
    )
    operations = pair(corrupted(engine.run(chance.randint(1, 30)), kind, chance))
    isolation, order = chance.choice(ISOLATIONS), chance.choice(("", "session", "per-key", "strict"))
    for levels in (
        [f"{order} {each}".strip() for each in ISOLATIONS],
        *([f"{each} {isolation}".strip() for each in orders] for orders in ORDERS),
    ):
        outcomes = [CHECKS[kind](operations, level).outcome for level in levels]
        if "invalid" in outcomes:
            first = outcomes.index("invalid")
            assert set(outcomes[first:]) == {"invalid"}, (levels, outcomes)
