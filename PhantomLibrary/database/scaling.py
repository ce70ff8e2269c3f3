"""How many nodes a cluster is to have, as the directory keeps it: the policy, the present plan and the plans before it.

Each change begins another epoch, the index of its command, and names the one that it goes out from: whoever decided by
an earlier one is late, and changes nothing. Nodes leave one at a time, and only as long as enough stay.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from PhantomLibrary.domain import NodeId
from PhantomLibrary.domain.scaling import Kind, ScaleTo, ScalingPolicy, SetScaling
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.placement.autoscaling import check_nodes, check_policy

_HISTORY_MAX = 64


class Scaled(Struct, frozen=True, array_like=True):
    """A plan that was taken up: how many nodes there are to be, by which decision, in which epoch and when.

    `before` is the epoch that it went out from; the time is that of the meters of whoever decided, 0 by an operator.
    """

    epoch: int
    before: int
    nodes: int
    kind: Kind
    reason: str
    at_ns: int


class Scaling(Struct, frozen=True, array_like=True):
    """`policy` None means that nobody scales. `asked` is the latest wish of an operator that was granted."""

    policy: ScalingPolicy | None = None
    nodes: int = 0
    epoch: int = 0
    asked: str = ""
    history: tuple[Scaled, ...] = ()

    @property
    def is_planned(self) -> bool:
        """Whether the number of nodes is a plan's, rather than that with which the policy began."""
        return bool(self.history) and self.history[-1].epoch == self.epoch

    @property
    def decided_ns(self) -> int | None:
        """Return when the autoscaler decided on the present plan, None when it is not of its making."""
        return self.history[-1].at_ns or None if self.is_planned else None


NO_SCALING = Scaling()


class ScaleStep(Struct, frozen=True, gc=False, array_like=True):
    """What the autoscaler does next by the plan of an epoch: another plan, or nodes that leave."""

    epoch: int
    nodes: int = 0
    kind: Kind = "no_action"
    reason: str = ""
    at_ns: int = 0
    leaving: NodeId = ""


def why_not_policy(policy: ScalingPolicy, replicas: int) -> str:
    """Return why nobody can scale by a policy, "" when one can."""
    try:
        check_policy(policy, replicas)
    except InvalidInput as refused:
        return str(refused)
    return ""


def with_policy(scaling: Scaling, wish: SetScaling, *, nodes: int, index: int) -> Scaling:
    """Return the scaling by a policy that makes sense, which begins with as many nodes as there are."""
    return replace(scaling, policy=wish.policy, nodes=nodes, epoch=index, asked=wish.key)


def why_not_nodes(scaling: Scaling, nodes: int) -> str:
    """Return why there cannot be so many nodes, "" when there can."""
    if scaling.policy is None:
        return "there is no policy of scaling that says how many nodes there may be"
    try:
        check_nodes(scaling.policy, nodes)
    except InvalidInput as refused:
        return str(refused)
    return ""


def with_nodes(scaling: Scaling, wish: ScaleTo, *, index: int) -> Scaling:
    """Return the scaling with as many nodes as an operator wants."""
    kind: Kind = "scale_up" if wish.nodes > scaling.nodes else "scale_down"
    if wish.nodes == scaling.nodes:
        return replace(scaling, asked=wish.key)
    plan = Scaled(index, scaling.epoch, wish.nodes, kind, f"{wish.key} wants {wish.nodes} nodes", 0)
    return _planned(replace(scaling, asked=wish.key), plan)


def with_plan(scaling: Scaling, step: ScaleStep, *, index: int) -> Scaling:
    """Return the scaling by another plan of the autoscaler."""
    return _planned(scaling, Scaled(index, step.epoch, step.nodes, step.kind, step.reason, step.at_ns))


def _planned(scaling: Scaling, plan: Scaled) -> Scaling:
    history = (*scaling.history, plan)[-_HISTORY_MAX:]
    return replace(scaling, nodes=plan.nodes, epoch=plan.epoch, history=history)
