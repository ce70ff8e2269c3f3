"""The parts of a workload that may be replaced, so that what measures can be shown to be needed."""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.workloads.clients import Clients
from PhantomLibrary.workloads.keys import Skews
from PhantomLibrary.workloads.load import Shapes


class WorkloadParts(Struct, frozen=True):
    """Constructors, one for each part."""

    clients: type[Clients] = Clients
    shapes: type[Shapes] = Shapes
    skews: type[Skews] = Skews
