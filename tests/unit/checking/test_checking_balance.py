"""Balance is judged by the coefficient of variation, exactly at its bound."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.checking.balance import check_balance, variation_ppm


def judged(amounts: dict[str, int], spread_ppm: int) -> str:
    return check_balance(amounts, "load", "/s", spread_ppm=spread_ppm).outcome


def test_equal_amounts_do_not_vary_at_all() -> None:
    assert variation_ppm({"n1": 7, "n2": 7, "n3": 7}) == 0
    assert judged({"n1": 7, "n2": 7, "n3": 7}, 0) == "valid"


def test_bound_is_met_exactly() -> None:
    amounts = {"n1": 80, "n2": 120}  # Mean 100, standard deviation 20.
    assert variation_ppm(amounts) == 200_000
    assert judged(amounts, 200_000) == "valid"
    assert judged(amounts, 199_999) == "invalid"
    assert judged({"n1": 79, "n2": 120}, 200_000) == "invalid"


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=60).filter(any))
def test_variation_is_that_of_the_textbook(amounts: list[int]) -> None:
    found = variation_ppm({f"n{number}": each for number, each in enumerate(amounts)})
    expected = statistics.pstdev(amounts) / statistics.fmean(amounts)
    assert found / 1_000_000 == pytest.approx(expected, abs=2e-6, rel=1e-6)


@pytest.mark.parametrize("amounts", [{"n1": 0, "n2": 0}, {"n1": 5}, {}])
def test_nothing_to_be_spread_proves_nothing(amounts: dict[str, int]) -> None:
    verdict = check_balance(amounts, "load", "/s", spread_ppm=1_000_000)
    assert (verdict.outcome, verdict.code) == ("unknown", "BAL-002")


def test_evidence_names_the_fullest_first_and_how_far_each_is_off() -> None:
    verdict = check_balance({"n1": 50, "n2": 300, "n3": 100}, "CPU usage", "%", spread_ppm=200_000, digits=1)
    assert verdict.code == "BAL-001"
    assert "CPU usage is not balanced: its coefficient of variation over 3 nodes is 72.00 %" in verdict.message
    assert "more than 20.00 %; most at n2, least at n1" in verdict.message
    assert [line.split() for line in verdict.evidence] == [
        ["n2", "30.0", "%", "+100", "%", "of", "the", "mean"],
        ["n3", "10.0", "%", "-34", "%", "of", "the", "mean"],
        ["n1", "5.0", "%", "-67", "%", "of", "the", "mean"],
    ]


def test_evidence_of_many_nodes_shows_both_ends() -> None:
    verdict = check_balance({f"n{number}": number for number in range(1, 51)}, "load", "/s", spread_ppm=1)
    assert len(verdict.evidence) == 9
    assert verdict.evidence[0].startswith("n50") and verdict.evidence[-1].startswith("n1 ")
    assert verdict.evidence[5] == "… 42 more …"
