"""Latency samples and what they come to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.workloads.latency import Latencies, LatencySummary, nearest_rank, summarize


def test_percentiles_are_nearest_ranks() -> None:
    assert [nearest_rank([15, 20, 35, 40, 50], p) for p in (5, 30, 40, 50, 100)] == [15, 20, 20, 35, 50]
    assert nearest_rank(range(1, 1001), 999, 1000) == 999
    assert nearest_rank([3], 0) == 3


@given(st.lists(st.integers(0, 10**12), min_size=1), st.integers(0, 100))
def test_percentile_is_the_least_value_that_covers_its_share(values: list[int], percent: int) -> None:
    ordered = sorted(values)
    found = nearest_rank(ordered, percent)
    assert sum(each <= found for each in ordered) * 100 >= percent * len(ordered)
    assert sum(each < found for each in ordered) * 100 < max(percent, 1) * len(ordered)


def test_summary_counts_in_integers() -> None:
    assert summarize([30, 10, 21]) == LatencySummary(3, 10, 20, 21, 30, 30, 30)
    hundred = summarize([*range(100, 0, -1)])
    assert (hundred.p50_ns, hundred.p95_ns, hundred.p99_ns) == (50, 95, 99)


def test_summary_of_nothing_is_all_zero() -> None:
    assert summarize([]) == LatencySummary()


@pytest.mark.parametrize(("from_ns", "to_ns", "expected"), [(0, 99, [1, 2, 3]), (20, 30, [2]), (20, 31, [2, 3])])
def test_window_includes_its_start_and_not_its_end(from_ns: int, to_ns: int, expected: list[int]) -> None:
    latencies = Latencies()
    for ended_ns, latency_ns in [(10, 1), (20, 2), (30, 3)]:
        latencies.add(ended_ns, latency_ns)
    assert len(latencies) == 3
    assert latencies.between(from_ns, to_ns).tolist() == expected
