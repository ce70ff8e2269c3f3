"""Which key an operation goes to, and how often."""

from __future__ import annotations

from collections import Counter

import pytest

from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.workloads.keys import SKEWS, Keyspace, Skews, zipf_bounds

DRAWS = 100_000


def shares(skew: str, keys: int) -> list[float]:
    choose = Skews().choice(skew, keys, Stream(1, "keys"))
    drawn = Counter(choose() for _ in range(DRAWS))
    assert set(drawn) <= set(range(keys))
    return [drawn[slot] / DRAWS for slot in range(keys)]


def test_uniform_keys_are_chosen_equally_often() -> None:
    assert shares("uniform", 20) == pytest.approx([0.05] * 20, rel=0.07)


def test_zipf_keys_are_chosen_in_inverse_proportion_to_their_rank() -> None:
    found = shares("zipf", 100)
    harmonic = sum(1 / rank for rank in range(1, 101))
    assert found[:10] == pytest.approx([1 / rank / harmonic for rank in range(1, 11)], rel=0.07)
    assert sum(found[50:]) == pytest.approx(sum(1 / rank for rank in range(51, 101)) / harmonic, rel=0.05)


def test_zipf_bounds_are_exact() -> None:
    # Weights 1, 1/2, 1/3, 1/4 are 12, 6, 4 and 3 of 25.
    assert zipf_bounds(4) == [2**32 * 12 // 25, 2**32 * 18 // 25, 2**32 * 22 // 25]
    assert zipf_bounds(1) == []


def test_nine_of_ten_operations_go_to_the_hot_tenth() -> None:
    found = shares("hot", 50)
    assert sum(found[:5]) == pytest.approx(0.9, abs=0.005)
    assert found[:5] == pytest.approx([0.18] * 5, rel=0.05)
    assert found[5:] == pytest.approx([0.1 / 45] * 45, rel=0.35)


@pytest.mark.parametrize("skew", SKEWS)
@pytest.mark.parametrize("keys", [1, 2, 9])
def test_few_keys_are_all_chosen(skew: str, keys: int) -> None:
    assert all(shares(skew, keys))


@pytest.mark.parametrize("skew", SKEWS)
def test_choice_is_the_same_everywhere(skew: str) -> None:
    choose = Skews().choice(skew, 100, Stream(7, "keys"))
    expected = {
        "uniform": [64, 1, 34, 77, 74, 12, 27, 6],
        "zipf": [15, 0, 2, 30, 26, 0, 1, 0],
        "hot": [0, 7, 1, 0, 5, 5, 7, 3],
    }
    assert [choose() for _ in range(8)] == expected[skew]


def test_keys_are_named_by_their_slot() -> None:
    keys = Keyspace(3, "x{}")
    assert keys.names == ["x0", "x1", "x2"]
    assert keys.write(1) == "x1"
    assert keys.written() == ["x1"]


def test_key_with_enough_writes_makes_room_for_a_new_one() -> None:
    keys = Keyspace(2, writes_max=2)
    assert [keys.write(0) for _ in range(5)] == ["k0", "k0", "k2", "k2", "k3"]
    assert keys.write(1) == "k1"
    assert keys.names == ["k3", "k1"]
    assert keys.written() == ["k0", "k2", "k3", "k1"]
