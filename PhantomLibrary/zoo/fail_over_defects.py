"""Defects of regions that take over from others, and of others that come back."""

from __future__ import annotations

from PhantomLibrary.database.regions.service import RegionService
from PhantomLibrary.domain.regions import Batch, Change
from PhantomLibrary.protocols.replication.entries import Entry
from PhantomLibrary.protocols.replication.table import RegionTable


class DropsWritesOfWhoWasReplaced(RegionTable):
    """Counts what a region has written that takes no writes any more, and does not do it."""

    def _resolve(self, entry: Entry, change: Change) -> None:
        if not self.policy.writable or change.dot.region in self.policy.writable:
            super()._resolve(entry, change)


class AppliesWhatWasFencedOff(RegionTable):
    """Applies what it is sent, whoever sends it."""

    def receive(self, batch: Batch) -> None:
        for change in batch.changes:
            if self.is_next(change):
                self._apply(change)
        super().receive(batch)


class ReplicatesEveryBatch(RegionService):
    """Has every batch replicated, under whichever policy it was sent."""

    def _brings_something(self, batch: Batch) -> bool:
        return bool(batch.changes) or super()._brings_something(batch)
