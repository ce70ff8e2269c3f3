"""How much a running cluster can carry: its throughput–latency curve, and where that bends.

The rate of an open loop grows step by step in virtual time. A step is *sustained* when, while it was measured,

- throughput followed: what was confirmed is at least `follows_percent` of what arrived, and
- latency was bounded: the p99 of what was confirmed, counted from arrival, is at most `p99_ns_max`.

The *capacity* is the highest rate that was sustained, and it is known to `precision_percent`: a rate that is higher by
no more than that was not sustained. That is Jain's usable capacity, the throughput that can be had without exceeding a
limit of response time. His knee, where throughput over response time (Kleinrock's power) is greatest, is told as well:
it needs no limit, and lies at or below the capacity.

Rates grow by `growth_percent` until a step is not sustained; then the gap is halved, as in RFC 2544. After a step that
was too much, the load is taken back until nothing is under way, so that no step pays for another one.

Sources: Jain, The Art of Computer Systems Performance Analysis (1991), 3.3; Kleinrock, Power and Deterministic Rules of
Thumb for Probabilistic Problems in Computer Communications (ICC 1979); RFC 2544 (1999), 26.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.workloads.latency import LatencySummary, summarize
from PhantomLibrary.workloads.load import RATE_MAX, RATE_TIME_S
from PhantomLibrary.workloads.workload import Workload

STEPS_MAX = 40
HOLD_NS_MIN = 100 * MILLISECOND_NS
_CALM_NS_MAX = 30 * SECOND_NS
_CALM_SHARE = 10
_WORTH_MIN = 10
_PERCENT_MAX = 1_000


class CapacityPlan(Struct, frozen=True):
    """How to look for a capacity. Rates are operations in 1,000 seconds. Raises InvalidInput when it makes no sense.

    Each step lasts for `settle_ns`, in which nothing is measured, and then for `hold_ns`.
    """

    first_rate: int = 100 * RATE_TIME_S
    growth_percent: int = 50
    precision_percent: int = 5
    settle_ns: int = SECOND_NS
    hold_ns: int = 2 * SECOND_NS
    p99_ns_max: int = 100 * MILLISECOND_NS
    follows_percent: int = 98

    def __post_init__(self) -> None:
        if not 1 <= self.first_rate <= RATE_MAX:
            raise InvalidInput(
                f"a first rate of {self.first_rate / RATE_TIME_S:g}/s is not possible: it must be above 0 and at most "
                f"{RATE_MAX // RATE_TIME_S}/s"
            )
        if not 1 <= self.growth_percent <= _PERCENT_MAX:
            raise InvalidInput(f"growth={self.growth_percent}% is not possible: rates grow by 1 % to {_PERCENT_MAX} %")
        if not 1 <= self.precision_percent <= _PERCENT_MAX:
            raise InvalidInput(f"precision={self.precision_percent}% is not possible: give 1 % to {_PERCENT_MAX} %")
        if not 1 <= self.follows_percent <= 100:
            raise InvalidInput(f"follows={self.follows_percent}% is not possible: give 1 % to 100 %")
        if self.hold_ns < HOLD_NS_MIN:
            raise InvalidInput(
                f"hold={self.hold_ns / SECOND_NS:g}s is too short to measure anything: give 100 ms or more"
            )
        if self.first_rate * self.hold_ns < _WORTH_MIN * RATE_TIME_S * SECOND_NS:
            raise InvalidInput(
                f"{self.first_rate / RATE_TIME_S:g}/s for {self.hold_ns / SECOND_NS:g}s are fewer than {_WORTH_MIN} "
                "operations: begin higher, or hold longer"
            )
        if self.settle_ns < 0 or self.p99_ns_max <= 0:
            raise InvalidInput("a time to settle is 0 or more, a limit of latency above 0")


class CapacityStep(Struct, frozen=True):
    """What one rate brought. `throughput` counts as `rate` does. `why` says why it was not sustained, "" if it was."""

    rate: int
    throughput: int
    latency: LatencySummary
    why: str = ""

    @property
    def is_sustained(self) -> bool:
        return not self.why


class CapacityCurve(Struct, frozen=True):
    """All steps in the order in which they were taken."""

    plan: CapacityPlan
    steps: tuple[CapacityStep, ...]

    @property
    def by_rate(self) -> list[CapacityStep]:
        return sorted(self.steps, key=lambda step: step.rate)

    @property
    def capacity(self) -> int:
        """The highest rate below all that were not sustained, 0 when there is none."""
        good, _ = _bounds(self.steps)
        return good

    @property
    def knee(self) -> CapacityStep | None:
        """The step of greatest power, throughput over mean latency; None where nothing was confirmed."""
        best: CapacityStep | None = None
        for step in self.by_rate:
            if step.latency.count and (best is None or _has_more_power(step, best)):
                best = step
        return best

    @property
    def problem(self) -> str:
        """Why this is no measurement of a capacity, "" when it is."""
        if not any(step.latency.count for step in self.steps):
            rates = f"{self.steps[0].rate / RATE_TIME_S:g}/s"
            return f"nothing was measured: of the operations that came at {rates} none was confirmed"
        if not self.capacity:
            step = self.by_rate[0]
            return f"the lowest rate, {step.rate / RATE_TIME_S:g}/s, is too much already: {step.why}"
        if all(step.is_sustained for step in self.steps):
            rate = self.by_rate[-1].rate / RATE_TIME_S
            return f"no limit was found in {len(self.steps)} steps: {rate:g}/s was sustained; begin higher"
        return ""


def _has_more_power(step: CapacityStep, other: CapacityStep) -> bool:
    return step.throughput * other.latency.mean_ns > other.throughput * step.latency.mean_ns


def _bounds(steps: Sequence[CapacityStep]) -> tuple[int, int]:
    """Return the highest sustained rate below all that were not, and the lowest that was not; 0 where there is none."""
    bad = min((step.rate for step in steps if not step.is_sustained), default=0)
    good = max((step.rate for step in steps if step.is_sustained and (not bad or step.rate < bad)), default=0)
    return good, bad


def next_rate(plan: CapacityPlan, steps: Sequence[CapacityStep]) -> int:
    """Return the rate that is to be tried next, 0 when the capacity is known or cannot be found."""
    if not steps:
        return plan.first_rate
    good, bad = _bounds(steps)
    if not good or len(steps) >= STEPS_MAX:
        return 0
    if not bad:
        grown = min(RATE_MAX, good + max(1, good * plan.growth_percent // 100))
        return grown if grown > good else 0
    middle = (good + bad) // 2
    return middle if (bad - good) * 100 > good * plan.precision_percent and good < middle else 0


def judge_step(plan: CapacityPlan, rate: int, latencies_ns: Sequence[int]) -> CapacityStep:
    """Return what it means that operations with these latencies were confirmed while a rate was measured."""
    latency = summarize(latencies_ns)
    throughput = latency.count * RATE_TIME_S * SECOND_NS // plan.hold_ns
    why = ""
    if throughput * 100 < rate * plan.follows_percent:
        offered, got = rate / RATE_TIME_S, throughput / RATE_TIME_S
        why = f"throughput was {got:g}/s, below {plan.follows_percent} % of {offered:g}/s"
    elif latency.p99_ns > plan.p99_ns_max:
        why = f"p99 was {latency.p99_ns / MILLISECOND_NS:g} ms, above {plan.p99_ns_max / MILLISECOND_NS:g} ms"
    return CapacityStep(rate, throughput, latency, why)


def measure_capacity(
    run: Run, plan: CapacityPlan, workload: str, advance: Callable[[int, Callable[[], bool] | None], object]
) -> CapacityCurve:
    """Drive a workload, which runs already, through all steps. `advance` lets time go on for a while, or until."""
    steps: list[CapacityStep] = []
    while rate := next_rate(plan, steps):
        _set_load(run, workload, rate)
        advance(plan.settle_ns, None)
        since_ns = run.now_ns
        advance(plan.hold_ns, None)
        steps.append(judge_step(plan, rate, _confirmed_since(run.workloads[workload], since_ns, run.now_ns)))
        if not steps[-1].is_sustained and next_rate(plan, steps):
            _set_load(run, workload, max(1, plan.first_rate // _CALM_SHARE))
            advance(_CALM_NS_MAX, lambda: not run.workloads[workload].busy)
    return CapacityCurve(plan, tuple(steps))


def _set_load(run: Run, workload: str, rate: int) -> None:
    now_ns = run.now_ns
    arguments = {"rate": rate, "shape": "step", "period_ns": 0, "workload": workload}
    run.perform(Command("set load", now_ns, now_ns, arguments=arguments))


def _confirmed_since(workload: Workload, since_ns: int, now_ns: int) -> list[int]:
    """Return the latencies of what was confirmed after `since_ns` and up to now."""
    samples = (each.between(since_ns + 1, now_ns + 1) for each in workload.latencies.values())
    return [latency_ns for latencies_ns in samples for latency_ns in latencies_ns]
