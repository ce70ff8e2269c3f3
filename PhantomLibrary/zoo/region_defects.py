"""Defects of regions that share data: overlays of what each of them holds."""

from __future__ import annotations

from PhantomLibrary.database.messages import Command, ShardRequest
from PhantomLibrary.database.regions.messages import ReceiveBatch
from PhantomLibrary.database.regions.service import RegionService
from PhantomLibrary.domain.regions import Batch, Change, Dot
from PhantomLibrary.protocols.replication.table import RegionTable


class GoesByWallClocks(RegionTable):
    """Dates a write as the wall clock says, whatever is here already."""

    def stamp(self, at_ns: int) -> int:
        return at_ns


class HearsNoTimes(RegionService):
    """Lets no change from elsewhere move the clock of its node."""

    def _command(self, request: ShardRequest) -> Command:
        if type(request.operation) is Batch:
            return ReceiveBatch(request.gateway, request.call, request.operation)
        return super()._command(request)


class CollectsTombstonesEarly(RegionTable):
    """Forgets what was deleted as soon as another region has said something."""

    def collect(self) -> None:
        super().collect()
        for key in list(self._graves):
            self._bury(key)

    def is_collectable(self, dot: Dot) -> bool:
        return True


class KeepsTheLastToCome(RegionTable):
    """Merges two versions in the order in which they came."""

    def wins(self, version: Change, other: Change) -> bool:
        return True


class AppliesAgain(RegionTable):
    """Applies a change each time that it comes."""

    def is_next(self, change: Change) -> bool:
        return change.dot.count <= self.vector.get(change.dot.region, 0) + 1 and change.dot.region != self.region
