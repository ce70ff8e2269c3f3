"""The parts from which a cluster is built.

A planted defect replaces an entry, so there is no switch anywhere in the code that it breaks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from PhantomLibrary.database.admission import Admission
from PhantomLibrary.database.autoscaler import Autoscaler
from PhantomLibrary.database.coordinator import Coordinator
from PhantomLibrary.database.costs import handling_cost_ns
from PhantomLibrary.database.gateway import Gateway
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.performer import Performer
from PhantomLibrary.database.regions.administration import RegionKeeper
from PhantomLibrary.database.regions.feed import Feed
from PhantomLibrary.database.regions.gateway import RegionGateway
from PhantomLibrary.database.regions.machine import RegionMachine
from PhantomLibrary.database.regions.service import RegionService
from PhantomLibrary.database.replicas import ReplicaSet
from PhantomLibrary.database.reshaper import Reshaper
from PhantomLibrary.database.resizer import Resizer
from PhantomLibrary.database.saga_host import SagaHost
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.database.sql.hosting import FragmentHost
from PhantomLibrary.database.sql.performing import SqlStatements
from PhantomLibrary.database.sql.runner import PlanRunner
from PhantomLibrary.database.transactions.desk import TransactionDesk
from PhantomLibrary.database.transactions.manager import TransactionManager
from PhantomLibrary.database.wal import WriteAheadLog
from PhantomLibrary.domain.usage import NodeUsage, Reading, usage_between
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.replication.table import RegionTable
from PhantomLibrary.protocols.saga.fences import Fences
from PhantomLibrary.protocols.saga.orchestrator import Orchestrator
from PhantomLibrary.protocols.swim.detector import Detector
from PhantomLibrary.protocols.transactions.committing import Committer
from PhantomLibrary.protocols.transactions.deadlocks import DeadlockDetector
from PhantomLibrary.protocols.transactions.table import TransactionTable
from PhantomLibrary.sql.planning.planning import Planning


class Parts(Struct, frozen=True):
    """Constructors, one for each part that may be replaced; what handling costs, and how usage is reckoned."""

    group: type[Group] = Group
    machine: type[ShardMachine] = ShardMachine
    region_machine: type[RegionMachine] = RegionMachine
    regions: type[RegionTable] = RegionTable
    feed: type[Feed] = Feed
    region_keeper: type[RegionKeeper] = RegionKeeper
    sessions: type[SessionTable] = SessionTable
    performer: type[Performer] = Performer
    wal: type[WriteAheadLog] = WriteAheadLog
    gateway: type[Gateway] = Gateway
    region_gateway: type[RegionGateway] = RegionGateway
    region_service: type[RegionService] = RegionService
    detector: type[Detector] = Detector
    coordinator: type[Coordinator] = Coordinator
    reshaper: type[Reshaper] = Reshaper
    resizer: type[Resizer] = Resizer
    replica_set: type[ReplicaSet] = ReplicaSet
    autoscaler: type[Autoscaler] = Autoscaler
    orchestrator: type[Orchestrator] = Orchestrator
    fences: type[Fences] = Fences
    saga_host: type[SagaHost] = SagaHost
    transactions: type[TransactionTable] = TransactionTable
    desk: type[TransactionDesk] = TransactionDesk
    fragments: type[FragmentHost] = FragmentHost
    runner: type[PlanRunner] = PlanRunner
    sql: type[SqlStatements] = SqlStatements
    manager: type[TransactionManager] = TransactionManager
    committer: type[Committer] = Committer
    deadlocks: type[DeadlockDetector] = DeadlockDetector
    admission: type[Admission] = Admission
    planning: type[Planning] = Planning
    cost_ns: Callable[[Any, int], int] = handling_cost_ns
    usage: Callable[[Reading, Reading], NodeUsage] = usage_between
