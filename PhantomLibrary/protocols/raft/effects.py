"""What a group asks of its host, and the events that come from the host.

The effects of a step are performed in order, one queue a group, so `[Persist(x), Send(y)]` states that x is durable
before y leaves. `Persist` is asynchronous: stepping goes on, what stands behind it waits, and `Persisted(token)`
comes back. Two kinds never wait: `SetDeadline`, and `SendEarly`, which only a leader uses, whose own copy counts
from `Persisted`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import LogEntry, NodeId
from PhantomLibrary.protocols.raft.configuration import Change
from PhantomLibrary.protocols.raft.messages import RaftMessage, Record, Snapshot

# --- effects --------------------------------------------------------------------------------------------------------


class Send(Struct, frozen=True, gc=False):
    to: NodeId
    message: RaftMessage


class SendEarly(Struct, frozen=True, gc=False):
    to: NodeId
    message: RaftMessage


class Persist(Struct, frozen=True, gc=False):
    records: tuple[Record, ...]
    token: int


class Apply(Struct, frozen=True, gc=False):
    """Apply committed entries, which follow those of the last Apply or InstallSnapshot."""

    entries: tuple[LogEntry, ...]


class InstallSnapshot(Struct, frozen=True, gc=False):
    """Replace the state machine's content."""

    snapshot: Snapshot


class ReadReady(Struct, frozen=True, gc=False):
    """These reads may be answered from the state machine as it now is."""

    tokens: tuple[Any, ...]


class Refuse(Struct, frozen=True, gc=False):
    """A proposal or read was not taken: ask `leader`, if known ("" when not)."""

    tokens: tuple[Any, ...]
    leader: NodeId


class TransferFailed(Struct, frozen=True, gc=False):
    """This replica does not hand its leadership to `target`: it never began to, or gave up."""

    target: NodeId
    reason: str


class RefuseChange(Struct, frozen=True, gc=False):
    """A change of the configuration was not begun, and why."""

    token: Any
    reason: str


class GoneQuiet(Struct, frozen=True, gc=False):
    """This leader has stopped its heartbeats: its node speaks for it from now on, until it wakes."""


class Woken(Struct, frozen=True, gc=False):
    """This replica was quiet, and is no more."""


class SetDeadline(Struct, frozen=True, gc=False):
    """Send `DeadlinePassed(name)` after this long plus a random part below `spread_ns`, which the host draws."""

    name: str
    after_ns: int
    spread_ns: int


Effect: TypeAlias = (
    Send
    | SendEarly
    | Persist
    | Apply
    | InstallSnapshot
    | ReadReady
    | Refuse
    | TransferFailed
    | RefuseChange
    | GoneQuiet
    | Woken
    | SetDeadline
)

# --- events that are not messages -----------------------------------------------------------------------------------


class Propose(Struct, frozen=True, gc=False):
    """Replicate a command. Refused with the token if this replica does not lead."""

    token: Any
    command: Any


class Read(Struct, frozen=True, gc=False):
    """Ask for leave to read. Answered by ReadReady or Refuse with the token."""

    token: Any


class TransferLeadership(Struct, frozen=True, gc=False):
    """Hand leadership to `target`. Answered by TransferFailed, or by a leader in a later term."""

    target: NodeId


class ChangeConfiguration(Struct, frozen=True, gc=False):
    """Change who the members are. `since` is the index of the configuration that is to be changed.

    Refused with the token and a reason; what it leads to is seen in the configuration.
    """

    token: Any
    since: int
    change: Change


class Quiesce(Struct, frozen=True, gc=False):
    """The leader's node says that it leads quietly in this term, and that all up to `index` is committed and here."""

    leader: NodeId
    term: int
    index: int


class Awaken(Struct, frozen=True, gc=False):
    """Go on with heartbeats and timers, as before it fell quiet."""


class LeaderSuspected(Struct, frozen=True, gc=False):
    """Nothing is heard of the leader's node: a quiet follower wakes, and soon stands for election."""


class Persisted(Struct, frozen=True, gc=False):
    """All records up to the Persist of this token are durable."""

    token: int


class DiskFull(Struct, frozen=True, gc=False):
    """The disk takes no more records, or takes them again. Those of before are kept and written when it does."""

    is_full: bool


class DeadlinePassed(Struct, frozen=True, gc=False):
    name: str


class PaceCopies(Struct, frozen=True, gc=False):
    """From now on snapshots go to these nodes at so many bytes per second, and to all others as fast as they can."""

    bytes_per_s: tuple[tuple[NodeId, int], ...]


class SnapshotTaken(Struct, frozen=True, gc=False):
    """The state machine saved itself. The log may drop what the snapshot covers."""

    snapshot: Snapshot


Event: TypeAlias = (
    RaftMessage
    | Quiesce
    | Awaken
    | LeaderSuspected
    | Propose
    | Read
    | TransferLeadership
    | ChangeConfiguration
    | Persisted
    | DiskFull
    | DeadlinePassed
    | PaceCopies
    | SnapshotTaken
)
