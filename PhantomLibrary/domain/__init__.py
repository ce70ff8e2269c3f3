"""The values that every layer shares: time units, operations of clients, the form of a history, observations.

Rule: values only. All are frozen, and nothing here imports anything of ours but errors.

Words: an *operation* is what a client asks for. Its *history* is made of events, as in Jepsen: `invoke`, then
`ok` (it happened), `fail` (it certainly did not happen and never will) or `info` (nobody knows). After `info`
a client goes on as a new process. All times are virtual, in integer nanoseconds.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.domain.operations import ISOLATION_LEVELS as ISOLATION_LEVELS
from PhantomLibrary.domain.operations import Act as Act
from PhantomLibrary.domain.operations import Append as Append
from PhantomLibrary.domain.operations import Begin as Begin
from PhantomLibrary.domain.operations import BeginSaga as BeginSaga
from PhantomLibrary.domain.operations import CancelSaga as CancelSaga
from PhantomLibrary.domain.operations import Cas as Cas
from PhantomLibrary.domain.operations import Change as Change
from PhantomLibrary.domain.operations import ChangeMember as ChangeMember
from PhantomLibrary.domain.operations import Commit as Commit
from PhantomLibrary.domain.operations import Delete as Delete
from PhantomLibrary.domain.operations import ForgetSagas as ForgetSagas
from PhantomLibrary.domain.operations import Get as Get
from PhantomLibrary.domain.operations import Increment as Increment
from PhantomLibrary.domain.operations import Isolation as Isolation
from PhantomLibrary.domain.operations import KeyOperation as KeyOperation
from PhantomLibrary.domain.operations import Operation as Operation
from PhantomLibrary.domain.operations import Put as Put
from PhantomLibrary.domain.operations import Remove as Remove
from PhantomLibrary.domain.operations import Rollback as Rollback
from PhantomLibrary.domain.operations import SagaPhase as SagaPhase
from PhantomLibrary.domain.operations import SagaState as SagaState
from PhantomLibrary.domain.operations import Scan as Scan
from PhantomLibrary.domain.operations import Sql as Sql
from PhantomLibrary.domain.operations import Statement as Statement
from PhantomLibrary.domain.operations import StepState as StepState
from PhantomLibrary.domain.operations import Transact as Transact
from PhantomLibrary.domain.operations import TransactionOperation as TransactionOperation
from PhantomLibrary.domain.operations import Update as Update
from PhantomLibrary.domain.operations import Where as Where
from PhantomLibrary.domain.operations import Within as Within
from PhantomLibrary.domain.ownership import Acknowledged as Acknowledged
from PhantomLibrary.domain.region_policy import Seen, Vector
from PhantomLibrary.domain.regions import RegionWrote as RegionWrote
from PhantomLibrary.domain.regions import WriteSuperseded as WriteSuperseded
from PhantomLibrary.domain.transactions import TransactionEnded as TransactionEnded
from PhantomLibrary.domain.transactions import TransactionPrepared as TransactionPrepared

MICROSECOND_NS = 1_000
MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000

NodeId: TypeAlias = str
ShardId: TypeAlias = int

# --- what a client learns -------------------------------------------------------------------------------------------


class Ok(Struct, frozen=True, gc=False, array_like=True, tag="ok"):
    """It happened, once. `value` is the result."""

    value: str | None = None


class OkSeen(Ok, frozen=True, gc=False, array_like=True, tag="ok seen"):
    """It happened in some region. What this client does next is not to be answered from before: it has `seen` this.

    `context` is what the key's value covers, for its next write. `values` are all that the key has, where several were
    written that knew nothing of each other; the last one is `value`.
    """

    seen: Seen = ()
    context: Vector = ()
    values: tuple[str, ...] = ()


class Refused(Struct, frozen=True, gc=False, array_like=True, tag="refused"):
    """It did not happen and never will."""

    reason: str


class StatementFailed(Refused, frozen=True, gc=False, array_like=True, tag="statement failed"):
    """A statement of SQL was refused and had no effect. The transaction that it was part of is open as before."""


class OutcomeUnknown(Struct, frozen=True, gc=False, array_like=True, tag="unknown"):
    """It may have happened, or may yet happen."""

    reason: str


Answer: TypeAlias = Ok | Refused | OutcomeUnknown

# --- the history of a run -------------------------------------------------------------------------------------------

EventType: TypeAlias = Literal["invoke", "ok", "fail", "info"]


class HistoryEvent(Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of a history.

    `process` issues one operation at a time and never returns after `info`. `function` is the workload's word:
    read, write, cas, append, add, increment. `value` is what the function takes or returned: on `invoke` the
    argument (`[expected, new]` for cas, None for a read), on `ok` the result (a read's value; otherwise the argument
    again). `node` is the gateway that the client spoke to.
    """

    index: int
    time_ns: int
    process: int
    type: EventType
    function: str
    key: str | None = None
    value: Any = None
    workload: str = ""
    node: NodeId = ""
    error: str = ""


# --- observations: what the database shows to those who watch it ----------------------------------------------------


class LogEntry(Struct, frozen=True, gc=False, array_like=True):
    """One entry of a replicated log. `command` is opaque here; equal entries have equal commands."""

    index: int
    term: int
    command: Any


class Configuration(Struct, frozen=True, gc=False, array_like=True, tag="configuration"):
    """Who the members of a shard are. As the command of an entry it takes force where it stands in the log.

    While `outgoing`, the voters of before, is not empty the configuration is joint, and nothing is decided without a
    majority of each. Learners take data only. `numbers` tells apart the replicas that a shard has had on one node: the
    index of the entry that invited this one, for nodes that have not been members from the beginning on.
    """

    voters: tuple[NodeId, ...]
    outgoing: tuple[NodeId, ...] = ()
    learners: tuple[NodeId, ...] = ()
    numbers: tuple[tuple[NodeId, int], ...] = ()

    @property
    def is_joint(self) -> bool:
        return bool(self.outgoing)

    @property
    def electorate(self) -> tuple[NodeId, ...]:
        """All whose votes count somewhere."""
        if not self.outgoing:
            return self.voters
        return (*self.voters, *(node for node in self.outgoing if node not in self.voters))

    @property
    def members(self) -> tuple[NodeId, ...]:
        return self.electorate + self.learners

    def number_of(self, node: NodeId) -> int:
        """Return the number of the replica on a node that is meant, 0 for one from the beginning."""
        return next((number for name, number in self.numbers if name == node), 0)


Role: TypeAlias = Literal["follower", "candidate", "leader", "learner"]


class ReplicaState(Struct, frozen=True, gc=False):
    """A replica after a change of any of these. `incarnation` counts the node's starts from 1."""

    node: NodeId
    shard: ShardId
    incarnation: int
    term: int
    role: Role
    commit_index: int
    applied_index: int
    last_index: int
    configuration: Configuration


class ReplicaRecovered(Struct, frozen=True, gc=False):
    """A replica came up with this log: a snapshot up to (index, term), then entries. Replaces what was known of it."""

    node: NodeId
    shard: ShardId
    incarnation: int
    snapshot_index: int
    snapshot_term: int
    entries: tuple[LogEntry, ...]


class EntriesStored(Struct, frozen=True, gc=False):
    """A replica put consecutive entries into its log; whatever it held from the first one's index on is gone."""

    node: NodeId
    shard: ShardId
    incarnation: int
    entries: tuple[LogEntry, ...]


class SnapshotInstalled(Struct, frozen=True, gc=False):
    """A replica took over a snapshot up to (index, term).

    Its entries up to `index` are gone; those after it too, unless `keeps_tail`.
    """

    node: NodeId
    shard: ShardId
    incarnation: int
    index: int
    term: int
    keeps_tail: bool


class LogCompacted(Struct, frozen=True, gc=False):
    """A replica dropped its entries up to `index`, which a snapshot of its own now covers."""

    node: NodeId
    shard: ShardId
    incarnation: int
    index: int


MemberState: TypeAlias = Literal["joining", "active", "suspect", "down", "decommissioning", "removed"]


class MemberSeen(Struct, frozen=True, gc=False):
    """A node now holds another one to be in this state, in this incarnation of the member's own counting.

    `accuser` is the node that could not reach it, where it is suspect or down, else "".
    """

    node: NodeId
    incarnation: int
    member: NodeId
    state: MemberState
    member_incarnation: int
    accuser: NodeId


class ReplicaRemoved(Struct, frozen=True, gc=False):
    """A node gave up its replica of a shard, and the data with it: it is a member no more."""

    node: NodeId
    shard: ShardId
    incarnation: int


class NodeStopped(Struct, frozen=True, gc=False):
    """A node crashed: its replicas are gone until they recover."""

    node: NodeId


class DamageFound(Struct, frozen=True, gc=False):
    """A node found that a file of its disk, or a replica (`shard 1`), is not what it was written to be."""

    node: NodeId
    what: str


class DamageRepaired(Struct, frozen=True, gc=False):
    """What was damaged is whole again."""

    node: NodeId
    what: str


class SagaChanged(Struct, frozen=True, gc=False):
    """A node has applied what makes a saga this: `steps` are (name, state), `revision` grows with each change."""

    node: NodeId
    number: int
    name: str
    revision: int
    state: SagaState
    steps: tuple[tuple[str, StepState], ...]
    reason: str


class SagaActed(Struct, frozen=True, gc=False):
    """A replica has applied, at `index`, a step of a saga or its compensation, and that has changed data.

    All replicas of a shard show the same. `amount` is what it added to a number, 0 where it was no number.
    """

    node: NodeId
    shard: ShardId
    index: int
    saga: int
    step: int
    phase: SagaPhase
    key: str
    amount: int


class QueryRan(Struct, frozen=True, gc=False):
    """A gateway has run the plan of a query: how long that took, and what moved between nodes for it."""

    node: NodeId
    took_ns: int
    rows_moved: int
    bytes_moved: int
    shards: int


Observation: TypeAlias = (
    QueryRan
    | TransactionEnded
    | TransactionPrepared
    | Acknowledged
    | ReplicaState
    | ReplicaRecovered
    | EntriesStored
    | SnapshotInstalled
    | LogCompacted
    | ReplicaRemoved
    | MemberSeen
    | NodeStopped
    | DamageFound
    | DamageRepaired
    | SagaChanged
    | SagaActed
    | RegionWrote
    | WriteSuperseded
)


# --- facts: what really happens in the world, which no node may see -------------------------------------------------


class NodeTurned(Struct, frozen=True, gc=False):
    """A node goes on, or does nothing any more: it crashed, or stands still."""

    time_ns: int
    node: NodeId
    is_up: bool


class LinkTurned(Struct, frozen=True, gc=False):
    """Messages from one node can reach another again, or none of them can."""

    time_ns: int
    source: NodeId
    target: NodeId
    is_open: bool


Fact: TypeAlias = NodeTurned | LinkTurned


class ReplicaDigest(Struct, frozen=True, gc=False):
    """What a replica's state machine holds, in one number, after applying up to `applied_index`."""

    node: NodeId
    shard: ShardId
    applied_index: int
    digest: int


class NodeKnowledge(Struct, frozen=True, gc=False):
    """What one node holds the cluster to be.

    `members` are (node, standing, number), `shards` (shard, epoch, voters) as its directory has them; `routes` are the
    epochs that its gateway goes by, `replicas` the numbers of the replicas that it holds, both by shard.
    """

    node: NodeId
    version: int
    members: tuple[tuple[NodeId, str, int], ...]
    shards: tuple[tuple[ShardId, int, tuple[NodeId, ...]], ...]
    routes: tuple[tuple[ShardId, int], ...]
    replicas: tuple[tuple[ShardId, int], ...]
