"""What the manager of transactions asks of the node that it stands on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from PhantomLibrary.database.config import ClusterLayout
from PhantomLibrary.database.gateway import Gateway
from PhantomLibrary.database.sql.performing import SqlStatements
from PhantomLibrary.database.sql.runner import PlanRunner
from PhantomLibrary.domain import Observation, ShardId
from PhantomLibrary.kernel.process import Env
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.transactions.committing import Committer
from PhantomLibrary.protocols.transactions.deadlocks import DeadlockDetector
from PhantomLibrary.sql.planning.planning import Planning


class ManagerParts(Protocol):
    @property
    def committer(self) -> type[Committer]: ...
    @property
    def runner(self) -> type[PlanRunner]: ...
    @property
    def deadlocks(self) -> type[DeadlockDetector]: ...
    @property
    def planning(self) -> type[Planning]: ...
    @property
    def sql(self) -> type[SqlStatements]: ...


class ManagerHost(Protocol):
    """The node."""

    env: Env
    layout: ClusterLayout
    gateway: Gateway
    clock: HybridClock

    @property
    def parts(self) -> ManagerParts: ...
    def later(self, action: Callable[[Any], object], argument: Any) -> None: ...
    def show(self, observation: Observation) -> None: ...
    def leaderships(self) -> tuple[tuple[ShardId, int], ...]: ...
