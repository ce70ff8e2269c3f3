"""The parts from which a run is built: those of the database, of the workloads that load it, and its lock."""

from __future__ import annotations

from PhantomLibrary.database.parts import Parts as DatabaseParts
from PhantomLibrary.testbed.turns import Turns
from PhantomLibrary.workloads.clients import Clients
from PhantomLibrary.workloads.keys import Skews
from PhantomLibrary.workloads.load import Shapes
from PhantomLibrary.workloads.parts import WorkloadParts


class Parts(DatabaseParts, frozen=True):
    """Constructors, one for each part that may be replaced."""

    clients: type[Clients] = Clients
    shapes: type[Shapes] = Shapes
    skews: type[Skews] = Skews
    turns: type[Turns] = Turns

    def of_workloads(self) -> WorkloadParts:
        return WorkloadParts(self.clients, self.shapes, self.skews)
