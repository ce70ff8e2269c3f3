"""Defects of who leads, where leaders are wanted in one region."""

from __future__ import annotations

from PhantomLibrary.database.census import HandOver
from PhantomLibrary.database.coordinator import Coordinator
from PhantomLibrary.database.repair import Step
from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.raft.group import Group


class LeavesLeadersWhereTheyAre(Coordinator):
    """Orders no hand-over but those of nodes that leave."""

    def _take(self, step: Step) -> None:
        if not (isinstance(step, tuple) and isinstance(step[1], HandOver) and not step[1].is_urgent):
            super()._take(step)


class TrustsWhoIsBackAtOnce(Group):
    """Takes every follower for one that has followed closely for a while."""

    def is_steady(self, node: NodeId, now_ns: int) -> bool:
        return self.is_leader
