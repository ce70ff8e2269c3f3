"""Clients are sent to gateways in turn, to the emptiest, or to any, the same way in every run."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.workloads.balancing import Balancing, choose, surplus
from PhantomLibrary.workloads.workload import WorkloadSpec

GATEWAYS = ["n1", "n2", "n3"]


def dealt(balancing: Balancing, clients: int, connections: dict[str, int] | None = None) -> dict[str, int]:
    counts, draws = Counter(connections or {}), Stream(1, "balancer")
    for number in range(clients):
        counts[choose(balancing, GATEWAYS, number, counts, draws)] += 1
    return dict(counts)


def test_in_turn_all_get_as_many_whatever_they_have() -> None:
    assert dealt("round robin", 9, {"n1": 5}) == {"n1": 8, "n2": 3, "n3": 3}


def test_the_emptiest_comes_first_and_ties_go_by_the_order() -> None:
    assert dealt("least connections", 8, {"n1": 5}) == {"n1": 5, "n2": 4, "n3": 4}
    assert choose("least connections", GATEWAYS, 0, {}, Stream(1, "x")) == "n1"


def test_chance_leaves_nobody_out() -> None:
    counts = dealt("random", 300)
    assert sorted(counts) == GATEWAYS and min(counts.values()) > 70


@given(st.lists(st.integers(0, 50), min_size=1, max_size=9))
def test_no_more_leave_than_needed_for_all_to_have_as_many(counts: list[int]) -> None:
    gateways = [f"n{number}" for number in range(len(counts))]
    connections = dict(zip(gateways, counts, strict=True))
    leaving = surplus(gateways, connections)
    for node, number in leaving.items():
        connections[node] -= number
    for _ in range(sum(leaving.values())):
        connections[choose("least connections", gateways, 0, connections, Stream(1, "x"))] += 1
    assert max(connections.values()) - min(connections.values()) <= 1
    mean, rest = divmod(sum(counts), len(counts))
    fewest = sum(max(0, each - mean) for each in counts) - min(rest, sum(each > mean for each in counts))
    assert sum(leaving.values()) == fewest


def test_no_other_balancing_is_known() -> None:
    with pytest.raises(InvalidInput, match=r"'leastconnections': there are round robin, least"):
        WorkloadSpec("register", balancing="leastconnections")  # type: ignore[arg-type]
