"""Judges how a cluster was scaled: whether it went to and fro, too far, or by plans that were none any more."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Verdict
from PhantomLibrary.database.scaling import Scaled
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.cluster import Cluster


def judge_reversals(cluster: Cluster, window_ns: int | None, reversals_max: int) -> Verdict:
    """Judge whether the autoscaler changed its direction at most so often in any time of that length, which is the
    cool-down unless it is given.
    """
    scaling = cluster.directory().scaling
    assert scaling.policy is not None
    length_ns = scaling.policy.cooldown_ns if window_ns is None else window_ns
    plans = [each for each in scaling.history if each.at_ns]
    turns = [later for before, later in pairwise(plans) if before.kind != later.kind]
    for first in turns:
        near = [each for each in turns if 0 <= each.at_ns - first.at_ns < length_ns]
        if len(near) > reversals_max:
            message = (
                f"the autoscaler changed its direction {len(near)} times within {length_ns / SECOND_NS:g} s, "
                f"from t={first.at_ns / SECOND_NS:.3f}s on, and may {reversals_max} times"
            )
            return Verdict("invalid", "SCL-001", message, _shown(plans), len(plans))
    return Verdict("valid", operations=len(plans), confirmed=len(plans))


def judge_plans(cluster: Cluster, nodes_max: int | None) -> Verdict:
    """Judge whether each plan follows from the one before, none wants more nodes than allowed, by the policy or as
    given, and machines were ordered for the plan in force, and no more of them than it wants.
    """
    scaling, provider = cluster.directory().scaling, cluster.provider
    assert scaling.policy is not None and provider is not None
    most = scaling.policy.max_nodes if nodes_max is None else nodes_max
    wrong = []
    for before, plan in zip((None, *scaling.history), scaling.history, strict=False):
        if before is not None and not before.epoch <= plan.before < plan.epoch:
            wrong.append(f"the plan of epoch {plan.epoch} goes out from epoch {plan.before}, not from {before.epoch}")
        if plan.nodes > most:
            wrong.append(f"the plan of epoch {plan.epoch} wants {plan.nodes} nodes, more than {most}: {plan.reason}")
        if plan.nodes < cluster.directory().replicas:
            wrong.append(f"the plan of epoch {plan.epoch} wants {plan.nodes} nodes, fewer than replicas: {plan.reason}")
    epoch = 0
    for machine in provider.machines:
        if machine.counted > machine.wanted:
            name = machine.spec.name
            wrong.append(f"{name} was ordered as number {machine.counted} of {machine.wanted} in epoch {machine.epoch}")
        if machine.epoch < epoch:
            wrong.append(f"{machine.spec.name} was ordered by epoch {machine.epoch} after epoch {epoch}")
        epoch = max(epoch, machine.epoch)
    staying = len(cluster.directory().nodes("active", "joining"))
    if staying < scaling.nodes and not _can_grow(cluster):
        wrong.append(f"{staying} nodes stay, and there are to be {scaling.nodes}")
    if wrong:
        return Verdict("invalid", "SCL-002", wrong[0], (*wrong[1:EVIDENCE_LINES_MAX], *_shown(scaling.history)))
    return Verdict("valid", operations=len(scaling.history), confirmed=len(scaling.history))


def _can_grow(cluster: Cluster) -> bool:
    """Whether machines are on their way: then there may be fewer nodes than there are to be."""
    assert cluster.provider is not None
    known = {each.node for each in cluster.directory().members}
    scaling = cluster.directory().scaling
    is_new = scaling.epoch > cluster.provider.epoch  # The provider has not even heard of it.
    return is_new or any(not each.is_given_up and each.spec.name not in known for each in cluster.provider.machines)


def _shown(plans: Sequence[Scaled]) -> tuple[str, ...]:
    return tuple(
        f"t={each.at_ns / SECOND_NS:.3f}s epoch {each.epoch}: {each.kind} to {each.nodes} nodes, for {each.reason}"
        for each in plans[-EVIDENCE_LINES_MAX:]
    )
