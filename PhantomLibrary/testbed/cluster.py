"""A simulated cluster, composed of database, world, clients and those who watch. It is broken and driven by verbs.

Virtual time moves in `advance` alone. What is to happen later by somebody's wish, such as the healing of a fault,
waits on an agenda: an entry is performed when its instant is over, before anything later happens, live and in a
replay alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from threading import get_ident
from typing import Any

import msgspec

from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.node import DatabaseNode
from PhantomLibrary.database.wal import FORMAT_FILE, FORMATTED
from PhantomLibrary.domain import SECOND_NS, Configuration, NodeId, NodeStopped, Observation, ReplicaDigest, ShardId
from PhantomLibrary.domain.sagas import Definition
from PhantomLibrary.errors import InvalidInput, InvalidState, RunEnded
from PhantomLibrary.kernel.exploring import make_scheduler
from PhantomLibrary.kernel.streams import Stream, Streams
from PhantomLibrary.kernel.trace import Sink, Trace
from PhantomLibrary.testbed.armed import ArmedFaults
from PhantomLibrary.testbed.client_transaction import ClientTransaction
from PhantomLibrary.testbed.events import EventTap
from PhantomLibrary.testbed.faults import FaultBook
from PhantomLibrary.testbed.message_kinds import names_of
from PhantomLibrary.testbed.operator import Operator
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.testbed.provider import MachineProvider
from PhantomLibrary.testbed.regional_sessions import RegionalSession, first_home
from PhantomLibrary.testbed.schedule import RunSpec
from PhantomLibrary.testbed.sessions import SessionPool
from PhantomLibrary.testbed.setup import make_cluster_layout, make_topology
from PhantomLibrary.testbed.targets import resolve_nodes
from PhantomLibrary.testbed.turns import Turns
from PhantomLibrary.testbed.usage import UsageSeries
from PhantomLibrary.testbed.watch import Watch
from PhantomLibrary.workloads.recorder import HistoryRecorder
from PhantomLibrary.workloads.workload import Workload
from PhantomLibrary.world.node import NodeHost, NodeState
from PhantomLibrary.world.topology import Topology
from PhantomLibrary.world.world import World

# The bounds of one stretch of an `advance`: a livelock ends in an error that names who is busy.
EVENTS_MAX = 200_000_000
WALL_S_MAX = 1_800.0
_OPEN_EVERY_NS = SECOND_NS  # How far time goes before it is looked whether another thread waits.
_OPEN_TO_OTHERS_EVERY_NS = 5_000_000  # The same once others have come.
_NO_THREAD = 0
_FOREVER_NS = 1 << 62
_CLIENT_PATIENCE_NS = SECOND_NS  # How much longer than the gateway a client waits before it thinks the gateway dead.


class StartedSaga(msgspec.Struct, frozen=True):
    """A saga that an operator has started."""

    definition: Definition
    since_ns: int


class WatchedWorld(World):
    """A world that tells the watch of crashes, which nobody inside can report."""

    watch: Watch
    processes: dict[NodeId, DatabaseNode]

    def crash(self, node: NodeId) -> int:
        bytes_lost = super().crash(node)
        # A process may crash in the middle of a handler; what the rest of that handler says happens nowhere.
        self.processes[node].sink = _say_nothing
        self.watch.observe(NodeStopped(node))
        return bytes_lost


class Cluster:
    """One simulated cluster, its clients, its faults, its time, and all that was seen of it."""

    def __init__(self, spec: RunSpec, *, parts: Parts | None = None, trace_sink: Sink | None = None) -> None:
        self.spec = spec
        topology = make_topology(spec)
        self.layout = make_cluster_layout(spec, topology)
        self.streams = Streams(spec.seed)
        self.scheduler = make_scheduler(spec.order, self.streams)
        self.trace = Trace(trace_sink)
        self.watch = Watch(self.scheduler)
        self.processes: dict[NodeId, DatabaseNode] = {}
        self.events = EventTap(self.watch, self.processes)
        self.parts = parts or Parts()
        self.world = self._make_world(topology, self.events.tapped(self.parts))
        self.recorder = HistoryRecorder(self.scheduler)
        self.watch.invariants.ownership.may_be_late = self.recorder.may_be_late
        patience_ns = self.layout.config.operation_timeout_ns + _CLIENT_PATIENCE_NS
        sql_patience_ns = self.layout.config.statement_timeout_ns + patience_ns
        self.sessions = SessionPool(
            self.world,
            self.layout.nodes,
            timeout_ns=patience_ns,
            sql_timeout_ns=sql_patience_ns,
            regional=None if self.layout.regions is None else RegionalSession,
        )
        self.operator = Operator(self.scheduler, self.sessions, self.recorder, first_home(self.layout))
        self.workloads: dict[str, Workload] = {}
        self.started_sagas: dict[str, StartedSaga] = {}
        self.transactions: dict[str, ClientTransaction] = {}  # The latest of each name.
        self.placements: list[Any] = []  # What operators have asked for, as moves.py keeps it.
        self.reshape_wishes = 0
        self.sample_rows: dict[str, int] = {}  # How many rows the sample tables have that were loaded.
        self.provider: MachineProvider | None = None  # Where the cluster scales.
        self.faults = FaultBook(self.world)
        self.armed = ArmedFaults(self.world, self.events, self.faults, lambda text: resolve_nodes(text, self))
        self.sides: Sequence[Sequence[NodeId]] = ()
        self.ended = ""  # Why this run cannot go on, "" while it can.
        self.lock: Turns = self.parts.turns()
        self._inside = _NO_THREAD  # Which thread changes this cluster.
        self._agenda: list[tuple[int, int, Callable[[], object]]] = []
        self._order = count()
        self.world.start()
        self.usage = UsageSeries(self.scheduler, self.world, self.parts.usage)

    def _make_world(self, topology: Topology, parts: Parts) -> WatchedWorld:
        def spawn(node: NodeId) -> DatabaseNode:
            self.processes[node] = process = DatabaseNode(self.layout, parts, self.events.sink)
            self.events.attend(process)
            return process

        world = WatchedWorld(
            topology,
            scheduler=self.scheduler,
            streams=self.streams,
            trace=self.trace,
            encode=msgspec.json.Encoder().encode,
            cost_ns=parts.cost_ns,
            spawn=spawn,
            kinds=names_of,
        )
        world.watch, world.processes = self.watch, self.processes
        for host in world.nodes.values():
            host.platter.files[FORMAT_FILE] = [FORMATTED]  # Creating a cluster formats each disk.
        return world

    # --- time ------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        return self.scheduler.now_ns

    def plan(self, at_ns: int, action: Callable[[], object]) -> None:
        """Do something when all else of the instant `at_ns` is done."""
        heappush(self._agenda, (at_ns, next(self._order), action))

    def advance(self, to_ns: int, condition: Callable[[], bool] | None = None) -> bool:
        """Let virtual time go on to `to_ns`, or until `condition` holds at the end of an instant; return whether it
        did.

        Raises InvalidInput or InvalidState when something planned makes no sense when its time comes; what else was
        planned stays so. Whatever else breaks this off, an interrupt, a bound or a bug, ends the run for good.
        """
        with self.lock, self.unbroken():
            self.check_alive()
            if to_ns < self.now_ns:
                now, then = self.now_ns / SECOND_NS, to_ns / SECOND_NS
                raise InvalidInput(f"t={then:g}s has passed: virtual time is {now:g}s")
            return self._advance(to_ns, condition)

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        """End the run for good if what is done here is broken off. A request that makes no sense breaks nothing."""
        before, me = self._inside, get_ident()
        assert before in (_NO_THREAD, me), "two threads change one cluster at once"
        self._inside = me
        finished = False
        try:
            yield
            finished = True
        except (InvalidInput, InvalidState):
            finished = True
            raise
        finally:
            self._inside = before
            if not finished and not self.ended:
                self.ended = f"it was cut short at t={self.now_ns / SECOND_NS:.3f}s"

    def _advance(self, to_ns: int, condition: Callable[[], bool] | None) -> bool:
        agenda = self._agenda
        while True:
            due_ns = min(to_ns, agenda[0][0]) if agenda else to_ns
            until_ns = min(due_ns, self.now_ns + self._stretch_ns(condition))
            met = self._run_open(until_ns, condition)
            if self.now_ns < until_ns:
                if met:
                    return True
            elif agenda and agenda[0][0] == until_ns:
                # All that is planned for an instant belongs to it, whether or not the condition holds already: a
                # command that comes next would otherwise overtake it, and a replay, which knows no condition, would
                # not.
                self._do_planned(until_ns)
            elif until_ns == to_ns:
                return met
            if self.lock.is_wanted and self.now_ns < to_ns:
                self._let_others_in()
                if self.now_ns > to_ns:  # These have let time go on, too.
                    return condition is None or condition()

    def _stretch_ns(self, condition: Callable[[], bool] | None) -> int:
        """Return how far time goes before others may come in: that is always between two instants."""
        if self.lock.is_shared:
            return _OPEN_TO_OTHERS_EVERY_NS
        # A condition is looked at between all instants, and at no others as long as nobody else is there: whoever comes
        # then is noticed when it is looked at.
        return _OPEN_EVERY_NS if condition is None else _FOREVER_NS

    def _run_open(self, time_ns: int, condition: Callable[[], bool] | None) -> bool:
        """Let time go on to `time_ns`, until the condition holds, or until a thread waits who is the first of others;
        return whether the condition holds.
        """
        if condition is None or self.lock.is_shared:
            return self._run_until(time_ns, condition)
        met = False

        def is_to_stop() -> bool:
            nonlocal met
            met = condition()
            return met or self.lock.is_wanted

        self._run_until(time_ns, is_to_stop)
        return met

    def _let_others_in(self) -> None:
        """Let threads that wait have their turns. Raises RunEnded when one of them has ended the run."""
        self._inside, me = _NO_THREAD, self._inside
        self.lock.give_way()
        self._inside = me
        self.check_alive()

    def _do_planned(self, due_ns: int) -> None:
        """Do all that is planned for this instant, and only then say what of it made no sense."""
        agenda, errors = self._agenda, []
        while agenda and agenda[0][0] == due_ns:
            try:
                heappop(agenda)[2]()
            except (InvalidInput, InvalidState) as error:
                errors.append(error)
            self._run_until(due_ns)
        if errors:
            raise errors[0]

    def _run_until(self, time_ns: int, condition: Callable[[], bool] | None = None) -> bool:
        return self.scheduler.run_until(time_ns, condition=condition, events_max=EVENTS_MAX, wall_s_max=WALL_S_MAX)

    def check_alive(self) -> None:
        """Raise RunEnded if the run cannot go on."""
        if self.ended:
            raise RunEnded(f"this cluster cannot go on: {self.ended}; start another one")

    # --- what may be asked of a cluster -----------------------------------------------------------------------------

    @property
    def topology(self) -> Topology:
        """Return the machines there are, those that were added included."""
        return self.world.topology

    @property
    def node_names(self) -> list[NodeId]:
        return list(self.world.nodes)

    @property
    def shard_ids(self) -> list[ShardId]:
        """Return the shards that there are, by the newest directory, with shard 0 first."""
        return [each.shard for each in self.directory().shards]

    def descriptor(self, shard: ShardId) -> ShardDescriptor:
        return self.directory().shard(shard)

    def node_state(self, node: NodeId) -> str:
        """Return `joining`, `active`, `paused`, `down`, `decommissioning` or `removed`.

        A member that has crashed is down, whatever its standing; one that was removed stays so. A machine that has not
        been admitted yet is joining.
        """
        standing, state = self.directory().standing(node) or "joining", self.host(node).state
        if standing == "removed" or state is NodeState.UP:
            return standing
        return str(state.value)

    def host(self, node: NodeId) -> NodeHost:
        return self.world.node(node)

    def live_nodes(self) -> list[NodeId]:
        """Return the nodes that are not down, paused ones included, and were not removed."""
        removed = self.removed_nodes()
        return [name for name, host in self.world.nodes.items() if not host.is_down and name not in removed]

    def leader(self, shard: ShardId) -> NodeId:
        """Return the replica that leads a shard in the highest term, "" when none that runs does."""
        return self.watch.leader(shard)

    def configuration(self, shard: ShardId) -> Configuration:
        """Return who the members of a shard are: by the log of its leader, else by the longest one that is seen."""
        states = [state for (of, _), state in self.watch.states.items() if of == shard]
        if not states:
            return Configuration(self.descriptor(shard).voters)
        return max(states, key=lambda each: (each.role == "leader", each.term, each.last_index)).configuration

    def voters(self, shard: ShardId) -> Sequence[NodeId]:
        return self.configuration(shard).voters

    def directory(self) -> Directory:
        """Return the newest directory that a node has."""
        return max((each.membership.directory for each in self.processes.values()), key=lambda each: each.version)

    def saga_keys(self) -> set[str]:
        """Return the keys that sagas of the operator change: these are no registers."""
        return {step.key for saga in self.started_sagas.values() for step in saga.definition.steps}

    def removed_nodes(self) -> list[NodeId]:
        return self.directory().nodes("removed")

    def target_stream(self) -> Stream:
        return self.streams.get("targets")

    def digests(self) -> list[ReplicaDigest]:
        """Return what every replica on a live node holds that is a member of its shard."""
        digests = [digest for node in self.live_nodes() for digest in self.processes[node].digests()]
        return [digest for digest in digests if digest.node in self.configuration(digest.shard).members]


def _say_nothing(_observation: Observation) -> None:
    """The sink of a process that has crashed."""
