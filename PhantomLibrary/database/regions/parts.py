"""What a replica needs where each region has a copy of its own; see database/parts.py."""

from __future__ import annotations

from typing import Protocol

from PhantomLibrary.database.regions.machine import RegionMachine
from PhantomLibrary.database.regions.service import RegionService
from PhantomLibrary.protocols.replication.table import RegionTable


class RegionParts(Protocol):
    """Constructors."""

    @property
    def region_machine(self) -> type[RegionMachine]: ...
    @property
    def region_service(self) -> type[RegionService]: ...
    @property
    def regions(self) -> type[RegionTable]: ...
