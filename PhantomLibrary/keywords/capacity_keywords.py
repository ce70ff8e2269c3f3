"""Keywords that find out how much a cluster can carry."""

from __future__ import annotations

from typing import Literal

from robot.api import logger
from robotlibcore import keyword

from PhantomLibrary.keywords.choices import WorkloadKind
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.quantities import Count, Percent, Rate, to_percent, to_rate
from PhantomLibrary.keywords.times import NOW, VirtualTime, to_virtual_time
from PhantomLibrary.keywords.workload_keywords import begin_workload

_REGISTER = WorkloadKind("register")
_CLIENTS = Count(64)
_KEYS = Count(100)
_HALF = to_percent("50%")
_START = to_rate("100/s")
_PRECISION = to_percent("5%")
_FOLLOWS = to_percent("98%")
_SETTLE = to_virtual_time("1s")
_HOLD = to_virtual_time("2s")
_LATENCY = to_virtual_time("100 ms")
_DRAIN_NS = 10_000_000_000
_RATE_TIME_S = 1000


class CapacityKeywords(Component):
    """Keywords of capacity."""

    @keyword(tags=("workload", "metric"))
    def measure_capacity(
        self,
        kind: WorkloadKind = _REGISTER,
        *,
        start: Rate = _START,
        growth: Percent = _HALF,
        precision: Percent = _PRECISION,
        latency: VirtualTime = _LATENCY,
        follows: Percent = _FOLLOWS,
        hold: VirtualTime = _HOLD,
        settle: VirtualTime = _SETTLE,
        clients: Count = _CLIENTS,
        keys: Count = _KEYS,
        skew: Literal["uniform", "zipf", "hot"] = "uniform",
        reads: Percent = _HALF,
        name: str = "capacity",
    ) -> float:
        """Returns how many operations a second the running cluster can carry, and logs its throughput–latency curve.

        Clients of their own begin with the rate ``start``, which grows by ``growth`` from step to step. A step is
        sustained when at least ``follows`` of what arrived while it was held was confirmed, and the p99 of its latency,
        from arrival on, is at most ``latency``. Once a step is not sustained, the gap is halved until it is within
        ``precision``. The highest sustained rate is the capacity. Each step settles for a while, and is then held and
        measured.

        The log shows a picture and a table of all steps with p50, p95 and p99, and the knee, where throughput over
        latency is greatest. The operations stand in the history as a workload of this ``name``.

        Fails when nothing was confirmed, when ``start`` is too much already, and when no limit was found.

        Example:
        | ${capacity} = | `Measure Capacity` | start=50/s | latency=80 ms |
        """
        from PhantomLibrary.reporting.capacity_chart import render_capacity
        from PhantomLibrary.testbed.capacity import CapacityPlan, measure_capacity

        cluster = self._cluster
        plan = CapacityPlan(
            start.operations(),
            growth.whole,
            precision.whole,
            settle.or_none(NOW) or 0,
            hold.or_none(NOW) or 0,
            latency.or_none(NOW) or 0,
            follows.whole,
        )
        load = {"clients": clients.number, "rate": plan.first_rate, "skew": skew, "reads_percent": reads.whole}
        chosen = begin_workload(cluster, kind, name, keys, **load)
        curve = measure_capacity(cluster.run, plan, chosen, cluster.advance)
        futures = cluster.perform("stop workload", drain_ns=_DRAIN_NS, workload=chosen)
        cluster.advance(_DRAIN_NS, lambda: all(each.is_set for each in futures))
        logger.info(render_capacity(curve), html=True)
        if curve.problem:
            cluster.fail("CAP-001", f"capacity could not be measured by {cluster.now}: {curve.problem}")
        capacity = curve.capacity / _RATE_TIME_S
        cluster.tell(f"the capacity is {capacity:g}/s, found in {len(curve.steps)} steps")
        return capacity
