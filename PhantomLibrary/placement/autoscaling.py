"""The autoscaler: how many nodes there are to be, from a policy and what was measured.

What is measured is demand: of each metric, the sum over all nodes. Divided by the nodes that there are to be, those
that are on their way included, it is what each will have to carry; so capacity that is pending counts, and a sample
from before a change tells as much as one from after it, however late it comes.

It goes up when that is at or above a threshold for the mean of the window; it goes down when all metrics are at or
below theirs for each sample in it, and only as far as nobody would be at the upper threshold then (hysteresis). After
a decision nothing is decided until the cool-down is over, so there is at most one reversal in such a time. All is
compared in integers, without a division: boundaries are exact.

Source: Lorido-Botran, Miguel-Alonso, Lozano, "A Review of Auto-scaling Techniques" (J. Grid Computing 12, 2014),
section 4.1, threshold rules: two thresholds, durations, calm times, and their weak points.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.domain.scaling import METRICS, SHARES, Decision, Kind, Metric, Rule, ScalingPolicy
from PhantomLibrary.domain.usage import MILLION, NodeUsage
from PhantomLibrary.errors import InvalidInput

PERMILLE = 1_000
NODES_MAX = 1_000


class Sample(Struct, frozen=True):
    """What the nodes that answered were measured to do, at one time."""

    taken_ns: int
    usages: tuple[NodeUsage, ...]


class Scale(Struct, frozen=True):
    """How many nodes there are to be now, those that are on their way included, and since when that is decided."""

    nodes: int
    decided_ns: int


# --- policies that make no sense ------------------------------------------------------------------------------------


def check_policy(policy: ScalingPolicy, replicas: int) -> None:
    """Raise InvalidInput, naming the values, for a policy that cannot be for shards of so many replicas."""
    low, high = policy.min_nodes, policy.max_nodes
    if low < 1:
        raise InvalidInput(f"min_nodes={low} cannot be: a cluster is not scaled to zero; give {replicas} or more")
    if low > high:
        raise InvalidInput(f"min_nodes={low} is above max_nodes={high}")
    if high > NODES_MAX:
        raise InvalidInput(f"max_nodes={high} cannot be: at most {NODES_MAX}")
    if low < replicas:
        raise InvalidInput(f"min_nodes={low} cannot be: each shard has {replicas} replicas, each on a node of its own")
    if policy.interval_ns <= 0:
        raise InvalidInput(f"interval={_seconds(policy.interval_ns)} cannot be: it has to be above zero")
    if policy.window_ns < policy.interval_ns:
        window, interval = _seconds(policy.window_ns), _seconds(policy.interval_ns)
        raise InvalidInput(f"window={window} is shorter than interval={interval}: no sample would be in it")
    if policy.cooldown_ns < 0:
        raise InvalidInput(f"cooldown={_seconds(policy.cooldown_ns)} cannot be: it has to be zero or more")
    if policy.mode == "automatic" and not policy.rules:
        raise InvalidInput(f"there is no rule: give thresholds for one of {', '.join(METRICS)}")
    names = [rule.metric for rule in policy.rules]
    for rule in policy.rules:
        if names.count(rule.metric) > 1:
            raise InvalidInput(f"there are two rules for {rule.metric}")
        _check_rule(rule)
    _check_schedule(policy)


def _check_rule(rule: Rule) -> None:
    up, down = shown(rule.metric, rule.up_at), shown(rule.metric, rule.down_at)
    if rule.down_at >= rule.up_at:
        raise InvalidInput(f"{rule.metric}: down_at={down} is not below up_at={up}: the thresholds cross")
    if rule.down_at < 0:
        raise InvalidInput(f"{rule.metric}: down_at={down} cannot be: it has to be zero or more")
    if rule.metric in SHARES and rule.up_at > MILLION:
        raise InvalidInput(f"{rule.metric}: up_at={up} cannot be: no node does more than 100 %")
    for name, factor in (("up_factor", rule.up_factor_permille), ("down_factor", rule.down_factor_permille)):
        if factor < PERMILLE:
            raise InvalidInput(f"{rule.metric}: {name}={factor / 10:g} % cannot be: a factor is 100 % or more")


def _check_schedule(policy: ScalingPolicy) -> None:
    if policy.mode == "scheduled" and not policy.schedule:
        raise InvalidInput("mode=scheduled needs a schedule: which number of nodes from when on")
    before_ns = -1
    for each in policy.schedule:
        if each.at_ns <= before_ns:
            raise InvalidInput(f"the schedule is not in the order of its times: {_seconds(each.at_ns)} comes too late")
        before_ns = each.at_ns
        if policy.period_ns and each.at_ns >= policy.period_ns:
            period = _seconds(policy.period_ns)
            raise InvalidInput(f"the schedule has {_seconds(each.at_ns)}, which is not within its period of {period}")
        check_nodes(policy, each.nodes)


def check_nodes(policy: ScalingPolicy, nodes: int) -> None:
    """Raise InvalidInput for a number of nodes that the policy does not allow."""
    if nodes < 1:
        raise InvalidInput(f"nodes={nodes} cannot be: a cluster is not scaled to zero; at least {policy.min_nodes}")
    if not policy.min_nodes <= nodes <= policy.max_nodes:
        raise InvalidInput(f"nodes={nodes} cannot be: the policy allows {policy.min_nodes} to {policy.max_nodes}")


# --- decisions ------------------------------------------------------------------------------------------------------


def decide(policy: ScalingPolicy, scale: Scale, samples: Sequence[Sample], now_ns: int) -> Decision:
    """Return what is to be done now. Samples are in the order in which they were taken, and times are of one clock."""
    if scale.nodes < policy.min_nodes:
        return Decision(
            "scale_up", policy.min_nodes, f"{scale.nodes} nodes are fewer than min_nodes={policy.min_nodes}"
        )
    if scale.nodes > policy.max_nodes:
        return Decision(
            "scale_down", policy.max_nodes, f"{scale.nodes} nodes are more than max_nodes={policy.max_nodes}"
        )
    if policy.mode == "manual":
        return Decision("no_action", scale.nodes, "only an operator decides")
    if policy.mode == "scheduled":
        return _by_schedule(policy, scale, now_ns)
    left_ns = scale.decided_ns + policy.cooldown_ns - now_ns
    if left_ns > 0:
        return Decision("no_action", scale.nodes, f"the cool-down goes on for {_seconds(left_ns)}")
    return _by_rules(policy, scale, samples, now_ns)


def _by_schedule(policy: ScalingPolicy, scale: Scale, now_ns: int) -> Decision:
    time_ns = now_ns % policy.period_ns if policy.period_ns else now_ns
    begun = [each for each in policy.schedule if each.at_ns <= time_ns]
    if not begun and not (policy.period_ns and now_ns >= policy.period_ns):
        return Decision("no_action", scale.nodes, f"the schedule begins at {_seconds(policy.schedule[0].at_ns)}")
    nodes = (begun or policy.schedule)[-1].nodes
    if nodes == scale.nodes:
        return Decision("no_action", nodes, f"the schedule has {nodes} nodes")
    kind: Kind = "scale_up" if nodes > scale.nodes else "scale_down"
    return Decision(kind, nodes, f"the schedule has {nodes} nodes, not {scale.nodes}")


def _by_rules(policy: ScalingPolicy, scale: Scale, samples: Sequence[Sample], now_ns: int) -> Decision:
    window, problem = _window(policy, samples, now_ns)
    if problem:
        return Decision("no_action", scale.nodes, problem)
    asked = [_up(rule, scale.nodes, window) for rule in policy.rules]
    most = max(asked, key=lambda each: each[0])
    if most[0] > scale.nodes:
        nodes = min(most[0], policy.max_nodes)
        if nodes == scale.nodes:
            return Decision("no_action", nodes, f"{most[1]}, but there are max_nodes={nodes} already")
        return Decision("scale_up", nodes, most[1])
    spared = [_down(rule, scale.nodes, window) for rule in policy.rules]
    least = max(spared, key=lambda each: each[0])
    if least[0] == scale.nodes:
        return Decision("no_action", scale.nodes, least[1])
    nodes = max(least[0], policy.min_nodes)
    if nodes == scale.nodes:
        return Decision("no_action", nodes, f"{least[1]}, but there are min_nodes={nodes} already")
    return Decision("scale_down", nodes, least[1])


def _window(policy: ScalingPolicy, samples: Sequence[Sample], now_ns: int) -> tuple[Sequence[Sample], str]:
    """Return the samples that count, and why nothing can be said of them, "" if something can."""
    measured = [each for each in samples if each.usages]
    if not measured:
        return (), "nothing has been measured yet"
    newest_ns = measured[-1].taken_ns
    if now_ns - newest_ns > policy.late_max_ns:
        return (
            (),
            f"the newest sample is {_seconds(now_ns - newest_ns)} old, and late_max is {_seconds(policy.late_max_ns)}",
        )
    window = [each for each in measured if newest_ns - each.taken_ns < policy.window_ns]
    covered_ns = newest_ns - window[0].taken_ns + policy.interval_ns
    if covered_ns < policy.window_ns:
        return (), f"samples cover {_seconds(covered_ns)} of a window of {_seconds(policy.window_ns)}"
    return window, ""


def _up(rule: Rule, nodes: int, window: Sequence[Sample]) -> tuple[int, str]:
    """Return how many nodes a metric asks for, and why; no fewer than there are to be."""
    demand = sum(_demand(rule.metric, sample) for sample in window)
    carried = shown(rule.metric, demand // (nodes * len(window)))
    if demand < rule.up_at * nodes * len(window):
        return nodes, f"{rule.metric} of {carried} is below up_at={shown(rule.metric, rule.up_at)}"
    more = max(nodes + 1, -(-nodes * rule.up_factor_permille // PERMILLE))
    return more, f"{rule.metric} of {carried} for {nodes} nodes is at or above up_at={shown(rule.metric, rule.up_at)}"


def _down(rule: Rule, nodes: int, window: Sequence[Sample]) -> tuple[int, str]:
    """Return how few nodes do for a metric, and why; no more than there are to be."""
    peak = max(_demand(rule.metric, sample) for sample in window)
    carried, up_at = shown(rule.metric, peak // nodes), shown(rule.metric, rule.up_at)
    if peak > rule.down_at * nodes:
        return nodes, f"{rule.metric} of {carried} is above down_at={shown(rule.metric, rule.down_at)}"
    # So few that they would not be at the upper threshold, and no fewer than the factor says.
    fewest = max(1, nodes * PERMILLE // rule.down_factor_permille, peak // rule.up_at + 1)
    if min(fewest, nodes - 1) < peak // rule.up_at + 1 or nodes == 1:
        return nodes, f"{rule.metric} of {carried} would be at or above up_at={up_at} with {nodes - 1} nodes"
    fewer = min(fewest, nodes - 1)
    down_at = shown(rule.metric, rule.down_at)
    return fewer, f"{rule.metric} of {carried} for {nodes} nodes is at or below down_at={down_at}"


def _demand(metric: Metric, sample: Sample) -> int:
    return sum(_amount(metric, usage) for usage in sample.usages)


def _amount(metric: Metric, usage: NodeUsage) -> int:
    match metric:
        case "cpu":
            return usage.cpu_ppm
        case "memory":
            return usage.memory_ppm
        case "disk":
            return usage.disk_ppm
        case "network":
            return usage.network_ppm
        case "queries":
            return usage.operations_per_s
        case "transactions":
            return usage.transactions_per_s


def shown(metric: Metric, amount: int) -> str:
    """Return an amount of a metric as people read it: `72.5 %`, `400/s`."""
    return f"{amount / 10_000:g} %" if metric in SHARES else f"{amount}/s"


def _seconds(time_ns: int) -> str:
    return f"{time_ns / SECOND_NS:g} s"
