"""The health of nodes as they see each other, held against what really happened in the world of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from PhantomLibrary.checking.health import HealthReport, check_health, examine_health, is_settled
from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.domain import SECOND_NS, Fact, MemberState, NodeId, NodeTurned
from PhantomLibrary.protocols.swim.members import MULTIPLIER_MAX
from PhantomLibrary.testbed.cluster import Cluster

# Which state counts where as many hold one as the other: a minority that is cut off outvotes nobody.
_BEST_FIRST: tuple[MemberState, ...] = ("active", "joining", "decommissioning", "suspect", "down", "removed")


def judge_health(run: Cluster, *, within_ns: int, false_suspicions: int) -> Verdict:
    """Judge all views of the run so far."""
    report = report_health(run, within_ns)
    broke_anything = bool(run.faults.all)
    return check_health(report, within_ns=within_ns, false_suspicions=false_suspicions, broke_anything=broke_anything)


def report_health(run: Cluster, within_ns: int = SECOND_NS) -> HealthReport:
    """Return what was detected, missed and suspected so far. `within_ns` decides only what was missed."""
    probe_ns = run.layout.config.probe_period_ns * MULTIPLIER_MAX
    return examine_health(_facts(run), run.watch.sights, now_ns=run.now_ns, within_ns=within_ns, probe_ns=probe_ns)


def health_settled(run: Cluster) -> Callable[[], bool]:
    """Return a condition for `run.advance`: all views are right. Looks only when something has changed."""
    looked_at = (-1, -1)
    settled = False

    def condition() -> bool:
        nonlocal looked_at, settled
        state = (len(run.world.facts), len(run.watch.sights))
        if state != looked_at:
            looked_at = state
            settled = is_settled(_facts(run), run.watch.views)
        return settled

    return condition


def _facts(run: Cluster) -> Sequence[Fact]:
    """Return what happened to those who are members still: who was removed is asked for nothing, and by nobody."""
    removed = run.removed_nodes()
    if not removed:
        return run.world.facts
    return [each for each in run.world.facts if not (isinstance(each, NodeTurned) and each.node in removed)]


def common_view(run: Cluster, node: NodeId) -> MemberState:
    """Return what most of the other nodes that run hold of a node; the better, where as many hold one as another.

    A node that nobody else could know of is what it is.
    """
    held = Counter(view[node].state for view in run.watch.views.values() if node in view)
    if not held:
        return "down" if run.host(node).is_down else "active"
    most = max(held.values())
    return next(state for state in _BEST_FIRST if held[state] == most)
