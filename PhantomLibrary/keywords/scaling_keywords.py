"""Keywords by which a cluster grows and shrinks, and that judge how it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace
from robotlibcore import keyword

from PhantomLibrary.keywords.choices import NO_OPERATOR, Operator
from PhantomLibrary.keywords.comparison import expect
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.quantities import Count, Factor, Threshold, to_factor, to_threshold
from PhantomLibrary.keywords.times import NOW, VirtualTime, in_seconds, to_virtual_time

if TYPE_CHECKING:
    from PhantomLibrary.domain.scaling import ScalingPolicy
    from PhantomLibrary.keywords.cluster import Cluster

_ANSWER_NS_MAX = 60_000_000_000
_SCALED_NS_MAX = 300_000_000_000
_MIN_NODES, _MAX_NODES = Count(3), Count(10)
_UP_AT, _DOWN_AT = to_threshold("70%"), to_threshold("30%")
_FACTOR = to_factor("150%")
_WINDOW, _COOLDOWN, _INTERVAL = (to_virtual_time(text) for text in ("10s", "60s", "2s"))
_LATE_MAX, _BOOT_TIME = to_virtual_time("120s"), to_virtual_time("5s")
_AS_COOLDOWN = to_virtual_time("0s")
_ONE = Count(1)
_AS_POLICY = Count(0, "as policy")


class ScalingKeywords(Component):
    """Keywords of scaling."""

    @keyword(tags=("scaling",))
    def set_scaling_policy(
        self,
        metric: Literal["cpu", "memory", "disk", "network", "queries", "transactions"] = "cpu",
        *,
        up_at: Threshold = _UP_AT,
        down_at: Threshold = _DOWN_AT,
        up_factor: Factor = _FACTOR,
        down_factor: Factor = _FACTOR,
        min_nodes: Count = _MIN_NODES,
        max_nodes: Count = _MAX_NODES,
        window: VirtualTime = _WINDOW,
        cooldown: VirtualTime = _COOLDOWN,
        interval: VirtualTime = _INTERVAL,
        late_max: VirtualTime = _LATE_MAX,
        boot_time: VirtualTime = _BOOT_TIME,
    ) -> None:
        """Lets the cluster grow and shrink by itself from now on, by a metric.

        Every ``interval`` the leader of shard 0 measures what all nodes do. If each of the nodes that there are to be,
        those on their way included, has to carry ``up_at`` or more in the mean of the ``window``, there are to be
        ``up_factor`` times as many nodes, if ``down_at`` or less all through it, ``down_factor`` times fewer, but
        never so few that they would be at ``up_at``. Thresholds are shares of a node, such as 70%, or rates for each
        node, such as 500/s, for ``queries`` and ``transactions``. After a decision nothing is decided for the
        ``cooldown``. Measurements older than ``late_max`` decide nothing. A machine takes its ``boot_time`` to start.

        With another metric, the rules of those given before stay; everything else is as said last.

        Fails when the limits or the thresholds cross, when a factor is below 100%, when ``min_nodes`` is below the
        number of replicas, and when the window is shorter than the interval.

        Example:
        | `Set Scaling Policy` | cpu | up_at=70% | down_at=30% | min_nodes=3 | max_nodes=6 | cooldown=10s |
        | `Set Scaling Policy` | queries | up_at=500/s | down_at=100/s |
        """
        from PhantomLibrary.domain.scaling import Rule, ScalingPolicy
        from PhantomLibrary.testbed.scaling import with_rule

        cluster = self._cluster
        rule = Rule(metric, up_at.of(metric), down_at.of(metric), up_factor.permille, down_factor.permille)
        rules = with_rule(cluster.run.directory().scaling.policy, rule)
        limits = min_nodes.number, max_nodes.number
        times = _ns(window), _ns(cooldown), _ns(interval), _ns(late_max)
        policy = ScalingPolicy("automatic", *limits, rules, *times)
        _set_policy(cluster, policy, boot_time)

    @keyword(tags=("scaling",))
    def load_scaling_policy(
        self,
        policy: str,
        *,
        mode: Literal["as policy", "automatic", "manual", "scheduled"] = "as policy",
        boot_time: VirtualTime = _BOOT_TIME,
    ) -> None:
        """Lets the cluster grow and shrink by a policy from a YAML file.

        It has all that `Set Scaling Policy` has, rules for several metrics, and a ``schedule``. With
        ``mode=automatic`` the rules decide, with ``scheduled`` the schedule, with ``manual`` only `Scale Cluster`.

        Fails when the file is no policy, or one that makes no sense, with the line and what is allowed there.

        Example:
        | `Load Scaling Policy` | ${CURDIR}/policy.yaml | mode=scheduled |
        """
        from PhantomLibrary.placement.autoscaling import check_policy
        from PhantomLibrary.testbed.scaling_file import read_policy

        cluster = self._cluster
        found = read_policy(policy, cluster.run.directory().replicas)
        if mode != "as policy":
            found = replace(found, mode=mode)
            check_policy(found, cluster.run.directory().replicas)
        _set_policy(cluster, found, boot_time)

    @keyword(tags=("scaling", "getter"))
    def get_scaling_decision(
        self,
        operator: Operator = NO_OPERATOR,
        expected: Literal["", "scale_up", "scale_down", "no_action"] = "",
        *,
        within: VirtualTime = NOW,
    ) -> str:
        """Returns what the autoscaler has decided last: ``scale_up``, ``scale_down`` or ``no_action``.

        The reason and the number of nodes stand in the log. With an operator, checks it first; ``within`` lets virtual
        time go on until it is as expected.

        Fails when it is not as expected, and when nothing was decided yet.

        Example:
        | `Get Scaling Decision` | == | scale_up | within=30s |
        """
        from PhantomLibrary.testbed.scaling import latest_decision

        cluster = self._cluster
        _policy(cluster)

        def read() -> str:
            decision = latest_decision(cluster.run)
            return decision.kind if decision is not None else ""

        found = expect(cluster, "scaling decision", read, operator, expected, within, needed=True)
        decision = latest_decision(cluster.run)
        if decision is not None:
            cluster.tell(f"{decision.kind}: {decision.nodes} nodes, for {decision.reason}")
        return str(found)

    @keyword(tags=("scaling",))
    def scale_cluster(self, nodes: Count, *, wait: bool = True) -> None:
        """Has the cluster be of so many nodes, whatever its policy would decide now.

        Machines are started, or nodes drained one after the other. After the cool-down the policy decides again, unless
        its mode is manual. Waits until there are so many, all of them active, unless ``wait=no``.

        Fails when there is no policy, when the policy does not allow so many or so few nodes, and when they are not
        there in five minutes.

        Example:
        | `Set Scaling Policy` | min_nodes=3 | max_nodes=6 |
        | `Scale Cluster` | 5 |
        """
        from PhantomLibrary.testbed.scaling import is_scaled, why_not_scaled

        cluster = self._cluster
        run = cluster.run
        task = cluster.perform("scale cluster", nodes=nodes.number)
        _answered(cluster, task)
        cluster.tell(f"scales to {nodes} nodes")
        if wait and not cluster.advance(_SCALED_NS_MAX, lambda: is_scaled(run)):
            cluster.fail("SCL-003", f"{why_not_scaled(run)}, after {in_seconds(_SCALED_NS_MAX)}")

    @keyword(tags=("assertion", "check"))
    def scaling_should_not_flap(self, *, window: VirtualTime = _AS_COOLDOWN, reversals: Count = _ONE) -> int:
        """Judges all decisions of the autoscaler so far: it did not go to and fro. Returns how many there were.

        In any time as long as the ``window``, which is the cool-down unless it is given, it changed its direction
        ``reversals`` times at most. What an operator wanted does not count.

        Fails with the decisions when it changed more often, and when there is no policy.

        Example:
        | `Scaling Should Not Flap` |
        """
        from PhantomLibrary.testbed.scaling_judge import judge_reversals

        cluster = self._cluster
        _policy(cluster)
        verdict = judge_reversals(cluster.run, _ns(window) or None, reversals.number)
        if verdict.outcome != "valid":
            cluster.fail_with(verdict)
        cluster.tell(f"{verdict.operations} decisions, without going to and fro")
        return verdict.operations

    @keyword(tags=("assertion", "check"))
    def scaling_should_be_bounded(self, nodes: Count = _AS_POLICY) -> int:
        """Judges all plans of the cluster's size so far, and all machines that were ordered. Returns how many plans.

        Each plan goes out from the one before, none wants more than ``nodes`` nodes, which is the policy's limit unless
        it is given, nor fewer than each shard has replicas. Machines were ordered for the latest plan that was known,
        and no more than it wants. No more nodes leave than there are too many.

        Fails with the first plan or machine for which that is not so, and when there is no policy.

        Example:
        | `Scaling Should Be Bounded` | 6 |
        """
        from PhantomLibrary.testbed.scaling_judge import judge_plans

        cluster = self._cluster
        _policy(cluster)
        verdict = judge_plans(cluster.run, nodes.number or None)
        if verdict.outcome != "valid":
            cluster.fail_with(verdict)
        cluster.tell(f"{verdict.operations} plans, within their bounds")
        return verdict.operations


def _ns(time: VirtualTime) -> int:
    return time.or_none(NOW) or 0


def _policy(cluster: Cluster) -> ScalingPolicy:
    from PhantomLibrary.errors import InvalidState

    policy = cluster.run.directory().scaling.policy
    if policy is None:
        raise InvalidState("nothing scales this cluster: begin with Set Scaling Policy")
    return policy


def _set_policy(cluster: Cluster, policy: ScalingPolicy, boot_time: VirtualTime) -> None:
    from PhantomLibrary.testbed.scaling import encode_policy

    text = encode_policy(policy).decode()
    _answered(cluster, cluster.perform("set scaling policy", policy=text, boot_ns=_ns(boot_time)))
    run = cluster.run
    cluster.advance(_ANSWER_NS_MAX, lambda: run.directory().scaling.policy == policy)
    limits = f"{policy.min_nodes} to {policy.max_nodes} nodes"
    cluster.tell(f"scales by {', '.join(each.metric for each in policy.rules)} ({policy.mode}), {limits}")


def _answered(cluster: Cluster, task: object) -> None:
    """Wait for shard 0's answer, and fail if it is none, or a refusal."""
    from PhantomLibrary.domain import Ok
    from PhantomLibrary.kernel.tasks import Task

    assert isinstance(task, Task)
    if not cluster.advance(_ANSWER_NS_MAX, lambda: task.is_done):
        cluster.fail("SCL-003", f"shard 0 has not answered in {in_seconds(_ANSWER_NS_MAX)}")
    answer = task.result
    if not isinstance(answer, Ok):
        cluster.fail("SCL-003", f"shard 0 did not decide: {answer.reason}")
    if answer.value:
        cluster.fail("SCL-003", str(answer.value))
