"""Defects of replicas that move, and of plans by which they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from PhantomLibrary.database.census import Order
from PhantomLibrary.database.coordinator import Coordinator
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import Command, Execute, Outcome
from PhantomLibrary.database.repair import Step
from PhantomLibrary.database.shard_state import decode_keys
from PhantomLibrary.domain import Configuration, Get, NodeId
from PhantomLibrary.domain.placement import ANY_VERSION, ChangePlacement
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.leadership import Leadership


class CopiesNoDeletes(ShardMachine):
    """Leaves out of a copy that keys were deleted."""

    def _key_chunks(self, picks: Callable[[str], bool] | None = None) -> Iterator[bytes]:
        for chunk in super()._key_chunks(picks):
            kept = [(key, [each for each in versions if each[1] is not None]) for key, versions in decode_keys(chunk)]
            yield msgspec.msgpack.encode([each for each in kept if each[1]])


class TakesAnyPlan(ShardMachine):
    """Takes a plan up from whichever version of the directory it was made: whoever made it has looked, after all."""

    def _change_placement(self, plan: ChangePlacement) -> str:
        return super()._change_placement(replace(plan, version=ANY_VERSION))


class ServesAnyEpoch(ShardMachine):
    """Does what requests ask that were sent to the shard as it was before."""

    def apply(self, index: int, command: Command | Configuration | None) -> Outcome | None:
        return super().apply(index, replace(command, epoch=self.epoch) if isinstance(command, Execute) else command)

    def read(self, operation: Get, epoch: int) -> Outcome:
        return super().read(operation, self.epoch)


class LeavesItsLearners(Coordinator):
    """Takes no learner back: one that is not wanted any more stays where it is."""

    def _take(self, step: Step) -> None:
        if isinstance(step, tuple) and isinstance(step[1], Order) and not step[1].change.promoted:
            learners = self._led[step[1].shard].report.configuration.learners
            if step[1].change.removed and set(step[1].change.removed) <= set(learners):
                return
        super()._take(step)


class PromotesAtOnce(Group):
    """Takes every learner for one that has caught up."""

    def learners_caught_up(self) -> tuple[NodeId, ...]:
        return self.configuration.learners if self.is_leader else ()

    def _why_no_promotion(self, leadership: Leadership, promoted: tuple[NodeId, ...]) -> str:
        return ""
