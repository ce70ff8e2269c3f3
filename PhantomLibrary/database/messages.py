"""What clients, gateways and shards say to each other, and the commands that shards replicate."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.directory import Member
from PhantomLibrary.database.regions.messages import DoneHere, ReceiveBatch, RegionCommand, RegionOutcome, batch_bytes
from PhantomLibrary.database.scaling import ScaleStep
from PhantomLibrary.database.transactions.messages import ShardAnswer, ShardWork
from PhantomLibrary.domain import Act, Answer, Append, Cas, ForgetSagas, KeyOperation, NodeId, Operation, Put, ShardId
from PhantomLibrary.domain.operations import RegionalWrite
from PhantomLibrary.domain.placement import ChangePlacement, MergeShards, SplitShard
from PhantomLibrary.protocols.saga.progress import Move
from PhantomLibrary.protocols.transactions.values import Prepare, TransactionCommand, TransactionId

# --- client and gateway ---------------------------------------------------------------------------------------------


class ClientRequest(Struct, frozen=True, gc=False, array_like=True, tag="client request"):
    """A client process asks for one operation; it has one under way at a time."""

    process: int
    request: int
    operation: Operation


class ClientReply(Struct, frozen=True, gc=False, array_like=True, tag="client reply"):
    process: int
    request: int
    answer: Answer


# --- gateway and shard ----------------------------------------------------------------------------------------------


class ShardRequest(Struct, frozen=True, gc=False, array_like=True, tag="shard request"):
    """One attempt at an operation. `(session, sequence)` is the same at each attempt; session 0 asks for a new one.

    `oldest_call` is the oldest one that its gateway still waits for: all before it have ended.
    """

    shard: ShardId
    gateway: NodeId
    call: int
    attempt: int
    oldest_call: int
    epoch: int
    session: int
    sequence: int
    operation: KeyOperation | ShardWork | None


class Done(Struct, frozen=True, gc=False, array_like=True, tag="done"):
    """It happened, at this attempt or an earlier one. For a new session the value is its number."""

    value: str | None


class NotLeader(Struct, frozen=True, gc=False, array_like=True, tag="not leader"):
    """Ask `leader`, if known. `may_happen`: the attempt was taken up, and its fate is not known here.

    `reason` says why one that might lead does not.
    """

    leader: NodeId
    may_happen: bool
    reason: str = ""


class StaleRoute(Struct, frozen=True, gc=False, array_like=True, tag="stale route"):
    """The shard is at another epoch, that of `descriptor`, or not here. The attempt did not happen.

    With a descriptor it says more, of what goes through the log: no earlier attempt has happened, nor ever will, for
    those are of no later epoch. `heir` is the shard that was split off last.
    """

    descriptor: ShardDescriptor | None = None
    heir: ShardDescriptor | None = None


class Frozen(Struct, frozen=True, gc=False, array_like=True, tag="frozen"):
    """The shard is about to become part of another one, and serves no more. The attempt did not happen."""


class SessionExpired(Struct, frozen=True, gc=False, array_like=True, tag="session expired"):
    """The session is not known any more. This attempt did not happen; whether an earlier one did, nobody knows."""


class Held(Struct, frozen=True, gc=False, array_like=True, tag="held"):
    """A transaction that is prepared holds the key. The attempt did not happen."""

    holder: TransactionId


class Overloaded(Struct, frozen=True, gc=False, array_like=True, tag="overloaded"):
    """The node has more to do than it can. The attempt did not happen; `reason` says what it has waited."""

    reason: str


class Told(Struct, frozen=True, gc=False, array_like=True, tag="told"):
    """The answer to something that a transaction asked."""

    answer: ShardAnswer


Outcome: TypeAlias = Done | NotLeader | StaleRoute | Frozen | SessionExpired | Held | Told | Overloaded | RegionOutcome
SUCCESSES = frozenset((Done, Told, DoneHere))
"""They tell of the call, whichever of its attempts was answered."""


class ShardReply(Struct, frozen=True, gc=False, array_like=True, tag="shard reply"):
    """Answers one attempt: a doubled answer to an earlier attempt says nothing about the present one."""

    shard: ShardId
    call: int
    attempt: int
    outcome: Outcome


# --- nodes, about their quiet shards --------------------------------------------------------------------------------


NEVER = -1


class NodeHeartbeat(Struct, frozen=True, gc=False, array_like=True, tag="node heartbeat"):
    """A sign of life for all shards that the sender leads quietly, with a replica here: (shard, term, last index).

    `silent_ns` is how long ago the sender heard of this node, NEVER if it has not: so nodes that both send heartbeats
    need not answer them.
    """

    source: NodeId
    silent_ns: int
    shards: tuple[tuple[ShardId, int, int], ...]


class NodeHeartbeatReply(Struct, frozen=True, gc=False, array_like=True, tag="node heartbeat reply"):
    """Answers NodeHeartbeat. The shards that are `awake` here are not as the sender takes them to be."""

    source: NodeId
    awake: tuple[ShardId, ...]


# --- commands in a shard's log --------------------------------------------------------------------------------------


class OpenSession(Struct, frozen=True, gc=False, array_like=True, tag="open session"):
    """Begin a session; its number is the index of this command and the shard's (see sessions.py).

    `(gateway, call)` tells who waits for the answer.
    """

    gateway: NodeId
    call: int


class Execute(Struct, frozen=True, gc=False, array_like=True, tag="execute"):
    """Do an operation once. `at_ns` is the leader's wall clock: what `apply` knows of time comes in commands."""

    gateway: NodeId
    call: int
    epoch: int
    session: int
    sequence: int
    at_ns: int
    operation: KeyOperation


class Transact(Struct, frozen=True, gc=False, array_like=True, tag="transact command"):
    """A command of a transaction. `at_ns` is the leader's hybrid logical clock. It may come twice: see protocols/."""

    gateway: NodeId
    call: int
    epoch: int
    at_ns: int
    command: TransactionCommand


class Record(Struct, frozen=True, gc=False, array_like=True, tag="record"):
    """Shard 0's leader writes into the directory what has come about. Nobody waits for an answer.

    `ended` are moves by their numbers, with how they ended; `led` are shards that need no other leader any more. The
    autoscaler's next `step`, and where it wants shards to be, is written down if it does not come too late.
    """

    descriptor: ShardDescriptor | None = None
    members: tuple[Member, ...] = ()
    gateway: NodeId = ""
    call: int = 0
    ended: tuple[tuple[int, str], ...] = ()
    led: tuple[ShardId, ...] = ()
    step: ScaleStep | None = None
    placement: ChangePlacement | None = None


class ExecuteAct(Struct, frozen=True, gc=False, array_like=True, tag="execute act"):
    """Do what an orchestrator of sagas asks for. It is the same however often it comes, so it needs no session."""

    gateway: NodeId
    call: int
    epoch: int
    at_ns: int
    operation: Act | ForgetSagas


class MoveSaga(Struct, frozen=True, array_like=True, tag="move saga"):
    """The orchestrator lets a saga move on from a revision. Nobody waits for an answer."""

    number: int
    revision: int
    moves: tuple[Move, ...]
    gateway: NodeId = ""
    call: int = 0


class AskTask(Struct, frozen=True, array_like=True, tag="ask task"):
    """Shard 0's leader asks for a split or a merge that no operator has asked for. Nobody waits for an answer."""

    wish: SplitShard | MergeShards
    gateway: NodeId = ""
    call: int = 0


class EndTask(Struct, frozen=True, array_like=True, tag="end task"):
    """Shard 0's leader writes into the directory what became of a split or a merge: `done`, or why not.

    When it was done, `left` is what the shard is now that gave keys away or took them over, and `right` the new one.
    """

    number: int
    outcome: str
    left: ShardDescriptor | None = None
    right: ShardDescriptor | None = None
    gateway: NodeId = ""
    call: int = 0


class SplitOff(Struct, frozen=True, array_like=True, tag="split off"):
    """From here on the keys from `key` on belong to shard `new`, unless the shard is at another epoch already."""

    task: int
    epoch: int
    key: str
    new: ShardId
    gateway: NodeId = ""
    call: int = 0


class Freeze(Struct, frozen=True, array_like=True, tag="freeze"):
    """From here on nothing changes and nothing is served, until the shard is taken over or the task refused."""

    task: int
    gateway: NodeId = ""
    call: int = 0


class Absorb(Struct, frozen=True, array_like=True, tag="absorb"):
    """A chunk of a frozen shard's state. With the last one this shard takes over all of it."""

    task: int
    chunk: int
    chunks: int
    content: bytes
    gateway: NodeId = ""
    call: int = 0


class RefuseTask(Struct, frozen=True, array_like=True, tag="refuse task"):
    """This shard has no part in a task from here on: it forgets what it has of it, and serves again if it had stopped.

    A task that has ended here already has ended.
    """

    task: int
    reason: str
    gateway: NodeId = ""
    call: int = 0


class Sweep(Struct, frozen=True, array_like=True, tag="sweep"):
    """Forget the rows from one key to another whose tables were given up by a time, which nobody reads any more. Nobody
    waits for an answer.
    """

    until_ns: int
    first: bytes
    last: bytes
    gateway: NodeId = ""
    call: int = 0


Reshape: TypeAlias = SplitOff | Freeze | Absorb | RefuseTask
Command: TypeAlias = (
    OpenSession
    | Execute
    | Transact
    | Record
    | ExecuteAct
    | MoveSaga
    | AskTask
    | EndTask
    | SplitOff
    | Freeze
    | Absorb
    | RefuseTask
    | RegionCommand
    | Sweep
)

_COMMAND_BYTES = 64  # All but key and value.


def command_bytes(command: Command | None) -> int:
    """Return about how many bytes a command takes in a log, without encoding it."""
    if type(command) is Transact:
        return _COMMAND_BYTES + _work_bytes(command.command)
    if type(command) is Absorb:
        return _COMMAND_BYTES + len(command.content)
    if type(command) is ReceiveBatch:
        return _COMMAND_BYTES + batch_bytes(command.batch)
    if type(command) is not Execute:
        return _COMMAND_BYTES
    operation = command.operation
    kind = type(operation)
    if kind is RegionalWrite:
        operation = operation.operation  # type: ignore[union-attr]
        kind = type(operation)
    if kind is Put or kind is Cas:
        return _COMMAND_BYTES + len(operation.key) + len(operation.value)  # type: ignore[union-attr]
    return _COMMAND_BYTES + len(operation.key) + (len(operation.element) if kind is Append else 0)  # type: ignore[union-attr]


def _work_bytes(work: TransactionCommand) -> int:
    if type(work) is not Prepare:
        return _COMMAND_BYTES
    spans = sum(len(span.start) + len(span.end) for span in work.reads)
    return _COMMAND_BYTES + spans + sum(len(str(write)) for write in work.writes)
