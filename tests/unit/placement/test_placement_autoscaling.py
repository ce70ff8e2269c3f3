"""The autoscaler decides exactly at each boundary, within limits, never to and fro; senseless policies are refused."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.domain.scaling import METRICS, SHARES, Decision, Rule, ScalingPolicy, Scheduled
from PhantomLibrary.domain.usage import NodeUsage
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.placement.autoscaling import Sample, Scale, check_nodes, check_policy, decide

POLICY = ScalingPolicy()
LONG_AGO = -1_000 * SECOND_NS
FIELDS = {
    "cpu": "cpu_ppm",
    "memory": "memory_ppm",
    "disk": "disk_ppm",
    "network": "network_ppm",
    "queries": "operations_per_s",
    "transactions": "transactions_per_s",
}


def samples(*amounts: int, nodes: int = 4, metric: str = "cpu", late_s: int = 0) -> list[Sample]:
    """Return samples two seconds apart, the newest at 100 s, of nodes that all do the same."""
    first = 100 - late_s - 2 * (len(amounts) - 1)
    return [
        Sample((first + 2 * number) * SECOND_NS, (NodeUsage(**{FIELDS[metric]: amount}),) * nodes)
        for number, amount in enumerate(amounts)
    ]


def decision(found: list[Sample], *, nodes: int = 4, decided_ns: int = LONG_AGO, policy: ScalingPolicy = POLICY):
    return decide(policy, Scale(nodes, decided_ns), found, 100 * SECOND_NS)


# --- boundaries -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_thresholds_are_exact_for_each_metric(metric):
    up_at, down_at = (700_000, 300_000) if metric in SHARES else (700, 300)
    policy = replace(POLICY, rules=(Rule(metric, up_at, down_at),))
    for amount, kind, nodes in (
        (up_at, "scale_up", 6),
        (up_at - 1, "no_action", 4),
        (down_at + 1, "no_action", 4),
        (down_at, "scale_down", 3),
    ):
        found = decision(samples(*(amount,) * 5, metric=metric), policy=policy)
        assert (found.kind, found.nodes) == (kind, nodes)


def test_up_goes_by_the_mean_of_the_window_to_the_last_millionth():
    rising = [600_000, 650_000, 700_000, 750_000]
    assert decision(samples(*rising, 800_000)).kind == "scale_up"
    assert decision(samples(*rising, 799_999)).kind == "no_action"


def test_down_goes_by_the_highest_sample_of_the_window():
    assert decision(samples(300_000, 0, 0, 0, 0)).kind == "scale_down"
    assert decision(samples(300_001, 0, 0, 0, 0)).kind == "no_action"


def test_samples_before_the_window_do_not_count():
    assert decision(samples(1_000_000, *(300_000,) * 5)).kind == "scale_down"


def test_factors_say_how_far():
    for factor, up, down in ((1_000, 7, 5), (1_001, 7, 5), (1_500, 9, 4), (2_000, 10, 3), (9_000, 10, 3)):
        policy = replace(POLICY, rules=(Rule("cpu", 700_000, 300_000, factor, factor),))
        assert decision(samples(*(700_000,) * 5, nodes=6), nodes=6, policy=policy).nodes == up
        assert decision(samples(*(100_000,) * 5, nodes=6), nodes=6, policy=policy).nodes == down


def test_the_metric_that_wants_most_decides():
    rules = (Rule("cpu", 700_000, 300_000), Rule("queries", 500, 100, 2_000))
    policy = replace(POLICY, rules=rules)
    busy = [replace(each, usages=(NodeUsage(cpu_ppm=700_000, operations_per_s=500),) * 4) for each in samples(*[0] * 5)]
    assert decision(busy, policy=policy) == Decision(
        "scale_up", 8, "queries of 500/s for 4 nodes is at or above up_at=500/s"
    )
    half = [replace(each, usages=(NodeUsage(cpu_ppm=0, operations_per_s=101),) * 4) for each in samples(*[0] * 5)]
    assert decision(half, policy=policy) == Decision("no_action", 4, "queries of 101/s is above down_at=100/s")


# --- what keeps it quiet --------------------------------------------------------------------------------------------


def test_capacity_that_is_pending_counts():
    """Four nodes at 80 % are 53 % of six: two that are on their way are enough, and then none is asked for."""
    assert decision(samples(*(800_000,) * 5, nodes=4), nodes=6).kind == "no_action"
    assert decision(samples(*(800_000,) * 5, nodes=4), nodes=4).kind == "scale_up"


def test_it_does_not_go_down_to_where_it_would_go_up():
    policy = replace(POLICY, min_nodes=1, rules=(Rule("cpu", 600_000, 500_000, 1_500, 3_000),))
    assert decision(samples(*(450_000,) * 5, nodes=2), nodes=2, policy=policy) == Decision(
        "no_action", 2, "cpu of 45 % would be at or above up_at=60 % with 1 nodes"
    )
    assert decision(samples(*(299_999,) * 5, nodes=2), nodes=2, policy=policy).nodes == 1
    assert decision(samples(*(300_000,) * 5, nodes=2), nodes=2, policy=policy).nodes == 2
    assert decision(samples(*(300_000,) * 5, nodes=6), nodes=6, policy=policy).nodes == 4  # 1.8 M / 600,000 is 3.


def test_the_cool_down_is_exact():
    busy = samples(*(900_000,) * 5)
    assert decision(busy, decided_ns=40 * SECOND_NS).kind == "scale_up"
    found = decision(busy, decided_ns=40 * SECOND_NS + 1)
    assert found == Decision("no_action", 4, "the cool-down goes on for 1e-09 s")


def test_a_window_that_is_not_covered_decides_nothing():
    assert decision(samples(*(900_000,) * 4)) == Decision("no_action", 4, "samples cover 8 s of a window of 10 s")
    assert decision([]) == Decision("no_action", 4, "nothing has been measured yet")
    assert decision([Sample(100 * SECOND_NS, ())]).reason == "nothing has been measured yet"


def test_samples_that_are_too_late_decide_nothing():
    assert decision(samples(*(900_000,) * 5, late_s=120)).kind == "scale_up"
    assert decision(samples(*(900_000,) * 5, late_s=122)) == Decision(
        "no_action", 4, "the newest sample is 122 s old, and late_max is 120 s"
    )


# --- limits ---------------------------------------------------------------------------------------------------------


def test_limits_hold_and_are_told():
    assert decision(samples(*(900_000,) * 5, nodes=9), nodes=9).nodes == 10
    assert decision(samples(*(900_000,) * 5, nodes=10), nodes=10) == Decision(
        "no_action", 10, "cpu of 90 % for 10 nodes is at or above up_at=70 %, but there are max_nodes=10 already"
    )
    assert decision(samples(*(0,) * 5, nodes=3), nodes=3) == Decision(
        "no_action", 3, "cpu of 0 % for 3 nodes is at or below down_at=30 %, but there are min_nodes=3 already"
    )


@pytest.mark.parametrize("mode", ["automatic", "manual", "scheduled"])
def test_what_is_outside_the_limits_comes_back_at_once(mode):
    policy = replace(POLICY, mode=mode)
    assert decision([], nodes=2, decided_ns=100 * SECOND_NS, policy=policy) == Decision(
        "scale_up", 3, "2 nodes are fewer than min_nodes=3"
    )
    assert decision([], nodes=11, policy=policy) == Decision("scale_down", 10, "11 nodes are more than max_nodes=10")


# --- modes ----------------------------------------------------------------------------------------------------------


def test_by_hand_nothing_is_decided():
    assert decision(samples(*(1_000_000,) * 5), policy=replace(POLICY, mode="manual")).kind == "no_action"


def test_the_schedule_is_exact_and_begins_again():
    schedule = (Scheduled(10 * SECOND_NS, 5), Scheduled(20 * SECOND_NS, 3))
    once = replace(POLICY, mode="scheduled", schedule=schedule)
    daily = replace(once, period_ns=30 * SECOND_NS)
    for policy, at_ns, nodes in (
        (once, 10 * SECOND_NS - 1, 4),
        (once, 10 * SECOND_NS, 5),
        (once, 20 * SECOND_NS - 1, 5),
        (once, 20 * SECOND_NS, 3),
        (once, 500 * SECOND_NS, 3),
        (daily, 9 * SECOND_NS, 4),
        (daily, 30 * SECOND_NS, 3),  # What was yesterday, until the first time of today.
        (daily, 40 * SECOND_NS, 5),
        (daily, 50 * SECOND_NS, 3),
    ):
        assert decide(policy, Scale(4, LONG_AGO), [], at_ns).nodes == nodes
    assert decide(once, Scale(5, LONG_AGO), [], 15 * SECOND_NS) == Decision("no_action", 5, "the schedule has 5 nodes")


# --- over time ------------------------------------------------------------------------------------------------------


def driven(policy: ScalingPolicy, demand, seconds: int, *, boot_s: int = 20, late_s: int = 0):
    """Return the decisions over time and the nodes there are, of a cluster whose demand changes and whose machines take
    their time to start; whoever is asked for more than it can do does what it can.
    """
    scale, active, pending = Scale(policy.min_nodes, LONG_AGO), policy.min_nodes, []
    taken, decisions, counts = [], [], []
    for second in range(0, seconds, 2):
        now_ns = second * SECOND_NS
        active += sum(nodes for at, nodes in pending if at == second)
        usage = min(demand(second) // active, 1_000_000)
        taken.append(Sample(now_ns, (NodeUsage(cpu_ppm=usage),) * active))
        known = [each for each in taken if each.taken_ns <= now_ns - late_s * SECOND_NS]
        found = decide(policy, scale, known, now_ns)
        if found.kind != "no_action":
            decisions.append((second, found))
            if found.nodes > scale.nodes:
                pending.append((second + boot_s, found.nodes - scale.nodes))
            else:
                pending.append((second + 2, found.nodes - scale.nodes))
            scale = Scale(found.nodes, now_ns)
        counts.append(scale.nodes)
    return decisions, counts


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 12_000_000), min_size=1, max_size=40),
    st.integers(1, 30),
    st.sampled_from((0, 2, 60)),
    st.integers(0, 60),
)
def test_whatever_the_load_there_is_one_reversal_a_cool_down_at_most(levels, seconds_each, late_s, boot_s):
    policy = replace(POLICY, cooldown_ns=30 * SECOND_NS)
    demand = lambda second: levels[second // seconds_each % len(levels)]  # noqa: E731
    decisions, counts = driven(policy, demand, 600, boot_s=2 * boot_s, late_s=late_s)
    assert all(policy.min_nodes <= count <= policy.max_nodes for count in counts)
    times = [second for second, _ in decisions]
    assert all(after - before >= 30 for before, after in pairwise(times))


@pytest.mark.parametrize("late_s", [0, 60])
def test_a_step_is_followed_and_overshoot_is_bounded_however_late_it_is_known(late_s):
    """A demand of 3.5 nodes needs six at 70 %: 3.5 M / 6 is 58 %. It is reached, and never more than half as many."""
    policy = replace(POLICY, cooldown_ns=60 * SECOND_NS, max_nodes=20)
    decisions, counts = driven(policy, lambda second: 3_500_000 if second >= 20 else 1_000_000, 600, late_s=late_s)
    assert counts[-1] in (6, 7, 8) and max(counts) <= 8
    assert [found.kind for _, found in decisions] == ["scale_up"] * len(decisions)


def test_a_step_that_is_gone_leaves_as_few_nodes_as_before():
    policy = replace(POLICY, cooldown_ns=20 * SECOND_NS)
    _, counts = driven(policy, lambda second: 4_000_000 if 20 <= second < 120 else 600_000, 400)
    assert max(counts) >= 6 and counts[-1] == 3


# --- policies without sense -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"min_nodes": 11}, "min_nodes=11 is above max_nodes=10"),
        ({"min_nodes": 0}, "min_nodes=0 cannot be: a cluster is not scaled to zero; give 3 or more"),
        ({"min_nodes": 2}, "min_nodes=2 cannot be: each shard has 3 replicas, each on a node of its own"),
        ({"max_nodes": 1001}, "max_nodes=1001 cannot be: at most 1000"),
        ({"rules": ()}, "there is no rule: give thresholds for one of cpu, memory, disk"),
        ({"rules": (Rule("cpu", 2, 1),) * 2}, "there are two rules for cpu"),
        (
            {"rules": (Rule("cpu", 300_000, 300_000),)},
            "cpu: down_at=30 % is not below up_at=30 %: the thresholds cross",
        ),
        ({"rules": (Rule("queries", 5, 9),)}, "queries: down_at=9/s is not below up_at=5/s"),
        ({"rules": (Rule("cpu", 1_000_001, 0),)}, "cpu: up_at=100 % cannot be: no node does more than 100 %"),
        ({"rules": (Rule("cpu", 5, -1),)}, "cpu: down_at=-0.0001 % cannot be: it has to be zero or more"),
        ({"rules": (Rule("cpu", 5, 1, 999),)}, "cpu: up_factor=99.9 % cannot be: a factor is 100 % or more"),
        ({"rules": (Rule("cpu", 5, 1, 1000, 500),)}, "cpu: down_factor=50 % cannot be"),
        ({"window_ns": SECOND_NS}, "window=1 s is shorter than interval=2 s"),
        ({"interval_ns": 0}, "interval=0 s cannot be"),
        ({"cooldown_ns": -1}, "cooldown=-1e-09 s cannot be"),
        ({"mode": "scheduled"}, "mode=scheduled needs a schedule"),
        ({"schedule": (Scheduled(5, 4), Scheduled(5, 4))}, "the schedule is not in the order of its times: 5e-09 s"),
        ({"schedule": (Scheduled(5, 11),)}, "nodes=11 cannot be: the policy allows 3 to 10"),
        ({"schedule": (Scheduled(5, 4),), "period_ns": 5}, "5e-09 s, which is not within its period of 5e-09 s"),
    ],
)
def test_a_policy_without_sense_is_refused_with_its_values(changes, words):
    with pytest.raises(InvalidInput, match=words):
        check_policy(replace(POLICY, **changes), replicas=3)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (0, "nodes=0 cannot be: a cluster is not scaled to zero; at least 3"),
        (-4, "nodes=-4 cannot be"),
        (2, "nodes=2 cannot be: the policy allows 3 to 10"),
        (11, "nodes=11 cannot be: the policy allows 3 to 10"),
    ],
)
def test_a_number_of_nodes_outside_the_limits_is_refused(nodes, words):
    with pytest.raises(InvalidInput, match=words):
        check_nodes(POLICY, nodes)


def test_what_makes_sense_is_taken():
    check_policy(POLICY, replicas=3)
    check_nodes(POLICY, 3)
    check_nodes(POLICY, 10)
