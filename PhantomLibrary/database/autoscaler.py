"""The autoscaler at work: what the leader of shard 0 does, while it leads, for the number of nodes.

It asks all nodes for their meters, lets the policy decide (`placement/autoscaling.py`), and writes each decision into
the directory, as the plan of another epoch. Machines are not its business: their provider asks for the plan. Where
there are too many nodes it lets one leave at a time, which is drained like any other; where nothing else is under way,
it spreads shards over the nodes there are.

It keeps nothing that matters: another leader measures anew, and waits for the cool-down as if the plan had just been
made. Times are those of the meters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Protocol

from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.messages import Record
from PhantomLibrary.database.metering import Metering, ShardLoad
from PhantomLibrary.database.scale_plans import snapshot_of, staying, who_leaves, why_not_leave
from PhantomLibrary.database.scaling import ScaleStep, Scaling
from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.domain.placement import ChangePlacement, MoveWish
from PhantomLibrary.domain.scaling import Decision, ScalingPolicy
from PhantomLibrary.placement.autoscaling import Sample, Scale, decide
from PhantomLibrary.placement.rebalancing import plan
from PhantomLibrary.placement.snapshot import Plan, Snapshot
from PhantomLibrary.placement.strategies import plan_by_ring

_SAMPLES_MAX = 512
_LONG_AGO_NS = -(1 << 62)


class AutoscalerHost(Protocol):
    """The node that an autoscaler stands on."""

    @property
    def metering(self) -> Metering: ...
    @property
    def config(self) -> DatabaseConfig: ...
    def monotonic_ns(self) -> int: ...
    def propose(self, command: Record) -> None: ...
    def unavailable(self) -> Collection[NodeId]: ...
    def leaders(self) -> dict[ShardId, NodeId]: ...


class Autoscaler:
    """One term of one autoscaler."""

    def __init__(self, host: AutoscalerHost) -> None:
        self._host = host
        self._samples: deque[Sample] = deque(maxlen=_SAMPLES_MAX)
        self._due_ns = 0
        self._epoch = -1
        self._decided_ns = 0
        self.latest: Decision | None = None
        self.problem = ""  # Why a node that is to leave does not, "" where none is, or nothing stands in its way.

    def look(self, directory: Directory) -> int:
        """Do what is due; return when to look again, 0 when nobody scales."""
        policy = directory.scaling.policy
        if policy is None:
            return 0
        now_ns = self._host.monotonic_ns()
        if self._due_ns <= now_ns:
            self._due_ns = now_ns + policy.interval_ns
            self._evaluate(directory, policy)
        return self._due_ns

    def _evaluate(self, directory: Directory, policy: ScalingPolicy) -> None:
        metering, scaling = self._host.metering, directory.scaling
        metering.ask(directory.nodes("active"))
        now_ns = metering.now_ns()
        if scaling.epoch != self._epoch:
            self._decided_ns = self._when_decided(scaling, now_ns)
            self._epoch = scaling.epoch
        self._measure(directory, policy)
        self.latest = found = self._decide(policy, Scale(scaling.nodes, self._decided_ns), now_ns)
        if found.kind != "no_action":
            self._host.propose(Record(step=ScaleStep(scaling.epoch, found.nodes, found.kind, found.reason, now_ns)))
        else:
            self._carry_out(directory)

    def _when_decided(self, scaling: Scaling, now_ns: int) -> int:
        """Return when the present plan was made. Of one by an operator, or a leader before, that is not known here: by
        now it was.
        """
        if not scaling.is_planned:
            return _LONG_AGO_NS
        return now_ns if self._epoch < 0 or scaling.decided_ns is None else scaling.decided_ns

    def _measure(self, directory: Directory, policy: ScalingPolicy) -> None:
        """Take a sample of the latest time for which all nodes are known, if it is another one than the last.

        Some answer later than others, this node itself at once; a sum in which some are missing would be too small. One
        that is not heard of any more counts for nothing.
        """
        metering, away = self._host.metering, self._host.unavailable()
        nodes = [node for node in directory.nodes("active") if node not in away]
        if not nodes or any(metering.latest(node) is None for node in nodes):
            return
        taken_ns = min(metering.taken_ns(node) for node in nodes)
        if self._samples and taken_ns <= self._samples[-1].taken_ns:
            return
        usages = [metering.usage(node, policy.interval_ns, taken_ns) for node in nodes]
        if any(usages):
            self._samples.append(Sample(taken_ns, tuple(each for each in usages if each is not None)))

    def _decide(self, policy: ScalingPolicy, scale: Scale, now_ns: int) -> Decision:
        return decide(policy, scale, self._samples, now_ns)

    # --- what a plan needs to come about ------------------------------------------------------------------------------

    def _carry_out(self, directory: Directory) -> None:
        """Let a node leave that is one too many, or spread shards over the nodes that stay."""
        self.problem = ""
        node = who_leaves(directory)
        if node:
            self._let_leave(directory, node)
        elif self._is_settled(directory):
            self._balance(directory)

    def _let_leave(self, directory: Directory, node: NodeId) -> None:
        away = self._host.unavailable()
        self.problem = f"{sorted(away)[0]} does not answer" if away else self._why_not_leave(directory, node)
        if not self.problem:
            self._host.propose(Record(step=ScaleStep(directory.scaling.epoch, leaving=node)))

    def _why_not_leave(self, directory: Directory, node: NodeId) -> str:
        return "" if directory.standing(node) == "joining" else why_not_leave(directory, node)

    def _is_settled(self, directory: Directory) -> bool:
        """Whether all nodes are there, all shards are whole, and nothing moves."""
        active = directory.nodes("active")
        return (
            active == staying(directory)
            and not directory.nodes("decommissioning")
            and not directory.moves.is_busy
            and not self._host.unavailable()
            and all(each.voters and not each.learners and set(each.voters) <= set(active) for each in directory.shards)
        )

    def _balance(self, directory: Directory) -> None:
        loads = [each for node in directory.nodes("active") for each in self._loads(node)]
        snapshot = snapshot_of(directory, self._host.leaders(), {each.shard: each.bytes for each in loads})
        found = self._plan(snapshot)
        if found.is_empty:
            return
        moves = tuple(MoveWish(each.shard, each.source, each.target, each.bytes) for each in found.moves)
        leaders = tuple((each.shard, each.target) for each in found.transfers)
        key = f"autoscaler {directory.version}"
        self._host.propose(Record(placement=ChangePlacement(key, directory.version, moves, leaders)))

    def _plan(self, snapshot: Snapshot) -> Plan:
        config = self._host.config
        if config.placement == "consistent-hash":
            return plan_by_ring(snapshot, virtual_nodes=config.virtual_nodes)
        return plan(snapshot)

    def _loads(self, node: NodeId) -> tuple[ShardLoad, ...]:
        meters = self._host.metering.latest(node)
        return meters.shards if meters is not None else ()
