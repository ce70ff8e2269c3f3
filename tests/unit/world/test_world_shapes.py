"""Shapes of partitions at their smallest, and latencies at their bounds."""

import pytest

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.world import shapes
from PhantomLibrary.world.latency import Uniform, constant, latency_table, median_ns
from PhantomLibrary.world.units import Nanoseconds


def nodes(count):
    return [f"n{number}" for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("shape", "least"),
    [
        (shapes.halves, 2),
        (shapes.majority_minority, 3),
        (lambda some: shapes.isolate("n1", some), 2),
        (shapes.bridge, 3),
        (shapes.ring_of_majorities, 4),
    ],
)
def test_a_shape_needs_so_many_nodes_and_no_more(shape, least):
    assert shape(nodes(least))
    with pytest.raises(InvalidInput, match=f"need {least} nodes or more, and there are {least - 1}"):
        shape(nodes(least - 1))


@pytest.mark.parametrize(("count", "few"), [(3, "n1"), (4, "n1"), (5, "n1 n2"), (6, "n1 n2")])
def test_a_minority_is_as_large_as_it_can_be(count, few):
    some = nodes(count)
    rest = [node for node in some if node not in few.split()]
    assert shapes.majority_minority(some) == shapes.sides([few.split(), rest])


def test_one_half_is_no_minority():
    with pytest.raises(InvalidInput, match="n1, n2 are no minority of 4 nodes"):
        shapes.majority_minority(nodes(4), ["n1", "n2"])


@pytest.mark.parametrize("count", [4, 5, 6, 7])
def test_on_a_ring_each_node_reaches_a_majority_and_none_reaches_all(count):
    lost = shapes.ring_of_majorities(nodes(count))
    for node in nodes(count):
        reached = count - sum(source == node for source, _ in lost)
        assert count // 2 < reached < count
        assert reached == count - sum(target == node for _, target in lost), "both ways"


# --- latencies --------------------------------------------------------------------------------------------------------


def test_half_of_all_draws_stay_below_the_median():
    latency = Uniform(Nanoseconds(0), Nanoseconds(1_023))
    assert latency_table(latency) == tuple(range(1_024))
    assert median_ns(latency) == 512
    assert sum(value < 512 for value in latency_table(latency)) == 512


def test_bounds_may_meet_and_not_cross():
    assert set(latency_table(Uniform(Nanoseconds(5), Nanoseconds(5)))) == {5}
    with pytest.raises(InvalidInput, match=r"low \(6 ns\) is above high \(5 ns\)"):
        latency_table(Uniform(Nanoseconds(6), Nanoseconds(5)))


def test_jitter_is_spread_evenly_over_all_draws_and_never_above_its_bound():
    assert latency_table(constant(7)) == (7,) * 1_024
    table = latency_table(constant(7), 1_023)
    assert sorted(table) == list(range(7, 7 + 1_024))
    assert [value - 7 for value in table[:5]] == [0, 512, 256, 768, 128], "neighbours in rank are far apart"
