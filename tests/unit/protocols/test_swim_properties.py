"""What must hold of the failure detector in every run: it finds the dead and the living again, at a fixed cost."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.protocols.swim.detector import Detector
from PhantomLibrary.zoo import health_defects
from tests.unit.protocols.swim_harness import MILLISECOND_NS, PERIOD_NS, Cluster

SEEDS = range(12)

NODES = st.sampled_from(["n1", "n2", "n3", "n4", "n5"])
TROUBLE = st.one_of(
    st.tuples(st.sampled_from(["crash", "restart", "pause", "resume", "isolate"]), NODES),
    st.tuples(st.just("cut"), NODES, NODES),
    st.tuples(st.just("one way"), NODES, NODES),
    st.tuples(st.just("slow"), NODES),
    st.tuples(st.just("wait"), st.integers(1, 20)),
)


def break_something(cluster: Cluster, trouble: tuple) -> None:
    kind, node = trouble[0], cluster.nodes.get(trouble[1])
    match kind:
        case "crash":
            cluster.crash(node.name)
        case "restart" if not node.is_up:
            node.start()
        case "pause" if node.is_up:
            node.is_paused = True
        case "resume" if node.is_up:
            node.resume()
        case "isolate":
            cluster.isolate(node.name)
        case "cut":
            cluster.cut(*trouble[1:])
        case "one way":
            cluster.cuts.add(trouble[1:])
        case "slow":
            cluster.latency_ns[node.name] = 600 * MILLISECOND_NS
        case "wait":
            cluster.run(trouble[1] * PERIOD_NS)


def heal(cluster: Cluster) -> None:
    cluster.cuts.clear()
    cluster.latency_ns.clear()
    for node in cluster.nodes.values():
        if not node.is_up:
            node.start()
        elif node.is_paused:
            node.resume()


@settings(max_examples=60, deadline=None)
@given(st.lists(TROUBLE, max_size=25), st.integers(0, 1 << 20))
def test_nodes_that_can_talk_do_not_hold_each_other_down_for_ever(troubles, seed):
    cluster = Cluster(5, seed=seed)
    for trouble in troubles:
        break_something(cluster, trouble)

    heal(cluster)

    # Each node makes its present probe, of eight periods at most, and two rounds more.
    assert cluster.run(24 * PERIOD_NS, cluster.all_active)
    states = Counter()
    cluster.told = lambda _node, shown: states.update([shown.state])
    cluster.run(30 * PERIOD_NS)
    assert set(states) <= {"active", "suspect"}, "somebody who lives was brought down"
    assert cluster.run(10 * PERIOD_NS, cluster.all_active)


@pytest.mark.parametrize(("size", "periods"), [(2, 8), (3, 9), (5, 12), (9, 14), (20, 16)])
@pytest.mark.parametrize("rest", [0, 1])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_dead_node_is_found_by_all_within_a_bound(size, periods, rest, seed):
    # To rest after each probe costs no more than what it adds until the first one finds the failure.
    periods += rest * min(size, 5)
    cluster = Cluster(size, seed=seed, rest_ns=rest * PERIOD_NS)
    cluster.run(3 * PERIOD_NS + seed * PERIOD_NS // len(SEEDS))

    cluster.crash("n2")

    assert cluster.run(periods * PERIOD_NS, lambda: cluster.all_hold("n2", "down"))
    assert all(cluster.all_hold(name, "active") for name in cluster.nodes if name != "n2")


@pytest.mark.parametrize("size", [3, 9, 20])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_node_that_starts_again_is_found_by_all_within_a_bound(size, seed):
    cluster = Cluster(size, seed=seed)
    cluster.crash("n2")
    cluster.run(20 * PERIOD_NS)

    cluster.nodes["n2"].start()

    assert cluster.run(6 * PERIOD_NS, cluster.all_active)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_suspected_while_nothing_is_wrong(seed):
    shown = []
    cluster = Cluster(7, seed=seed, told=lambda node, change: shown.append((node, change)))
    cluster.run(100 * PERIOD_NS)
    assert {change.state for _, change in shown} == {"active"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lossy_network_brings_nobody_down(seed):
    cluster = Cluster(7, seed=seed)
    states = Counter()
    cluster.told = lambda _node, shown: states.update([shown.state])
    cluster.loss = 0.1
    cluster.run(60 * PERIOD_NS)
    assert not states["down"]


@pytest.mark.parametrize("loss", [0.3, 0.6])
@pytest.mark.parametrize("seed", [12, 13, 33])
def test_two_whom_only_others_join_find_each_other_though_the_rumours_were_lost(seed, loss):
    cluster = Cluster(5, seed=seed)
    cluster.run(2 * PERIOD_NS)
    cluster.isolate("n1")
    cluster.run(25 * PERIOD_NS)
    cluster.cuts.clear()
    cluster.cut("n1", "n2")
    cluster.loss = loss
    cluster.run(6 * PERIOD_NS)
    cluster.loss = 0.0
    assert cluster.run(20 * PERIOD_NS, cluster.all_active)


def accusations_by_a_slow_node(seed: int, detector: type[Detector]) -> int:
    accused = []
    cluster = Cluster(7, seed=seed, detector=detector)
    cluster.told = lambda _node, shown: accused.append(shown.incarnation) if shown.accuser == "n1" else None
    cluster.latency_ns["n1"] = 600 * MILLISECOND_NS
    cluster.run(60 * PERIOD_NS)
    return len(accused)


def test_a_slow_node_accuses_few_others():
    with_doubt = sum(accusations_by_a_slow_node(seed, Detector) for seed in SEEDS)
    without = sum(accusations_by_a_slow_node(seed, health_defects.NeverDoubtsItself) for seed in SEEDS)
    assert with_doubt * 3 < without


@pytest.mark.parametrize("size", [3, 10, 60])
def test_the_cost_for_a_node_and_period_does_not_grow_with_the_cluster(size):
    cluster = Cluster(size, seed=1)
    cluster.run(10 * PERIOD_NS)
    cluster.sent.clear()
    cluster.run(20 * PERIOD_NS)
    assert sum(cluster.sent.values()) == pytest.approx(size * 20 * 2, rel=0.05)

    cluster.sent.clear()
    cluster.crash("n1")
    cluster.run(20 * PERIOD_NS)
    assert sum(cluster.sent.values()) <= size * 20 * 3
