"""What a replica does for gateways while it leads: takes their attempts, has them replicated, and answers.

What it does for transactions beyond that is in transactions/desk.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from PhantomLibrary.database.config import SYSTEM_SHARD, ClusterLayout
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import (
    Command,
    Done,
    Execute,
    ExecuteAct,
    Frozen,
    NotLeader,
    OpenSession,
    Outcome,
    ShardReply,
    ShardRequest,
    Sweep,
    Told,
    Transact,
)
from PhantomLibrary.database.scale_plans import wanted
from PhantomLibrary.database.shard_state import NEVER
from PhantomLibrary.database.sql.hosting import FragmentHost
from PhantomLibrary.database.transactions.desk import READS, TransactionDesk
from PhantomLibrary.database.transactions.messages import LockGranted, ShardWork
from PhantomLibrary.database.transactions.recovery import Finish
from PhantomLibrary.database.wal import WriteAheadLog
from PhantomLibrary.domain import (
    Acknowledged,
    Act,
    Append,
    BeginSaga,
    CancelSaga,
    Cas,
    ChangeMember,
    Delete,
    ForgetSagas,
    Get,
    Increment,
    NodeId,
    Observation,
    Put,
    Remove,
    ShardId,
)
from PhantomLibrary.domain.operations import GetSaga
from PhantomLibrary.domain.placement import PLACEMENT_WISHES
from PhantomLibrary.domain.region_policy import REGION_WISHES, GetRegions, RegionPolicy
from PhantomLibrary.domain.rows import is_global
from PhantomLibrary.domain.scaling import SCALING_WISHES, GetScale
from PhantomLibrary.kernel.process import Env
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.raft.effects import Event, Propose, Read
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.transactions.values import Conflict, Prepare, RaiseFence, TransactionCommand, Undecided

DEADLINE = "service"
_INDEX_BITS = 40
_WRITES = frozenset((Put, Cas, Append, Remove, Increment, Delete, Act))
_OTHERS = (
    PLACEMENT_WISHES | SCALING_WISHES | REGION_WISHES | {type(None), ChangeMember, BeginSaga, CancelSaga, ForgetSagas}
)

_QUESTIONS = frozenset((GetSaga, GetScale, GetRegions))
_to_json = msgspec.json.Encoder().encode


class ServiceParts(Protocol):
    @property
    def desk(self) -> type[TransactionDesk]: ...
    @property
    def fragments(self) -> type[FragmentHost]: ...


class ServiceOwner(Protocol):
    """The node."""

    env: Env
    layout: ClusterLayout
    wal: WriteAheadLog
    clock: HybridClock
    sink: Callable[[Observation], None]

    @property
    def parts(self) -> ServiceParts: ...
    def reply(self, gateway: NodeId, reply: ShardReply) -> None: ...
    def later(self, action: Callable[[Any], object], argument: Any) -> None: ...
    def ask(self, shard: ShardId, work: ShardWork, finish: Finish) -> None: ...
    def transaction_message(self, message: LockGranted) -> None: ...
    def unavailable_nodes(self) -> list[NodeId]: ...
    def show(self, observation: Observation) -> None: ...


class Replica(Protocol):
    """What the service stands on."""

    shard: ShardId
    group: Group
    machine: ShardMachine

    def step(self, event: Event) -> None: ...
    def is_current(self) -> bool: ...


class ShardService:
    """One shard's, on one node. What waits here is given up when leadership is lost."""

    def __init__(self, owner: ServiceOwner, replica: Replica) -> None:
        self._owner = owner
        self._replica = replica
        self.node = owner.env.node
        self.shard = replica.shard
        self.machine = replica.machine
        self.clock = owner.clock
        self.monotonic_ns = owner.env.monotonic_ns
        self._holds_data = replica.shard != SYSTEM_SHARD
        self.operations = 0  # Attempts that were taken here, in whatever term.
        self._waiting: dict[tuple[NodeId, int], int] = {}  # (gateway, call) to its latest attempt
        self.desk: TransactionDesk | None = None  # While this replica leads, and knows all that was decided before.

    @property
    def is_leading(self) -> bool:
        """Whether anybody here may want to know what is applied."""
        return bool(self._waiting) or self.desk is not None

    @property
    def process(self) -> ServiceOwner:
        """Return the node that this belongs to, for whoever listens to what is done here."""
        return self._owner

    @property
    def held_bytes(self) -> int:
        """Return how many bytes are kept here for queries that are under way."""
        return 0 if self.desk is None else self.desk.fragments.bytes

    # --- attempts ---------------------------------------------------------------------------------------------------

    def request(self, request: ShardRequest) -> None:
        """Take one attempt of a gateway."""
        group, desk, operation = self._replica.group, self.desk, request.operation
        self.operations += 1
        if self.machine.epoch == NEVER and group.is_leader:
            self.answer(request, Frozen())
        elif not group.is_leader:
            reason = f"the disk of {self.node} is full" if self._owner.wal.is_full else ""
            self.answer(request, NotLeader(group.leader, may_happen=False, reason=reason))
        elif type(operation) is Get:
            self._replica.step(Read(request))
        elif type(operation) in _WRITES:
            if desk is None or desk.admits(request, operation.key):  # type: ignore[union-attr]
                self._propose(request)
        elif type(operation) in _OTHERS:
            self._propose(request)
        elif type(operation) in _QUESTIONS:
            self._replica.step(Read(request))
        elif desk is not None:
            desk.take(request)
        else:
            self.answer(request, NotLeader("", may_happen=False, reason=f"{self.node} has just been elected"))

    def _propose(self, request: ShardRequest) -> None:
        self._waiting[request.gateway, request.call] = request.attempt
        if self.desk is None:
            self._keep_earlier_promises()
        self._replica.step(Propose(request, self._command(request)))

    def _keep_earlier_promises(self) -> None:
        """Be above the times at which an earlier leader may have served reads, those it did not live to apply too."""
        machine, log = self.machine, self._replica.group.log
        self.clock.observe(machine.transactions.fence_ns)
        applied_index = max(machine.applied_index, log.snapshot_index)
        for entry in log.entries_from(applied_index + 1, log.last_index - applied_index):
            command = entry.command
            if type(command) is Transact and isinstance(command.command, RaiseFence):
                self.clock.observe(command.command.until_ns)

    def _command(self, request: ShardRequest) -> Command:
        operation = request.operation
        if operation is None:
            return OpenSession(request.gateway, request.call)
        at_ns = self.clock.now_ns()
        if isinstance(operation, TransactionCommand):
            return Transact(request.gateway, request.call, request.epoch, at_ns, operation)
        if isinstance(operation, (Act, ForgetSagas)):
            return ExecuteAct(request.gateway, request.call, request.epoch, at_ns, operation)
        return Execute(
            request.gateway,
            request.call,
            request.epoch,
            request.session,
            request.sequence,
            at_ns,
            operation,  # type: ignore[arg-type]  # Questions of transactions do not come here.
        )

    def read_ready(self, tokens: tuple[ShardRequest, ...]) -> None:
        """Leadership was confirmed for these reads. Was it lost since, behind a disk that stood still, another one
        is to answer: what this one knows was right when they came, but its time is over.
        """
        group, desk = self._replica.group, self.desk
        if not group.is_leader:
            self.refuse(tokens, group.leader)
            return
        for request in tokens:
            operation = request.operation
            if type(operation) in READS:
                if desk is not None:
                    desk.serve(request)
                continue
            if type(operation) in _QUESTIONS:
                self.answer(request, Done(self._told(operation)))  # type: ignore[arg-type]
                continue
            assert type(operation) is Get
            if desk is None or desk.shows(request, operation.key):
                outcome = self.machine.read(operation, request.epoch)
                if type(outcome) is Done and self._holds_data:
                    self._owner.sink(Acknowledged(self.node, self.shard, request.epoch, operation.key))
                self.answer(request, outcome)

    def _told(self, question: GetSaga | GetScale | GetRegions) -> str | None:
        """Return what shard 0 has to say of a saga, of its nodes, or of its regions."""
        if isinstance(question, GetRegions):
            policy = self.machine.directory.regions if self.machine.directory is not None else None
            return _to_json(policy).decode() if policy is not None else None
        if isinstance(question, GetScale):
            directory = self.machine.directory
            return _to_json(wanted(directory)).decode() if directory is not None else None
        saga = self.machine.sagas.table.named(question.key)
        return None if saga is None else saga.state

    def refuse(self, tokens: tuple[ShardRequest | None, ...], leader: NodeId) -> None:
        for request in tokens:
            if request is not None:
                self._waiting.pop((request.gateway, request.call), None)
                self.answer(request, NotLeader(leader, may_happen=False))
            elif self.desk is not None:
                self.desk.refused()

    def answer(self, request: ShardRequest, outcome: Outcome) -> None:
        reply = ShardReply(self.shard, request.call, request.attempt, outcome)
        self._owner.reply(request.gateway, reply)

    # --- what happens to the replica --------------------------------------------------------------------------------

    def applied(self, command: Any, outcome: Outcome) -> None:
        """A command took effect here, while this replica leads."""
        attempt = self._waiting.pop((command.gateway, command.call), None)
        if attempt is not None:
            self._show_acknowledged(command, outcome)
            self._owner.reply(command.gateway, ShardReply(self.shard, command.call, attempt, outcome))
        if type(command) is Transact and self.desk is not None:
            self.desk.applied(command, outcome)

    def _show_acknowledged(self, command: Any, outcome: Outcome) -> None:
        """Show that a client is told, unless it took effect before, and is told again."""
        if not self._holds_data:
            return
        machine = self.machine
        if type(command) is Execute:
            if type(outcome) is Done and command.epoch == machine.epoch:
                key = command.operation.key
                self._owner.sink(Acknowledged(self.node, self.shard, machine.epoch, key, machine.applied_index))
            return
        work = command.command if type(command) is Transact and command.epoch == machine.epoch else None
        is_promised = type(outcome) is Told and not isinstance(outcome.answer, (Conflict, Undecided))
        if type(work) is Prepare and is_promised:
            for write in work.writes:
                if not is_global(write.key):  # Which every shard owns.
                    shown = Acknowledged(self.node, self.shard, machine.epoch, write.key, machine.applied_index)
                    self._owner.sink(shown)

    def learn_policy(self, policy: RegionPolicy) -> None:
        """The directory has another policy of regions: where each has a copy of its own, their shards go by it."""

    def reshaped(self) -> None:
        """The shard has other keys or other members, or has stopped to serve."""
        if self.desk is None:
            return
        if self.machine.epoch == NEVER:
            desk, self.desk = self.desk, None
            desk.close(Frozen())
        else:
            self.desk.reshaped()

    def caught_up(self) -> None:
        """All that is committed so far is applied, and this replica leads."""
        if self.desk is not None:
            self.desk.settled()
        elif self._replica.is_current() and self.machine.epoch != NEVER:
            self.desk = self._owner.parts.desk(self, self._owner.layout.config)
            self.desk.begin()

    def end(self, leader: NodeId) -> None:
        """No longer leading: what was proposed may still be committed by the next leader, so say that nobody knows."""
        desk, self.desk = self.desk, None
        if desk is not None:
            desk.end(leader)
        waiting, self._waiting = self._waiting, {}
        for (gateway, call), attempt in waiting.items():
            reply = ShardReply(self.shard, call, attempt, NotLeader(leader, may_happen=True))
            self._owner.reply(gateway, reply)

    def fire(self) -> None:
        """The deadline that the desk asked for has passed."""
        if self.desk is not None:
            self.desk.fire()

    # --- for the desk, which may be in the midst of a step of the group: all that steps it comes after that ----------

    @property
    def term(self) -> int:
        """Return what is another one when this leader's clock says nothing of what was promised before.

        That is so in another term, and when the shard has taken over another one.
        """
        return self._replica.group.term << _INDEX_BITS | self.machine.shape.widened

    @property
    def last_index(self) -> int:
        """Where the log ends, or will when what waits for its batch is appended."""
        return self._replica.group.proposed_index

    @property
    def holds_proposals(self) -> bool:
        return self._replica.group.holds_proposals

    def wake_at(self, at_ns: int) -> None:
        self._owner.env.set_deadline(f"{self.shard}/{DEADLINE}", at_ns)

    def confirm(self, request: ShardRequest) -> None:
        self._owner.later(self._replica.step, Read(request))

    def replicate(self, request: ShardRequest | None, command: TransactionCommand) -> None:
        if request is not None:
            self._owner.later(self._propose, request)
        else:
            self._owner.later(self._replica.step, Propose(None, Transact("", 0, 0, self.clock.now_ns(), command)))

    def sweep(self, command: Sweep) -> None:
        self._owner.later(self._replica.step, Propose(None, command))

    def tell(self, node: NodeId, message: LockGranted) -> None:
        if node == self.node:
            self._owner.later(self._owner.transaction_message, message)
        else:
            self._owner.env.send(node, message)

    def ask(self, shard: ShardId, command: ShardWork, finish: Finish) -> None:
        self._owner.ask(shard, command, finish)

    def work(self, cost_ns: int) -> None:
        self._owner.env.work(cost_ns)

    def host_fragments(self) -> FragmentHost:
        return self._owner.parts.fragments(self, self._owner.layout.config)

    def unavailable_nodes(self) -> list[NodeId]:
        return self._owner.unavailable_nodes()

    def show(self, observation: Observation) -> None:
        self._owner.show(observation)

    def take_again(self, request: ShardRequest) -> None:
        self._owner.later(self.request, request)
