"""Defects of the autoscaler: what it decides on, what it counts, how nodes leave, and which plan is a plan."""

from __future__ import annotations

from msgspec.structs import replace

from PhantomLibrary.database.autoscaler import Autoscaler
from PhantomLibrary.database.directory import Directory, Member
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import Record
from PhantomLibrary.database.scaling import ScaleStep
from PhantomLibrary.domain import NodeId
from PhantomLibrary.domain.scaling import Decision, ScalingPolicy
from PhantomLibrary.placement.autoscaling import Scale


class FollowsEachSample(Autoscaler):
    """Decides by the newest sample alone, and again as soon as there is another one."""

    def _decide(self, policy: ScalingPolicy, scale: Scale, now_ns: int) -> Decision:
        return super()._decide(replace(policy, window_ns=policy.interval_ns, cooldown_ns=0), scale, now_ns)


class CountsWhoIsThere(Autoscaler):
    """Takes the nodes that are on their way for none: those that are there have to carry it all, so more are needed."""

    def _decide(self, policy: ScalingPolicy, scale: Scale, now_ns: int) -> Decision:
        there = len(self._samples[-1].usages) if self._samples else scale.nodes
        found = super()._decide(policy, replace(scale, nodes=there), now_ns)
        return replace(found, nodes=min(scale.nodes + found.nodes - there, policy.max_nodes))


class SendsAllAway(Autoscaler):
    """Removes nodes that are too many, all at once and as they are, instead of draining one after the other."""

    def _let_leave(self, directory: Directory, node: NodeId) -> None:
        surplus = len(directory.nodes("active")) - directory.scaling.nodes
        leaving = [each for each in directory.members if each.standing == "active"][-surplus:]
        self._host.propose(Record(members=tuple(Member(each.node, "removed", each.number) for each in leaving)))


class TakesAnyPlan(ShardMachine):
    """Takes up plans of the autoscaler whatever the epoch that they go out from."""

    def _scale(self, directory: Directory, step: ScaleStep, index: int) -> Directory:
        before = directory.scaling
        after = super()._scale(directory, replace(step, epoch=before.epoch), index)
        if after.scaling is before or not after.scaling.history:
            return after
        last = replace(after.scaling.history[-1], before=step.epoch)
        return replace(after, scaling=replace(after.scaling, history=(*after.scaling.history[:-1], last)))
